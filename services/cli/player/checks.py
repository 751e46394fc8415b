"""What the player looks at by itself: who has what, who was told, who must not know."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.envelope import Accepted
from schemas.exercise_parts import Event
from services.cli.player import leaks
from services.cli.player.acts import Opened
from services.cli.player.phones import REPEATED
from services.cli.player.tellings import FAILED, SILENT, WAITING, Telling

if TYPE_CHECKING:
    from services.cli.player.play import Player

Items = list[dict[str, Any]]
DELIVERED_S, LOOK_S = 10.0, 0.2
_ONCE = ("incident", "entry", "shared", "warning", "correction", "state")


async def sight(player: Player, event: Event) -> None:
    """Ask at once, as each watch that the event names, whether it finds the item or rightly does not."""
    mine = next((one for one in reversed(player.played) if one.event is event), None)
    wanted = [(watch, True) for watch in event.seen_by] + [(watch, False) for watch in event.not_seen_by]
    if mine is None or event.incident not in player.known.incidents:
        return
    opened, item = player.known.incidents[event.incident], mine.items[0]
    found = await asyncio.gather(*(_sees(player, watch, opened, item, mine.fact) for watch, _ in wanted))
    check = player.report.check("Who shall find it finds it, and nobody else")
    for (watch, must), does in zip(wanted, found, strict=True):
        check.hold(does == must, f"{event.no}: {watch} {'does not find' if must else 'finds'} it")


async def _sees(player: Player, watch: str, opened: Opened, item: str, receipt: str) -> bool:
    person = player.person_of(watch)
    answer = await player.hub.ask(watch, person, "incidents", "get", id=opened.id, after=receipt)
    if answer["status"] != "ok":
        return False
    if item == opened.head:
        return answer["incident"].get("type") is not None
    return item in {entry["id"] for entry in answer["entries"]}


async def warnings_of(player: Player, event: Event, answer: Accepted) -> list[str]:
    """The ids of the warnings in a message, those that the hub had before among them."""
    watch, person = player.sender(event)
    wanted = {(one["key"], one["revision"]) for one in answer.result["warnings"]}
    listed = await player.hub.ask(watch, person, "warnings", "list", limit=200)
    return [one["id"] for one in listed["warnings"] if (one["key"], one["revision"]) in wanted]


async def look(player: Player) -> None:
    """All that can only be said at the end."""
    feeds = await _feeds(player)
    _deliveries(player, feeds)
    _order(player, feeds)
    await _lines(player)
    _messages(player)
    await _chains(player)
    await _actual(player)
    await leaks.look(player, feeds)


async def _feeds(player: Player) -> dict[str, Items]:
    """What every organisation's line has got in this run, once all that must come has come."""
    deadline = asyncio.get_running_loop().time() + DELIVERED_S
    while True:
        await asyncio.gather(*(line.fill() for line in player.lines.values()))
        feeds = {org: line.items for org, line in player.lines.items()}
        if not _missing(player, feeds) or asyncio.get_running_loop().time() > deadline:
            return feeds
        await asyncio.sleep(LOOK_S)


def _missing(player: Player, feeds: dict[str, Items]) -> list[tuple[str, str]]:
    """Event and organisation for each item that has not come."""
    has = {org: player.before[org] | {item["id"] for item in items} for org, items in feeds.items()}
    return [
        (one.event.no, org)
        for one in player.played
        for org in one.event.delivered
        if not has.get(org, set()).intersection(one.items)
    ]


def _deliveries(player: Player, feeds: dict[str, Items]) -> None:
    check = player.report.check("Each has what it must have, once, and nothing else")
    check.looked += sum(len(one.event.delivered) for one in player.played)
    check.faults += [f"{no}: {org} does not have it" for no, org in _missing(player, feeds)]
    for org, items in feeds.items():
        counts = Counter((item["id"], item["kind"]) for item in items if item["kind"] in _ONCE)
        for (id, kind), count in counts.items():
            check.hold(count == 1, f"{org} has {kind} {id} {count} times")
    for one in player.played:
        is_share = one.event.share is not None
        for org in one.event.not_delivered:
            has = {item["id"] for item in feeds.get(org, []) if is_share or item["kind"] != "shared"}
            check.hold(not has.intersection(one.items), f"{one.event.no}: {org} has it, and must not")


def _order(player: Player, feeds: dict[str, Items]) -> None:
    """In every feed the items of one incident stand in the order in which they were given."""
    check = player.report.check("Each incident's items come in order")
    places: dict[tuple[str, bool], tuple[str, int]] = {}
    for index, one in enumerate(player.played):
        for item in one.items:
            places[item, one.event.share is not None] = (one.event.incident or "", index)
    for org, items in feeds.items():
        last: dict[str, int] = {}
        for given in items:
            letter, index = places.get((given["id"], given["kind"] == "shared"), ("", -1))
            if letter:
                check.hold(index >= last.get(letter, -1), f"{org}: {letter} is out of order")
                last[letter] = index


async def _lines(player: Player) -> None:
    check = player.report.check("Whose line was lost has all afterwards, in order, once")
    for org in (event.cut.organisation for event in player.events if event.cut is not None):
        line = player.lines[org]
        asked, _ = await player.hub.feed(org, line.start)
        got = [item["position"] for item in line.items]
        check.hold(got == [item["position"] for item in asked], f"{org} has other items")
        check.hold(len(got) == len(set(got)), f"{org} has items twice")
        player.report.missed[org] = line.missed


def _messages(player: Player) -> None:
    check = player.report.check("Everybody who must be told is told, once")
    counts = Counter(message.reference for message in player.phones.taken if REPEATED not in message.text)
    for telling in player.tellings:
        no, watch = telling.event.no, telling.watch
        if not telling.left_out:
            check.hold(
                telling.state not in (FAILED, WAITING), f"{no}: {telling.answers.by} of {watch} was not told"
            )
        for who, message in telling.heard:
            check.hold(counts[message.reference] <= 1, f"{no}: {who} of {watch} was told twice")
    for message in player.strange:
        check.hold(False, f"a message that nobody expected: {message.to} {message.at.isoformat()}")


async def _chains(player: Player) -> None:
    """Every chain of the run has ended as the file says, and has gone as far, and no other."""
    ends = player.report.check("Every notification ends as the file says")
    steps = player.report.check("Exactly the expected notifications go on to further people")
    wanted = {one.chain: one for one in player.tellings if one.chain}
    found: dict[str, dict[str, Any]] = {}
    for opened in player.known.incidents.values():
        found |= await _asked(player, opened.owner, opened.id)
    for telling in player.tellings:
        if telling.chain and telling.chain not in found:
            found |= await _asked(player, telling.watch, telling.incident)
        elif telling.is_gap and not telling.left_out:
            gap = await _of_gap(player, telling)
            ends.hold(gap, f"{telling.event.no}: the empty post of {telling.watch} was not said")
            found |= gap
            wanted |= dict.fromkeys(gap, telling)
    for id, one in wanted.items():
        _hold_chain(one, found.get(id), ends, steps)
    for id, chain in found.items():
        ends.hold(id in wanted, f"a notification of {chain['watch']} that nobody expected")
    player.report.chains = len(found)


async def _of_gap(player: Player, telling: Telling) -> dict[str, dict[str, Any]]:
    post = telling.event.man.post if telling.event.man else "duty"
    found = await _asked(player, telling.watch, post)
    return {id: chain for id, chain in found.items() if chain["watch"] == telling.watch}


def _hold_chain(telling: Telling, chain: dict[str, Any] | None, ends: Any, steps: Any) -> None:
    no, watch = telling.event.no, telling.watch
    outcome = "nobody_reached" if telling.state == SILENT else "acknowledged"
    state = chain["state"] if chain else "absent"
    ends.hold(state == outcome, f"{no}: that of {watch} is {state}, not {outcome}")
    went = [step["function"] for step in chain["steps"] if step["what"] == "escalated"] if chain else []
    expected = next((one.to for one in telling.event.escalates if one.watch == watch), [])
    wanted = ["primary" if who == "coordinator" else who for who in expected]
    steps.hold(
        went == wanted, f"{no}: that of {watch} went on to {went or 'nobody'}, not {wanted or 'nobody'}"
    )


async def _asked(player: Player, watch: str, incident: str) -> dict[str, dict[str, Any]]:
    """The chains of this run about an incident or post, as its watch may see them, by id."""
    person = player.person_of(watch)
    answer = await player.hub.ask(watch, person, "notifications", "chains", incident=incident)
    began = datetime.fromisoformat(player.report.begun_at)
    return {
        chain["chain"]: chain
        for chain in answer.get("chains", [])
        if datetime.fromisoformat(chain["started_at"]) >= began
    }


async def _actual(player: Player) -> None:
    """No item of the run reaches who asks for what is actual."""
    check = player.report.check("Nothing of the exercise is in any feed of what is actual")
    mine = {item for one in player.played for item in (one.fact, *one.items)}
    for org, start in player.actual.items():
        items, _ = await player.hub.actual_feed(org, start)
        check.hold(not mine.intersection(item["id"] for item in items), f"{org} has items of the exercise")
