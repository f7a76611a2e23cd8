"""One request through the door to a system and back, and what its ending says of the system."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.domain.call_context import current_call
from erp_mcp.domain.traffic import Ending, TrafficKind
from erp_mcp.egress.admission import Door, Pass
from erp_mcp.egress.repeating import judged
from erp_mcp.egress.sharing import Flight
from erp_mcp.egress.signing import Signs
from erp_mcp.egress.wire import Answer, EgressLimits, Exchanges, Progress, Request, Wire
from erp_mcp.errors import BadAnswerError, GatewayError, SystemTimeoutError, SystemUnreachableError

GIVEN_UP: Final[Ending] = "given_up"

_PATIENCE_S: Final = 2.0  # without an answer, before a system counts as too slow
_WRITE_WAITS_S: Final = 2.0  # longer waits are the worker's, which keeps them in the journal
_MAX_TRACEPARENT: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What each request of one egress goes through."""

    system: str
    door: Door
    wire: Exchanges
    limits: EgressLimits
    identity: Signs | None = None
    monotonic: Callable[[], float] = time.monotonic

    async def borne(self) -> Mapping[str, str]:
        """Return what a request bears for its identity; raises as the identity."""
        return await self.identity.headers() if self.identity is not None else {}

    async def admit(self, kind: TrafficKind, flight: Flight) -> Pass:
        """Wait for leave to send, no longer than a request may take; raises as `Door.admit`."""
        patience = self.limits.total_s if kind == "read" else min(_WRITE_WAITS_S, self.limits.total_s)
        longest = self.monotonic() + patience
        return await self.door.admit(kind, lambda: min(longest, self.until(flight)), lambda: flight.callers)

    async def send(self, given: Pass, request: Request, flight: Flight, progress: Progress | None = None) -> Answer:
        """Send one request with the leave given, and give that back with how it ended; raises as `Egress.send`."""
        begun_at, ending, pause = self.monotonic(), GIVEN_UP, 0.0
        progress = progress or Progress()
        try:
            left = self._left(flight)
            within_s = self.limits.total_s if request.shared else left
            answer = await self.wire.exchange(request, within_s=within_s, progress=progress)
            ending, pause = judged(answer)
        except (SystemTimeoutError, SystemUnreachableError):
            ending = GIVEN_UP if self._is_over(flight) and not self._was_patient(begun_at) else "failed"
            raise
        except asyncio.CancelledError:  # by the last who waited: at a deadline, or because nobody wants it any more
            ending = "failed" if self._is_over(flight) and self._was_patient(begun_at) else GIVEN_UP
            raise
        except BadAnswerError:
            ending = "failed"
            raise
        except GatewayError:
            ending = "answered" if progress.begun else GIVEN_UP
            raise
        finally:
            self.door.leave(given, ending, pause)
        return answer

    async def renewed(self, borne: Mapping[str, str]) -> bool:
        """Say whether asking again may help after a 401 to what a request bore."""
        if self.identity is None or not await self.identity.after_refusal(borne):
            return False
        if isinstance(self.wire, Wire):
            self.wire.renew_certificate()
        return True

    def until(self, flight: Flight) -> float:
        """Return the moment at which a request has to be over."""
        longest, given = self.monotonic() + self.limits.total_s, flight.deadline
        return longest if given is None else min(longest, given)

    def _left(self, flight: Flight) -> float:
        left = self.until(flight) - self.monotonic()
        if left <= 0:
            raise SystemTimeoutError(system=self.system)
        return left

    def _is_over(self, flight: Flight) -> bool:
        return flight.deadline is not None and self.monotonic() >= flight.deadline

    def _was_patient(self, begun_at: float) -> bool:
        """Say whether a system had time enough to answer; where our own deadline left it none, it is not to blame."""
        return self.monotonic() - begun_at >= min(_PATIENCE_S, self.limits.read_s)


def bearing(request: Request, borne: Mapping[str, str]) -> Request:
    """Return a request that bears an identity and the trace of the call."""
    trace = current_call().traceparent
    more = {"traceparent": trace} if trace and len(trace) <= _MAX_TRACEPARENT and trace.isprintable() else {}
    return replace(request, headers={**request.headers, **borne, **more})
