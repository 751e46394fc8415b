"""The whole room against a real broker: what it takes in, tells once, refuses and lists."""

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import subjects
from schemas.answers import WarningFound, Warnings
from schemas.canonical import commitment, digest, seal
from schemas.envelope import Accepted, Fact, Refused
from schemas.identifiers import new_id
from schemas.people import Granted, TokenIssued
from schemas.vocabulary import Role
from schemas.warnings import TakeIn
from schemas.watch import Established
from services.intake import parsers, rules
from services.intake.app import build
from services.intake.store import SERVICE, Raw, Store
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.direct import Direct, Stored
from services.runtime.settings import Settings
from tests.caller import Caller, Office, office
from tests.hub import Hub, running_hub

SAMPLES = Path(__file__).parent / "samples"
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "samples" / "nve_flood_vestland_20251215.json"
BERGEN, NEIGHBOUR = "4601.vaktsentral", "4624.main"
OPERATOR, READER = "kari", "ola"
recorded = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded messages are not here")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker of this file's own, whose HOME may be searched."""
    with running_hub(tmp_path_factory.mktemp("intake")) as hub:
        yield hub


@contextlib.asynccontextmanager
async def intake(hub: Hub) -> AsyncIterator[Office]:
    """The room, in a hub where Bergen and a neighbour each have an operator, a reader and a machine."""
    until = datetime.now(UTC) + timedelta(hours=1)
    async with office(hub, build) as at:
        for mode, key in itertools.product(names.MODES, (BERGEN, NEIGHBOUR)):
            watch = Established(watch=key, code="VAKT", title="Vakt", posts=["duty"])
            await at.put_fact(names.WATCH_LEDGER, key, "VAKT", watch, mode)
            token = TokenIssued(machine=f"poller-{key[:4]}", where=key, scope=["report"], until=until)
            await at.put_fact(names.PEOPLE_LEDGER, key, token.machine, token, mode)
            for person, role in ((OPERATOR, Role.OPERATOR), (READER, Role.READER)):
                granted = Granted(person=person, role=role, where=key)
                await at.put_fact(names.PEOPLE_LEDGER, key, person, granted, mode)
        await at.start()
        yield at


def message(raw: bytes) -> TakeIn:
    return TakeIn(raw=base64.b64encode(raw).decode(), digest=digest(raw))


def sample(name: str, number: int = 0) -> bytes:
    """A sample; with a number its identifiers and events are those of another message."""
    raw = (SAMPLES / name).read_bytes()
    return raw.replace(b".2027011", b".%d.2027011" % number).replace(b"990001", b"99%04d" % number)


async def ledger(at: Office, mode: str) -> list[Stored]:
    """Every warning in a ledger, byte for byte."""
    direct = Direct(await at.connection(names.INTAKE_LEDGER))
    await direct.open()
    return await direct.history(names.ledger(mode), subjects.facts_of_trade(mode, "warnings"))


@contextlib.contextmanager
def opened(hub: Hub) -> Iterator[Store]:
    """The room's table, as another process sees it."""
    with contextlib.closing(Store(open_database(hub.settings, SERVICE))) as store:
        yield store


def kept(hub: Hub, raw: bytes) -> Raw | None:
    """The raw message, if it was kept."""
    with opened(hub) as store:
        return store.find(digest(raw))


def in_home(settings: Settings, needle: bytes) -> list[Path]:
    """Every file under HOME that holds the bytes."""
    return [path for path in settings.home.rglob("*") if path.is_file() and needle in path.read_bytes()]


@recorded
async def test_the_recorded_129_records_give_two_warnings_and_again_nothing(hub: Hub) -> None:
    raw = RECORDED.read_bytes()
    async with intake(hub) as at:
        bergen, neighbour = await at.caller(BERGEN, OPERATOR), await at.caller(NEIGHBOUR, OPERATOR)
        first = await bergen.accepted(message(raw))
        assert (first.result["items"], first.result["new"], first.result["known"]) == (2, 2, 0)
        assert [(one["key"], one["revision"], one["municipalities"]) for one in first.result["warnings"]] == [
            ("nve:flood:148481:2025-12-15", 3, 42),
            ("nve:flood:148481:2025-12-16", 2, 42),
        ]
        facts = await ledger(at, "actual")
        for again in (bergen, neighbour):
            answer = await again.accepted(message(raw))
            assert (answer.result["items"], answer.result["new"], answer.result["known"]) == (2, 0, 2)
        assert await ledger(at, "actual") == facts
        listed = await neighbour.ask("warnings", "list", municipality="4601")
    found = [Fact.model_validate_json(stored.data) for stored in facts]
    for fact, item in zip(found, parsers.parse(raw), strict=True):
        body = fact.data.body
        assert body["municipalities"] == list(item.municipalities)
        assert (body["raw"], body["quiet"], body["assumed_zone"]) == (digest(raw), False, True)
        assert fact.data.occurred_at == item.sent
    assert [row["key"] for row in listed["warnings"]] == [fact.data.body["key"] for fact in reversed(found)]
    for row, item in zip(reversed(listed["warnings"]), parsers.parse(raw), strict=True):
        assert row["content"] == rules.content_of(item)
        assert (row["open"], row["stands"]) == (True, True)
    message_kept = kept(hub, raw)
    assert message_kept is not None
    assert message_kept.message == raw


