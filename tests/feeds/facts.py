"""Facts for the feeds' tests, as they come from the ledger, and a centre of five organisations."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import incidents, reports, watch
from schemas.envelope import Body
from schemas.feeds import Agreed, OrganisationSet, RegionSet, Subscribed
from schemas.identifiers import new_id
from schemas.vocabulary import Level, Mode, Priority
from services.runtime.reader import Message
from tests.incidents.make import Made

VAKT, BARNEVERN, NEIGHBOUR = "4601.vaktsentral", "4601.barnevern", "4624.main"
PAST = datetime.now(UTC) - timedelta(days=30)
WORDS = {"headline": "Røyk i Åsane senter", "text": "Tett røyk, æøå"}


def centre() -> list[tuple[str, Body]]:
    """Bergen, Bjørnafjorden and 110 Vest share a region; Trondheim and a grid company stand outside it."""
    return [
        *((name, watch.Established(watch=name, code=name.split(".")[1], title=name, posts=["duty"],
                                   hidden=name == BARNEVERN))
          for name in (VAKT, BARNEVERN, NEIGHBOUR, "110-vest.main", "5001.main", "nett.main")),
        *((org, OrganisationSet(organisation=org, title=org, kind="municipality", serves=serves))
          for org, serves in (("4601", ["4601"]), ("4624", ["4624"]), ("5001", ["5001"]),
                              ("110-vest", ["4601", "4624"]), ("nett", []))),
        ("vest", RegionSet(region="vest", members=["4601", "4624", "110-vest"], since=PAST)),
        ("nett-4601", agreement()),
        *((org, subscribed(org)) for org in ("4601", "4624", "110-vest", "nett", "5001")),
    ]  # fmt: skip


def agreement(until: datetime | None = None) -> Agreed:
    return Agreed(agreement="nett-4601", parties=["nett", "4601"], purpose="kraft", since=PAST, until=until)


def subscribed(org: str, public_from: list[str] | None = None, until: datetime | None = None) -> Subscribed:
    modes = [Mode.ACTUAL, Mode.EXERCISE]
    return Subscribed(subscriber=org, modes=modes, public_from=public_from or [], since=PAST, until=until)


def setting(about: str, body: Body, mode: Mode = Mode.ACTUAL) -> Made:
    return Made(body, about=about.replace(".", "-"), owner="4601.centre", mode=mode)


def opening(level: Level, named: list[str] | None = None, owner: str = VAKT, **more: Any) -> Made:
    body = incidents.Opened(
        ref=more.pop("ref", "ABC123X"),
        type="fire",
        priority=Priority.HIGH,
        level=level,
        named=named or [],
        municipalities=["4601"],
    )
    return Made(body, owner=owner, content=more.pop("content", WORDS), **more)


def entry(
    incident: Made, level: Level, named: list[str] | None = None, by: str | None = None, **more: Any
) -> Made:
    said = {"kind": more.pop("kind", "information")} | more.pop("said", {})
    body = incidents.EntryAdded(incident=incident.about, level=level, named=named or [], **said)
    return Made(body, about=incident.about, owner=incident.owner, by=by, content=WORDS, **more)


def following(incident: Made, body: Body, content: dict[str, Any] | None = None, **more: Any) -> Made:
    """Another fact about the incident."""
    return Made(body, about=incident.about, owner=incident.owner, content=content, **more)


class Line:
    """A ledger in memory: facts get their sequence as they are put in."""

    def __init__(self) -> None:
        self.sequence = 0

    def messages(self, *made: Made) -> list[Message]:
        batch = []
        for one in made:
            self.sequence += 1
            batch.append(Message(self.sequence, one.subject, one.raw, 0))
        return batch


def an_id() -> str:
    return new_id()


def approval(version: int, *, locked: bool = True) -> Made:
    """A report's approval; the last one locks it and lets the grid company have it."""
    body = reports.Approved(
        report="report-1",
        version=version,
        draft=new_id(),
        digest="ab" * 32,
        template="nett",
        locked=locked,
        level=Level.NAMED if locked else Level.WATCH,
        named=["nett"] if locked else [],
        priority=Priority.HIGH,
    )
    content = {"headline": "Rapport", "words": {"needs": "Strøm"}} if locked else None
    return Made(body, about="report-1", owner=VAKT, content=content)


def recalling(locked: Made) -> reports.Recalled:
    """The recall of a version by the fact that locked it."""
    said = {"ground": "wrong_content", "named": ["nett"], "notify": [], "priority": Priority.HIGH}
    return reports.Recalled.model_validate({"report": "report-1", "version": 1, "fact": locked.id, **said})
