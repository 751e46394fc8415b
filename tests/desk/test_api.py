"""The HTTP interface: what machines report comes back whole, and no answer repeats what was wrong."""

import asyncio
import re
from typing import Any

import pytest

from schemas.identifiers import new_id
from services.desk import openapi
from tests.desk.house import VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET_WORD = "Hemmelig-Ærfuglveien"


async def test_a_report_with_norwegian_letters_comes_back_whole(house: House) -> None:
    words = {"headline": "Røyk på Ærfuglveien, Åsane", "text": "æøåÆØÅ «–» 🚒\nlinje to", "place": "Åsane"}
    report = await house.report(**words)
    async with house.machine("report") as program:
        answer = await program.get(f"/v1/incidents/{report['ref']}", params={"after": report["receipt"]})
        listed = (await program.get("/v1/incidents")).json()["incidents"]
    assert answer.json()["incident"]["content"] == words
    assert words in [one["content"] for one in listed]


async def test_the_same_id_again_gives_the_same_answer(house: House) -> None:
    id = new_id()
    first = await house.report(id=id)
    assert await house.report(id=id) == first


@pytest.mark.parametrize(
    "id", ["ffffffff-ffff-7fff-bfff-ffffffffffff", "00000000-0000-7000-8000-000000000000", "-", "y" * 64]
)
async def test_an_odd_id_is_an_id_like_any_other(house: House, id: str) -> None:
    report = await house.report(id=id)
    assert (report["status"], await house.report(id=id)) == ("accepted", report)
    async with house.machine("report") as program:
        path = f"/v1/incidents/{report['ref']}"
        entry = await program.post(f"{path}/entries", json={"id": f"e{id}"[:64], "text": "Slukket"})
        found = await program.get(path, params={"after": entry.json()["receipt"]})
    assert [one["id"] for one in found.json()["entries"]] == [f"e{id}"[:64]]


async def test_no_entry_takes_the_name_by_which_an_incident_s_head_is_meant(house: House) -> None:
    report = await house.report()
    async with house.machine("report") as program:
        said = {"id": "head", "text": "Jeg er hodet"}
        entry = await program.post(f"/v1/incidents/{report['ref']}/entries", json=said)
        opened = await program.post("/v1/incidents", json={"id": "head", "type": "fire", "headline": "x"})
    assert [(one.status_code, one.json()["code"]) for one in (entry, opened)] == [(409, "ID_TAKEN")] * 2


async def test_a_log_with_more_words_than_a_message_holds_is_read_whole_and_found(house: House) -> None:
    report, text = await house.report(), "漢 Storskjær " + "\u6f22" * 19_000
    async with house.machine("report") as program:
        path = f"/v1/incidents/{report['ref']}"
        for _ in range(80):
            last = await program.post(f"{path}/entries", json={"text": text})
        found = await program.get(path, params={"after": last.json()["receipt"]})
        hits = await program.post("/v1/search", json={"text": "storskjær", "limit": 200})
    assert len(found.content) > 4_194_304
    assert [one["content"]["text"] for one in found.json()["entries"]] == [text] * 80
    assert len(hits.json()["found"]) == 80


async def test_what_a_command_does_beside_itself_is_taken_in_however_long_its_id_is(house: House) -> None:
    report, id = await house.report(), new_id().ljust(64, "x")
    await house.issue("reader-barnevern", "4601.barnevern", ["read"])
    async with house.marked() as browser:
        path = f"/v1/incidents/{report['ref']}"
        asked = await browser.post(f"{path}/transfer", json={"id": id, "to": "4601.barnevern", "text": "x"})
    assert asked.status_code == 201, asked.text
    async with house.machine("reader-barnevern") as program:
        found = await program.get(path, params={"after": id})
    assert found.status_code == 200, "the share that lets the other watch see it is in the archive"


async def test_words_are_said_once_and_an_empty_place_for_them_takes_none_away(house: House) -> None:
    said = {"type": "fire", "text": None, "content": {"headline": "Røyk", "text": "Tett"}}
    async with house.machine("report") as program:
        report = (await program.post("/v1/incidents", json=said)).json()
        found = await program.get(f"/v1/incidents/{report['ref']}", params={"after": report["receipt"]})
        twice = await program.post("/v1/incidents", json=said | {"headline": "Brann"})
        nothing: list[Any] = [[], 0, "", False]
        wrong = [await program.post("/v1/incidents", json=said | {"content": one}) for one in nothing]
    assert found.json()["incident"]["content"] == said["content"]
    assert (twice.status_code, twice.json()["where"]) == (400, ["headline"])
    assert {answer.status_code for answer in wrong} == {400}


