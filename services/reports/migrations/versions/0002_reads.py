"""The log of reads of reports."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this form."""
    needed = ("mode", "read_at", "watch", "via", "what", "owner", "report", "incident", "item")
    op.create_table(
        "reads",
        sa.Column("position", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in needed),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=True) for name in ("person", "machine", "reason")),
    )
    op.create_index("reads_report", "reads", ["mode", "report"])
    op.create_index("reads_incident", "reads", ["mode", "incident"])
    ends = op.create_table(
        "read_ends",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("former_hash", sa.LargeBinary(), nullable=False),
    )
    row = {"id": 1, "position": 0, "chain_hash": bytes(32), "first": 1, "former_hash": bytes(32)}
    op.bulk_insert(ends, [row])
