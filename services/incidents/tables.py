"""The tables of the archive. The ledger's facts lie in ``facts``, from which the rest follows.

Only ``reads`` and ``checkpoints`` follow from nothing else.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.runtime.database import cursor_table, table
from services.runtime.reads import read_ends_table


class _Table(SQLModel, registry=registry()):
    """Own registry: each service knows its own tables only."""


def _bytes(*, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(sa.LargeBinary, nullable=nullable)


class FactRow(_Table, table=True):
    """A fact's exact bytes and its place in ledger and chain. ``id`` is empty for what could not be read."""

    __tablename__ = "facts"
    __table_args__ = (
        sa.Index("facts_id", "mode", "id", unique=True),
        sa.Index("facts_about", "mode", "about", "sequence"),
        sa.Index("facts_watch", "mode", "watch", "sequence"),
    )
    mode: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=sa.BigInteger)
    epoch: int
    id: str | None
    about: str | None
    subject: str
    raw: bytes = Field(sa_column=_bytes())
    digest: bytes = Field(sa_column=_bytes())
    watch: str
    controller: str
    position: int = Field(sa_type=sa.BigInteger)
    chain_hash: bytes = Field(sa_column=_bytes())


class ContentRow(_Table, table=True):
    """What was typed for a fact, sealed. Empty when it is erased, or missing although it never was.

    ``watch`` is the birthplace in the content's subject; ``raised`` says that a copy lies in class shared.
    """

    __tablename__ = "content"
    __table_args__ = (
        sa.Index(
            "content_missing", "mode", sqlite_where=sa.text("missing"), postgresql_where=sa.text("missing")
        ),
    )
    mode: str = Field(primary_key=True)
    fact: str = Field(primary_key=True)
    watch: str
    sort: str
    raised: bool
    erased: bool
    missing: bool
    sequence: int = Field(sa_type=sa.BigInteger)
    commitment: bytes = Field(sa_column=_bytes())
    sealed: bytes | None = Field(sa_column=_bytes(nullable=True))


class IncidentRow(_Table, table=True):
    """The head of an incident as it is now, for lists and for finding it; lists within are JSON.

    ``broken`` are the watches for which the glass was broken, each with the moment until which.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        sa.Index("incidents_ref", "mode", "ref"),
        sa.Index("incidents_sequence", "mode", "sequence"),
        sa.Index("incidents_number", "mode", "watch", "year", "number"),
        sa.Index(
            "incidents_open",
            *("mode", "sequence"),
            sqlite_where=sa.text("state <> 'closed'"),
            postgresql_where=sa.text("state <> 'closed'"),
        ),
    )
    mode: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    fact: str
    sequence: int = Field(sa_type=sa.BigInteger)
    ref: str
    year: int
    number: int
    controller: str
    state: str
    type: str
    priority: str
    level: str
    tags: str
    named: str
    municipalities: str
    occurred_at: str
    recorded_at: str
    acknowledged_at: str | None = None
    closed_at: str | None = None
    responsible: str
    broken: str


class ReferenceRow(_Table, table=True):
    """The case number of an incident in another system, to be found by; empty once it is erased."""

    __tablename__ = "case_references"
    __table_args__ = (sa.Index("case_references_number", "mode", "system", "number"),)
    mode: str = Field(primary_key=True)
    fact: str = Field(primary_key=True)
    incident: str
    watch: str
    system: str
    number: str | None


class ChainRow(_Table, table=True):
    """The end of each chain."""

    __tablename__ = "chains"
    mode: str = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    controller: str = Field(primary_key=True)
    position: int = Field(sa_type=sa.BigInteger)
    chain_hash: bytes = Field(sa_column=_bytes())


class TreeRow(_Table, table=True):
    """The tree over a watch's facts: how many there are, and the hashes of its right edge in one piece."""

    __tablename__ = "trees"
    mode: str = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    size: int = Field(sa_type=sa.BigInteger)
    edge: bytes = Field(sa_column=_bytes())


class NodeRow(_Table, table=True):
    """A full node of a tree, from the level of a tile up; ``last`` is the sequence of its last fact."""

    __tablename__ = "tree_nodes"
    mode: str = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    level: int = Field(primary_key=True)
    place: int = Field(primary_key=True, sa_type=sa.BigInteger)
    hash: bytes = Field(sa_column=_bytes())
    last: int = Field(sa_type=sa.BigInteger)


class CheckpointRow(_Table, table=True):
    """A signed checkpoint, made at ``at`` (seconds since 1970). Follows from nothing else."""

    __tablename__ = "checkpoints"
    mode: str = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    at: int = Field(primary_key=True, sa_type=sa.BigInteger)
    size: int = Field(sa_type=sa.BigInteger)
    root: bytes = Field(sa_column=_bytes())
    signature: bytes = Field(sa_column=_bytes())


class NumberRow(_Table, table=True):
    """The last running number of a watch in a year."""

    __tablename__ = "numbers"
    mode: str = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    last: int


class StandingRow(_Table, table=True):
    """Which facts say who is who and may share with whom."""

    __tablename__ = "standing"
    mode: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=sa.BigInteger)


