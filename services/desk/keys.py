"""Every key of the desk in one table: handlers, the list under `?` and aria-keyshortcuts are made of it."""

from typing import NamedTuple


class Key(NamedTuple):
    """``press`` as a browser says it (modifiers first), how it is printed, what it does, and in which words.

    ``where``: everywhere; ``list`` keys work in the list only; ``single`` keys only while no field has the
    focus, and they can be switched off (WCAG 2.1.4).
    """

    press: str
    shown: str
    act: str
    text: str
    where: str = ""


KEYS: tuple[Key, ...] = (
    Key("F2", "F2", "line", "command line"),
    Key("Control+k", "Ctrl+K", "line", "command line"),
    Key("F4", "F4", "ack", "acknowledge the chosen incident"),
    Key("Control+Enter", "Ctrl+Enter", "save", "save what is being written"),
    Key("ArrowDown", "↓", "down", "next incident in the list", "list"),
    Key("ArrowUp", "↑", "up", "previous incident in the list", "list"),
    Key("PageDown", "PgDn", "pagedown", "ten further down", "list"),
    Key("PageUp", "PgUp", "pageup", "ten further up", "list"),
    Key("Home", "Home", "newest", "to the top, and let newcomers in", "list"),
    Key("Enter", "Enter", "open", "open the chosen incident", "list"),
    Key("Escape", "Esc", "back", "back, and cancel"),
    Key("F1", "F1", "help", "these keys"),
    Key("?", "?", "help", "these keys", "single"),
    Key("n", "N", "new", "report something new", "single"),
    Key("k", "K", "ack", "acknowledge the chosen incident", "single"),
    Key("l", "L", "log", "write in the log", "single"),
    Key("r", "R", "correct", "correct the last entry of one's own", "single"),
    Key("a", "A", "state", "change state or close", "single"),
    Key("t", "T", "steps", "next open task, request or step of the action card", "single"),
    Key("p", "P", "place", "where it is, and who does what there", "single"),
    Key("v", "V", "duty", "who is on duty", "single"),
)


def shortcuts(act: str) -> str:
    """The value of aria-keyshortcuts for what does an act."""
    return " ".join(key.press for key in KEYS if key.act == act)


def printed(act: str) -> str:
    """The first key for an act, as it stands on the button."""
    return next(key.shown for key in KEYS if key.act == act)


def table() -> list[list[str]]:
    """What the handlers read: the press, the act, and where it works."""
    return [[key.press, key.act, key.where] for key in KEYS]
