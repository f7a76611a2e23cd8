"""The steps of a procurement: prepared together, carried out one after the other, and each taken back again."""

from __future__ import annotations

from typing import Any, Final

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk

RESERVE, BUDGET, ORDER = "propose_reserve_inventory", "propose_allocate_budget", "propose_create_purchase_order"
STEPS: Final[dict[str, dict[str, JsonValue]]] = {
    RESERVE: {
        "material_id": "RM-007",
        "site": "1000",
        "qty": "20.5",
        "uom": "KGM",
        "demand_id": "000001000539",
        "need_date": "2026-03-19",
    },
    BUDGET: {
        "from_cost_center_id": "4100-1000",
        "to_cost_center_id": "4200-1000",
        "period": "2026",
        "amount": "800.00",
        "purpose_code": "project",
    },
    ORDER: {
        "supplier_id": "S0003",
        "site": "1000",
        "lines": [{"material_id": "RM-007", "qty": "30", "uom": "KGM", "delivery_date": "2026-04-20"}],
    },
    "propose_create_human_task": {
        "site": "1000",
        "role": "planner",
        "title": "Stock, budget and order are made",
        "instructions": "What you asked for is reserved, paid for and ordered. Please tell whoever waits for it.",
        "subject_id": "000001000539",
    },
}
WHY: Final[dict[str, JsonValue]] = {"reason": "The order needs more than is there.", "idempotency_key": "proc-0001"}
# What counts of the plant: what is held, what is planned per cost centre, what is still to come and what it costs.
STANDING: Final = (
    "SELECT mat_no, plant, lot_no, dem_type, dem_no, dem_item, qty FROM resv WHERE qty <> '0.000' ORDER BY 1, 6",
    "SELECT cost_ctr, period, company, planned, committed, actual, curr FROM budget ORDER BY 1, 2",
    "SELECT po_no, item_no, qty_open, open_value FROM po_item WHERE stat = 'OPEN' ORDER BY 1, 2",
    "SELECT mat_no, plant, sloc, lot_no, stk_type, qty FROM stock_qty ORDER BY 1, 2, 3, 4, 5",
    "SELECT pr_no, item_no, stat FROM pr_item ORDER BY 1, 2",
)


def standing(desk: WriteDesk) -> list[list[tuple[Any, ...]]]:
    """Return what counts of the plant, row by row."""
    return [desk.erp(statement) for statement in STANDING]


def back(done: Proposal, key: str = "proc-0001:undo") -> dict[str, JsonValue]:
    """Return the arguments of a call that takes a proposal back."""
    return {"proposal_id": done.content.proposal_id, "reason": "It is not wanted after all.", "idempotency_key": key}


def carried_out(desk: WriteDesk, tool: str) -> Proposal:
    """Carry one step out."""
    proposed = desk.propose(tool, **STEPS[tool], **WHY)
    desk.approve(proposed)
    desk.written()
    return desk.proposal(proposed.content.proposal_id)


@guarantees("P4.one_effect", "P4.stale")
def test_what_was_prepared_together_is_carried_out_in_turn(desk: WriteDesk) -> None:
    """None of them looks at what another one writes, so none makes another stale."""
    for one in [desk.propose(tool, **asked, **WHY) for tool, asked in STEPS.items()]:
        desk.approve(one)

    done = desk.work()

    assert [(one.content.tool, one.state, one.reason) for one in done] == [
        (tool, State.COMMITTED, "") for tool in STEPS
    ]


@guarantees("P4.one_effect", "P4.stale")
def test_what_was_prepared_together_also_stands_when_everything_is_read_again_between(desk: WriteDesk) -> None:
    """What the first ones wrote is in the read model by the time that the next is looked at once more."""
    proposed = [desk.propose(tool, **asked, **WHY) for tool, asked in STEPS.items()]
    for one in proposed:
        desk.approve(one)
        desk.written()
        desk.sync()


