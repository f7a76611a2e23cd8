"""The one way out to other hosts, for adapters and credentials alike.

Only listed origins are contacted, at addresses that were looked at, with deadlines and a cap on decoded bytes, and
never more than the system bears. A read may be asked again; a write (`once`) goes out one time for its reference, in
all processes and for good. No redirect is followed but one: a server that wakes up may answer a read with 308 for the
same origin; the same request, method and body kept, is then sent to the address it names.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import httpx2

from erp_mcp.domain.call_context import current_call
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress import links
from erp_mcp.egress.addresses import AddressRules
from erp_mcp.egress.admission import Door, Pass
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.origin import Origin, refused_host
from erp_mcp.egress.passage import GIVEN_UP, Passage, bearing
from erp_mcp.egress.pinned import Resolve, resolve_by_machine
from erp_mcp.egress.repeating import TOO_MANY, UNAVAILABLE, delay_s, judged, retry_after_s, says_later, whole_seconds
from erp_mcp.egress.sharing import Flight, Shared
from erp_mcp.egress.signing import Signs
from erp_mcp.egress.wire import (
    BROKEN,
    NO_CONNECTION,
    NO_TRUST,
    Answer,
    EgressLimits,
    Exchanges,
    Method,
    Progress,
    Request,
    TrustedPlaces,
    Wire,
)
from erp_mcp.errors import (
    AlreadySentError,
    BadAnswerError,
    DestinationNotAllowedError,
    GatewayError,
    SecretUnavailableError,
    StateUnavailableError,
    SystemBusyError,
    SystemRefusedError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.ports import Traffic

_PERMANENT_REDIRECT: Final = 308
_UNAUTHORISED: Final = 401
_READS: Final = frozenset({"GET", "HEAD", "POST"})
_SHARED: Final = frozenset({"GET", "HEAD"})
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TICKET_MARGIN_S: Final = 5.0


class Egress:
    """Requests of one system to the origins its configuration lists."""

    def __init__(
        self,
        *,
        system: str,
        allowed: Iterable[Origin],
        limits: EgressLimits | None = None,
        trust: ssl.SSLContext | None = None,
        networks: Iterable[str] = (),
        where: str = "",
        traffic: Traffic | None = None,
        traffic_limits: TrafficLimits | None = None,
        identity: Signs | None = None,
        resolve: Resolve = resolve_by_machine,
        wire: Exchanges | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Contact nothing yet.

        Args:
            system: Its name in the deployment.
            allowed: Origins that may be contacted.
            limits: Bounds of one request.
            trust: Certificate authorities instead of the machine's; verification stays on.
            networks: Networks that a host may lead to beside public addresses; an address or `localhost` in `allowed`
                is listed by being there.
            where: What the system points to, by which its load and breaker are counted; its origins by themselves.
            traffic: What all processes together do to the system; without it, this egress counts for itself.
            traffic_limits: What the system bears.
            identity: What each request bears.
            resolve: How names are looked up.
            wire: What carries requests, for tests.
            monotonic: Clock of deadlines, that of `domain.call_context`.
            sleep: How to wait.
            chance: Evenly spread numbers from 0 up to 1.

        Raises:
            ConfigurationError: `settings.bad_configuration`, for a network that is none.
        """
        self._system = system
        self._allowed = frozenset(allowed)
        limits = limits or EgressLimits()
        self._monotonic, self._sleep, self._chance = monotonic, sleep, chance
        rules = AddressRules.of(system, networks, self._allowed)
        places = TrustedPlaces(rules, trust, identity.certificate if identity is not None else None, resolve)
        self._wire: Exchanges = wire or Wire(system, limits, places)
        self._traffic: Traffic = traffic if traffic is not None else LocalTraffic(monotonic=monotonic)
        self._bears = traffic_limits or TrafficLimits()
        door = Door(
            system=system,
            where=where or ", ".join(sorted(f"{one.scheme}://{one.host}:{one.port}" for one in self._allowed)),
            traffic=self._traffic,
            limits=self._bears,
            lasts_s=limits.total_s + _TICKET_MARGIN_S,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._passage = Passage(
            system=system, door=door, wire=self._wire, limits=limits, identity=identity, monotonic=monotonic
        )
        self._shared: Shared[Answer] = Shared(system, monotonic)
        self._claimed: set[str] = set()

    async def send(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        once: bool = False,
        reference: str = "",
    ) -> Answer:
        """Send one request and return its whole answer.

        A read is asked again, within attempts, budget and deadline, when the connection fails or the system answers
        429, 502, 503 or 504, and once more after a 401 where the identity can be renewed; identical GETs under way are
        one. A write is sent one time, on a connection of its own, and its answer is returned whatever its status.

        Args:
            method: HTTP method; PUT, PATCH and DELETE are writes.
            url: Address on a listed origin.
            headers: Sent as they are, beside those of the identity and of the trace; `Host`, lengths and
                `Accept-Encoding` are ours.
            body: Sent as it is.
            once: It writes.
            reference: What the write is known by; claimed for good before its first byte.

        Raises:
            DestinationNotAllowedError: `adapter.not_allowed`, for an origin or address not listed; nothing was sent.
            SystemBusyError: `adapter.busy`, when it would wait too long, or a read was turned away to the end.
            SystemRestingError: `adapter.resting`, while the breaker is open; nothing was sent.
            AlreadySentError: `adapter.already_sent`, for a reference that has gone out; nothing was sent.
            SystemUnreachableError: `adapter.unreachable`, when no connection comes about or it breaks.
            SystemTimeoutError: `adapter.timeout`, at the first deadline passed.
            TooLargeError: `adapter.too_large`, as soon as the decoded answer passes the cap.
            BadAnswerError: `adapter.bad_answer`, for an answer that is not HTTP, or encoded in a way not asked for.
            SecretUnavailableError, SystemRefusedError: as the identity; nothing was sent.
            StateUnavailableError: `state.unavailable`, when traffic can't be counted; nothing was sent.
            ValueError: a write without `once` or `reference`; a defect of the caller.
        """
        if (origin := Origin.of(url)) not in self._allowed:
            raise self._refused(origin, "an address that is not the system's")
        if once != bool(reference) or method not in (_WRITES if once else _READS):
            raise ValueError("what writes needs once=True and a reference, and nothing else does")
        request = Request(method=method, url=url, headers=headers, body=body, fresh=once)
        call = current_call()
        if once:
            return await self._written(request, reference, Flight(call))
        if method not in _SHARED or body:
            return await self._read(request, Flight(call))
        shared = replace(request, shared=True)

        def start(flight: Flight) -> Coroutine[object, object, Answer]:
            return self._read(shared, flight)

        return await self._shared.once((method, url, frozenset(headers.items())), call, start)

    def released(self, reference: str) -> None:
        """Let a write of this egress be sent again: its answer says for certain that it was turned away at the door."""
        if reference in self._claimed:
            self._claimed.discard(reference)
            self._traffic.release_send(self._system, reference)

    def next_link(self, url: str, link: str, *, prefix: str, rewrite: bool = False) -> str:
        """Return the address of a next page that the system named; see `links.next_link`."""
        return links.next_link(url, link, prefix=prefix, rewrite=rewrite, system=self._system)

    async def close(self) -> None:
        """Let go of connections; closing twice is fine."""
        await self._shared.close()
        await self._wire.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    # --- reads --------------------------------------------------------------------------------------------------------

    async def _read(self, request: Request, flight: Flight) -> Answer:
        renewed = False
        attempt = 1
        while True:
            outcome, borne = await self._attempt(request, flight)
            if isinstance(outcome, Answer) and outcome.status == _UNAUTHORISED and not renewed:
                renewed = True
                if await self._passage.renewed(borne):
                    continue
            if isinstance(outcome, Answer) and not says_later(outcome):
                return outcome
            attempt += 1
            if not await self._may_repeat(outcome, attempt, flight):
                raise self._final(outcome)

    async def _attempt(
        self, request: Request, flight: Flight
    ) -> tuple[Answer | SystemUnreachableError, Mapping[str, str]]:
        """Ask once; a connection that failed is returned like an answer, since it may be asked again."""
        borne = await self._passage.borne()
        given = await self._passage.admit("read", flight)
        try:
            answer = await self._passage.send(given, bearing(request, borne), flight)
            if answer.status == _PERMANENT_REDIRECT:
                moved = self._moved(request, answer)
                given = await self._passage.admit("read", flight)
                answer = await self._passage.send(given, bearing(moved, borne), flight)
        except SystemUnreachableError as failure:
            return failure, borne
        return answer, borne

    async def _may_repeat(self, outcome: Answer | GatewayError, attempt: int, flight: Flight) -> bool:
        """Wait until a read may be asked again; say no where it may not be, or not in time."""
        if attempt > self._bears.attempts:
            return False
        if isinstance(outcome, GatewayError) and outcome.facts.get("reason") not in (BROKEN, NO_CONNECTION):
            return False
        asked = retry_after_s(outcome) if isinstance(outcome, Answer) else 0.0
        wait = asked + delay_s(attempt, self._chance())
        in_time = self._monotonic() + wait < self._passage.until(flight)
        if not in_time or not self._passage.door.may_retry():
            return False
        await self._sleep(wait)
        return True

    def _final(self, outcome: Answer | SystemUnreachableError) -> GatewayError:
        """Return the error that a read ends with."""
        if not isinstance(outcome, Answer):
            return outcome
        asked = judged(outcome)[1]
        if outcome.status == TOO_MANY or (outcome.status == UNAVAILABLE and asked):
            return SystemBusyError(system=self._system, retry_after_s=whole_seconds(asked))
        return SystemUnreachableError(system=self._system, reason=f"status {outcome.status}")

    def _moved(self, request: Request, answer: Answer) -> Request:
        """Return where a 308 points to, on the same origin only."""
        try:
            target = str(httpx2.URL(request.url).join(answer.headers.get("location", "")))
        except (httpx2.InvalidURL, ValueError):
            raise BadAnswerError(system=self._system, reason="redirect") from None
        if Origin.of(target) != Origin.of(request.url):  # whom it names is the system's word, and not told
            raise self._refused(None, "redirect to another host")
        return replace(request, url=target)

    def _refused(self, origin: Origin | None, reason: str) -> DestinationNotAllowedError:
        host = refused_host(origin.host, origin.port) if origin is not None else {}
        return DestinationNotAllowedError(system=self._system, reason=reason, **host)

    # --- writes -------------------------------------------------------------------------------------------------------

    async def _written(self, request: Request, reference: str, flight: Flight) -> Answer:
        borne = await self._passage.borne()
        given = await self._passage.admit("write", flight)
        self._claim(given, reference)
        progress = Progress()
        try:
            answer = await self._passage.send(given, bearing(request, borne), flight, progress)
        except SystemTimeoutError:
            if progress.begun:
                raise
            self.released(reference)
            raise SystemUnreachableError(system=self._system, reason=NO_CONNECTION) from None
        except BaseException:
            if not progress.begun:
                self.released(reference)
            raise
        if answer.status == _UNAUTHORISED:
            with suppress(GatewayError):  # whether that works is the next command's to find out
                await self._passage.renewed(borne)  # for the next command; this one is not repeated
        return answer

    def _claim(self, given: Pass, reference: str) -> None:
        claimed = False
        try:
            claimed = self._traffic.claim_send(self._system, reference)
        finally:
            if not claimed:
                self._passage.door.leave(given, GIVEN_UP, 0.0)
        if not claimed:
            raise AlreadySentError(system=self._system)
        self._claimed.add(reference)


def certainly_not_sent(failure: GatewayError) -> bool:
    """Say whether a failed write certainly never left: not its first byte."""
    if isinstance(failure, SystemUnreachableError):
        return failure.facts.get("reason") in (NO_CONNECTION, NO_TRUST)
    never = (SystemBusyError, SystemRestingError, SecretUnavailableError, SystemRefusedError, StateUnavailableError)
    return isinstance(failure, (*never, DestinationNotAllowedError))


__all__ = [
    "NO_CONNECTION",
    "NO_TRUST",
    "Answer",
    "Egress",
    "EgressLimits",
    "Method",
    "Origin",
    "certainly_not_sent",
]