async def test_an_entry_is_written_with_its_own_time(house: House) -> None:
    report = await house.report()
    at = "2026-11-20T10:00:00+01:00"
    async with house.machine("report") as program:
        path = f"/v1/incidents/{report['ref'].lower()}/entries"
        answer = await program.post(path, json={"text": "Graver på Åsane", "occurred_at": at})
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/v1/incidents/{report['ref']}"
        after = {"after": answer.json()["receipt"]}
        found = (await program.get(f"/v1/incidents/{report['ref']}", params=after)).json()
    (entry,) = found["entries"]
    assert entry["content"] == {"text": "Graver på Åsane"}
    assert entry["occurred_at"] == at


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"text": "' + SECRET_WORD.encode(), "MALFORMED"),
        (b'["' + SECRET_WORD.encode() + b'"]', "MALFORMED"),
        (f'{{"type": {{"a": "{SECRET_WORD}"}}}}'.encode(), "MALFORMED"),
        (f'{{"type": "fire", "{SECRET_WORD}": 1}}'.encode(), "MALFORMED"),
        (f'{{"type": "fire", "text": ["{SECRET_WORD}"]}}'.encode(), "MALFORMED"),
        (f'{{"type": "fire", "type": "{SECRET_WORD}"}}'.encode(), "DUPLICATE_KEY"),
        (f'{{"type": "fire", "occurred_at": "{SECRET_WORD}"}}'.encode(), "MALFORMED"),
        (b'{"type": "fire", "occurred_at": "2026-11-20T10:00:00"}', "NO_OFFSET"),
        (b"\xff\xfe" + SECRET_WORD.encode(), "MALFORMED"),
        (b"[" * 30_000, "MALFORMED"),
        (b'{"text": "' + b"a" * 70_000 + b'"}', "TOO_LARGE"),
    ],
)
async def test_what_is_malformed_is_refused_and_not_repeated(house: House, raw: bytes, code: str) -> None:
    async with house.machine("report") as program:
        headers = {"Content-Type": "application/json"}
        answer = await program.post("/v1/incidents", content=raw, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.status_code in (400, 413)
    assert SECRET_WORD not in answer.text


async def test_only_json_is_read_as_json(house: House) -> None:
    async with house.machine("report") as program:
        answer = await program.post("/v1/incidents", data={"type": "fire"})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"tags": ["graded"]}, 422, "GRADED_NEVER_STORED"),
        ({"level": "named"}, 422, "NAMED_NEEDS_LIST"),
        ({"level": "region", "tags": ["child"]}, 422, "LEVEL_ABOVE_CAP"),
    ],
)
async def test_a_refusal_keeps_its_code(
    house: House, said: dict[str, object], status: int, code: str
) -> None:
    async with house.marked() as program:
        answer = await program.post("/v1/incidents", json={"type": "fire", "headline": "x", **said})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_without_a_token_nothing_is_answered(house: House) -> None:
    async with house.client() as stranger:
        for path in ("/v1/incidents", "/v1/duty", "/v1/warnings", "/v1/feeds/4624", "/v1/session"):
            answer = await stranger.get(path)
            assert answer.status_code == 401, path
            assert answer.json()["code"] in ("SESSION_ENDED", "TOKEN_ENDED")
        false = await stranger.get("/v1/incidents", headers={"Authorization": "Bearer " + "x" * 40})
        assert false.json()["code"] == "TOKEN_ENDED"


async def test_a_token_does_no_more_than_its_scope(house: House) -> None:
    async with house.machine("feed-4624") as program:
        answer = await program.post("/v1/incidents", json={"type": "fire", "headline": "x"})
        read = await program.get("/v1/incidents")
    assert {answer.json()["code"], read.json()["code"]} == {"NOT_ALLOWED"}
    async with house.machine("report") as program:
        assert (await program.get("/v1/feeds/4601")).json()["code"] == "NOT_ALLOWED"
        acked = await program.post("/v1/notifications/some-chain/ack")
        assert acked.json()["code"] in ("PERSON_NEEDED", "UNKNOWN_CHAIN")


