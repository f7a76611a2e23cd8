"""One site counts its stock: nothing of it is proposed or written, and the other one works on."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.writes import test_create_supplier as supplier
from tests.writes import test_maintenance_notification as malfunction
from tests.writes import test_reschedule_production_order as reschedule
from tests.writes.desk import WriteDesk

HERE: Final = "site:1000"


def stop(desk: WriteDesk) -> None:
    desk.deployment.state.switches.stop(HERE, by="op", reason="inventory")


@guarantees("P4.stopped_sites", "P4.kill_switch", "P4.one_effect")
def test_what_was_approved_for_a_stopped_site_waits_and_the_other_site_writes(desk: WriteDesk) -> None:
    """The ERP is as it was until the site is let go; then what was approved happens, once."""
    moved = desk.approve(desk.propose(reschedule.TOOL, **reschedule.MOVE))
    assert moved.content.about("site") == ("1000",)
    head = desk.erp(reschedule.HEAD, reschedule.ORDER)
    stop(desk)

    elsewhere = desk.commit(malfunction.TOOL, **malfunction.CALL)

    assert elsewhere.written.document
    assert desk.work() == []
    assert desk.erp(reschedule.HEAD, reschedule.ORDER) == head
    assert desk.proposal(moved.content.proposal_id).state is State.APPROVED
    assert desk.deployment.state.switches.resume(HERE, by="op")
    assert desk.written().written.document == reschedule.ORDER
    assert desk.erp(reschedule.HEAD, reschedule.ORDER) != head
    assert desk.work() == []


@guarantees("P4.stopped_sites", "P4.kill_switch", "input.clear_errors")
def test_an_agent_hears_which_site_is_stopped_only_of_a_change_that_names_it(desk: WriteDesk) -> None:
    """A new supplier says no site: it is stopped too, and which site that is may be none of its agent's business."""
    stop(desk)
    before = desk.dump()

    named = desk.refusal(reschedule.TOOL, **reschedule.MOVE)
    unknown = desk.refusal(supplier.TOOL, **supplier.NEW)

    assert (named.code, unknown.code) == ("writes.stopped", "writes.stopped")
    assert named.facts == {"scope": HERE}
    assert unknown.facts == {"scope": "site", "reason": "site_not_known"}
    assert desk.dump() == before
    assert desk.deployment.state.proposals.standing() == {}
    assert desk.deployment.state.switches.resume(HERE, by="op")
    assert desk.propose(supplier.TOOL, **supplier.NEW).content.about("site") == ()
