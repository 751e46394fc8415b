"""What it takes to run containers on one machine: podman, a base image, and the images built on it."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "containers"
HERE = Path(__file__).parent

BASE = "localhost/samvirke-base:bookworm"
HUB = "localhost/samvirke:test"
POSTGRES = "localhost/samvirke-postgres:test"

_PROGRAMS = ("podman", "buildah", "runc", "debootstrap", "iptables", "openssl")
_HELPERS = (Path("/usr/lib/podman/aardvark-dns"), Path("/usr/lib/podman/netavark"))
"""Without them podman runs by another backend, and no container finds another by its name."""
_PACKAGES = (*_PROGRAMS, *(helper.name for helper in _HELPERS), "ca-certificates")
_BASE_PACKAGES = "python3,python3-venv,ca-certificates"
_CONF = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
[network]
network_backend = "netavark"
"""
_PIP = "[global]\nno-index = true\nfind-links = /wheels\n"


class Absent(Exception):
    """Containers cannot be run on this machine; the text says why."""


class Failed(Exception):
    """A program ended with a fault; the text is what it said."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"containers: {text}", flush=True)


def run(
    *command: str | Path,
    patience_s: float = 600,
    variables: Mapping[str, str] = MappingProxyType({}),
    codes: Sequence[int] = (0,),
    with_errors: bool = False,
) -> str:
    """Standard output of a program, ``with_errors`` what it wrote to standard error as well.

    Raises Failed with all that it said when its exit code is another.
    """
    env = os.environ | {"CONTAINERS_CONF": str(FOLDER / "containers.conf")} | dict(variables)
    arguments = [str(part) for part in command]
    errors = subprocess.STDOUT if with_errors else subprocess.PIPE
    done = subprocess.run(
        arguments, env=env, stdout=subprocess.PIPE, stderr=errors, text=True, check=False, timeout=patience_s
    )
    if done.returncode not in codes:
        said = f"{done.stdout[-4000:]}\n{(done.stderr or '')[-4000:]}"
        raise Failed(f"{' '.join(arguments)} gave {done.returncode}:\n{said}")
    return done.stdout


def prepare() -> None:
    """Return when podman, podman-compose and the three images are there. Raises Absent or Failed."""
    _need_programs()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "containers.conf").write_text(_CONF)
    _need_compose()
    _need_base()
    _fetch_packages()
    _build_hub()
    context = HERE / "postgres"
    run("podman", "build", "--network", "host", "--build-arg", f"BASE={BASE}", "-t", POSTGRES, context)


def remove_images() -> None:
    """Take away what `prepare` made."""
    run("podman", "rmi", "--force", HUB, POSTGRES)
    run("podman", "image", "prune", "--force", "--filter", "label=org.opencontainers.image.title=samvirke")
    run("podman", "rmi", "--force", BASE)
    shutil.rmtree(FOLDER)


def compose() -> Sequence[str | Path]:
    """The command that podman-compose is called by."""
    return (sys.executable, FOLDER / "compose" / "podman_compose.py")


def _need_programs() -> None:
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise Absent("they need root on Linux")
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    missing += [helper.name for helper in _HELPERS if not helper.exists()]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise Absent(f"{', '.join(missing)} not installed, and there is no apt-get")
    say(f"installing {', '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run("apt-get", "update", "-qq", variables=quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES, variables=quiet)
    except Failed as fault:
        raise Absent(f"{', '.join(missing)} cannot be installed: {fault}") from None


def _need_compose() -> None:
    if not (FOLDER / "compose" / "podman_compose.py").exists():
        say("installing podman-compose")
        lock = HERE / "requirements.lock"
        run(
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--require-hashes",
            "-r",
            lock,
            "-t",
            FOLDER / "compose",
        )


def _need_base() -> None:
    """Debian as debootstrap makes it, with Python: it stands in for the official image of Python."""
    try:
        run("podman", "image", "exists", BASE)
        return
    except Failed:
        say("making the base image")
    root = FOLDER / "rootfs"
    shutil.rmtree(root, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={_BASE_PACKAGES}", "bookworm", root)
    archive = FOLDER / "rootfs.tar"
    run("tar", "-C", root, "-cf", archive, ".")
    run("podman", "import", archive, BASE)
    archive.unlink()
    shutil.rmtree(root)


def _fetch_packages() -> None:
    """The pinned packages, fetched here: the build itself then needs no network and no index."""
    wheels = FOLDER / "wheels"
    download = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels)
    python = ("--python-version", "3.11", "--only-binary", ":all:", "--no-binary", "nkeys")
    say("fetching the pinned packages")
    shutil.rmtree(wheels, ignore_errors=True)
    run(*download, *python, "--require-hashes", "-r", ROOT / "requirements.lock")
    run(*download, "setuptools>=68", "wheel")  # nkeys comes as source, and is built by them
    (FOLDER / "pip.conf").write_text(_PIP)


def _build_hub() -> None:
    say("building the image")
    run(
        *("podman", "build", "--format", "docker", "-f", ROOT / "deploy" / "Dockerfile", "-t", HUB),
        *("--build-arg", f"BASE={BASE}", "--secret", f"id=pip,src={FOLDER / 'pip.conf'}"),
        *("--network", "none", "--volume", f"{FOLDER / 'wheels'}:/wheels:ro", ROOT),
    )
