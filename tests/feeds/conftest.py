"""The room feeds behind a real broker, and a hand that writes into its ledger."""

from collections.abc import AsyncIterator

import pytest

from schemas.feeds import SetOrganisation, SetRegion, Subscribe
from schemas.people import Granted
from schemas.vocabulary import Mode, Role
from schemas.watch import Established
from services.feeds.app import build
from services.runtime import names
from tests.caller import Office, office
from tests.feeds.facts import BARNEVERN, NEIGHBOUR, PAST, VAKT
from tests.hub import Hub
from tests.incidents.make import Scribe

ORGS = ("4601", "4624", "110-vest", "5001")


@pytest.fixture
async def hub(fresh_broker: Hub) -> AsyncIterator[Office]:
    """The room serves a region of three, each with a feed; Trondheim has a feed and is in no region."""
    async with office(fresh_broker, build) as found:
        for key in (VAKT, BARNEVERN, NEIGHBOUR, "110-vest.main"):
            body = Established(watch=key, code=key, title=key, hidden=key == BARNEVERN, posts=["duty"])
            await found.put_fact(names.WATCH_LEDGER, key, "w", body)
        for person, role in (("lead", Role.LEADER), ("ola", Role.OPERATOR)):
            granted = Granted(person=person, role=role, where="4624")
            await found.put_fact(names.PEOPLE_LEDGER, "4624.centre", person, granted)
        await found.start()
        centre = await found.caller("4601.centre")
        await centre.accepted(SetRegion(region="vest", members=list(ORGS[:3]), since=PAST))
        for org in ORGS:
            await centre.accepted(SetOrganisation(organisation=org, title=org, kind="x", serves=[]))
            modes = [Mode.ACTUAL, Mode.EXERCISE]
            await centre.accepted(Subscribe(subscriber=org, modes=modes, since=PAST))
        yield found


@pytest.fixture
async def scribe(hub: Office) -> Scribe:
    return Scribe(await hub.connection(names.INCIDENTS_LEDGER))
