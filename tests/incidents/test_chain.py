"""The hash chain: what a change anywhere does to its end."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from services.incidents.chain import Link, beginning, extend, fact_hash


def _end(facts: list[bytes], watch: str = "4601.vaktsentral") -> Link:
    end = beginning("actual", watch, "4601")
    for raw in facts:
        end = extend(end, fact_hash(raw))
    return end


def test_each_fact_is_hashed_onto_the_hash_before_it() -> None:
    start = beginning("actual", "4601.vaktsentral", "4601")
    end = extend(start, fact_hash(b"one"))
    assert end.position == 1
    assert end.hash == hashlib.sha256(start.hash + hashlib.sha256(b"one").digest()).digest()


def test_two_watches_begin_with_different_hashes() -> None:
    assert _end([b"one"]).hash != _end([b"one"], "4601.barnevern").hash


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=8), st.data())
def test_a_changed_left_out_or_moved_fact_changes_the_end(facts: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(facts) - 1))
    changed = [*facts[:place], facts[place] + b"x", *facts[place + 1 :]]
    assert _end(changed).hash != _end(facts).hash
    assert _end(facts[:place] + facts[place + 1 :]).hash != _end(facts).hash
    swapped = list(reversed(facts))
    assert (swapped == facts) or _end(swapped).hash != _end(facts).hash
