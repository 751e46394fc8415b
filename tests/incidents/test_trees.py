"""The trees in the archive's tables, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from services.incidents.blinding import opens
from services.incidents.checkpoint import is_signed, read_note
from services.incidents.evidence_check import check
from services.incidents.evidence_format import fact_line, proof_line
from services.incidents.projection import read
from services.incidents.sealing import KEPT_ALL_S, Checkpoints, signing_seed
from services.incidents.store import SERVICE, Batch, Store
from services.incidents.tables import NODES, TREES
from services.incidents.tree import Edge, is_consistent, is_included, leaf_hash
from services.incidents.trees import Trees
from services.runtime.database import engine_for, migrate
from tests.incidents.make import OWNER, Made, opened
from tests.incidents.shelf import Shelf

SEED = bytes(range(32))
OTHER = "4624.main"


@pytest.fixture(scope="module")
def facts() -> list[Made]:
    """700 facts of one watch, and one of another after every second of them."""
    return [opened(owner=OTHER if n % 3 == 2 else OWNER) for n in range(1050)]


@pytest.fixture
def shelf(store_url: str, tmp_path: Path, facts: list[Made]) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path)
    for at in range(0, len(facts), 350):
        found.put(*facts[at : at + 350])
    yield found
    found.close()


@pytest.fixture
def empty(store_url: str, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path)
    yield found
    found.close()


def _edge(facts: list[Made]) -> Edge:
    edge = Edge()
    for made in facts:
        edge.append(leaf_hash(made.raw))
    return edge


def _own(facts: list[Made]) -> list[Made]:
    return [made for made in facts if made.owner == OWNER]


def test_each_watchs_tree_has_its_facts_alone_in_the_order_of_the_ledger(
    shelf: Shelf, facts: list[Made]
) -> None:
    trees = Trees(shelf.store.engine)
    assert trees.edge("actual", OWNER) == _edge(_own(facts))
    assert trees.edges("actual")[OTHER].size == 350
    assert trees.edge("actual", "9999.none") == Edge()


def test_every_former_tree_can_be_looked_into(shelf: Shelf, facts: list[Made]) -> None:
    tree, own = Trees(shelf.store.engine).tree("actual", OWNER), _own(facts)
    for size in (1, 2, 255, 256, 257, 511, 513, 700):
        assert tree.edge_at(size).root() == _edge(own[:size]).root()
    with pytest.raises(KeyError):
        tree.edge_at(701)
    newest = _edge(own).root()
    for leaf in (0, 255, 256, 699):
        assert is_included(leaf_hash(own[leaf].raw), leaf, 700, tree.inclusion(leaf, 700), newest)
    for former in (1, 256, 300, 699, 700):
        proof = tree.consistency(former, 700)
        assert is_consistent(former, 700, proof, _edge(own[:former]).root(), newest)


def test_a_fact_is_found_in_its_tree_by_its_place_in_the_ledger(shelf: Shelf, facts: list[Made]) -> None:
    tree = Trees(shelf.store.engine).tree("actual", OWNER)
    expected: dict[int, int] = {}
    for sequence, made in enumerate(facts, 1):
        if made.owner == OWNER:
            expected[sequence] = len(expected)
    assert tree.leaves_of(range(1, 1060)) == expected
    assert tree.leaves_of([3, 1049]) == {1049: 699}


def test_a_tree_does_not_depend_on_how_the_facts_came_in_batches(
    shelf: Shelf, facts: list[Made], tmp_path: Path
) -> None:
    other = Shelf(f"sqlite:///{tmp_path / 'other.db'}", tmp_path)
    other.put(facts[0])
    other.put(*facts[1:])
    found = []
    for store in (shelf.store, other.store):
        with store.engine.connect() as connection:
            queries = (sa.select(table).order_by(*table.primary_key.columns) for table in (TREES, NODES))
            found.append([connection.execute(query).all() for query in queries])
    other.close()
    assert found[0] == found[1]


def test_an_archive_from_before_the_trees_gets_them_with_the_tables(
    store_url: str, tmp_path: Path, facts: list[Made]
) -> None:
    shelf = Shelf(store_url, tmp_path)
    shelf.put(*facts[:800])
    with shelf.store.engine.begin() as connection:
        for table in ("trees", "tree_nodes", "checkpoints"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("DROP INDEX facts_watch")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    engine = engine_for(shelf.settings, SERVICE)
    migrate(engine, SERVICE, "0002")
    engine.dispose()
    trees = Trees(shelf.store.engine)
    assert trees.edge("actual", OWNER) == _edge(_own(facts[:800]))
    assert trees.tree("actual", OWNER).edge_at(512).root() == _edge(_own(facts)[:512]).root()
    shelf.close()


def test_checkpoints_are_made_alike_for_the_busy_the_quiet_and_the_new(empty: Shelf) -> None:
    empty.put(opened())
    kept = Checkpoints(empty.store.engine, SEED)
    first = kept.make("actual", {OWNER, OTHER}, 600)
    second = kept.make("actual", {OWNER, OTHER}, 1200)
    assert {watch: one.checkpoint.size for watch, one in first.made.items()} == {OWNER: 1, OTHER: 0}
    assert [one.checkpoint.at for one in kept.listing("actual", OTHER, 1 << 40, 9)] == [1200, 600]
    assert kept.listing("actual", OWNER, 1200, 9) == [first.made[OWNER]]
    assert all(is_signed(one, kept.public) for one in second.made.values())
    assert kept.last_round("actual") == 1200
    kept.make("actual", {OWNER}, 1200)
    assert len(kept.listing("actual", OWNER, 1 << 40, 9)) == 2


def test_of_old_checkpoints_those_stay_at_which_the_log_had_grown(empty: Shelf) -> None:
    kept, day = Checkpoints(empty.store.engine, SEED), 24 * 3600
    for number in range(6):
        if number in (0, 3):
            empty.put(opened())
        kept.make("actual", set(), day + number * 600)
    kept.make("actual", set(), day + 5 * 600 + KEPT_ALL_S)
    ages = [one.checkpoint.at - day for one in kept.listing("actual", OWNER, 1 << 40, 20)]
    assert ages == [3000 + KEPT_ALL_S, 1800, 0]
    assert [one.checkpoint.size for one in kept.grown("actual", OWNER, 2)] == [1, 2]
    stood = read_note(kept.standing("actual", day + 1200)["4601"][OWNER])
    assert (stood.checkpoint.size, stood.checkpoint.at) == (1, day + 1200)
    assert is_signed(stood, kept.public)


def test_a_watch_opens_its_organisations_blinded_head_and_tells_nothing_of_the_others(empty: Shelf) -> None:
    kept = Checkpoints(empty.store.engine, SEED)
    assert kept.heads("actual", kept.last_round("actual")) == {}, "before the first watch"
    kept.make("actual", {OWNER, "4601.barnevern", OTHER}, 600)
    head = kept.heads("actual", 600)["4601"]
    kept.make("actual", {OWNER, "4601.barnevern", OTHER}, 1200)
    assert kept.heads("actual", 1200)["4601"] != head, "a round without news has a new head"
    found = kept.opening("actual", OWNER, 600)
    assert opens(found, head)
    assert read_note(found.note).checkpoint.log == f"actual/{OWNER}"
    assert len(found.path) == 4, "as long as with any other number of watches up to sixteen"
    assert not opens(kept.opening("actual", OTHER, 600), head)
    assert not opens(replace(found, salt=bytes(32)), head)
    with pytest.raises(KeyError):
        kept.opening("actual", "4601.none", 600)


def test_the_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    seed = signing_seed(tmp_path)
    assert signing_seed(tmp_path) == seed
    assert (tmp_path / "keys" / "log.key").stat().st_mode & 0o777 == 0o600


def test_a_chosen_part_of_a_log_is_proved_from_the_tables(
    shelf: Shelf, facts: list[Made], tmp_path: Path
) -> None:
    kept, own = Checkpoints(shelf.store.engine, SEED), _own(facts)
    signed = kept.now("actual", OWNER, 600)
    tree, leaves = Trees(shelf.store.engine).tree("actual", OWNER), [3, 4, 5, 200, *range(250, 530), 699]
    log = signed.checkpoint.log
    lines = [fact_line(log, leaf, own[leaf].raw, own[leaf].sealed) for leaf in leaves]
    (tmp_path / "facts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    proof = proof_line(log, signed.note(), signed.checkpoint.size, leaves, tree.hash_of)
    (tmp_path / "proofs.jsonl").write_bytes(proof + b"\n")
    checked = check(tmp_path, kept.public)
    assert (checked.first, checked.facts, checked.contents) == (None, len(leaves), len(leaves))
    assert len(orjson.loads(proof)["hashes"]) < 40


def test_what_is_no_fact_has_its_leaf_too(empty: Shelf) -> None:
    made = opened()
    empty.put_raw(made.subject, b"\xff")
    taken = read(2, made.subject, made.raw)
    Store(empty.store.engine).write(Batch("actual", 1, "LEDGER_ACTUAL", [taken, read(3, "x", b"y")], {}))
    edge = Edge()
    edge.append(leaf_hash(b"\xff"))
    edge.append(leaf_hash(made.raw))
    assert Trees(empty.store.engine).edges("actual") == {OWNER: edge}
