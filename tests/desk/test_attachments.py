"""Files over HTTP: attached by programs and from the page, fetched by those who may, opened by no browser."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from schemas.identifiers import new_id
from tests.desk.house import VAKT, House
from tests.incidents.papers import PLACE, photo

pytestmark = pytest.mark.asyncio(loop_scope="module")
PHOTO = photo(1200, 900, noise=1)


async def _attach(
    program: httpx.AsyncClient, ref: str, raw: bytes = PHOTO, name: str = "brudd.jpg", **about: Any
) -> httpx.Response:
    files = {"file": (name, raw, about.pop("sort", "image/jpeg"))}
    return await program.post(
        f"/v1/incidents/{ref}/attachments", data={"about": orjson.dumps(about)}, files=files
    )


async def _until_given(program: httpx.AsyncClient, id: str) -> httpx.Response:
    async with asyncio.timeout(30):
        while True:
            answer = await program.get(f"/v1/attachments/{id}")
            if answer.status_code != 409:
                return answer
            await asyncio.sleep(0.05)


async def test_a_program_attaches_a_file_and_gets_it_back_so_that_no_browser_opens_it(house: House) -> None:
    report, id = await house.report(), new_id()
    async with house.machine("report") as program:
        first = await _attach(program, report["ref"], id=id, text="Sett fra brua")
        assert first.status_code == 201, first.text
        assert (await _attach(program, report["ref"], id=id, text="Sett fra brua")).json() == first.json()
        found = await program.get(f"/v1/incidents/{report['ref']}", params={"after": id})
        (entry,) = found.json()["entries"]
        assert entry["content"] == {"text": "Sett fra brua"}
        assert (entry["attachment"]["name"], entry["attachment"]["size"]) == ("brudd.jpg", len(PHOTO))
        answer = await program.get(f"/v1/attachments/{id}")
    assert answer.content == PHOTO
    headers = answer.headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["content-disposition"] == "attachment; filename=\"brudd.jpg\"; filename*=UTF-8''brudd.jpg"
    assert headers["cache-control"] == "no-store"
    assert "nosniff" in headers["x-content-type-options"]
    assert "sandbox" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_a_neighbour_learns_from_its_feed_of_a_file_and_fetches_it_with_its_token(house: House) -> None:
    report = await house.report("region")
    async with house.marked() as browser:
        answer = await _attach(browser, report["ref"], level="region")
        assert answer.status_code == 201, answer.text
        id = answer.json()["id"]
    async with house.machine("feed-4624") as neighbour:
        async with asyncio.timeout(20):
            while True:
                items = (await neighbour.get("/v1/feeds/4624")).json()["items"]
                told = [one for one in items if one["id"] == id]
                if told:
                    break
                await asyncio.sleep(0.05)
        assert told[0]["codes"]["attachment"] == "image/jpeg"
        assert told[0]["content"]["file"] == "brudd.jpg"
        copy = await _until_given(neighbour, id)
        assert copy.status_code == 200
        assert copy.content.startswith(b"\xff\xd8\xff")
        assert PLACE.encode() in PHOTO
        assert PLACE.encode() not in copy.content
        async with house.machine("report") as program:
            own = (await _attach(program, report["ref"], name="eget.jpg")).json()["id"]
            assert (await program.get(f"/v1/attachments/{own}", params={"after": own})).status_code == 200
        answers = [await neighbour.get(f"/v1/attachments/{one}") for one in (own, new_id())]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize(
    ("name", "sort", "raw", "status", "code"),
    [
        ("kart.pdf", "application/pdf", PHOTO, 415, "FILE_TYPE_WRONG"),
        ("kart.jpg", "image/jpeg", b"<html><script>alert(1)</script>", 415, "FILE_TYPE_REFUSED"),
        ("kart.svg", "image/svg+xml", b"<svg onload='x()'/>", 415, "FILE_TYPE_REFUSED"),
        ("alt.zip", "application/zip", b"PK\x03\x04", 415, "FILE_TYPE_REFUSED"),
        ("tom.txt", "text/plain", b"", 415, "FILE_TYPE_REFUSED"),
    ],
)
async def test_what_lies_about_its_type_is_refused_with_a_code(
    house: House, name: str, sort: str, raw: bytes, status: int, code: str
) -> None:
    report = await house.report()
    async with house.machine("report") as program:
        answer = await _attach(program, report["ref"], raw, name, sort=sort)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        found = await program.get(f"/v1/incidents/{report['ref']}", params={"after": report["receipt"]})
        assert found.json()["entries"] == []


async def test_a_name_that_is_turned_round_is_saved_as_what_it_is(house: House) -> None:
    report = await house.report()
    async with house.machine("report") as program:
        answer = await _attach(program, report["ref"], name='regning\u202egpj.æ"\\\r\nX-Ond: 1.jpg')
        assert answer.status_code in (201, 400), answer.text
        turned = await _attach(program, report["ref"], name="../\u202egpj.brudd på Åsane.jpg")
        assert turned.status_code == 201, turned.text
        id = turned.json()["id"]
        await program.get(f"/v1/incidents/{report['ref']}", params={"after": id})
        said = (await program.get(f"/v1/attachments/{id}")).headers["content-disposition"]
    assert said.startswith("attachment; ")
    assert "%E2%80%AE" not in said
    assert said.endswith("filename*=UTF-8''gpj.brudd%20p%C3%A5%20%C3%85sane.jpg")


async def test_a_form_of_another_site_stores_nothing(house: House) -> None:
    report = await house.report("organisation")
    async with house.signed_in() as browser:
        unmarked = await _attach(browser, report["ref"])
        browser.headers["X-CSRF-Token"] = (await browser.get("/v1/session")).json()["csrf"]
        browser.headers["Origin"] = "https://evil.example"
        foreign = await _attach(browser, report["ref"])
    assert [one.json()["code"] for one in (unmarked, foreign)] == ["FOREIGN_PAGE", "FOREIGN_PAGE"]


FORM = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("sort", "raw"),
    [
        ("multipart/form-data", b"no boundary"),
        (FORM, b"--y\r\nnot the boundary"),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n'),
        ("application/json", b"{}"),
    ],
)
async def test_a_form_that_is_none_is_refused(house: House, sort: str, raw: bytes) -> None:
    report = await house.report()
    async with house.machine("report") as program:
        path = f"/v1/incidents/{report['ref']}/attachments"
        answer = await program.post(path, content=raw, headers={"Content-Type": sort})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


async def test_a_fields_flood_is_cut_off(house: House) -> None:
    report = await house.report()
    async with house.machine("report") as program:
        answer = await program.post(
            f"/v1/incidents/{report['ref']}/attachments",
            data={"about": "a" * 200_000},
            files={"file": ("a.txt", b"a")},
        )
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_the_page_has_a_form_that_needs_no_script_and_shows_the_file(house: House) -> None:
    report = await house.report("organisation")
    async with house.signed_in() as browser:
        csrf = (await browser.get("/v1/session")).json()["csrf"]
        path = f"/incidents/{report['ref']}"
        answer = await browser.post(
            f"{path}/attach",
            data={"csrf": csrf, "command": new_id()},
            files={"file": ("brudd.jpg", PHOTO, "image/jpeg")},
        )
        assert answer.status_code == 303, answer.text
        shown = (await browser.get(answer.headers["location"])).text
        assert "brudd.jpg" in shown
        assert "/v1/attachments/" in shown
        wrong = await browser.post(
            f"{path}/attach", data={"csrf": csrf}, files={"file": ("x.zip", b"PK\x03\x04", "application/zip")}
        )
    assert wrong.status_code == 415
    assert VAKT not in wrong.text
