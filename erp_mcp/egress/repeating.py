"""When a read may be asked again, and what an answer says of its system's health."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import Final

from erp_mcp.domain.traffic import Ending
from erp_mcp.egress.traffic_rules import LONGEST_PAUSE_S
from erp_mcp.egress.wire import Answer

TOO_MANY: Final = 429
UNAVAILABLE: Final = 503
_LATER: Final = frozenset({TOO_MANY, 502, UNAVAILABLE, 504})
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 8.0
_PAUSE_S: Final = 1.0  # after 429 without a time
_MAX_DIGITS: Final = 9


def says_later(answer: Answer) -> bool:
    """Say whether an answer means that the same read may work later; 500 does not: systems say it for bad requests."""
    return answer.status in _LATER


def judged(answer: Answer) -> tuple[Ending, float]:
    """Return how a request ended, and for how many seconds the system asked to be left alone."""
    asked = retry_after_s(answer)
    if answer.status == TOO_MANY:
        return "turned_away", asked or _PAUSE_S
    if answer.status == UNAVAILABLE and asked:
        return "turned_away", asked
    return ("failed" if says_later(answer) else "answered"), _used_up(answer)


def retry_after_s(answer: Answer) -> float:
    """Return the seconds of `Retry-After`, in either of its forms; zero without one that can be read."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:_MAX_DIGITS])
    try:
        moment = parsedate_to_datetime(text)
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return 0.0
    if moment.tzinfo is None or theirs.tzinfo is None:
        return 0.0  # by their clock or not at all
    return max(0.0, (moment - theirs).total_seconds())


def delay_s(attempt: int, chance: float) -> float:
    """Return how long to wait before attempt 2, 3 …: anything up to a bound that doubles (full jitter)."""
    return chance * min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** (attempt - 2))


def whole_seconds(seconds: float) -> int:
    """Return seconds as an error tells them: whole, at least one, and no more than we would wait ourselves."""
    return max(1, math.ceil(min(seconds, LONGEST_PAUSE_S)))


def _used_up(answer: Answer) -> float:
    """Return how long to wait where rate headers say that nothing is left until a reset."""
    headers = answer.headers
    for left, reset in (("ratelimit-remaining", "ratelimit-reset"), ("x-ratelimit-remaining", "x-ratelimit-reset")):
        until = headers.get(reset, "").strip()
        if headers.get(left, "").strip() == "0" and until.isascii() and until.isdecimal():
            return _from_now(int(until[:12]), headers.get("date", ""))
    return 0.0


def _from_now(value: int, date: str) -> float:
    """Return the seconds that a reset stands for: seconds from now, or an instant since 1970 by the system's clock."""
    if value < 1_000_000_000:
        return float(value)
    try:
        return max(0.0, float(value) - parsedate_to_datetime(date).timestamp())
    except ValueError:
        return 0.0  # by their clock or not at all
