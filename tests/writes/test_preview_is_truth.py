"""What people are shown is what happens: over generated changes, the preview is the difference in the records.

The records before and after are those of the read model, a synchronisation apart; a field that changed and is not shown
is found as well as one that is shown and did not change.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

import pytest

from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.days import shift
from erp_mcp.domain.entities import ENTITIES, Kind, Record, field_specs
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk

TODAY: Final = "2026-03-16"
TRIES: Final = 30
ENOUGH: Final = 5
# The read model keeps numbers as whole ones of these parts.
_PARTS: Final = {Kind.QUANTITY: Decimal(10**6), Kind.MONEY: Decimal(10**4)}
_OF_THE_MODEL: Final = frozenset({"version_token", "as_of", "pass_number"})

Row = Mapping[str, str]
Kept = tuple[str | int | None, ...]  # entity, key in the system, values of its fields
Cell = tuple[str, str, str]  # entity, key in the system, field
Change = tuple[str, str]  # before, after
Arguments = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Way:
    """How changes by one tool are made up.

    Attributes:
        tool: Its name, without `propose_`.
        candidates: SELECT on the read model for records that may pass.
        arguments: Makes a change of one of them.
        follows: Entities and fields that the ERP works out of the change, told in words or not of any record's own.
        named: Fields that the preview calls by another name than the record; an empty one is not in the record.
    """

    tool: str
    candidates: str
    arguments: Callable[[Random, Row], Arguments]
    follows: frozenset[tuple[str, str]] = frozenset()
    named: Mapping[str, str] = field(default_factory=dict)


def _day(chance: Random, latest: int = 120) -> str:
    return shift(TODAY, chance.randint(-3, latest))


def _price(chance: Random, row: Row) -> str:
    return str((Decimal(row["price"]) / _PARTS[Kind.MONEY] * chance.randint(93, 107) / 100).quantize(Decimal("0.0001")))


def _purchase_change(chance: Random, row: Row) -> Arguments:
    wanted: Arguments = {"purchase_order_id": row["purchase_order_id"], "line": row["line"]}
    if chance.random() < 0.7:
        wanted["qty"] = str(
            (Decimal(row["qty_ordered"]) / _PARTS[Kind.QUANTITY] * chance.randint(80, 130) / 100).quantize(Decimal(1))
        )
    if chance.random() < 0.5:
        wanted["price"] = _price(chance, row)
    if len(wanted) == 2 or chance.random() < 0.4:
        wanted["delivery_date"] = _day(chance)
    return wanted


def _sales_price(chance: Random, row: Row) -> str:
    each = Decimal(row["net_value"]) / _PARTS[Kind.MONEY] / (Decimal(row["qty_ordered"]) / _PARTS[Kind.QUANTITY])
    return str((each * chance.randint(95, 107) / 100).quantize(Decimal("0.01")))


_OPEN_LINES: Final = "SELECT * FROM purchase_order_line WHERE order_state = 'open' AND release_state = 'released'"
_OPEN_SALES: Final = "SELECT * FROM sales_order_line WHERE order_state = 'open'"
_MADE: Final = "SELECT * FROM production_order WHERE request_state IN ('Waiting', 'Released')"
WAYS: Final = (
    Way(
        tool="update_delivery_date",
        candidates=_OPEN_LINES,
        arguments=lambda chance, row: {
            "purchase_order_id": row["purchase_order_id"], "line": row["line"], "new_date": _day(chance),
        },
        follows=frozenset({
            ("purchase_order_line", "promise_changed_at"), ("purchase_schedule_line", "promised_date"),
            ("supplier_confirmation", "*"),
        }),
    ),
    Way(
        tool="change_purchase_order",
        candidates=_OPEN_LINES,
        arguments=_purchase_change,
        follows=frozenset({
            *(("purchase_order_line", name) for name in ("open_value", "qty_open", "qty_open_base", "release_state")),
            *(("purchase_schedule_line", name) for name in ("qty_open", "qty_ordered", "requested_date")),
        }),
        named={"qty": "qty_ordered", "delivery_date": "requested_date"},
    ),
    Way(
        tool="update_sales_delivery_date",
        candidates=_OPEN_SALES,
        arguments=lambda chance, row: {
            "sales_order_id": row["sales_order_id"], "line": row["line"], "new_date": _day(chance),
        },
    ),
    Way(
        tool="update_sales_price",
        candidates=_OPEN_SALES,
        arguments=lambda chance, row: {
            "sales_order_id": row["sales_order_id"], "line": row["line"], "new_price": _sales_price(chance, row),
        },
        follows=frozenset({("sales_order_line", "open_value"), ("sales_order", "net_value")}),
        named={"price": ""},
    ),
    Way(
        tool="update_purchase_price",
        candidates="SELECT * FROM supply_source WHERE price > 0 AND NOT blocked",
        arguments=lambda chance, row: {
            "material_id": row["material_id"], "supplier_id": row["supplier_id"], "site": row["site"],
            "new_price": _price(chance, row),
        },
    ),
    Way(
        tool="reschedule_production_order",
        candidates=_MADE,
        arguments=lambda chance, row: {
            "production_order_id": row["production_order_id"], chance.choice(["new_finish", "new_start"]): _day(chance),
        },
        follows=frozenset({
            ("production_component", "need_date"), ("production_operation", "planned_start"),
            ("production_operation", "planned_finish"),
        }),
    ),
    Way(
        tool="confirm_production_order_dates",
        candidates=_MADE,
        arguments=lambda chance, row: {
            "production_order_id": row["production_order_id"], "commit_date": _day(chance),
        },
    ),
)  # fmt: skip


@guarantees("P3.live_preview", "P4.one_effect")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.tool)
def test_what_changes_in_the_records_is_what_the_preview_showed(desk: WriteDesk, way: Way) -> None:
    """Nothing beyond it, nothing short of it, to the last digit."""
    model = desk.directory / "read_model.sqlite"
    asked = _proposed(desk, way, Random(f"preview of {way.tool}"))
    before = _records(model)
    for one in asked:
        desk.approve(one)

    done = desk.work()

    assert [one.state for one in done] == [State.COMMITTED] * len(asked), [(one.state, one.reason) for one in done]
    shown = {
        (_entity(one), one.content.command.key, way.named.get(change.field, change.field)): (
            _plain(change.before),
            _plain(change.after),
        )
        for one in asked
        for change in one.content.preview.changes
        if way.named.get(change.field, change.field)
    }
    assert _difference(before, _records(model), way.follows) == shown


def _proposed(desk: WriteDesk, way: Way, chance: Random) -> list[Proposal]:
    """Propose for one record after another, each once, until enough of them wait for people."""
    with closing(sqlite3.connect(desk.directory / "read_model.sqlite")) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute(f"{way.candidates} ORDER BY system, source_key")]
    untouched = desk.dump()
    asked: list[Proposal] = []
    for number, row in enumerate(chance.sample(rows, min(TRIES, len(rows)))):
        wanted = way.arguments(chance, row)
        key = f"{way.tool}:{number}"
        reason = "Made up to compare what is shown with what happens."
        answered = desk.ask(f"propose_{way.tool}", **wanted, reason=reason, idempotency_key=key)
        if isinstance(answered, Answer):
            table = answered.tables["proposal"]
            told = dict(zip(table.columns, table.rows[0], strict=True))
            asked.append(desk.proposal(str(told["proposal_id"])))
        if len(asked) == ENOUGH:
            break
    assert len(asked) == ENOUGH, f"only {len(asked)} of {TRIES} changes came to wait for people"
    assert desk.dump() == untouched
    return asked


def _entity(proposal: Proposal) -> str:
    return proposal.content.command.operation.partition(".")[0]


def _records(model: Path) -> set[Kept]:
    """Return each record of the ERP as it is kept."""
    with closing(sqlite3.connect(f"file:{model}?mode=ro", uri=True)) as database:
        return {
            (name, *row)
            for name, entity in ENTITIES.items()
            for row in database.execute(
                f"SELECT source_key, {', '.join(_fields(entity))} FROM {name} WHERE system = 'erp'"
            )
        }


def _fields(entity: type[Record]) -> dict[str, Kind]:
    return {spec.name: spec.meaning.kind for spec in field_specs(entity) if spec.name not in _OF_THE_MODEL}


def _cells(records: set[Kept]) -> dict[Cell, str]:
    """Return each field of records, in the words of a preview."""
    return {
        (str(name), str(key), field): _worded(value, kind)
        for name, key, *values in records
        for (field, kind), value in zip(_fields(ENTITIES[str(name)]).items(), values, strict=True)
    }


def _worded(value: str | int | None, kind: Kind) -> str:
    if value is None:
        return ""
    return _plain(str(Decimal(value) / _PARTS[kind] if kind in _PARTS else value))


def _difference(before: set[Kept], after: set[Kept], follows: frozenset[tuple[str, str]]) -> dict[Cell, Change]:
    old, new = _cells(before - after), _cells(after - before)
    return {
        cell: (old.get(cell, ""), new.get(cell, ""))
        for cell in old.keys() | new.keys()
        if old.get(cell, "") != new.get(cell, "") and follows.isdisjoint([(cell[0], cell[2]), (cell[0], "*")])
    }


def _plain(text: str) -> str:
    """Return a number without zeros at its end, any other text as it is."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    return f"{number.normalize():f}"
