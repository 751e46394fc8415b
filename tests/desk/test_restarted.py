"""A desk that starts again shows what it showed, whether it was kept or is read from the first fact on."""

import pytest

from schemas.identifiers import new_id
from schemas.incidents import AddEntry, CloseIncident, ItemContent, OpenIncident, ShareWider
from schemas.vocabulary import EntryKind, Level
from services.desk import board_kept
from services.desk.boards import Boards
from tests.desk.house import VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")


def boards(house: House) -> Boards:
    found = house.desk._boards
    assert found is not None
    return found


async def restarted(house: House) -> tuple[int, bytes]:
    """How far the board of the new desk had been kept, and all that it shows."""
    await house.stop()
    await house.start()
    return boards(house)._followers["actual"].kept_to, board_kept.dump(boards(house).of("actual"))


async def test_a_restarted_desk_shows_the_same_as_one_that_reads_everything_again(house: House) -> None:
    lead, ids = await house.caller(VAKT, "kari"), [new_id() for _ in range(3)]
    for id, headline in zip(ids, ("Røyk i Åsane", "Vann i kjeller", "Falsk alarm"), strict=True):
        await lead.accepted(OpenIncident(incident=id, type="fire"), ItemContent(headline=headline))
    entry = AddEntry(incident=ids[0], kind=EntryKind.INFORMATION, notify=["4624.main"], level=Level.REGION)
    await lead.accepted(entry, ItemContent(text="Røyken driver nordover"))
    await lead.accepted(ShareWider(incident=ids[1], entry="head", level=Level.ORGANISATION))
    await lead.accepted(CloseIncident(incident=ids[2]), ItemContent(text="Ingen brann"))
    known, kept = await restarted(house)
    assert known > 0
    (house.hub.settings.home / "marks" / "desk-actual.kept").unlink()
    known, anew = await restarted(house)
    assert known == 0
    assert kept == anew
    async with house.signed_in() as browser:
        text = (await browser.get("/part/rows")).text
    assert "Røyk i Åsane" in text
    assert "Vann i kjeller" in text
    assert "Falsk alarm" not in text
