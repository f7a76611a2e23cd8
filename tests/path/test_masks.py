"""Masks judged from outside: what an agent is told must not depend on a value that is masked for it."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue
from erp_mcp.policy.bundle import from_document
from tests.guarantees import guarantees
from tests.path.conftest import Desk

FIELDS = [
    "sales_order_line.open_value",
    "sales_order_line.order_state",
    "sales_order_line.credit_status",
    "sales_order.customer_reference",
    "delivery.actual_goods_issue",
    "purchase_order_line.price",
    "purchase_order_line.qty_open",
    "purchase_order_line.promised_date",
    "production_order.request_state",
    "production_component.qty_open",
    "reservation.qty",
    "lot.lot_disposition",
    "quality_notification.order_state",
    "quality_notification.lot_id",
    "quality_notification.site",
    "routing_operation.work_center_id",
    "sales_order.customer_id",
    "supply_source.supplier_id",
]


Question = tuple[str, dict[str, JsonValue]]


def _questions(desk: Desk) -> list[Question]:
    orders: list[JsonValue] = [
        row["sales_order_id"] for row in desk.rows("planner", "list_sales_orders", "lines", late_only=True)
    ]
    made: list[JsonValue] = [
        row["production_order_id"] for row in desk.rows("planner", "list_production_orders", "orders")
    ]
    material: JsonValue = desk.rows("planner", "list_purchase_orders", "lines")[0]["material_id"]
    lists: list[Question] = [
        ("list_sales_orders", {"limit": 200}),
        ("list_sales_orders", {"status": ["open", "closed", "cancelled"]}),
        ("list_purchase_orders", {"limit": 200}),
        ("list_purchase_orders", {"overdue_only": True}),
        ("list_production_orders", {"limit": 200}),
        ("rank_expedite_candidates", {}),
        ("list_wip_jobs", {}),
        ("list_hold_lots", {}),
        ("list_hold_lots", {"site": "1000"}),
        ("list_quality_notifications", {"site": "1000"}),
        ("list_supply_sources", {"limit": 200}),
        ("get_routing", {"material_id": "FG-001"}),
        ("get_plant_briefing", {}),
        ("get_sales_order", {"sales_order_id": orders[0]}),
        ("find_order", {"reference": orders[0]}),
        ("get_stock", {"material_id": material}),
        ("get_supply_demand", {"material_id": material}),
    ]
    explained: list[Question] = [("explain_late_order", {"sales_order_id": order}) for order in orders[:3]]
    short: list[Question] = [("get_shortages_for_order", {"production_order_id": one}) for one in made[:3]]
    return lists + explained + short


def _told(desk: Desk, questions: list[Question]) -> list[str]:
    """Return what each question gets, without ids of calls and cursors, which differ each time."""
    told: list[str] = []
    for tool, arguments in questions:
        outcome = desk.ask("planner", tool, **arguments)
        if isinstance(outcome, Answer):
            tables = {name: table.rows for name, table in outcome.tables.items()}
            shown = [tables, outcome.complete, outcome.warnings, bool(outcome.next_cursor)]
            told.append(json.dumps([tool, arguments, shown]))
        else:
            told.append(json.dumps([tool, arguments, outcome.code, outcome.facts]))
    return told


@contextmanager
def _shuffled(desk: Desk, field: str) -> Iterator[None]:
    """Deal the values of one field out to other rows of the read model."""
    entity, name = field.split(".")
    with sqlite3.connect(desk.directory / "read_model.sqlite") as model:
        rows = model.execute(f"SELECT {name}, rowid FROM {entity}").fetchall()
        values = [value for value, _ in rows]
        random.Random(1).shuffle(values)
        change = f"UPDATE {entity} SET {name} = ? WHERE rowid = ?"
        model.executemany(change, [(value, row) for value, (_, row) in zip(values, rows, strict=True)])
    yield


def _mask(desk: Desk, field: str, way: str) -> None:
    """Hide a field from the planner."""
    bundles = desk.deployment.state.bundles
    digest, text = bundles.active()
    document = json.loads(text)
    document["roles"]["planner"]["masks"] = [{"id": "hidden", "field": field, "way": way, "edges": []}]
    masked = from_document(document)
    bundles.put_bundle(masked.digest, masked.text, applied_by="test", previous=digest)


@guarantees("P8.masks")
@pytest.mark.parametrize("field", FIELDS)
def test_no_answer_depends_on_the_values_of_a_masked_field(field: str, desk: Desk) -> None:
    """Neither cells nor the choice, order or number of rows may tell: not by a filter, a default, an analysis."""
    questions = _questions(desk)
    _mask(desk, field, "drop")

    before = _told(desk, questions)
    with _shuffled(desk, field):
        after = _told(desk, questions)

    assert after == before


@guarantees("P8.masks", "P1.default_deny")
@pytest.mark.parametrize(
    ("field", "tool"),
    [
        ("sales_order_line.open_value", "rank_expedite_candidates"),
        ("supplier_invoice.amount", "list_match_exceptions"),
        ("job.qty_good", "compare_order_erp_mes"),
    ],
)
def test_an_analysis_that_reckons_with_a_token_is_refused_and_does_not_break(field: str, tool: str, desk: Desk) -> None:
    """Also where the row is only made for its page: the refusal names the rule, and nothing is called internal."""
    assert isinstance(desk.ask("planner", tool), Answer)
    _mask(desk, field, "hash")
    assert desk.refusal("planner", tool).code == "policy.not_allowed"
