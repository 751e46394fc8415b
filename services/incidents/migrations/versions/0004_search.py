"""What a search and a look at a past moment need."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MODES = ("actual", "exercise")


def upgrade() -> None:
    """Bring the tables to this form."""
    _items()
    _turns()
    if op.get_bind().dialect.name == "sqlite":
        for mode in MODES:
            op.execute(
                f"CREATE VIRTUAL TABLE terms_{mode} USING fts5"
                "(terms, tokenize='ascii', detail=none, columnsize=0)"
            )
    else:
        _terms()


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("mode", sa.String(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("about", "owner")),
        sa.Column("author", sa.String()),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("level", "named", "broken")),
        sa.Column("tagged", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("occurred", sa.BigInteger(), nullable=False),
        sa.Column("latitude", sa.Double()),
        sa.Column("longitude", sa.Double()),
        sa.Column("corrected_by", sa.String()),
    )
    op.create_table(
        "words",
        *(sa.Column(name, sa.String(), primary_key=True) for name in ("mode", "circle", "word")),
        sqlite_with_rowid=False,
    )


def _turns() -> None:
    op.create_table(
        "turns",
        *(sa.Column(name, sa.String(), primary_key=True) for name in ("mode", "id", "watch")),
        sa.Column("sequence", sa.BigInteger(), primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("since", "until")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("state", "level", "named")),
    )
    open_ = sa.text("state <> 'closed'")
    columns = ["mode", "until", "since"]
    op.create_index("turns_open", "turns", columns, sqlite_where=open_, postgresql_where=open_)


def _terms() -> None:
    op.create_table(
        "terms",
        sa.Column("mode", sa.String(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True),
        sa.Column("terms", postgresql.ARRAY(sa.Integer()), nullable=False),
    )
    op.create_index("terms_gin", "terms", ["terms"], postgresql_using="gin")
    op.execute("ALTER INDEX terms_gin SET (gin_pending_list_limit = 8192)")
