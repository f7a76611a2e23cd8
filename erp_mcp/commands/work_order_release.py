"""`human_task.request_release`: ask a person on the floor to release an order, with what was looked at before.

Nothing here releases anything: the outcome is a task with a checklist. Who reads it looks for themselves, and releases
the order in the ERP or the shop floor's system, or leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from erp_mcp.commands.human_task import due_checks
from erp_mcp.commands.verdicts import (
    flag,
    live_record,
    need,
    ok,
    person,
    refuse,
    refused,
    rows_of,
    stale_checks,
    text_argument,
)
from erp_mcp.domain import human_task
from erp_mcp.domain.entities.production import MaintenanceOrder, ProductionOrder
from erp_mcp.domain.left_to_people import PERMIT, SPARE_PARTS
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check

NAMED: Final = 5  # materials, orders and lots that are named; the rest are counted
_UNRELEASED: Final = ("Forecast", "Waiting")
_FINISHED: Final = ("Completed", "Closed")


class OrderRow(NamedTuple):
    """An order as the read model found it."""

    system: str
    source_key: str
    order_id: str
    site: str


class NeededRow(NamedTuple):
    """What a production order still needs of a material, in its base unit, 10⁻⁶."""

    line: str
    material_id: str
    qty_open: int
    supply_order_id: str | None


class ChildRow(NamedTuple):
    """An order whose output goes into this one."""

    production_order_id: str
    request_state: str


class OnHandRow(NamedTuple):
    """Unrestricted stock of a material at the site, in its base unit, 10⁻⁶."""

    material_id: str
    lot_id: str | None
    qty: int


class HeldRow(NamedTuple):
    """A lot of a material at the site, and whether it may be used."""

    lot_id: str
    material_id: str
    lot_disposition: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The order that is asked about."""

    facts: CommandFacts
    kind: str  # production or maintenance
    row: OrderRow
    state: str
    releasable: bool

    @property
    def role(self) -> str:
        """Who releases such orders."""
        return "supervisor" if self.kind == "production" else "maintenance"


def request(facts: CommandFacts) -> Draft:
    """Work out the request to release one order.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such order.
        RuleNotEvaluableError: `rule.not_evaluable`, where what belongs on the checklist could not be looked at.
    """
    asked = _asked(facts)
    checks = [*_state(asked), *due_checks(facts)]
    if not any(one.verdict == "refuse" for one in checks):
        checks += [*_checklist(asked), *stale_checks(facts)]
    title = f"Release {asked.kind} order {asked.row.order_id}, or say why not"
    due = text_argument(facts, "due")
    changes = (("role", asked.role), ("site", asked.row.site), ("subject", asked.row.order_id), ("due", due))
    return Draft(
        system=human_task.SYSTEM,
        key="",
        version_token="",
        fields={
            "site": asked.row.site,
            "role": asked.role,
            "title": title,
            "instructions": _instructions(asked, checks),
            "evidence": [],
            "subject": asked.row.order_id,
            "due": due,
        },
        document="",
        headline=f"Ask {asked.role} at site {asked.row.site} to release {asked.kind} order {asked.row.order_id}",
        changes=tuple(Change(field=name, before="", after=value) for name, value in changes if value),
        checks=tuple(checks),
        effects=(
            "Nothing is released by this: a person gets a task, looks for themselves, and releases the order or not.",
            "Undo: the task can be cancelled as long as it is open.",
        ),
    )


def _asked(facts: CommandFacts) -> _Asked:
    kind, order_id = text_argument(facts, "order_type"), text_argument(facts, "order_id")
    need(facts, "R-STATE", kind)
    found = rows_of(facts, kind, OrderRow)
    if len(found) != 1:
        raise refused("R-EXISTS", f"There is no one {kind} order of this number; look it up with find_order.")
    (row,) = found
    if kind == "production":
        order = live_record(facts, kind, row.system, row.source_key, ProductionOrder)
        state, releasable = order.request_state, order.request_state in _UNRELEASED
    else:
        work = live_record(facts, kind, row.system, row.source_key, MaintenanceOrder)
        state, releasable = work.order_state, work.order_state == "open" and work.actual_start is None
    return _Asked(facts=facts, kind=kind, row=row._replace(order_id=order_id), state=state, releasable=releasable)


