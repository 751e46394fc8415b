"""A hub without a supervisor: the broker stands apart, each part has process, home and keys of its own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from services.cli.provisioning import TABLES
from services.runtime import apart, broker, names, processes
from services.runtime.connect import connect
from services.runtime.settings import Settings
from services.runtime.worker import PARTS
from tests.certificates import certificate
from tests.system_hub import EXAMPLE, SAMVIRKE, eventually, free_port

pytestmark = pytest.mark.system
NEW_WATCH = '\n[[watches]]\nkey = "4627.nattvakt"\ncode = "NATT"\nname = "Nattvakt"\n'


@dataclass
class Spread:
    """Folders and addresses of a hub whose parts share nothing but the broker and the database server."""

    folder: Path
    database: str
    centre: Path
    port: int = field(default_factory=free_port)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    health: dict[str, int] = field(default_factory=dict)

    def environment(self, home: Path, **given: object) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SAMVIRKE_")}
        settings = {
            "home": home,
            "centre": self.centre,
            "nats_url": f"tls://localhost:{self.port}",
            "nats_ca": self.folder / "tls" / "ca.pem",
            "production": True,
            "stream_bytes": 512 * 1024 * 1024,
        }
        return kept | {f"SAMVIRKE_{key.upper()}": str(value) for key, value in (settings | given).items()}

    def command(self, *arguments: str, **given: object) -> "subprocess.CompletedProcess[str]":
        """Run one command as the one who holds every key."""
        tls = {"nats_cert": self.folder / "tls" / "cert.pem", "nats_key": self.folder / "tls" / "key.pem"}
        return subprocess.run(
            [str(SAMVIRKE), *arguments, "--json"],
            env=self.environment(self.folder / "hub", database_url=self.database, **tls, **given),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def provision(self) -> dict[str, object]:
        """Prepare broker, keys and roles; what was said."""
        done = self.command(
            "provision",
            *("--configuration", str(self.folder / "broker" / "server.conf")),
            *("--store", str(self.folder / "streams"), "--listen", f"127.0.0.1:{self.port}"),
            *("--homes", str(self.folder / "homes")),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def start_broker(self) -> None:
        """As its container does: wait for the configuration, then serve."""
        file = self.folder / "broker" / "server.conf"
        script = f"until [ -s {file} ]; do sleep 0.1; done; exec {broker.binary()} -c {file}"
        self._spawn("broker", ["/bin/sh", "-c", script], dict(os.environ))

    def start_part(self, part: str) -> None:
        home = self.folder / "homes" / part
        password = home / "credentials" / "database"
        if password.exists():
            host = self.database.rpartition("@")[2]
            given: dict[str, object] = {"database_url": f"postgresql://{self.role(part)}@{host}"}
            given |= {"database_password_file": password}
        else:
            given = {}
        self.health[part] = free_port()
        ports = {"port_health": self.health[part], "port_desk": free_port(), "port_phone": free_port()}
        command = [sys.executable, "-m", "services.runtime", part]
        self._spawn(part, command, self.environment(home, **given, **ports))

    def _spawn(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(subprocess.Popen(command, env=environment, stderr=log))

    def role(self, part: str) -> str:
        return part.partition("-")[0]

    async def is_ready(self, part: str) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"http://127.0.0.1:{self.health[part]}/healthz", timeout=2)
                return answer.status_code == 200
        return False

    def settings(self, home: Path) -> Settings:
        return Settings(
            home=home, nats_url=f"tls://localhost:{self.port}", nats_ca=self.folder / "tls" / "ca.pem"
        )


@pytest.fixture
def spread(tmp_path: Path, postgres_database: str) -> Iterator[Spread]:
    centre = tmp_path / "centre.toml"
    centre.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    for name in ("broker", "streams", *(f"homes/{part}" for part in PARTS)):
        (tmp_path / name).mkdir(parents=True)
    certificate(tmp_path / "tls", "localhost")
    hub = Spread(tmp_path, postgres_database.replace("postgresql+psycopg", "postgresql"), centre)
    try:
        hub.start_broker()
        yield hub
    finally:
        for process in hub.processes:
            process.kill()
            process.wait(10)
        _drop_roles(hub)


def _drop_roles(hub: Spread) -> None:
    """Roles belong to the whole server, which other tests use too."""
    with psycopg.connect(hub.database, autocommit=True) as connection:
        made = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", ([*TABLES],))
        for (role,) in made.fetchall():
            connection.execute(f"DROP OWNED BY {role} CASCADE")
            connection.execute(f"DROP ROLE {role}")


async def test_each_part_serves_with_no_more_keys_and_rights_than_its_own(spread: Spread) -> None:
    said = await asyncio.to_thread(spread.provision)
    assert said["roles"] == ["feeds", "incidents", "intake", "notifications", "people", "reports"]
    for part in PARTS:
        spread.start_part(part)
    for part in PARTS:
        assert await eventually(lambda part=part: spread.is_ready(part), 60), (
            part,
            (spread.folder / f"{part}.log").read_text(),
        )
    _check_keys(spread)
    _check_tables(spread)
    await _check_report(spread)
    await _check_new_watch(spread)


def _check_keys(spread: Spread) -> None:
    """The part that faces the network holds no key that writes facts, nor the centre's."""
    held = {path.stem for path in (spread.folder / "homes" / "desk" / "credentials").glob("*.nk")}
    watches = {watch["key"] for watch in tomllib.loads(spread.centre.read_text("utf-8"))["watches"]}
    assert held == {names.DESK, names.OPS} | watches
    for part in PARTS:
        for path in (spread.folder / "homes" / part / "credentials").iterdir():
            assert path.stat().st_mode & 0o077 == 0
            assert path.stem not in (names.PROVISIONER, names.SUPERVISOR, names.CENTRE)


