"""Looks for planted words where they must not be: feeds, logs asked for, messages, metrics, files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from schemas.exercise_parts import Marker
from schemas.vocabulary import ReadReason
from services.cli.player.report import METRICS_UNREAD

if TYPE_CHECKING:
    from services.cli.player.play import Player

_KEEPERS = ("nats", "db/incidents")
"""Where a hub keeps what its own watches wrote: its ledger and its archive."""
_PAPER = "paper"
_BYTES_MOST = 256 * 1024 * 1024


async def look(player: Player, feeds: dict[str, list[dict[str, Any]]]) -> None:
    """Search for every marker that was played."""
    played = {one["no"] for one in player.report.played if one["how"] == "played"}
    markers = [one for one in player.plan.exercise.markers if one.event in played]
    check = player.report.check("leaks")
    if not markers:
        return
    for org, items in feeds.items():
        _search(check, markers, org, f"feed {org}", json.dumps(items, ensure_ascii=False))
    texts = "\n".join(message.text for message in player.phones.taken)
    _search(check, markers, None, "gateway", texts)
    _search(check, markers, None, "metrics", await _metrics(player))
    await _questions(player, markers)
    _files(check, markers, player.settings.home)


def may_hold(marker: Marker, holder: str | None) -> bool:
    """True if an organisation or watch may have the marker's words."""
    if holder is None or not marker.kept:
        return False
    org = holder.partition(".")[0]
    if "." in holder:
        return holder in marker.stays_in or org in marker.stays_in
    return any(name.partition(".")[0] == org for name in marker.stays_in)


def _search(check: Any, markers: list[Marker], holder: str | None, where: str, text: str) -> None:
    for marker in markers:
        if not may_hold(marker, holder):
            check.hold(marker.text not in text, "{marker} is in {where}", marker=marker.id, where=where)


async def _questions(player: Player, markers: list[Marker]) -> None:
    """Ask as every watch for every incident of the run."""
    check = player.report.check("leaks")
    for watch in player.plan.centre.watches:
        forbidden = [marker for marker in markers if not may_hold(marker, watch.key)]
        person = player.person_of(watch.key)
        if not forbidden or not person:
            continue
        who, why = (watch.key, person), ReadReason.DUTY.value
        found = [await player.hub.ask(*who, "incidents", "list", state="all", limit=500, reason=why)]
        for opened in player.known.incidents.values():
            found.append(await player.hub.ask(*who, "incidents", "get", id=opened.id, reason=why))
        _search(check, forbidden, None, f"query {watch.key}", json.dumps(found, ensure_ascii=False))


async def _metrics(player: Player) -> str:
    settings = player.settings
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        try:
            pages = [
                await http.get(f"http://{settings.host}:{settings.port_health}/{path}")
                for path in ("metrics", "healthz")
            ]
        except httpx.HTTPError:
            player.report.notes.append(METRICS_UNREAD)
            return ""
    return "\n".join(page.text for page in pages)


def _files(check: Any, markers: list[Marker], home: Path) -> None:
    """Every file of the home; ledger and archive may hold what is kept."""
    for path in _below(home):
        raw = path.read_bytes()
        place = str(path.relative_to(home))
        for marker in markers:
            if (marker.kept and place.startswith(_KEEPERS)) or _is_own_paper(marker, path, home):
                continue
            written = (marker.text, json.dumps(marker.text)[1:-1])
            is_there = any(text.encode() in raw for text in written)
            check.hold(not is_there, "{marker} is in {where}", marker=marker.id, where=place)


def _is_own_paper(marker: Marker, path: Path, home: Path) -> bool:
    parts = path.relative_to(home).parts
    return parts[0] == _PAPER and any(may_hold(marker, part) for part in parts if "." in part)


def _below(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < _BYTES_MOST:
            yield path
