"""The desk itself, with the first write tool: what the tests of the other tools stand on."""

from __future__ import annotations

from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE
from tests.writes.desk import WriteDesk


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent")
def test_a_new_date_is_carried_through_once(desk: WriteDesk) -> None:
    """The same tool that `tests/path` takes over stdio, here in process."""
    done = desk.carry_through(DATE_TOOL, **NEW_DATE)

    assert done.receipt is not None
    assert done.receipt.written.document == "4500000640"
    assert desk.erp("SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?", "4500000640", "00010") == [
        ("2026-04-02",)
    ]
    (line,) = [
        row
        for row in desk.rows("list_purchase_orders", "lines", purchase_order_id="4500000640")
        if row["line"] == "00010"
    ]
    assert line["promised_date"] == "2026-04-02"


@guarantees("P4.stale")
def test_what_was_changed_at_the_erp_is_not_written(desk: WriteDesk) -> None:
    """A buyer was quicker."""
    changed = "UPDATE po_item SET memo = 'called', changed_at = '2026-03-16T05:00:01Z' WHERE po_no = '4500000640'"

    desk.goes_stale(DATE_TOOL, changed, **NEW_DATE)


@guarantees("P3.people_commit")
def test_what_a_person_rejects_is_never_written(desk: WriteDesk) -> None:
    """The worker finds nothing to do."""
    before = desk.dump()

    rejected = desk.reject(desk.propose(DATE_TOOL, **NEW_DATE))

    assert rejected.state is State.REJECTED
    assert desk.work() == []
    assert desk.dump() == before
