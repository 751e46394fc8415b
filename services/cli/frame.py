"""What every verb shares: its common options, how it answers, and its exit code."""

import inspect
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from schemas.vocabulary import Mode

if TYPE_CHECKING:
    from schemas.envelope import Actor
    from services.runtime.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


class Exit(IntEnum):
    """Exit codes; the same for every verb."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    KEPT = 3
    USAGE = 64


class Usage(Exception):
    """The verb was called in a way that it does not know; the text says how."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verb's answer: ``data`` for ``--json``, ``lines`` for people."""

    data: dict[str, Any] = field(default_factory=dict)
    lines: Iterable[str] = ()
    code: Exit = Exit.DONE


@dataclass(frozen=True, slots=True)
class Call:
    """The common options of one call."""

    as_json: bool = False
    lang: str | None = None
    home: Path | None = None
    watch: str | None = None
    person: str | None = None
    mode: Mode = Mode.ACTUAL

    def settings(self, **given: Any) -> "Settings":
        """The settings as this call sees them."""
        from services.runtime.settings import Settings

        home = {} if self.home is None else {"home": self.home}
        return Settings(**(home | given))

    @property
    def key(self) -> str:
        """The key of the watch that acts. Raises Usage if none is named, BadToken if it is no key."""
        from schemas.subjects import split_key

        if not self.watch:
            raise Usage("name the watch with --watch or SAMVIRKE_WATCH, such as 4601.vaktsentral")
        return ".".join(split_key(self.watch))

    @property
    def organisation(self) -> str:
        """The organisation of the watch that acts."""
        return self.key.partition(".")[0]

    def actor(self) -> "Actor":
        """Who acts: the person named, from the watch whose credential is used."""
        from schemas.envelope import Actor
        from schemas.subjects import split_key
        from schemas.vocabulary import Authentication
        from services.cli.names import person_id

        org, watch = split_key(self.key)
        return Actor(
            person=person_id(self.settings(), self.person) if self.person else None,
            machine=None if self.person else "cli",
            organisation=org,
            watch=watch,
            via="cli",
            authentication=Authentication.CREDENTIAL,
        )


_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Characters that turn the direction of what follows: in a terminal they could make a line read otherwise."""

_COMMON: dict[str, tuple[Any, Any]] = {
    "as_json": (Annotated[bool, typer.Option("--json", help="Answer in JSON.")], False),
    "lang": (
        Annotated[
            str | None, typer.Option(help="nb, nn or en; else as SAMVIRKE_LANG or LANG says.", metavar="LANG")
        ],
        None,
    ),
    "home": (
        Annotated[Path | None, typer.Option(envvar="SAMVIRKE_HOME", help="Folder of the hub's state.")],
        None,
    ),
}
_ACTING: dict[str, tuple[Any, Any]] = {
    "watch": (
        Annotated[str | None, typer.Option(envvar="SAMVIRKE_WATCH", help="The watch that acts.")],
        None,
    ),
    "person": (
        Annotated[
            str | None, typer.Option(envvar="SAMVIRKE_PERSON", help="Who acts: id, or key in the file.")
        ],
        None,
    ),
    "mode": (
        Annotated[Mode, typer.Option(envvar="SAMVIRKE_MODE", help="Real, or an exercise.")],
        Mode.ACTUAL,
    ),
}


def verb(
    app: typer.Typer, name: str, *examples: str, acting: bool = False, **settings: Any
) -> Callable[[F], F]:
    """Register a verb: a function of a Call and its own options that gives an Outcome; it may be async.

    ``examples`` end its help. ``acting`` adds the options that say who acts, in which mode.
    """

    def register(function: F) -> F:
        run = _runner(function, _COMMON | (_ACTING if acting else {}))
        text = inspect.cleandoc(function.__doc__ or "")
        shown = "".join(f"\n  {example}" for example in examples)
        app.command(name, help=f"{text}\n\n\b\nExamples:{shown}" if examples else text, **settings)(run)
        return function

    return register


def bare(app: typer.Typer) -> Callable[[F], F]:
    """Register what a group of verbs does when none of them is named."""

    def register(function: F) -> F:
        run = _runner(function, _COMMON | _ACTING)

        def alone(context: typer.Context, **given: Any) -> int:
            return run(**given) if context.invoked_subcommand is None else int(Exit.DONE)

        known = inspect.signature(run)
        first = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        _sign(alone, [first, *known.parameters.values()])
        app.callback(invoke_without_command=True)(alone)
        return function

    return register


def _sign(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    """Let the program see these parameters."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _runner(function: Callable[..., Any], common: dict[str, tuple[Any, Any]]) -> Callable[..., int]:
    def run(**given: Any) -> int:
        call = Call(**{key: given.pop(key) for key in common})
        try:
            _check_texts(given.values())
            outcome = _finished(function(call, **given))
        except Exception as error:
            from services.cli.failures import explain

            outcome = explain(call, error)
        return answer(call, outcome)

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared = [
        inspect.Parameter(key, keyword, annotation=annotation, default=default)
        for key, (annotation, default) in common.items()
    ]
    _sign(run, [*(parameter.replace(kind=keyword) for parameter in own), *shared])
    return run


def _check_texts(given: Iterable[Any]) -> None:
    """Raises Usage for a text that the terminal has written in another way than it says."""
    for value in given:
        texts = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(text, str) and any("\ud800" <= one <= "\udfff" for one in text) for text in texts):
            raise Usage("a text is not in UTF-8: let the terminal write UTF-8, and LANG end in .UTF-8")


def _finished(result: Any) -> Outcome:
    if inspect.iscoroutine(result):
        import asyncio

        result = asyncio.run(result)
    return result if isinstance(result, Outcome) else Outcome()


def answer(call: Call, outcome: Outcome) -> int:
    """Write the outcome: JSON and what was done to standard output, what went wrong to standard error."""
    if call.as_json and outcome.data:
        sys.stdout.write(json.dumps(outcome.data, ensure_ascii=False, default=str) + "\n")
    elif not call.as_json:
        stream = sys.stdout if outcome.code in (Exit.DONE, Exit.KEPT) else sys.stderr
        stream.writelines(f"{line.translate(_TURNS)}\n" for line in outcome.lines)
    return int(outcome.code)


def table(rows: Iterable[tuple[object, ...]]) -> list[str]:
    """Rows as lines with columns below each other; None is a dash."""
    written = [tuple("–" if cell is None else str(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*written, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in written
    ]