def _state(asked: _Asked) -> Iterator[Check]:
    if asked.releasable:
        yield ok("R-STATE", f"The order is {asked.state} and not released yet.", state=asked.state)
        return
    known = asked.state if asked.state.isalpha() and len(asked.state) <= 20 else "other"
    yield refuse("R-STATE", "Only an order that is not released, begun or finished can be asked about.", state=known)


def _checklist(asked: _Asked) -> Iterator[Check]:
    if asked.kind == "production":
        need(asked.facts, "R-STAGED", "components", "stock")
        need(asked.facts, "R-PREDECESSOR", "children")
        need(asked.facts, "R-HOLDS", "lots")
        fine = "Of each material there is enough unrestricted stock at the site."
        yield _verdict("R-STAGED", _short(asked.facts), fine, "Not enough unrestricted stock at the site of")
        fine, otherwise = "No order that makes parts of it is unfinished.", "Not finished, and makes parts of it:"
        yield _verdict("R-PREDECESSOR", _unfinished(asked.facts), fine, otherwise)
        fine = "No lot of its materials at the site is on hold."
        yield _verdict("R-HOLDS", _held(asked.facts), fine, "On hold at the site, of its materials:")
    else:
        yield person(SPARE_PARTS)
    yield person(PERMIT)


def _verdict(rule: str, found: Sequence[str], fine: str, otherwise: str) -> Check:
    if not found:
        return ok(rule, fine)
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return flag(rule, f"{otherwise} {', '.join(found[:NAMED])}{more}.", count=len(found))


def _short(facts: CommandFacts) -> list[str]:
    """Return the materials of which the site has less than the order still needs."""
    needed: dict[str, int] = {}
    for one in rows_of(facts, "components", NeededRow):
        needed[one.material_id] = needed.get(one.material_id, 0) + one.qty_open
    held = {one.lot_id for one in rows_of(facts, "lots", HeldRow) if one.lot_disposition == "Restricted"}
    there: dict[str, int] = {}
    for row in rows_of(facts, "stock", OnHandRow):
        if row.lot_id not in held:
            there[row.material_id] = there.get(row.material_id, 0) + row.qty
    return sorted(material for material, qty in needed.items() if qty > max(0, there.get(material, 0)))


def _unfinished(facts: CommandFacts) -> list[str]:
    found = rows_of(facts, "children", ChildRow)
    return sorted(one.production_order_id for one in found if one.request_state not in _FINISHED)


def _held(facts: CommandFacts) -> list[str]:
    return sorted(one.lot_id for one in rows_of(facts, "lots", HeldRow) if one.lot_disposition == "Restricted")


def _instructions(asked: _Asked, checks: Sequence[Check]) -> str:
    """Return the checklist: what was found beforehand, and what only somebody there can see."""
    found = "; ".join(f"{'ok' if one.verdict == 'ok' else 'LOOK'}: {one.message.rstrip('.')}" for one in checks)
    return (
        f"Please look at {asked.kind} order {asked.row.order_id} and decide whether it can be released; release it in"
        f" its own system, or close this task with the reason why not. Found beforehand: {found}."
    )


OPERATION: Final = Operation(
    name=human_task.REQUEST_RELEASE,
    entity=human_task.ENTITY,
    function=request,
    reads={
        "production": OrderRow,
        "maintenance": OrderRow,
        "components": NeededRow,
        "children": ChildRow,
        "stock": OnHandRow,
        "lots": HeldRow,
    },
    live=("production", "maintenance"),
    irreversible="A task is cancelled by a person: erp-mcp tasks cancel.",
)
