"""What counts as asking about a person, and what does not."""

from __future__ import annotations

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.policy import personal
from tests.guarantees import guarantees


@guarantees("P8.no_person")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_operator", {}),
        ("listEmployees", {}),
        ("list_wip_jobs", {"operator_badge": "B-1"}),
        ("list_wip_jobs", {"confirmed_by": "x"}),
        ("list_wip_jobs", {"fields": [{"operator": True}]}),
        ("get_supplier", {"with": {"contact": {"phone": 1}}}),
        ("wer", {"frage": {"Mitarbeiter": "ja"}}),
        ("list_wip_jobs", {"bedienernummer": "7"}),
        ("list_wip_jobs", {"operatorName": "x"}),
        ("list_goods_movements", {"USNAM": "x"}),
        ("list_inspection_lots", {"inspected_by": "x"}),
        ("get_supplier", {"contact": True}),
    ],
)
def test_a_question_about_a_person_is_recognised(name: str, arguments: dict[str, JsonValue]) -> None:
    """In names, keys and texts, however they are written."""
    assert personal.asks(name, arguments)


@guarantees("P8.no_person")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_stok", {"material": "RM-013"}),
        ("list_orders", {"sort_by": "date", "grouped by": "site"}),
        ("list_sales_orders", {"customer": "C00032"}),
        ("get_operations", {"work_center": "ASM-01"}),
        ("cooperate", {"personalised": "no"}),
        ("list_contracts", {"contract": "4711"}),
        ("get_supplier", {"address": True}),
        ("x", ["5", 7, None, True]),
        ("propose_something", {"reason": "The supplier wrote a mail about the badge.", "idempotency_key": "mail-7"}),
    ],
)
def test_other_questions_are_not(name: str, arguments: JsonValue) -> None:
    """A typo stays a typo, so that the caller is told what was meant."""
    assert not personal.asks(name, arguments)


@guarantees("P8.no_person")
@pytest.mark.parametrize(
    "text",
    [
        "Wer hat Charge L000803 gebucht?",
        "who worked on job J-1",
        "Mitarbeiternr",
        "gepru\u0308ft: welcher Pru\u0308fer",
        "opertor of the machine",
        "emploee",
        "Beidener",
        "operaator",
        "phone of the driver",
        "HR data",
        "hr_records",
        "approver name",
        "Genehmiger der Bestellung",
        "Handy",
        "handy_nr",
        "Handy vom Schichtführer",
        "Wer ist verantwortlich",
        "Wer ist dafür zuständig?",
        "who is responsible for this order",
    ],
)
def test_it_is_recognised_in_german_in_compounds_and_with_a_slip_of_the_pen(text: str) -> None:
    """Also where letters with marks come in two pieces, as some systems type them."""
    assert personal.mentions(text)


@guarantees("P8.no_person")
@pytest.mark.parametrize(
    "text",
    [
        "who supplies RM-013",
        "wer wartet auf diesen Auftrag",
        "which operations are late",
        "contracts with suppliers",
        "sorted by date",
        "stock by site",
        "downtime in hr",
        "8 hr shifts",
        "a handy overview of stock",
        "responsible for the delay: which supplier",
        "approved orders",
    ],
)
def test_a_question_about_orders_customers_or_suppliers_is_none(text: str) -> None:
    """Who waits and who delivers are companies."""
    assert not personal.mentions(text)
