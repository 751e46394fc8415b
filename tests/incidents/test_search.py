"""Searching the log: compounds, æøå, filters, sight, erasure, corrections; the same over both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import incidents, relations
from schemas.canonical import unseal
from schemas.catalogue import read_fact
from schemas.directory import Directory
from schemas.search import SearchFor
from schemas.vocabulary import EntryKind, IncidentState, Level, Priority, Tag
from services.incidents import bulk, terms_postgresql, terms_sqlite
from services.incidents.finding import Finder
from services.incidents.projection import Ends, compose, read
from services.incidents.search import find, looked_for
from services.incidents.store import SERVICE
from services.incidents.tables import CONTENT, FACTS, INCIDENTS, WORDS
from services.incidents.terms import key
from services.incidents.viewer import Viewer
from services.incidents.vocabulary import Vocabulary
from services.runtime.database import engine_for, migrate
from services.runtime.reading import Refusal
from services.runtime.settings import Settings
from tests.incidents.make import Made
from tests.incidents.room import centre
from tests.incidents.shelf import Shelf

VAKT, BARN, AUST, FIRE = "4601.vaktsentral", "4601.barnevern", "4624.main", "110-vest.main"
DIRECTORY = Directory()
for _made in centre():
    DIRECTORY.apply(read_fact(_made.raw)[1])


@pytest.fixture
def shelf(store_url: str, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path)
    yield found
    found.close()


def look(shelf: Shelf, text: str = "", by: str = VAKT, **asked: Any) -> list[dict[str, Any]]:
    """What a watch finds, the newest first."""
    return _page(shelf, text, by, **asked)[0]


def found_words(shelf: Shelf, text: str = "", by: str = VAKT, **asked: Any) -> list[str]:
    """The words of what a watch finds."""
    hits = look(shelf, text, by, **asked)
    return [hit["entry"]["content"].get("headline") or hit["entry"]["content"]["text"] for hit in hits]


def _page(shelf: Shelf, text: str, by: str, **asked: Any) -> tuple[list[dict[str, Any]], str | None]:
    question = SearchFor.model_validate({"text": text, **asked})
    viewer = Viewer(by, DIRECTORY, datetime.now(UTC))
    hits, page = find(Finder(shelf.store.engine), "actual", question, viewer)
    return [hit.shown for hit in hits], page


def head(text: str, level: Level = Level.WATCH, **more: Any) -> Made:
    own = ("type", "priority", "municipalities")
    fields: dict[str, Any] = {name: more.pop(name) for name in own if name in more}
    fields |= {"tags": more.pop("tags", []), "named": more.pop("named", [])}
    content = {"headline": text} | more.pop("content", {})
    body = incidents.Opened.model_validate(
        {"ref": "0000000", "type": "flood", "priority": Priority.NORMAL, "level": level, **fields}
    )
    return Made(body, content=content, **more)


def entry(about: str, text: str, level: Level = Level.WATCH, **more: Any) -> Made:
    named = more.pop("named", [])
    body = incidents.EntryAdded(incident=about, kind=EntryKind.INFORMATION, level=level, named=named)
    return Made(body, about=about, content={"text": text}, **more)


def test_a_part_of_a_word_finds_the_compound_that_holds_it(shelf: Shelf) -> None:
    shelf.put(head("Vannlekkasje i Åsane"), head("Gasslekkasjen er stanset"), head("Trafikkulykke"))
    assert found_words(shelf, "lekkasj") == ["Gasslekkasjen er stanset", "Vannlekkasje i Åsane"]
    assert found_words(shelf, "lekkasj ÅSANE") == ["Vannlekkasje i Åsane"]
    assert found_words(shelf, "ulykke") == ["Trafikkulykke"]


def test_norwegian_letters_are_letters_of_their_own(shelf: Shelf) -> None:
    shelf.put(head("Røyk på Ærfuglveien"), head("Brann i A\u030asane"), head("Besøk i Asane"))
    assert found_words(shelf, "ærfugl") == ["Røyk på Ærfuglveien"]
    assert [hit["entry"]["content"]["headline"] for hit in look(shelf, "åsane")] == ["Brann i A\u030asane"]
    assert found_words(shelf, "ASANE") == ["Besøk i Asane"]
    assert found_words(shelf, "royk") == []


def test_short_words_and_numbers_are_found_whole(shelf: Shelf) -> None:
    shelf.put(head("Stein på E 39"), head("E39 er stengt, ring 5512"), head("på vakt"))
    assert found_words(shelf, "på") == ["på vakt", "Stein på E 39"]
    assert found_words(shelf, "39") == ["Stein på E 39"]
    assert found_words(shelf, "e39") == ["E39 er stengt, ring 5512"]
    assert found_words(shelf, "5512") == ["E39 er stengt, ring 5512"]
    assert found_words(shelf, "551") == []


@pytest.mark.parametrize(
    "text",
    ['"', "a AND", "NEAR(", "(((", "-*", "vann:", "^", "'; DROP TABLE facts; --", "%", "_", "\\", "\x00"],
)
def test_signs_are_no_expression(shelf: Shelf, text: str) -> None:
    shelf.put(head("Vann over veien"))
    look(shelf, text)
    assert found_words(shelf, f'vann "{text[:0]}') == ["Vann over veien"]


def test_what_is_asked_of_watch_type_state_priority_period_person_and_area(shelf: Shelf) -> None:
    then = datetime(2026, 3, 1, 12, tzinfo=UTC)
    old = head("Ras ved Sandviken", type="landslide", priority="high", municipalities=["4601"], at=then)
    place = head("Ras i Os", content={"position": "60.19,5.47"}, person="p7", municipalities=["4624"])
    other = head("Ras på Askøy", Level.ORGANISATION, owner=BARN)
    state = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    shelf.put(old, place, other, Made(state, about=old.about))
    assert found_words(shelf, "ras", watch=VAKT) == ["Ras i Os", "Ras ved Sandviken"]
    assert found_words(shelf, "ras", organisation="4601") == found_words(shelf, "ras")
    assert found_words(shelf, organisation="4624") == []
    assert found_words(shelf, type="landslide") == ["Ras ved Sandviken"]
    assert found_words(shelf, state="closed") == ["Ras ved Sandviken"]
    assert found_words(shelf, "ras", state="open") == ["Ras på Askøy", "Ras i Os"]
    assert found_words(shelf, priority=Priority.HIGH) == ["Ras ved Sandviken"]
    assert found_words(shelf, person="p7") == ["Ras i Os"]
    assert found_words(shelf, municipality="4624") == ["Ras i Os"]
    assert found_words(shelf, box=(60.1, 5.4, 60.2, 5.5)) == ["Ras i Os"]
    assert found_words(shelf, box=(-90, -180, 90, 180)) == ["Ras i Os"]
    assert found_words(shelf, box=(60.2, 5.4, 60.3, 5.5)) == []
    period: dict[str, Any] = {"since": then - timedelta(hours=1), "until": then + timedelta(hours=1)}
    assert found_words(shelf, "ras", **period) == ["Ras ved Sandviken"]
    with pytest.raises(Refusal):
        look(shelf, since=then, until=then)


def test_what_was_written_before_its_incident_came_is_found_by_the_type_too(shelf: Shelf) -> None:
    made, other = head("Ras i Os", type="landslide"), head("Ras i Vik", type="landslide")
    shelf.put(entry(made.about, "tungt ras"))
    shelf.put(made, entry(other.about, "lite ras"), other)
    shelf.put(entry(made.about, "enda et ras"), head("Ras på jobben", type="fire"))
    wanted = ["enda et ras", "Ras i Vik", "lite ras", "Ras i Os", "tungt ras"]
    assert found_words(shelf, type="landslide") == found_words(shelf, "ras", type="landslide") == wanted
    raised = incidents.SharedWider(entry=other.id, level=Level.PUBLIC, commitment="0" * 64)
    shelf.put(Made(raised, about=other.about))
    assert found_words(shelf, "ras", type="landslide", by=FIRE) == ["Ras i Vik"]


def test_nobody_finds_what_they_may_not_see(shelf: Shelf) -> None:
    hidden = head("Hemmelig barnesak", owner=BARN)
    shared = head("Felles flom", Level.NAMED, named=["4624"])
    inner = entry(shared.about, "intern flom")
    public = entry(hidden.about, "Åpent møte om barnesak", Level.PUBLIC, owner=BARN)
    shelf.put(hidden, shared, inner, public)
    assert found_words(shelf, "barnesak", VAKT) == ["Åpent møte om barnesak"]
    assert found_words(shelf, "flom", AUST) == ["Felles flom"]
    assert found_words(shelf, "flom", FIRE) == []
    assert found_words(shelf, "flom", BARN) == ["Felles flom"], "the own house sees what is shared outside"
    (hit,) = look(shelf, "barnesak", FIRE)
    assert hit["incident"] == {"id": hidden.about}, "the head is not told with an entry that is shared wider"
    assert look(shelf, "barnesak", FIRE, type="flood") == [], "nor can its type be found out"
    assert look(shelf, "flom", AUST, person="p1") == [], "persons are named to their own house only"


def test_words_that_only_hidden_items_hold_are_not_even_looked_up(shelf: Shelf) -> None:
    shelf.put(*(head(f"saksord{number:03}x", owner=BARN) for number in range(40)))
    shelf.put(head("ord om annet"))
    finder, now = Finder(shelf.store.engine), datetime.now(UTC)
    question = looked_for(SearchFor(text="ord"))
    counts = []
    for watch in (VAKT, BARN):
        with finder.search("actual") as finding:
            wanted = finding.wanted(question, Viewer(watch, DIRECTORY, now))
        assert wanted is not None
        counts.append(len(wanted.lists[0]))
    assert counts[1] - counts[0] == 40


@pytest.mark.parametrize(("looks", "recent"), [(0, 1), (1, 7), (8, 2_000)])
def test_a_part_of_very_many_words_finds_each_item_once_the_newest_first(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, looks: int, recent: int
) -> None:
    monkeypatch.setattr(terms_sqlite, "LOOKS", looks)
    monkeypatch.setattr(terms_postgresql, "RECENT", recent)
    levels = (Level.WATCH, Level.ORGANISATION, Level.PUBLIC)
    made = [head(f"lekkasje{number}a i byen", levels[number % 3]) for number in range(250)]
    shelf.put(*(one for pair in zip(made, (head("brann") for _ in made), strict=True) for one in pair))
    wanted = [unseal(one.sealed or b"")["headline"] for one in reversed(made)]
    assert found_words(shelf, "lekkasje", limit=200) == wanted[:200]
    assert found_words(shelf, "lekkasje byen i", limit=200, page=made[50].id) == wanted[200:]
    assert found_words(shelf, "lekkasje brann") == []


def test_how_far_a_search_looks_does_not_depend_on_what_others_wrote(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms_postgresql, "RECENT", 4)
    shelf.put(*(head(f"storm {number}") for number in range(12)))
    asked: list[str] = []
    sa.event.listen(shelf.store.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    counts = []
    for _ in range(2):
        asked.clear()
        assert len(look(shelf, "storm", limit=10)) == 10
        counts.append(list(asked))
        shelf.put(*(head(f"storm {number}", owner=BARN) for number in range(40)))
    assert counts[0] == counts[1]


def test_pages_hold_everything_once_and_end_without_a_hint(shelf: Shelf) -> None:
    made = [head(f"storm nummer {number}", owner=(BARN if number % 3 else VAKT)) for number in range(30)]
    shelf.put(*made)
    seen: list[str] = []
    page = None
    while True:
        hits, page = _page(shelf, "storm", VAKT, limit=4, page=page)
        seen += [hit["entry"]["id"] for hit in hits]
        if page is None:
            break
    assert seen == [one.id for one in reversed(made) if one.owner == VAKT]
    for other in (made[1].id, "no-such-item"):
        with pytest.raises(Refusal) as refused:
            _page(shelf, "storm", VAKT, page=other)
        assert refused.value.refused.parameters == {"where": ["page"]}


def test_a_raise_lets_the_new_circle_find_the_item_and_its_outcome(shelf: Shelf) -> None:
    made = head("Dambrudd i øvre dalen")
    closing = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    shelf.put(
        made, entry(made.about, "dam internt"), Made(closing, about=made.about, content={"text": "dam tett"})
    )
    assert look(shelf, "dam", AUST) == []
    body = incidents.SharedWider(entry="head", level=Level.NAMED, named=["4624"], commitment="0" * 64)
    shelf.put(Made(body, about=made.about))
    assert found_words(shelf, "dam", AUST) == ["dam tett", "Dambrudd i øvre dalen"]
    assert found_words(shelf, "dam", VAKT) == ["dam tett", "dam internt", "Dambrudd i øvre dalen"]


def test_a_broken_glass_lets_one_watch_find_the_item_until_it_ends(shelf: Shelf) -> None:
    made = head("Pasient savnet ved Tyin", tags=[Tag.HEALTH])
    inner = entry(made.about, "pasient med insulin")
    shelf.put(made, inner)
    for entry_id, minutes in ((inner.id, 30), ("head", -1)):
        until = datetime.now(UTC) + timedelta(minutes=minutes)
        body = relations.GlassBroken(entry=entry_id, to=FIRE, ground="life", until=until)
        shelf.put(Made(body, about=made.about))
    assert found_words(shelf, "pasient", FIRE) == ["pasient med insulin"], "the head's has ended"
    assert look(shelf, "pasient", AUST) == []


def test_erased_words_find_nothing_and_lie_nowhere(shelf: Shelf) -> None:
    made, other = head("Telefonen til Hjørdis Eksempelsen", content={"position": "60.1,5.1"}), head("telefon")
    shelf.put(made, other)
    body = incidents.Erased(fact=made.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    shelf.put(Made(body, about=made.about))
    assert look(shelf, "eksempelsen") == look(shelf, box=(60, 5, 61, 6)) == []
    assert found_words(shelf, "telefon") == ["telefon"]
    assert look(shelf, watch=VAKT)[-1]["entry"]["erased"]
    with shelf.store.engine.connect() as connection:
        listed = set(connection.execute(sa.select(WORDS.c.word)).scalars())
    assert listed == {"telefon"}
    shelf.put(head("Eksempelsen igjen"))
    assert found_words(shelf, "eksempelsen") == ["Eksempelsen igjen"]


def test_struck_words_are_found_and_marked(shelf: Shelf) -> None:
    made = head("Brann")
    wrong = entry(made.about, "to savnede", Level.NAMED, named=["4601"], by=AUST)
    right = incidents.Corrected(entry=wrong.id, manner="replace", level=Level.NAMED, named=["4601"])
    correction = Made(right, about=made.about, content={"text": "tre savnede"})
    shelf.put(made, wrong)
    shelf.put(correction)
    first, second = look(shelf, "savnede")
    assert (second["entry"]["corrected_by"], first["entry"]["kind"]) == (correction.id, "correction")
    assert found_words(shelf, "savnede", AUST) == ["tre savnede", "to savnede"], "its writer has both"


def test_a_stray_entry_is_found_where_it_is_joined(shelf: Shelf) -> None:
    made = head("Skred i Tinnsjø", Level.NAMED, named=["4624"])
    joined = entry(made.about, "skred sett fra båt", Level.NAMED, owner=AUST, named=["4601"])
    stray = entry(made.about, "skred gjettet", Level.PUBLIC, owner=FIRE)
    shelf.put(made, joined, stray)
    assert found_words(shelf, "skred") == ["skred sett fra båt", "Skred i Tinnsjø"]
    assert found_words(shelf, "skred", FIRE) == ["skred gjettet"]


def test_content_that_came_back_is_found_again(shelf: Shelf) -> None:
    made = head("Savnet turgåer")
    shelf.put(made, without=frozenset([made.id]))
    assert look(shelf, "turgåer") == []
    assert made.sealed is not None
    shelf.store.heal("actual", {made.id: made.sealed})
    assert found_words(shelf, "turgåer") == ["Savnet turgåer"]


def test_an_archive_from_before_the_search_is_made_searchable(shelf: Shelf) -> None:
    made = head("Kloakkstopp")
    raised = incidents.SharedWider(entry="head", level=Level.NAMED, named=["4624"], commitment="0" * 64)
    shelf.put(made, Made(raised, about=made.about))
    with shelf.store.engine.begin() as connection:
        for name in ("items", "words", "turns"):
            connection.execute(sa.text(f"DELETE FROM {name}"))  # noqa: S608
        shelf.store._searchable["actual"].clear(connection, "actual")
    shelf.store.fill("actual")
    shelf.store.fill("actual")
    assert found_words(shelf, "stopp", AUST) == ["Kloakkstopp"]


def test_an_archive_whose_terms_lay_together_is_made_searchable_anew(store_url: str, tmp_path: Path) -> None:
    engine = engine_for(Settings.model_validate({"home": tmp_path, "database_url": store_url}), SERVICE)
    migrate(engine, SERVICE, "0006")
    made = head("Kloakkstopp", Level.PUBLIC)
    taken, contents = [read(1, made.subject, made.raw)], {made.id: made.sealed or b""}
    rows = compose("actual", 1, taken, contents, Ends({}, {}, {}), {})
    with engine.begin() as connection:
        for table, found in ((FACTS, rows.facts), (CONTENT, rows.contents), (INCIDENTS, rows.heads)):
            bulk.insert(connection, table, found)
    engine.dispose()
    shelf = Shelf(store_url, tmp_path)
    shelf.store.fill("actual")
    assert found_words(shelf, "stopp", FIRE) == ["Kloakkstopp"]
    shelf.close()


def test_words_of_a_batch_that_failed_are_listed_with_the_next() -> None:
    vocabulary = Vocabulary()
    for is_kept, wanted in ((False, ["brann"]), (True, ["brann"]), (True, [])):
        vocabulary.begin()
        assert vocabulary.circle_of("p").words["brann"] == key("p", "=brann")
        assert [word for _, word in vocabulary.new()] == wanted
        if is_kept:
            vocabulary.kept()


LETTERS = st.text(alphabet="abcæøå1 -", max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(LETTERS, min_size=1, max_size=8), asked=LETTERS)
def test_what_is_found_is_what_holds_every_word(texts: list[str], asked: str, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("search")
    shelf = Shelf(f"sqlite:///{folder / 'store.db'}", folder)
    made = [head("x " + text) for text in texts]
    shelf.put(*made)
    found = {hit["entry"]["id"] for hit in look(shelf, asked)}
    shelf.close()
    looked = looked_for(SearchFor(text=asked))
    assert found == {one.id for one in made if looked.is_in(unseal(one.sealed or b""))}
