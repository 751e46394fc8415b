"""The paths of /v1 about how incidents hang together, who answers for them, sees them, and where they are."""

from collections.abc import Mapping

from schemas import incidents, relations
from schemas.envelope import Request as Command

PATHS: Mapping[str, tuple[type[Command], str]] = {
    "parent": (relations.SetParent, "Put an incident under another; without one, take it out"),
    "link": (relations.LinkIncidents, "Link two incidents"),
    "unlink": (relations.UnlinkIncidents, "Unlink two incidents"),
    "merge": (relations.MergeIncident, "Merge a duplicate into another incident"),
    "unmerge": (relations.UnmergeIncident, "Undo a merge"),
    "place": (relations.ChangePlace, "Say anew where an incident is"),
    "functions": (relations.AssignFunction, "Give somebody a function at an incident"),
    "functions/{assignment}/end": (relations.EndFunction, "End a function at an incident"),
    "references": (relations.AddReference, "Add a case number of another system"),
    "transfer": (relations.AskTransfer, "Ask another watch to take over an incident"),
    "transfer/answer": (relations.AnswerTransfer, "Take over an incident; or decline"),
    "transfer/withdraw": (relations.WithdrawTransfer, "Ask no longer to be taken over from"),
    "share": (incidents.ShareWider, "Share an item at a wider level or with more"),
    "break-glass": (relations.BreakGlass, "Let a watch see an item above its cap for a time"),
}
"""Beneath /v1/incidents/{ref}/: the command that is sent, and what it does."""


def known(path: str) -> tuple[str, ...]:
    """The fields of a command that its path says already."""
    return ("ref", "assignment") if "{assignment}" in path else ("ref",)
