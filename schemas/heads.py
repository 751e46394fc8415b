"""What the archive tells the feeds: each organisation's blinded head, for its neighbours to keep."""

from schemas.envelope import Tolerant


class BlindedHeads(Tolerant):
    """The heads of one round, in hexadecimal by organisation; ``at`` is in seconds since 1970."""

    at: int
    heads: dict[str, str]
