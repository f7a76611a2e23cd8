"""The demo plant in a Tryton: every question has the demo plant's own answer, as far as Tryton knows it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.systems.matrix.covering import EXPLAINED, NOTES, QUESTIONS, SYNC, TRIED, TRYTON, Of, covers
from tests.systems.same_answers.asking import NOT_KEPT
from tests.systems.same_answers.by_tool import OF_THE_ERP, of_tool
from tests.systems.same_answers.run import unexplained
from tests.systems.same_answers.tryton import Compared, compare_firm
from tests.systems.tryton.conftest import firm as firm  # noqa: PLC0414 - the rig's fixture, for this folder as well
from tests.systems.tryton.export_plant import Plant
from tests.systems.tryton.firm import Firm
from tests.systems.tryton.known import CHANGES, CREATED

pytestmark = pytest.mark.live

_EXPORTED = {
    "sale.sale": "so_head", "sale.line": "so_item", "purchase.purchase": "po_head", "purchase.line": "po_item",
    "production": "prod_head", "purchase.requisition": "pr_item", "quality.alert": "qual_notif",
    "product.template": "mat_gen", "purchase.product_supplier": "source_list", "stock.shipment.out.return": "rma_item",
    "stock.lot": "batch",
}  # fmt: skip
_CODES = {"101": "purchase_receipt", "131": "production_receipt", "261": "production_issue", "601": "delivery_issue"}
_MADE = {"PCNF", "CNF", "TECO"}  # what is only released may have been taken and brought back
# What decides the rows of a call.
_DECIDED = {"blocked_only", "unconfirmed_only", "usable_only", "hold_only", "lot_id"}
# Tool → records and fields that Tryton does not keep and all its answers name.
_GAPS = {
    "check_availability": {("lot", "expiry_date")},
    "get_budget_status": {("budget", "")},
    "get_capacity_load": {("production_operation", ""), ("work_center_capacity", "")},
    "get_routing": {("routing_operation", ""), ("work_center", "")},
    "list_customer_returns": {
        ("customer_return", "disposition"), ("customer_return", "reason_code"), ("customer_return", "sales_order_line"),
    },
    "list_inspection_lots": {("inspection_lot", "")},
    "list_maintenance_orders": {("maintenance_order", "")},
    "list_match_exceptions": {("supplier_invoice", "block_code")},
    "list_mrp_exceptions": {("mrp_exception", "")},
    "list_planned_orders": {("planned_order", "")},
    "trace_lot": {("lot", "expiry_date")},
}  # fmt: skip


@pytest.fixture(scope="module")
def compared(firm: Firm, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Everything asked once of both."""
    return compare_firm(firm, tmp_path_factory.mktemp("same-tryton"))


@guarantees("P7.same_answers")
def test_everything_that_is_open_was_exported(firm: Firm) -> None:
    """A smaller firm would have fewer differences."""
    plant = Plant(Path(firm.plant))
    assert {model: firm.records[model] for model in _EXPORTED} == {
        model: len(plant.rows(table)) for model, table in _EXPORTED.items()
    }
    open_lines = [row for row in plant.rows("so_item") if row["stat"] == "OPEN"]
    assert (len(open_lines), len([row for row in plant.rows("po_item") if row["stat"] == "OPEN"])) == (260, 120)


@guarantees("P7.same_answers")
def test_every_answer_of_tryton_is_that_of_the_demo_plant(compared: Compared) -> None:
    """Cell by cell; what differs has its reason in the documentation."""
    assert compared.tryton.unlike == {}
    assert len(compared.tryton.asked.calls) > 200


@covers(Of("tool"), TRYTON)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("tool", OF_THE_ERP)
def test_each_tool_answers_as_it_does_over_the_demo_plant(
    compared: Compared, tool: str, record_property: Callable[[str, object], None]
) -> None:
    """Each call of it, those of the questions too; what differs has its reason in the documentation."""
    told = of_tool(tool, compared.reference.asked, compared.tryton.asked, compared.tryton.why)
    record_property(TRIED, (told.alike, told.asked))
    record_property(EXPLAINED, told.explained)
    refused = f"{told.not_kept} calls of {tool} are refused by name: it keeps no field that could decide them"
    record_property(NOTES, [refused] if told.not_kept else [])
    assert told.alike == told.asked > 1


@covers(QUESTIONS, TRYTON)
@guarantees("P7.same_answers")
def test_each_question_is_answered_rightly_or_the_documentation_says_what_tryton_does_not_know(
    compared: Compared, record_property: Callable[[str, object], None]
) -> None:
    """Every one of them, by what the plant's truth says."""
    right = compared.tryton.asked.right
    wrong = {name: compared.page.reason(f"question {name}") for name, one in right.items() if not one}
    record_property(TRIED, (len(right) - len(wrong), len(right)))
    record_property(NOTES, [f"question {name} can't be answered: {why}" for name, why in wrong.items()])
    assert all(wrong.values())
    assert len(wrong) < len(right) / 2


