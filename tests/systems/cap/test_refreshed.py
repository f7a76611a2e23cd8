"""Over SAP's own protocol: after a write the read model has all that it changed, and little was asked for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final
from unittest import mock

import pytest

from erp_mcp import administration, worker
from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, SystemClock, open_deployment
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.command import Command
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.ports import ChangePage
from tests.guarantees import guarantees
from tests.systems.approving import deploy, permitting
from tests.systems.cap.buying import Buyer, buying
from tests.systems.cap.ordering import Orders, ordering
from tests.systems.cap.planning import Planner, planning
from tests.systems.cap.server import Cap
from tests.systems.cap.test_commit import PATHWAY, system_of
from tests.systems.cap.test_writes import UNITS
from tests.systems.matrix.covering import CREATE_TOOL, DATE_TOOL, PLANNING_TOOL, SALES_DATE_TOOL

pytestmark = pytest.mark.live

RELEASE = PLANNING_TOOL["reservation.release"]
REPORT = PLANNING_TOOL["quality_notification.create"]
TOOLS: Final = (DATE_TOOL, CREATE_TOOL, SALES_DATE_TOOL, RELEASE, REPORT)
_PROFILE: Final = "s4hana"  # over both versions of the protocol; what is touched is the same by either
Rows = Mapping[str, frozenset[tuple[object, ...]]]
Call = tuple[str, Mapping[str, JsonValue]]
_COLUMNS: Final = {
    name: ", ".join(sorted({spec.name for spec in field_specs(entity)} - {"as_of", "system"}))
    for name, entity in ENTITIES.items()
}


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """The entity of each pass that the adapter was asked for."""
    found: list[str] = []
    changes = ODataAdapter.changes

    async def noted(self: ODataAdapter, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        found.append(entity)
        async for page in changes(self, entity, watermark):
            yield page

    with mock.patch.object(ODataAdapter, "changes", noted):
        yield found


@pytest.fixture(scope="module")
def orders(cap: Cap) -> Iterator[Orders]:
    """Somebody who buys and sells beside the gateway, and puts everything back."""
    with ordering(cap) as one:
        yield one


@pytest.fixture(scope="module")
def planner(cap: Cap) -> Iterator[Planner]:
    """Somebody who plans beside the gateway, and puts everything back."""
    with planning(cap) as one:
        yield one


@pytest.fixture(scope="module")
def buyer(cap: Cap) -> Iterator[Buyer]:
    """Somebody who sees what was asked for, and puts it back at the end."""
    with buying(cap) as one:
        yield one


@pytest.fixture
def deployment(cap: Cap, buyer: Buyer, orders: Orders, planner: Planner, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment in which a planner may propose everything."""
    del buyer
    orders.restore()
    orders.prolong()
    folder = tmp_path / "plant"
    system = system_of(folder, cap, cap.url, _PROFILE)
    deploy(folder, _PROFILE, system, declared=("sap", PATHWAY), policy=permitting(*TOOLS))
    opened = open_deployment(folder / "erp-mcp.yaml")
    yield opened
    opened.close()


def a_day(number: int) -> str:
    """Return a day that is ahead, and allowed by any lead time."""
    return (SystemClock().wall().date() + timedelta(days=200 + number)).isoformat()


def rows(deployment: Deployment) -> Rows:
    """Return what the read model holds."""
    with closing(sqlite3.connect(f"file:{deployment.settings.read_model}?mode=ro", uri=True)) as model:
        return {name: frozenset(model.execute(f"SELECT {columns} FROM {name}")) for name, columns in _COLUMNS.items()}


def calls(orders: Orders, planner: Planner) -> Sequence[Call]:
    """Return calls that are carried out together; no two of them touch the same."""
    line, sold, source, held = orders.whole[1], orders.sold[0], orders.sources[0], planner.freed[0]
    need = planner.made_for(held)
    return (
        (RELEASE, {"reservation_id": held.number}),
        (REPORT, {"site": need.plant, "lot_id": need.batch, "defect_code": planner.defect, "request_hold": True,
                  "description": "Every second part of the lot has a scratch along its upper edge."}),
        (DATE_TOOL, {"purchase_order_id": line.order, "line": line.item, "new_date": a_day(20)}),
        (CREATE_TOOL, {"material_id": source.material, "site": source.plant, "qty": "5000",
                       "uom": UNITS[source.unit], "delivery_date": a_day(150)}),
        (SALES_DATE_TOOL, {"sales_order_id": sold.order, "line": sold.item, "new_date": a_day(30)}),
    )  # fmt: skip


def differ(one: Rows, other: Rows) -> set[str]:
    """Return the entities of which two states of the read model do not hold the same."""
    return {name for name in ENTITIES if one[name] != other[name]}


def approved(deployment: Deployment, call: Call) -> Proposal:
    """Propose as the planner and say yes as `bert`."""
    shared = {"reason": "The supplier told us so this morning.", "idempotency_key": f"refreshed-{call[0]}"}
    asking = ToolCall(tool=call[0], arguments={**call[1], **shared}, call_id=f"call-{call[0]}")

    async def proposed() -> str:
        try:
            answer = await deployment.gateway.call(deployment.principal("planner"), asking)
        finally:
            await deployment.disconnect()
        assert isinstance(answer, Answer), (call, answer)
        table = answer.tables["proposal"]
        return str(table.rows[0][table.columns.index("proposal_id")])

    found = deployment.state.proposals.get(asyncio.run(proposed()))
    signing = Signing(approver_id="bert", passphrase="bert keeps four words here")
    return administration.decide(deployment, found, signing, "approve")


def carried_out(deployment: Deployment) -> list[Command]:
    """Let the real worker carry out what is approved, and return what it wrote."""
    done: list[Proposal] = []
    asyncio.run(worker.work_once(deployment, lambda proposal, _lost: done.append(proposal)))
    assert {one.state for one in done} == {State.COMMITTED}, [(one.content.tool, one.state, one.reason) for one in done]
    return [one.content.command for one in done]


@guarantees("P7.refresh", "P7.sync_exact")
def test_what_writes_change_is_read_again_and_nothing_else(
    deployment: Deployment, orders: Orders, planner: Planner, asked: list[str]
) -> None:
    """Five operations on five kinds of documents: a pass over everything finds nothing more that has changed."""
    said = deployment.profile(deployment.system("sap")).touches
    asking = calls(orders, planner)
    for call in asking:
        approved(deployment, call)
    before = rows(deployment)
    asked.clear()
    commands = carried_out(deployment)
    assert len(commands) == len(asking)
    assert sorted(asked) == sorted({entity for one in commands for entity in said[one.operation]})
    after = rows(deployment)
    assert {one.entity for one in commands} <= differ(before, after)
    administration.synchronise(deployment, names=["sap"])
    assert differ(after, rows(deployment)) == set(), [one.operation for one in commands]
