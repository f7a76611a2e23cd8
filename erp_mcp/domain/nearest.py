"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 64  # of a name that is compared; the work grows with its square


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the known name most like `name`, empty when none is like it.

    Args:
        name: What was given; untrusted, so only its beginning is looked at.
        known: Names that may be told to whoever asks.
        cutoff: How alike they must be, 0 to 1.
    """
    from difflib import get_close_matches  # only after a mistake

    close = get_close_matches(name[:_LONGEST], list(known), n=1, cutoff=cutoff)
    return close[0] if close else ""
