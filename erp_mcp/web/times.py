"""Times for people: how far away, and when in the plant's zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from erp_mcp.domain.instants import parse_instant


def until(instant: str, now: datetime) -> str:
    """Return how far an instant is from now, in words."""
    try:
        seconds = abs(int((now - parse_instant(instant)).total_seconds()))
    except ValueError:
        return "?"
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} days"


def local(instant: str, zone: ZoneInfo) -> str:
    """Return an instant in a zone, to the minute, with the zone's short name; what is no instant stays as it is."""
    try:
        return parse_instant(instant).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    except ValueError:
        return instant