@guarantees("P4.undo", "P4.one_effect")
@pytest.mark.parametrize(
    ("tool", "way", "words"),
    [
        (
            RESERVE,
            "propose_release_reservation",
            "Release 20.5 KGM of RM-007 at site 1000 that are held for production",
        ),
        (BUDGET, BUDGET, "Move 800.00 EUR of budget 2026 from 4200-1000 to 4100-1000"),
        (ORDER, "propose_cancel_purchase_order", "Cancel purchase order line 4500000746/00010"),
    ],
)
def test_each_step_is_taken_back_and_the_plant_stands_as_before(
    desk: WriteDesk, tool: str, way: str, words: str
) -> None:
    """By a proposal of its own, that people decide about; once, and no second time by any key."""
    before = standing(desk)
    done = carried_out(desk, tool)
    assert standing(desk) != before

    taken = desk.propose("propose_undo", **back(done))
    assert (taken.content.tool, taken.content.undoes) == (way, done.content.proposal_id)
    assert taken.content.preview.headline.startswith(words)
    assert f"Takes back what {done.content.proposal_id} wrote." in taken.content.preview.effects
    waiting = desk.refusal("propose_undo", **back(done, "proc-0001:again"))
    desk.approve(taken)
    assert desk.written().found == "read_back"
    assert standing(desk) == before

    again = desk.propose("propose_undo", **back(done))
    assert again.content.proposal_id == taken.content.proposal_id
    refused = desk.refusal("propose_undo", **back(done, "proc-0001:again"))
    for one in (waiting, refused):
        assert (one.code, one.facts["rule"]) == ("rule.refused", "R-UNDO-TWICE")
        assert one.facts["proposal_id"] == taken.content.proposal_id
    assert desk.work() == []
    assert standing(desk) == before


@guarantees("P4.undo")
def test_a_way_back_that_was_rejected_may_be_proposed_again(desk: WriteDesk) -> None:
    """Only what takes effect, or may still, counts as taken back."""
    done = carried_out(desk, RESERVE)
    desk.reject(desk.propose("propose_undo", **back(done)))
    again = desk.propose("propose_undo", **back(done, "proc-0001:again"))
    desk.approve(again)
    desk.written()
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("0.000",)]


@guarantees("P4.undo", "rules.reservation_release")
def test_what_was_issued_meanwhile_is_not_taken_back_but_the_rest_can_be_released(desk: WriteDesk) -> None:
    """It says how much would pass, and so much does pass."""
    done = carried_out(desk, RESERVE)
    desk.in_erp("UPDATE resv SET qty = '8.250', changed_at = '2026-03-16T06:00:00Z' WHERE resv_no = 'RS00001700'")
    desk.sync()

    refused = desk.refusal("propose_undo", **back(done))

    assert (refused.facts["rule"], refused.facts["would_pass"]) == ("R-UNDO-CHANGED", "8.25")
    rest: dict[str, JsonValue] = {"reservation_id": "RS00001700", "qty": str(refused.facts["would_pass"])}
    desk.commit("propose_release_reservation", **rest, **WHY)
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("0.000",)]


@guarantees("P4.undo", "rules.budget")
def test_budget_that_was_spent_meanwhile_is_not_taken_back(desk: WriteDesk) -> None:
    """What the receiving cost centre has left says how much would."""
    done = carried_out(desk, BUDGET)
    desk.in_erp("UPDATE budget SET actual = '650700.00' WHERE (cost_ctr, period) = ('4200-1000', '2026')")
    before = desk.dump()

    refused = desk.refusal("propose_undo", **back(done))

    assert (refused.code, refused.facts["rule"]) == ("rule.refused", "R-UNDO-SPENT")
    assert refused.facts["would_pass"] == "350.00"
    assert desk.dump() == before


@guarantees("P4.undo", "P4.stale")
@pytest.mark.parametrize(
    ("tool", "meanwhile"),
    [
        (RESERVE, "UPDATE resv SET qty = '8.000', changed_at = '2026-03-16T06:00:00Z' WHERE resv_no = 'RS00001700'"),
        (BUDGET, "UPDATE budget SET changed_at = '2026-03-16T06:00:00Z' WHERE cost_ctr = '4100-1000'"),
        (ORDER, "UPDATE po_item SET memo = 'told', changed_at = '2026-03-16T06:00:00Z' WHERE po_no = '4500000746'"),
    ],
)
def test_a_way_back_that_was_approved_before_a_change_is_not_carried_out(
    desk: WriteDesk, tool: str, meanwhile: str
) -> None:
    """It is bound to the records as people saw them; nothing of it is written."""
    done = carried_out(desk, tool)
    desk.approve(desk.propose("propose_undo", **back(done)))
    desk.in_erp(meanwhile)
    before = desk.dump()
    (stopped,) = desk.work()
    assert stopped.state in (State.STALE, State.DENIED), (stopped.state, stopped.reason)
    assert desk.dump() == before
