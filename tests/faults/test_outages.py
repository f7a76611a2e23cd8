"""The ERP is down, turns requests away, or is stopped: what was approved waits, and is done once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from erp_mcp import administration
from erp_mcp.domain.proposal import Content
from erp_mcp.testing.fake_erp import RETRY_AFTER_S, ErpFault
from tests.faults.driving import Play, playing
from tests.faults.erp import Plan, Request
from tests.faults.plant import TOOLS, Template
from tests.guarantees import guarantees

Place = Callable[[], Path]
VALID_S: Final = 4 * 3600


def one_each(template: Template) -> list[Content]:
    return [template.contents[tool][0] for tool in TOOLS]


def effects(play: Play) -> list[int]:
    return [len(play.line.effects(content)) for content in play.contents]


def stands(play: Play) -> set[tuple[str, str]]:
    return {play.stand(content) for content in play.contents}


# --- Down -------------------------------------------------------------------------------------------------------------


@guarantees("P10.outage", "P4.one_effect")
@pytest.mark.parametrize("reads_up", [False, True])
async def test_an_outage_longer_than_the_approval_holds_ends_in_expired(
    template: Template, place: Place, reads_up: bool
) -> None:
    """Nothing is sent when the ERP comes back after that: the decision was for those hours."""
    async with playing(template, place(), one_each(template)) as play:
        await play.line.cut()
        play.line.reads_up = reads_up
        await play.until_end()
        await play.line.join()
        play.clock.pass_by(3600)
        await play.until_end()
        assert {state for state, _ in stands(play)} == {"EXPIRED"}
        assert effects(play) == [0, 0]
        assert play.line.arrived == 0
        assert play.wrongs() == []


@guarantees("P10.outage", "P4.one_effect")
async def test_an_outage_that_ends_loses_nothing_and_doubles_nothing(template: Template, place: Place) -> None:
    """Six proposals wait for two hours, and then each is written once."""
    chosen = [content for tool in TOOLS for content in template.contents[tool][:3]]
    async with playing(template, place(), chosen) as play:
        await play.line.cut()
        for _ in range(6):
            await play.work_off()
            play.clock.pass_by(1200)
        assert stands(play) == {("APPROVED", "system_unreachable")}
        await play.line.join()
        await play.until_end()
        assert {state for state, _ in stands(play)} == {"COMMITTED"}
        assert effects(play) == [1] * 6
        assert play.wrongs() == []


@guarantees("P10.outage", "P4.unknown", "P4.one_effect")
async def test_an_erp_that_goes_down_just_before_the_request_was_not_written_to(
    template: Template, place: Place
) -> None:
    """Everything was looked at and SENDING is recorded; no connection came about, so it may be sent again later."""
    async with playing(template, place(), one_each(template)) as play:
        play.before_send = play.line.cut
        await play.work_off()
        assert stands(play) == {("APPROVED", "system_unreachable")}
        assert play.line.arrived == 0
        assert ["SENDING" in play.path_of(content) for content in play.contents] == [True, False]
        play.before_send = None
        await play.line.join()
        await play.until_end()
        assert effects(play) == [1, 1]
        assert {state for state, _ in stands(play)} == {"COMMITTED"}
        assert play.wrongs() == []


# --- Turned away ------------------------------------------------------------------------------------------------------


@guarantees("P4.one_effect", "P9.bounded")
async def test_what_is_turned_away_is_not_sent_again_before_the_time_that_was_told(
    template: Template, place: Place
) -> None:
    """429 with Retry-After, three times: each next request comes at that time or later."""
    async with playing(template, place(), one_each(template)) as play:
        came: dict[str, list[float]] = {content.command.reference: [] for content in play.contents}
        judged = play.line.watch

        def note(request: Request) -> None:
            judged(request)
            if request.kind == "send":
                came[request.reference].append(play.clock.wall().timestamp())

        play.line.watch = note
        for content in play.contents:
            play.line.plan(content, Plan(sends=dict.fromkeys((1, 2, 3), ErpFault("throttled"))))
        await play.until_end()
        for times in came.values():
            assert len(times) == 4
            assert all(after - before >= RETRY_AFTER_S for before, after in pairwise(times))
        assert effects(play) == [1, 1]
        assert play.wrongs() == []


# --- Stopped ----------------------------------------------------------------------------------------------------------


@guarantees("P4.kill_switch", "P4.one_effect")
@pytest.mark.parametrize("tool", TOOLS)
async def test_what_is_being_sent_as_writes_are_stopped_is_recorded_and_nothing_else_is_sent(
    template: Template, place: Place, tool: str
) -> None:
    """The switch is pressed while the request is under way: its outcome is the outcome, the next one stays approved."""
    chosen = list(template.contents[tool][:3])
    async with playing(template, place(), chosen) as play:

        async def press(_: Request) -> None:
            play.deployment.state.switches.stop("all", by="demo-admin", reason="a drill")

        play.line.hold_sends = press
        await play.work_off()
        assert sorted(play.stand(content)[0] for content in chosen) == ["APPROVED", "APPROVED", "COMMITTED"]
        assert play.line.arrived == 1
        play.line.hold_sends = None
        play.clock.pass_by(600)
        await play.work_off()
        assert play.line.arrived == 1
        play.deployment.state.switches.resume("all", by="demo-admin")
        await play.until_end()
        assert effects(play) == [1, 1, 1]
        assert play.wrongs() == []


@guarantees("P4.kill_switch", "P4.unknown")
async def test_what_is_unknown_as_writes_are_stopped_is_read_back_all_the_same(
    template: Template, place: Place
) -> None:
    """Stopping writes must not stop finding out."""
    async with playing(template, place(), one_each(template)) as play:
        for content, commits in zip(play.contents, (True, False), strict=True):
            play.line.plan(content, Plan(sends={1: ErpFault("cut", commits=commits)}))
        await play.work_off()
        play.deployment.state.switches.stop("all", by="demo-admin", reason="a drill")
        await play.until_end()
        assert [play.stand(content)[0] for content in play.contents] == ["COMMITTED", "NOT_APPLIED"]
        assert play.line.arrived == 2
        assert play.wrongs() == []


@guarantees("P4.kill_switch")
async def test_writes_stopped_between_the_last_look_and_the_request_stop_it(template: Template, place: Place) -> None:
    """The switch is looked at in the transaction that records the sending."""
    async with playing(template, place(), one_each(template)) as play:

        def press(point: str) -> None:
            if point == "before_send":
                play.deployment.state.switches.stop("all", by="demo-admin", reason="a drill")

        play.at = press
        await play.work_off()
        assert play.line.arrived == 0
        play.at = lambda _: None
        play.clock.pass_by(VALID_S)
        await play.until_end()
        assert {state for state, _ in stands(play)} == {"EXPIRED"}
        assert effects(play) == [0, 0]
        assert play.wrongs() == []


# --- Policy -----------------------------------------------------------------------------------------------------------


@guarantees("P3.not_stricter", "P10.outage")
async def test_what_policy_takes_back_while_the_erp_is_down_is_not_written_when_it_is_up(
    template: Template, place: Place
) -> None:
    """One of the two writes is switched off during the outage; the other is written once the ERP is back."""
    async with playing(template, place(), one_each(template)) as play:
        await play.line.cut()
        await play.work_off()
        assert stands(play) == {("APPROVED", "system_unreachable")}
        forbid_requisitions(play)
        play.clock.pass_by(60)
        await play.work_off()
        await play.line.join()
        await play.until_end()
        date, requisition = one_each(template)
        assert play.stand(date)[0] == "COMMITTED"
        assert play.stand(requisition) == ("DENIED", "policy_denied")
        assert effects(play) == [1, 0]
        assert play.wrongs() == []


def forbid_requisitions(play: Play) -> None:
    """Take the rule for requisitions away again and apply that, as an administrator does."""
    base, cases = play.folder / "policies" / "base.yaml", play.folder / "policies" / "tests" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    head, rule = text.split("  - id: buyer-requisitions\n")
    base.write_text(head + rule.split("\n\n", 1)[1], encoding="utf-8")
    told = cases.read_text(encoding="utf-8")
    told = told.replace("    by: [buyer-requisitions]\n", "    reason: default_deny\n", 1)
    before, case = told.split("- name: a buyer proposes a requisition\n")
    case = case.replace("expect: allowed", "expect: denied", 1).replace(", buyer-requisitions]", "]")
    cases.write_text(f"{before}- name: a buyer proposes no requisition\n{case}", encoding="utf-8")
    passphrase = (play.folder / "keys" / "demo-admin.passphrase").read_text(encoding="utf-8").strip()
    signing = administration.Signing(approver_id="demo-admin", passphrase=passphrase)
    administration.apply_policy(play.deployment, applied_by="demo-admin", signing=signing)
