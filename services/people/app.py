"""The room people: its commands and questions as data, and how it is started and stopped."""

import asyncio

from nats.aio.client import Client
from sqlalchemy.engine import Engine

from schemas import directory, people
from services.people.contacts import Contacts
from services.people.handlers import PeopleHandlers
from services.people.keyring import Keyring
from services.people.means import Means, Picture, clock
from services.people.questions import Questions
from services.people.sign_in import SignInHandlers
from services.people.store import Store
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.database import open_database
from services.runtime.door import Door, QueryHandler, Route
from services.runtime.follower import Trades
from services.runtime.footing import Footing
from services.runtime.guarded import Guarded
from services.runtime.kept import NOTHING
from services.runtime.settings import Settings


def routes(means: Means) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    handlers, proof = PeopleHandlers(means), SignInHandlers(means)
    return (
        Route(people.AddPerson, handlers.add),
        Route(people.Grant, handlers.grant),
        Route(people.Revoke, handlers.revoke),
        Route(people.RevokeSessions, handlers.lockout),
        Route(people.Forget, handlers.forget),
        Route(people.MakeLink, proof.link),
        Route(people.SignIn, proof.signin),
        Route(people.SignOut, proof.signout),
        Route(people.IssueToken, proof.token),
        Route(people.RevokeToken, proof.revoke_token),
    )


FOLLOWED: Trades = (*directory.FACTS, (people.TRADE, people.Added.name))
GROWING: Trades = tuple((people.TRADE, body.name) for body in (people.LinkMade, people.LockedOut))


def questions(means: Means) -> dict[str, QueryHandler]:
    """Every question of the trade and what answers it."""
    asked = Questions(means)
    return {"session": asked.session, "token": asked.token, "names": asked.names, "list": asked.list}


class PeopleRoom:
    """Persons, roles and proof of who acts: door and questions in one."""

    name = "people"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures: dict[str, Picture] = {mode: Picture() for mode in settings.modes}
        self._footing = Footing(
            settings,
            self.name,
            names.PEOPLE_LEDGER,
            FOLLOWED,
            lambda mode: self._pictures[mode].apply,
            GROWING,
            lambda _mode: NOTHING,
        )
        self._engine: Engine | None = None
        self._writer: Client | None = None
        self._door: Door | None = None

    async def start(self) -> None:
        """Return when the door serves, and nothing is left of people who were forgotten."""
        self._engine = await asyncio.to_thread(open_database, self._settings, self.name)
        store = Store(self._engine)
        await asyncio.to_thread(store.clear, clock())
        ledger = await self._footing.open()
        self._writer = await connect(self._settings, names.PEOPLE_WRITER)
        contacts = Contacts(self._writer, self._settings.home / "erasures" / "people")
        await contacts.open(self._forgotten())
        keyring = Keyring(self._settings.home / "keys" / "people")
        guarded = Guarded(ledger, self._footing.folds)
        means = Means(guarded, self._pictures, contacts, store, keyring)
        self._door = Door(
            self._settings,
            names.PEOPLE_DOOR,
            people.TRADE,
            commands=routes(means),
            queries=questions(means),
            gates=self._footing.gates,
        )
        await self._door.start()

    async def stop(self) -> None:
        """Close the door first, then what it stands on."""
        if self._door is not None:
            await self._door.stop()
        if self._writer is not None:
            await self._writer.close()
        await self._footing.close()
        if self._engine is not None:
            self._engine.dispose()

    def health(self) -> dict[str, object]:
        """Whether facts are taken in."""
        return self._footing.health()

    def _forgotten(self) -> set[str]:
        return {person for picture in self._pictures.values() for person in picture.register.forgotten}


def build(settings: Settings) -> PeopleRoom:
    """The room, not yet started."""
    return PeopleRoom(settings)
