"""A message in the ledger that is no fact, or makes no sense, is kept and set aside, and delays nobody."""

import asyncio
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import subjects
from schemas.identifiers import new_id
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.direct import Direct, Stored
from tests.system.scene import Scene, example, scene, soon

pytestmark = pytest.mark.system
BERGEN, WORD = "4601.vaktsentral/leif", "Giftord"
DELAY_S = 1.0
ROOMS = {"incidents", "notifications"}
"""The rooms that tell of what they set aside; the others' folds count it and go on."""

Poison = tuple[str, str, bytes]
"""The user who publishes it, the subject, and the bytes."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path) -> Iterator[Scene]:
    """The example centre."""
    with scene(tmp_path_factory.mktemp("poison") / "home", example(), snapshot=hub_snapshot) as found:
        yield found


def tell(hub: Scene, headline: str = "Vanlig sak") -> float:
    """Report to the neighbour; seconds until the page is sent and the item lies in the feed."""
    began = time.monotonic()
    answer = hub.report(
        BERGEN, headline, priority="high", level="named", named=["4627"], notify=["4627.vakt"]
    )
    assert soon(lambda: hub.sent_to("harald", answer.ref or ""))
    items = soon(lambda: [one for one in hub.feed("4627") if one["id"] == answer.id])
    assert [(one["ref"], one["content"]) for one in items] == [(answer.ref, {"headline": headline})]
    shown = hub.ask(BERGEN, "incidents", "list", state="all", limit=1, after=answer.receipt)["incidents"]
    assert shown[0]["ref"] == answer.ref
    return time.monotonic() - began


def stored(hub: Scene, filter: str = ">") -> list[Stored]:
    """What lies in the ledger."""

    async def work() -> list[Stored]:
        nc = await connect(hub.hub.settings, names.INCIDENTS_ARCHIVE)
        try:
            direct = Direct(nc)
            await direct.open()
            return await direct.history(names.ledger(hub.mode), filter)
        finally:
            await nc.close()

    return asyncio.run(work())


def put(hub: Scene, poisons: list[Poison]) -> list[int]:
    """Publish straight into the ledger, past every door; the sequences."""

    async def work() -> list[int]:
        found = []
        for user, subject, raw in poisons:
            nc = await connect(hub.hub.settings, user)
            try:
                reply = await nc.request(subject, raw, timeout=5)
            finally:
                await nc.close()
            found.append(orjson.loads(reply.data)["seq"])
        return found

    return asyncio.run(work())


def parked(hub: Scene) -> list[dict[str, Any]]:
    """What `samvirke parked` lists."""
    code, answer = hub.said(BERGEN, "parked")
    assert code == 0
    rows: list[dict[str, Any]] = answer["parked"]
    return rows


def places(rows: list[dict[str, Any]]) -> set[tuple[str, int]]:
    """Room and sequence of each."""
    return {(row["service"], row["sequence"]) for row in rows}


def base_fact(hub: Scene) -> dict[str, Any]:
    """A sound fact: an opening, without words."""
    filter = subjects.facts_of_trade(hub.mode, "incidents", "opened")
    fact: dict[str, Any] = orjson.loads(stored(hub, filter)[0].data)
    return fact | {
        "data": {k: v for k, v in fact["data"].items() if k not in ("commitment", "content_class")}
    }


def forged(hub: Scene, fact: Any, name: str = "opened", trade: str = "incidents", user: str = "") -> Poison:
    """A poison of bytes, or of a fact, in the watch that reports here."""
    raw = fact if isinstance(fact, bytes) else orjson.dumps(fact)
    about = new_id() if isinstance(fact, bytes) else fact["subject"]
    subject = subjects.fact(hub.mode, "4601", "vaktsentral", trade, about, name)
    return user or names.INCIDENTS_LEDGER, subject, raw


def changed(base: dict[str, Any], data: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A fact with other parts."""
    fact = copy.deepcopy(base) | {"id": new_id(), "subject": new_id()} | top
    fact["data"] |= data or {}
    return fact


def opening(base: dict[str, Any], **body: Any) -> dict[str, Any]:
    """An opening whose body is changed."""
    return changed(base, {"body": base["data"]["body"] | body})


def test_a_message_that_is_no_fact_is_kept_and_listed_by_its_place_and_delays_nobody(hub: Scene) -> None:
    usual = min(tell(hub) for _ in range(2))
    base = base_fact(hub)
    poisons = [
        forged(hub, f"{WORD}: ikke JSON".encode()),
        forged(hub, orjson.dumps({"hei": WORD})),
        forged(hub, opening(base, priority=WORD)),
    ]
    sequences = put(hub, poisons)
    assert tell(hub) <= usual + DELAY_S
    expected = {(room, sequence) for room in ROOMS for sequence in sequences}
    assert soon(lambda: expected <= places(parked(hub)))
    rows = [row for row in parked(hub) if row["sequence"] in sequences]
    assert {frozenset(row) for row in rows} == {frozenset({"service", "code", "stream", "epoch", "sequence"})}
    assert {row["code"] for row in rows} == {"UNREADABLE"}
    assert WORD not in json.dumps(rows)
    logs = b"".join(path.read_bytes() for path in (hub.hub.home / "log").iterdir())
    assert WORD.encode() not in logs + hub.hub.output.read_bytes()
    kept = {one.sequence: one.data for one in stored(hub)}
    assert [kept[sequence] for sequence in sequences] == [raw for *_, raw in poisons]


