"""The trees over each watch's facts, made from the facts that are there, and signed checkpoints."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.incidents.tree import TILE_LEVEL, Edge, leaf_hash

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PAGE = 1000


def upgrade() -> None:
    """Bring the tables to this form."""
    op.create_index("facts_watch", "facts", ["mode", "watch", "sequence"])
    trees = op.create_table(
        "trees",
        *_key("mode", "watch"),
        *_numbers("size"),
        sa.Column("edge", sa.LargeBinary(), nullable=False),
    )
    nodes = op.create_table(
        "tree_nodes",
        *_key("mode", "watch"),
        sa.Column("level", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        *_numbers("last"),
    )
    op.create_table(
        "checkpoints",
        *_key("mode", "watch"),
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_numbers("size"),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("root", "signature")),
    )
    _plant(op.get_bind(), trees, nodes)


def _plant(connection: sa.Connection, trees: sa.Table, nodes: sa.Table) -> None:
    edges: dict[tuple[str, str], Edge] = {}
    for mode, sequence, watch, raw in _facts(connection):
        edge = edges.setdefault((mode, watch), Edge())
        for level, place, hash in edge.grow(leaf_hash(raw), TILE_LEVEL):
            node = {"level": level, "place": place, "hash": hash, "last": sequence}
            connection.execute(sa.insert(nodes), {"mode": mode, "watch": watch, **node})
    for (mode, watch), edge in edges.items():
        row = {"mode": mode, "watch": watch, "size": edge.size, "edge": edge.packed()}
        connection.execute(sa.insert(trees), row)


def _facts(connection: sa.Connection) -> Any:
    """Every fact in the order of its mode's ledger."""
    query = sa.text(
        "SELECT mode, sequence, watch, raw FROM facts WHERE (mode, sequence) > (:mode, :sequence)"
        " ORDER BY mode, sequence LIMIT :most"
    )
    mode, sequence = "", 0
    while page := connection.execute(query, {"mode": mode, "sequence": sequence, "most": _PAGE}).all():
        for row in page:
            yield row.mode, row.sequence, row.watch, bytes(row.raw)
        mode, sequence = page[-1].mode, page[-1].sequence


def _key(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(), primary_key=True) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
