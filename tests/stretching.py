"""To stretch a passphrase takes a quarter of a second of a core and 64 MiB: here it is done once for each that is used.

What comes out is the product's own, so a wrong passphrase opens nothing here either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final
from unittest import mock

from erp_mcp.approval import keys

_ONCE: Final = lru_cache(maxsize=1024)(keys._stretched)


@contextmanager
def stretched_once() -> Iterator[None]:
    """Remember, for as long as this process lives, what each passphrase with its salt was stretched to."""
    with mock.patch.object(keys, "_stretched", _ONCE):
        yield
