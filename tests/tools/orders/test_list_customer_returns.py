"""`list_customer_returns` against the ERP's own table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

STATES = {"OPEN": "open", "RECV": "received", "CLSD": "closed"}
WHAT_BECOMES = {"PEND": "pending", "REST": "restock", "REPR": "repair", "SCRP": "scrap", "CRED": "credit_only"}
EVERY: dict[str, Any] = {"status": ["open", "received", "closed"]}


def _shown(plant: Plant, **arguments: Any) -> set[tuple[str, str]]:
    return {(row["return_id"], row["line"]) for row in plant.every("list_customer_returns", **arguments)}


@guarantees("P7.exact_numbers")
def test_returns_that_are_not_closed_come_without_being_asked_for(plant: Plant, erp: Native) -> None:
    """Each with what the ERP knows of it, to the last digit."""
    found = {
        (row["return_id"], row["line"], row["customer_id"], row["sales_order_id"], row["material_id"], row["lot_id"],
         float(row["qty"]), row["uom"], row["created_on"], row["reason_code"], row["disposition"], row["order_state"])
        for row in plant.every("list_customer_returns")
    }  # fmt: skip
    kept = erp(
        "SELECT rma_no, item_no, cust_no, so_no, mat_no, lot_no, CAST(qty AS REAL), uom, created_on, reason, disp, "
        "stat FROM rma_item WHERE stat <> 'CLSD'"
    )
    assert found == {(*row[:10], WHAT_BECOMES[row[10]], STATES[row[11]]) for row in kept}
    assert found


@guarantees("P7.exact_numbers")
def test_the_open_ones_are_those_that_the_generator_planted(plant: Plant, truth: Native) -> None:
    """Counted by who made them, not by the table that is asked."""
    planted = {key for (key,) in truth("SELECT id FROM truth_exception WHERE class_ = 'return_open'")}
    shown = _shown(plant)
    assert planted
    assert planted in ({number for number, _ in shown}, {f"{number}/{line}" for number, line in shown})


@guarantees("P7.stable_paging")
def test_pages_of_three_give_the_same_returns_as_one_answer(plant: Plant, erp: Native) -> None:
    """None missing, none twice."""
    assert _shown(plant, **EVERY, limit=3) == _shown(plant, **EVERY) == set(erp("SELECT rma_no, item_no FROM rma_item"))


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("argument", "column"),
    [("customer_id", "cust_no"), ("sales_order_id", "so_no"), ("material_id", "mat_no"), ("lot_id", "lot_no"),
     ("site", "plant"), ("status", "stat")],
)  # fmt: skip
def test_each_filter_keeps_exactly_what_it_says(plant: Plant, erp: Native, argument: str, column: str) -> None:
    """One by one, with the value of the first return."""
    sql = f"SELECT {column} FROM rma_item WHERE NULLIF({column}, '') IS NOT NULL ORDER BY rma_no LIMIT 1"
    (value,) = erp(sql)[0]
    asked: Any = [STATES[value]] if argument == "status" else value
    kept = set(erp(f"SELECT rma_no, item_no FROM rma_item WHERE {column} = ?", value))
    assert _shown(plant, **{**EVERY, argument: asked}) == kept


@guarantees("P7.exact_numbers")
def test_a_window_of_creation_has_both_its_ends(plant: Plant, erp: Native) -> None:
    """The first and the last day belong to it."""
    (first,), (last,) = erp("SELECT MIN(created_on) FROM rma_item") + erp("SELECT MAX(created_on) FROM rma_item")
    every = set(erp("SELECT rma_no, item_no FROM rma_item"))
    assert _shown(plant, **EVERY, created_from=first, created_to=last) == every
    assert _shown(plant, **EVERY, created_to=first) < every


@guarantees("P1.scope", "P7.no_false_empty")
def test_a_return_of_another_site_and_an_unknown_customer_look_alike(plant: Plant, erp: Native) -> None:
    """To a reader of one site."""
    order = erp("SELECT so_no FROM rma_item WHERE plant = '2000' AND so_no <> '' LIMIT 1")
    elsewhere = order[0][0] if order else "0010000266"
    answers = [
        plant.answer("list_customer_returns", role="local", **EVERY, sales_order_id=one)
        for one in (elsewhere, "0019999999")
    ]
    assert [one.tables["returns"].rows for one in answers] == [[], []]
    assert answers[0].warnings == answers[1].warnings


@guarantees("input.clear_errors")
def test_an_unknown_state_is_named(plant: Plant) -> None:
    """With what would pass."""
    refused = plant.refusal("list_customer_returns", status=["lost"])
    assert refused.code == "call.invalid_argument"
    assert refused.facts["argument"] == "status"


@guarantees("P7.names_what_a_source_lacks", "P7.no_false_empty")
def test_a_lot_that_is_not_kept_can_not_be_asked_for(plant: Plant) -> None:
    """Refused and named: an empty table would say that nobody sent it back."""
    with plant.lacking(customer_return="lot_id"):
        refused = plant.refusal("list_customer_returns", lot_id="L000001")
        listed = plant.answer("list_customer_returns")
    assert refused.code == "answer.field_not_kept"
    assert [gap.name for gap in listed.gaps] == ["customer_return.lot_id"]
    assert rows_of(listed)
