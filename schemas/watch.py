"""Commands and facts of watches, posts and who is on duty (D22)."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Body, Line, Moment, Request, Token, WatchKey
from schemas.vocabulary import DutyFunction

TRADE = "watch"


class Establish(Request):
    """Set up a watch: its code for running numbers, names, whether it is hidden, how it keeps health text."""

    trade = TRADE
    verb = "establish"
    watch: WatchKey
    code: Token
    title: Line
    hidden: bool = False
    health: Literal["reference", "watch"] = "reference"
    posts: Annotated[list[Token], Field(min_length=1, max_length=20)] = ["duty"]


class Man(Request):
    """A person holds a function of a post from one time to another (roster); later facts win.

    Without ``until`` the roster stands till another takes its place. ``watch`` is the sender's when None.
    """

    trade = TRADE
    verb = "man"
    watch: WatchKey | None = None
    post: Token
    function: DutyFunction
    person: Token
    since: Moment
    until: Moment | None = None


class TakeOver(Request):
    """The sender holds the function from now on."""

    trade = TRADE
    verb = "take"
    post: Token
    function: DutyFunction = DutyFunction.PRIMARY
    until: Moment | None = None


class Release(Request):
    """The sender no longer holds the function; what the roster says holds again."""

    trade = TRADE
    verb = "release"
    post: Token
    function: DutyFunction = DutyFunction.PRIMARY


class Established(Body):
    """A watch as it is set up."""

    trade = TRADE
    name = "established"
    watch: str
    code: str
    title: str
    hidden: bool = False
    health: Literal["reference", "watch"] = "reference"
    posts: list[str]


class Manned(Body):
    """Who holds a function of a post, from when, to when; the fact's owner is the watch."""

    trade = TRADE
    name = "manned"
    post: str
    function: DutyFunction
    person: str
    since: AwareDatetime
    until: AwareDatetime | None = None
    manner: Literal["roster", "taken"] = "roster"


class Released(Body):
    """A person left a function that he or she had taken."""

    trade = TRADE
    name = "released"
    post: str
    function: DutyFunction
    person: str
    at: AwareDatetime


class GapFound(Body):
    """Nobody is on the roster for a function from ``since`` on; said at most a day before it begins (R7)."""

    trade = TRADE
    name = "gap_found"
    post: str
    function: DutyFunction
    since: AwareDatetime
    until: AwareDatetime | None = None


COMMANDS = (Establish, Man, TakeOver, Release)
FACTS = (Established, Manned, Released, GapFound)
