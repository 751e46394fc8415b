"""Who answers for an incident, for whom its glass was broken, and its case numbers elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this form."""
    with op.batch_alter_table("incidents") as batch:
        batch.add_column(sa.Column("responsible", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("broken", sa.String(), nullable=False, server_default="[]"))
    op.execute("UPDATE incidents SET responsible = watch")
    with op.batch_alter_table("incidents") as batch:
        batch.alter_column("responsible", server_default=None)
        batch.alter_column("broken", server_default=None)
    op.create_table(
        "case_references",
        sa.Column("mode", sa.String(), primary_key=True),
        sa.Column("fact", sa.String(), primary_key=True),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("watch", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("number", sa.String()),
    )
    op.create_index("case_references_number", "case_references", ["mode", "system", "number"])
