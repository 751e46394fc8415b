"""Every command and question gets an answer, and nothing that is neither gets in."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from schemas import subjects, watch
from schemas.envelope import Accepted, Answer
from schemas.identifiers import new_id
from schemas.subjects import Address
from services.runtime import names
from services.runtime.door import Door, Route
from services.runtime.epochs import BEHIND, UNREACHABLE, Gate
from services.runtime.parts import KEPT_BYTES_MOST, PART_BYTES, Parts, whole
from services.runtime.reading import Received, Refusal
from tests.hub import Hub
from tests.ledgers import MODE, ask, empty_archive, logging_to

SECRET = "bekymringsmelding"
SUBJECT = subjects.command(MODE, "4601", "vaktsentral", "watch", "release")
Change = Callable[[dict[str, Any]], Any]


@dataclass
class Desk:
    """What the handlers were given, and a connection of the watch that sends."""

    nc: Client
    ledger: Client
    gate: Gate
    door: Door
    slow_may_end: asyncio.Event
    taken: list[Received] = field(default_factory=list)

    async def send(self, raw: bytes, subject: str = SUBJECT) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(await ask(self.nc, subject, raw))
        return answer


@pytest.fixture
async def desk(broker: Hub, tmp_path: Path) -> AsyncIterator[Desk]:
    """A door for releasing a post and asking who is on duty."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(empty_archive(broker))
        nc, ledger = await broker.connect("4601.vaktsentral"), await broker.connect(names.INCIDENTS_LEDGER)
        stack.push_async_callback(nc.close)
        stack.push_async_callback(ledger.close)
        gate = Gate(ledger, MODE, tmp_path / "mark.json")
        await gate.open()
        taken: list[Received] = []
        may_end = asyncio.Event()

        async def release(received: Received) -> Answer:
            taken.append(received)
            if received.request.post == "slow":  # type: ignore[attr-defined]
                await may_end.wait()
            if received.request.post == "broken":  # type: ignore[attr-defined]
                raise RuntimeError(SECRET)
            id = received.command.id
            return Accepted(id=id, subject="duty", receipt=id)

        async def duty(asked: dict[str, Any], address: Address) -> dict[str, Any]:
            if "at" in asked:
                raise Refusal("BAD_PERIOD")
            return {"status": "ok", "watch": address.key} | ({"x": "x" * 5_000_000} if "all" in asked else {})

        commands, queries = (Route(watch.Release, release),), {"duty": duty}
        door = Door(broker.settings, names.WATCH_DOOR, "watch", commands, queries, {MODE: gate})
        await door.start()
        stack.push_async_callback(door.stop)
        yield Desk(nc, ledger, gate, door, may_end, taken)


def message(**body: Any) -> dict[str, Any]:
    """A command in good form."""
    actor = {
        "person": "kari",
        "organisation": "4601",
        "watch": "vaktsentral",
        "via": "test",
        "authentication": "credential",
    }
    at = datetime.now(UTC).isoformat()
    data = {"actor": actor, "occurred_at": at, "body": {"post": "duty", **body}}
    return {"id": new_id(), "source": "/t", "type": "samvirke.watch.release.v1", "time": at, "data": data}


def changed(change: Change) -> bytes:
    """The command in good form with one change."""
    found = message()
    change(found)
    return json.dumps(found).encode()


