"""The pages that show the published contract: for everybody, from this desk alone, complete."""

from html.parser import HTMLParser

import pytest

from services.desk import contract
from tests.desk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGES = ("/docs/http", "/docs/asyncapi")


class Seen(HTMLParser):
    """Ids and links of a page, and what it would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert not any(name.startswith("on") or name == "style" for name in given)
        assert tag not in ("script", "style", "iframe", "object", "embed")
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.loads += [given[name] for name in ("src", "href") if name in given and tag != "a"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_nothing_loads_nothing_from_elsewhere_and_each_link_leads_somewhere(
    house: House, path: str
) -> None:
    async with house.client() as stranger:
        answer = await stranger.get(path)
        assert answer.status_code == 200
        seen = Seen(answer.text)
        assert len(set(seen.ids)) == len(seen.ids)
        assert all(load.startswith("/static/") for load in seen.loads)
        for link in set(seen.links):
            if link.startswith("#"):
                assert link[1:] in seen.ids, link
            else:
                assert (await stranger.get(link)).status_code == 200, link


@pytest.mark.parametrize("name", [contract.OPENAPI, contract.ASYNCAPI])
async def test_each_document_is_downloaded_as_it_was_published(house: House, name: str) -> None:
    async with house.client() as stranger:
        answer = await stranger.get(f"/docs/{name}")
    assert answer.json() == contract.read(name)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_the_pages_say_every_operation_channel_form_and_field(house: House) -> None:
    async with house.client() as stranger:
        http, messages = [(await stranger.get(path)).text for path in PAGES]
    openapi, asyncapi = contract.read(contract.OPENAPI), contract.read(contract.ASYNCAPI)
    assert all(path in http for path in openapi["paths"])
    assert all(channel["address"] in messages for channel in asyncapi["channels"].values())
    for page, document in ((http, openapi), (messages, asyncapi)):
        for name, schema in document["components"]["schemas"].items():
            assert f'id="shape-{name}"' in page
            assert all(f"<code>{field}</code>" in page for field in schema.get("properties", {}))


async def test_frameworks_own_pages_are_not_there(house: House) -> None:
    async with house.client() as stranger:
        for path in ("/openapi.json", "/redoc", "/docs/oauth2-redirect", "/docs/../schemas"):
            assert (await stranger.get(path)).status_code == 404
        assert (await stranger.get("/docs")).headers["location"] == "/docs/http"
