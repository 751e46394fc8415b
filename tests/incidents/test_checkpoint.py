"""Signed checkpoints: what anybody with the public key can tell of them."""

import base64

import pytest

from services.incidents.checkpoint import (
    BadNote,
    Checkpoint,
    is_signed,
    key_hash,
    log_name,
    public_key,
    read_key,
    read_note,
    sign,
    verifier_key,
)
from services.incidents.tree import EMPTY

SEED = bytes(range(32))
MADE = Checkpoint(log_name("actual", "4601.vaktsentral"), 7, EMPTY, 1_795_000_000)


def test_a_note_has_the_lines_that_other_tools_read() -> None:
    body, _, tail = sign(MADE, SEED).note().partition("\n\n")
    assert body.split("\n") == [
        "samvirke/actual/4601.vaktsentral",
        "7",
        base64.b64encode(EMPTY).decode(),
        "time 1795000000",
    ]
    mark, name, signature = tail.rstrip("\n").split(" ")
    assert (mark, name) == ("—", "samvirke/actual/4601.vaktsentral")
    assert base64.b64decode(signature)[:4] == key_hash(name, public_key(SEED))
    assert len(base64.b64decode(signature)) == 4 + 64


def test_whoever_has_the_public_key_can_tell_who_signed() -> None:
    signed = read_note(sign(MADE, SEED).note())
    assert signed.checkpoint == MADE
    assert is_signed(signed, public_key(SEED))
    assert not is_signed(signed, public_key(bytes(32)))


@pytest.mark.parametrize(
    ("of", "to"), [("\n7\n", "\n8\n"), ("time 1", "time 2"), ("actual/4601", "actual/4602"), ("47DE", "47DF")]
)
def test_a_changed_line_is_not_signed(of: str, to: str) -> None:
    note = sign(MADE, SEED).note()
    assert of in note
    try:
        signed = read_note(note.replace(of, to, 1))
    except BadNote:
        return
    assert not is_signed(signed, public_key(SEED))


@pytest.mark.parametrize("text", ["", "a\n\nb", "a\nb\nc\nd\n\n— a b\n", sign(MADE, SEED).note() + " "])
def test_what_is_no_note_is_told_apart(text: str) -> None:
    with pytest.raises(BadNote):
        read_note(text)


def test_the_public_key_is_read_from_its_line_whatever_its_name() -> None:
    public = public_key(SEED)
    assert read_key(f"{verifier_key('samvirke', public)}\n") == public
    for bad in ("", "samvirke", verifier_key("a", public).replace("a+", "b+"), "a+00000000+AQ=="):
        with pytest.raises(BadNote):
            read_key(bad)
