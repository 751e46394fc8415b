"""The first tables of notifications."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this form."""
    op.create_table(
        "chain",
        sa.Column("chain", sa.String(), primary_key=True),
        *_texts("mode", "org", "owner", "incident", "watch", "item"),
        _moment("started_at"),
        *_texts("outcome"),
        _moment("ended_at", nullable=True),
    )
    op.create_table(
        "delivery",
        sa.Column("delivery", sa.String(), primary_key=True),
        *_texts("chain", "person", "function"),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("step", "attempt")),
        _moment("begun_at"),
        sa.Column("done", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "link",
        sa.Column("secret_hash", sa.String(), primary_key=True),
        *_texts("chain", "person", "watch"),
    )
    op.create_table(
        "contact",
        sa.Column("person", sa.String(), primary_key=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        _moment("sequence"),
    )
    op.create_table(
        "done",
        sa.Column("mode", sa.String(), primary_key=True),
        sa.Column("fact", sa.String(), primary_key=True),
    )
    for name, column in (
        ("chain", "incident"),
        ("chain", "watch"),
        ("chain", "outcome"),
        ("delivery", "chain"),
        ("delivery", "done"),
        ("link", "chain"),
    ):
        op.create_index(f"ix_{name}_{column}", name, [column])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _moment(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)
