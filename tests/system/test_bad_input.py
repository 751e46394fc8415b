"""What must not be taken in is refused with a reason, and not one byte of it stays anywhere in the hub."""

import asyncio
import itertools
import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas import subjects
from schemas.identifiers import new_id
from services.runtime.connect import connect
from services.runtime.reading import LIMIT_BYTES
from tests.system.scene import Scene, example, scene, soon

pytestmark = pytest.mark.system
BERGEN, WATCH = "4601.vaktsentral/leif", "4601.vaktsentral"
Problem = dict[str, Any]


class Planted:
    """Words that are sent in what is refused; each is unlike any other text of the hub."""

    def __init__(self) -> None:
        self._numbers = itertools.count(10_000)
        self.words: set[str] = set()

    def word(self) -> str:
        """A new one."""
        word = f"Zqx{next(self._numbers)}Kvw"
        self.words.add(word)
        return word

    def identity_number(self) -> str:
        """Eleven digits that pass both checks of an identity number, with a month that no date has."""
        number = next(found for at in self._numbers if (found := _checked(f"0191{at:05d}")))
        self.words.add(number)
        return number

    def found_in(self, *texts: bytes) -> list[str]:
        """Those that stand in some bytes, however they are cased."""
        return sorted(w for w in self.words if any(w.lower().encode() in text for text in texts))


def _checked(nine: str) -> str | None:
    digits = [int(digit) for digit in nine]
    first = -sum(w * v for w, v in zip((3, 7, 6, 1, 8, 9, 4, 5, 2), digits, strict=True)) % 11
    weights = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    second = -sum(w * v for w, v in zip(weights, [*digits, first], strict=True)) % 11
    return None if 10 in (first, second) else f"{nine}{first}{second}"


@pytest.fixture(scope="module")
def planted() -> Planted:
    """All that was planted in this file."""
    return Planted()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path) -> Iterator[Scene]:
    """The example centre; the answers of its machines are English."""
    with scene(tmp_path_factory.mktemp("bad") / "home", example(), snapshot=hub_snapshot, lang="en") as found:
        yield found


