"""The text of a centre file: its values, and the line on which each of them stands."""

import json
import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 2 * 1024 * 1024
Place = tuple[int | str, ...]
"""The way to a value: ("watches", 3, "policy")."""

_TOML_HEADER = re.compile(r"\s*\[\[?\s*([a-z_]+)\s*\]\]?\s*(#.*)?$")
_TOML_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the file: a code, where it is, its line if known, and the reason in words."""

    code: str
    where: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.where}: {self.reason} [{self.code}]"


class CentreRefused(Exception):
    """The centre file cannot be used; ``problems`` says all that is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class CentreText:
    """A file's values, its lines, and the line (from 1) on which each section's items begin."""

    values: Any
    lines: tuple[str, ...]
    starts: dict[tuple[str, int], int]

    def as_json(self) -> str:
        """The values as JSON; times become RFC 3339 text."""
        return json.dumps(_plain(self.values))

    def where(self, place: Place) -> str:
        """The way to a value in words: ``watches[3].policy``."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")

    def line(self, place: Place) -> int | None:
        """The line of the value, or of the item it belongs to; None if that is not known."""
        index = next((part for part in place if isinstance(part, int)), 0)
        start = self.starts.get((str(place[0]), index)) if place else None
        if start is None:
            return None
        later = [line for line in self.starts.values() if line > start]
        end = min(later, default=len(self.lines) + 1)
        field = next((part for part in place[1:] if isinstance(part, str)), None)
        key = re.compile(rf"[\s-]*{re.escape(field)}\s*[=:]") if field else None
        fits = (number for number in range(start, end) if key and key.match(self.lines[number - 1]))
        return next(fits, start)


def read(path: Path) -> CentreText:
    """The text of the file. Raises CentreRefused if it is absent, too large, or not TOML or YAML."""
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except OSError as error:
        raise _refusal("NO_FILE", path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _refusal("NOT_UTF8", path, "is not UTF-8") from None
    if len(raw) > MAX_BYTES:
        raise _refusal("TOO_LARGE", path, f"is larger than {MAX_BYTES} bytes")
    reader = {".toml": _toml, ".yaml": _yaml, ".yml": _yaml}.get(path.suffix)
    if reader is None:
        raise _refusal("FORMAT_UNKNOWN", path, "does not end in .toml, .yaml or .yml")
    return reader(path, text)


def _toml(path: Path, text: str) -> CentreText:
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _TOML_LINE.search(str(error))
        raise _refusal("NOT_TOML", path, str(error), int(found[1]) if found else None) from None
    lines = tuple(text.split("\n"))
    starts: dict[tuple[str, int], int] = {}
    count: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if header := _TOML_HEADER.match(line):
            starts[header[1], count.setdefault(header[1], 0)] = number
            count[header[1]] += 1
    return CentreText(values, lines, starts)


def _yaml(path: Path, text: str) -> CentreText:
    try:
        values = yaml.load(text, _UniqueKeys)  # noqa: S506 - a SafeLoader
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "is not YAML"
        raise _refusal("NOT_YAML", path, reason, mark.line + 1 if mark else None) from None
    starts: dict[tuple[str, int], int] = {}
    for key, section in root.value if isinstance(root, yaml.MappingNode) else ():
        items = section.value if isinstance(section, yaml.SequenceNode) else [section]
        starts |= {(key.value, index): item.start_mark.line + 1 for index, item in enumerate(items)}
    return CentreText(values, tuple(text.split("\n")), starts)


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, and aliases, which could blow up."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping, if its keys differ."""
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The node, if it is no alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not used here", self.get_mark())
        return super().compose_node(parent, index)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _refusal(code: str, path: Path, reason: str, line: int | None = None) -> CentreRefused:
    return CentreRefused([Problem(code, path.name, line, reason)])
