"""Areas as other programs write them (GeoJSON, RFC 7946), and as the log keeps them."""

from typing import Any


def corners(said: Any) -> list[str]:
    """The corners "latitude,longitude" of a GeoJSON polygon or of a feature that is one, in degrees.

    Only the outer ring counts; its last position repeats the first and is left out. Raises ValueError.
    """
    found = said.get("geometry") if isinstance(said, dict) and said.get("type") == "Feature" else said
    if not isinstance(found, dict) or found.get("type") != "Polygon":
        raise ValueError("the area is no GeoJSON polygon")
    try:
        ring = [(float(position[1]), float(position[0])) for position in found["coordinates"][0]]
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        raise ValueError("the polygon has no ring of positions") from None
    if any(not (-90 <= latitude <= 90 and -180 <= longitude <= 180) for latitude, longitude in ring):
        raise ValueError("a position is not on the earth")
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring = ring[:-1]
    return [f"{latitude:.6f},{longitude:.6f}" for latitude, longitude in ring]
