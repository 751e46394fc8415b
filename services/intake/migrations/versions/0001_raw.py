"""The first table: official messages as they were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "raw",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("fetched_at", sa.String, nullable=False),
        sa.Column("recorded_at", sa.String, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
    )
