"""Traffic of one process: for tests, and for a connection that shares with nobody."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection
from threading import Lock

from erp_mcp.domain.traffic import Admission, Ending, TrafficKind, TrafficLimits, TrafficState
from erp_mcp.egress import traffic_rules as rules


class LocalTraffic:
    """`ports.Traffic` in memory."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the clock."""
        self._monotonic = monotonic
        self._loads: dict[tuple[str, str], tuple[rules.Load, TrafficLimits]] = {}
        self._sent: set[tuple[str, str]] = set()
        self._names = itertools.count(1)
        self._lock = Lock()

    def admit(
        self,
        system: str,
        kind: TrafficKind,
        limits: TrafficLimits,
        *,
        where: str = "",
        lasts_s: float = 60.0,
        callers: Collection[str] = ("",),
    ) -> Admission:
        """Say whether one request may go now; see `ports.Traffic`."""
        now = self._monotonic()
        with self._lock:
            name = str(next(self._names))
            load, admission = rules.admitted(
                self._load((system, where), limits, now),
                kind,
                limits,
                now,
                name=name,
                lasts_s=lasts_s,
                callers=callers,
            )
            self._loads[system, where] = (load, limits)
        return admission

    def finish(
        self,
        system: str,
        kind: TrafficKind,  # noqa: ARG002 - the ticket knows it
        limits: TrafficLimits,
        ticket: str,
        ending: Ending,
        *,
        where: str = "",
        pause_s: float = 0.0,
    ) -> None:
        """Give a ticket back; see `ports.Traffic`."""
        now = self._monotonic()
        with self._lock:
            load = self._load((system, where), limits, now)
            after = rules.finished(load, limits, now, name=ticket, ending=ending, pause_s=pause_s)
            self._loads[system, where] = (after, limits)

    def may_retry(self, system: str, limits: TrafficLimits, *, where: str = "") -> bool:
        """Take one repeat out of the system's budget, where one is left."""
        now = self._monotonic()
        with self._lock:
            load, may = rules.repeated(self._load((system, where), limits, now), limits)
            self._loads[system, where] = (load, limits)
        return may

    def claim_send(self, system: str, reference: str) -> bool:
        """Note that a write goes out; see `ports.Traffic`."""
        with self._lock:
            if (system, reference) in self._sent:
                return False
            self._sent.add((system, reference))
            return True

    def release_send(self, system: str, reference: str) -> None:
        """Take a claim back."""
        with self._lock:
            self._sent.discard((system, reference))

    def states(self) -> tuple[TrafficState, ...]:
        """Return how every system is doing."""
        now = self._monotonic()
        with self._lock:
            settled = [(key, rules.settled(load, limits, now)) for key, (load, limits) in sorted(self._loads.items())]
        return tuple(rules.told(*key, kind, load, now) for key, load in settled for kind in rules.KINDS)

    def _load(self, key: tuple[str, str], limits: TrafficLimits, now: float) -> rules.Load:
        known = self._loads.get(key)
        return known[0] if known is not None else rules.idle(limits, now)
