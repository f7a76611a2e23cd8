"""What goes along with a call down to a system: deadline, trace, whose it is; and what comes back when one rests."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import pytest

from erp_mcp.domain.call import ToolCall
from erp_mcp.domain.call_context import CallContext, agent_caller, current_call, trace_of
from erp_mcp.domain.freshness import EntityState
from erp_mcp.errors import GatewayError, SystemBusyError, SystemRestingError
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE
from tests.path.conftest import Desk

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Listening:
    """A read model that notes in which context it is asked, and knows nothing."""

    def __init__(self) -> None:
        self.heard: list[CallContext] = []

    async def states(self) -> Mapping[str, tuple[EntityState, ...]]:
        self.heard.append(current_call())
        return {}

    async def rows(self, query: object, parameters: object, *, deadline_s: float) -> NoReturn:
        raise AssertionError


class Turning:
    """Live reads of a system that turns everybody away."""

    def __init__(self, error: GatewayError) -> None:
        self.error = error

    async def read(self, system: str, entity: str, keys: Sequence[str]) -> NoReturn:
        raise self.error


@guarantees("P5.trace", "P9.repeats", "P9.fair_share")
@pytest.mark.parametrize(("correlation", "given"), [("", ""), ("order-42", ""), ("order-42", GIVEN)])
def test_what_a_system_is_told_of_a_call_can_be_worked_out_from_its_record(
    desk: Desk, correlation: str, given: str
) -> None:
    """Correlation id, call id and the client's trace stand there; and each call has its own deadline."""
    gateway = desk.deployment.gateway
    gateway.read_model = listening = Listening()
    call = ToolCall(
        tool="list_hold_lots",
        arguments={"site": "1000"},
        call_id="call-7",
        correlation_id=correlation,
        traceparent=given,
    )
    before = time.monotonic()
    asyncio.run(gateway.call(desk.deployment.principal("planner"), call))

    leaf = json.loads(desk.recorded()[-1].leaf)
    context = listening.heard[0]
    assert context.traceparent == trace_of(leaf["correlation_id"], leaf["facts"]["call_id"], leaf["trace"])
    assert context.traceparent.split("-")[1] == GIVEN.split("-")[1] or not given
    assert context.deadline is not None
    assert 0 <= context.deadline - before - gateway.deadline_s < 20
    assert context.caller == agent_caller("planner")
    assert current_call() == CallContext()


@guarantees("P9.told")
@pytest.mark.parametrize("error", [SystemRestingError, SystemBusyError])
def test_an_agent_is_told_when_to_come_back(desk: Desk, error: type[GatewayError]) -> None:
    """In the facts of the refusal, and that the same call may work then."""
    deployment = desk.deployment
    deployment.preparation = replace(deployment.preparation, live=Turning(error(system="erp", retry_after_s=17)))
    refusal = desk.refusal("buyer", DATE_TOOL, **NEW_DATE)

    assert (refusal.code, refusal.retryable) == (error.code, True)
    assert refusal.facts == {"system": "erp", "retry_after_s": 17}
    assert json.loads(desk.recorded()[-1].leaf)["facts"]["code"] == error.code
