"""`make bench BENCH=desk`: in a real browser: news, echo under a flood, the cold page (docs/bench.md)."""

import asyncio
import contextlib
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
from nats.aio.client import Client
from playwright.async_api import Page, async_playwright

from schemas import subjects
from schemas.exercise_file import load
from services.runtime.connect import connect
from tests.bench import reports
from tests.bench.core import WATCH, finish, operator, percentile
from tests.browser.rig import ECHO, LIVE, ROW, TYPED, Desk, Rig, launch, until
from tests.system_hub import SAMVIRKE, HubProcess

ASK = Path(__file__).parents[2] / "deploy" / "exercises" / "ask.toml"
OUT = Path("build") / "bench" / "desk.json"
LIMITS: dict[str, tuple[str, float]] = {
    "desk_p95_ms": ("<=", 250),
    "desk_lost": ("<=", 0),
    "desk_doubled": ("<=", 0),
    "echo_p95_ms": ("<=", 100),
    "page_ready_ms": ("<=", 1000),
    "page_kb": ("<=", 350),
    "outside_requests": ("<=", 0),
    "exercise_s": ("<=", 600),
    "exercise_failed": ("<=", 0),
}
PEOPLE = ("leif", "marit", "jon")
DESKS, NEWS_PER_S, NEWS_S = 8, 20, 10
FLOOD_PER_S, FLOOD_S, KEY_EVERY_S = 100, 5, 0.05
COLD_PAGES, OPEN_BEFORE = 5, 50

NOTE_NEWS = """() => {
  const seen = window.__news = {};
  const note = node => {
    for (const [token] of (node.textContent || "").matchAll(/nytt-\\d{6}/g)) {
      if (token in seen) continue;
      seen[token] = 0;
      requestAnimationFrame(() => { seen[token] = performance.timeOrigin + performance.now(); });
    }
  };
  new MutationObserver(found => found.forEach(one => one.addedNodes.forEach(note)))
    .observe(document.body, {childList: true, subtree: true});
}"""
NOTE_ECHO = """([command, echo]) => {
  const taken = window.__echo = [];
  let pressed = null;
  const press = event => { pressed ??= event.timeStamp; };
  document.querySelector(command).addEventListener("keydown", press, true);
  new MutationObserver(() => {
    if (pressed === null) return;
    const began = pressed;
    pressed = null;
    requestAnimationFrame(() => taken.push(performance.now() - began));
  }).observe(document.querySelector(echo), {childList: true, subtree: true, characterData: true});
}"""
NOTE_READY = f"""(() => {{
  const look = () => {{
    if (document.querySelector("{ROW}") && document.querySelector("{TYPED}") && ({LIVE}))
      window.__ready = performance.now();
    else requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}})()"""


@contextlib.asynccontextmanager
async def desks(rig: Rig, count: int, outside: list[str]) -> AsyncIterator[list[Desk]]:
    """Desks of one watch, each a browser of its own; ``outside`` gets what they asked of other hosts."""
    async with contextlib.AsyncExitStack() as stack:
        people = [PEOPLE[number % len(PEOPLE)] for number in range(count)]
        opened = [await stack.enter_async_context(rig.desk(person, WATCH)) for person in people]
        for desk in opened:
            await desk.live()
        yield opened
        for desk in opened:
            outside += desk.seen.outside


async def flood(nc: Client, per_s: int, seconds: float, word: str) -> dict[str, float]:
    """Reports at an even pace, each with a headline of its own: that headline to the moment of Accepted."""
    person, accepted = operator(), {}
    subject = subjects.command("actual", *subjects.split_key(WATCH), "incidents", "open")

    async def one(headline: str) -> None:
        said = orjson.loads(reports.report(WATCH, person))
        said["data"]["content"]["headline"] = headline
        await reports.send(nc, subject, orjson.dumps(said))
        accepted[headline] = time.time()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as sending:
        for number in range(int(per_s * seconds)):
            await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
            sending.create_task(one(f"{word}-{number:06d}"))
    return accepted


async def news_figures(rig: Rig, nc: Client, outside: list[str]) -> dict[str, float]:
    """From Accepted to the frame in which each desk shows the incident."""
    async with desks(rig, DESKS, outside) as opened:
        for desk in opened:
            await desk.page.evaluate(NOTE_NEWS)
        told = await flood(nc, NEWS_PER_S, NEWS_S, "nytt")
        await asyncio.sleep(3)
        seen = [await desk.page.evaluate("window.__news") for desk in opened]
        doubled = [await _rows_too_many(desk.page, len(told)) for desk in opened]
    took = [at - told[token] * 1000 for one in seen for token, at in one.items()]
    return {
        "desk_p50_ms": statistics.median(took),
        "desk_p95_ms": percentile(took, 0.95),
        "desk_p99_ms": percentile(took, 0.99),
        "desk_lost": len(told) * len(opened) - len(took),
        "desk_doubled": sum(doubled),
    }


