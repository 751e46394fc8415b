"""Sign-in links: the address that holds a one-time secret, and the file of the example's links."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from services.runtime.settings import Settings

LINKS = "links.txt"


def desk_address(settings: "Settings") -> str:
    """Where people and machines reach the desk and its API."""
    return settings.public_desk_url.rstrip("/") or f"{settings.web}://{settings.host}:{settings.port_desk}"


def link_to(settings: "Settings", path: str) -> str:
    """The address of a sign-in; ``path`` holds the secret, as the hub answered it."""
    return f"{desk_address(settings)}{path}"


def write_links(settings: "Settings", lines: list[str]) -> "Path":
    """Keep sign-in links where only the owner of the hub's home can read them; the path."""
    from services.runtime.credentials import write_durably

    path = settings.credentials / LINKS
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(path, "".join(f"{line}\n" for line in lines).encode("utf-8"))
    return path