async def test_alert_update_and_all_clear_are_one_thread_that_ends(hub: Hub) -> None:
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        threads = set()
        for name in ("alert", "update", "extended"):
            answer = await bergen.accepted(message(sample(f"wind_{name}.cap", 1)), mode="exercise")
            (row,) = answer.result["warnings"]
            assert row["new"]
            threads.add(row["thread"])
        (thread,) = threads
        listed = await bergen.ask("warnings", "list", "exercise", thread=thread)
        assert [row["stands"] for row in listed["warnings"]] == [True, False, False]
        assert all(row["open"] for row in listed["warnings"])
        await bergen.accepted(message(sample("wind_all_clear.cap", 1)), mode="exercise")
        listed = await bergen.ask("warnings", "list", "exercise", thread=thread)
        assert [row["kind"] for row in listed["warnings"]] == ["all_clear", "update", "update", "alert"]
        assert not any(row["open"] for row in listed["warnings"])


async def test_a_higher_version_is_recorded_as_a_revision_of_the_same_warning(hub: Hub) -> None:
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        for name, revision in (("landslide_yellow.json", 1), ("landslide_orange.json", 2)):
            answer = await bergen.accepted(message(sample(name, 2)), mode="exercise")
            (row,) = answer.result["warnings"]
            assert (row["revision"], row["new"]) == (revision, True)
        late = await bergen.accepted(message(sample("landslide_yellow.json", 2)), mode="exercise")
        assert late.result["new"] == 0
        listed = await bergen.ask("warnings", "list", "exercise", municipality="1134")
    (row,) = [row for row in listed["warnings"] if row["key"] == "nve:landslide:990002:2027-01-15"]
    assert (row["revision"], row["awareness"], row["levels"]["1134"]) == (2, 3, 2)


async def test_what_was_cut_off_after_the_raw_message_is_finished_by_the_next_take(hub: Hub) -> None:
    raw = sample("wind_alert.cap", 3)
    now = datetime.now(UTC)
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        with opened(hub) as store:
            assert store.keep(Raw(digest(raw), "exercise", now, now, raw))
        answer = await bergen.accepted(message(raw), mode="exercise")
        assert answer.result["new"] == 1
        listed = await bergen.ask("warnings", "list", "exercise", thread=answer.result["warnings"][0]["key"])
    assert [row["id"] for row in listed["warnings"]] == [answer.receipt]


async def test_what_was_cut_off_between_two_facts_is_finished_by_the_next_take(hub: Hub) -> None:
    records = json.loads(sample("landslide_yellow.json", 4))
    tomorrow = [record | {"ValidFrom": "2027-01-16T07:00:00"} for record in records]
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        await bergen.accepted(message(json.dumps(records).encode()), mode="exercise")
        both = await bergen.accepted(message(json.dumps(records + tomorrow).encode()), mode="exercise")
    assert [row["new"] for row in both.result["warnings"]] == [False, True]


async def put_content(at: Office, raw: bytes, key: str) -> bytes:
    """Store a warning's text, as a room does that is killed before the fact; the sealed bytes."""
    (item,) = parsers.parse(raw)
    sealed, id = seal(rules.content_of(item)), rules.fact_id(item)
    subject = subjects.content("exercise", *subjects.split_key(key), "shared", id)
    nc = await at.connection(names.INTAKE_LEDGER)
    await nc.request(subject, sealed, timeout=5, headers={"Nats-Msg-Id": id})
    return sealed


