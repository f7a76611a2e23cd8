"""Writes over JSON-RPC under the shared traffic: one time for a reference, and nothing while the system rests."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.domain.command import NotSent, Unknown
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.store.traffic import SqliteTraffic
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.jsonrpc.fake_buying import PROFILE, BuyingTryton, connection, requested

LIMITS = TrafficLimits(requests_per_s=1000.0, burst=1000, failures=2, window=4, rest_s=40.0)


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[SqliteTraffic]:
    with closing(SqliteTraffic(tmp_path, clock=FixedClock())) as one:
        yield one


def opened(buying: BuyingTryton, traffic: SqliteTraffic) -> JsonRpcCommands:
    return JsonRpcCommands.open(connection(buying, traffic=traffic, limits=LIMITS), PROFILE, FixedClock())


@pytest.fixture
async def commands(buying: BuyingTryton, traffic: SqliteTraffic) -> AsyncIterator[JsonRpcCommands]:
    one = opened(buying, traffic)
    yield one
    await one.close()


@guarantees("P9.one_send", "P4.one_effect")
async def test_a_command_that_went_out_goes_out_no_more_from_any_process(
    buying: BuyingTryton, commands: JsonRpcCommands, traffic: SqliteTraffic
) -> None:
    """Even where the system has forgotten it, and whoever sends it; it is then looked for."""
    buying.spoil, buying.effect = "cut", False
    assert await commands.send(requested()) == Unknown(reason="connection_broken")
    buying.spoil, buying.effect = "", True
    other = opened(buying, traffic)
    for again in (commands, other):
        assert await again.send(requested()) == Unknown(reason="already_sent")
    await other.close()
    assert buying.attempts == 1
    assert await commands.find(requested()) is None


@guarantees("P9.breaker", "P9.told", "P4.one_effect")
async def test_while_writes_rest_nothing_is_sent_and_the_worker_is_told_when(
    buying: BuyingTryton, commands: JsonRpcCommands, traffic: SqliteTraffic
) -> None:
    """Reads go on, and what was not sent may go later under the same reference."""
    buying.spoil, buying.effect = "502", False
    for number in range(2):
        lost = dataclasses.replace(requested(), reference=reference_of(f"lost {number}"))
        assert isinstance(await commands.send(lost), Unknown)
    buying.spoil, buying.effect = "", True
    told = await commands.send(requested())
    assert isinstance(told, NotSent)
    assert told.reason == "system_resting"
    assert 30 <= told.retry_after_s <= 40
    assert buying.attempts == 2
    assert traffic.claim_send("erp", requested().reference)


@guarantees("P9.told", "P4.one_effect")
async def test_a_system_that_asked_to_be_left_alone_is_not_even_looked_at_before(
    buying: BuyingTryton, traffic: SqliteTraffic
) -> None:
    """429 with 17 seconds; the command may be sent again then, since it was turned away at the door."""
    hurried = connection(buying, traffic=traffic, limits=LIMITS, timeout_s=10.0)
    commands = JsonRpcCommands.open(hurried, PROFILE, FixedClock())
    buying.spoil, buying.effect = "429", False
    assert await commands.send(requested()) == NotSent(reason="rate_limited", retry_after_s=17)
    buying.spoil, buying.effect = "", True
    calls = len(buying.calls)
    assert await commands.send(requested()) == NotSent(reason="system_busy", retry_after_s=17)
    assert (len(buying.calls), buying.attempts) == (calls, 1)
    assert traffic.claim_send("erp", requested().reference)
    await commands.close()
