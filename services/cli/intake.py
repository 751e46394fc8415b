"""The verb that takes in an official warning by hand: intake."""

import sys
from typing import Annotated

import typer

from services.cli.attaching import require_file
from services.cli.frame import Call, Outcome, verb
from services.cli.sending import send

MOST_BYTES = 2 * 1024 * 1024


async def intake(
    call: Call,
    file: Annotated[
        str, typer.Argument(help="A CAP 1.2 message, or an answer from MET or NVE; - reads standard input.")
    ],
) -> Outcome:
    """Take in an official warning, exactly as it was sent."""
    import base64
    from pathlib import Path

    from schemas.canonical import digest
    from schemas.warnings import TakeIn
    from services.cli.failures import refused

    if file != "-":
        require_file(Path(file))
    raw = sys.stdin.buffer.read(MOST_BYTES + 1) if file == "-" else Path(file).read_bytes()  # noqa: ASYNC240
    if len(raw) > MOST_BYTES:
        return refused(call, "TOO_LARGE", {"limit": MOST_BYTES})
    request = TakeIn(raw=base64.b64encode(raw).decode("ascii"), digest=digest(raw))
    return await send(call, request, done="The warning is taken in.")


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    verb(app, "intake", "samvirke intake wind.cap", "curl -s $ADDRESS | samvirke intake -", acting=True)(
        intake
    )
