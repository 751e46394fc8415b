"""Attached files: which there are, and the second copy of their bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this form."""
    op.create_table(
        "files",
        *(sa.Column(name, sa.String(), primary_key=True) for name in ("mode", "fact", "sort")),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("erased", "missing")),
    )
    missing = sa.text("missing")
    op.create_index("files_missing", "files", ["mode"], sqlite_where=missing, postgresql_where=missing)
    op.create_index("files_object", "files", ["mode", "object"])
    op.create_table(
        "file_parts",
        *(sa.Column(name, sa.String(), primary_key=True) for name in ("mode", "object")),
        sa.Column("number", sa.Integer(), primary_key=True),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("digest", "data")),
    )
