"""The files by which the hub is deployed: image, compose file, units, and what catalogues are told."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.provisioning import TABLES
from services.runtime.apart import users_of
from services.runtime.connect import seed_file
from services.runtime.settings import Settings, every_setting
from services.runtime.worker import PARTS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
TLS: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.tls.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
PUBLIC: dict[str, Any] = yaml.safe_load((ROOT / "publiccode.yml").read_text("utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SERVICES: dict[str, Any] = COMPOSE["services"]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def test_each_part_is_a_service_of_its_own_with_a_home_of_its_own() -> None:
    for part in PARTS:
        service = SERVICES[part]
        assert service["command"] == ["run", part]
        assert f"{part}:/var/lib/samvirke" in service["volumes"]
        assert f"{part}:/homes/{part}" in SERVICES["provisioner"]["volumes"]
        assert re.search(rf"for part in [a-z -]*\b{part}\b[a-z -]*; do", DOCKERFILE)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_may_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] in ("unless-stopped", "on-failure", "no")
    assert "privileged" not in service
    assert "healthcheck" in service


def test_only_desk_and_phone_page_are_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"desk", "notifications"}
    for ports in published.values():
        assert all(port.startswith("${SAMVIRKE_PUBLISH:-127.0.0.1}:") for port in ports)


def test_only_who_has_tables_reaches_the_database() -> None:
    reaching = {name for name, service in SERVICES.items() if "data" in service["networks"]}
    assert reaching == {*TABLES.values(), "postgres", "provisioner", "centre", "cli"}
    for service, part in TABLES.items():
        url = SERVICES[part]["environment"]["SAMVIRKE_DATABASE_URL"]
        assert url == f"postgresql://{service}@postgres/samvirke"


def test_every_secret_comes_from_a_file() -> None:
    secret = {setting.variable for setting in every_setting() if setting.secret} - {"SAMVIRKE_DATABASE_URL"}
    for service in SERVICES.values():
        assert secret.isdisjoint(service.get("environment", {}))
    assert all("file" in one for one in (*COMPOSE["secrets"].values(), *TLS["secrets"].values()))


def test_the_compose_files_name_settings_that_exist() -> None:
    known = {setting.variable for setting in every_setting()}
    for service in (*SERVICES.values(), *TLS["services"].values()):
        named = {key.removesuffix("_FILE") for key in service.get("environment", {})}
        assert {key for key in named if key.startswith("SAMVIRKE_")} <= known


def test_with_tls_every_client_of_the_broker_knows_its_authority() -> None:
    for name in ("provisioner", "centre", "cli", *PARTS):
        found = TLS["services"][name]
        assert found["environment"]["SAMVIRKE_NATS_URL"].startswith("tls://")
        assert "nats_ca" in found["secrets"]


def test_the_image_runs_as_a_user_without_rights_and_holds_no_builder() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in last
    assert "\nHEALTHCHECK " in last
    assert not re.search(r"\b(gcc|build-essential|apt-get|pip install)\b", last)
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert f"ARG VERSION={PROJECT['version']}\n" in last


def test_a_part_gets_the_key_of_no_one_who_makes_streams_or_reads_the_server(tmp_path: Path) -> None:
    for part in PARTS:
        users = users_of(part, [("4601", "vaktsentral")])
        assert users
        assert {"provisioner", "supervisor", "centre"}.isdisjoint(users)
        assert len({seed_file(Settings(home=tmp_path), user) for user in users}) == len(users)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_valid_and_hardened(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text("utf-8")
    for line in (
        "Type=notify",
        "WatchdogSec=30",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "SystemCallFilter=@system-service",
        "User=samvirke",
        "Restart=always",
    ):
        assert f"\n{line}\n" in text, line
    _verify(text, tmp_path / unit.name.replace("@", "@desk"))


def _verify(text: str, unit: Path) -> None:
    """Let systemd judge the unit, where it is installed; the program need not be."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return
    unit.write_text(text.replace("/opt/samvirke/bin/samvirke", "/bin/true"), "utf-8")
    judged = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr
    assert unit.name not in judged.stderr, judged.stderr


def test_the_units_run_verbs_and_settings_that_exist() -> None:
    known = {setting.variable for setting in every_setting()} | {"SAMVIRKE_CONFIG"}
    for unit in UNITS:
        text = unit.read_text("utf-8")
        assert re.search(r"^ExecStart=/opt/samvirke/bin/samvirke (up|run %i)$", text, re.MULTILINE)
        assert {name.removesuffix("_FILE") for name in re.findall(r"SAMVIRKE_[A-Z_]+", text)} <= known


def test_what_is_said_to_catalogues_is_complete() -> None:
    assert PUBLIC["publiccodeYmlVersion"] == "0"
    assert PUBLIC["developmentStatus"] in ("concept", "development", "beta", "stable", "obsolete")
    assert PUBLIC["softwareType"] == "standalone/web"
    assert PUBLIC["maintenance"]["type"] == "community"
    assert PUBLIC["maintenance"]["contacts"]
    assert PUBLIC["url"].startswith("https://")
    assert PUBLIC["platforms"]
    for text in PUBLIC["description"].values():
        assert len(text["shortDescription"]) <= 150
        assert 150 <= len(text["longDescription"]) <= 10_000
        assert all(len(feature) <= 100 for feature in text["features"])


def test_what_is_said_to_catalogues_is_true() -> None:
    translated = {path.parts[-3] for path in ROOT.glob("services/*/locale/*/LC_MESSAGES/*.po")}
    assert PUBLIC["name"] == PROJECT["name"]
    assert PUBLIC["softwareVersion"] == PROJECT["version"]
    assert PUBLIC["legal"]["license"] == PROJECT["license"]
    assert set(PUBLIC["localisation"]["availableLanguages"]) >= translated
    assert set(PUBLIC["description"]) <= set(PUBLIC["localisation"]["availableLanguages"])
