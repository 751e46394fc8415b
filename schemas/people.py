"""People, roles, sign-in and machine tokens (D17). Names lie in the bucket PEOPLE only."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from schemas.envelope import Body, Line, Moment, Request, Strict, Token, WatchKey
from schemas.vocabulary import Role

TRADE = "people"
Scope = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^(report|read|feed)$")]], Field(min_length=1)
]
Where = Token | WatchKey
Secret = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,200}$")]


class Contact(Strict):
    """A person's name and how he or she is reached; the value in the bucket PEOPLE, under the person's id."""

    display_name: Line
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;]{1,100}@[A-Za-z0-9.-]{1,150}$")] | None = (
        None
    )
    phone: Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None


class AddPerson(Request):
    """Take a person in, or change the contact; the content goes to PEOPLE, never to the ledger."""

    trade = TRADE
    verb = "add"
    content_model = Contact
    person: Token


class Grant(Request):
    """Give a person a role in an organisation or watch."""

    trade = TRADE
    verb = "grant"
    person: Token
    role: Role
    where: Where
    until: Moment | None = None


class Revoke(Request):
    """Take a role back."""

    trade = TRADE
    verb = "revoke"
    person: Token
    role: Role
    where: Where


class MakeLink(Request):
    """Make a one-time sign-in link for a person; the answer holds its secret, once."""

    trade = TRADE
    verb = "link"
    person: Token
    minutes: Annotated[int, Field(ge=1, le=10_080)] = 60


class SignIn(Request):
    """Exchange a link's secret for a session; the answer holds the session's secret, once."""

    trade = TRADE
    verb = "signin"
    secret: Secret


class SignOut(Request):
    """End a session."""

    trade = TRADE
    verb = "signout"
    secret: Secret


class RevokeSessions(Request):
    """End every session and link of a person."""

    trade = TRADE
    verb = "lockout"
    person: Token


class IssueToken(Request):
    """Make a machine token with scope and end; the answer holds its secret, once."""

    trade = TRADE
    verb = "token"
    machine: Token
    where: Where
    scope: Scope
    until: Moment


class RevokeToken(Request):
    """End a machine token."""

    trade = TRADE
    verb = "revoke_token"
    machine: Token


class Forget(Request):
    """Remove a person's name and contact for good; facts keep the random id."""

    trade = TRADE
    verb = "forget"
    person: Token


class Added(Body):
    """A person was taken in, or changed; the name lies elsewhere."""

    trade = TRADE
    name = "added"
    person: str


class Granted(Body):
    """A person has a role."""

    trade = TRADE
    name = "granted"
    person: str
    role: Role
    where: str
    until: AwareDatetime | None = None


class Revoked(Body):
    """A person no longer has a role."""

    trade = TRADE
    name = "revoked"
    person: str
    role: Role
    where: str


class LinkMade(Body):
    """A sign-in link was made for a person; who made it is the fact's actor."""

    trade = TRADE
    name = "link_made"
    person: str
    until: AwareDatetime


class TokenIssued(Body):
    """A machine may act, within a scope, to an end."""

    trade = TRADE
    name = "token_issued"
    machine: str
    where: str
    scope: list[str]
    until: AwareDatetime


class TokenRevoked(Body):
    """A machine may act no more."""

    trade = TRADE
    name = "token_revoked"
    machine: str


class LockedOut(Body):
    """A person's sessions and links were ended."""

    trade = TRADE
    name = "locked_out"
    person: str


class Forgotten(Body):
    """A person's name and contact were removed; every copy drops them."""

    trade = TRADE
    name = "forgotten"
    person: str


COMMANDS = (
    AddPerson,
    Grant,
    Revoke,
    MakeLink,
    SignIn,
    SignOut,
    RevokeSessions,
    IssueToken,
    RevokeToken,
    Forget,
)
FACTS = (Added, Granted, Revoked, LinkMade, TokenIssued, TokenRevoked, LockedOut, Forgotten)
