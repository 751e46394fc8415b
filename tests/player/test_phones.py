"""The phones of an exercise open the hub's page under its own certificate, and nobody else's."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.cli.player.phones import trust
from services.runtime.http import Server
from services.runtime.settings import Settings
from tests.certificates import Certificate, certificate


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("own"), "localhost")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("other"), "localhost")


def hub(home: Path, made: Certificate, public: str = "") -> Settings:
    return Settings(home=home, tls_cert=made.cert, tls_key=made.key, public_phone_url=public)


async def opened(context: ssl.SSLContext, made: Certificate, host: str) -> bool:
    """True if a page with this certificate is opened under this address."""

    async def page(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("ja")

    server = Server(Starlette(routes=[Route("/k/x", page)]), "127.0.0.1", 0, made.cert, made.key)
    await server.start()
    try:
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            return (await client.get(f"https://{host}:{server.port}/k/x")).text == "ja"
    except httpx.ConnectError:
        return False
    finally:
        await asyncio.wait_for(server.stop(), 10)


async def test_a_link_by_number_opens_the_hubs_own_page_and_no_other(
    tmp_path: Path, own: Certificate, other: Certificate
) -> None:
    context = trust(hub(tmp_path, own))
    assert await opened(context, own, "127.0.0.1")
    assert not await opened(context, other, "127.0.0.1")


async def test_a_link_by_name_must_lead_to_a_certificate_of_that_name(
    tmp_path: Path, own: Certificate, other: Certificate
) -> None:
    context = trust(hub(tmp_path, own, "https://localhost"))
    assert await opened(context, own, "localhost")
    assert not await opened(context, own, "127.0.0.1")
    assert not await opened(context, other, "localhost")


async def test_a_hub_without_a_certificate_trusts_whom_the_system_trusts(
    tmp_path: Path, own: Certificate
) -> None:
    assert not await opened(trust(Settings(home=tmp_path)), own, "localhost")
