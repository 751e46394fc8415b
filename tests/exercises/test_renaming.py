"""Two worlds are compared byte for byte, and only what chance or a clock gives is named anew."""

import random
import secrets
from datetime import UTC, datetime

import orjson
import pytest

from schemas.identifiers import new_id, new_ref
from tests.exercises.renaming import Said, Streams, differences, renamed

PERSON = "9de4cbbc-b6f5-4086-9421-cec4f82499d7"


def feed(count: int = 3, epoch: str = "0a1b2c3d") -> Streams:
    """What one neighbour hears and asks in a small world of its own ids, refs and times."""
    ids, refs = [new_id() for _ in range(count)], [new_ref() for _ in range(count)]
    drawn = list(enumerate(zip(ids, refs, strict=True), start=1))
    items = [
        {"position": f"{epoch}.{n}", "id": id, "ref": ref, "recorded_at": datetime.now(UTC).isoformat()}
        for n, (id, ref) in drawn
    ]
    listed = [{"ref": ref, "number": f"VAKT-2027-{n:04d}"} for n, (_, ref) in drawn]
    link = f"http://127.0.0.1:{random.randrange(10_000, 60_000)}/k/{secrets.token_urlsafe(16)}"
    return {
        "nats 4627": [orjson.dumps(item) for item in items],
        "query 4627.vakt list": [orjson.dumps({"status": "ok", "incidents": listed})],
        "sms +4799000034": [f"ØVELSE Varsel P2 høy, ref {refs[0]}. Svar: {link}".encode()],
    }


def test_two_worlds_with_the_same_happenings_are_equal_whatever_their_ids_refs_and_times() -> None:
    assert differences(renamed(feed()), renamed(feed(epoch="ffffffff"))) == []


@pytest.mark.parametrize(
    ("stream", "before", "after"),
    [
        ("nats 4627", b'.2"', b'.3"'),
        ("query 4627.vakt list", b"VAKT-2027-0002", b"VAKT-2027-0003"),
        ("query 4627.vakt list", b'"status":"ok"', b'"status":"ok","count":4'),
        ("sms +4799000034", b"P2", b"P1"),
    ],
)
def test_a_number_that_has_moved_on_is_found(stream: str, before: bytes, after: bytes) -> None:
    tampered = feed()
    assert any(before in message for message in tampered[stream])
    tampered[stream] = [message.replace(before, after) for message in tampered[stream]]
    assert [one.stream for one in differences(renamed(feed()), renamed(tampered))] == [stream]


def test_a_message_more_and_two_that_changed_places_are_found() -> None:
    more, turned = feed(), feed()
    more["nats 4627"].append(b'{"tick":true}')
    turned["nats 4627"].reverse()
    assert differences(renamed(feed()), renamed(more))[0].one == "nothing"
    assert differences(renamed(feed()), renamed(turned)) != []


def test_an_id_that_appears_twice_is_told_apart_from_two_ids() -> None:
    one, two = new_id(), new_id()
    same: Streams = {"a": [one.encode()], "b": [one.encode()]}
    other: Streams = {"a": [one.encode()], "b": [two.encode()]}
    assert [found.stream for found in differences(renamed(same), renamed(other))] == ["b"]


def test_what_the_exercise_itself_says_is_never_renamed() -> None:
    said = "2027-01-15T06:00:00+01:00"
    raw: Streams = {"a": [f"{PERSON} {said} 2027-01-15T06:00:00.5+01:00 TRIVIAL".encode()]}
    known = Said(frozenset([PERSON]), frozenset([datetime.fromisoformat(said)]))
    assert renamed(raw, known)["a"][0].decode() == f"{PERSON} {said} <time 1> TRIVIAL"


def test_readings_of_the_exercises_clock_have_one_name_since_it_stands_still_at_times() -> None:
    begins, ends = (datetime.fromisoformat(f"2027-01-{day}T08:00:00+01:00") for day in (14, 16))
    raw: Streams = {"a": [b"2027-01-15T06:00:00.5+01:00 2026-11-23T19:00:00.25+00:00"]}
    found = renamed(raw, Said(between=(begins, ends)))["a"][0]
    assert found == b"<exercise time> <time 1>"


def test_a_time_in_words_is_passed_over_only_if_it_is_the_time_in_its_mark() -> None:
    mark = '<time datetime="2027-01-15T05:02:03.123456+01:00">{}</time>'
    pages = [mark.format(words) for words in ("15.01.2027 05:02:03", "05:02", "for 3 min siden")]
    found = [one.decode() for one in renamed({"a": [page.encode() for page in pages]})["a"]]
    assert found == [
        '<time datetime="<time 1>">the same</time>',
        '<time datetime="<time 1>">the same</time>',
        '<time datetime="<time 1>">for 3 min siden</time>',
    ]
