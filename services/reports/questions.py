"""Questions of trade reports: templates, reports, one report with its words, deadlines, and a printed one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from schemas.directory import Directory
from schemas.envelope import Actor, Strict, Token
from schemas.subjects import Address
from schemas.vocabulary import Language, ReadReason
from services.reports import rules
from services.reports.documents import Documents, Reader
from services.reports.handlers import refuse
from services.reports.noting import Noting
from services.reports.picture import Picture, Turning
from services.reports.rendering import Format, Printer
from services.reports.sight import check_read, head_told, heads_of, is_inside, sees
from services.runtime.reading import Refusal, validate
from services.runtime.shares import asked_share

MOST = 500


class Asked(Strict):
    """A question by a person or machine of a watch."""

    actor: Actor


class AskList(Asked):
    """The reports that the watch may see, the newest first."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class AskVersion(Asked):
    """One report; a locked version, else the newest that the asker may see.

    ``reason`` is why one reads another watch's tagged report that was not written for one.
    """

    report: Token
    version: Annotated[int, Field(ge=1, le=100_000)] | None = None
    reason: ReadReason | None = None


class AskReport(AskVersion):
    """The same; ``brief`` leaves out all that was written, and is no reading."""

    brief: bool = False


class AskDocument(AskVersion):
    """The same to be printed, sent or pasted. ``names`` are those of persons that the asker knows."""

    format: Format
    language: Language = Language.BOKMAL
    names: Annotated[dict[Token, str], Field(max_length=100, default_factory=dict)]


class AskDeadlines(Asked):
    """Deadlines that the watch set or must meet; with ``which`` open those that are not answered."""

    which: Literal["open", "all"] = "open"


