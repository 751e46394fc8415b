"""TLS by setting: to the broker, and to desk and phone page."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from faststream.nats import NatsBroker
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.runtime import broker, names, processes
from services.runtime.connect import BrokerUnreachable, connect, faststream_options
from services.runtime.http import Server
from services.runtime.settings import Settings
from services.runtime.watches import accounts_text
from tests.certificates import Certificate, certificate
from tests.system_hub import free_port


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificates"), "localhost")


@pytest.fixture
async def protected(tmp_path: Path, pair: Certificate) -> AsyncIterator[Settings]:
    """Settings that lead to a broker with TLS, by its name."""
    port = free_port()
    settings = pair.settings(tmp_path, port)
    text = broker.remote_settings(settings, "apart", f"127.0.0.1:{port}", tmp_path / "streams", 1 << 30)
    file = tmp_path / "server.conf"
    file.write_text(text + accounts_text(settings, [("4601", "vaktsentral")]))
    broker.check(file)
    child = processes.spawn([broker.binary(), "-c", str(file)], {}, log=tmp_path / "server.log")
    yield settings
    await processes.stop(child, 3)


async def test_the_hub_speaks_tls_with_a_broker_whose_authority_it_knows(protected: Settings) -> None:
    nc = await connect(protected, names.OPS)
    assert nc.is_connected
    await nc.close()


async def test_doors_and_reactions_speak_tls_too(protected: Settings) -> None:
    await (await connect(protected, names.OPS)).close()
    room = NatsBroker(**faststream_options(protected, names.WATCH_DOOR))
    await room.start()
    await room.stop()


async def test_a_broker_of_an_unknown_authority_is_not_spoken_to(protected: Settings) -> None:
    await (await connect(protected, names.OPS)).close()
    stranger = protected.model_copy(update={"nats_ca": None})
    with pytest.raises(BrokerUnreachable):
        await connect(stranger, names.OPS, patience_s=1)


async def test_a_broker_with_another_name_than_its_certificate_says_is_not_spoken_to(
    protected: Settings,
) -> None:
    await (await connect(protected, names.OPS)).close()
    by_number = protected.nats_url.replace("localhost", "127.0.0.1")
    with pytest.raises(BrokerUnreachable):
        await connect(protected.model_copy(update={"nats_url": by_number}), names.OPS, patience_s=1)


async def test_a_broker_without_tls_gets_no_word_from_a_hub_that_wants_it(
    tmp_path: Path, pair: Certificate
) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","auth_required":false,"tls_required":false}\r\n')
        heard.extend(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = Settings(home=tmp_path, nats_url=f"tls://127.0.0.1:{port}", nats_ca=pair.ca)
    accounts_text(settings, [])
    with pytest.raises(BrokerUnreachable):
        await connect(settings, names.OPS, patience_s=1)
    server.close()
    assert b"CONNECT" not in heard


async def test_desk_and_phone_page_speak_https_with_a_certificate(pair: Certificate) -> None:
    async def here(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    server = Server(Starlette(routes=[Route("/", here)]), "127.0.0.1", 0, pair.cert, pair.key)
    await server.start()
    try:
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=pair.ca)) as client:
            assert (await client.get(f"https://localhost:{server.port}/")).text == "here"
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.HTTPError):
                await client.get(f"http://localhost:{server.port}/")
    finally:
        await server.stop()


@pytest.mark.parametrize("given", [{"tls_cert": "cert.pem"}, {"nats_key": "key.pem"}])
def test_a_certificate_without_its_key_is_refused(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        Settings(home=tmp_path, **given)  # type: ignore[arg-type]


def test_an_empty_variable_names_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMVIRKE_TLS_CERT", "")
    settings = Settings(home=tmp_path)
    assert settings.tls_cert is None
    assert settings.web == "http"


def test_a_database_password_may_stand_apart_from_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("a/b@c")
    monkeypatch.setenv("SAMVIRKE_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    settings = Settings(home=tmp_path, database_url=SecretStr("postgresql://people@db/hub"))
    assert settings.database_for("people") == "postgresql+psycopg://people:a%2Fb%40c@db/hub"
    assert "a/b@c" not in repr(settings)
