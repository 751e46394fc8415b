"""Blinded heads of neighbours' logs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this form."""
    op.create_table(
        "kept_heads",
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("head", sa.String, nullable=False),
    )
