"""Which incident an item hangs on, so that all of one can be found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PAGE = 500


def upgrade() -> None:
    """Bring the tables to this form."""
    op.add_column("items", sa.Column("incident", sa.String, nullable=True))
    op.create_index("items_incident", "items", ["mode", "incident"])
    names = ("mode", "fact", "incident")
    items = sa.table("items", *(sa.column(name, sa.String) for name in names), sa.column("record", sa.JSON))
    connection, after = op.get_bind(), ("", "")
    query = sa.select(items.c.mode, items.c.fact, items.c.record).order_by(items.c.mode, items.c.fact)
    key = sa.tuple_(items.c.mode, items.c.fact)
    while page := connection.execute(query.where(key > sa.tuple_(*after)).limit(_PAGE)).all():
        for row in page:
            this = sa.and_(items.c.mode == row.mode, items.c.fact == row.fact)
            values = {"incident": row.record.get("incident")}
            connection.execute(sa.update(items).where(this).values(**values))
        after = (page[-1].mode, page[-1].fact)
