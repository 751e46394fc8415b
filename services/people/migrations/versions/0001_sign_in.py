"""The first tables of people: links, sessions and machine tokens, by the hash of their secret."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this form."""
    op.create_table(
        "links",
        *_common(),
        _text("person"),
        sa.Column("spent_at", sa.BigInteger()),
        sa.Column("spent_by", sa.String()),
    )
    op.create_table("sessions", *_common(), _text("person"))
    op.create_table("tokens", *_common(), _text("machine"), _text("place"), _text("scope"))
    for table, owner in (("links", "person"), ("sessions", "person"), ("tokens", "machine")):
        op.create_index(f"ix_{table}_{owner}", table, [owner])


def _common() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("command", sa.String(), nullable=False, unique=True),
        _text("mode"),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
    ]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)
