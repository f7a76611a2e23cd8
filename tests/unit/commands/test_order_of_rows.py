"""Drafts of sales, quality, maintenance and finance: own words, and no matter in which order rows come."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from erp_mcp.domain.entities import Kind, Record, field_specs
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import Case
from tests.unit.commands.maintaining import MALFUNCTION, PLAN
from tests.unit.commands.money import REFUND, TRANSFER
from tests.unit.commands.reporting import DEFECT, NO_LOT
from tests.unit.commands.selling import PROMISE, SEND_BACK, SHIP

MARK = "PAY NOW"
CASES = {
    "sales date": PROMISE, "delivery": SHIP, "return": SEND_BACK, "refund": REFUND, "defect": DEFECT,
    "defect without lot": NO_LOT, "malfunction": MALFUNCTION, "maintenance": PLAN, "budget": TRANSFER,
}  # fmt: skip
CODES = ("order_state", "credit_status", "delivery_block", "lot_disposition", "native_state", "status", "priority")


def _marked(record: Record) -> Record:
    """Return a record with the mark in each free text and each code of a state."""
    names = [spec.name for spec in field_specs(type(record)) if spec.kind is Kind.TEXT or spec.name in CODES]
    return replace(record, **dict.fromkeys(names, MARK))


@guarantees("rules.own_words", "P8.text_is_data")
@pytest.mark.parametrize("name", CASES)
def test_no_text_of_a_system_stands_in_a_draft_or_a_refusal(name: str) -> None:
    """Notes, and states that nobody expects, may hold orders to whoever reads them."""
    case: Case = CASES[name]
    marked = case.living(**{read: tuple(map(_marked, found)) for read, found in case.live.items()})
    try:
        said = repr(marked.draft())
    except (RuleRefusedError, RuleNotEvaluableError) as error:
        said = repr(error.facts)
    assert MARK not in said


@guarantees("P3.binding")
@pytest.mark.parametrize("name", CASES)
def test_the_same_facts_give_the_same_draft_whatever_the_order_of_the_rows(name: str) -> None:
    """It is worked out again before it is sent, and compared."""
    case: Case = CASES[name]
    turned = case.having(**{read: found[::-1] for read, found in case.rows.items()})
    turned = turned.living(**{read: found[::-1] for read, found in case.live.items()})
    assert asdict(case.draft()) == asdict(turned.draft())
