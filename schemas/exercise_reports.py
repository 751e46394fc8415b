"""What an exercise file says of situation reports and of the deadlines for them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.envelope import Line, Moment, Strict, Text, Token, WatchKey
from schemas.reports import Daily, Escalate, Every, Moments, Receiver, Remind

Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,20}$")]


class Report(Strict):
    """Write a report, hand it on and have it approved; the last approver's approval locks it.

    ``label`` names the report; a later event with the same label writes the next version. ``quotes`` are
    labelled entries of the event's incident, by field. ``notify`` is whom the template tells.
    """

    template: Token
    label: Label | None = None
    headline: Line | None = None
    words: dict[Token, Text] = {}
    quotes: dict[Token, list[Label]] = {}
    approvers: Annotated[list[Token], Field(min_length=1, max_length=2)]
    notify: list[WatchKey] = []


class Wheel(Strict):
    """Ask watches for reports; ``label`` names what was begun."""

    label: Label
    receiver: Receiver
    template: Token | None = None
    reporters: Annotated[list[WatchKey], Field(min_length=1, max_length=100)]
    moments: Moments = []
    daily: Daily = []
    every_s: Every | None = None
    first: Moment | None = None
    remind_s: Remind = -900
    escalate_s: Escalate = 900


class Nothing(Strict):
    """The sender's watch has nothing to report: that answers the deadline nearest in time."""

    wheel: Label


class Deadline(Strict):
    """What the hub must say of a deadline by now: whom it reminds, and who has missed it."""

    wheel: Label
    due: Moment
    reminds: list[WatchKey] = []
    misses: list[WatchKey] = []
