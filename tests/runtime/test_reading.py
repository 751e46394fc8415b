"""From bytes to a command: whatever is sent, it is in good form and can be kept, or it is refused."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import canonical, seal, unseal
from schemas.envelope import Refused
from schemas.incidents import AddEntry
from schemas.subjects import Address
from services.runtime.reading import LIMIT_BYTES, Received, Refusal, read_command, read_question

HERE = Address("cmd", "actual", "4601", "vaktsentral", "incidents", "entry")
CODES = {"MALFORMED", "DUPLICATE_KEY", "NO_OFFSET", "TOO_LARGE", "UNKNOWN_TYPE", "WRONG_SENDER"}
ACTOR = {"organisation": "4601", "watch": "vaktsentral", "via": "test", "authentication": "session"}
COMMAND: dict[str, Any] = {
    "id": "one",
    "source": "/test",
    "type": AddEntry.type_name(),
    "time": "2026-11-30T08:00:00+01:00",
    "data": {
        "actor": ACTOR,
        "occurred_at": "2026-11-30T08:00:00+01:00",
        "body": {"ref": "7K3M9QX"},
        "content": {"text": "Røyk"},
    },
}
NUMBERS = st.one_of(
    st.sampled_from([2**63, 2**64, -(2**64), 10**400, float("inf"), float("nan"), 1e308]),
    st.integers(),
    st.floats(),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(st.characters(), max_size=9))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
PLACES: list[tuple[str, ...]] = [
    (),
    *((name,) for name in COMMAND),
    *(("data", name) for name in (*COMMAND["data"], "trace", "resend")),
    *(("data", "actor", name) for name in (*ACTOR, "person")),
    *(("data", "body", name) for name in AddEntry.model_fields),
    *(("data", "content", name) for name in ("text", "headline", "figures", "area", "position", "more")),
]


def taken(raw: bytes) -> Received | Refused:
    """What becomes of the bytes of a command."""
    try:
        return read_command(raw, AddEntry, HERE)
    except Refusal as refusal:
        return refusal.refused


def with_value(place: tuple[str, ...], value: Any) -> bytes:
    """The command with another value at a place, as a careless sender writes it."""
    whole = orjson.loads(orjson.dumps(COMMAND))
    inside = whole
    for name in place[:-1]:
        inside = inside[name]
    if place:
        inside[place[-1]] = value
    return json.dumps(whole if place else value).encode()


@given(st.sampled_from(PLACES), VALUES)
def test_whatever_stands_anywhere_in_a_command_it_is_refused_or_can_be_kept_and_read_back(
    place: tuple[str, ...], value: Any
) -> None:
    found = taken(with_value(place, value))
    if isinstance(found, Refused):
        assert found.code in CODES
        assert len(orjson.dumps(found.parameters)) < 4_000
        return
    words = found.content_dict()
    assert words is None or unseal(seal(words)) == words
    canonical(found.request.model_dump(mode="json", exclude_none=True))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_command_and_as_a_question_or_are_one(raw: bytes) -> None:
    assert isinstance(taken(raw), Refused)
    try:
        assert isinstance(read_question(raw), dict)
    except Refusal as refusal:
        assert refusal.refused.code in CODES  # noqa: PT017 - both ends are right


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, "MALFORMED"),
        (b"[" * 60_000, "MALFORMED"),
        (b'{"a": "\\ud800"}', "MALFORMED"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "MALFORMED"),
        (b'{"a": NaN}', "MALFORMED"),
        (b'{"a": 1, "a": 2}', "DUPLICATE_KEY"),
        (b'{"a": "' + b"x" * LIMIT_BYTES + b'"}', "TOO_LARGE"),
        (b'"\x00"', "MALFORMED"),
        (b"", "MALFORMED"),
    ],
)
def test_what_json_parsers_stumble_over_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as found:
        read_question(raw)
    assert found.value.refused.code == code
    assert isinstance(taken(raw), Refused)


def test_ten_megabytes_of_text_are_refused_without_being_read() -> None:
    raw = with_value(("data", "content", "text"), "x" * 10_000_000)
    assert taken(raw) == Refused(code="TOO_LARGE", parameters={"limit": LIMIT_BYTES})