async def test_what_was_cut_off_between_text_and_fact_is_finished_by_the_next_take(hub: Hub) -> None:
    raw = sample("wind_alert.cap", 30)
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        sealed = await put_content(at, raw, BERGEN)
        assert (await bergen.accepted(message(raw), mode="exercise")).result["new"] == 1
        (newest,) = (await ledger(at, "exercise"))[-1:]
    assert Fact.model_validate_json(newest.data).data.commitment == commitment(sealed)


async def test_what_was_cut_off_in_another_watch_is_not_said_to_be_known(hub: Hub) -> None:
    raw = sample("wind_alert.cap", 31)
    async with intake(hub) as at:
        bergen, neighbour = await at.caller(BERGEN, OPERATOR), await at.caller(NEIGHBOUR, OPERATOR)
        await put_content(at, raw, NEIGHBOUR)
        assert await bergen.refused(message(raw), mode="exercise") == "LEDGER_UNREACHABLE"
        assert (await neighbour.accepted(message(raw), mode="exercise")).result["new"] == 1
        assert (await bergen.accepted(message(raw), mode="exercise")).result["known"] == 1


async def test_one_message_from_two_watches_at_once_is_recorded_once(hub: Hub) -> None:
    request = message(sample("wind_alert.cap", 32))
    async with intake(hub) as at:
        callers = [await at.caller(key, OPERATOR) for key in (BERGEN, NEIGHBOUR)] * 4
        before = await ledger(at, "exercise")
        answers = await asyncio.gather(*(one.accepted(request, mode="exercise") for one in callers))
        assert len(await ledger(at, "exercise")) == len(before) + 1
    assert sum(answer.result["new"] for answer in answers) == 1


async def test_the_same_command_again_gives_the_same_answer(hub: Hub) -> None:
    request, id = message(sample("wind_alert.cap", 5)), new_id()
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        first = await bergen.accepted(request, mode="exercise", id=id)
        assert await bergen.accepted(request, mode="exercise", id=id) == first


async def test_a_room_that_starts_again_knows_what_was_taken_in(hub: Hub) -> None:
    request = message(sample("wind_alert.cap", 6))
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        await bergen.accepted(request, mode="exercise")
    async with intake(hub) as at:
        neighbour = await at.caller(NEIGHBOUR, OPERATOR)
        assert (await neighbour.accepted(request, mode="exercise")).result["known"] == 1


