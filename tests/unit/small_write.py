"""One small write of one operation: fakes at the ports, which give way at each wait, over a real state file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.catalog.proposal_tables import PROPOSE_ARGUMENTS, STATUS_ARGUMENTS, TABLES, status_tables
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.domain.decision import Decision, Obligations, Terms
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.freshness import EntityState, FreshnessBudget
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Change, Check, Verdict
from erp_mcp.domain.tool import Argument, Column, Query, Tool
from erp_mcp.ports import Row, SqlValue
from erp_mcp.preparing import Preparation
from erp_mcp.proposing import AllowedCall, Proposing
from erp_mcp.store.state.sqlite import State

OPERATION = "purchase_order_line.update_delivery_date"
AS_OF = "2026-03-16T05:00:00Z"
PLANT_TIME = datetime(2026, 3, 16, 5, tzinfo=UTC)
WALL_TIME = datetime(2026, 11, 2, 9, tzinfo=UTC)
TERMS = Terms(rule="default", approvers=(), needed=1, self_approval=False, valid_s=14_400)
LINE = PurchaseOrderLine(
    system="erp",
    source_key="line-1",
    version_token="v7",
    as_of=AS_OF,
    purchase_order_id="4500000001",
    line="10",
    site="1000",
    supplier_id="S-1",
    material_id="RM-001",
    qty_ordered=10_000_000,
    qty_received=0,
    qty_open=10_000_000,
    uom="KGM",
    promised_date="2026-03-20",
    order_state="open",
)


class LineRow(NamedTuple):
    """What the operation's read gives."""

    system: str
    source_key: str
    material_id: str


class LateRow(NamedTuple):
    """What the read that it can do without gives."""

    sales_order_id: str


def _columns(*names: str, entity: str = "purchase_order_line") -> tuple[Column, ...]:
    return tuple(Column(name=name, kind="id", fields=(f"{entity}.{name}",)) for name in names)


LINES = Query(
    name="lines",
    sql={"sqlite": "SELECT 1"},
    parameters=("purchase_order_id", "line", "site_scope"),
    columns=_columns("system", "source_key", "material_id"),
    entities=("purchase_order_line",),
    max_rows=500,
)
LATE = Query(
    name="late",
    sql={"sqlite": "SELECT 1"},
    parameters=(),
    columns=_columns("sales_order_id", entity="sales_order"),
    entities=("sales_order",),
    optional=True,
)
PROPOSE = Tool(
    name="propose_update_delivery_date",
    version=1,
    title="Propose a date",
    description="Proposes a date.",
    toolset="procurement",
    effect="write",
    level=4,
    scope="procurement.write",
    arguments=(
        Argument(name="purchase_order_id", type="id", description="", required=True),
        Argument(name="line", type="id", description="", required=True),
        Argument(name="new_date", type="date", description="", required=True),
        *PROPOSE_ARGUMENTS,
    ),
    tables=TABLES,
    reads=(LINES, LATE),
    command=OPERATION,
    risk="W2",
    hash="t" * 64,
)


def status_tool(status: str) -> Tool:
    """Return the tool that asks about proposals, or cancels one."""
    return replace(
        PROPOSE,
        name={"get": "get_proposal", "list": "list_my_proposals", "cancel": "cancel_proposal"}[status],
        effect="status",
        arguments=STATUS_ARGUMENTS[status],
        tables=status_tables(status),
        reads=(),
        command="",
        status=status,
    )


def change_date(facts: CommandFacts) -> Draft:
    """Work the change of a date out, as an operation does."""
    (line,) = facts.live["lines"]
    assert isinstance(line, PurchaseOrderLine)
    new_date = str(facts.arguments["new_date"])
    verdict: Verdict = "refuse" if new_date < facts.today else "ok"
    return Draft(
        system=line.system,
        key=line.source_key,
        version_token=line.version_token,
        fields={"purchase_order_id": line.purchase_order_id, "line": line.line, "new_date": new_date},
        document=line.purchase_order_id,
        headline=f"Move the delivery of {line.purchase_order_id}/{line.line} to {new_date}",
        changes=(Change(field="promised_date", before=line.promised_date or "", after=new_date),),
        checks=(
            Check(
                rule="R-FUTURE", verdict=verdict, message="The date is today or later.", facts={"today": facts.today}
            ),
            Check(rule="R-SECOND", verdict=verdict, message="Another rule."),
        ),
        effects=tuple(f"{gap} was not looked at." for gap in facts.gaps),
        amounts={"value": "1250.00", "currency": "EUR", "material_id": line.material_id},
    )


@dataclass
class Clocks:
    """Both clocks as the test sets them."""

    plant_time: datetime = PLANT_TIME
    wall_time: datetime = WALL_TIME

    def wall(self) -> datetime:
        """Return the set time of day."""
        return self.wall_time

    def plant(self) -> datetime:
        """Return the set plant time."""
        return self.plant_time

    def steady(self) -> float:
        """Return seconds that go along with the set time of day."""
        return self.wall_time.timestamp()

    def pass_by(self, seconds: int) -> None:
        """Let the time of day go on."""
        self.wall_time += timedelta(seconds=seconds)