BAD = {
    "no JSON": (b'{"id": ', "MALFORMED"),
    "nothing": (b"", "MALFORMED"),
    "no object": (b"[1]", "MALFORMED"),
    "not UTF-8": (b'{"id": "\xff"}', "MALFORMED"),
    "NaN": (changed(lambda m: m["data"]["body"].update(post=float("nan"))), "MALFORMED"),
    "a number beyond 64 bits": (changed(lambda m: m["data"]["body"].update(post=10**30)), "MALFORMED"),
    "too deep": (b"[" * 5_000 + b"]" * 5_000, "MALFORMED"),
    "a field too many": (changed(lambda m: m["data"]["body"].update({SECRET: 1})), "MALFORMED"),
    "a field too few": (changed(lambda m: m["data"].pop("actor")), "MALFORMED"),
    "an unsafe id": (changed(lambda m: m.update(id=f"a.{SECRET}")), "MALFORMED"),
    "text where none is taken": (changed(lambda m: m["data"].update(content={"a": SECRET})), "MALFORMED"),
    "a key twice": (b'{"id": "a", "id": "%s"}' % SECRET.encode(), "DUPLICATE_KEY"),
    "a key twice inside": (
        json.dumps(message()).replace('"post"', '"post": "x", "post"').encode(),
        "DUPLICATE_KEY",
    ),
    "too large": (changed(lambda m: m.update(source=SECRET * 5_000)), "TOO_LARGE"),
    "a time without offset": (
        changed(lambda m: m["data"].update(occurred_at="2027-01-15T06:00:00")),
        "NO_OFFSET",
    ),
    "another type": (changed(lambda m: m.update(type="samvirke.watch.take.v1")), "UNKNOWN_TYPE"),
    "another's name": (changed(lambda m: m["data"]["actor"].update(watch="barnevern")), "WRONG_SENDER"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_command_is_refused_with_a_code_and_never_reaches_a_handler(
    desk: Desk, what: str
) -> None:
    raw, code = BAD[what]
    answer = await desk.send(raw)
    assert answer["status"] == "refused"
    assert answer["code"] == code
    assert SECRET not in json.dumps(answer)
    assert desk.taken == []


async def test_a_good_command_is_handed_over_and_answered(desk: Desk) -> None:
    sent = message()
    answer = await desk.send(orjson.dumps(sent))
    assert (answer["status"], answer["id"]) == ("accepted", sent["id"])
    assert [received.command.id for received in desk.taken] == [sent["id"]]


async def test_an_unknown_verb_and_an_unknown_mode_are_refused(desk: Desk) -> None:
    for subject in (
        subjects.command(MODE, "4601", "vaktsentral", "watch", "explode"),
        subjects.command("actual", "4601", "vaktsentral", "watch", "release"),
    ):
        assert (await desk.send(orjson.dumps(message()), subject))["code"] == "UNKNOWN_TYPE"


@pytest.mark.parametrize("odd", [b"9" * 30, b'"\\ud800"', b"[" * 600 + b"]" * 600, b"-" + b"9" * 400])
async def test_what_cannot_be_written_again_as_json_is_no_question(desk: Desk, odd: bytes) -> None:
    about = subjects.query(MODE, "4601", "vaktsentral", "watch", "duty")
    answer = await desk.send(b'{"at": %s}' % odd, about)
    assert (answer["code"], answer["parameters"]) == ("MALFORMED", {"where": ["body"]})


async def test_a_question_is_answered_and_a_bad_one_refused(desk: Desk) -> None:
    ask = subjects.query(MODE, "4601", "vaktsentral", "watch", "duty")
    other = subjects.query(MODE, "4601", "vaktsentral", "watch", "weather")
    assert await desk.send(b"", ask) == {"status": "ok", "watch": "4601.vaktsentral"}
    assert (await desk.send(b'{"at": 1}', ask))["code"] == "BAD_PERIOD"
    assert (await desk.send(b"[]", ask))["code"] == "MALFORMED"
    assert (await desk.send(b"{}", other))["code"] == "UNKNOWN_TYPE"


async def test_an_answer_larger_than_a_message_is_fetched_in_parts_by_who_has_asked(
    desk: Desk, broker: Hub
) -> None:
    ask = subjects.query(MODE, "4601", "vaktsentral", "watch", "duty")
    first = await desk.nc.request(ask, b'{"all": 1}', timeout=5)
    assert await whole(desk.nc, ask, first.data, 5) == {
        "status": "ok",
        "watch": "4601.vaktsentral",
        "x": "x" * 5_000_000,
    }
    part = subjects.query(MODE, "4601", "vaktsentral", "watch", "part")
    known = orjson.loads(first.data)["id"]
    for wrong in ({"id": known, "number": -1}, {"id": known, "number": True}, {"id": [], "number": 0}, {}):
        assert (await desk.send(orjson.dumps(wrong), part))["code"] == "MALFORMED"
    other = await broker.connect("4601.barnevern")
    foreign = subjects.query(MODE, "4601", "barnevern", "watch", "part")
    stolen = await other.request(foreign, orjson.dumps({"id": known, "number": 0}), timeout=5)
    await other.close()
    assert orjson.loads(stolen.data)["code"] == "MALFORMED"


def test_what_nobody_fetches_gives_way_and_what_is_beyond_all_measure_is_refused() -> None:
    kept = Parts()
    sizes = [PART_BYTES, PART_BYTES + 1, KEPT_BYTES_MOST // 2, KEPT_BYTES_MOST // 2, KEPT_BYTES_MOST + 1]
    answers = [kept.first("4601.vaktsentral", b"x" * size) for size in sizes]
    assert answers[0] == b"x" * PART_BYTES
    told = [orjson.loads(answer) for answer in answers[1:]]
    assert [one["status"] for one in told] == ["parts", "parts", "parts", "refused"]
    for one, is_kept in zip(told[:3], (False, True, True), strict=True):
        asked = {"id": one["id"], "number": 0}
        if is_kept:
            assert len(kept.part("4601.vaktsentral", asked)) == PART_BYTES
        else:
            with pytest.raises(Refusal):
                kept.part("4601.vaktsentral", asked)


@pytest.mark.parametrize("reason", [BEHIND, UNREACHABLE])
async def test_a_shut_gate_is_said_and_nothing_is_handed_over(desk: Desk, reason: str) -> None:
    desk.gate.reason = reason
    assert (await desk.send(orjson.dumps(message())))["code"] == reason
    assert desk.taken == []


async def test_a_fault_is_answered_with_a_number_that_the_log_has_and_without_text(
    desk: Desk, tmp_path: Path
) -> None:
    with logging_to(tmp_path / "log"):
        answer = await desk.send(orjson.dumps(message(post="broken")))
        await asyncio.sleep(0.1)
    said = (tmp_path / "log").read_bytes()
    assert answer["code"] == "INTERNAL"
    assert answer["parameters"]["fault"].encode() in said
    assert SECRET.encode() not in said
    assert SECRET not in json.dumps(answer)


async def test_a_full_log_disk_does_not_keep_anybody_from_an_answer(desk: Desk) -> None:
    with logging_to(Path("/dev/full")):
        assert (await desk.send(orjson.dumps(message())))["status"] == "accepted"
        assert (await desk.send(orjson.dumps(message(post="broken"))))["code"] == "INTERNAL"


async def test_many_are_answered_side_by_side(desk: Desk) -> None:
    slow = asyncio.create_task(desk.send(orjson.dumps(message(post="slow"))))
    assert (await desk.send(orjson.dumps(message())))["status"] == "accepted"
    assert not slow.done()
    desk.slow_may_end.set()
    assert (await slow)["status"] == "accepted"


async def test_what_is_in_hand_is_answered_before_the_door_closes(desk: Desk) -> None:
    slow = asyncio.create_task(desk.send(orjson.dumps(message(post="slow"))))
    while not desk.taken:  # noqa: ASYNC110 - what is waited for is the door's state
        await asyncio.sleep(0.01)
    asyncio.get_running_loop().call_later(0.2, desk.slow_may_end.set)
    await desk.door.stop()
    assert (await slow)["status"] == "accepted"


async def test_an_answer_never_goes_where_a_fact_would_lie(desk: Desk, broker: Hub) -> None:
    evil = new_id()
    forged = subjects.fact(MODE, "4601", "vaktsentral", "incidents", evil, "opened")
    centre = await broker.connect(names.CENTRE)
    command = subjects.command(MODE, "4601", names.CENTRE_WATCH, "watch", "release")
    await centre.publish(command, orjson.dumps(message()), reply=forged)
    await desk.nc.publish(SUBJECT, orjson.dumps(message()), reply=forged)
    await desk.nc.publish(SUBJECT, orjson.dumps(message()))
    for client in (centre, desk.nc):
        await client.flush()
    await desk.send(orjson.dumps(message()))
    await centre.close()
    assert desk.door.dropped == 2
    request = {"last_by_subj": subjects.facts_of(MODE, evil)}
    found = await desk.ledger.request(
        f"$JS.API.DIRECT.GET.{names.ledger(MODE)}", orjson.dumps(request), timeout=5
    )
    assert (found.headers or {}).get("Status") == "404"
