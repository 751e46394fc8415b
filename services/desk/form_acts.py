"""The commands that a page's forms mean, and their words. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import orjson

from schemas.envelope import Request as Command
from schemas.identifiers import TOKEN, derived_id, new_id
from schemas.incidents import AddEntry, ChangeState, CloseIncident, CorrectEntry, ItemContent, OpenIncident
from schemas.notifications import Acknowledge
from schemas.vocabulary import IncidentState, Level
from schemas.watch import Release, TakeOver
from services.desk.texts import in_norway
from services.desk.tie_acts import Told
from services.runtime.reading import Refusal, validate

Form = Mapping[str, str]
C = TypeVar("C", bound=Command)
Act = tuple[Command, dict[str, Any] | None]


def opening(form: Form, id: str) -> Act:
    """A new incident; its id follows from the command's."""
    fields = {"type": form.get("type"), "priority": form.get("priority"), "level": form.get("level")}
    lists = {"tags": _list(form, "tag"), "named": _list(form, "named"), "notify": _list(form, "notify")}
    lists["municipalities"] = _list(form, "municipalities")
    words = _words(form, "headline", "text", "place", "position", "source")
    return as_command(OpenIncident, {"incident": derived_id("incident", id), **fields, **lists}), words


def is_placed(command: OpenIncident, content: Mapping[str, Any] | None) -> bool:
    """True if it is said where the incident is, so that it can be told whether another is near."""
    return bool(command.municipalities or (content or {}).get("position"))


def entry(form: Form, about: dict[str, str]) -> Act:
    """A line in the log."""
    names = ("kind", "level", "channel", "decider", "assignee")
    fields: dict[str, Any] = {name: form.get(name) for name in names}
    fields |= {"due": in_norway(form.get("due", "")), "late": "late" in form or None}
    fields["confirmed"] = False if "unconfirmed" in form else None
    lists = {"tags": _list(form, "tag"), "named": _list(form, "named"), "notify": _list(form, "notify")}
    lists["asks"] = _list(form, "asks")
    return as_command(AddEntry, {**about, **fields, **lists}), _words(form, "text", "source", "basis")


def ending(command: type[Command], form: Form, about: dict[str, str]) -> Act:
    """What ends something that an entry began, or a step of the card."""
    fields: dict[str, Any] = {name: form.get(name) for name in ("entry", "answer", "step") if name in form}
    return as_command(command, {**about, **fields}), _words(form, "text")


def tied(told: Told, form: Form) -> Act:
    """What was said of how incidents hang together."""
    model, fields, words = told
    return as_command(model, fields), _words(form, *words)


def correction(form: Form, about: dict[str, str]) -> Act:
    """A line is struck with a reason, or replaced by other words."""
    manner = form.get("manner", "strike")
    words = _words({"basis" if manner == "strike" else "text": form.get("text", "")}, "basis", "text")
    return as_command(CorrectEntry, {**about, "entry": form.get("entry"), "manner": manner}), words


def state(form: Form, about: dict[str, str]) -> Act:
    """Another state, or the close with its outcome."""
    if form.get("state") == IncidentState.CLOSED:
        return as_command(CloseIncident, about), _words(form, "text")
    return as_command(ChangeState, {**about, "state": form.get("state")}), None


def acknowledgement(form: Form, about: dict[str, str]) -> Act:
    """The chain that waits for this watch is answered; without one the watch's own incident is."""
    if form.get("chain"):
        return as_command(Acknowledge, {"chain": form["chain"]}), None
    return as_command(ChangeState, {**about, "state": IncidentState.ACKNOWLEDGED.value}), None


def command_id(form: Form) -> str:
    """The id that the page gave; a new one for a form that has none. Raises Refusal for what is no id.

    Pages that were open while the desk was renewed call it ``id``. A field of that name would stand for the
    form's own in scripts, and make a morph take each form for another one.
    """
    id = form.get("command") or form.get("id") or new_id()
    if not TOKEN.fullmatch(id):
        raise Refusal("MALFORMED", where=["command"])
    return id


def occurred_at(form: Form) -> datetime | None:
    """When it happened, where the form says so. Raises Refusal for what is no time."""
    said = form.get("occurred_at")
    if not said:
        return None
    try:
        return datetime.fromisoformat(in_norway(said))
    except ValueError:
        raise Refusal("MALFORMED", where=["occurred_at"]) from None


def duty(model: type[TakeOver] | type[Release], form: Form) -> Act:
    """A function of a post is taken over, or left."""
    return as_command(model, {"post": form.get("post"), "function": form.get("function")}), None


def _list(form: Form, name: str) -> list[str]:
    return [part for part in form.get(name, "").replace(",", " ").split() if part]


def _words(form: Form, *names: str) -> dict[str, Any] | None:
    words: dict[str, Any] = {name: form[name] for name in names if form.get(name)}
    words |= {name: read(words[name]) for name, read in _READ.items() if name in words}
    validate(ItemContent, orjson.dumps(words), "content.")
    return words or None


def _position(said: str) -> str:
    """ "latitude,longitude" without the blanks that people write in it."""
    return "".join(said.split())


def _area(said: str) -> list[str]:
    """The corners, one a line."""
    return [_position(line) for line in said.splitlines() if line.strip()]


_READ: Mapping[str, Callable[[str], Any]] = {"position": _position, "area": _area}
"""Fields of the content that are no plain words."""


def as_command(model: type[C], fields: Mapping[str, Any]) -> C:
    """The command; what a form leaves empty is not said. Raises Refusal."""
    level = fields.get("level")
    given = {key: value for key, value in fields.items() if value or value is False}
    if level not in (None, "", Level.NAMED.value):
        given.pop("named", None)
    return validate(model, orjson.dumps(given))
