"""Where a person looks for the steps of a saga, and what is to be there: from what is known of its parts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.administration.looking import PartSight, Sight, places, stands, systems_of
from erp_mcp.domain import human_task
from erp_mcp.domain.command import Written
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Proposal, Receipt
from erp_mcp.domain.saga import CARRY_OUT, ENTITY, SYSTEM, fields_of, part_of, planned
from tests.guarantees import guarantees
from tests.unit.approval.people import content

SYSTEMS = ("erp", "stores", "erp", human_task.SYSTEM)
WRITTEN = Written(document="4711", key="4711/1", version_token="1", fields={})


def a_saga(systems: tuple[str, ...] = SYSTEMS) -> tuple[Proposal, list[Content]]:
    """Return a saga that is stuck, with a step in each of some systems, and the parts that carry them out."""
    steps = []
    for number, system in enumerate(systems):
        of = replace(content(), proposal_id=f"prp_step0000000{number}")
        steps.append(replace(of, command=replace(of.command, system=system, reference=f"R{number}")))
    plan = [planned(one, f"s{number}", undo_tool="", way_back="") for number, one in enumerate(steps)]
    command = replace(content().command, operation=CARRY_OUT, system=SYSTEM, entity=ENTITY, fields=fields_of(plan))
    whole = replace(content(), proposal_id="prp_saga00000001", command=command)
    return stood(whole, State.COMPENSATION_STUCK), [part_of(whole, one) for one in plan]


def stood(of: Content, state: State, receipt: Receipt | None = None) -> Proposal:
    return Proposal(content=of, digest="", state=state, since="2026-03-02T10:00:00Z", receipt=receipt)


def back(of: Content, number: int) -> Content:
    """Return the n-th way back of a part."""
    command = replace(of.command, reference=f"B{number}")
    return replace(of, proposal_id=f"prp_back0000000{number}", undoes=of.proposal_id, command=command)


@guarantees("P4.resolved", "P3.page_told")
@pytest.mark.parametrize(
    ("forward", "backs", "told"),
    [
        (State.NOT_APPLIED, (), "called not written: see that it is not there"),
        (State.DENIED, (), "called not written: see that it is not there"),
        (State.PARTIALLY_COMMITTED, (), "written in part: see which of its lines are there"),
        (State.UNKNOWN, (), "nobody knows whether it was written: look for it"),
        (State.NEEDS_HUMAN, (), "nobody knows whether it was written: look for it"),
        (State.AWAITING_ACK, (), "nobody knows whether it was written: look for it"),
        (State.COMMITTED, (), "written and not taken back: see whether it still stands as it was written"),
        (
            State.COMMITTED,
            (State.REFUSED_BY_SYSTEM,),
            "written and not taken back: see whether it still stands as it was written",
        ),
        (State.COMMITTED, (State.COMMITTED,), "written and taken back: see that nothing of it is left"),
        (State.COMMITTED, (State.STALE, State.COMMITTED), "written and taken back: see that nothing of it is left"),
        (
            State.COMMITTED,
            (State.STALE, State.NEEDS_HUMAN),
            "written, and nobody knows whether it was taken back: look for both",
        ),
    ],
)
def test_what_is_to_be_there_follows_from_where_its_parts_stand(
    forward: State, backs: tuple[State, ...], told: str
) -> None:
    """With every reference that its system could know of it."""
    saga, parts = a_saga()
    begun = [stood(parts[0], forward)]
    begun += [stood(back(parts[0], number), state) for number, state in enumerate(backs)]
    (place,) = places(saga, begun)
    assert (place.told, place.step, place.system, place.reference) == (told, "s0", "erp", "R0")
    assert place.back_references == tuple(f"B{number}" for number in range(len(backs)))


@guarantees("P4.resolved", "P3.page_told")
def test_each_step_that_was_begun_has_its_place_in_its_own_system() -> None:
    """With the document that was written, else the one that it was to be written to; what was not begun has none."""
    saga, parts = a_saga()
    receipt = Receipt(written=WRITTEN, committed_at="2026-03-02T10:00:00Z", found="answered")
    begun = [stood(parts[1], State.COMMITTED, receipt), stood(parts[0], State.UNKNOWN)]
    found = [(one.step, one.system, one.document) for one in places(saga, begun)]
    assert found == [("s0", "erp", content().preview.document), ("s1", "stores", "4711")]


@guarantees("P4.resolved", "P3.page_told")
def test_systems_are_those_of_the_steps_each_once_and_our_own_tasks_none() -> None:
    """Of a change by itself it is its own; of a saga that can't be read nothing is said."""
    saga, _ = a_saga()
    assert systems_of(saga.content) == ("erp", "stores")
    assert systems_of(content()) == ("erp",)
    assert places(stood(content(), State.UNKNOWN), []) == []
    broken = replace(saga.content, command=replace(saga.content.command, fields={"steps": 5}))
    assert (systems_of(broken), places(stood(broken, State.COMPENSATION_STUCK), [])) == ((), [])


@guarantees("P4.resolved")
def test_what_was_found_and_not_found_to_be_taken_back_stands() -> None:
    """A way back that was not found says nothing against it."""

    def seen(step: str, found: bool, is_way_back: bool = False) -> PartSight:
        return PartSight(
            step=step, is_way_back=is_way_back, proposal_id="", system="erp", reference="",
            found=WRITTEN if found else None, answer="", asked="",
        )  # fmt: skip

    parts = (seen("a", True), seen("b", True), seen("c", False), seen("b", True, True), seen("a", False, True))
    assert stands(Sight(parts=parts)) == {"a"}
