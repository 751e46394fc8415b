"""The lines of one or many log files, merged in time order, and followed as they grow."""

import contextlib
import heapq
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from services.cli.logs_lines import Line, read_line

POLL_S = 0.25
_PIECE = 1 << 20


class Broken:
    """Counts the lines that are none of the hub's, such as one that a crash has cut short."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, raws: Iterable[bytes]) -> Iterator[Line]:
        """The lines that can be read; empty ones are passed over."""
        for raw in raws:
            line = read_line(raw)
            if line is not None:
                yield line
            elif raw.strip():
                self.count += 1


def files_in(folder: Path) -> list[Path]:
    """Every log file of a home, those before the newest among them."""
    return sorted(folder.glob("*.jsonl"))


def merged(paths: Sequence[Path], broken: Broken) -> Iterator[Line]:
    """All lines of some files by time, where each file is in order. Raises OSError for one that is away."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in paths]
        yield from heapq.merge(*(broken.read(file) for file in files), key=lambda line: line.ts)


class Follower:
    """Reads on where files grow; takes up new files, and a renamed one under its new name.

    A file is known by its place on the disk, so that rotation neither loses a line nor shows one twice.
    """

    def __init__(self, paths: Sequence[Path], folder: Path | None, broken: Broken) -> None:
        self._paths = paths
        self._folder = folder
        self._broken = broken
        self._open: dict[tuple[int, int], _Growing] = {}

    def read(self) -> list[Line]:
        """What has come since the last time, in time order."""
        for path in self._named():
            with contextlib.suppress(FileNotFoundError):
                self._take_up(path)
        lines = [line for growing in self._open.values() for line in self._broken.read(growing.read())]
        self._drop(place for place, growing in self._open.items() if growing.is_gone)
        return sorted(lines, key=lambda line: line.ts)

    def close(self) -> None:
        """Let go of every file."""
        self._drop(self._open)

    def follow(self) -> Iterator[Line]:
        """What comes from now on, for ever."""
        while True:
            yield from self.read()
            time.sleep(POLL_S)

    def _drop(self, places: Iterable[tuple[int, int]]) -> None:
        for place in list(places):
            self._open.pop(place).close()

    def _named(self) -> Iterable[Path]:
        return self._paths if self._folder is None else files_in(self._folder)

    def _take_up(self, path: Path) -> None:
        found = path.stat()
        place = (found.st_dev, found.st_ino)
        if place not in self._open:
            self._open[place] = _Growing(path.open("rb"))


class _Growing:
    """A file that somebody writes to; a line is given once it is whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""
        self._at = 0

    @property
    def is_gone(self) -> bool:
        """True once the file has no name any more."""
        return os.fstat(self._file.fileno()).st_nlink == 0

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def read(self) -> Iterator[bytes]:
        """The lines that have become whole; from the beginning again if the file was emptied."""
        if self._file.seek(0, 2) < self._at:
            self._rest, self._at = b"", 0
        self._file.seek(self._at)
        while piece := self._file.read(_PIECE):
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._at = self._file.tell()
            yield from lines
