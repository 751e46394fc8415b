"""Indexes in the order in which a large archive is read; what SQLite's planner must know of its size."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MODES = ("actual", "exercise")
_SHAPE = {
    "facts": {
        "sqlite_autoindex_facts_1": "1000000 500000 1",
        "facts_id": "1000000 500000 1",
        "facts_about": "1000000 500000 30 1",
        "facts_watch": "1000000 500000 50000 1",
    },
    "content": {"sqlite_autoindex_content_1": "1000000 500000 1", "content_missing": "10 5"},
    "items": {"sqlite_autoindex_items_1": "1000000 500000 1"},
    "incidents": {
        "sqlite_autoindex_incidents_1": "40000 20000 2 1",
        "incidents_ref": "40000 20000 1",
        "incidents_sequence": "40000 20000 1",
        "incidents_number": "40000 20000 2000 400 1",
        "incidents_open": "100 50 1",
    },
    "turns": {"sqlite_autoindex_turns_1": "100000 50000 3 3 1", "turns_open": "60000 30000 2 1"},
    "case_references": {
        "sqlite_autoindex_case_references_1": "10000 5000 1",
        "case_references_number": "10000 5000 1000 1",
    },
    "standing": {"sqlite_autoindex_standing_1": "2000 1000 1"},
}
"""Rows, and rows alike in the first columns, of an archive of some years. Without them a mode is taken to be
few rows, and a question walks through the whole of it."""


def upgrade() -> None:
    """Bring the tables to this form."""
    op.drop_index("facts_about", "facts")
    op.create_index("facts_about", "facts", ["mode", "about", "sequence"])
    is_open = sa.text("state <> 'closed'")
    columns = ["mode", "sequence"]
    op.create_index("incidents_open", "incidents", columns, sqlite_where=is_open, postgresql_where=is_open)
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in ("items", "words", "turns"):
        op.execute(sa.delete(sa.table(name)))
    if is_sqlite:
        _terms_in_sqlite()
        _tell_planner()
    else:
        _terms_in_postgresql()


def _terms_in_sqlite() -> None:
    """Items are found by their incident's type too: the next start makes the index anew from the facts."""
    for mode in MODES:
        op.execute(f"DROP TABLE terms_{mode}")
        op.execute(
            f"CREATE VIRTUAL TABLE terms_{mode} USING fts5"
            "(terms, tokenize='ascii', detail=none, columnsize=0)"
        )


def _terms_in_postgresql() -> None:
    """The same, and terms lie by circle."""
    op.drop_table("terms")
    op.create_table(
        "terms",
        sa.Column("mode", sa.String(), primary_key=True),
        sa.Column("circle", sa.Integer(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True),
        sa.Column("terms", postgresql.ARRAY(sa.Integer()), nullable=False),
    )
    op.create_index("terms_gin", "terms", ["terms"], postgresql_using="gin")
    op.execute("ALTER INDEX terms_gin SET (gin_pending_list_limit = 8192)")


def _tell_planner() -> None:
    """What ANALYZE would find once the archive is large; an empty table would teach it the contrary."""
    op.execute("ANALYZE cursor")
    table = sa.table("sqlite_stat1", *(sa.column(name) for name in ("tbl", "idx", "stat")))
    op.execute(sa.delete(table))
    rows = [
        {"tbl": name, "idx": index, "stat": stat}
        for name, known in _SHAPE.items()
        for index, stat in known.items()
    ]
    op.bulk_insert(table, rows)
    op.execute("ANALYZE sqlite_master")
