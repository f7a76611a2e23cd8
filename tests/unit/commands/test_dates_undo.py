"""How dates are taken back: by a call of the tool that set them, or it is said why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.entities import Record
from erp_mcp.domain.operation import Undoing
from erp_mcp.errors import RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import Case
from tests.unit.commands.planning import COMMIT, ORDER, RESCHEDULE
from tests.unit.commands.selling import PROMISE, SALES_LINE

TODAY = "2026-03-16"
PROMISED = replace(SALES_LINE, confirmed_date="2026-03-30")
MOVED = replace(ORDER, planned_start="2026-04-06", planned_finish="2026-04-09", scheduled_start="2026-04-06",
                scheduled_finish="2026-04-09")  # fmt: skip


def back(case: Case, live: Record, *, today: str = TODAY) -> tuple[str, Mapping[str, JsonValue]]:
    """Return tool and arguments of the way back from what a case has written."""
    draft, undo = case.draft(), OPERATIONS[case.operation].undo
    assert undo is not None
    command = Command(
        operation=case.operation, system="erp", entity="", key=draft.key, version_token="", reference="R1",
        fields=draft.fields,
    )  # fmt: skip
    written = Written(document=draft.document, key=draft.key, version_token="v9")
    undoing = Undoing(command=command, changes=draft.changes, written=written, live=live, today=today)
    return undo.tool, undo.function(undoing)


def refusal(case: Case, live: Record, *, today: str = TODAY) -> str:
    """Return the rule that says why there is no way back."""
    with pytest.raises(RuleRefusedError) as refused:
        back(case, live, today=today)
    return str(refused.value.facts["rule"])


@guarantees("P4.undo")
def test_each_date_goes_back_to_the_day_that_people_saw_before() -> None:
    """The call is an ordinary one: rules, limits and an approval of its own come after it."""
    committed = COMMIT.draft()
    assert back(PROMISE, PROMISED) == (
        "propose_update_sales_delivery_date",
        {"sales_order_id": "10", "line": "000010", "new_date": "2026-03-27"},
    )
    assert back(RESCHEDULE, MOVED) == (
        "propose_reschedule_production_order",
        {"production_order_id": "M1", "new_finish": "2026-04-02"},
    )
    assert back(COMMIT, replace(ORDER, planned_finish=str(committed.fields["commit_date"]))) == (
        "propose_confirm_production_order_dates",
        {"production_order_id": "M1", "commit_date": committed.changes[0].before},
    )


@guarantees("P4.undo")
def test_what_was_changed_since_is_left_as_it_is() -> None:
    """Whoever changed it knew something; the agent proposes what is wanted now."""
    assert refusal(PROMISE, SALES_LINE) == "R-UNDO-CHANGED"
    assert refusal(RESCHEDULE, replace(MOVED, planned_finish="2026-04-10")) == "R-UNDO-CHANGED"
    assert refusal(COMMIT, replace(ORDER, planned_finish="2026-05-01")) == "R-UNDO-CHANGED"


@guarantees("P4.undo")
def test_a_day_that_has_passed_is_not_proposed_again() -> None:
    """The rules of the tool would refuse it anyway, and say less."""
    assert refusal(PROMISE, PROMISED, today="2026-03-28") == "R-UNDO-PAST"
    assert refusal(RESCHEDULE, MOVED, today="2026-04-03") == "R-UNDO-PAST"


@guarantees("P4.undo")
def test_an_order_with_two_finishes_and_a_line_without_a_promise_have_no_way_back() -> None:
    """One day for both would be another state than the one before; a day is never taken out."""
    apart = RESCHEDULE.living(order=(replace(ORDER, planned_finish="2026-04-01"),))
    unpromised = PROMISE.living(line=(replace(SALES_LINE, confirmed_date=None),))
    assert refusal(apart, MOVED) == "R-UNDO-INEXACT"
    assert refusal(unpromised, PROMISED) == "R-UNDO-EMPTY"


@guarantees("P4.undo", "docs.agree")
def test_every_operation_has_a_way_back_or_says_in_a_sentence_why_not() -> None:
    """Whoever approves reads it there."""
    for name, operation in OPERATIONS.items():
        assert bool(operation.undo) != bool(operation.irreversible), name
        assert operation.undo is not None or operation.irreversible.endswith("."), name
