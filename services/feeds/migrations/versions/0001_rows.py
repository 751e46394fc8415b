"""The first tables: rows, items, incidents, who may share with whom, and the places in ledger and feeds."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rows",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("subscriber", sa.String, primary_key=True),
        sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("fact", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("rows_fact", "rows", ["mode", "fact"])
    op.create_index("rows_at", "rows", ["mode", "subscriber", "at"])
    op.create_table(
        "items",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("fact", sa.String, primary_key=True),
        sa.Column("record", sa.JSON, nullable=False),
    )
    op.create_table(
        "heads",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("incident", sa.String, primary_key=True),
        sa.Column("fact", sa.String, nullable=False),
        sa.Column("ref", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
    )
    op.create_table(
        "newest",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("subscriber", sa.String, primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "directory",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("fact", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "epochs",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("epoch", sa.String, nullable=False),
        sa.Column("ledger_epoch", sa.Integer, nullable=False),
    )
    op.create_table(
        "cursor",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )
