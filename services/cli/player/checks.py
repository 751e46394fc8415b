"""What the player looks at by itself: who has what, who was told, who must not know."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.envelope import Accepted
from schemas.exercise_parts import Event
from schemas.vocabulary import ReadReason
from services.cli.player import leaks
from services.cli.player.acts import Opened
from services.cli.player.pace import key_at
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
    check = player.report.check("sight")
    for (watch, must), does in zip(wanted, found, strict=True):
        told = {"no": event.no, "who": watch}
        if must:
            check.hold(does, "{no}: {who} does not find it", **told)
        else:
            check.hold(not does, "{no}: {who} finds it, and must not", **told)


async def _sees(player: Player, watch: str, opened: Opened, item: str, receipt: str) -> bool:
    person = player.person_of(watch)
    asked = {"id": opened.id, "after": receipt, "reason": ReadReason.DUTY.value}
    answer = await player.hub.ask(watch, person, "incidents", "get", **asked)
    if answer["status"] != "ok":
        return False
    if item == opened.head:
        return answer["incident"].get("type") is not None
    return item in {entry["id"] for entry in answer["entries"]}


async def warnings_of(player: Player, event: Event, answer: Accepted) -> list[str]:
    """The ids of the warnings that a message has born: what the hub had before changes nothing."""
    watch, person = player.sender(event)
    wanted = {(one["key"], one["revision"]) for one in answer.result["warnings"] if one["new"]}
    if len(wanted) < len(answer.result["warnings"]):
        player.report.known.append(event.no)
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
    has = {org: {item["id"] for item in items} for org, items in feeds.items()}
    return [
        (one.event.no, org)
        for one in player.played
        for org in one.event.delivered
        if one.event.no not in player.report.known
        if not has.get(org, set()).intersection(one.items)
    ]


def _deliveries(player: Player, feeds: dict[str, Items]) -> None:
    check = player.report.check("deliveries")
    missing = _missing(player, feeds)
    for one in player.played:
        for org in one.event.delivered:
            is_there = (one.event.no, org) not in missing
            check.hold(is_there, "{no}: {who} does not have it", no=one.event.no, who=org)
    for org, items in feeds.items():
        counts = Counter((item["id"], item["kind"]) for item in items if item["kind"] in _ONCE)
        for (id, _), count in counts.items():
            check.hold(count == 1, "{who} has {item} {count} times", who=org, item=id, count=count)
    for one in player.played:
        is_share = one.event.share is not None
        for org in one.event.not_delivered:
            has = {item["id"] for item in feeds.get(org, []) if is_share or item["kind"] != "shared"}
            is_absent = not has.intersection(one.items)
            check.hold(is_absent, "{no}: {who} has it, and must not", no=one.event.no, who=org)


def _order(player: Player, feeds: dict[str, Items]) -> None:
    """In every feed the items of one incident stand in the order in which they were given."""
    check = player.report.check("order")
    places: dict[tuple[str, bool], tuple[str, int]] = {}
    for index, one in enumerate(player.played):
        for item in one.items:
            places[item, one.event.share is not None] = (one.event.incident or "", index)
    for org, items in feeds.items():
        last: dict[str, int] = {}
        for given in items:
            letter, index = places.get((given["id"], given["kind"] == "shared"), ("", -1))
            if letter:
                is_later = index >= last.get(letter, -1)
                check.hold(is_later, "{who}: {incident} is out of order", who=org, incident=letter)
                last[letter] = index


async def _lines(player: Player) -> None:
    check = player.report.check("lines")
    for org in (event.cut.organisation for event in player.events if event.cut is not None):
        line = player.lines[org]
        asked, _ = await player.hub.feed(org, line.start)
        got = [item["position"] for item in line.items]
        is_same = got == [item["position"] for item in asked]
        check.hold(is_same, "{who} followed other items than it may ask for", who=org)
        player.report.missed[org] = line.missed


def _messages(player: Player) -> None:
    check = player.report.check("messages")
    counts = Counter(message.reference for message in player.phones.taken if REPEATED not in message.text)
    for telling in player.pace.tellings:
        no, watch = telling.event.no, telling.watch
        if not telling.left_out:
            is_told = telling.state not in (FAILED, WAITING)
            by = telling.answers.by
            check.hold(is_told, "{no}: {function} of {who} was not told", no=no, who=watch, function=by)
        for who, message in telling.heard:
            is_once = counts[message.reference] <= 1
            check.hold(is_once, "{no}: {function} of {who} was told twice", no=no, who=watch, function=who)
    for message in player.pace.strange:
        told = {"who": key_at(player.plan.centre, message.to), "at": message.at.isoformat()}
        check.hold(False, "{who} was told of something that nobody expected, at {at}", **told)


async def _chains(player: Player) -> None:
    """Every chain of the run has ended as the file says, and has gone as far, and no other."""
    ends = player.report.check("notifications")
    steps = player.report.check("escalations")
    wanted = {one.chain: one for one in player.pace.tellings if one.chain}
    found: dict[str, dict[str, Any]] = {}
    for opened in player.known.incidents.values():
        found |= await _asked(player, opened.owner, opened.id)
    for begun in player.reports.wheels.values():
        found |= await _asked(player, begun.owner, begun.id)
    for telling in player.pace.tellings:
        if telling.chain and telling.chain not in found:
            found |= await _asked(player, telling.watch, telling.incident)
        elif telling.is_gap and not telling.left_out:
            gap = await _of_gap(player, telling)
            no, watch = telling.event.no, telling.watch
            ends.hold(gap, "{no}: the empty post of {who} was not said", no=no, who=watch)
            found |= gap
            wanted |= dict.fromkeys(gap, telling)
    for id, one in wanted.items():
        _hold_chain(one, found.get(id), ends, steps)
    for id, chain in found.items():
        ends.hold(id in wanted, "{who} was told of something that nobody expected", who=chain["watch"])
    player.report.chains = len(found)


async def _of_gap(player: Player, telling: Telling) -> dict[str, dict[str, Any]]:
    post = telling.event.man.post if telling.event.man else "duty"
    found = await _asked(player, telling.watch, post)
    return {id: chain for id, chain in found.items() if chain["watch"] == telling.watch}


def _hold_chain(telling: Telling, chain: dict[str, Any] | None, ends: Any, steps: Any) -> None:
    no, watch = telling.event.no, telling.watch
    outcome = "nobody_reached" if telling.state == SILENT else "acknowledged"
    state = chain["state"] if chain else "absent"
    told = {"no": no, "who": watch}
    is_so = state == outcome
    ends.hold(
        is_so, "{no}: the notification of {who} is {found}, not {wanted}", found=state, wanted=outcome, **told
    )
    went = [step["function"] for step in chain["steps"] if step["what"] == "escalated"] if chain else []
    expected = next((one.to for one in telling.event.escalates if one.watch == watch), [])
    wanted = ["primary" if who == "coordinator" else who for who in expected]
    said = {"found": ", ".join(went) or "–", "wanted": ", ".join(wanted) or "–"}
    steps.hold(went == wanted, "{no}: {who} went on to {found}, not {wanted}", **told, **said)


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
    check = player.report.check("isolation")
    mine = {item for one in player.played for item in (one.fact, *one.items)}
    for org, start in player.actual.items():
        items, _ = await player.hub.actual_feed(org, start)
        is_free = not mine.intersection(item["id"] for item in items)
        check.hold(is_free, "{who} has items of the exercise among the actual ones", who=org)
