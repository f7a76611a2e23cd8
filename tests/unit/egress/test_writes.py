"""Writes over real connections: one time for a reference, whatever the wire does, and what is certain afterwards."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.domain.call_context import CallContext, calling
from erp_mcp.domain.traffic import Admission, TrafficLimits
from erp_mcp.egress import certainly_not_sent
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.transport import Answer, Egress, EgressLimits, Origin
from erp_mcp.errors import (
    AlreadySentError,
    DestinationNotAllowedError,
    GatewayError,
    SecretUnavailableError,
    StateUnavailableError,
    SystemBusyError,
    SystemRestingError,
    SystemUnreachableError,
)
from erp_mcp.ports import Traffic
from erp_mcp.store.traffic import SqliteTraffic
from erp_mcp.testing import NO_LIMITS, FixedClock
from tests.guarantees import guarantees
from tests.unit.egress.faulty import FAULTS, Faulty, status

REFERENCE = "R0000000000A"


async def write(way: Egress, url: str, reference: str = REFERENCE) -> Answer:
    return await way.send("POST", f"{url}/orders", headers={}, body=b"{}", once=True, reference=reference)


async def outcome(way: Egress, url: str, reference: str = REFERENCE) -> Answer | GatewayError:
    try:
        return await write(way, url, reference)
    except GatewayError as failure:
        return failure


@guarantees("P9.one_send", "P9.repeats", "P4.one_effect")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_write_arrives_once_for_every_fault_of_the_wire(fault: str, tmp_path: Path) -> None:
    """Neither this egress, nor another of this process, nor one that opens the file anew sends it a second time."""
    traffic = SqliteTraffic(tmp_path, clock=FixedClock())
    async with Faulty(FAULTS[fault]) as erp, erp.egress(traffic=traffic, traffic_limits=NO_LIMITS) as way:
        first = await outcome(way, erp.url)
        assert isinstance(first, Answer) or not certainly_not_sent(first)
        erp.behave = status(201)
        again = SqliteTraffic(tmp_path, clock=FixedClock())
        async with erp.egress(traffic=again, traffic_limits=NO_LIMITS) as other:
            for later in (way, other, way):
                await asyncio.sleep(0)
                failure = await _refused(later, erp.url)
                assert isinstance(failure, AlreadySentError | SystemBusyError)  # busy: it asked to be left alone
        assert len(erp.requests) == 1
        assert erp.connections == 1
        again.close()
    traffic.close()


async def _refused(way: Egress, url: str) -> GatewayError:
    failure = await outcome(way, url)
    assert isinstance(failure, GatewayError)
    return failure


@guarantees("P9.one_send")
@pytest.mark.parametrize("store", ["local", "file"])
async def test_of_many_at_once_with_one_reference_one_goes(store: str, tmp_path: Path) -> None:
    """Two workers, one of which was thought dead."""
    traffic: Traffic = LocalTraffic() if store == "local" else SqliteTraffic(tmp_path, clock=FixedClock())
    async with Faulty(status(201)) as erp:
        ways = [erp.egress(traffic=traffic, traffic_limits=NO_LIMITS) for _ in range(5)]
        found = await asyncio.gather(*(outcome(way, erp.url) for way in ways for _ in range(4)))
        for way in ways:
            await way.close()
        assert sum(isinstance(one, Answer) for one in found) == 1
        assert sum(isinstance(one, AlreadySentError) for one in found) == 19
        assert len(erp.requests) == 1
    if isinstance(traffic, SqliteTraffic):
        traffic.close()


@guarantees("P9.one_send")
async def test_what_was_turned_away_at_the_door_may_go_again_once_its_adapter_says_so() -> None:
    """And only by the one who claimed it."""
    traffic, limits = LocalTraffic(), EgressLimits(total_s=5.0)
    async with (
        Faulty(status(429)) as erp,
        erp.egress(traffic=traffic, traffic_limits=NO_LIMITS, limits=limits) as way,
        erp.egress(traffic=traffic, traffic_limits=NO_LIMITS, limits=limits) as other,
    ):
        answer = await write(way, erp.url)
        assert answer.status == 429
        other.released(REFERENCE)
        assert not traffic.claim_send("erp", REFERENCE)
        way.released(REFERENCE)
        erp.behave = status(201)
        assert (await write(other, erp.url)).status == 201  # after the second that the system is left alone
        assert len(erp.requests) == 2


@guarantees("P9.one_send")
async def test_what_did_not_connect_was_not_sent_and_may_go_again() -> None:
    """The error says so, and the claim is taken back."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        traffic = LocalTraffic()
        way = Egress(
            system="erp", allowed=[Origin("http", "127.0.0.1", port)], traffic=traffic, traffic_limits=NO_LIMITS
        )
        for _ in range(3):
            failure = await outcome(way, f"http://127.0.0.1:{port}")
            assert isinstance(failure, SystemUnreachableError)
            assert certainly_not_sent(failure)
        await way.close()