async def test_an_unknown_incident_is_not_there(house: House) -> None:
    async with house.machine("report") as program:
        for ref in ("ABC1234", "x", "..%2f..", "0000000"):
            answer = await program.get(f"/v1/incidents/{ref}")
            assert answer.status_code == 404, ref
        assert (await program.get("/v1/nothing")).headers["content-type"] == "application/problem+json"
        assert (await program.put("/v1/incidents")).status_code == 405
        assert (await program.get("/v1/incidents", params={"limit": "a"})).json()["code"] == "MALFORMED"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_nothing_in_the_log_is_edited_or_deleted_and_the_answer_says_so(
    house: House, method: str
) -> None:
    async with house.machine("report") as program:
        for path in ("", "/7K3M9QX", "/7K3M9QX/entries", "/7K3M9QX/entries/fact-1"):
            answer = await program.request(method, f"/v1/incidents{path}", json={"text": "x"})
            assert (answer.status_code, answer.json()["code"]) == (405, "NEVER_CHANGED"), path
            assert "correct" in answer.json()["title"]


async def test_what_an_address_does_not_take_is_refused_with_what_it_takes(house: House) -> None:
    paths = openapi.document(openapi.routes())["paths"]
    async with house.client() as program:
        for path, told in paths.items():
            takes = ", ".join(sorted(method.upper() for method in told))
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - set(takes.split(", ")):
                answer = await program.request(method, re.sub(r"{\w+}", "1", path))
                assert (answer.status_code, answer.headers.get("allow")) == (405, takes), (method, path)
                assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("asked", ["mode=", "mode=exercise&mode=", "mode=actual&mode=actual", "mode=Actual"])
async def test_whether_an_exercise_is_meant_is_never_guessed(house: House, asked: str) -> None:
    said = {"type": "fire", "headline": "x"}
    async with house.machine("report") as program:
        answers = [await program.get(f"/v1/incidents?{asked}")]
        answers.append(await program.post(f"/v1/incidents?{asked}", json=said))
    assert [(one.status_code, one.json()["where"]) for one in answers] == [(400, ["mode"])] * 2


async def test_duty_is_told_to_a_person(house: House) -> None:
    async with house.signed_in() as browser:
        found = (await browser.get("/v1/duty", params={"watch": VAKT})).json()
    assert found["status"] == "ok"
    assert found["duty"] or found["gaps"] is not None


async def test_a_person_writes_over_the_interface_with_the_session_s_own_mark(house: House) -> None:
    async with house.signed_in() as browser:
        session = (await browser.get("/v1/session")).json()
        said = {"type": "fire", "headline": "x"}
        refused = await browser.post("/v1/incidents", json=said)
        mark = {"X-CSRF-Token": session["csrf"]}
        foreign = await browser.post(
            "/v1/incidents", json=said, headers=mark | {"Origin": "https://evil.example"}
        )
        done = await browser.post("/v1/incidents", json=said, headers=mark)
    assert session["person"] == "kari"
    assert [answer.status_code for answer in (refused, foreign, done)] == [403, 403, 201]


async def test_a_person_corrects_an_entry_over_the_interface_and_a_strike_stands(house: House) -> None:
    report = await house.report()
    log = f"/v1/incidents/{report['ref']}"
    async with house.signed_in() as browser:
        mark = {"X-CSRF-Token": (await browser.get("/v1/session")).json()["csrf"]}
        written = (await browser.post(f"{log}/entries", json={"text": "to biler"}, headers=mark)).json()
        said = {"manner": "replace", "text": "én bil"}
        path = f"{log}/entries/{written['receipt']}/correct"
        right = (await browser.post(path, json=said, headers=mark)).json()
        again = await browser.post(path, json=said, headers=mark)
        struck = await browser.post(f"{log}/entries/{right['receipt']}/correct", headers=mark)
        path = f"{log}/entries/{struck.json()['receipt']}/correct"
        stands = await browser.post(path, json=said, headers=mark)
        found = (await browser.get(log, params={"after": struck.json()["receipt"]})).json()
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_CORRECTED")
    assert (stands.status_code, stands.json()["code"]) == (409, "STRIKE_STANDS")
    assert [entry["manner"] for entry in found["entries"]] == ["replace", "strike", None]
    assert found["entries"][0]["content"] == {"text": "to biler"}


