"""`NO_LIMITS`: what a test gives a connection to a server of its own, so that nothing is spared or repeated."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.traffic import TrafficLimits

_MANY: Final = 100_000

NO_LIMITS: Final = TrafficLimits(
    requests_per_s=float(_MANY), burst=_MANY, concurrent=1_000, waiting=1_000, failures=_MANY, window=_MANY, attempts=1
)