@guarantees("P9.one_send")
async def test_a_certificate_that_is_not_trusted_is_certainly_not_sent(tmp_path: Path) -> None:
    """TLS comes before the first byte."""
    from tests.unit.adapters.loopback import Loopback, self_signed

    identity, _ = self_signed(tmp_path)
    async with Loopback(identity) as server:
        origin = Origin.of(server.url)
        assert origin is not None
        async with Egress(system="erp", allowed=[origin], traffic_limits=NO_LIMITS) as way:
            for _ in range(2):
                failure = await outcome(way, server.url)
                assert isinstance(failure, SystemUnreachableError)
                assert certainly_not_sent(failure)
        assert server.requests == []


@guarantees("P9.one_send", "P9.repeats")
async def test_a_write_whose_deadline_is_over_is_not_sent() -> None:
    """It may go when somebody has time for it."""
    async with Faulty(status(201)) as erp, erp.egress() as way:
        with calling(CallContext(deadline=0.0)):
            failure = await outcome(way, erp.url)
        assert isinstance(failure, GatewayError)
        assert certainly_not_sent(failure)
        assert (await write(way, erp.url)).status == 201
        assert len(erp.requests) == 1


@guarantees("P9.one_send")
async def test_a_write_that_is_cancelled_is_claimed_exactly_when_its_first_byte_was_sent() -> None:
    """Cancelled anywhere: what may have arrived is never sent again, what can't have is free."""
    for turns in range(40):
        traffic = LocalTraffic()
        async with Faulty(status(201)) as erp, erp.egress(traffic=traffic) as way:
            task = asyncio.ensure_future(write(way, erp.url))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.01)
            claimed = not traffic.claim_send("erp", REFERENCE)
            assert claimed or not erp.requests


@guarantees("P9.one_send", "P9.breaker", "P9.told")
async def test_a_resting_or_busy_system_gets_no_write_and_the_worker_is_told_when() -> None:
    """Certainly not sent: the journal keeps it until then."""
    traffic = LocalTraffic()
    async with Faulty(FAULTS["reset"]) as erp, erp.egress(traffic=traffic) as way:
        for number in range(5):
            await outcome(way, erp.url, f"R{number}")
        failure = await outcome(way, erp.url, "R9")
        assert isinstance(failure, SystemRestingError)
        assert (certainly_not_sent(failure), failure.facts["retry_after_s"]) == (True, 5)
        assert traffic.claim_send("erp", "R9")
    async with Faulty(status(429, Retry_After="60")) as erp, erp.egress() as way:
        await write(way, erp.url)
        failure = await outcome(way, erp.url, "R9")
        assert isinstance(failure, SystemBusyError)
        assert (certainly_not_sent(failure), failure.facts["retry_after_s"]) == (True, 60)
        assert len(erp.requests) == 1


class NoSecret:
    """An identity whose vault is away."""

    async def headers(self) -> Mapping[str, str]:
        raise SecretUnavailableError(system="erp")

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        raise AssertionError

    def certificate(self, context: object) -> None:
        raise AssertionError


class Renewing:
    """An identity that is renewed when it is refused."""

    renewed = 0

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.renewed}"}

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        self.renewed += 1
        return True

    def certificate(self, context: object) -> None:
        raise AssertionError


@guarantees("P9.one_send")
async def test_without_a_secret_nothing_is_claimed_or_sent() -> None:
    """It can be sent when the vault is back."""
    traffic = LocalTraffic()
    async with Faulty(status(201)) as erp, erp.egress(traffic=traffic, identity=NoSecret()) as way:
        failure = await outcome(way, erp.url)
        assert isinstance(failure, SecretUnavailableError)
        assert certainly_not_sent(failure)
        assert traffic.claim_send("erp", REFERENCE)
        assert erp.requests == []


