"""People work in the ERP while proposals are on their way: nothing is written over what they did."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.testing.fake_erp import ErpFault
from tests.faults.driving import Play, playing
from tests.faults.erp import Plan
from tests.faults.plant import Template
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, REQUISITION_TOOL

Place = Callable[[], Path]


def in_the_erp(play: Play, statement: str, *values: str) -> None:
    """Do what a person does at the ERP."""
    with closing(sqlite3.connect(play.line.path)) as erp, erp:
        assert erp.execute(statement, values).rowcount == 1


@guarantees("P4.stale", "P4.one_effect")
@pytest.mark.parametrize("point", ["before_the_worker", "prepared", "before_send", "after_send", "on_the_way"])
async def test_a_line_that_changed_after_the_approval_is_not_written(
    template: Template, place: Place, point: str
) -> None:
    """Before the worker looks, right after it has looked, or with the request under way: the version tells."""
    content = template.contents[DATE_TOOL][0]
    async with playing(template, place(), [content]) as play:

        async def touch(*_: object) -> None:
            play.line.touch(content)

        if point == "before_the_worker":
            await touch()
        play.line.hold_sends = touch if point == "on_the_way" else None
        play.at = lambda name: play.line.touch(content) if name == point else None
        await play.until_end()
        assert play.stand(content) == ("STALE", "record_changed")
        assert play.line.all_effects() == 0
        assert play.line.arrived == (0 if point == "before_the_worker" else 1)
        assert play.wrongs() == []


@guarantees("P4.stale", "P4.unknown")
@pytest.mark.parametrize("commits", [False, True])
async def test_a_line_that_a_person_changes_while_the_outcome_is_unknown_is_told_by_its_reference(
    template: Template, place: Place, commits: bool
) -> None:
    """That it has another version proves nothing either way; the reference does."""
    content = template.contents[DATE_TOOL][0]
    async with playing(template, place(), [content]) as play:
        play.line.plan(content, Plan(sends={1: ErpFault("cut", commits=commits)}))
        await play.work_off()
        play.line.touch(content)
        await play.until_end()
        assert play.stand(content)[0] == ("COMMITTED" if commits else "NOT_APPLIED")
        assert play.line.all_effects() == int(commits)
        assert play.wrongs() == []


@guarantees("P4.unknown", "P4.one_effect")
async def test_a_requisition_that_a_person_deletes_while_the_outcome_is_unknown_was_written(
    template: Template, place: Place
) -> None:
    """It is gone, and still it was made; the receipt names it."""
    content = template.contents[REQUISITION_TOOL][0]
    async with playing(template, place(), [content]) as play:
        play.line.plan(content, Plan(sends={1: ErpFault("cut", commits=True)}))
        await play.work_off()
        (number,) = play.line.effects(content)
        in_the_erp(play, "DELETE FROM pr_item WHERE pr_no = ?", number)
        await play.until_end()
        assert play.stand(content)[0] == "COMMITTED"
        receipt = play.deployment.state.proposals.get(content.proposal_id).receipt
        assert receipt is not None
        assert receipt.written.document == number
        assert play.line.all_effects() == 1
        assert play.flaws() == []


@guarantees("P4.stale", "P4.one_effect")
@pytest.mark.parametrize(
    ("point", "end"),
    [("before_the_worker", ("DENIED", "rule_refused")), ("prepared", ("REFUSED_BY_SYSTEM", "material_blocked"))],
)
async def test_a_material_that_is_blocked_after_the_approval_is_not_requested(
    template: Template, place: Place, point: str, end: tuple[str, str]
) -> None:
    """Our rule refuses it on the live record; what it no longer sees, the ERP's own rule refuses."""
    content = template.contents[REQUISITION_TOOL][0]
    async with playing(template, place(), [content]) as play:

        def block() -> None:
            query = "UPDATE mat_gen SET mat_stat = '02', changed_at = '2026-03-16T04:59:59Z' WHERE mat_no = ?"
            in_the_erp(play, query, str(content.command.fields["material_id"]))

        if point == "before_the_worker":
            block()
        play.at = lambda name: block() if name == point else None
        await play.until_end()
        assert play.stand(content) == end
        assert play.line.all_effects() == 0
        assert play.wrongs() == []
