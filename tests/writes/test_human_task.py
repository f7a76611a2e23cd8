"""A task for a person, from an agent's call to the list of tasks: the one change that may need nobody's yes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.approval import check
from erp_mcp.audit.verify import verify
from erp_mcp.cli.app import main
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Committed
from erp_mcp.domain.human_task import needs_nobody
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import BadBundleError, PolicyFileError, TaskClosedError
from erp_mcp.policy.bundle import canonical, digest_of, from_json
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_task
from tests.writes.desk import ADMIN, AGENT, WriteDesk

TOOL, RELEASE = "propose_create_human_task", "propose_request_work_order_release"
ASKED = {
    "site": "1000",
    "role": "supervisor",
    "title": "Look at the queue of CNC-01",
    "instructions": "Three orders for one customer wait there since Monday. Can one go to another centre?",
    "subject_id": "000001000403",
    "reason": "The delivery of Friday rests on it.",
    "idempotency_key": "queue-cnc01:task",
}


def by_nobody(desk: WriteDesk, *tools: str) -> None:
    """Let some tools need nobody's yes, as an administrator writes and applies it."""
    file = desk.directory / "policies" / "base.yaml"
    policy = json.loads(file.read_text(encoding="utf-8"))
    for one in policy["approvals"]:
        one["tools"] = [tool for tool in one["tools"] if tool not in tools]
    policy["approvals"].append({"id": "by-nobody", "tools": [*tools], "needed": 0})
    file.write_text(json.dumps(policy), encoding="utf-8")
    passphrase = (desk.directory / "keys" / f"{ADMIN}.passphrase").read_text(encoding="utf-8").strip()
    signer = Signing(approver_id=ADMIN, passphrase=passphrase)
    administration.apply_policy(desk.deployment, applied_by="tests", signing=signer)


def flaws(desk: WriteDesk) -> list[str]:
    """Return what the offline verifier finds."""
    state = desk.deployment.state
    report = verify(
        state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept(), rows=state.kept_rows()
    )
    return [f"{one.code} {one.detail}" for one in report.findings if not one.is_notice]


@guarantees("P3.own_tasks", "P4.one_effect")
def test_a_task_is_made_once_with_nobody_asked_where_policy_says_so(desk: WriteDesk) -> None:
    """The whole way: proposed, allowed, made by the worker under its reference, in no system of record."""
    by_nobody(desk, TOOL)
    before = desk.dump()
    proposed = desk.propose(TOOL, **ASKED)
    assert (proposed.state, proposed.content.terms.needed) == (State.APPROVED, 0)
    receipt = desk.written()
    assert receipt.found == "read_back"
    (task,) = desk.deployment.state.tasks.listed()
    assert (task.task_id, task.reference) == (receipt.written.document, proposed.content.command.reference)
    assert (task.role, task.site, task.title, task.subject) == ("supervisor", "1000", ASKED["title"], "000001000403")
    assert desk.work() == []
    assert desk.propose(TOOL, **ASKED).content.proposal_id == proposed.content.proposal_id
    assert len(desk.deployment.state.tasks.listed()) == 1
    assert desk.dump() == before
    assert flaws(desk) == []


@guarantees("P3.own_tasks")
def test_without_such_a_policy_a_task_needs_a_person_like_anything_else(desk: WriteDesk) -> None:
    """Nothing is automatic by itself."""
    done = desk.carry_through(TOOL, **ASKED)
    assert done.content.terms.needed == 1
    assert len(desk.deployment.state.tasks.listed()) == 1


@guarantees("P3.own_tasks", "P2.one_at_a_time")
@pytest.mark.parametrize("tool", ["propose_create_purchase_requisition", "propose_update_delivery_date", RELEASE])
def test_a_policy_that_lets_anything_else_happen_by_nobody_is_refused(tool: str, desk: WriteDesk) -> None:
    """The only automatic class is our own task; the request of a release is not even that."""
    before = desk.deployment.state.bundles.active_digest()
    with pytest.raises(PolicyFileError):
        by_nobody(desk, tool)
    assert desk.deployment.state.bundles.active_digest() == before


@guarantees("P3.own_tasks")
@pytest.mark.bends_log("a proposal that is said to need nobody")
def test_what_claims_to_need_nobody_is_not_believed_by_check_or_store(desk: WriteDesk) -> None:
    """A forged bundle or row would say zero for an order as well; worker, store and verifier look at what it writes."""
    tool = "propose_create_purchase_requisition"
    real = desk.propose(
        tool,
        material_id="RM-013",
        site="1000",
        qty="40",
        uom="EA",
        delivery_date="2026-05-18",
        reason="Stock runs out in May and nothing is ordered.",
        idempotency_key="mrp-2026-05:RM-013",
    )
    forged = replace(
        real.content,
        terms=replace(real.content.terms, needed=0),
        proposal_id="prp_0forged00000",
        idempotency_key="forged-key-1",
        command=replace(real.content.command, reference="R0000000000"),
    )
    assert not needs_nobody(forged)
    stored, _ = desk.deployment.state.proposals.create(forged)
    assert stored.state is State.AWAITING_APPROVAL
    assert desk.work() == []
    assert check.refusal_of(stored, (), {}, frozenset(), desk.deployment.clock.wall()) == "too_few"
    assert flaws(desk) == ["unapproved prp_0forged00000 needs nobody, and is no task for a person"]


@guarantees("P3.own_tasks")
def test_a_bundle_that_says_nobody_for_a_graver_change_can_not_be_read(desk: WriteDesk) -> None:
    """What is applied is read as strictly as what is written."""
    _, text = desk.deployment.state.bundles.active()
    policy = json.loads(text)
    for one in policy["approvals"]:
        one["needed"] = 0
    forged = canonical(policy)
    with pytest.raises(BadBundleError):
        from_json(forged, digest_of(forged))


