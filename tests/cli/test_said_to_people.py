"""What a duty officer reads in the terminal: names and words, own watch first, what to do when it fails."""

import re
import socket
import stat
from collections.abc import Iterator

import pytest

from services.cli.sending import local, moment
from services.words.shared import WORDS, word
from tests.cli.calls import here, until_asked
from tests.cli.conftest import Samvirke
from tests.system_hub import EXAMPLE, SMALL, HubProcess, running

pytestmark = pytest.mark.system

WATCH, PERSON = "4601.vaktsentral", "leif"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that was started for the first time, with the example centre; it speaks bokmål."""
    with running(tmp_path_factory.mktemp("hub") / "home", stream_bytes=SMALL) as started:
        yield started


def read(hub: HubProcess, *arguments: str, watch: str = WATCH, person: str = PERSON) -> list[str]:
    """The lines that a person reads, of both streams."""
    ran = here(hub, *arguments, "--lang", "nb", watch=watch, person=person)
    return (ran.out + ran.err).splitlines()


def opened(hub: HubProcess, *more: str) -> str:
    told = read(hub, "report", "Vannlekkasje i Åsane", "--type", "water.leak", "--priority", "high", *more)
    found = re.search(r"\b[0-9A-Z]{7}\b", told[0])
    assert found is not None, told
    return found[0]


def test_an_incident_is_shown_with_time_kind_name_and_words(hub: HubProcess) -> None:
    ref = opened(hub)
    assert "(" not in read(hub, "incident", "show", ref)[-1]
    read(hub, "entry", ref, "Rørlegger er på vei", "--kind", "decision")
    head, facts, empty, line = read(hub, "incident", "show", ref)
    assert head.endswith("Vannlekkasje i Åsane")
    assert facts.endswith("4601.vaktsentral  vannlekkasje  høy  ny  egen vakt")
    assert empty == ""
    cells = re.split(r"  +", line)
    assert cells[1:] == ["beslutning", "Leif Fjellrev", "egen vakt", "Rørlegger er på vei"]
    assert re.fullmatch(r"\d\d\.\d\d\. \d\d:\d\d", cells[0])
    with_id = read(hub, "incident", "show", ref, "--ids")[3]
    assert with_id.endswith(line)
    assert re.match(r"[0-9a-f-]{36}  ", with_id)


def test_the_list_speaks_of_priority_and_state_in_words(hub: HubProcess) -> None:
    ref = opened(hub)
    line = next(line for line in read(hub, "incidents") if line.startswith(ref))
    assert re.split(r"  +", line)[2:4] == ["høy", "ny"]


def test_duty_shows_the_own_watch_with_names_and_all_when_asked(hub: HubProcess) -> None:
    own = [re.split(r"  +", line) for line in read(hub, "duty")]
    assert [row[:4] for row in own] == [
        [WATCH, "duty", "vakthavende", "Leif Fjellrev"],
        [WATCH, "duty", "bakvakt", "Marit Lyngmark"],
        [WATCH, "duty", "leder", "Jon Havgul"],
    ]
    assert {line.split()[0] for line in read(hub, "duty", "--of", "4601.ikt")} == {"4601.ikt"}
    assert {WATCH, "4601.ikt", "4627.vakt"} <= {line.split()[0] for line in read(hub, "duty", "--all")}


def test_what_waits_for_an_answer_names_the_watch_that_is_asked(hub: HubProcess) -> None:
    ref = opened(hub, "--level", "region", "--notify", "4627.vakt")
    until_asked(hub, ref, watch="4627.vakt", person="harald")
    line = next(line for line in read(hub, "ack", watch="4627.vakt", person="harald") if line.startswith(ref))
    cells = re.split(r"  +", line)
    assert (cells[1:3], cells[4]) == (["4627.vakt", "høy"], "vannlekkasje")


def test_an_entry_to_a_reference_that_is_not_there_is_kept_and_said_to_be_loose(hub: HubProcess) -> None:
    told = read(hub, "entry", "ZZZZZZZ", "Feil nummer")
    assert told == [
        "Loggført på ZZZZZZZ.",
        "Men denne vakten ser ingen hendelse med den referansen: se etter de sju tegnene.",
    ]
    head, empty, line = read(hub, "incident", "show", "ZZZZZZZ")
    assert (head, empty) == (
        "Denne vakten ser ingen hendelse her, bare det som er skrevet til den.",
        "",
    )
    assert line.endswith("Feil nummer")


def test_the_words_of_a_closure_stand_beside_the_new_state(hub: HubProcess) -> None:
    ref = opened(hub)
    read(hub, "incident", "close", ref, "--text", "Ryddet", "--yes")
    assert read(hub, "incident", "show", ref)[-1].endswith("avsluttet: Ryddet")


def test_a_list_that_is_cut_says_so(hub: HubProcess) -> None:
    newest = [opened(hub) for _ in range(2)][-1]
    line, said = read(hub, "incidents", "--limit", "1")
    assert line.startswith(newest)
    assert said == "Bare de 1 nyeste er vist; se flere med --limit."


def test_an_entry_to_a_closed_incident_is_kept_and_said_to_be_late(hub: HubProcess) -> None:
    ref = opened(hub)
    read(hub, "incident", "close", ref)
    assert read(hub, "entry", ref, "Etterpå") == [f"Loggført på {ref}.", "Men hendelsen er avsluttet."]


def test_a_feed_without_a_token_says_how_to_make_one(hub: HubProcess) -> None:
    assert "[TOKEN_NEEDED]" in read(hub, "feed", "follow", "--url", hub.desk, "--count", "1")


def test_up_tells_few_lines_in_one_language_and_the_ready_line_last(hub: HubProcess) -> None:
    steps = [line for line in hub.said().splitlines() if not line.startswith("{")]
    assert len(steps) == 3, steps
    starts, centre, ready = steps
    assert starts == f"Starter i {hub.home} …"
    assert centre.startswith("Senteret gjelder: ")
    assert ready.startswith(f"Klar. Vaktbord og API: {hub.desk} · Innloggingslenker: ")
    assert ready.endswith("Ctrl+C stopper.")


def test_the_example_people_get_links_that_only_the_owner_can_read(hub: HubProcess) -> None:
    links = hub.home / "credentials" / "links.txt"
    assert stat.S_IMODE(links.stat().st_mode) == 0o600
    rows = [line.split("\t") for line in links.read_text(encoding="utf-8").splitlines()]
    assert [row[0] for row in rows[:2]] == ["kari", "ola"]
    assert all(row[3].startswith(f"{hub.desk}/sign-in/") for row in rows)
    assert str(links) in hub.said()
    assert rows[0][3] not in hub.said()


def test_a_port_that_another_program_has_is_named_at_once_with_what_to_do(samvirke: Samvirke) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ran = samvirke("up", "--centre", str(EXAMPLE), "--port-desk", port)
    assert ran.code == 1
    assert f"Porten {port} er ikke ledig." in ran.err
    assert "SAMVIRKE_PORT_DESK" in ran.err
    assert "[PORT_TAKEN]" in ran.err


@pytest.mark.parametrize(
    ("stored", "read"),
    [("2027-01-14T07:05:00+00:00", "14.01. 08:05"), ("2027-07-01T22:30:00+00:00", "02.07. 00:30")],
)
def test_times_are_read_as_norwegian_clocks_show_them_whatever_the_machine_s_zone(
    stored: str, read: str
) -> None:
    assert local(stored) == read


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2027-01-14T08:00", "2027-01-14T08:00:00+01:00"),
        ("2027-07-14T08:00", "2027-07-14T08:00:00+02:00"),
        ("2027-01-14T08:00+00:00", "2027-01-14T08:00:00+00:00"),
    ],
)
def test_a_time_written_without_an_offset_is_norwegian(written: str, meant: str) -> None:
    found = moment(written)
    assert found is not None
    assert found.isoformat() == meant


def test_a_code_of_a_newer_hub_is_shown_as_it_is() -> None:
    assert word("from_a_newer_hub", "nb") == "from_a_newer_hub"
    assert word(None, "nb") is None
    assert all(word(code, "nb") for code in WORDS)
