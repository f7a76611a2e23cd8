"""Budgets: what is left is what was planned less what is committed and spent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "get_budget_status"


@guarantees("P7.exact_numbers", "P7.golden_reads")
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({}, "1 = 1"),
        ({"cost_center_id": "4100-1000"}, "cost_ctr = '4100-1000'"),
        ({"company_code": "2000"}, "company = '2000'"),
        ({"period": "2026"}, "period = '2026'"),
        ({"overspent_only": True}, "CAST(planned AS REAL) < CAST(committed AS REAL) + CAST(actual AS REAL)"),
    ],
)
def test_what_is_left_is_exact(plant: Plant, arguments: dict[str, Any], where: str) -> None:
    """Each filter alone, on small pages, against the ERP's own table by decimals."""
    native = plant.look_up(
        "erp", f"SELECT cost_ctr, period, planned, committed, actual, curr FROM budget WHERE {where} ORDER BY 1, 2"
    )
    found = plant.every(TOOL, **arguments, limit=5)
    told = [
        (row["cost_center_id"], row["period"], Decimal(row["budget"]), Decimal(row["available"]), row["currency"])
        for row in found
    ]
    assert told == [
        (center, period, Decimal(planned), Decimal(planned) - Decimal(committed) - Decimal(actual), currency)
        for center, period, planned, committed, actual, currency in native
    ]
    assert all(row["overspent"] == (Decimal(row["available"]) < 0) for row in found)


@guarantees("P7.no_false_empty")
def test_a_cost_centre_that_does_not_exist_has_no_rows(plant: Plant) -> None:
    """No zeros, and as of when."""
    answer = plant.answer(TOOL, cost_center_id="9999-1000")
    assert rows_of(answer) == []
    assert answer.sources


@guarantees("P1.scope")
def test_a_role_that_is_limited_to_a_site_has_the_budgets_of_its_company_code_alone(plant: Plant) -> None:
    """Cost centres belong to company codes; those of others are answered as those that never were."""
    bought = plant.look_up("erp", "SELECT DISTINCT company FROM po_item WHERE plant = '1000'")
    companies = [name for (name,) in bought]
    never = plant.answer(TOOL, role="local", cost_center_id="9999-1000")
    foreign = [
        plant.answer(TOOL, role="local", **arguments)
        for arguments in ({"cost_center_id": "4100-2000"}, {"company_code": "2000"})
    ]

    assert companies == ["1000"]
    assert {row["company_code"] for row in plant.every(TOOL)} == {"1000", "2000"}
    assert plant.every(TOOL, role="local") == [row for row in plant.every(TOOL) if row["company_code"] in companies]
    for answer in foreign:
        assert (rows_of(answer), answer.complete, answer.warnings) == ([], never.complete, never.warnings)


@guarantees("P8.masks")
def test_who_sees_no_money_sees_no_figure_and_not_whether_it_is_overspent(plant: Plant) -> None:
    """Whether a budget is exceeded tells of its figures."""
    found = plant.every(TOOL, role="moneyless")
    names = ("budget", "committed", "actual", "available", "overspent")
    assert {row[name] for row in found for name in names} == {None}
    assert plant.refusal(TOOL, role="moneyless", overspent_only=True).code == "policy.masked_field"


@guarantees("P7.golden_reads")
def test_a_period_of_the_wrong_form_is_refused(plant: Plant) -> None:
    """A code has no spaces."""
    assert plant.refusal(TOOL, period="last year").code == "call.invalid_argument"
