"""After a write the read model has all that it changed, and nothing was read again but what its operation touches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from unittest import mock

import pytest

from erp_mcp import administration
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.bootstrap import Deployment
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain import human_task
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.ports import ChangePage
from tests.faults.plant import DrivenClock
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk
from tests.writes.test_confirm_planned_order import CONVERTIBLE, MAKE
from tests.writes.test_create_purchase_order import TOOL as ORDER
from tests.writes.test_create_purchase_order import for_a_requisition
from tests.writes.test_post_goods_movement import ISSUE, RECEIPT
from tests.writes.test_post_goods_movement import TOOL as MOVE
from tests.writes.test_procurement import BLOCKED, carried_out, once, saga_of

Rows = Mapping[str, frozenset[tuple[object, ...]]]
"""By entity, what the read model holds of the ERP: every field but the age."""
Call = tuple[str, Mapping[str, JsonValue]]
_COLUMNS: Final = {
    name: ", ".join(sorted({spec.name for spec in field_specs(entity)} - {"as_of", "system"}))
    for name, entity in ENTITIES.items()
}
# Where the example of a tool is not what the demo plant would take, or comes too late behind the other tools.
_INSTEAD: Final[Mapping[str, list[Mapping[str, JsonValue]]]] = {
    "propose_reserve_inventory": [
        {
            "material_id": "RM-007", "site": "1000", "qty": "12", "uom": "KGM", "demand_id": "000001000539",
            "need_date": "2026-03-19", "reason": "The order starts this week.", "idempotency_key": "hold-1-of-it",
        }
    ],
}  # fmt: skip


@pytest.fixture
def asked() -> Iterator[list[tuple[str, str]]]:
    """System and entity of each pass that an adapter was asked for."""
    found: list[tuple[str, str]] = []
    changes = SqlAdapter.changes

    async def noted(self: SqlAdapter, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        found.append((self.system, entity))
        async for page in changes(self, entity, watermark):
            yield page

    with mock.patch.object(SqlAdapter, "changes", noted):
        yield found


def rows(read_model: Path) -> Rows:
    """Return what a read model holds of the ERP."""
    with closing(sqlite3.connect(f"file:{read_model}?mode=ro", uri=True)) as model:
        return {
            name: frozenset(model.execute(f"SELECT {columns} FROM {name} WHERE system = 'erp'"))
            for name, columns in _COLUMNS.items()
        }


def differ(one: Rows, other: Rows) -> set[str]:
    """Return the entities of which two read models do not hold the same."""
    return {name for name in ENTITIES if one[name] != other[name]}


def ages(deployment: Deployment) -> dict[str, str]:
    """Return as of when each entity of the ERP is, and whether it was read at all."""
    with closing(deployment.writer()) as writer:
        return {one.entity: f"{one.as_of} {one.attempted_at}" for one in writer.states() if one.system == "erp"}


def touches(deployment: Deployment) -> Mapping[str, tuple[str, ...]]:
    """Return what each operation of the ERP touches, as its profile says."""
    return deployment.profile(deployment.system("erp")).touches


def calls(desk: WriteDesk) -> list[Call]:
    """Return calls of every write tool, such that each is taken behind those before."""
    tools = sorted(
        (one for one in desk.deployment.catalog if one.effect == "write" and one.command in OPERATIONS),
        key=lambda one: (one.name == MOVE, one.name),  # what is held for an order is there before it is taken
    )
    assert {one.command for one in tools} == set(OPERATIONS)
    examples: list[Call] = [
        (tool.name, arguments)
        for tool in tools
        for arguments in _INSTEAD.get(tool.name) or [json.loads(one) for one in tool.examples]
        if tool.name != MOVE
    ]
    more: list[Call] = [  # what else an operation can do
        ("propose_confirm_planned_order", MAKE),
        (ORDER, {**for_a_requisition(desk)[0], "idempotency_key": "plan-2026-20:requisition"}),
        (MOVE, ISSUE),
        (MOVE, {**RECEIPT, "idempotency_key": "store-2026-03-16:receipt"}),
    ]
    return examples + more


def written(desk: WriteDesk, call: Call) -> Proposal:
    """Take one call from the agent over people and the real worker into the ERP."""
    proposal = desk.propose(call[0], **call[1])
    if proposal.state is State.AWAITING_APPROVAL:
        desk.approve(proposal)
    (done,) = desk.work()
    assert done.state is State.COMMITTED, (call[0], done.state, done.reason)
    return done


@guarantees("P7.refresh", "P7.sync_exact")
def test_what_a_write_changes_is_read_again_and_nothing_else(
    timed: WriteDesk, clock: DrivenClock, asked: list[tuple[str, str]]
) -> None:
    """Every operation of the demo ERP in each of its ways: a pass over everything, then a model filled anew, agree."""
    desk, deployment, model = timed, timed.deployment, timed.deployment.settings.read_model
    desk.in_erp(CONVERTIBLE)
    desk.sync()
    said, seen = touches(deployment), dict[str, set[str]]()
    before = rows(model)
    for call in calls(desk):
        asked.clear()
        kept = ages(deployment)
        clock.pass_by(1)  # ages are in whole seconds
        command = written(desk, call).content.command
        if command.system == human_task.SYSTEM:
            assert asked == [], call
            continue
        declared = said[command.operation]
        assert sorted(asked) == sorted(("erp", one) for one in declared), call
        assert {one for one, age in ages(deployment).items() if age != kept[one]} == set(declared), call
        after = rows(model)
        desk.sync()
        before_next = rows(model)
        assert differ(after, before_next) == set(), (call, "changed and not declared")
        seen.setdefault(command.operation, set()).update(differ(before, after))
        before = before_next
    assert seen == {operation: set(entities) for operation, entities in said.items()}, "declared and never changed"

    anew = replace(deployment.settings, read_model=model.with_name("anew.sqlite"))
    other = Deployment(settings=anew, clock=deployment.clock, ids=deployment.ids)
    administration.synchronise(other, names=["erp"], full=True)
    other.close()
    assert differ(before, rows(anew.read_model)) == set()


@guarantees("P7.refresh", "P10.saga")
def test_of_a_saga_what_its_steps_touch_is_read_again(desk: WriteDesk, asked: list[tuple[str, str]]) -> None:
    """A reservation, a budget and an order: their entities once each, when all is written."""
    saga_of(desk)
    asked.clear()
    desk.work()
    said = touches(desk.deployment)
    of_steps = ("reservation.create", "budget.transfer", "purchase_order_line.create")
    assert sorted(asked) == sorted(("erp", one) for one in {entity for step in of_steps for entity in said[step]})
    after = rows(desk.deployment.settings.read_model)
    desk.sync()
    assert differ(after, rows(desk.deployment.settings.read_model)) == set()


@guarantees("P7.refresh", "P10.saga")
def test_before_a_way_back_all_that_it_looks_at_is_read_again(desk: WriteDesk, asked: list[tuple[str, str]]) -> None:
    """By whatever tool something is taken back: it sees what this step wrote, those before it, and other people."""
    saga = saga_of(desk)
    asked.clear()
    saga = carried_out(desk, saga, once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED)))
    assert saga.state is State.COMPENSATED
    back = ("propose_allocate_budget", "propose_release_reservation")
    looked_at = [set(desk.deployment.catalog.tools[name].entities) for name in back]
    offered = set(desk.deployment.profile(desk.deployment.system("erp")).entities)
    before_ways_back = sorted(("erp", one) for entities in looked_at for one in entities & offered)
    assert sorted(asked[: len(before_ways_back)]) == before_ways_back
    parts = desk.deployment.state.proposals.parts(saga.content.proposal_id)
    written_to = {one.content.command.operation for one in parts if one.state is State.COMMITTED}
    at_the_end = {entity for operation in written_to for entity in touches(desk.deployment)[operation]}
    assert sorted(asked[len(before_ways_back) :]) == sorted(("erp", one) for one in at_the_end)
    assert "budget" in looked_at[0]
    assert "reservation" in looked_at[1]
