"""The differences that a page of the documentation names with their reasons; all others are mistakes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[3]
_BEGIN, _END = "<!-- same-firm:begin -->", "<!-- same-firm:end -->"
_ROW: Final = re.compile(r"^\| (?P<places>`[^|]+`) \| (?P<reason>[^|]+) \|$")
_INDEX: Final = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class Documented:
    """Patterns of places (`purchase_order_line.confirmed`, `lot.*`) with the reason that stands beside them.

    `used` collects what has explained something, so that a row that no longer explains anything can be found.
    """

    reasons: Mapping[str, str]
    used: set[str] = field(default_factory=set)

    def reason(self, place: str) -> str:
        """Return why something differs at a place, empty where the page does not say."""
        for pattern, reason in self.reasons.items():
            if fnmatchcase(place, pattern):
                self.used.add(pattern)
                return reason
        return ""

    @property
    def unused(self) -> set[str]:
        """What has explained nothing."""
        return self.reasons.keys() - self.used


def documented(page: str) -> Documented:
    """Read the table between the marks of a page of `docs/`."""
    text = (_ROOT / "docs" / page).read_text(encoding="utf-8")
    table = text.split(_BEGIN)[1].split(_END)[0]
    found = [match for line in table.splitlines() if (match := _ROW.match(line))]
    return Documented(
        {place.strip("` "): match["reason"].strip() for match in found for place in match["places"].split(",")}
    )


def place_of(difference: str) -> str:
    """Return where an answer differs: `get_stock.stock.qty`, `get_stock.stock.rows`, `get_stock.complete`."""
    head, _, rest = _INDEX.sub("", difference).partition(":")
    if re.match(r" \d+ rows instead of ", rest):
        return f"{head}.rows"
    name, colon, _ = rest.strip().partition(":")
    return f"{head}.{name}" if colon and re.fullmatch(r"[a-z_]+", name) else head