@guarantees("P9.one_send", "P9.repeats")
async def test_a_refused_token_is_renewed_for_the_next_write_and_this_one_is_not_repeated() -> None:
    """Its adapter says that it was turned away, and the worker sends it again."""
    identity = Renewing()
    async with Faulty(status(401)) as erp, erp.egress(identity=identity) as way:
        assert (await write(way, erp.url)).status == 401
        assert (len(erp.requests), identity.renewed) == (1, 1)
        way.released(REFERENCE)
        erp.behave = status(201)
        assert (await write(way, erp.url)).status == 201
        assert b"Bearer 1" in erp.requests[1]


class Failing(LocalTraffic):
    """A traffic file that can't be written, from one of its operations on."""

    def __init__(self, operation: str) -> None:
        super().__init__()
        self.operation = operation

    def _fails(self, operation: str) -> None:
        if operation == self.operation:
            raise StateUnavailableError(file="traffic.sqlite", reason="OperationalError")

    def admit(self, *given: Any, **more: Any) -> Admission:
        self._fails("admit")
        return super().admit(*given, **more)

    def claim_send(self, system: str, reference: str) -> bool:
        self._fails("claim")
        return super().claim_send(system, reference)

    def finish(self, *given: Any, **more: Any) -> None:
        self._fails("finish")
        super().finish(*given, **more)


@guarantees("P9.one_send", "P9.limits")
async def test_where_traffic_can_not_be_counted_nothing_is_sent_and_no_answer_is_hidden() -> None:
    """Before the first byte it is an error that says so; after it, what the system said counts."""
    for operation in ("admit", "claim"):
        async with Faulty(status(201)) as erp, erp.egress(traffic=Failing(operation)) as way:
            failure = await outcome(way, erp.url)
            assert isinstance(failure, StateUnavailableError)
            assert certainly_not_sent(failure)
            assert erp.requests == []
    async with Faulty(status(201)) as erp, erp.egress(traffic=Failing("finish")) as way:
        assert (await write(way, erp.url)).status == 201
        assert isinstance(await outcome(way, erp.url), AlreadySentError)


@guarantees("P9.one_send")
async def test_a_write_has_a_connection_of_its_own() -> None:
    """One that was idle may be closing just now, and then nobody knows whether the write arrived."""
    async with Faulty(status(200)) as erp, erp.egress(traffic_limits=NO_LIMITS) as way:
        for number in range(3):
            await write(way, erp.url, f"R{number}")
        assert erp.connections == 3


@guarantees("P9.one_send")
@pytest.mark.parametrize(
    ("method", "once", "reference"),
    [
        ("PATCH", False, ""),
        ("DELETE", False, ""),
        ("PUT", False, ""),
        ("POST", True, ""),
        ("GET", True, "R1"),
        ("POST", False, "R1"),
    ],
)
async def test_a_write_that_is_not_said_to_be_one_is_a_defect(method: str, once: bool, reference: str) -> None:
    """Nothing is sent: an adapter can't forget it."""
    async with Faulty(status(201)) as erp, erp.egress() as way:
        with pytest.raises(ValueError, match="once"):
            await way.send(method, erp.url, headers={}, once=once, reference=reference)  # type: ignore[arg-type]
        assert erp.requests == []


@guarantees("P9.one_send", "P9.egress")
async def test_an_address_that_is_not_listed_claims_nothing() -> None:
    """A mistake in the configuration is no outcome."""
    traffic = LocalTraffic()
    async with Faulty(status(201)) as erp, erp.egress(traffic=traffic, allowed=[]) as way:
        with pytest.raises(DestinationNotAllowedError):
            await write(way, erp.url)
        assert traffic.claim_send("erp", REFERENCE)


@guarantees("P9.repeats")
@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"429 with a time", "503 with a time"}))
async def test_reads_over_a_broken_wire_end_in_an_error_and_within_their_attempts(fault: str) -> None:
    """None of them hangs, and none brings half an answer."""
    limits = TrafficLimits(attempts=2, failures=100, window=100)
    bounds = EgressLimits(connect_s=2.0, read_s=0.3, total_s=0.5, max_bytes=100_000)
    async with Faulty(FAULTS[fault]) as erp, erp.egress(limits=bounds, traffic_limits=limits) as way:
        (found,) = await asyncio.gather(way.send("GET", erp.url, headers={}), return_exceptions=True)
        assert len(erp.requests) <= 2
    if isinstance(found, Answer):
        assert found.status in {401, 307, 308, 500}
    else:
        assert isinstance(found, GatewayError)
        assert found.code.startswith("adapter.")
