"""Commands about proof: one-time links, sessions, machine tokens. Each secret is answered, and never kept."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, cast

from schemas import people
from schemas.authorisation import ADMINISTER
from schemas.envelope import Accepted, Body
from services.people import rules
from services.people.keyring import fingerprint
from services.people.means import Means, accept, actor_of, clock, refuse
from services.people.rules import Register
from services.people.store import Link, MachineToken, Session
from services.runtime.reading import Received, Refusal

SIGN_IN_PATH = "/sign-in/"
"""Where the desk takes a link's secret: a GET shows a button, only its POST signs in."""


class SignInHandlers:
    """What the door calls for links, sessions and tokens."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def link(self, received: Received) -> Accepted:
        """Make a one-time link for a person of the own organisation."""
        request, now = cast(people.MakeLink, received.request), clock()
        self._means.check_role(received, ADMINISTER)
        until = now + timedelta(minutes=request.minutes)

        def decide(register: Register) -> Body:
            refuse(rules.check_own(register, request.person, received.address.org))
            self._means.check_over(received, request.person, ADMINISTER)
            return people.LinkMade(person=request.person, until=until)

        recorded = await self._means.append(received, request.person, people.LinkMade, decide)
        until = cast(people.LinkMade, recorded.body).until
        secret = self._means.keyring.secret("link", received.command.id, *_asked_by(received))
        row = Link(person=request.person, **_row(received, secret, now, until))
        await asyncio.to_thread(self._means.store.add_link, row)
        return accept(recorded, secret=secret, path=SIGN_IN_PATH + secret, until=until.isoformat())

    async def signin(self, received: Received) -> Accepted:
        """Exchange a link's secret for a session. Open to every watch: the link is the proof."""
        request, now = cast(people.SignIn, received.request), clock()
        spent = fingerprint(request.secret)
        secret = self._means.keyring.secret("session", received.command.id, spent)
        wanted = Session(person="", **_row(received, secret, now, now + rules.SESSION))
        modes = rules.sign_in_modes(received.address.mode)
        session = await asyncio.to_thread(self._means.store.sign_in, spent, wanted, modes, rules.SAME_SIGN_IN)
        if session is None:
            raise Refusal("LINK_SPENT")
        result = {
            "secret": secret,
            "person": session["person"],
            "until": moment(session["ends_at"]),
            "csrf": csrf(self._means, session["hash"]),
        }
        return _done(received, session["person"], result)

    async def signout(self, received: Received) -> Accepted:
        """End the session of a secret; to end it again changes nothing."""
        request = cast(people.SignOut, received.request)
        person = await asyncio.to_thread(self._means.store.sign_out, fingerprint(request.secret), clock())
        if person is None:
            raise Refusal("SESSION_ENDED")
        return _done(received, person, {})

    async def token(self, received: Received) -> Accepted:
        """Make a machine's token; an earlier one of the same machine ends."""
        request, now = cast(people.IssueToken, received.request), clock()
        self._means.check_role(received, ADMINISTER, request.where)

        def decide(register: Register) -> Body:
            refuse(rules.check_machine(register, request.machine, received.address.org))
            refuse(rules.check_end(actor_of(received), request.until, now))
            return people.TokenIssued(**request.model_dump())

        recorded = await self._means.append(received, request.machine, people.TokenIssued, decide)
        secret = self._means.keyring.secret("token", received.command.id, *_asked_by(received))
        row = MachineToken(
            machine=request.machine,
            place=request.where,
            scope=",".join(sorted(set(request.scope))),
            **_row(received, secret, now, request.until),
        )
        await asyncio.to_thread(self._means.store.add_token, row)
        return accept(recorded, secret=secret, machine=request.machine, until=request.until.isoformat())

    async def revoke_token(self, received: Received) -> Accepted:
        """End a machine's token."""
        request, now = cast(people.RevokeToken, received.request), clock()
        actor, mode = actor_of(received), received.address.mode
        self._means.check_role(received, ADMINISTER)
        directory = self._means.picture(mode).directory

        def decide(register: Register) -> Body:
            known = register.tokens.get(request.machine)
            if known is None or register.machines[request.machine] != received.address.org:
                raise Refusal("TOKEN_ENDED")
            refuse(rules.check_place(directory, actor, known.where, received.request.verb, now))
            return people.TokenRevoked(machine=request.machine)

        recorded = await self._means.append(received, request.machine, people.TokenRevoked, decide)
        await asyncio.to_thread(self._means.store.end_tokens, request.machine, mode, now)
        return accept(recorded)


def csrf(means: Means, session_hash: str) -> str:
    """What a form of this session must carry."""
    return means.keyring.secret("csrf", session_hash)


def moment(seconds: int) -> str:
    """A kept time as it is answered."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat()


def _row(received: Received, secret: str, now: datetime, until: datetime) -> dict[str, Any]:
    """What links, sessions and tokens have in common."""
    return {
        "hash": fingerprint(secret),
        "command": received.command.id,
        "mode": received.address.mode,
        "began_at": int(now.timestamp()),
        "ends_at": int(until.timestamp()),
    }


def _asked_by(received: Received) -> tuple[str, str]:
    """Part of what a secret is made from: the same id from another sender makes another secret."""
    return received.address.key, actor_of(received).person or ""


def _done(received: Received, subject: str, result: dict[str, Any]) -> Accepted:
    """The answer to a command that makes no fact."""
    id = received.command.id
    return Accepted(id=id, subject=subject, receipt=id, result=result)
