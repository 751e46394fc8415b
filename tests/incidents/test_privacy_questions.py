"""What a data-protection officer is told: who received what, and all that is held of one person."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas import incidents, people, watch
from schemas.vocabulary import EntryKind, Level, Role, Tag
from services.incidents import reads
from services.incidents.privacy import Privacy
from tests.incidents.make import Made, opened
from tests.incidents.room import Office
from tests.incidents.shelf import Shelf

VAKT, BARN, AUST = "4601.vaktsentral", "4601.barnevern", "4624.main"


@pytest.fixture
async def here(here: Office) -> Office:
    hidden = watch.Established(watch=BARN, code="BV", title="BV", posts=["duty"], hidden=True, health="watch")
    roles = [("dpo", Role.DPO, "4601"), ("nabo", Role.DPO, "4624")]
    await here.write(Made(hidden, about="BV", owner=BARN))
    await here.write(*(Made(people.Granted(person=a, role=b, where=c)) for a, b, c in roles))
    return here


def test_facts_that_name_a_person_are_found_in_both_databases(store_url: str, tmp_path: Path) -> None:
    shelf = Shelf(store_url, tmp_path)
    mine, others = opened(person="kari"), opened(person="karianne")
    shelf.put(mine, others)
    privacy = Privacy(shelf.store.engine, None, None)  # type: ignore[arg-type]
    assert [row["id"] for row in privacy._naming("actual", "kari", [VAKT])] == [mine.id]
    assert list(privacy._naming("actual", "kari", [AUST])) == []
    shelf.close()


async def test_a_breach_report_says_who_may_have_each_item_and_who_has_read_it(here: Office) -> None:
    made = opened(level=Level.NAMED, named=["4624"])
    entry = incidents.EntryAdded(
        incident=made.about, kind=EntryKind.INFORMATION, level=Level.WATCH, tags=[Tag.PERSON]
    )
    narrow = Made(entry, about=made.about, content={"text": "navn"})
    await here.write(made, narrow)
    await here.get(AUST, id=made.about)
    answer = await here.ask(VAKT, "received", person="dpo", id=made.about)
    items = {one["item"]: one for one in answer["items"]}
    assert items[made.id]["organisations"] == ["4624"]
    assert [(one["watch"], one["person"]) for one in items[made.id]["read"]] == [(AUST, None)]
    assert (items[narrow.id]["organisations"], items[narrow.id]["read"]) == ([], [])
    assert (await here.ask(VAKT, "received", id=made.about))["code"] == "NOT_ALLOWED"
    assert (await here.ask(AUST, "received", person="nabo", id=made.about))["code"] == "UNKNOWN_INCIDENT"


async def test_a_breach_report_says_since_when_reads_are_known(here: Office) -> None:
    made = opened(level=Level.NAMED, named=["4624"], tags=[Tag.PERSON])
    await here.write(made)
    await here.get(VAKT, id=made.about)
    answer = await here.ask(VAKT, "received", person="dpo", id=made.about)
    assert (answer["owner"], answer["reads_since"]) == (VAKT, None)
    engine = here.archive._store.engine  # type: ignore[union-attr]
    assert reads.forget_before(engine, datetime.now(UTC)) > 0
    before = datetime.now(UTC)
    answer = await here.ask(VAKT, "received", person="dpo", id=made.about)
    assert datetime.fromisoformat(answer["reads_since"]) >= before, "nothing is left to know of"
    await here.get(VAKT, id=made.about)
    later = await here.ask(VAKT, "received", person="dpo", id=made.about)
    (line,) = next(one for one in later["items"] if one["item"] == made.id)["read"]
    assert later["reads_since"] == line["read_at"]


async def test_a_person_report_holds_what_is_held_and_nothing_of_a_hidden_watch(here: Office) -> None:
    made, hidden = opened(person="kari", tags=[Tag.PERSON]), opened(owner=BARN, person="kari")
    in_hidden = Made(people.Granted(person="kari", role=Role.OPERATOR, where=BARN), owner="4601.centre")
    granted = Made(people.Granted(person="kari", role=Role.READER, where="4601"), owner="4601.centre")
    await here.write(made, hidden, in_hidden, granted)
    await here.ask(VAKT, "get", person="kari", id=made.about)
    answer = await here.ask(VAKT, "person", person="dpo", who="kari")
    assert {(one["id"], one["as"]) for one in answer["facts"]} == {
        (made.id, "author"),
        (granted.id, "named"),
    }
    assert [one["where"] for one in answer["roles"]] == ["4601"]
    assert [one["item"] for one in answer["reads"]] == [made.id]
    assert BARN not in str(answer)
    assert (await here.ask(VAKT, "person", who="kari"))["code"] == "NOT_ALLOWED"
