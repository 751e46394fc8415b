"""What a newer JSON Schema would break for those who hold the older one."""

from typing import Any


def breaks(old: dict[str, Any], new: dict[str, Any], *, incoming: bool, path: str = "") -> list[str]:
    """Every break, as ``field: what``.

    For facts an older reader must understand what newer doors write; for ``incoming`` commands a newer door
    must understand what older senders write.
    """
    found: list[str] = []
    theirs, ours = old.get("properties", {}), new.get("properties", {})
    for name, field in theirs.items():
        where = f"{path}{name}"
        if name not in ours:
            found.append(f"{where}: gone")
            continue
        found += _field_breaks(where, field, ours[name], incoming)
    found += _need_breaks(path, old, new, incoming)
    for name, inner in old.get("$defs", {}).items():
        other = new.get("$defs", {}).get(name)
        if other is None:
            found.append(f"{path}{name}: definition gone")
        else:
            found += _words(f"{path}{name}", inner, other, incoming)
            found += breaks(inner, other, incoming=incoming, path=f"{path}{name}.")
    return found


def _field_breaks(where: str, old: dict[str, Any], new: dict[str, Any], incoming: bool) -> list[str]:
    found = [f"{where}: type"] if _types(old) != _types(new) and not _types(old) <= _types(new) else []
    if not incoming and _types(new) - _types(old):
        found = [f"{where}: type"]
    return found + _words(where, old, new, incoming)


def _words(where: str, old: dict[str, Any], new: dict[str, Any], incoming: bool) -> list[str]:
    theirs, ours = set(old.get("enum", [])), set(new.get("enum", []))
    lost = theirs - ours if incoming else ours - theirs
    kind = "word gone" if incoming else "new word"
    return [f"{where}: {kind} {word}" for word in sorted(lost)] if theirs else []


def _need_breaks(path: str, old: dict[str, Any], new: dict[str, Any], incoming: bool) -> list[str]:
    theirs, ours = set(old.get("required", [])), set(new.get("required", []))
    if incoming:
        return [f"{path}{name}: needed" for name in sorted(ours - theirs)]
    return [f"{path}{name}: optional" for name in sorted(theirs - ours)]


def _types(schema: dict[str, Any]) -> set[str]:
    choices = schema.get("anyOf", [schema])
    return {str(choice.get("type") or choice.get("$ref")) for choice in choices}
