"""What can't be the same, and why: all else that differs is a mistake."""

from __future__ import annotations

import re
from typing import Final

# A pattern of what differs (`entity.field`, or the text of a difference in an answer) → why.
_REASONS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"^purchase_order_line\.promise_changed_at$"),
        "S/4HANA does not keep when a promise was changed; answers take it from the supplier's confirmations",
    ),
    (
        re.compile(r"^get_purchase_order(: (gaps|warnings): |\.lines\[\d+\]\.).*promise_changed_at"),
        "S/4HANA does not keep when a promise was changed; the answer names that it can't tell",
    ),
    (
        re.compile(r"^unit_conversion\.more rows$"),
        "S/4HANA lists a product's base unit as one of its units, 1 to 1",
    ),
)


def explained(text: str) -> str:
    """Return why something differs, empty where nothing explains it."""
    return next((reason for pattern, reason in _REASONS if pattern.search(text)), "")