def forbidden(planted: Planted) -> dict[str, tuple[dict[str, Any], dict[str, Any], str]]:
    """Items that must not be kept: fields, words and the code of the refusal."""
    word = planted.word
    return {
        "graded": ({"tags": ["graded"]}, {"headline": word()}, "GRADED_NEVER_STORED"),
        "health text": ({"tags": ["health"]}, {"headline": word()}, "HEALTH_BY_REFERENCE"),
        "person to others": (
            {"tags": ["person"], "level": "named", "named": ["4627"]},
            {"headline": word()},
            "LEVEL_ABOVE_CAP",
        ),
        "identity number": ({}, {"headline": f"{word()} {planted.identity_number()}"}, "PERSON_TAG_MISSING"),
        "stranger to be told": ({"notify": [f"4601.{word()}"]}, {"headline": word()}, "UNKNOWN_WATCH"),
        "too long": ({}, {"headline": word(), "text": word() * (LIMIT_BYTES // 10)}, "TOO_LARGE"),
    }


def command(hub: Scene, body: dict[str, Any], content: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A report as it goes over NATS; ``other`` replaces parts of it."""
    org, watch = subjects.split_key(WATCH)
    actor = {"person": hub.id("leif"), "organisation": org, "watch": watch, "via": "test"}
    data: dict[str, Any] = {
        "actor": actor | {"authentication": "credential"} | other.pop("actor", {}),
        "occurred_at": other.pop("occurred_at", "2026-11-23T08:00:00+01:00"),
        "body": {"incident": new_id(), "type": "water.leak"} | body,
        "content": content,
    }
    known: dict[str, Any] = {"id": new_id(), "source": "/test", "type": "samvirke.incidents.open.v1"}
    return known | {"time": "2026-11-23T08:00:00+01:00", "data": data} | other


def unformed(hub: Scene, planted: Planted) -> dict[str, tuple[bytes, str]]:
    """Bytes that are no command of the log, and the code of the refusal."""
    word = planted.word
    whole = orjson.dumps(command(hub, {}, {"headline": word()}))
    made = {
        "half": (whole[:-9], "MALFORMED"),
        "no object": (orjson.dumps([word()]), "MALFORMED"),
        "a key twice": (whole[:-1] + b',"id":"' + word().encode() + b'"}', "DUPLICATE_KEY"),
        "not UTF-8": (whole.replace(b"Zqx", b"\xff\xfe", 1), "MALFORMED"),
        "unknown type": (
            orjson.dumps(command(hub, {}, {"headline": word()}, type=f"samvirke.{word()}.v1")),
            "UNKNOWN_TYPE",
        ),
        "another sender": (
            orjson.dumps(command(hub, {}, {"headline": word()}, actor={"watch": word()})),
            "WRONG_SENDER",
        ),
        "no offset": (
            orjson.dumps(command(hub, {}, {"headline": word()}, occurred_at="2026-11-23T08:00:00")),
            "NO_OFFSET",
        ),
        "unknown field": (orjson.dumps(command(hub, {word(): word()}, {"headline": word()})), "MALFORMED"),
        "unknown words": (orjson.dumps(command(hub, {}, {word(): word()})), "MALFORMED"),
        "bad figure": (orjson.dumps(command(hub, {}, {"figures": {word(): word()}})), "MALFORMED"),
    }
    items = forbidden(planted).items()
    return made | {name: (orjson.dumps(command(hub, body, said)), code) for name, (body, said, code) in items}


def test_over_nats_each_is_refused_with_its_code(hub: Scene, planted: Planted) -> None:
    cases = unformed(hub, planted)
    subject = subjects.command(hub.mode, *subjects.split_key(WATCH), "incidents", "open")
    answers = requests(hub, [(subject, raw) for raw, _ in cases.values()])
    told = {name: answer["code"] for name, answer in zip(cases, answers, strict=True)}
    assert told == {name: code for name, (_, code) in cases.items()}


def test_names_that_a_sender_puts_into_a_subject_are_answered_and_forgotten(
    hub: Scene, planted: Planted
) -> None:
    org, watch = subjects.split_key(WATCH)
    raw = orjson.dumps(command(hub, {}, {"headline": planted.word()}))
    made = [
        subjects.command(hub.mode, org, watch, "incidents", planted.word()),
        subjects.command(planted.word(), org, watch, "incidents", "open"),
        subjects.query(hub.mode, org, watch, "incidents", planted.word()),
        subjects.query(planted.word(), org, watch, "incidents", "get"),
    ]
    answers = requests(hub, [(subject, raw) for subject in made])
    assert {answer["code"] for answer in answers} <= {"UNKNOWN_TYPE", "MALFORMED"}


def test_questions_are_refused_without_being_repeated(hub: Scene, planted: Planted) -> None:
    org, watch = subjects.split_key(WATCH)
    actor = command(hub, {}, {})["data"]["actor"]
    asked: list[tuple[str, str, dict[str, Any], str]] = [
        ("incidents", "get", {"ref": planted.word()}, "UNKNOWN_INCIDENT"),
        ("incidents", "list", {"state": planted.word()}, "MALFORMED"),
        ("notifications", "chains", {"incident": [planted.word()]}, "MALFORMED"),
        ("people", "session", {"secret": planted.word() * 3}, "SESSION_ENDED"),
        ("people", "token", {"secret": planted.word() * 3}, "TOKEN_ENDED"),
        ("warnings", "list", {"municipality": planted.word()}, "MALFORMED"),
        ("watch", "duty", {"at": planted.word()}, "MALFORMED"),
        ("feeds", "state", {planted.word(): 1}, "MALFORMED"),
    ]
    answers = requests(
        hub,
        [
            (subjects.query(hub.mode, org, watch, trade, what), orjson.dumps({"actor": actor} | parameters))
            for trade, what, parameters, _ in asked
        ],
    )
    assert [answer.get("code") for answer in answers] == [code for *_, code in asked]


def requests(hub: Scene, asked: list[tuple[str, bytes]]) -> list[Problem]:
    """The answers to requests of the watch."""

    async def work() -> list[Problem]:
        nc = await connect(hub.hub.settings, WATCH)
        try:
            replies = [await nc.request(subject, raw, timeout=5) for subject, raw in asked]
        finally:
            await nc.close()
        return [orjson.loads(reply.data) for reply in replies]

    return asyncio.run(work())


@pytest.fixture(scope="module")
def secret(hub: Scene) -> str:
    """A machine's token that may report."""
    answer = hub.do("4601.vaktsentral/jon", "token", "issue", "pump", "--scope", "report")
    found: str = answer["result"]["secret"]
    return found


def test_over_http_each_is_refused_with_its_code_and_says_what_it_means(
    hub: Scene, planted: Planted, secret: str
) -> None:
    word = planted.word
    cases = {
        name: (orjson.dumps({"type": "water.leak", **body, "content": said}), code)
        for name, (body, said, code) in forbidden(planted).items()
    }
    cases |= {
        "half": (b'{"type": "water.leak", "headline": "' + word().encode(), "MALFORMED"),
        "a key twice": (orjson.dumps({"headline": word()})[:-1] + b',"headline":""}', "DUPLICATE_KEY"),
        "no offset": (
            orjson.dumps({"type": "x", "headline": word(), "occurred_at": "2026-11-23T08:00:00"}),
            "NO_OFFSET",
        ),
        "unknown field": (orjson.dumps({"type": "x", word(): word()}), "MALFORMED"),
        "bad type": (orjson.dumps({"type": f"{word()}!", "headline": word()}), "MALFORMED"),
        "words as a list": (orjson.dumps({"type": "x", "content": [word()]}), "MALFORMED"),
    }
    headers = {"Authorization": f"Bearer {secret}", "content-type": "application/json"}
    with httpx.Client(base_url=hub.hub.desk, headers=headers, trust_env=False) as machine:
        answers = {name: machine.post("/v1/incidents", content=raw) for name, (raw, _) in cases.items()}
    assert {name: one.json()["code"] for name, one in answers.items()} == {
        name: code for name, (_, code) in cases.items()
    }
    assert all(one.json()["title"].endswith(".") and one.status_code // 100 == 4 for one in answers.values())


def test_what_stands_in_addresses_and_headers_is_forgotten(hub: Scene, planted: Planted, secret: str) -> None:
    word, machine = planted.word, {"Authorization": f"Bearer {secret}"}
    asked: list[tuple[str, dict[str, str], int]] = [
        (f"/v1/incidents?limit={word()}", machine, 400),
        (f"/v1/incidents?mode={word()}", machine, 400),
        (f"/v1/incidents/{word()}", machine, 404),
        (f"/v1/{word()}", machine, 404),
        (f"/v1/feeds/{word()}/events?after={word()}", machine, 403),
        ("/v1/incidents", {"Authorization": f"Bearer {word()}{word()}"}, 401),
        ("/v1/incidents", {"Cookie": f"samvirke-session={word()}{word()}; samvirke-watch={word()}"}, 403),
        ("/v1/incidents", machine | {"User-Agent": word(), "X-Samvirke-Watch": word()}, 403),
        (f"/sign-in/{word()}{word()}", {}, 200),
    ]
    with httpx.Client(base_url=hub.hub.desk, trust_env=False) as caller:
        answers = [caller.get(path, headers=headers).status_code for path, headers, _ in asked]
        phone = caller.post(f"{hub.hub.phone}/k/{word()}{word()}", data={"act": word()}).status_code
    assert (answers, phone) == ([status for *_, status in asked], 404)
    for name in ("DESK", "PHONE", "HEALTH"):
        port = int(hub.hub.environment[f"SAMVIRKE_PORT_{name}"])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"{word()} {word()}\r\n{word()}: \x00\r\n\r\n".encode())
            connection.settimeout(5)
            connection.recv(1024)


def test_a_form_that_must_not_be_kept_is_answered_with_a_page_that_says_why(
    hub: Scene, planted: Planted
) -> None:
    ref = hub.report(BERGEN, "Vanlig sak").ref
    link = hub.do("4601.vaktsentral/jon", "person", "link", "leif")["link"]
    origin = {"Origin": hub.hub.desk}
    with httpx.Client(base_url=hub.hub.desk, headers=origin, trust_env=False) as browser:
        assert browser.post(link, data={"watch": WATCH}).status_code == 303
        page = browser.get(f"/incidents/{ref}").text
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf is not None
        word = planted.word
        forms = {
            "GRADED_NEVER_STORED": {"text": word(), "tag": "graded"},
            "HEALTH_BY_REFERENCE": {"text": word(), "tag": "health"},
            "LEVEL_ABOVE_CAP": {"text": word(), "tag": "person", "level": "region"},
            "PERSON_TAG_MISSING": {"text": f"{word()} {planted.identity_number()}"},
            "MALFORMED": {"text": word(), "kind": word()},
            "TOO_LARGE": {"text": word() * (LIMIT_BYTES // 10)},
        }
        answers = {
            code: browser.post(f"/incidents/{ref}/entries", data={"csrf": csrf[1]} | form)
            for code, form in forms.items()
        }
        stolen = browser.post(f"/incidents/{ref}/entries", data={"csrf": word(), "text": word()})
    assert [code for code, answer in answers.items() if code not in answer.text] == []
    assert {answer.status_code for answer in answers.values()} == {400, 413, 422}
    assert (stolen.status_code, "FOREIGN_PAGE" in stolen.text) == (403, True)
    assert planted.found_in(*(answer.content.lower() for answer in answers.values())) == []


def test_on_the_command_line_each_is_refused_in_words_that_say_what_to_do(
    hub: Scene, planted: Planted, tmp_path: Path
) -> None:
    warning = tmp_path / "warning.cap"
    warning.write_text(f"<alert>{planted.word()}</alert>")
    cases = {name: ("report", *_options(*item[:2])) for name, item in forbidden(planted).items()}
    codes = {name: code for name, (*_, code) in forbidden(planted).items()}
    cases["unreadable warning"], codes["unreadable warning"] = ("intake", str(warning)), "UNREADABLE_WARNING"
    with ThreadPoolExecutor(4) as people:
        done = dict(zip(cases, people.map(lambda one: hub.said(BERGEN, *one), cases.values()), strict=True))
    assert {name: (exit_code, answer["code"]) for name, (exit_code, answer) in done.items()} == {
        name: (2, code) for name, code in codes.items()
    }
    assert [name for name, (_, answer) in done.items() if answer["text"].count(".") < 2] == []


def _options(body: dict[str, Any], said: dict[str, Any]) -> list[str]:
    options = [said["headline"], *(["--text", said["text"]] if "text" in said else [])]
    options += [text for tag in body.get("tags", []) for text in ("--tag", tag)]
    options += [
        text for key in ("named", "notify") for one in body.get(key, []) for text in (f"--{key}", one)
    ]
    return [*options, *(["--level", body["level"]] if "level" in body else [])]


def test_a_fault_of_the_database_echoes_no_value(hub: Scene) -> None:
    mark, word = sizes(hub), "Zqx77Faultword"
    with closing(sqlite3.connect(hub.hub.home / "db" / "incidents.db", isolation_level=None)) as database:
        database.execute("ALTER TABLE content RENAME TO content_away")
        try:
            hub.report(BERGEN, word)
            fault = requests(hub, [_asked(hub)])[0]
            assert (fault["code"], set(fault["parameters"])) == ("INTERNAL", {"fault"})
            assert soon(lambda: b"projector.fault" in written_since(hub, mark))
        finally:
            database.execute("ALTER TABLE content_away RENAME TO content")
    found = soon(lambda: word in json.dumps(hub.ask(BERGEN, "incidents", "list", state="all")))
    assert found
    assert b"OperationalError" in written_since(hub, mark)
    assert word.lower().encode() not in written_since(hub, mark).lower()


def _asked(hub: Scene) -> tuple[str, bytes]:
    org, watch = subjects.split_key(WATCH)
    actor = command(hub, {}, {})["data"]["actor"]
    subject = subjects.query(hub.mode, org, watch, "incidents", "list")
    return subject, orjson.dumps({"actor": actor, "state": "all", "limit": 5})


def sizes(hub: Scene) -> dict[Path, int]:
    """How much was logged and printed so far."""
    return {path: path.stat().st_size for path in [hub.hub.output, *(hub.hub.home / "log").iterdir()]}


def written_since(hub: Scene, mark: dict[Path, int]) -> bytes:
    """What was logged and printed since."""
    return b"".join(path.read_bytes()[size:] for path, size in mark.items())


def test_not_one_byte_of_it_lies_in_any_file_or_was_printed(hub: Scene, planted: Planted) -> None:
    hub.report(BERGEN, "Sporbart ord Qwz555")
    files = [path for path in hub.hub.home.rglob("*") if path.is_file()]
    assert len(planted.words) > 60
    assert {path: found for path in files if (found := planted.found_in(path.read_bytes().lower()))} == {}
    assert planted.found_in(hub.hub.output.read_bytes().lower()) == []
    assert any(b"Qwz555" in path.read_bytes() for path in files)


def test_while_the_hub_is_away_what_is_forbidden_is_refused_and_not_kept_for_later(
    hub: Scene, planted: Planted
) -> None:
    hub.hub.kill()
    codes = {
        "graded": "GRADED_NEVER_STORED",
        "identity number": "PERSON_TAG_MISSING",
        "health text": "LEDGER_UNREACHABLE",
    }
    items = forbidden(planted)
    calls = [("report", *_options(*items[name][:2])) for name in codes]
    calls.append(("report", "Sporbart ord Qwz777"))
    with ThreadPoolExecutor(4) as people:
        *done, kept = people.map(lambda one: hub.said(BERGEN, *one), calls)
    assert [(code, answer["code"]) for code, answer in done] == [(2, code) for code in codes.values()]
    assert (kept[0], kept[1]["status"]) == (3, "kept")
    spool = b"".join(path.read_bytes() for path in (hub.hub.home / "spool").iterdir())
    assert (b"Qwz777" in spool, planted.found_in(spool.lower())) == (True, [])
