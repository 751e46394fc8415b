"""What stands beside an incident's log: place, functions, references, transfer and ties. Pure."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from schemas import relations
from schemas.envelope import Body
from schemas.related import Relations
from schemas.vocabulary import IncidentState
from services.incidents.fold import Incident
from services.incidents.particulars_fold import Assignment

if TYPE_CHECKING:
    from services.incidents.view import Filed
    from services.incidents.viewer import Viewer

Near = Mapping[str, dict[str, Any]]
"""Other incidents whose heads the viewer may see, in short, by id."""

_BRIEF = ("id", "ref", "type", "priority", "state")
_WITH_HEAD = (
    relations.Merged
    | relations.Unmerged
    | relations.PlaceChanged
    | relations.FunctionAssigned
    | relations.FunctionEnded
    | relations.TransferAsked
    | relations.TransferAnswered
    | relations.TransferWithdrawn
    | relations.GlassBroken
)


def brief(row: Any) -> dict[str, Any]:
    """Another incident in short, from the archive's row of its head."""
    return {name: row[name] for name in _BRIEF} | {"owner": row["watch"]}


def told_with_head(body: Body, viewer: "Viewer", incident: Incident, near: Near) -> dict[str, Any] | None:
    """What a line of the log says of a fact that whoever sees the head may know; None for no line.

    Who may not see what an incident was merged into is told no more than that it is closed.
    """
    if not isinstance(body, _WITH_HEAD):
        return None
    match body:
        case relations.Merged():
            into = near.get(body.other)
            return {"state": IncidentState.CLOSED.value} | _event(body, into and {"into": into["ref"]})
        case relations.Unmerged():
            return {"state": body.state.value} | _event(body, {} if body.other in near else None)
        case relations.PlaceChanged():
            return _event(body, {"municipalities": body.municipalities})
        case relations.FunctionAssigned():
            return _event(body, {"function": body.function, **_holder(body, incident, viewer)})
        case relations.FunctionEnded():
            return _event(body, {"assignment": body.assignment})
        case relations.GlassBroken():
            return _glass_line(body, viewer, incident)
    return _transfer_line(body, viewer, incident)


def particulars(
    incident: Incident, facts: Mapping[str, "Filed"], viewer: "Viewer", head_seen: bool
) -> dict[str, Any]:
    """What is shown beside the log; references have levels of their own, all else goes with the head."""
    shown: dict[str, Any] = {"references": list(_references(incident, facts, viewer))}
    if not head_seen:
        return shown if shown["references"] else {}
    waiting = incident.transfer
    if waiting is not None and may_name(waiting.to, incident, viewer):
        shown["transfer"] = {"to": waiting.to, "asked": waiting.asked}
    shown["responsible"] = responsible(incident.responsible, incident.owner, viewer)
    shown["functions"] = list(_functions(incident, facts, viewer))
    return shown | _location(incident, facts)


def ties(id: str, tied: Relations, near: Near) -> dict[str, Any]:
    """Parent, children, links and duplicates of an incident, those whose heads the viewer may see."""
    return {
        "parent": near.get(tied.parents.get(id, "")),
        "children": _known(tied.below.get(id, ()), near),
        "links": _known(tied.links.get(id, ()), near),
        "merged": _known(tied.family(id), near),
    }


def around(id: str, tied: Relations) -> set[str]:
    """The ids of the incidents that an incident is tied to."""
    parent = tied.parents.get(id)
    found = {*tied.below.get(id, ()), *tied.links.get(id, ()), *tied.family(id), *tied.line(id)}
    return found if parent is None else {*found, parent}


def responsible(watch: str, owner: str, viewer: "Viewer") -> str:
    """Who answers for an incident, as the viewer may know it: a hidden watch is named to itself alone."""
    is_known = not viewer.directory.hidden(watch) or viewer.watch in (watch, owner)
    return watch if is_known else owner


def may_name(watch: str, incident: Incident, viewer: "Viewer") -> bool:
    """True if the viewer may know that the watch has to do with the incident."""
    sides = (watch, incident.owner, incident.responsible)
    return viewer.watch in sides or not viewer.directory.hidden(watch)


def _glass_line(body: relations.GlassBroken, viewer: "Viewer", incident: Incident) -> dict[str, Any] | None:
    """That the glass was broken stands in the log for its own watch alone."""
    if viewer.watch != incident.owner:
        return None
    until = body.until.isoformat()
    return _event(body, {"entry": body.entry, "to": body.to, "ground": body.ground, "until": until})


def _transfer_line(body: Body, viewer: "Viewer", incident: Incident) -> dict[str, Any] | None:
    match body:
        case relations.TransferAsked() if may_name(body.to, incident, viewer):
            return _event(body, {"to": body.to})
        case relations.TransferAnswered() if may_name(body.responsible, incident, viewer):
            return _event(body, {"accepted": body.accepted, "responsible": body.responsible})
        case relations.TransferWithdrawn():
            return _event(body, {})
    return None


def _event(body: Body, detail: dict[str, Any] | None) -> dict[str, Any]:
    return {} if detail is None else {"event": body.name, "detail": detail}


def _functions(
    incident: Incident, facts: Mapping[str, "Filed"], viewer: "Viewer"
) -> Iterable[dict[str, Any]]:
    """Persons are named to the house of the log only; an outsider's name is the fact's content."""
    for one in incident.functions.values():
        begun, ended = facts[one.id], facts.get(one.ended_by or "")
        yield {
            "id": one.id,
            "function": one.function,
            **_holder(one, incident, viewer),
            "name": (begun.content or {}).get("text"),
            "since": begun.fact.data.occurred_at.isoformat(),
            "until": None if ended is None else ended.fact.data.occurred_at.isoformat(),
        }


def _holder(
    one: relations.FunctionAssigned | Assignment, incident: Incident, viewer: "Viewer"
) -> dict[str, str | None]:
    """Who has a function, as the viewer may know it: of a hidden watch no more than that somebody has it."""
    is_known = one.watch is not None and may_name(one.watch, incident, viewer)
    return {
        "person": one.person if viewer.is_house_of(incident.owner) else None,
        "watch": one.watch if is_known else None,
    }


def _references(
    incident: Incident, facts: Mapping[str, "Filed"], viewer: "Viewer"
) -> Iterable[dict[str, Any]]:
    for item in incident.items.values():
        if item.kind == "reference" and viewer.sees(item.reach):
            one = facts[item.id]
            assert isinstance(one.body, relations.Referenced)  # noqa: S101  the fold took it for one
            yield {
                "id": item.id,
                "system": one.body.system,
                "number": (one.content or {}).get("reference"),
                "level": item.reach.level.value,
                "struck": item.corrected_by is not None,
            }


def _location(incident: Incident, facts: Mapping[str, "Filed"]) -> dict[str, Any]:
    """Where it is by the newest word; nothing while that is the opening's."""
    for id in reversed(incident.places):
        one = facts[id]
        content = one.content or {}
        said = {name: content[name] for name in ("position", "area", "place") if name in content}
        newest = _municipalities(incident, facts)
        return {"location": said | {"since": one.fact.data.occurred_at.isoformat()}} | newest
    return {}


def _municipalities(incident: Incident, facts: Mapping[str, "Filed"]) -> dict[str, Any]:
    for id in reversed(incident.places):
        body = facts[id].body
        if isinstance(body, relations.PlaceChanged) and body.municipalities is not None:
            return {"municipalities": body.municipalities}
    return {}


def _known(ids: Iterable[str], near: Near) -> list[dict[str, Any]]:
    return [near[id] for id in sorted(ids) if id in near]
