"""The edge: forbidden words reach no disk, nothing typed is lost, and nothing is done twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Accepted, Actor, Answer, Refused
from schemas.incidents import AddEntry, CorrectEntry, OpenIncident
from schemas.people import MakeLink
from schemas.subjects import Address
from schemas.vocabulary import Authentication, Level, Tag
from services.runtime import names
from services.runtime.door import Door, Route
from services.runtime.edge import AskRefused, Edge, Kept, Unanswered
from services.runtime.reading import Received, Refusal
from services.runtime.settings import Settings
from services.runtime.spool import resend_all, spool_of
from tests.hub import Hub

KEY = "4601.vaktsentral"
ACTOR = Actor(
    person="kari",
    organisation="4601",
    watch="vaktsentral",
    via="test",
    authentication=Authentication.CREDENTIAL,
)
IDENTITY_NUMBER = "15076500565"


class OpenGate:
    """A ledger in good order, as a door sees it."""

    reason = None


class Answering:
    """What the hub answers, and what it was sent."""

    def __init__(self, answer: Callable[[Received], Answer] | None = None) -> None:
        self.answer = answer or accept
        self.received: list[Received] = []

    async def take(self, received: Received) -> Answer:
        self.received.append(received)
        return self.answer(received)

    async def tell(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        if body.get("ref") == "unknown":
            raise Refusal("UNKNOWN_INCIDENT")
        return {"status": "ok", "asked": body, "watch": address.key}


def accept(received: Received) -> Answer:
    command = received.command
    return Accepted(id=command.id, subject="s", ref="ABC1230", receipt=command.id)


def refuse(code: str) -> Callable[[Received], Answer]:
    return lambda _: Refused(code=code)


@asynccontextmanager
async def door(settings: Settings, hub: Answering, trade: str = "incidents") -> AsyncIterator[None]:
    user = {"incidents": names.INCIDENTS_DOOR, "watch": names.WATCH_DOOR}[trade]
    routes = tuple(Route(model, hub.take) for model in (OpenIncident, AddEntry, CorrectEntry))
    gates: Any = {"actual": OpenGate(), "exercise": OpenGate()}
    serving = Door(settings, user, trade, routes, {"duty": hub.tell}, gates)
    await serving.start()
    try:
        yield
    finally:
        await serving.stop()


@asynccontextmanager
async def an_edge(settings: Settings, health: str = "reference") -> AsyncIterator[Edge]:
    edge = await Edge.open(settings, KEY, "test", health)
    try:
        yield edge
    finally:
        await edge.close()
        for row in edge.spool.rows():
            edge.spool.remove(row.id)


def opening(**fields: Any) -> OpenIncident:
    return OpenIncident(incident="incident-1", type="water.leak", **fields)


WORDS = {"headline": "Vannlekkasje i Øvre gate"}


async def test_a_command_that_is_taken_is_not_kept(broker: Hub) -> None:
    hub = Answering()
    async with door(broker.settings, hub), an_edge(broker.settings) as edge:
        answer = await edge.send("actual", opening(), ACTOR, WORDS)
        assert isinstance(answer, Accepted)
        assert answer.ref == "ABC1230"
        assert edge.spool.count() == 0
    assert hub.received[0].content_dict() == WORDS
    assert hub.received[0].command.data.resend is False


async def test_a_refusal_of_the_hub_is_the_answer_and_is_not_kept(broker: Hub) -> None:
    async with (
        door(broker.settings, Answering(refuse("NOT_ALLOWED"))),
        an_edge(broker.settings) as edge,
    ):
        assert await edge.send("actual", opening(), ACTOR, WORDS) == Refused(code="NOT_ALLOWED")
        assert edge.spool.count() == 0


async def test_with_no_door_a_command_is_kept_and_goes_later_with_the_same_id(broker: Hub) -> None:
    hub = Answering()
    async with an_edge(broker.settings) as edge:
        first = await edge.send("actual", opening(), ACTOR, WORDS)
        second = await edge.send("actual", AddEntry(incident="incident-1"), ACTOR, {"text": "Graver nå"})
        assert isinstance(first, Kept)
        assert isinstance(second, Kept)
        assert [row.id for row in edge.spool.rows()] == [first.id, second.id]
        async with door(broker.settings, hub):
            answers = await edge.resend()
        assert [id for id, _ in answers] == [first.id, second.id]
        assert edge.spool.count() == 0
    assert [(one.command.id, one.command.data.resend) for one in hub.received] == [
        (first.id, True),
        (second.id, True),
    ]


async def test_what_waits_goes_before_what_is_typed_now(broker: Hub) -> None:
    hub = Answering()
    async with an_edge(broker.settings) as edge:
        kept = await edge.send("actual", opening(), ACTOR, WORDS)
        assert isinstance(kept, Kept)
        async with door(broker.settings, hub):
            answer = await edge.send("actual", AddEntry(incident="incident-1"), ACTOR, {"text": "Nå"})
        assert isinstance(answer, Accepted)
    assert [one.command.id for one in hub.received] == [kept.id, answer.id]


@pytest.mark.parametrize("code", ["LEDGER_BEHIND", "LEDGER_UNREACHABLE", "LEDGER_FULL", "INTERNAL"])
async def test_a_refusal_that_may_pass_keeps_the_command(broker: Hub, code: str) -> None:
    hub = Answering(refuse(code))
    async with door(broker.settings, hub), an_edge(broker.settings) as edge:
        kept = await edge.send("actual", opening(), ACTOR, WORDS)
        assert isinstance(kept, Kept)
        assert kept.reason == code
        assert await edge.resend() == []
        assert edge.spool.count() == 1
        hub.answer = accept
        assert [id for id, _ in await edge.resend()] == [kept.id]


async def test_a_command_on_which_the_hub_stumbles_does_not_hold_up_the_next(broker: Hub) -> None:
    hub = Answering(refuse("INTERNAL"))
    async with door(broker.settings, hub), an_edge(broker.settings) as edge:
        stumbling = await edge.send("actual", opening(), ACTOR, WORDS)
        assert isinstance(stumbling, Kept)
        hub.answer = lambda got: refuse("INTERNAL")(got) if got.command.id == stumbling.id else accept(got)
        assert isinstance(await edge.send("actual", opening(), ACTOR, WORDS), Accepted)
        assert [row.id for row in edge.spool.rows()] == [stumbling.id]


async def test_a_kept_command_that_is_refused_in_the_end_is_removed_and_told(broker: Hub) -> None:
    hub = Answering(refuse("UNKNOWN_INCIDENT"))
    async with an_edge(broker.settings) as edge:
        kept = await edge.send("actual", opening(), ACTOR, WORDS)
        assert isinstance(kept, Kept)
        async with door(broker.settings, hub):
            assert await edge.resend() == [(kept.id, Refused(code="UNKNOWN_INCIDENT"))]
        assert edge.spool.count() == 0


@pytest.mark.parametrize(
    ("fields", "words", "code"),
    [
        ({"tags": [Tag.GRADED]}, WORDS, "GRADED_NEVER_STORED"),
        ({"tags": [Tag.CHILD], "level": Level.REGION}, WORDS, "LEVEL_ABOVE_CAP"),
        ({}, {"text": f"Gjelder {IDENTITY_NUMBER}"}, "PERSON_TAG_MISSING"),
        ({}, {"text": "for \x00 kort"}, "MALFORMED"),
        ({}, {"unknown": "field"}, "MALFORMED"),
        ({}, {"text": "å" * 19_999, "basis": "å" * 19_999}, "TOO_LARGE"),
    ],
)
async def test_what_may_never_be_kept_reaches_no_disk_though_the_hub_is_away(
    tmp_path: Path, fields: dict[str, Any], words: dict[str, Any], code: str
) -> None:
    async with an_edge(Settings(home=tmp_path)) as edge:
        answer = await edge.send("actual", opening(**fields), ACTOR, words)
        assert isinstance(answer, Refused)
        assert answer.code == code
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_health_text_is_kept_only_where_the_watch_keeps_such_text(tmp_path: Path) -> None:
    settings, request = Settings(home=tmp_path), opening(tags=[Tag.HEALTH])
    async with an_edge(settings) as edge:
        answer = await edge.send("actual", request, ACTOR, WORDS)
        assert isinstance(answer, Refused)
        assert answer.code == "LEDGER_UNREACHABLE"
        assert edge.spool.count() == 0
    async with an_edge(settings, health="watch") as edge:
        assert isinstance(await edge.send("actual", request, ACTOR, WORDS), Kept)


async def test_an_identity_number_in_a_correction_is_not_kept_while_its_tags_are_unknown(
    tmp_path: Path,
) -> None:
    request = CorrectEntry(incident="incident-1", entry="entry-1", manner="replace")
    async with an_edge(Settings(home=tmp_path)) as edge:
        answer = await edge.send("actual", request, ACTOR, {"text": IDENTITY_NUMBER})
        assert isinstance(answer, Refused)
        assert edge.spool.count() == 0


async def test_a_command_whose_answer_holds_a_secret_is_not_kept(tmp_path: Path) -> None:
    async with an_edge(Settings(home=tmp_path)) as edge:
        answer = await edge.send("actual", MakeLink(person="kari"), ACTOR)
        assert isinstance(answer, Refused)
        assert answer.code == "LEDGER_UNREACHABLE"
        assert edge.spool.count() == 0


@pytest.mark.timed
async def test_the_sender_is_told_within_seconds_that_a_broker_is_away(tmp_path: Path) -> None:
    began = time.monotonic()
    async with an_edge(Settings(home=tmp_path)) as edge:
        for _ in range(3):
            assert isinstance(await edge.send("actual", opening(), ACTOR, WORDS), Kept)
    assert time.monotonic() - began < 5


async def test_an_edge_speaks_for_its_own_watch_only(tmp_path: Path) -> None:
    async with an_edge(Settings(home=tmp_path)) as edge:
        foreign = ACTOR.model_copy(update={"watch": "barnevern"})
        assert await edge.send("actual", opening(), foreign, WORDS) == Refused(code="WRONG_SENDER")


async def test_when_it_happened_and_its_id_are_the_senders_to_say(broker: Hub) -> None:
    hub, earlier = Answering(), datetime(2027, 1, 14, 8, 0, tzinfo=UTC)
    async with door(broker.settings, hub), an_edge(broker.settings) as edge:
        answer = await edge.send(
            "exercise", opening(), ACTOR, WORDS, occurred_at=earlier, command_id="chosen-id"
        )
    assert isinstance(answer, Accepted)
    assert (answer.id, hub.received[0].command.data.occurred_at) == ("chosen-id", earlier)
    assert hub.received[0].address.mode == "exercise"


async def test_a_question_is_answered_refused_or_unanswered(broker: Hub) -> None:
    async with an_edge(broker.settings) as edge:
        with pytest.raises(Unanswered):
            await edge.ask("actual", "watch", "duty", ACTOR)
        async with door(broker.settings, Answering(), "watch"):
            found = await edge.ask("actual", "watch", "duty", ACTOR, at=None, watch=KEY)
            with pytest.raises(AskRefused) as refused:
                await edge.ask("actual", "watch", "duty", ACTOR, ref="unknown")
    assert found["watch"] == KEY
    assert found["asked"]["actor"]["person"] == "kari"
    assert "at" not in found["asked"]
    assert refused.value.code == "UNKNOWN_INCIDENT"


async def test_an_edge_outlives_a_broker_that_goes_and_comes_back(fresh_broker: Hub) -> None:
    hub, settings = Answering(), fresh_broker.settings
    async with door(settings, hub), an_edge(settings) as edge:
        assert isinstance(await edge.send("actual", opening(), ACTOR, WORDS), Accepted)
        await fresh_broker.broker.stop()
        kept = await edge.send("actual", opening(), ACTOR, WORDS)
        assert isinstance(kept, Kept)
        await fresh_broker.broker.start()
        async with asyncio.timeout(20):
            while edge.spool.count():
                await edge.resend()
                await asyncio.sleep(0.1)
    assert hub.received[-1].command.id == kept.id


async def test_a_hub_that_runs_empties_every_spool(broker: Hub) -> None:
    hub = Answering()
    async with an_edge(broker.settings) as edge:
        await edge.send("actual", opening(), ACTOR, WORDS)
    other = Actor(
        machine="m", organisation="4624", watch="main", via="t", authentication=Authentication.TOKEN
    )
    edge = await Edge.open(broker.settings, "4624.main", "test")
    await edge.send("actual", opening(), other, WORDS)
    await edge.close()
    async with door(broker.settings, hub):
        assert await resend_all(broker.settings) == 1
    assert spool_of(broker.settings, "4624.main").count() == 0
    assert [one.address.key for one in hub.received] == ["4624.main"]