class Questions:
    """Answers with what the asking watch may see, and nothing of the rest (D13)."""

    def __init__(
        self, pictures: Mapping[str, Picture], documents: Documents, printer: Printer, noting: Noting
    ) -> None:
        self._pictures = pictures
        self._documents = documents
        self._printer = printer
        self._noting = noting

    async def templates(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """The templates of the watch and of its organisation."""
        picture, _ = self.admit(Asked, asked, address)
        codes = {code for where, code in picture.templates if where in (address.key, address.org)}
        found = [one for code in sorted(codes) if (one := picture.template(address.key, code)) is not None]
        return {"status": "ok", "templates": [one.model_dump(mode="json") for one in found]}

    async def list(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """Heads of reports."""
        picture, question = self.admit(AskList, asked, address)
        person = question.actor.person
        seen = [one for one in picture.heads.values() if sees(picture, one, address.key, person)]
        seen.sort(key=lambda head: head.at, reverse=True)
        shown = [head_told(picture, one, address.key, person) for one in seen[: question.limit]]
        return {"status": "ok", "reports": shown}

    async def get(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """One report with its words. Raises Refusal: UNKNOWN_REPORT, REASON_NEEDED."""
        picture, question = self.admit(AskReport, asked, address)
        what = None if question.brief else "report"
        return {"status": "ok", "report": await self.found(picture, question, address, what)}

    async def document(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """One report as HTML, Markdown or PDF. Raises Refusal: NO_PDF where the extra is not installed."""
        picture, question = self.admit(AskDocument, asked, address)
        found = await self.found(picture, question, address, "document")
        printed = {
            "report": found,
            "names": question.names,
            "mode": address.mode,
            "titles": titles_in(picture.directory, found),
            "made_at": picture.directory.now(address.key, _now()).isoformat(),
        }
        return {"status": "ok"} | await self._printer.make(question.format, question.language.value, printed)

    async def deadlines(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """Deadlines, the earliest first."""
        picture, question = self.admit(AskDeadlines, asked, address)
        found = [
            one
            for turning in picture.wheels.values()
            for one in _deadlines(picture, turning, address.key, every=question.which == "all")
        ]
        found.sort(key=lambda one: (one["due"], one["watch"]))
        mine = [one for one in picture.wheels.values() if _concerns(picture, one, address.key)]
        shown = [one for one in mine if question.which == "all" or not one.wheel.ended]
        wheels = [_wheel(one, address.key) for one in shown]
        return {"status": "ok", "deadlines": found[:MOST], "wheels": wheels}

    async def exercise(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """How many reports and wheels there are of an exercise. Raises Refusal."""
        picture = self._pictures.get(address.mode)
        share = asked_share(asked, address, picture.directory if picture else None)
        reports, wheels = picture.of_share(share) if picture else ([], [])
        return {"status": "ok", "there": {"reports": len(reports), "wheels": len(wheels)}}

    async def found(
        self, picture: Picture, question: AskVersion, address: Address, what: str | None
    ) -> dict[str, Any]:
        """A report as the asker may see it, noted as read by way of ``what``; without, nothing is read."""
        actor, key = question.actor, address.key
        head = next(heads_of(picture, question.report, key, actor.person), None)
        if head is None:
            raise Refusal("UNKNOWN_REPORT")
        inside = is_inside(picture, head, key, actor.person)
        reader = Reader(key, inside, picture.directory, _now())
        read = await self._documents.read(picture, head, reader, question.version, words=what is not None)
        if read is None:
            raise Refusal("UNKNOWN_REPORT")
        if what is not None:
            await self._noting.note(what, actor, head, reader, read, question.reason)
        return head_told(picture, head, key, actor.person) | read.told

    def admit(self, model: type[Any], asked: dict[str, Any], address: Address) -> tuple[Picture, Any]:
        """What the mode's picture is, and the question. Raises Refusal."""
        question = validate(model, orjson.dumps(asked))
        picture = self._pictures.get(address.mode)
        if question.actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        if picture is None:
            raise Refusal("UNKNOWN_TYPE")
        refuse(check_read(question.actor, picture.directory))
        return picture, question


def _concerns(picture: Picture, turning: Turning, key: str) -> bool:
    return key == turning.place.key or any(
        _is_told(picture, turning, watch, key) for watch in turning.wheel.asked.reporters
    )


def _is_told(picture: Picture, turning: Turning, watch: str, key: str) -> bool:
    """True if ``key`` may know of a watch's deadlines: who asked, itself, its house if it is not hidden."""
    if key in (turning.place.key, watch):
        return True
    return key.partition(".")[0] == watch.partition(".")[0] and not picture.directory.hidden(watch)


def _deadlines(picture: Picture, turning: Turning, key: str, *, every: bool) -> Iterator[dict[str, Any]]:
    wheel, now = turning.wheel, picture.clock(turning).time(_now())
    for one in rules.open_deadlines(wheel, now):
        if _is_told(picture, turning, one.watch, key):
            state = "overdue" if one.due <= now else "open"
            yield _deadline(wheel, one, state) | {"reminded": (one.watch, one.due) in wheel.reminded}
    missed = {place for place in wheel.missed if place not in wheel.met}
    for watch, due in missed if not wheel.ended or every else ():
        if _is_told(picture, turning, watch, key):
            yield _deadline(wheel, rules.Deadline(wheel.id, watch, due), "missed")
    for (watch, due), met in wheel.met.items() if every else ():
        if _is_told(picture, turning, watch, key):
            told = {"report": met.report, "version": met.version, "nothing": met.nothing, "late": met.late}
            yield _deadline(wheel, rules.Deadline(wheel.id, watch, due), "met") | told


def _deadline(wheel: rules.Wheel, one: rules.Deadline, state: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "wheel": wheel.id,
        "watch": one.watch,
        "receiver": wheel.asked.receiver,
        "template": wheel.asked.template,
        "due": one.due.astimezone(rules.OSLO).isoformat(),
        "state": state,
    }


def _wheel(turning: Turning, key: str) -> dict[str, Any]:
    """A wheel; who is asked, and about which incident, is told to the watch that asks only."""
    asked = turning.wheel.asked
    rhythm = {
        "moments": [moment.isoformat() for moment in asked.moments],
        "daily": asked.daily,
        "every_s": asked.every_s,
        "first": asked.first.isoformat() if asked.first else None,
        "remind_s": asked.remind_s,
        "escalate_s": asked.escalate_s,
    }
    own = (
        {"incident": asked.incident, "reporters": turning.wheel.reporters} if key == turning.place.key else {}
    )
    state = "ended" if turning.wheel.ended else "open"
    about = {"id": asked.wheel, "watch": turning.place.key, "receiver": asked.receiver, "state": state}
    return about | rhythm | own


def titles_in(directory: Directory, found: dict[str, Any]) -> dict[str, str]:
    """What the watches and houses are called that a report names."""
    quoted = (entry.get("watch") for one in found["fields"] for entry in one["entries"])
    keys = {found["watch"], *found.get("receivers", []), *filter(None, quoted)}
    return {one: _title(directory, one) for one in sorted(keys)}


def _title(directory: Directory, watch: str) -> str:
    known = directory.watches.get(watch)
    house = directory.organisations.get(watch.partition(".")[0])
    return " · ".join(one.title for one in (house, known) if one is not None) or watch


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
