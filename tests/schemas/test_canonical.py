"""JSON is read the same however it is written, and a key that stands twice is never passed over."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import DuplicateKey, parse

PLAIN = (
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=9,
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_json_says_the_same_in_every_spelling(value: object, indent: int | None, is_ascii: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    assert parse(raw) == value


@given(st.dictionaries(st.text(alphabet="abc"), st.integers(0, 9), min_size=1), st.data())
def test_a_key_that_stands_twice_is_found_wherever_it_stands(
    found: dict[str, int], data: st.DataObject
) -> None:
    again = data.draw(st.sampled_from(sorted(found)))
    inner = orjson.dumps(found)[:-1] + b"," + orjson.dumps(again) + b":" + str(found[again]).encode() + b"}"
    for raw in (inner, b'{"x":' + inner + b"}", b"[1," + inner + b"]"):
        with pytest.raises(DuplicateKey):
            parse(raw)


@pytest.mark.parametrize("raw", [b"", b"{", b"NaN", b"[1,]", b"{'a':1}", b"\xff", b"[Infinity]"])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(raw)
