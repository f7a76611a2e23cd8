"""What a database holds, as one hash: worked out once for one content, however often tests ask if it has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from erp_mcp.demo import tables

_KNOWN: Final[dict[bytes, str]] = {}
_MOST: Final = 256


def dump_hash(path: Path) -> str:
    """Return `erp_mcp.demo.tables.dump_hash` of a database file.

    Files of the same bytes hold the same rows, as long as no log or journal beside them says more.
    """
    if any(path.with_name(path.name + side).exists() for side in ("-journal", "-wal")):
        return tables.dump_hash(path)
    content = hashlib.sha256(path.read_bytes()).digest()
    if content not in _KNOWN:
        if len(_KNOWN) >= _MOST:
            _KNOWN.clear()
        _KNOWN[content] = tables.dump_hash(path)
    return _KNOWN[content]
