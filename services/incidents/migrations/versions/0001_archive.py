"""The first tables of the archive."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this form."""
    _copies()
    _projections()
    _notes()


def _copies() -> None:
    """The ledger's facts, their content, their chains, and how far the ledger was read."""
    op.create_table(
        "facts",
        *_key("mode", sequence=sa.BigInteger()),
        sa.Column("epoch", sa.Integer(), nullable=False),
        *_texts("id", "about", nullable=True),
        *_texts("subject"),
        *_hashes("raw", "digest"),
        *_texts("watch", "controller"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *_hashes("chain_hash"),
    )
    op.create_index("facts_id", "facts", ["mode", "id"], unique=True)
    op.create_index("facts_about", "facts", ["mode", "about"])
    op.create_table(
        "content",
        *_key("mode", "fact"),
        *_texts("watch", "sort"),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("raised", "erased", "missing")),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        *_hashes("commitment"),
        sa.Column("sealed", sa.LargeBinary()),
    )
    missing = sa.text("missing")
    op.create_index("content_missing", "content", ["mode"], sqlite_where=missing, postgresql_where=missing)
    op.create_table(
        "chains",
        *_key("mode", "watch", "controller"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *_hashes("chain_hash"),
    )
    op.create_table(
        "cursor",
        *_key("mode"),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        *_texts("digest"),
    )


def _projections() -> None:
    """What is looked up: heads, running numbers, and who is who."""
    op.create_table(
        "incidents",
        *_key("mode", "id", "watch"),
        *_texts("fact"),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        *_texts("ref"),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *_texts("controller", "state", "type", "priority", "level", "tags", "named", "municipalities"),
        *_texts("occurred_at", "recorded_at"),
    )
    op.create_index("incidents_ref", "incidents", ["mode", "ref"])
    op.create_index("incidents_sequence", "incidents", ["mode", "sequence"])
    op.create_index("incidents_number", "incidents", ["mode", "watch", "year", "number"])
    op.create_table(
        "numbers", *_key("mode", "watch", year=sa.Integer()), sa.Column("last", sa.Integer(), nullable=False)
    )
    op.create_table("standing", *_key("mode", sequence=sa.BigInteger()))


def _notes() -> None:
    """What could not be taken in, what is to be erased, and who read."""
    op.create_table(
        "parked",
        *_key("mode", sequence=sa.BigInteger()),
        *_texts("code", "stream"),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "erasures",
        *_key("mode", "fact"),
        *_texts("watch"),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        *_texts("erased_at"),
        *_texts("done_at", nullable=True),
    )
    op.create_table(
        "reads",
        sa.Column("id", sa.Integer(), primary_key=True),
        *_texts("mode", "read_at", "watch"),
        *_texts("person", "machine", nullable=True),
        *_texts("via", "what", "incident", "item"),
    )


def _key(*texts: str, **numbers: sa.Integer) -> list[sa.Column[Any]]:
    columns: list[sa.Column[Any]] = [sa.Column(name, sa.String(), primary_key=True) for name in texts]
    return columns + [sa.Column(name, sort, primary_key=True) for name, sort in numbers.items()]


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=nullable) for name in names]


def _hashes(*names: str) -> list[sa.Column[bytes]]:
    return [sa.Column(name, sa.LargeBinary(), nullable=False) for name in names]
