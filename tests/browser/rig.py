"""Desks in a real browser: who sits there, what each page was seen to do, and an API beside them."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    ViewportSize,
)

from schemas.centre import load
from schemas.envelope import Accepted, Actor
from schemas.people import MakeLink
from schemas.vocabulary import Authentication
from services.desk.asker import SESSION_COOKIE, THEME_COOKIE, WATCH_COOKIE
from services.runtime.edge import Edge
from tests.system_hub import HubProcess

MARKS = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.system]
VAKT, CHILD, ASKOY = "4601.vaktsentral", "4601.barnevern", "4627.vakt"
HOSTILE_NAME = "Marit <img src=x onerror=alert(1)> \u202eås"
HOSTILE_TITLE = "Vakt {{7*7}} </table><script>alert(1)</script>"
PATIENCE_S = 20.0
"""How long a test waits for what has no limit of its own; a loaded machine is slow."""
SCREEN = ViewportSize(width=1920, height=1080)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LIVE = "document.querySelector('#latency')?.textContent && !document.body.matches('.lost')"
"""Holds in a page that has heard from the hub, and does not say that the link is lost."""
ROW, TYPED, ECHO, OPENED = "#rows .row", "#typed", "#echo", "#incident .opened"
SPY = """(() => {
  window.__ran = []; window.__refused = [];
  for (const name of ["alert", "confirm", "prompt"]) window[name] = said => window.__ran.push(String(said));
  addEventListener("securitypolicyviolation", event => window.__refused.push(
    [event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber].join(" ")));
})();"""


def chromium_path() -> str:
    """The browser of this machine. Fails the test, and says what to install, when there is none."""
    named = os.environ.get("SAMVIRKE_TEST_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail(
            "no Chromium: on Debian `apt install chromium`, else name one in SAMVIRKE_TEST_CHROMIUM",
            pytrace=False,
        )
    return found


async def launch(playwright: Playwright) -> Browser:
    """A running Chromium that calls nobody by itself."""
    return await playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)


async def until(page: Page, holds: str, patience_s: float = PATIENCE_S) -> None:
    """Return once an expression holds in the page; the page's policy forbids Playwright's own way to wait.

    Raises AssertionError when patience ends.
    """
    wait = """([patience]) => new Promise(done => {
      const ends = performance.now() + patience * 1000;
      const look = () => HOLDS ? done(true) : performance.now() > ends ? done(false) : setTimeout(look, 10);
      look();
    })"""
    assert await page.evaluate(wait.replace("HOLDS", f"({holds})"), [patience_s]), holds


@dataclass
class Seen:
    """What the pages of one desk did that they should not."""

    home: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Note requests to others, dialogs, faults in scripts and what the policy refused."""
        context.on("request", lambda request: self._on_request(request.url))
        context.on("console", self._on_console)
        context.on("weberror", lambda fault: self.errors.append(str(fault.error)))
        context.on("dialog", lambda dialog: self.dialogs.append(dialog.message))

    def _on_request(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).netloc != self.home:
            self.outside.append(url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "TrustedHTML" in message.text:
            self.errors.append(message.text)


@dataclass
class Desk:
    """One person's browser."""

    context: BrowserContext
    page: Page
    seen: Seen
    home: str

    async def goto(self, path: str) -> None:
        """Open a page of the hub."""
        await self.page.goto(f"{self.home}{path}")

    async def live(self) -> None:
        """Wait until the page says that it is connected and all is well."""
        await until(self.page, LIVE)

    async def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def line(self, said: str) -> str:
        """Write on the command line from wherever one is, and send it; what it was understood as."""
        await self.press("F2")
        await self.page.keyboard.insert_text(said)
        understood = await self.page.locator(ECHO).inner_text()
        await self.press("Enter")
        return understood

    def row(self, ref: str) -> Locator:
        """An incident's row in the list."""
        return self.page.locator(f'{ROW}[data-name="{ref}"]')

    def entries(self, text: str) -> Locator:
        """The entries of the open incident that say this."""
        return self.page.locator(f"{OPENED} .entry").filter(has_text=text)

    async def is_innocent(self) -> None:
        """Nothing ran that a person wrote, the policy refused nothing, and nobody else was asked."""
        for page in self.context.pages:
            assert await page.evaluate("window.__ran") == []
            assert await page.evaluate("window.__refused") == []
        assert (self.seen.dialogs, self.seen.outside, self.seen.errors) == ([], [], [])


class Rig:
    """A hub, a browser, and the sessions of the people who have signed in."""

    def __init__(self, hub: HubProcess, browser: Browser) -> None:
        self.hub = hub
        self.browser = browser
        self._sessions: dict[str, str] = {}
        self._centre = load(hub.centre)

    @property
    def home(self) -> str:
        """The desk's address."""
        return self.hub.desk

    async def session(self, person: str) -> str:
        """The secret of a person's session; the first use makes a link and spends it."""
        if person not in self._sessions:
            path = await self.new_link(person)
            async with httpx.AsyncClient(base_url=self.home, trust_env=False) as client:
                answer = await client.post(path, headers={"Origin": self.home}, timeout=20)
            assert answer.status_code == 303, answer.text
            self._sessions[person] = answer.cookies[SESSION_COOKIE]
        return self._sessions[person]

    async def new_link(self, person: str) -> str:
        """The path of a new sign-in link, made by a leader of a watch where the person works."""
        role = next(one for one in self._centre.roles if person in one.persons and "." in one.where)
        leader = self.leader(role.where)
        org, _, code = role.where.partition(".")
        actor = Actor(
            person=leader, organisation=org, watch=code, via="test", authentication=Authentication.CREDENTIAL
        )
        edge = await Edge.open(self.hub.settings, role.where, "test")
        try:
            answer = await edge.send("actual", MakeLink(person=self.id(person)), actor)
        finally:
            await edge.close()
        assert isinstance(answer, Accepted), (person, role, answer)
        return str(answer.result["path"])

    def id(self, person: str) -> str:
        """The random id of a person of the centre file."""
        found = self._centre.person(person)
        assert found is not None, person
        return str(found.id)

    def leader(self, watch: str) -> str:
        """The id of a leader of the watch."""
        leading = [one for one in self._centre.roles if (one.where, one.role) == (watch, "leader")]
        return self.id(leading[0].persons[0])

    async def renew(self, person: str) -> None:
        """Sign the person in anew."""
        self._sessions.pop(person, None)
        await self.session(person)

    async def end(self, person: str) -> None:
        """Sign the person out from elsewhere."""
        async with self.api(person) as api:
            form = {"csrf": api.client.headers["X-CSRF-Token"]}
            assert (await api.client.post("/sign-out", data=form)).status_code == 303
        self._sessions.pop(person)

    @contextlib.asynccontextmanager
    async def desk(
        self,
        person: str = "leif",
        watch: str = VAKT,
        path: str | None = "/",
        theme: str = "dark",
        **more: Any,
    ) -> AsyncIterator[Desk]:
        """A desk with a person's session, at the list of incidents or another page, or at none."""
        more = {"viewport": SCREEN, "locale": "nb-NO"} | more
        context = await self.browser.new_context(**more)
        context.set_default_timeout(PATIENCE_S * 1000)
        seen = Seen(urlsplit(self.home).netloc)
        seen.watch(context)
        await context.add_init_script(SPY)
        cookies = {SESSION_COOKIE: await self.session(person), WATCH_COOKIE: watch, THEME_COOKIE: theme}
        await context.add_cookies(
            [{"name": name, "value": value, "url": self.home} for name, value in cookies.items()]
        )
        try:
            desk = Desk(context, await context.new_page(), seen, self.home)
            if path is not None:
                await desk.goto(path)
            yield desk
        finally:
            await context.close()

    @contextlib.asynccontextmanager
    async def desks(self, *people: str) -> AsyncIterator[list[Desk]]:
        """Desks of Vaktsentralen, one for each person named."""
        async with contextlib.AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.desk(person)) for person in people]

    @contextlib.asynccontextmanager
    async def api(self, person: str = "leif", watch: str = VAKT) -> AsyncIterator["Api"]:
        """The HTTP interface as this person."""
        cookies = {SESSION_COOKIE: await self.session(person), WATCH_COOKIE: watch}
        async with httpx.AsyncClient(
            base_url=self.home, cookies=cookies, headers={"Origin": self.home}, timeout=20, trust_env=False
        ) as client:
            client.headers["X-CSRF-Token"] = (await client.get("/v1/session")).json()["csrf"]
            yield Api(client)


