"""What every handler of the room works with, and the way in which each of them makes a fact."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from schemas.authorisation import check
from schemas.directory import Directory
from schemas.envelope import Accepted, Actor, Body, Refused
from schemas.vocabulary import Role
from services.people import rules
from services.people.contacts import Contacts
from services.people.keyring import Keyring
from services.people.rules import Register
from services.people.store import Store
from services.runtime.guarded import Guarded
from services.runtime.ledger import Recorded
from services.runtime.reading import Received, Refusal


@dataclass(slots=True)
class Picture:
    """What the room knows of one mode, folded from the ledger."""

    directory: Directory = field(default_factory=Directory)
    register: Register = field(default_factory=Register)

    def apply(self, recorded: Recorded) -> None:
        """Take in one fact."""
        self.directory.apply(recorded.body)
        self.register.apply(recorded.fact.id, recorded.fact.data.owner, recorded.body)


@dataclass(frozen=True, slots=True)
class Means:
    """The ledger, the pictures by mode, and where contacts and hashes of secrets are kept."""

    guarded: Guarded
    pictures: Mapping[str, Picture]
    contacts: Contacts
    store: Store
    keyring: Keyring

    def picture(self, mode: str) -> Picture:
        """The picture of a mode. Raises Refusal for one that is not served."""
        if mode not in self.pictures:
            raise Refusal("UNKNOWN_TYPE")
        return self.pictures[mode]

    def check_role(self, received: Received, roles: tuple[Role, ...], where: str | None = None) -> None:
        """Refuse a sender without one of the roles, or who does not administer ``where``."""
        actor, act, now = actor_of(received), received.request.verb, clock()
        directory = self.pictures[received.address.mode].directory
        refuse(check(actor, roles, act, directory, now))
        if where is not None:
            refuse(rules.check_place(directory, actor, where, act, now))

    def check_over(self, received: Received, person: str, roles: tuple[Role, ...]) -> None:
        """Refuse a sender without one of the roles wherever the person has a role."""
        actor, directory = actor_of(received), self.pictures[received.address.mode].directory
        refuse(rules.check_over(directory, actor, person, roles, received.request.verb, clock()))

    async def append(
        self, received: Received, id: str, fact: type[Body], decide: Callable[[Register], Body]
    ) -> Recorded:
        """The command's fact about a person or machine; ``decide`` sees the register of that id only."""
        return await self.guarded.append(
            received,
            received.address.key,
            id,
            fact,
            lambda history: decide(register_of(history)),
            everywhere=True,
        )

    async def register(self, received: Received, id: str) -> Register:
        """The register of one id, straight from the ledger."""
        found = await self.guarded.history(received.address.mode, received.address.trade, id)
        return register_of(found)


def register_of(history: list[Recorded]) -> Register:
    """The register of what a history says."""
    return rules.fold((one.fact.id, one.fact.data.owner, one.body) for one in history)


def actor_of(received: Received) -> Actor:
    """Who sends."""
    return received.command.data.actor


def accept(recorded: Recorded, **result: Any) -> Accepted:
    """The answer to a command whose fact is stored."""
    return Accepted(
        id=recorded.fact.id, subject=recorded.fact.subject, receipt=recorded.fact.id, result=result
    )


def refuse(refused: Refused | None) -> None:
    """Raise the refusal, if there is one."""
    if refused is not None:
        raise Refusal(refused.code, **refused.parameters)


def clock() -> datetime:
    """Now, with the offset of this place."""
    return datetime.now(UTC).astimezone()
