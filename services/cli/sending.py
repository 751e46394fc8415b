"""How a verb sends a command or asks a question, and how the answer is told."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.vocabulary import Tag
from services.cli.failures import refused
from services.cli.frame import Call, Exit, Outcome, Usage
from services.cli.names import health_of, incident_named
from services.cli.texts import language, say
from services.words.norway import OSLO, norwegian

if TYPE_CHECKING:
    from schemas.envelope import Accepted, Request
    from services.runtime.edge import Edge

_NUMBER = re.compile(r"-?[0-9]{1,18}")


@asynccontextmanager
async def edge_of(call: Call, health: str = "reference") -> "AsyncIterator[Edge]":
    """The acting watch's way to the hub; ``health`` is what the watch keeps of health text."""
    from services.runtime import logs
    from services.runtime.connect import seed_file
    from services.runtime.edge import Edge

    logs.configure("cli", "error")
    settings = call.settings()
    if not seed_file(settings, call.key).exists():
        raise FileNotFoundError(2, "no credential", str(seed_file(settings, call.key)))
    edge = await Edge.open(settings, call.key, "cli", health)
    try:
        yield edge
    finally:
        await edge.close()


async def send(
    call: Call,
    request: "Request",
    content: dict[str, Any] | None = None,
    occurred_at: datetime | None = None,
    done: str = "Accepted.",
) -> Outcome:
    """Send one command; ``done`` is what an accepted one says, with the answer's fields in braces."""
    tags = getattr(request, "tags", [])
    health = health_of(call.settings(), call.key) if Tag.HEALTH in tags else "reference"
    async with edge_of(call, health) as edge:
        answer = await edge.send(call.mode, request, call.actor(), content, occurred_at)
    return told(call, answer, done)


def told(call: Call, answer: Any, done: str) -> Outcome:
    """The outcome of a command."""
    lang = language(call.lang)
    if answer.__class__.__name__ == "Kept":
        text = say(
            "Not sent yet: kept here as {id}, and sent again as soon as the hub answers.", lang, id=answer.id
        )
        return Outcome(
            {"status": "kept", "id": answer.id, "code": answer.reason, "text": text}, [text], Exit.KEPT
        )
    if answer.status == "refused":
        return refused(call, answer.code, answer.parameters)
    fields = _fields(answer)
    lines = [
        say(done, lang, **fields),
        *_marked(answer.result.get("mark"), lang),
        *_related(answer.result, lang),
    ]
    return Outcome(answer.model_dump(mode="json", exclude_none=True), lines)


def _fields(answer: "Accepted") -> dict[str, Any]:
    return {"ref": answer.ref or answer.subject, "id": answer.id, "receipt": answer.receipt} | answer.result


def _marked(mark: str | None, lang: str) -> list[str]:
    """What the sender must know of something that was taken all the same."""
    if mark == "unattached":
        return [
            say("But this watch sees no incident with that reference: look at its seven characters.", lang)
        ]
    if mark == "closed":
        return [say("But the incident is closed.", lang)]
    return []


def _related(result: dict[str, Any], lang: str) -> list[str]:
    """What hangs together with the incident, as far as the sender may see it."""
    lines = []
    if result.get("merged_into"):
        lines.append(say("It is merged into {ref}.", lang, ref=result["merged_into"]))
    if result.get("open_children"):
        lines.append(say("Still open under it: {refs}.", lang, refs=result["open_children"]))
    return lines


async def ask(call: Call, trade: str, what: str, **parameters: Any) -> dict[str, Any]:
    """A question's answer. Raises AskRefused, Unanswered."""
    async with edge_of(call) as edge:
        return await edge.ask(call.mode, trade, what, call.actor(), **parameters)


async def names_of(call: Call, persons: Iterable[str | None]) -> dict[str, str]:
    """The names of persons, by id; those that the watch may not know are left out."""
    from services.runtime.edge import AskRefused, Unanswered

    wanted = sorted({person for person in persons if person})
    try:
        found = await ask(call, "people", "names", persons=wanted) if wanted else {}
    except (AskRefused, Unanswered):
        return {}
    names: dict[str, str] = found.get("names", {})
    return names


async def on_incident(call: Call, said: str) -> dict[str, Any]:
    """What names the incident in a command; a running number is looked up first."""
    named = incident_named(said)
    if "number" in named:
        found = await ask(call, "incidents", "get", **named)
        return {"incident": found["incident"]["id"]}
    return {"ref": named["ref"]} if "ref" in named else {"incident": named["id"]}


def figures_of(given: list[str] | None) -> dict[str, int]:
    """Counts written as name=number. Raises Usage."""
    pairs = [figure.partition("=")[::2] for figure in given or []]
    if not all(_NUMBER.fullmatch(number) for _, number in pairs):
        raise Usage("write a figure as name=number, such as evakuert=40")
    return {name: int(number) for name, number in pairs}


def moment(text: str | None) -> datetime | None:
    """A time with its offset; a time without one is Norway's. Raises Usage."""
    if text is None:
        return None
    try:
        said = datetime.fromisoformat(text)
        return said if said.tzinfo else said.replace(tzinfo=OSLO)
    except ValueError:
        raise Usage("write a time as 2027-01-14T08:00+01:00") from None


def written(**fields: Any) -> dict[str, Any] | None:
    """The content of a command: the fields that hold something."""
    return {key: value for key, value in fields.items() if value not in (None, "", {})} or None


def local(text: str | None, *, seconds: bool = False) -> str:
    """A time as a duty officer reads it: date and clock in Norway; as it was sent when no calendar has it."""
    form = "%d.%m. %H:%M:%S" if seconds else "%d.%m. %H:%M"
    return norwegian(datetime.fromisoformat(text)).strftime(form) if text else "–"