def test_a_type_that_this_version_does_not_know_is_archived_and_set_aside_by_nobody(hub: Scene) -> None:
    fact = changed(base_fact(hub), type="samvirke.incidents.vanished.v1")
    sequences = put(hub, [forged(hub, fact, name="vanished")])
    assert tell(hub) > 0
    assert {row["sequence"] for row in parked(hub)}.isdisjoint(sequences)


def test_whatever_a_fact_holds_in_the_wrong_place_the_next_report_is_told_and_listed(hub: Scene) -> None:
    tell(hub)
    base = base_fact(hub)
    wrong: list[Any] = [
        *(b"", b"null", b"[" * 5000, b'{"id":"a","id":"b"}', b"1e999", b"\xff"),
        *(opening(base, level="galaxy"), opening(base, ref=None), opening(base, named="4627")),
        *(opening(base, municipalities=[1]), opening(base, notify=[3]), opening(base, type=7)),
        opening(base, level="public", notify=["no.such", "4601.nobody"]),
        *(changed(base, {"body": [1]}), changed(base, {"actor": {}}), changed(base, {"owner": 5})),
        *(changed(base, {"controller": None}), changed(base, {"mode": "none"})),
        *(changed(base, {"occurred_at": "yesterday"}), changed(base, {"commitment": "zz"})),
        *(changed(base, time="2026-01-01T00:00:00"), changed(base, time="9999-12-31T23:59:59+00:00")),
        *(changed(base, time="0001-01-01T00:00:00+00:00"), changed(base, source="a\x00b")),
        *(changed(base, id=base["id"]), changed(base, subject=base["subject"]), changed(base, id="a b")),
    ]
    poisons = [forged(hub, fact) for fact in wrong]
    bodies: dict[str, list[Any]] = {
        "entry_added": [{"kind": "nonsense"}, {"incident": 5}, {}],
        "state_changed": [{"state": "gone", "former": "new"}, {}],
        "shared": [{"entry": "head", "level": "bogus"}, {"entry": "none", "level": "public"}, {"entry": 5}],
        "erased": [{"fact": 5}, {"fact": "../../up", "ground": "x", "law": "y", "asked_by": "z"}, {}],
        "corrected": [{"entry": "none", "manner": "strike", "level": "public"}, {"entry": 5}],
    }
    for name, found in bodies.items():
        for body in found:
            fact = changed(base, {"body": body}, type=f"samvirke.incidents.{name}.v1")
            poisons += [forged(hub, fact, name), forged(hub, fact | {"subject": base["subject"]}, name)]
    put(hub, [*poisons, *of_other_rooms(hub, base)])
    tell(hub)
    assert hub.ask(BERGEN, "incidents", "get", id=base["subject"])["incident"]["id"] == base["subject"]
    assert not list(hub.hub.home.parent.glob("up*"))


def of_other_rooms(hub: Scene, base: dict[str, Any]) -> list[Poison]:
    """Facts of every trade that make no sense, by the user that may write them."""
    facts: list[tuple[str, str, str, Any]] = [
        (names.PEOPLE_LEDGER, "people", "granted", {"person": "a", "role": "king", "where": "x"}),
        (names.PEOPLE_LEDGER, "people", "token_issued", {"machine": 1, "until": "x"}),
        (names.PEOPLE_LEDGER, "people", "forgotten", {"person": "nobody"}),
        (names.WATCH_LEDGER, "watch", "established", {"watch": "x", "hidden": "maybe"}),
        (names.WATCH_LEDGER, "watch", "manned", {"post": "duty"}),
        (names.FEEDS_LEDGER, "feeds", "agreed", {"parties": None}),
        (names.FEEDS_LEDGER, "feeds", "subscribed", {"subscriber": "4627", "modes": ["x"]}),
        (names.NOTIFICATIONS_LEDGER, "notifications", "started", {"chain": "c"}),
        (names.NOTIFICATIONS_LEDGER, "notifications", "acknowledged", {"chain": "none"}),
        (names.NOTIFICATIONS_LEDGER, "notifications", "sent", {"chain": 5}),
        (names.INTAKE_LEDGER, "warnings", "published", {"source": "x", "revision": "z"}),
    ]
    made = []
    for user, trade, name, body in facts:
        fact = changed(base, {"body": body}, type=f"samvirke.{trade}.{name}.v1")
        made += [forged(hub, fact, name, trade, user), forged(hub, b"not JSON", name, trade, user)]
    return made


def test_after_a_restart_all_goes_on_and_nothing_is_set_aside_a_second_time(hub: Scene) -> None:
    before = soon(lambda: (rows := parked(hub)) == parked(hub) and rows)
    hub.hub.stop()
    hub.hub.start()
    tell(hub)
    after = parked(hub)
    assert (len(after), places(after)) == (len(before), places(before))
    assert hub.said("4627.vakt/harald", "duty")[0] == 0
    done = hub.said(BERGEN, "verify")
    assert done[0] == 0, done[1]