async def test_no_path_secret_or_query_is_logged(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    path = await house.link()
    async with house.client(params={"q": SECRET_WORD}) as browser:
        await browser.get(path)
        await browser.get("/incidents")
    out, err = capfd.readouterr()
    assert path.rpartition("/")[2] not in out + err
    assert SECRET_WORD not in out + err


async def test_every_answer_tells_browsers_to_run_nothing_but_the_desk_s_own(house: House) -> None:
    async with house.client() as browser:
        for path in ("/sign-in", "/incidents", "/v1/incidents", "/static/desk.css", "/nothing"):
            answer = await browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self';" in policy
            assert "object-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_browser_gets_a_page_at_an_address_where_nothing_is_and_a_program_a_problem(
    house: House,
) -> None:
    async with house.client() as client:
        page = await client.get("/nope", headers={"Accept": "text/html", "Accept-Language": "nb"})
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "Det er ingenting på denne adressen." in page.text
        told = await client.get("/nope", headers={"Accept": "application/json"})
        assert (told.status_code, told.headers["content-type"]) == (404, "application/problem+json")


async def test_what_cannot_be_sent_is_kept_and_sent_later(house: House) -> None:
    door = next(room for room in house.rooms if room.name == "incidents-door")
    await door.stop()
    async with house.machine("report") as program:
        said = {"type": "fire", "headline": "Røyk", "id": new_id()}
        kept = await program.post("/v1/incidents", json=said)
        assert (kept.status_code, kept.json()["kept"]) == (202, True)
        from services.incidents.app import build_door

        house.rooms[house.rooms.index(door)] = again = build_door(house.hub.settings)
        await again.start()
        answer = await program.post("/v1/incidents", json=said)
    assert answer.status_code == 201, answer.text


async def test_a_search_goes_by_body_and_finds_a_part_of_a_compound(house: House) -> None:
    report = await house.report(headline="Skredfareområde ved Ærøya")
    async with house.machine("report") as program:
        after = {"after": report["receipt"]}
        await program.get(f"/v1/incidents/{report['ref']}", params=after)
        answer = await program.post("/v1/search", json={"text": "fareområde ÆRØ"})
        (hit,) = answer.json()["found"]
        assert (hit["incident"]["ref"], hit["entry"]["kind"]) == (report["ref"], "head")
        assert answer.json()["page"] is None
        without_offset = {"since": "2026-11-20T10:00:00"}
        wrongs: list[dict[str, object]] = [
            {"text": ["a"]},
            {"actor": {}},
            {"box": [1, 2]},
            {**without_offset},
        ]
        for wrong in wrongs:
            refused = await program.post("/v1/search", json=wrong)
            assert (refused.status_code, refused.json()["code"]) in ((400, "MALFORMED"), (400, "NO_OFFSET"))
        wild = await program.post("/v1/search", json={"text": '"(((* NEAR AND \\u0000 \\u202e'})
        assert wild.status_code == 200


async def test_sixteen_writers_on_one_incident_lose_nothing_and_share_no_number(house: House) -> None:
    report = await house.report(headline="Alle skriver her")
    path = f"/v1/incidents/{report['ref']}/entries"

    async def write(writer: int) -> list[str]:
        receipts = []
        async with house.machine("report") as program:
            for line in range(6):
                answer = await program.post(path, json={"text": f"skriver {writer} linje {line}"})
                assert answer.status_code == 201, answer.text
                receipts.append(answer.json()["receipt"])
            opened = await program.post("/v1/incidents", json={"type": "fire", "headline": f"sak {writer}"})
            assert opened.status_code == 201, opened.text
            found = await program.get(opened.headers["location"], params={"after": opened.json()["receipt"]})
            numbers.append(found.json()["incident"]["number"])
        return receipts

    numbers: list[str] = []
    receipts = [one for some in await asyncio.gather(*map(write, range(16))) for one in some]
    assert len(set(receipts)) == 96
    assert len(set(numbers)) == 16
    async with house.machine("report") as program:
        for receipt in receipts:
            await program.get(f"/v1/incidents/{report['ref']}", params={"after": receipt})
        entries = (await program.get(f"/v1/incidents/{report['ref']}")).json()["entries"]
    written = [f"skriver {writer} linje {line}" for writer in range(16) for line in range(6)]
    assert sorted(one["content"]["text"] for one in entries) == sorted(written)
    assert len({one["id"] for one in entries}) == 96
