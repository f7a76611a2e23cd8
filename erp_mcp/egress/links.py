"""Links that a system gives to its next page: followed to our own address only, and only below where we started."""

from __future__ import annotations

import re
from typing import Final

import httpx2

from erp_mcp.egress.origin import Origin
from erp_mcp.errors import DestinationNotAllowedError

_MAX_LINK: Final = 8_000
# dots that climb, and separators that one side reads and the other doesn't, encoded once or twice
_CLIMBS: Final = re.compile(r"(?:^|/)\.{1,2}(?:[/;]|$)|//|\\|%(?:25)*(?:2[ef]|5c|00)", re.IGNORECASE)
_UNPRINTED: Final = re.compile(r"[\x00-\x20\x7f-\xa0]")


def next_link(url: str, link: str, *, prefix: str, rewrite: bool = False, system: str = "") -> str:
    """Return the address of a next page that a system named, on our own origin and below `prefix`.

    Args:
        url: What was asked; a relative link is relative to it.
        link: What the system gave; nothing of it is trusted.
        prefix: Path that the link must stay below, such as `/odata/v4/buying/`.
        rewrite: Take path and query from a link that names another host, and ask our own host for them: for a system
            that doesn't know the name by which we reach it. No other host is ever contacted.
        system: Name for the error.

    Raises:
        DestinationNotAllowedError: `adapter.not_allowed`, for every other link.
    """
    ours = Origin.of(url)
    if ours is None or not link or len(link) > _MAX_LINK or _UNPRINTED.search(link):
        raise DestinationNotAllowedError(system=system, reason="next link")
    try:
        target = httpx2.URL(url).join(link)
        path = target.raw_path.decode("ascii").partition("?")[0]
    except (httpx2.InvalidURL, ValueError):
        raise DestinationNotAllowedError(system=system, reason="next link") from None
    theirs = Origin.of(str(target))
    if theirs is None or (theirs != ours and not rewrite):
        raise DestinationNotAllowedError(system=system, reason="next link to another host")
    if _CLIMBS.search(link.partition("?")[0].partition("://")[2] or link.partition("?")[0]) or not _below(path, prefix):
        raise DestinationNotAllowedError(system=system, reason="next link outside of what was asked")
    return str(httpx2.URL(url).copy_with(raw_path=target.raw_path, fragment=None))


def _below(path: str, prefix: str) -> bool:
    if _CLIMBS.search(path):
        return False
    return path == prefix.rstrip("/") or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")