async def _rows_too_many(page: Page, told: int) -> int:
    shown = [text for text in await page.locator(ROW).all_text_contents() if "nytt-" in text]
    return max(0, len(shown) - told)


async def echo_figures(rig: Rig, nc: Client, outside: list[str]) -> dict[str, float]:
    """From the key press to the frame that shows what the hub would do, while incidents pour in."""
    async with desks(rig, 1, outside) as (desk,):
        page = desk.page
        await page.focus(TYPED)
        await page.keyboard.type("ny p2 vann Åsane: ")
        await until(page, f"document.querySelector('{ECHO}').textContent.trim() !== ''")
        await page.evaluate(NOTE_ECHO, [TYPED, ECHO])
        flooding = asyncio.create_task(flood(nc, FLOOD_PER_S, FLOOD_S, "flom"))
        pressed = 0
        while not flooding.done():
            await page.keyboard.press(string.ascii_lowercase[pressed % 26])
            pressed += 1
            await asyncio.sleep(KEY_EVERY_S)
        await flooding
        await asyncio.sleep(1)
        took: list[float] = await page.evaluate("window.__echo")
    return {
        "echo_p50_ms": statistics.median(took),
        "echo_p95_ms": percentile(took, 0.95),
        "echo_share": len(took) / pressed,
    }


async def cold_figures(rig: Rig, outside: list[str]) -> dict[str, float]:
    """A page in a browser that has nothing of it: until it is live and takes commands, and its bytes."""
    ready, sizes = [], []
    for _ in range(COLD_PAGES):
        async with rig.desk(PEOPLE[0], WATCH, path=None) as desk:
            await desk.context.add_init_script(NOTE_READY)
            counted: list[int] = []
            wire = await desk.context.new_cdp_session(desk.page)
            wire.on("Network.dataReceived", lambda got, to=counted: to.append(got["encodedDataLength"]))
            wire.on("Network.responseReceivedExtraInfo", lambda got, to=counted: to.append(_head(got)))
            await wire.send("Network.enable")
            await desk.goto("/")
            await until(desk.page, "window.__ready !== undefined")
            ready.append(await desk.page.evaluate("window.__ready"))
            await desk.page.wait_for_load_state("load")
            sizes.append(sum(counted) / 1000)
            outside += desk.seen.outside
    return {
        "page_ready_ms": statistics.median(ready),
        "page_ready_worst_ms": max(ready),
        "page_kb": max(sizes),
    }


def _head(got: dict[str, object]) -> int:
    """The bytes of an answer's headers."""
    return len(str(got.get("headersText", "")).encode())


async def measure(home: Path) -> dict[str, float]:
    """All figures that need a browser."""
    hub, outside = HubProcess(home), list[str]()
    made: dict[str, float] = {}
    try:
        hub.start()
        nc = await connect(hub.settings, WATCH)
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            rig = Rig(hub, browser)
            await flood(nc, NEWS_PER_S, OPEN_BEFORE / NEWS_PER_S, "åpen")
            made |= await cold_figures(rig, outside)
            made |= await news_figures(rig, nc, outside)
            made |= await echo_figures(rig, nc, outside)
            await browser.close()
        await nc.close()
    finally:
        hub.kill()
    return made | {"outside_requests": len(outside)}


def exercise_figures(home: Path) -> dict[str, float]:
    """The whole exercise Ask on one machine, to the player's last check; how many checks failed."""
    hub = HubProcess(home, ASK.parent / load(ASK).exercise.exercise.centre)
    play = [str(SAMVIRKE), "exercise", "play", str(ASK), "--speed", "60", "--json"]
    try:
        hub.start()
        began = time.perf_counter()
        done = subprocess.run(play, env=hub.environment, capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
    finally:
        hub.kill()
    checks = orjson.loads(done.stdout)["checks"]
    return {"exercise_s": took, "exercise_failed": sum(not check["ok"] for check in checks)}


def main() -> int:
    """Measure, print, write; 1 if a figure misses its limit."""
    with tempfile.TemporaryDirectory(prefix="samvirke-bench-") as folder:
        made = asyncio.run(measure(Path(folder) / "home"))
        made |= exercise_figures(Path(folder) / "ask")
    return finish(made, LIMITS, OUT)


if __name__ == "__main__":
    sys.exit(main())