def unreadable() -> dict[str, tuple[bytes, str]]:
    """Messages that must be refused, and the reason."""
    wind = sample("wind_alert.cap", 7).replace(b"<headline>", b"<headline>KANARIFUGL ", 1)
    return {
        "actual": (wind.replace(b">Exercise<", b">Actual<"), "STATUS"),
        "test": (wind.replace(b">Exercise<", b">Test<"), "STATUS"),
        "draft": (wind.replace(b">Exercise<", b">Draft<"), "BAD_VALUE"),
        "private": (wind.replace(b">Public<", b">Private<"), "NOT_PUBLIC"),
        "dtd": (b"<!DOCTYPE a [<!ENTITY b 'KANARIFUGL'>]><a>&b;</a>", "DTD_FORBIDDEN"),
        "json": (b'[{"EventId": "KANARIFUGL"}]', "WRONG_SHAPE"),
        "text": (b"KANARIFUGL", "UNKNOWN_FORM"),
        "cut": (wind[: len(wind) // 2], "NOT_XML"),
    }


@pytest.mark.parametrize("name", unreadable())
async def test_what_cannot_be_read_is_refused_and_no_byte_of_it_is_kept(hub: Hub, name: str) -> None:
    raw, reason = unreadable()[name]
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        before = await ledger(at, "exercise")
        answer = await bergen.send(message(raw), mode="exercise")
        assert isinstance(answer, Refused)
        assert (answer.code, answer.parameters["reason"]) == ("UNREADABLE_WARNING", reason)
        assert "KANARIFUGL" not in answer.model_dump_json()
        assert await ledger(at, "exercise") == before
    assert kept(hub, raw) is None
    assert in_home(hub.settings, b"KANARIFUGL") == []


async def test_an_exercise_never_reaches_the_actual_ledger(hub: Hub) -> None:
    raw = sample("wind_alert.cap", 8)
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        answer = await bergen.send(message(raw))
        assert isinstance(answer, Refused)
        assert answer.parameters == {"reason": "STATUS"}
    assert kept(hub, raw) is None


async def test_bytes_that_were_changed_on_their_way_are_refused(hub: Hub) -> None:
    raw = sample("wind_alert.cap", 9)
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        damaged = TakeIn(raw=base64.b64encode(raw + b" ").decode(), digest=digest(raw))
        assert await bergen.refused(damaged, mode="exercise") == "UNREADABLE_WARNING"
        assert (
            await bergen.refused(TakeIn(raw="ikke base64!", digest=digest(raw)), mode="exercise")
            == "MALFORMED"
        )


async def test_two_mebibytes_are_taken_in_and_one_byte_more_is_not(hub: Hub) -> None:
    raw = sample("wind_alert.cap", 10)
    most = raw + b"\n" * (2 * 1024 * 1024 - len(raw))
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        assert (await bergen.accepted(message(most), mode="exercise")).result["new"] == 1
        assert await bergen.refused(message(most + b"\n"), mode="exercise") == "TOO_LARGE"


async def test_long_official_text_comes_back_whole(hub: Hub) -> None:
    text = "Flaum og jordskred. " * 950
    long = {"WarningText": text, "ConsequenceText": text}
    records = [record | long for record in json.loads(sample("landslide_yellow.json", 11))]
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        answer = await bergen.accepted(message(json.dumps(records).encode()), mode="exercise")
        (row,) = answer.result["warnings"]
        listed = await bergen.ask("warnings", "list", "exercise", thread=row["thread"])
    (found,) = listed["warnings"][0]["content"]["texts"]
    assert (found["description"], found["consequence"]) == (text, text)


async def test_a_reader_may_look_but_not_take_in(hub: Hub) -> None:
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        request = message(sample("wind_alert.cap", 12))
        assert await bergen.by(READER).refused(request, mode="exercise") == "NOT_ALLOWED"
        assert await bergen.by(None).refused(request, mode="exercise") == "TOKEN_ENDED"
        assert (await bergen.by(READER).ask("warnings", "list", "exercise"))["status"] == "ok"


async def test_a_machine_with_the_scope_report_may_take_in(hub: Hub) -> None:
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        machine = Machine(bergen._nc, bergen.org, bergen.watch)
        assert isinstance(
            await machine.send(message(sample("wind_alert.cap", 13)), mode="exercise"), Accepted
        )


async def test_the_authority_of_the_centre_file_may_take_in(hub: Hub) -> None:
    async with intake(hub) as at:
        centre = await at.caller("4601.centre")
        assert (await centre.accepted(message(sample("wind_alert.cap", 14)), mode="exercise")).result[
            "new"
        ] == 1


async def test_a_long_list_comes_in_pages(hub: Hub) -> None:
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        for number in range(20, 24):
            await bergen.accepted(message(sample("wind_update.cap", number)), mode="exercise")
        whole = await bergen.ask("warnings", "list", "exercise", municipality="4627")
        first = await bergen.ask("warnings", "list", "exercise", municipality="4627", limit=3)
        assert first["more"]
        last = first["warnings"][-1]["id"]
        rest = await bergen.ask("warnings", "list", "exercise", municipality="4627", before=last)
        wrong = await bergen.ask("warnings", "list", "exercise", limit=0)
    assert first["warnings"] + rest["warnings"] == whole["warnings"]
    assert not rest["more"]
    assert wrong["code"] == "MALFORMED"


class Machine(Caller):
    """A machine of the watch, with a token."""

    def actor(self) -> Any:
        """The machine."""
        return super().actor().model_copy(update={"machine": "poller-4601"})


async def test_the_same_warning_as_geojson_and_as_cap_is_told_once(hub: Hub) -> None:
    both = [sample("wind_alert.geojson", 71), sample("wind_alert.cap", 71)]
    async with intake(hub) as at:
        bergen = await at.caller(BERGEN, OPERATOR)
        for raw in both:
            answer = await bergen.accepted(message(raw), mode="exercise")
            assert (answer.result["items"], answer.result["new"]) == (1, 1)
        for raw in both:
            answer = await bergen.accepted(message(raw), mode="exercise")
            assert (answer.result["new"], answer.result["known"]) == (0, 1)
        key = answer.result["warnings"][0]["key"]
        listed = await bergen.ask("warnings", "list", mode="exercise", thread=key)
        facts = [one for one in listed["warnings"] if one["key"] == key]
    assert Warnings.model_validate(listed).warnings
    assert all(set(one) == set(WarningFound.model_fields) for one in facts)
    assert [(one["brief"], one["quiet"], one["stands"]) for one in facts] == [
        (False, True, True),
        (True, False, False),
    ]
