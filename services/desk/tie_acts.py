"""What a page's forms say of how incidents hang together, where they are, who has them and who sees them."""

from collections.abc import Callable, Mapping
from typing import Any

from schemas import incidents, relations
from schemas.envelope import Request as Command
from schemas.identifiers import read_ref
from services.desk.texts import in_norway
from services.runtime.reading import Refusal

Form = Mapping[str, str]
About = Mapping[str, str]
Told = tuple[type[Command], dict[str, Any], tuple[str, ...]]
"""A command, its fields, and the names of the form's fields that are words."""

_TIES: Mapping[str, type[Command]] = {
    "parent": relations.SetParent,
    "link": relations.LinkIncidents,
    "unlink": relations.UnlinkIncidents,
    "merge": relations.MergeIncident,
    "unmerge": relations.UnmergeIncident,
}


def tie(form: Form, about: About) -> Told:
    """Two incidents are tied, or no longer. Raises Refusal for what is no tie, or no reference."""
    how, other = form.get("how", ""), form.get("other", "")
    if how not in _TIES:
        raise Refusal("MALFORMED", where=["how"])
    ref = read_ref(other) if len(other) < 20 else None
    if ref is None and (other or how not in ("parent", "unmerge")):
        raise Refusal("UNKNOWN_INCIDENT")
    named = {"other_ref": ref} if ref and how != "unmerge" else {}
    return _TIES[how], {**about, **named}, ()


def transfer(form: Form, about: About) -> Told:
    """Another watch is asked to answer for the incident."""
    return relations.AskTransfer, {**about, "to": form.get("to")}, ("text",)


def answer_transfer(form: Form, about: About) -> Told:
    """The watch that was asked takes over, or declines."""
    accept = {"accept": True, "decline": False}.get(form.get("answer", ""))
    return relations.AnswerTransfer, {**about, "accept": accept}, ("text",)


def withdraw_transfer(form: Form, about: About) -> Told:
    """The question is taken back."""
    return relations.WithdrawTransfer, dict(about), ()


def refer(form: Form, about: About) -> Told:
    """The incident has a case number in another system."""
    return relations.AddReference, {**about, "system": form.get("system")}, ("reference",)


def change_place(form: Form, about: About) -> Told:
    """The incident is somewhere else than was said before."""
    numbers = form.get("municipalities", "").replace(",", " ").split()
    return relations.ChangePlace, {**about, "municipalities": numbers}, ("place", "position", "area")


def assign(form: Form, about: About) -> Told:
    """Somebody has a function at the incident: of the watch, another watch, or an outsider by name."""
    fields = {name: form.get(name) for name in ("function", "person", "watch")}
    return relations.AssignFunction, {**about, **fields}, ("text",)


def end_function(form: Form, about: About) -> Told:
    """Somebody has a function no longer."""
    return relations.EndFunction, {**about, "assignment": form.get("assignment")}, ()


def share(form: Form, about: About) -> Told:
    """An item is shown to more, and to those who are to be told; never to fewer (R8)."""
    lists = {name: form.get(name, "").replace(",", " ").split() for name in ("named", "notify")}
    fields = {name: form.get(name) for name in ("entry", "level")}
    return incidents.ShareWider, {**about, **fields, **lists}, ()


def break_glass(form: Form, about: About) -> Told:
    """One watch may see an item above its cap until a moment."""
    fields = {name: form.get(name) for name in ("entry", "to", "ground")}
    return relations.BreakGlass, {**about, **fields, "until": in_norway(form.get("until", ""))}, ("text",)


TIES: Mapping[str, Callable[[Form, About], Told]] = {
    "tie": tie,
    "transfer": transfer,
    "transfer/answer": answer_transfer,
    "transfer/withdraw": withdraw_transfer,
    "references": refer,
    "place": change_place,
    "functions": assign,
    "functions/end": end_function,
    "share": share,
    "break-glass": break_glass,
}
"""What stands beneath /incidents/{name}/, and what it makes of a form."""
