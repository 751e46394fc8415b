"""What was closed long ago and is opened again stands on the desk again, though its board has let it go."""

import asyncio

import httpx
import pytest

from schemas.identifiers import new_id
from schemas.incidents import ChangeState, CloseIncident, ItemContent, OpenIncident
from schemas.vocabulary import IncidentState
from services.desk import board
from tests.desk.house import VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rows_until(browser: httpx.AsyncClient, words: str, *, shown: bool) -> str:
    """The list, once the words stand in it, or do no longer."""
    async with asyncio.timeout(10):
        while True:
            text = (await browser.get("/part/rows")).text
            if (words in text) == shown:
                return text
            await asyncio.sleep(0.05)


async def test_an_incident_that_the_board_has_let_go_is_shown_when_it_is_opened_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "CLOSED_MOST", 1)
    lead, ids = await house.caller(VAKT, "kari"), [new_id(), new_id()]
    async with house.signed_in() as browser:
        for id, headline in zip(ids, ("Ulmer i Ørneredet", "Falsk alarm"), strict=True):
            await lead.accepted(OpenIncident(incident=id, type="fire"), ItemContent(headline=headline))
            await rows_until(browser, headline, shown=True)
            await lead.accepted(CloseIncident(incident=id), ItemContent(text="Slukket"))
            await rows_until(browser, headline, shown=False)
        answer = await lead.accepted(ChangeState(incident=ids[0], state=IncidentState.ASSIGNED))
        text = await rows_until(browser, "Ulmer i Ørneredet", shown=True)
        assert f'data-name="{answer.ref}"' in text
        await lead.accepted(CloseIncident(incident=ids[0]), ItemContent(text="Slukket"))
        await rows_until(browser, "Ulmer i Ørneredet", shown=False)
