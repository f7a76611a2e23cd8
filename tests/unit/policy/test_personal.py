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
        ("x", ["5", 7, None, True]),
        ("propose_something", {"reason": "The supplier wrote a mail about the badge.", "idempotency_key": "mail-7"}),
    ],
)
def test_other_questions_are_not(name: str, arguments: JsonValue) -> None:
    """A typo stays a typo, so that the caller is told what was meant."""
    assert not personal.asks(name, arguments)
