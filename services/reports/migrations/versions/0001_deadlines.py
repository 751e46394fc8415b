"""The first table of reports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXTS = ("mode", "org", "owner", "wheel", "watch")


def upgrade() -> None:
    """Bring the tables to this form."""
    op.create_table(
        "deadline",
        sa.Column("deadline", sa.String(), primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("reminded", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_deadline_wheel", "deadline", ["wheel"])