class CountedIds:
    """UUIDs that count in their time, as time-ordered ones do."""

    def __init__(self) -> None:
        """Begin at one."""
        self._last = 0

    def new(self) -> str:
        """Return the next one."""
        self._last += 1
        return f"{self._last:012x}70008000{self._last:012x}"


@dataclass
class Copied:
    """A read model that gives way before it answers."""

    rows_of: dict[str, list[Row]] = field(
        default_factory=lambda: {"lines": [("erp", "line-1", "RM-001")], "late": [("0010000001",)]}
    )
    as_of: dict[str, str] = field(default_factory=lambda: {"purchase_order_line": AS_OF, "sales_order": AS_OF})
    asked: list[Mapping[str, SqlValue]] = field(default_factory=list)

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        """Return the set rows."""
        await asyncio.sleep(0)
        assert deadline_s > 0
        self.asked.append(parameters)
        return self.rows_of[query.name][: query.max_rows + 1]

    async def states(self) -> Mapping[str, tuple[EntityState, ...]]:
        """Return the set ages."""
        await asyncio.sleep(0)
        return {
            entity: (EntityState(system="erp", entity=entity, as_of=as_of, rows=1, complete=True),)
            for entity, as_of in self.as_of.items()
        }


@dataclass
class Live:
    """Systems that give way before they answer, fail as they are told, or never answer."""

    records: dict[str, Record] = field(default_factory=lambda: {"line-1": LINE})
    failure: Exception | None = None
    hangs: bool = False
    asked: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    async def read(self, system: str, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the records that are there."""
        await asyncio.sleep(0)
        self.asked.append((system, entity, tuple(keys)))
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()
        return tuple(self.records[key] for key in keys if key in self.records)


@dataclass
class SmallWrite:
    """Everything around one proposing tool."""

    copied: Copied = field(default_factory=Copied)
    live: Live = field(default_factory=Live)
    clocks: Clocks = field(default_factory=Clocks)
    ids: CountedIds = field(default_factory=CountedIds)
    obligations: Obligations = field(default_factory=lambda: Obligations(sites=("1000",), approval=TERMS))
    writable: dict[str, frozenset[str]] = field(default_factory=lambda: {"erp": frozenset({OPERATION})})
    slept: list[float] = field(default_factory=list)

    def preparation(self, *, deadline_s: float = 5.0) -> Preparation:
        """Return what works out changes."""
        reads = {"lines": LineRow, "late": LateRow}
        operation = Operation(
            name=OPERATION, entity="purchase_order_line", function=change_date, reads=reads, live=("lines",)
        )
        return Preparation(
            read_model=self.copied,
            live=self.live,
            operations={OPERATION: operation},
            writable=self.writable,
            budgets={name: FreshnessBudget(entity=name, budget_s=300, cadence_s=60) for name in self.copied.as_of},
            clock=self.clocks,
            zone=UTC,
            deadline_s=deadline_s,
        )

    def proposing(self, state: State) -> Proposing:
        """Return what makes proposals, over a real state file."""

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.clocks.wall_time += timedelta(seconds=seconds)
            await asyncio.sleep(0)

        return Proposing(
            proposals=state.proposals,
            preparation=self.preparation(),
            clock=self.clocks,
            watch=ClockWatch(self.clocks),
            ids=self.ids,
            cursor_key=b"k" * 32,
            deployment="test",
            environment="development",
            target=lambda name: f"what {name} stands for",
            sleep=sleep,
        )

    def state(self, directory: Path) -> State:
        """Open the state file."""
        return State(directory / "state", clock=self.clocks, ids=self.ids)

    def wish(self, tool: Tool = PROPOSE, *, agent: str = "buyer", **arguments: JsonValue) -> AllowedCall:
        """Return an allowed call; a proposing one has right arguments where none are given."""
        from erp_mcp.catalog.arguments import check

        given: dict[str, JsonValue] = {**(RIGHT if tool is PROPOSE else {}), **arguments}
        checked: CheckedArguments = check(tool, given)
        return AllowedCall(
            principal=Principal(agent=agent, owner=f"{agent}-owner", role="buyer"),
            tool=tool,
            call=ToolCall(tool=tool.name, arguments=given, call_id="call-1"),
            checked=checked,
            decision=Decision(allowed=True, rules=("buyers-propose",), bundle="b" * 64),
            obligations=self.obligations,
        )


RIGHT: dict[str, JsonValue] = {
    "purchase_order_id": "4500000001",
    "line": "10",
    "new_date": "2026-03-24",
    "reason": "The supplier asked for it by mail.",
    "idempotency_key": "key-00000001",
}
