"""The lines of an export that can be proved: facts, and what binds them to a signed checkpoint.

Pure. ``facts.jsonl`` holds a line for each fact, those of one log in the order of their leaves;
``proofs.jsonl`` holds a line for each log. docs/evidence.md describes both for whoever checks them with other
tools. `services.incidents.evidence_check` reads them.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from services.incidents.tree import Edge, Node, Span, gaps, leaf_hash

FACTS, PROOFS, CHECKPOINTS = "facts.jsonl", "proofs.jsonl", "checkpoints.jsonl"
BLOCK = 64
"""So many leaves have a hash of their own in a proof: it narrows down where a difference lies."""
SALT_BYTES = 32


def fact_line(
    log: str, leaf: int, raw: bytes, sealed: bytes | None = None, withheld: str | None = None
) -> bytes:
    """A fact with its content, as one line without its newline.

    ``raw`` and ``sealed`` are the exact bytes of fact and content; ``withheld`` is the ground on which
    content that is there is left out of this export. Content that was erased or is missing has neither.
    """
    line: dict[str, Any] = {"log": log, "leaf": leaf, "hash": _text(leaf_hash(raw))}
    _put(line, "fact", raw)
    if withheld is not None:
        line["withheld"] = withheld
    elif sealed is not None:
        line["salt"] = _text(sealed[:SALT_BYTES])
        _put(line, "content", sealed[SALT_BYTES:])
    return orjson.dumps(line)


def spans_of(leaves: Sequence[int]) -> list[Span]:
    """Ascending leaves as spans without gaps."""
    found: list[Span] = []
    for leaf in leaves:
        if found and found[-1][1] == leaf:
            found[-1] = (found[-1][0], leaf + 1)
        else:
            found.append((leaf, leaf + 1))
    return found


def proof_line(
    log: str, note: str, size: int, leaves: Sequence[int], hash_of: Callable[[Node], bytes]
) -> bytes:
    """What binds the exported leaves of a log to its checkpoint, as one line without its newline.

    ``leaves`` ascend; ``hash_of`` gives the hash of any full node of the tree, leaves among them.
    """
    spans = spans_of(leaves)
    line = {
        "log": log,
        "checkpoint": note,
        "leaves": spans,
        "hashes": [_text(hash_of(node)) for node in gaps(spans, size)],
        "blocks": [_text(hash) for hash in block_hashes(spans, hash_of)],
    }
    return orjson.dumps(line)


def blocks_of(spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """The parts of the spans that lie in one block each: its number, and the leaves."""
    for begin, end in spans:
        while begin < end:
            number = begin // BLOCK
            stop = min(end, (number + 1) * BLOCK)
            yield number, (begin, stop)
            begin = stop


def block_hashes(spans: Sequence[Span], hash_of: Callable[[Node], bytes]) -> Iterator[bytes]:
    """A hash over the leaves of each part: where it differs lies the first difference."""
    for _, (begin, end) in blocks_of(spans):
        yield part_hash(hash_of((0, leaf)) for leaf in range(begin, end))


def part_hash(hashes: Iterator[bytes]) -> bytes:
    """The root of a tree of these leaves alone."""
    edge = Edge()
    for hash in hashes:
        edge.append(hash)
    return edge.root()


def checkpoint_line(note: str) -> bytes:
    """An earlier checkpoint of a log, as one line without its newline."""
    return orjson.dumps({"checkpoint": note})


def raw_of(line: dict[str, Any], name: str) -> bytes:
    """The exact bytes under a name. Raises KeyError, TypeError, ValueError."""
    text = line.get(name)
    if text is not None:
        found: bytes = text.encode()
        return found
    return base64.b64decode(line[f"{name}_base64"], validate=True)


def _put(line: dict[str, Any], name: str, raw: bytes) -> None:
    """Bytes as text where they are text, so that people can read them; else in base64."""
    try:
        line[name] = raw.decode("utf-8")
    except UnicodeDecodeError:
        line[f"{name}_base64"] = _text(raw)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
