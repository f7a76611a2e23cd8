"""What a system of record is spared: how much may be asked of it at once, and when it is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TrafficKind = Literal["read", "write"]
BreakerState = Literal["closed", "open", "half_open"]
# How a request ended for the system's health: answered (whatever it said), failed (down, too slow, 5xx that says so),
# turned away (429, 503 with a time to come back): nothing is wrong, it was too much; given up by us too early to say.
Ending = Literal["answered", "failed", "turned_away", "given_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficLimits:
    """What one system bears, over all processes of a deployment.

    `requests_per_s` fills a bucket of `burst` tokens. `concurrent` requests run at once, and the last of those places
    are kept for callers that have none; `waiting` more wait in each process. The breaker opens after `failures` of the
    last `window` requests failed, for `rest_s` seconds, doubled up to `longest_rest_s` while probes fail. `retry_share`
    is how many repeats each first request earns; reads only.
    """

    requests_per_s: float = 10.0
    burst: int = 20
    concurrent: int = 4
    waiting: int = 64
    failures: int = 5
    window: int = 10
    rest_s: float = 5.0
    longest_rest_s: float = 120.0
    retry_share: float = 0.1
    attempts: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether one request may go now.

    `ticket` is given back with the ending; it is empty where the request may not go, and `wait_s` says after how many
    seconds it is worth asking again. `caller` is the one of those asked for whose turn it is. `resting` says that the
    breaker is open. `probe` marks the single request that finds out whether an open breaker may close.
    """

    ticket: str = ""
    caller: str = ""
    wait_s: float = 0.0
    resting: bool = False
    probe: bool = False

    @property
    def granted(self) -> bool:
        """Whether the request may go."""
        return bool(self.ticket)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficState:
    """How a system is doing, for one kind of request, over all processes; `where` is what it then pointed to."""

    system: str
    kind: TrafficKind
    breaker: BreakerState
    rest_s: float  # seconds until the next probe, where it is open
    running: int
    tokens: float
    failures: int  # among the last requests
    requests: int  # since the store was made
    retries: int
    turned_away: int
    where: str = ""