@covers(SYNC, TRYTON)
@guarantees("P7.same_answers")
def test_every_canonical_record_of_tryton_is_that_of_the_demo_plant(compared: Compared) -> None:
    """Field by field; what differs has its reason in the documentation."""
    found = {one.entity: unexplained(one, compared.tryton.why) for one in compared.tryton.records}
    assert {entity: fields for entity, fields in found.items() if fields} == {}


@covers(SYNC, TRYTON)
@guarantees("P7.same_answers", "P7.lots_traced")
def test_the_movements_of_orders_and_deliveries_are_those_that_the_plant_posted(compared: Compared, firm: Firm) -> None:
    """The plant's own list, not what was read back from Tryton: kind, material, lot, quantity, day and document."""
    plant = Plant(Path(firm.plant))
    documents = {row["po_no"] for row in plant.rows("gr_item")} | {row["dlv_no"] for row in plant.rows("dlv_item")}
    documents |= {row["ord_no"] for row in plant.rows("prod_head") if row["stat"] in _MADE}
    posted = Counter(
        (_CODES[row["mv_code"]], row["mat_no"], row["plant"], row["lot_no"], Decimal(row["qty"]), row["posted_at"][:10],
         row["ref_no"])
        for row in plant.rows("mat_move") if row["mv_code"] in _CODES and row["ref_no"] in documents
    )  # fmt: skip
    statement = (
        "SELECT movement_code, material_id, site, lot_id, qty, substr(posted_at, 1, 10), reference_id "
        f"FROM goods_movement WHERE movement_code IN ({', '.join('?' * len(_CODES))})"
    )
    with closing(sqlite3.connect(compared.tryton.deployment.read_model)) as read_model:
        rows = read_model.execute(statement, list(_CODES.values())).fetchall()
    told = Counter((*row[:4], Decimal(row[4]).scaleb(-6), *row[5:]) for row in rows)
    assert sum(posted.values()) > 1_000
    assert (posted - told, told - posted) == (Counter(), Counter())


@guarantees("P7.same_answers")
def test_the_documentation_names_what_tryton_does_not_know_and_nothing_else(compared: Compared) -> None:
    """A field that is mapped one day, or no longer, changes the page."""
    changed = [*CREATED, *(place for places in CHANGES for place in places.split(", "))]
    assert [place for place in (*compared.left_out, *changed) if not compared.page.reason(place)] == []
    for name, right in compared.tryton.asked.right.items():
        assert right or compared.page.reason(f"question {name}"), f"question {name} is answered wrongly"
    assert compared.page.unused == set(), "the page names differences that are none"


@guarantees("P7.same_answers")
def test_what_tryton_does_not_know_is_told_as_a_gap(compared: Compared) -> None:
    """What is not right for want of data is incomplete and names what is missing, or is refused by name."""
    asked = compared.tryton.asked
    for name in (name for name, right in asked.right.items() if not right):
        answers = [call.answer for call in asked.calls[f"question {name}"]]
        told = any(answer.get("complete") is False and answer["gaps"] for answer in answers)
        assert told or answers[-1] == {"refused": NOT_KEPT}, f"question {name}"


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("tool", _GAPS)
def test_what_tryton_does_not_keep_is_a_named_gap_of_the_answer(compared: Compared, tool: str) -> None:
    """Each answer of the tool says which record or field is missing; none of it is told as nothing."""
    calls = [call for made in compared.tryton.asked.calls.values() for call in made if call.tool == tool]
    answers = [call.answer for call in calls if "refused" not in call.answer]
    assert answers
    for answer in answers:
        gaps = {(gap["entity"], gap.get("field", "")) for gap in answer["gaps"]}
        assert _GAPS[tool] <= gaps, f"{tool} names {sorted(gaps)}"


@guarantees("P7.names_what_a_source_lacks")
def test_what_no_field_of_tryton_could_decide_is_refused_and_nothing_else(compared: Compared) -> None:
    """Blocks, confirmations, who may be bought from today and lots of alerts: neither all lines nor none."""
    calls = [call for made in compared.tryton.asked.calls.values() for call in made if "refused" in call.answer]
    assert {(call.tool, *sorted(call.arguments.keys() & _DECIDED)) for call in calls} == {
        ("list_sales_orders", "blocked_only"),
        ("list_purchase_orders", "unconfirmed_only"),
        ("list_supply_sources", "usable_only"),
        ("list_quality_notifications", "hold_only"),
        ("list_quality_notifications", "lot_id"),
    }
    assert {call.answer["refused"] for call in calls} == {NOT_KEPT}