class ParkedRow(_Table, table=True):
    """A message that could not be taken in as a fact: why and where, never what (D24)."""

    __tablename__ = "parked"
    mode: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=sa.BigInteger)
    code: str
    stream: str
    epoch: int
    announced: bool


class ErasureRow(_Table, table=True):
    """A fact whose content is to be erased everywhere; ``done_at`` when the broker has erased its copies."""

    __tablename__ = "erasures"
    mode: str = Field(primary_key=True)
    fact: str = Field(primary_key=True)
    watch: str
    sequence: int = Field(sa_type=sa.BigInteger)
    erased_at: str
    done_at: str | None


class FileRow(_Table, table=True):
    """An attached file: as it came (``original``), or without hidden data (``shared``).

    ``missing``: its bytes are not yet here, or damaged; ``object`` names them in the object store.
    """

    __tablename__ = "files"
    __table_args__ = (
        sa.Index(
            "files_missing", "mode", sqlite_where=sa.text("missing"), postgresql_where=sa.text("missing")
        ),
        sa.Index("files_object", "mode", "object"),
    )
    mode: str = Field(primary_key=True)
    fact: str = Field(primary_key=True)
    sort: str = Field(primary_key=True)
    object: str
    chunks: int
    sequence: int = Field(sa_type=sa.BigInteger)
    erased: bool
    missing: bool


class PartRow(_Table, table=True):
    """A part of a file: the second copy of what lies in the object store. A rebuild keeps it."""

    __tablename__ = "file_parts"
    mode: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    digest: bytes = Field(sa_column=_bytes())
    data: bytes = Field(sa_column=_bytes())


class ReadRow(_Table, table=True):
    """Who read a restricted item, when and why. Follows from nothing else: a rebuild keeps it.

    ``chain_hash`` binds a line to the one before it; ``position`` counts all lines, from 1.
    """

    __tablename__ = "reads"
    __table_args__ = (
        sa.Index("reads_incident", "mode", "incident"),
        sa.Index("reads_position", "position"),
    )
    id: int | None = Field(default=None, primary_key=True)
    position: int = Field(sa_type=sa.BigInteger)
    chain_hash: bytes = Field(sa_column=_bytes())
    mode: str
    read_at: str
    watch: str
    person: str | None
    machine: str | None
    via: str
    what: str
    incident: str
    item: str
    reason: str | None


class ItemRow(_Table, table=True):
    """What a search reads of an item besides its terms. Times are milliseconds since 1970."""

    __tablename__ = "items"
    mode: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=sa.BigInteger)
    about: str
    owner: str
    author: str | None
    level: str
    named: str
    broken: str
    tagged: bool
    kind: str
    occurred: int = Field(sa_type=sa.BigInteger)
    latitude: float | None = Field(sa_type=sa.Double)
    longitude: float | None = Field(sa_type=sa.Double)
    corrected_by: str | None


class WordRow(_Table, table=True):
    """A word that stands in some item of a circle."""

    __tablename__ = "words"
    mode: str = Field(primary_key=True)
    circle: str = Field(primary_key=True)
    word: str = Field(primary_key=True)


class TurnRow(_Table, table=True):
    """How an incident stood from one moment to another; times of recording, milliseconds since 1970."""

    __tablename__ = "turns"
    __table_args__ = (
        sa.Index(
            "turns_open",
            *("mode", "until", "since"),
            sqlite_where=sa.text("state <> 'closed'"),
            postgresql_where=sa.text("state <> 'closed'"),
        ),
    )
    mode: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=sa.BigInteger)
    since: int = Field(sa_type=sa.BigInteger)
    until: int = Field(sa_type=sa.BigInteger)
    state: str
    level: str
    named: str


METADATA = _Table.metadata
CURSOR = cursor_table(METADATA)
TERMS = sa.Table(
    "terms",
    sa.MetaData(),
    sa.Column("mode", sa.String, primary_key=True),
    sa.Column("circle", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("terms", postgresql.ARRAY(sa.Integer), nullable=False),
)
"""PostgreSQL only; SQLite has a table of FTS5 for each mode."""


FACTS, CONTENT, INCIDENTS = table(FactRow), table(ContentRow), table(IncidentRow)
CHAINS, NUMBERS, STANDING = table(ChainRow), table(NumberRow), table(StandingRow)
PARKED, ERASURES, READS = table(ParkedRow), table(ErasureRow), table(ReadRow)
READ_ENDS = read_ends_table(_Table.metadata)
TREES, NODES, CHECKPOINTS = table(TreeRow), table(NodeRow), table(CheckpointRow)
ITEMS, WORDS, TURNS = table(ItemRow), table(WordRow), table(TurnRow)
REFERENCES = table(ReferenceRow)
FILES, PARTS = table(FileRow), table(PartRow)
CONTENT_MISSING, FILE_MISSING = sa.text("content.missing"), sa.text("files.missing")
"""Spelt as in their indexes, so that these serve."""
DERIVED = (
    *(FACTS, CONTENT, INCIDENTS, CHAINS, TREES, NODES, NUMBERS, STANDING, PARKED, ERASURES, CURSOR),
    *(ITEMS, WORDS, TURNS, REFERENCES, FILES),
)
"""What a rebuild from the ledger makes anew."""


def as_bytes(value: object) -> bytes:
    """What a column of bytes holds; nothing where damage put something else."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