@guarantees("P6.floor_by_people")
@pytest.mark.parametrize(
    "words",
    [
        "Please bypass the interlock of CNC-01 so that it runs until noon.",
        "Run the batch without the inspection; nobody will mind this once.",
        "Die Verriegelung am Schutzgitter kurz überbrücken, dann läuft sie.",
        "The light curtain can be muted for the set-up. Then restart.",
        "Remove the hold and use the lot.",
    ],
)
def test_no_task_sends_a_person_around_a_protection(words: str, desk: WriteDesk) -> None:
    """A person at a machine may do what an agent says; so more is refused here than of a request to a system."""
    refusal = desk.refusal(TOOL, **{**ASKED, "instructions": words})
    assert refusal.code in {"rule.refused", "policy.boundary"}
    assert desk.deployment.state.tasks.listed() == []


@guarantees("P6.floor_by_people", "input.clear_errors")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"due": "2026-03-15"}, "R-TASK-DUE"),
        ({"due": "2027-03-18"}, "R-TASK-DUE"),
        ({"evidence": ["x"]}, "R-TASK-EVIDENCE"),
    ],
)
def test_a_task_that_can_not_be_met_is_refused(change: dict[str, JsonValue], rule: str, desk: WriteDesk) -> None:
    """Borders of the rules: yesterday, and more than a year ahead."""
    refusal = desk.refusal(TOOL, **{**ASKED, **change})
    assert (refusal.code, refusal.facts["rule"]) == ("rule.refused", rule)
    assert desk.propose(TOOL, **{**ASKED, "due": "2026-03-16"}).state is State.AWAITING_APPROVAL


@guarantees("P6.floor_by_people")
def test_a_release_that_is_asked_for_becomes_a_checklist_for_a_person(desk: WriteDesk) -> None:
    """The order stays as it is in every system; what was looked at, and what was not, stands in the task."""
    (order_id,) = desk.erp("SELECT ord_no FROM prod_head WHERE stat = 'CRTD' ORDER BY ord_no LIMIT 1")[0]
    asked = {"order_type": "production", "order_id": order_id, "reason": "All that it needs seems to be there.",
             "idempotency_key": "release-key-1"}  # fmt: skip
    done = desk.carry_through(RELEASE, **asked)
    assert (done.content.risk, done.content.terms.needed) == ("W4", 1)
    (task,) = desk.deployment.state.tasks.listed()
    assert (task.role, task.subject, task.kind) == ("supervisor", order_id, "human_task.request_release")
    assert "permits to work" in task.instructions
    rules = {one.rule for one in done.content.preview.checks}
    assert {"R-STATE", "R-STAGED", "R-PREDECESSOR", "R-HOLDS", "R-PERMIT"} <= rules
    assert desk.erp("SELECT stat FROM prod_head WHERE ord_no = ?", order_id) == [("CRTD",)]


@guarantees("P6.floor_by_people")
@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("release_production_order", {"production_order_id": "1"}, "B-FLOOR"),
        ("start_job", {"job_id": "1"}, "B-COMMAND"),
        ("release_lot", {"lot_id": "L1"}, "B-RECORD"),
        ("set_oven_temperature", {"value": "1"}, "B-SETPOINT"),
        ("acknowledge_alarm", {"id": "1"}, "B-ALARM"),
    ],
)
def test_what_is_prohibited_answers_with_its_code(
    tool: str, arguments: dict[str, str], code: str, desk: WriteDesk
) -> None:
    """Beside the request to a person there is no way to the floor at all."""
    refusal = desk.refusal(tool, **arguments)
    assert refusal.facts["rule"] == code


@guarantees("P1.hidden_is_missing")
def test_no_agent_reads_tasks(desk: WriteDesk) -> None:
    """One way: what people were asked by others, and what they did, is nothing for agents."""
    names = {tool.name for tool in desk.deployment.gateway.callable_tools(desk.deployment.principal(AGENT))}
    assert TOOL in names
    assert not {name for name in names if "task" in name} - {TOOL}


@guarantees("P3.own_tasks", "cli.teaches")
def test_people_see_and_close_tasks_and_a_closed_one_stays_closed(desk: WriteDesk, tmp_path: Path) -> None:
    """With their name, their note and a record; nothing else of a task ever changes."""
    by_nobody(desk, TOOL)
    desk.propose(TOOL, **ASKED)
    task_id = desk.written().written.document
    place = ("--config", str(desk.directory / "erp-mcp.yaml"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(main, ["tasks", *words, *place])
        return result.output

    assert task_id in run("list", "--role", "supervisor")
    assert task_id not in run("list", "--role", "quality")
    shown = run("show", task_id)
    assert "nobody checked them" in shown
    assert "Three orders for one customer" in shown
    assert "is done" in run("done", task_id, "--note", "moved to CNC-02")
    assert "task.closed" in run("cancel", task_id, "--note", "too late")
    assert "Nobody is asked" in run("list")
    tasks = desk.deployment.state.tasks
    assert (tasks.get(task_id).state, tasks.get(task_id).note) == ("DONE", "moved to CNC-02")
    with pytest.raises(TaskClosedError):
        tasks.close(task_id, "CANCELLED", by="x", note="")
    assert flaws(desk) == []


@guarantees("P4.one_effect")
async def test_the_same_reference_makes_one_task(desk: WriteDesk) -> None:
    """Whoever sends a second time gets the one that is there; found by reading back it is the same."""
    content = a_task().command
    port = await desk.deployment.signed_commands("gateway")
    first, second = [await port.send(content) for _ in range(2)]
    assert isinstance(first, Committed)
    assert first == second
    assert await port.find(content) == first.written
    assert len(desk.deployment.state.tasks.listed()) == 1
