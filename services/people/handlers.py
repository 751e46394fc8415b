"""Commands about people: taken in, given a role, forgotten."""

import asyncio
from typing import Any, cast

from schemas import people
from schemas.authorisation import ADMINISTER
from schemas.envelope import Accepted, Body
from schemas.vocabulary import Mode, Role
from services.people import rules
from services.people.means import Means, accept, actor_of, clock, refuse
from services.people.rules import Register
from services.runtime.reading import Received, Refusal

FORGET = (*ADMINISTER, Role.DPO)


class PeopleHandlers:
    """What the door calls for people and their roles."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def add(self, received: Received) -> Accepted:
        """Take a person in, or change the contact: first the fact, then the bucket, where alone names lie."""
        request = cast(people.AddPerson, received.request)
        contact = received.content_dict() or {}
        self._means.check_role(received, ADMINISTER)
        if not str(contact.get("display_name", "")).strip():
            raise Refusal("CONTENT_NEEDED")
        self._check_home(received, request.person)
        in_earnest = self._in_earnest(received, request.person)
        if in_earnest and (await self._means.contacts.read([request.person])).get(request.person) != contact:
            raise Refusal("NOT_ALLOWED", act="add")

        def decide(register: Register) -> Body:
            refuse(rules.check_new(register, request.person, actor_of(received)))
            self._means.check_over(received, request.person, ADMINISTER)
            return people.Added(person=request.person)

        recorded = await self._means.append(received, request.person, people.Added, decide)
        if not in_earnest:
            await self._keep(received, recorded.fact.id, request.person, contact)
        return accept(recorded)

    async def grant(self, received: Received) -> Accepted:
        """Give a role in the sender's own organisation, or a watch of it, also to a guest."""
        request = cast(people.Grant, received.request)
        self._means.check_role(received, ADMINISTER, request.where)

        def decide(register: Register) -> Body:
            refuse(rules.check_person(register, request.person))
            refuse(rules.check_end(actor_of(received), request.until, clock()))
            return people.Granted(**request.model_dump())

        return accept(await self._means.append(received, request.person, people.Granted, decide))

    async def revoke(self, received: Received) -> Accepted:
        """Take a role back."""
        request = cast(people.Revoke, received.request)
        self._means.check_role(received, ADMINISTER, request.where)

        def decide(register: Register) -> Body:
            refuse(rules.check_person(register, request.person))
            return people.Revoked(**request.model_dump())

        return accept(await self._means.append(received, request.person, people.Revoked, decide))

    async def lockout(self, received: Received) -> Accepted:
        """End every session and link of a person."""
        request = cast(people.RevokeSessions, received.request)
        self._means.check_role(received, ADMINISTER)
        fact = people.LockedOut
        body = fact(person=request.person)
        recorded = await self._about_own(received, request.person, body, ADMINISTER)
        await self._end_sessions(received, request.person)
        return accept(recorded)

    async def forget(self, received: Received) -> Accepted:
        """Remove name and contact for good; a second call finishes what a first one began."""
        request = cast(people.Forget, received.request)
        self._means.check_role(received, FORGET)
        if self._in_earnest(received, request.person):
            raise Refusal("NOT_ALLOWED", act="forget")
        body = people.Forgotten(person=request.person)
        recorded = await self._about_own(received, request.person, body, FORGET)
        await self._end_sessions(received, request.person)
        await self._means.contacts.erase(request.person)
        return accept(recorded)

    async def _about_own(self, received: Received, person: str, body: Body, roles: tuple[Role, ...]) -> Any:
        """The fact about a person of the sender's own organisation."""

        def decide(register: Register) -> Body:
            refuse(rules.check_own(register, person, received.address.org))
            self._means.check_over(received, person, roles)
            return body

        return await self._means.append(received, person, type(body), decide)

    async def _end_sessions(self, received: Received, person: str) -> None:
        modes = rules.ended_modes(received.address.mode)
        await asyncio.to_thread(self._means.store.end_person, person, modes, clock())

    async def _keep(self, received: Received, fact_id: str, person: str, contact: dict[str, Any]) -> None:
        """Unless a later command has changed the contact since, or the person is to be forgotten."""
        register = await self._means.register(received, person)
        if register.newest.get(person) == fact_id and register.knows(person):
            await self._means.contacts.put(person, contact)

    def _check_home(self, received: Received, person: str) -> None:
        """Refuse a real person of another organisation: no exercise tells whether a guess is right."""
        actual, actor = self._means.pictures.get(Mode.ACTUAL), actor_of(received)
        if actual is not None and received.address.mode == Mode.EXERCISE:
            refuse(rules.check_new(actual.register, person, actor))

    def _in_earnest(self, received: Received, person: str) -> bool:
        """True if this is an exercise and the person is a real one, whose contact it must not touch."""
        actual = self._means.pictures.get(Mode.ACTUAL)
        known = actual is not None and person in actual.register.homes
        return received.address.mode == Mode.EXERCISE and known
