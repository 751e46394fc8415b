"""The command line against a whole hub in processes of its own."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.incidents.checkpoint import public_key
from services.incidents.evidence_check import check
from tests.cli.calls import WATCH, call, facts, here, opened, until_asked
from tests.system_hub import SMALL, HubProcess, running

pytestmark = pytest.mark.system

LEADER = "jon"
NEIGHBOUR, NEIGHBOUR_LEADER = "4624.vakt", "anita"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path) -> Iterator[HubProcess]:
    """A hub with the example centre."""
    with running(tmp_path_factory.mktemp("hub") / "home", hub_snapshot, stream_bytes=SMALL) as started:
        yield started


def test_an_incident_is_reported_written_in_corrected_shared_and_closed(hub: HubProcess) -> None:
    ref = opened(hub, "Vannlekkasje i Øvre gate", "--type", "water.leak", "--priority", "high")
    code, written = call(hub, "entry", ref, "Vakt er på stedet", "--figure", "husstander=12")
    assert code == 0
    assert call(hub, "incident", "state", ref, "in_progress")[0] == 0
    corrected = call(hub, "incident", "correct", ref, written["id"], "--text", "Vakt er fremme")
    assert corrected[0] == 0
    assert call(hub, "incident", "share", ref, "--level", "region", person=LEADER)[0] == 0
    code, closed = call(hub, "incident", "close", ref, "--text", "Tettet")
    assert code == 0
    code, shown = call(hub, "incident", "show", ref, "--after", closed["receipt"])
    assert (code, shown["incident"]["state"]) == (0, "closed")
    assert (shown["incident"]["content"], shown["incident"]["level"]) == (
        {"headline": "Vannlekkasje i Øvre gate"},
        "region",
    )
    texts = [entry["content"].get("text") for entry in shown["entries"] if entry["content"]]
    assert texts[:2] == ["Vakt er på stedet", "Vakt er fremme"]
    assert call(hub, "incident", "show", shown["incident"]["number"])[1]["incident"]["ref"] == ref
    assert call(hub, "incident", "show", ref, watch=NEIGHBOUR, person=NEIGHBOUR_LEADER)[0] == 0


def test_incidents_are_merged_put_under_each_other_moved_and_handed_over(hub: HubProcess) -> None:
    whole, double = (opened(hub, "Ras ved Arna", "--type", "landslide") for _ in range(2))
    storm = opened(hub, "Ekstremvær", "--type", "storm", "--priority", "critical")
    code, merged = call(hub, "incident", "merge", double, whole)
    assert (code, merged["result"]) == (0, {"merged_into": whole})
    assert call(hub, "incident", "parent", whole, storm)[0] == 0
    assert call(hub, "incident", "parent", storm, whole)[1]["code"] == "CIRCULAR_PARENTS"
    assert call(hub, "incident", "place", double, "--position", "60.4207,5.4676")[0] == 0
    assert call(hub, "incident", "case", whole, "110", "2027-0042")[0] == 0
    function = call(hub, "incident", "assign", whole, "liaison", "--name", "Vakthavende, bane")[1]["id"]
    code, asked = call(hub, "incident", "transfer", whole, NEIGHBOUR, "--text", "Ligger hos dere")
    assert code == 0
    code, shown = call(hub, "incident", "show", double, "--after", asked["receipt"])
    head = shown["incident"]
    assert (code, head["ref"], head["parent"]["ref"]) == (0, whole, storm)
    assert head["location"]["position"] == "60.4207,5.4676"
    assert (head["functions"][0]["id"], head["transfer"]["to"]) == (function, NEIGHBOUR)
    assert [one["ref"] for one in call(hub, "case", "110", "2027 0042")[1]["incidents"]] == []
    assert [one["ref"] for one in call(hub, "case", "110", "2027-0042")[1]["incidents"]] == [whole]
    taken = call(hub, "incident", "take-over", whole, "accept", watch=NEIGHBOUR, person=NEIGHBOUR_LEADER)
    assert taken[0] == 0
    assert call(hub, "incident", "close", whole, "--yes")[1]["code"] == "NOT_ALLOWED"
    assert call(hub, "incident", "close", storm)[0] == 64, "a critical one is asked about once more"
    code, closed = call(hub, "incident", "close", storm, "--yes")
    assert (code, closed["result"]) == (0, {"open_children": [whole]})
    code, alone = call(hub, "incident", "unmerge", double)
    code, shown = call(hub, "incident", "show", double, "--after", alone["receipt"])
    assert (shown["incident"]["ref"], shown["incident"]["state"]) == (double, "new")


def test_a_text_that_is_too_long_is_refused_whole_and_not_repeated(hub: HubProcess) -> None:
    ref = opened(hub, "Langt")
    ran = here(hub, "entry", ref, "æ" * 60_000, "--json")
    assert (ran.code, ran.answer["code"]) == (2, "TOO_LARGE")
    assert "ææ" not in ran.out + ran.err


def test_a_second_closing_is_refused_with_exit_code_2(hub: HubProcess) -> None:
    ref = opened(hub, "Falskt alarm")
    assert call(hub, "incident", "close", ref)[0] == 0
    code, refused = call(hub, "incident", "close", ref)
    assert (code, refused["code"]) == (2, "ALREADY_CLOSED")


def test_who_is_told_sees_it_waiting_and_acknowledges_by_reference(hub: HubProcess) -> None:
    ref = opened(hub, "Ras over veien", "--level", "region", "--notify", NEIGHBOUR)
    neighbour = {"watch": NEIGHBOUR, "person": NEIGHBOUR_LEADER}
    until_asked(hub, ref, **neighbour)
    assert call(hub, "ack", ref, **neighbour)[0] == 0
    code, late = call(hub, "ack", ref, **neighbour)
    assert (code, late["code"], ref in late["text"]) == (2, "NOTHING_TO_ANSWER", True)


def test_the_past_is_told_with_who_had_been_told_and_who_was_on_duty(hub: HubProcess) -> None:
    ref = opened(hub, "Vann i kjelleren", "--level", "region", "--notify", NEIGHBOUR)
    neighbour = {"watch": NEIGHBOUR, "person": NEIGHBOUR_LEADER}
    deadline = time.monotonic() + 10
    while not call(hub, "incident", "show", ref)[1]["chains"]:
        assert time.monotonic() < deadline
    before = datetime.now(UTC).isoformat()
    done = call(hub, "ack", ref, **neighbour)[1]["receipt"]
    now = call(hub, "incident", "show", ref, "--after", done)[1]
    assert (now["chains"][0]["outcome"], "duty" in now) == ("acknowledged", False)
    for verb in (("incident", "show", ref), ("incidents",)):
        ran = here(hub, *verb, "--at", before)
        assert (ran.code, "På vakt da:" in ran.out, "Leif Fjellrev" in ran.out) == (0, True, True), ran
        assert not any(
            "kvittert" in line for line in ran.out.splitlines() if ref in line or line[:10] == NEIGHBOUR
        )
        told = call(hub, *verb, "--at", before)[1]
        chains = told.get("chains") or next(one["chains"] for one in told["incidents"] if one["ref"] == ref)
        assert [(one["watch"], one["outcome"]) for one in chains] == [(NEIGHBOUR, "open")]


def test_a_report_is_stored_first_and_then_hints_at_what_it_may_be_the_same_as(hub: HubProcess) -> None:
    where = ("--type", "landslide", "--position", "60.4207,5.4676")
    first = opened(hub, "Ras ved Arna stasjon", *where)
    ran = here(hub, "report", "Jordskred ved stasjonen", *where)
    assert ran.code == 0
    assert first in ran.out
    assert "samvirke incident merge" in ran.out
    code, told = call(hub, "report", "Ras over skinnene", *where)
    assert (code, told["status"]) == (0, "accepted")
    assert first in [one["ref"] for one in told["similar"]]
    assert told["ref"] not in [one["ref"] for one in told["similar"]]
    away = ("--type", "landslide", "--position", "61.4207,5.4676")
    assert call(hub, "report", "Ras langt unna", *away)[1]["similar"] == []
    assert "similar" not in call(hub, "report", "Ras et sted", "--type", "landslide")[1]


def test_a_report_hints_at_nothing_that_the_reporter_may_not_see(hub: HubProcess) -> None:
    where = ("--type", "evacuation", "--municipality", "4624")
    hidden = opened(hub, "Bare for egen vakt", *where)
    neighbour = {"watch": NEIGHBOUR, "person": NEIGHBOUR_LEADER}
    code, told = call(hub, "report", "Evakuering", *where, **neighbour)
    assert (code, told["similar"]) == (0, [])
    assert hidden not in here(hub, "report", "Evakuering igjen", *where, **neighbour).out


def test_a_function_is_taken_over_and_left(hub: HubProcess) -> None:
    assert call(hub, "duty", "take", "--function", "backup")[0] == 0
    assert call(hub, "duty", "release", "--function", "backup")[0] == 0
    code, refused = call(hub, "duty", "release", "--function", "backup")
    assert (code, refused["code"]) == (2, "NOT_HOLDING")
    assert "Leif Fjellrev" in here(hub, "duty", "--of", WATCH).out


def test_a_person_is_taken_in_given_a_role_signed_in_and_forgotten(hub: HubProcess) -> None:
    code, added = call(hub, "person", "add", "Ny Operatør", "--role", "operator", person=LEADER)
    assert code == 0
    who = added["person"]
    assert call(hub, "person", "link", who, person=LEADER)[1]["link"].startswith(f"{hub.desk}/sign-in/")
    assert call(hub, "report", "Fra en ny", person=who)[0] == 0
    assert call(hub, "person", "revoke", who, "--role", "operator", person=LEADER)[0] == 0
    assert call(hub, "person", "forget", who, person=LEADER)[0] == 0
    assert who not in json.dumps(call(hub, "person", "list", person=LEADER)[1])
    assert call(hub, "person", "link", who, person=LEADER)[1]["code"] == "UNKNOWN_PERSON"


def test_a_neighbour_follows_its_feed_with_a_token(hub: HubProcess) -> None:
    neighbour = {"watch": NEIGHBOUR, "person": NEIGHBOUR_LEADER}
    issued = call(hub, "token", "issue", "reader", "--scope", "feed", **neighbour)
    token = issued[1]["result"]["secret"]
    taken = call(hub, "token", "issue", "reader", "--scope", "feed", person=LEADER)[1]
    assert (taken["code"], taken["parameters"]) == ("MACHINE_TAKEN", {"machine": "reader"})
    ref = opened(hub, "Alle ser dette", "--level", "region")
    followed: list[str] = []
    after: tuple[str, ...] = ()
    while ref not in followed:
        code, item = call(
            hub, "feed", "follow", "--url", hub.desk, "--token", token, "--count", "1", *after, **neighbour
        )
        assert code == 0
        followed.append(item["ref"])
        after = ("--after", item["position"])
    code, refused = call(hub, "feed", "follow", "4601", "--url", hub.desk, "--token", token, **neighbour)
    assert (code, refused["code"]) == (2, "TOKEN_UNFIT")
    assert call(hub, "token", "revoke", "reader", **neighbour)[0] == 0
    code, refused = call(
        hub, "feed", "follow", "--url", hub.desk, "--token", token, "--count", "1", **neighbour
    )
    assert (code, refused["code"]) == (2, "TOKEN_ENDED")


def test_words_are_erased_by_two_persons_and_the_rest_stands(hub: HubProcess) -> None:
    organisation_wide = {"watch": NEIGHBOUR, "person": NEIGHBOUR_LEADER}
    second = {"watch": NEIGHBOUR, "person": "helge"}
    code, answer = call(hub, "report", "Skal slettes", **organisation_wide)
    ref = answer["ref"]
    law = ("--ground", "wrong_person", "--law", "gdpr-17-1-d")
    assert call(hub, "erase", "approve", ref, **second)[1]["code"] == "NOT_ASKED"
    assert call(hub, "erase", "ask", ref, *law, **organisation_wide)[0] == 0
    assert call(hub, "erase", "approve", ref, **organisation_wide)[1]["code"] == "SECOND_PERSON_NEEDED"
    code, approved = call(hub, "erase", "approve", ref, **second)
    assert code == 0, approved
    code, shown = call(hub, "incident", "show", ref, "--after", approved["receipt"], **organisation_wide)
    assert (shown["incident"]["content"], shown["incident"]["erased"]) == (None, True)
    ran = here(hub, "incident", "show", ref, **organisation_wide)
    assert "(slettet)" in ran.out + ran.err or "(erased)" in ran.out


def test_a_warning_is_taken_in_by_hand_in_an_exercise(hub: HubProcess) -> None:
    sample = Path(__file__).parents[1] / "intake" / "samples" / "wind_alert.cap"
    assert call(hub, "intake", str(sample), "--mode", "exercise")[0] == 0
    code, refused = call(hub, "intake", __file__)
    assert (code, refused["code"]) == (2, "UNREADABLE_WARNING")


def test_the_doctor_finds_a_healthy_hub_in_order(hub: HubProcess) -> None:
    code, found = call(hub, "doctor")
    assert code == 0, found
    assert [row["ok"] for row in found["checks"]] == [True] * 7


def test_archive_and_ledger_hold_the_same_and_nothing_is_parked(hub: HubProcess) -> None:
    code, found = call(hub, "verify")
    assert (code, found["ledger"]) == (0, True), found
    assert found["modes"][0]["facts"] > 400
    assert call(hub, "parked") == (0, {"status": "ok", "parked": []})
    assert call(hub, "verify", "--erased")[0] == 0


def test_a_second_hub_in_the_same_home_is_turned_away(hub: HubProcess) -> None:
    ran = hub.command("up", "--centre", str(hub.centre), "--lang", "en")
    assert ran.returncode == 1
    assert "[ALREADY_RUNNING]" in ran.stderr


def test_a_centre_file_applied_again_changes_nothing(hub: HubProcess) -> None:
    before = facts(hub.settings)
    code, applied = call(hub, "centre", "apply", str(hub.centre))
    assert (code, applied["status"]) == (0, "ok")
    assert facts(hub.settings) == before


def test_a_new_watch_in_the_centre_file_can_work_once_it_is_applied(hub: HubProcess, tmp_path: Path) -> None:
    wider = tmp_path / "centre.toml"
    wider.write_text(
        hub.centre.read_text(encoding="utf-8")
        + '\n[[watches]]\nkey = "4601.skole"\ncode = "SKOLE"\nname = "Skolevakt"\n'
        + '\n[[roles]]\nwhere = "4601.skole"\nrole = "operator"\npersons = ["leif"]\n',
        encoding="utf-8",
    )
    assert call(hub, "report", "x", watch="4601.skole")[1]["code"] == "NO_CREDENTIAL"
    code, applied = call(hub, "centre", "apply", str(wider))
    assert code == 0, applied
    code, answer = call(hub, "report", "Skolen er stengt", watch="4601.skole")
    assert code == 0, answer
    assert call(hub, "centre", "apply", str(hub.centre))[0] == 0


def test_an_export_has_right_checksums_and_proves_itself_without_the_hub(
    hub: HubProcess, tmp_path: Path
) -> None:
    ref = opened(hub, "=cmd|' /C calc'!A0", "--tag", "person", "--text", "Gjelder <b>NN</b>")
    assert call(hub, "entry", ref, "Pumpe på vei", "--figure", "pumper=2")[0] == 0
    folder = tmp_path / "export"
    code, made = call(hub, "export", "--out", str(folder), "--incident", ref)
    assert (code, made["incidents"], made["entries"], made["facts"] >= 2) == (0, 1, 1, True), made
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)  # noqa: S607
    public = public_key((hub.home / "keys" / "log.key").read_bytes())
    checked = check(folder, public)
    assert (checked.first, checked.facts, checked.contents) == (None, made["facts"], 2)
    table = (folder / "incidents.csv").read_text("utf-8-sig")
    assert "\"'=cmd|" in table
    assert "&lt;b&gt;NN" in (folder / "log.html").read_text("utf-8")
    changed = (folder / "facts.jsonl").read_bytes().replace(b"Pumpe", b"Hjelp")
    (folder / "facts.jsonl").write_bytes(changed)
    assert check(folder, public).first is not None
    again = call(hub, "export", "--out", str(folder), "--incident", ref)
    assert (again[0], again[1]["code"]) == (1, "FOLDER_TAKEN")
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert call(hub, "audit", ref)[1]["code"] == "NOT_ALLOWED"
    code, seen = call(hub, "audit", ref, person="stig")
    assert (code, {one["what"] for one in seen["reads"]}) == (0, {"export"})


def test_files_are_attached_fetched_and_lie_in_exports_where_their_entries_may(
    hub: HubProcess, tmp_path: Path
) -> None:
    ref = opened(hub, "Brudd med bilder", "--level", "organisation")
    (tmp_path / "hemmelig.txt").write_bytes(b"Fjellfiolett\n")
    (tmp_path / "kart.txt").write_bytes(b"Sluk 14\n")
    narrow = call(hub, "attach", ref, str(tmp_path / "hemmelig.txt"))
    assert narrow[0] == 0, narrow
    wide = ["--level", "organisation", "--attach", str(tmp_path / "kart.txt")]
    code, written = call(hub, "entry", ref, "Se kartet", *wide)
    assert code == 0, written
    assert here(hub, "attach", ref, str(tmp_path / "borte.txt")).code == 64
    assert call(hub, "fetch", narrow[1]["id"], "--out", str(tmp_path / "igjen.txt"))[0] == 0
    assert (tmp_path / "igjen.txt").read_bytes() == b"Fjellfiolett\n"
    assert "[hemmelig.txt, 1 kB]" in here(hub, "incident", "show", ref).out
    assert call(hub, "incident", "close", ref)[0] == 0
    code, made = call(hub, "export", "--out", str(tmp_path / "pakke"), "--incident", ref, "--archive")
    assert code == 0, made
    sealed = tmp_path / "pakke" / "sealed" / "files"
    assert sorted(path.read_bytes() for path in sealed.iterdir()) == [b"Fjellfiolett\n", b"Sluk 14\n"]
    told = (tmp_path / "pakke" / "entries.jsonl").read_text("utf-8")
    assert "kart.txt" in told
    named = [path for path in (tmp_path / "pakke").rglob("*.*") if b"hemmelig" in path.read_bytes()]
    assert named
    assert {path.parent.name for path in named} == {"sealed"}
    assert written["files"]["id"] in told


def test_an_archive_package_holds_narrow_words_in_its_sealed_part_alone_and_proves_both(
    hub: HubProcess, tmp_path: Path
) -> None:
    ref = opened(hub, "Brudd i Arna", "--level", "organisation", "--type", "water.leak")
    assert call(hub, "entry", ref, "Ventilkart hos NN", "--tag", "vuln")[0] == 0
    assert call(hub, "entry", ref, "Tankbil kl. 8", "--level", "organisation")[0] == 0
    package = ("export", "--out", str(tmp_path / "package"), "--incident", ref, "--archive")
    assert call(hub, *package)[1]["code"] == "NOT_CLOSED"
    assert call(hub, "incident", "close", ref, "--text", "Reparert")[0] == 0
    code, made = call(hub, *package)
    assert code == 0, made
    folder = tmp_path / "package"
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)  # noqa: S607
    kept = {path for path in folder.rglob("*") if path.is_file() and b"Ventilkart" in path.read_bytes()}
    assert kept
    assert {path.parent.name for path in kept} == {"sealed"}
    assert b"Tankbil" in (folder / "facts.jsonl").read_bytes()
    (file,) = json.loads((folder / "noark5.json").read_text("utf-8"))["mappe"]
    assert [one["tittel"] for one in file["registrering"]][:2] == ["*****", "Tankbil kl. 8"]


def test_what_is_given_out_marks_each_withheld_item_with_its_legal_ground(
    hub: HubProcess, tmp_path: Path
) -> None:
    ref = opened(hub, "Ekstremvær", "--level", "organisation")
    assert call(hub, "entry", ref, "Vitne NN, 99 00 00 01", "--tag", "person")[0] == 0
    assert call(hub, "entry", ref, "Svakhet i stasjon X", "--tag", "vuln")[0] == 0
    decisions, answer = tmp_path / "decisions.toml", tmp_path / "answer"
    command = ("export", "--out", str(answer), "--incident", ref, "--public-access", str(decisions))
    assert call(hub, *command)[1]["status"] == "proposed"
    assert not answer.exists()
    head = decisions.read_text("utf-8").replace('"withheld"', '"open"', 1)
    decisions.write_text(head, "utf-8")
    code, made = call(hub, *command)
    assert (code, made["open"], made["withheld"]) == (0, 1, 2), made
    told = "".join(path.read_text("utf-8") for path in answer.iterdir())
    assert "Ekstremvær" in told
    assert all(secret not in told for secret in ("NN", "99 00", "stasjon X"))
    page = (answer / "log.html").read_text("utf-8")
    assert "offl. § 13, fvl. § 13" in page
    assert "offl. § 24 (3)" in page
    decisions.write_text(decisions.read_text("utf-8").replace('"withheld"', '"open"'), "utf-8")
    refused = call(hub, *command[:2], str(tmp_path / "again"), *command[3:])
    assert refused[1]["code"] == "BAD_DECISION"


def test_the_register_fills_in_a_report_and_its_card_tasks_and_requests_are_ended_and_shown(
    hub: HubProcess,
) -> None:
    known = {one["type"]: one for one in call(hub, "types")[1]["types"]}
    assert "child.placement" not in known
    assert (known["water.main"]["priority"], known["water.main"]["card"]["version"]) == ("critical", 1)
    ref = opened(hub, "Trykkfall i Arna", "--type", "water.main", "--level", "organisation")
    code, task = call(hub, "entry", ref, "Sett ut nødvann", "--kind", "task", "--due", "2027-01-15T09:00")
    assert code == 0
    asked = ("--ask", "4624.vakt", "--level", "named", "--named", "4624")
    request = call(hub, "entry", ref, "2 pumper", *asked)[1]["id"]
    late = ("--paper", "--at", "2026-11-01T07:02")
    decided = ("--kind", "decision", "--decider", "chief_doctor", "--basis", "Råd fra lege")
    assert call(hub, "entry", ref, "Kokevarsel", *decided, *late)[0] == 0
    assert call(hub, "incident", "done", ref, task["id"], "--text", "Tanker står ute")[0] == 0
    code, refused = call(hub, "incident", "answer", ref, request, "accept")
    assert (code, refused["code"]) == (2, "NOT_ADDRESSED")
    code, ticked = call(hub, "incident", "tick", ref, "valves")
    assert code == 0
    shown = call(hub, "incident", "show", ref, "--after", ticked["receipt"])[1]
    assert (shown["incident"]["priority"], shown["incident"]["type_title"]["nb"]) == (
        "critical",
        "brudd på hovedvannledning",
    )
    assert {chain["watch"] for chain in shown["chains"]} >= {"4601.overlege", "4601.omsorg"}
    decision = next(entry for entry in shown["entries"] if entry["kind"] == "decision")
    assert (decision["decider"], decision["late"]) == ("chief_doctor", True)
    assert decision["content"]["basis"] == "Råd fra lege"
    assert shown["entries"][0] == decision
    lines = here(hub, "incident", "show", ref, "--lang", "nn").out
    wanted = ("[x]  Sett ut nødvann", "4624.vakt  har ikkje svart", "[x]  valves", "versjon 1:")
    for part in (*wanted, "Kokevarsel (frå papir) (bestemt av: kommuneoverlege)", "kryssa av: valves"):
        assert part in lines, lines


def test_the_archive_package_holds_the_reports_that_were_locked_about_the_incident(
    hub: HubProcess, tmp_path: Path
) -> None:
    kk: dict[str, str] = {"watch": "4601.kk", "person": "arne"}
    shared = ["--level", "named", "--named", "sf-vestland"]
    code, answer = call(hub, "report", "Ekstremvær", "--type", "storm", *shared, **kk)
    assert code == 0, answer
    ref = answer["ref"]
    entry = call(hub, "entry", ref, "Ras over Osvegen", "--figure", "evakuert=7", *shared, **kk)[1]["id"]
    words = ["--say", "consequences=E39 er stengt", "--entry", f"measures={ref}:{entry}"]
    code, drafted = call(hub, "sitrep", "draft", "statsforvalter", "--headline", "Rapport 1", *words, **kk)
    assert code == 0, drafted
    report = drafted["result"]["report"]
    assert call(hub, "sitrep", "submit", report, **kk)[0] == 0
    code, approved = call(hub, "sitrep", "approve", report, watch="4601.kk", person="svein")
    assert (code, approved["result"]["locked"]) == (0, True), approved
    assert call(hub, "incident", "close", ref, **kk)[0] == 0
    folder = tmp_path / "pakke"
    code, made = call(hub, "export", "--out", str(folder), "--incident", ref, "--archive", **kk)
    assert (code, made["reports"]) == (0, 1), made
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)  # noqa: S607
    (line,) = [json.loads(one) for one in (folder / "reports.jsonl").read_text("utf-8").splitlines()]
    assert (line["id"], line["digest"]) == (report, approved["result"]["digest"])
    paper = (folder / line["files"]["html"]["file"]).read_text("utf-8")
    assert "Ras over Osvegen" in paper
    assert "evakuert: 7" in paper
    assert "Svein Fjellrev" in paper
    log = (folder / "log.html").read_text("utf-8")
    assert "Arne Nordlys" in log
    assert line["files"]["html"]["file"] in log
    key = ["--key", str(folder / "key.txt")]
    code, checked = call(hub, "verify", "--offline", str(folder), *key)
    assert (code, checked["reports"], checked["reports_unproved"]) == (0, 1, 0), checked
    receiver = {"watch": "sf-vestland.main", "person": "hilde"}
    assert call(hub, "sitrep", "show", report, **receiver)[0] == 0
    code, seen = call(hub, "audit", "--report", report, watch="4601.kk", person="stig")
    assert [(one["watch"], one["person"], one["version"]) for one in seen["reads"]][-2:] == [
        ("sf-vestland.main", None, 1)
    ] * 2
    code, told = call(hub, "privacy", "received", ref, watch="4601.kk", person="stig")
    read = next(one["read"] for one in told["items"] if one["item"] == entry)
    assert ("sf-vestland.main", "report") in [(one["watch"], one["what"]) for one in read]
    assert call(hub, "verify")[0] == 0
    theirs = tmp_path / "hos-dem"
    code, made = call(hub, "export", "--out", str(theirs), "--incident", ref, **receiver)
    assert code == 0, made
    assert (made["reports"], made["facts"]) == (1, 0)
