"""What a system's address points to, as its traffic is counted by it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_USUAL_PORTS: Final = {"http": 80, "https": 443}


def where_to(url: str) -> str:
    """Return what an address points to: no credentials, no query, one spelling; empty for one that can't be read.

    A system whose address is corrected is another one for its breaker: nothing is known of it yet.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _USUAL_PORTS.get(parts.scheme)
    except ValueError:
        return ""  # whoever opens it says what is wrong with it
    host = f"{parts.hostname or ''}{f':{port}' if port else ''}"
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