def _check_tables(spread: Spread) -> None:
    """A service reads its own tables, and is turned away from those of another."""
    password = (spread.folder / "homes" / "feeds" / "credentials" / "database").read_text()
    with psycopg.connect(spread.database, user="feeds", password=password, autocommit=True) as connection:
        connection.execute("SELECT count(*) FROM feeds.cursor")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM incidents.cursor")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE SCHEMA own")


async def _check_report(spread: Spread) -> None:
    applied = await asyncio.to_thread(spread.command, "centre", "apply", str(spread.centre))
    assert applied.returncode == 0, applied.stdout + applied.stderr
    report = ("report", "Vannlekkasje i Åsane", "--type", "water.leak", "--priority", "high")
    done = await asyncio.to_thread(spread.command, *report, watch="4601.vaktsentral", person="leif")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = await asyncio.to_thread(spread.command, "incidents", watch="4601.vaktsentral", person="leif")
    assert "Vannlekkasje i Åsane" in listed.stdout


async def _check_new_watch(spread: Spread) -> None:
    """The broker lets a new watch in without a restart, and the doors hear it at once."""
    desk = spread.settings(spread.folder / "homes" / "desk")
    spread.centre.write_text(spread.centre.read_text("utf-8") + NEW_WATCH, "utf-8")
    await asyncio.to_thread(spread.provision)
    nc = await connect(desk, "4627.nattvakt", patience_s=5)
    answer = await nc.request("samvirke.query.actual.4627.nattvakt.watch.duty", b"{}", timeout=5)
    assert json.loads(answer.data)["status"] == "refused"
    await nc.close()
    assert spread.processes[0].poll() is None


async def test_a_configuration_that_the_broker_would_refuse_is_not_written(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, nats_cert=tmp_path / "no.pem", nats_key=tmp_path / "no.key")
    place = apart.Place(tmp_path / "broker" / "server.conf", tmp_path / "streams", "127.0.0.1:0")
    place.configuration.parent.mkdir()
    with pytest.raises(broker.BrokerFailed):
        apart.write_configuration(settings, [("4601", "vaktsentral")], place)
    assert not place.configuration.exists()


def test_a_configuration_that_is_as_it_should_be_is_left_alone(tmp_path: Path) -> None:
    place = apart.Place(tmp_path / "server.conf", tmp_path / "streams", "127.0.0.1:0")
    settings = Settings(home=tmp_path, stream_bytes=1 << 30)
    assert apart.write_configuration(settings, [("4601", "vaktsentral")], place)
    assert not apart.write_configuration(settings, [("4601", "vaktsentral")], place)
    assert apart.write_configuration(settings, [("4601", "vaktsentral"), ("4627", "vakt")], place)


async def test_a_broker_is_told_anew_of_another_configuration_or_certificate_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    pair, port = certificate(tmp_path / "tls", "localhost"), free_port()
    settings = pair.settings(tmp_path, port, stream_bytes=1 << 30)
    place = apart.Place(tmp_path / "server.conf", tmp_path / "streams", f"127.0.0.1:{port}")
    watches = [("4601", "vaktsentral")]
    apart.write_configuration(settings, watches, place)
    child = processes.spawn(
        [broker.binary(), "-c", str(place.configuration)], {}, log=tmp_path / "server.log"
    )
    try:
        assert await apart.reload(settings, place, 20)
        assert not await apart.reload(settings, place, 20), "nobody connected need feel it"
        assert apart.write_configuration(settings, [*watches, ("4627", "vakt")], place)
        assert await apart.reload(settings, place, 20)
        apart.write_configuration(settings, watches, place)
        apart.write_configuration(settings, [*watches, ("4627", "vakt")], place)
        assert await apart.reload(settings, place, 20), (
            "who was interrupted between two changes tells it again"
        )
        certificate(tmp_path / "tls", "localhost")
        child.kill()
        child.wait()
        child = processes.spawn([broker.binary(), "-c", str(place.configuration)], {})
        assert await apart.reload(settings, place, 20)
        assert not await apart.reload(settings, place, 20)
    finally:
        await processes.stop(child, 3)


def test_a_part_loses_the_keys_that_it_no_longer_needs(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "hub", stream_bytes=1 << 30)
    settings.home.mkdir()
    (tmp_path / "homes" / "watch" / "credentials").mkdir(parents=True)
    (tmp_path / "homes" / "watch" / "credentials" / "centre.nk").write_text("old")
    place = apart.Place(tmp_path / "server.conf", tmp_path / "streams", "127.0.0.1:0")
    apart.write_configuration(settings, [("4601", "vaktsentral")], place)
    assert apart.hand_out(settings, [("4601", "vaktsentral")], tmp_path / "homes") == ["watch"]
    held = {path.name for path in (tmp_path / "homes" / "watch" / "credentials").iterdir()}
    assert held == {"watch-door.nk", "watch-ledger.nk", "ops.nk"}


def test_a_database_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """Nothing is prepared halfway: the next run finds what this one has written, and goes on."""
    (tmp_path / "homes" / "people").mkdir(parents=True)
    nobody = f"postgresql://postgres@127.0.0.1:{free_port()}/hub"
    done = subprocess.run(
        [str(SAMVIRKE), "provision", "--homes", str(tmp_path / "homes"), "--patience", "0.1", "--json"],
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("SAMVIRKE_")},
            "SAMVIRKE_HOME": str(tmp_path / "hub"),
            "SAMVIRKE_CENTRE": str(EXAMPLE),
            "SAMVIRKE_DATABASE_URL": nobody,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, "NO_DATABASE")
