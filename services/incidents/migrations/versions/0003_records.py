"""The log of reads bound in a chain, with reasons; when incidents were acknowledged and closed."""

import hashlib
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_FIELDS = ("mode", "read_at", "watch", "person", "machine", "via", "what", "incident", "item", "reason")


def upgrade() -> None:
    """Add the columns, and fill them from what is there."""
    for name in ("acknowledged_at", "closed_at"):
        op.add_column("incidents", sa.Column(name, sa.String(), nullable=True))
    _date_incidents()
    op.add_column("reads", sa.Column("reason", sa.String(), nullable=True))
    op.add_column("reads", sa.Column("position", sa.BigInteger(), nullable=True))
    op.add_column("reads", sa.Column("chain_hash", sa.LargeBinary(), nullable=True))
    position, link = _bind_reads()
    with op.batch_alter_table("reads") as batch:
        batch.alter_column("position", nullable=False)
        batch.alter_column("chain_hash", nullable=False)
    op.create_index("reads_incident", "reads", ["mode", "incident"])
    op.create_index("reads_position", "reads", ["position"])
    ends = op.create_table(
        "read_ends",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("former_hash", sa.LargeBinary(), nullable=False),
    )
    row = {"id": 1, "position": position, "chain_hash": link, "first": 1, "former_hash": bytes(32)}
    op.bulk_insert(ends, [row])


def _date_incidents() -> None:
    """When each incident was first acknowledged, and closed if it is."""
    connection = op.get_bind()
    wanted = sa.text(
        "SELECT mode, watch, about, subject, raw FROM facts WHERE id IS NOT NULL AND "
        "(subject LIKE '%.state_changed' OR subject LIKE '%.acknowledged') ORDER BY mode, sequence"
    )
    for row in connection.execute(wanted).mappings().all():
        fact = orjson.loads(bytes(row["raw"]))
        key = {"mode": row["mode"], "watch": row["watch"], "id": row["about"], "at": fact["time"]}
        where = "WHERE mode = :mode AND watch = :watch AND id = :id"
        if row["subject"].endswith(".acknowledged"):
            change = f"UPDATE incidents SET acknowledged_at = COALESCE(acknowledged_at, :at) {where}"  # noqa: S608
        else:
            key["at"] = fact["time"] if fact["data"]["body"].get("state") == "closed" else None
            change = f"UPDATE incidents SET closed_at = :at {where}"  # noqa: S608
        connection.execute(sa.text(change), key)


def _bind_reads() -> tuple[int, bytes]:
    """Give each line its place and hash; the end of the chain."""
    connection = op.get_bind()
    position, link = 0, bytes(32)
    for row in connection.execute(sa.text("SELECT * FROM reads ORDER BY id")).mappings().all():
        position, link = position + 1, _bound(link, row)
        change = sa.text("UPDATE reads SET position = :position, chain_hash = :link WHERE id = :id")
        connection.execute(change, {"position": position, "link": link, "id": row["id"]})
    return position, link


def _bound(former: bytes, row: Any) -> bytes:
    line = orjson.dumps({name: row[name] for name in _FIELDS}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(former + line).digest()