class Api:
    """Reports and entries through the HTTP interface."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def report(self, headline: str, /, **more: Any) -> str:
        """Open an incident; its ref, once the archive has it."""
        said = {"type": "water.leak", "priority": "normal", "headline": headline} | more
        answer = await self.client.post("/v1/incidents", json=said)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        await self.log(told["ref"], told["receipt"])
        return str(told["ref"])

    async def entry(self, ref: str, text: str, **more: Any) -> None:
        """Write in a log; returns when it is there."""
        answer = await self.client.post(f"/v1/incidents/{ref}/entries", json={"text": text} | more)
        assert answer.status_code == 201, answer.text
        await self.log(ref, answer.json()["receipt"])

    async def log(self, ref: str, after: str | None = None) -> dict[str, Any]:
        """An incident with its log and chains."""
        answer = await self.client.get(f"/v1/incidents/{ref}", params={"after": after} if after else {})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def texts(self, ref: str) -> list[str]:
        """What the entries of a log say, the earliest first."""
        entries = (await self.log(ref))["entries"]
        return [one["content"]["text"] for one in entries if (one.get("content") or {}).get("text")]

    async def headlines(self, state: str = "all") -> list[str]:
        """The headlines of the incidents that this person may see."""
        answer = await self.client.get("/v1/incidents", params={"state": state, "limit": 500})
        assert answer.status_code == 200, answer.text
        return [(one.get("content") or {}).get("headline", "") for one in answer.json()["incidents"]]
