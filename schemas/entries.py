"""Commands that end something in the log: a task, a request for resources, a step of an action card.

Each leads to an entry that points to what it ends. Such an entry reaches as far as that does, and when it is
struck, what it ended is open again.
"""

from typing import Literal

from schemas.envelope import Token
from schemas.incidents import TRADE, ItemContent, OnIncident


class CloseTask(OnIncident):
    """A task is done: the entry says what was done."""

    trade = TRADE
    verb = "done"
    content_model = ItemContent
    entry: Token


class AnswerRequest(OnIncident):
    """A watch that was asked for resources accepts, or declines with its reason (scenario event 28)."""

    trade = TRADE
    verb = "answer"
    content_model = ItemContent
    entry: Token
    answer: Literal["accept", "decline"]


class TickStep(OnIncident):
    """A step of the incident's action card is done."""

    trade = TRADE
    verb = "tick"
    content_model = ItemContent
    step: Token


COMMANDS = (CloseTask, AnswerRequest, TickStep)
FACTS = ()
