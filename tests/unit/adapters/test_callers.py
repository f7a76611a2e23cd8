"""For whom requests of an adapter count, and where: the same for what goes over HTTP and for what goes by SQL."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.adapters.sql.engine_source import EngineSource
from erp_mcp.domain.call_context import CallContext, calling
from erp_mcp.domain.traffic import Admission, TrafficKind, TrafficLimits
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.places import where_to
from erp_mcp.errors import SystemRestingError, SystemTimeoutError
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.egress.faulty import FAULTS, Faulty, status


class Listening(LocalTraffic):
    """Notes for whom leave is asked, and where to."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, tuple[str, ...]]] = []

    def admit(self, system: str, kind: TrafficKind, limits: TrafficLimits, **more: Any) -> Admission:
        self.heard.append((more["where"], tuple(more["callers"])))
        return super().admit(system, kind, limits, **more)


@guarantees("P9.fair_share")
@pytest.mark.parametrize("caller", ["agent planner", "sync", "worker", ""])
async def test_a_request_over_http_counts_for_the_caller_of_the_call(caller: str) -> None:
    """Kinds that speak HTTP open their way out in one line, and this is in it."""
    traffic = Listening()
    async with Faulty(status(200)) as erp:
        url = f"{erp.url}/api/?secret=1"
        async with open_egress(Connection(system="erp", url=url, traffic=traffic)) as way:
            with calling(CallContext(caller=caller)):
                await way.send("GET", erp.url, headers={})
                await way.send("POST", erp.url, headers={}, body=b"{}")
                await way.send("POST", erp.url, headers={}, once=True, reference="R1")
        assert traffic.heard == [(f"{erp.url}/api", (caller,))] * 3


@guarantees("P9.fair_share")
@pytest.mark.parametrize("caller", ["agent planner", "sync"])
async def test_a_statement_counts_for_the_caller_of_the_call(tmp_path: Path, caller: str) -> None:
    """A database has a door like every other system."""
    traffic = Listening()
    url = f"sqlite+pysqlite:///{tmp_path / 'erp.sqlite'}"
    source = EngineSource(Connection(system="erp", url=url, traffic=traffic), FixedClock())
    with calling(CallContext(caller=caller)):
        await source.probe()
    await source.close()
    assert traffic.heard == [(where_to(url), (caller,))]


@guarantees("P9.breaker")
async def test_a_system_whose_address_was_corrected_does_not_rest() -> None:
    """The wrong address did not answer; the right one is asked at once, by the same settings and counters."""
    limits = TrafficLimits(attempts=1, failures=1, window=1)
    async with Faulty(FAULTS["reply lost after the work"]) as wrong, Faulty(status(200)) as right:
        given = Connection(system="erp", url=wrong.url, traffic=LocalTraffic(), limits=limits, timeout_s=0.5)
        async with open_egress(given) as way:
            with pytest.raises(SystemTimeoutError):
                await way.send("GET", wrong.url, headers={})
            with pytest.raises(SystemRestingError):
                await way.send("GET", wrong.url, headers={})
        async with open_egress(dataclasses.replace(given, url=right.url)) as way:
            assert (await way.send("GET", right.url, headers={})).status == 200
