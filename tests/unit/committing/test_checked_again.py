"""Between the approval and the send the world may change; what would not be allowed today is not sent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Literal, cast

import pytest

from erp_mcp.approval.envelope import digest
from erp_mcp.committing import today
from erp_mcp.committing.held_back import HeldBackError
from erp_mcp.domain.approver import Approver
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.decision import Deputy, Group, Separation, Terms
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.proposal import Check, Content, LimitUse
from erp_mcp.errors import (
    BadAnswerError,
    ReadModelNotReadyError,
    RuleNotEvaluableError,
    RuleRefusedError,
    StaleDataError,
    SystemBusyError,
    SystemReadOnlyError,
    SystemRestingError,
    SystemUnreachableError,
)
from erp_mcp.policy.bundle import from_document
from erp_mcp.preparing import Prepared
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import BOB, EVE, ROOT, Person
from tests.unit.committing.erp import change_line
from tests.unit.committing.office import CREATE, TERMS, UPDATE, Office, a_policy, a_tool

Change = Callable[[dict[str, Any]], None]


async def ends_at(office: Office, content: Content) -> tuple[str, str]:
    """Work once; return where it stands, having seen that nothing was sent and all of it is recorded."""
    await office.work_off()
    assert (office.erp.sent, office.effects(content), office.flaws()) == ([], 0, [])
    return office.stand(content)


# --- the record -------------------------------------------------------------------------------------------------------


@guarantees("P4.stale")
async def test_a_record_that_changed_after_the_approval_is_not_written(office: Office) -> None:
    """What was approved was worked out on another record; it is never made to fit."""
    content = office.approved()
    change_line(office.erp_path)
    assert await ends_at(office, content) == ("STALE", "record_changed")


@guarantees("P3.binding")
async def test_a_change_that_was_shown_as_another_one_is_not_written(office: Office) -> None:
    """A person who was shown something harmless has said yes to that."""
    content = office.approved()
    office.desk.headline = "Move line 10 of 4500000123 to 2027-04-01"
    assert await ends_at(office, content) == ("NEEDS_HUMAN", "preview_differs")


@guarantees("P4.stale")
async def test_another_payload_than_the_approved_one_is_not_written(office: Office) -> None:
    """Worked out again it must be the same change, to the last field."""
    content = office.approved()
    office.desk.fields = {"new_date": "2026-04-02"}
    assert await ends_at(office, content) == ("STALE", "payload_changed")


@guarantees("P3.binding", "rules.left_to_people")
@pytest.mark.parametrize(
    ("then", "now", "ending"),
    [
        ("R-DATE-1", "person", ("COMMITTED", "")),  # what was sealed before there was the verdict
        ("R-OTHER", "ok", ("COMMITTED", "")),
        ("R-OTHER", "person", ("DENIED", "left_to_people_unasked")),
    ],
    ids=["shown as a flag", "kept", "not shown"],
)
async def test_what_nothing_here_knows_any_more_is_written_only_where_people_were_asked(
    then: str, now: Literal["ok", "person"], ending: tuple[str, str], office: Office
) -> None:
    """Who was not told to look has not looked."""
    content = office.approved()
    office.desk.checks = (Check(rule=then, verdict=now, message="Not looked at here: it."),)
    await office.work_off()
    assert office.stand(content) == ending
    assert office.effects(content) == (1 if ending[0] == "COMMITTED" else 0)


@guarantees("P3.binding", "rules.left_to_people")
def test_a_rule_that_people_were_shown_as_kept_was_not_left_to_them(office: Office) -> None:
    """It was known then; by now it is not."""
    content = office.approved()
    asked = Check(rule="R-SAFETY", verdict="person", message="Not looked at here: it.")
    shown = replace(content.preview, checks=(replace(asked, verdict="ok"),))
    approved, command = replace(content, preview=shown), content.command
    draft = Draft(
        system=command.system, key=command.key, version_token=command.version_token, fields=command.fields,
        document=shown.document, headline=shown.headline, changes=shown.changes, checks=(asked,),
    )  # fmt: skip
    prepared = Prepared(draft=draft, sources=(), stale=())
    with pytest.raises(HeldBackError) as held:
        today.check_same(approved, prepared)
    assert (held.value.move, held.value.reason, held.value.facts) == (
        "deny", "left_to_people_unasked", {"rule": "R-SAFETY"},
    )  # fmt: skip
    today.check_same(replace(approved, preview=replace(shown, checks=(asked,))), prepared)


@guarantees("P4.stale", "P3.not_stricter", "P10.outage")
@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (RuleRefusedError(rule="R-GONE", message="gone"), ("STALE", "record_gone")),
        (RuleRefusedError(rule="R-DATE-2", message="in the frozen zone"), ("DENIED", "rule_refused")),
        (RuleNotEvaluableError(rule="R-DATE-2", missing="calendar"), ("DENIED", "rule_not_evaluable")),
        (SystemReadOnlyError(system="erp"), ("DENIED", "system_read_only")),
        (SystemUnreachableError(system="erp"), ("APPROVED", "system_unreachable")),
        (SystemBusyError(system="erp", retry_after_s=3), ("APPROVED", "system_busy")),
        (SystemRestingError(system="erp", retry_after_s=3), ("APPROVED", "system_resting")),
        (StaleDataError(), ("APPROVED", "data_too_old")),
        (ReadModelNotReadyError(), ("APPROVED", "not_ready")),
        (BadAnswerError(system="erp"), ("APPROVED", "gateway_fault")),
        (ZeroDivisionError(), ("APPROVED", "worker_defect")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_what_preparing_meets_ends_it_or_postpones_it(
    office: Office, error: Exception, ending: tuple[str, str]
) -> None:
    """A rule that says no today ends it; an outage or a defect leaves it approved, for later, and never runs hot."""
    content = office.approved()
    office.desk.error = error
    assert await ends_at(office, content) == ending
    if ending[0] == "APPROVED":
        assert office.state.proposals.get(content.proposal_id).not_before > "2026-03-16T08:00:04"


@guarantees("P9.told", "P10.outage")
async def test_a_system_that_says_when_is_not_asked_before(office: Office) -> None:
    """The journal waits as long as the system does."""
    content = office.approved()
    office.desk.error = SystemRestingError(system="erp", retry_after_s=900)
    assert await ends_at(office, content) == ("APPROVED", "system_resting")
    assert office.state.proposals.get(content.proposal_id).not_before > "2026-03-16T08:14:59"


# --- policy and tools -------------------------------------------------------------------------------------------------


def forbid(policy: dict[str, Any]) -> None:
    rule = policy["rules"][0]
    policy["rules"].append({**rule, "id": "stop", "effect": "forbid", "evidence": None})


def another_role(policy: dict[str, Any]) -> None:
    policy["agents"]["planner"]["role"] = "viewer"


def another_owner(policy: dict[str, Any]) -> None:
    policy["agents"]["planner"]["owner"] = "otto"


def no_such_agent(policy: dict[str, Any]) -> None:
    policy["agents"] = {"other": policy["agents"]["planner"]}


def more_people(policy: dict[str, Any]) -> None:
    policy["approvals"][0]["needed"] = 2


def other_people(policy: dict[str, Any]) -> None:
    policy["approvals"][0]["approvers"] = ["eve"]


def lower_limit(policy: dict[str, Any]) -> None:
    policy["limits"][0]["maximum"] = "19"


def longer_window(policy: dict[str, Any]) -> None:
    policy["limits"][0]["window_s"] = 2 * 86400


def new_limit(policy: dict[str, Any]) -> None:
    policy["limits"].append({**policy["limits"][0], "id": "another"})


def higher_risk(policy: dict[str, Any]) -> None:
    policy["writes"][UPDATE]["risk"] = "W3"


def another_definition(policy: dict[str, Any]) -> None:
    policy["writes"][UPDATE]["hash"] = "f" * 64


def other_site(policy: dict[str, Any]) -> None:
    policy["sites"] = ["P100", "P200"]
    policy["rules"][0]["sites"] = ["P200"]


TIGHTENED: dict[Change, str] = {
    forbid: "policy_denied",
    another_role: "role_changed",
    another_owner: "owner_changed",
    no_such_agent: "agent_unknown",
    more_people: "terms_stricter",
    other_people: "terms_stricter",
    lower_limit: "limits_stricter",
    longer_window: "limits_stricter",
    new_limit: "limits_stricter",
    higher_risk: "policy_denied",
    another_definition: "policy_denied",
}


@guarantees("P3.not_stricter")
@pytest.mark.parametrize("change", TIGHTENED, ids=lambda change: change.__name__)
async def test_what_a_tightened_policy_would_not_allow_is_denied(office: Office, change: Change) -> None:
    """The second decision is made with the policy in force, and must not ask for more than the first did."""
    content = office.approved()
    change(cast("dict[str, Any]", office.policy))
    office.apply()
    assert await ends_at(office, content) == ("DENIED", TIGHTENED[change])


@guarantees("P3.not_stricter")
@pytest.mark.parametrize(("since_s", "ending"), [(3598, ("COMMITTED", "")), (3600, ("DENIED", "terms_stricter"))])
async def test_a_shortened_time_holds_back_what_people_said_yes_to_longer_ago(
    office: Office, since_s: int, ending: tuple[str, str]
) -> None:
    """An approval lives as long as policy gives it today; a younger one has not lost anything."""
    content = office.approved()
    decided = parse_instant(office.state.proposals.decisions(content.proposal_id)[0].decided_at)
    cast("dict[str, Any]", office.policy)["approvals"][0]["valid_s"] = 3600
    office.clock.advance(since_s - (office.clock.wall() - decided).total_seconds(), plant=False)
    office.apply()
    await office.work_off()
    assert (office.stand(content), len(office.erp.sent)) == (ending, int(ending[0] == "COMMITTED"))


@guarantees("P3.not_stricter")
@pytest.mark.parametrize(
    ("change", "told"), [(more_people, "more_approvers"), (other_people, "approver_withdrawn")], ids=["more", "others"]
)
async def test_the_record_of_a_denial_says_which_term_is_stricter_and_under_which_policy(
    office: Office, change: Change, told: str
) -> None:
    """Whoever asks why approved work was not sent finds the rule that changed."""
    office.approved()
    change(cast("dict[str, Any]", office.policy))
    digest = office.apply()
    await office.work_off()
    leaves = [json.loads(record.leaf) for record in office.state.audit.read_all()]
    (facts,) = [leaf["facts"] for leaf in leaves if leaf["kind"] == "proposal.denied"]
    assert (facts["reason"], facts["terms"], facts["bundle"]) == ("terms_stricter", told, digest)


@guarantees("P3.not_stricter")
async def test_a_smaller_group_that_still_has_who_decided_holds_nothing_back(office: Office) -> None:
    """Eve may not decide any more; it was Bob who did."""
    content = office.approved()
    cast("dict[str, Any]", office.policy)["approvals"][0]["approvers"] = ["bob"]
    office.apply()
    await office.work_off()
    assert office.stand(content) == ("COMMITTED", "")


@guarantees("P3.not_stricter")
async def test_a_loosened_policy_changes_nothing_for_what_was_approved(office: Office) -> None:
    """More room than at the approval is no reason to ask again; the rows still come in the scope of today."""
    content = office.approved()
    policy = cast("dict[str, Any]", office.policy)
    policy["limits"] = []
    policy["approvals"][0]["approvers"] = None
    policy["rules"][0]["sites"] = ["P100"]
    office.apply()
    await office.work_off()
    assert office.stand(content) == ("COMMITTED", "")
    assert office.desk.asked[0].sites == ("P100",)


@guarantees("P3.not_stricter")
async def test_a_narrower_site_is_what_it_is_prepared_with(office: Office) -> None:
    """The row filter is that of today: a line of a site out of scope is not there for the operation."""
    office.approved()
    other_site(cast("dict[str, Any]", office.policy))
    office.apply()
    await office.work_off()
    assert office.desk.asked[0].sites == ("P200",)


@guarantees("P3.not_stricter")
async def test_a_change_for_a_site_out_of_scope_is_denied(office: Office) -> None:
    """A call about such a site is answered as if nothing were there; a write of it must not slip through as allowed."""
    content = office.approved(CREATE)
    policy = cast("dict[str, Any]", office.policy)
    policy["sites"] = ["P100", "P200"]
    for rule in policy["rules"]:
        rule["sites"] = ["P200"]
    office.apply()
    assert await ends_at(office, content) == ("DENIED", "policy_denied")


@guarantees("P2.signed_policy")
async def test_a_policy_without_an_approvers_signature_writes_nothing(office: Office) -> None:
    """A bundle that somebody wrote into the database allows nothing, however well it is made."""
    content = office.approved()
    cast("dict[str, Any]", office.policy)["limits"][0]["maximum"] = "30"
    office.apply(signed=False)
    assert await ends_at(office, content) == ("NEEDS_HUMAN", "policy_unsigned")


@guarantees("P2.signed_policy")
async def test_a_policy_signed_by_somebody_else_writes_nothing(office: Office) -> None:
    """Only who was enrolled may turn writes on."""
    content = office.approved()
    cast("dict[str, Any]", office.policy)["limits"][0]["maximum"] = "30"
    office.apply(by=Person(id="mallory", name="Mallory"))
    assert await ends_at(office, content) == ("NEEDS_HUMAN", "policy_not_enrolled")


@guarantees("P3.binding")
@pytest.mark.parametrize("way", ["changed", "gone"])
async def test_a_tool_that_is_defined_otherwise_today_is_not_carried_out(office: Office, way: str) -> None:
    """What the person approved was a call of the tool as it was."""
    content = office.approved()
    if way == "changed":
        office.tools[UPDATE] = a_tool(UPDATE, hashed="f" * 64)
    else:
        del office.tools[UPDATE]
    assert await ends_at(office, content) == ("DENIED", "tool_changed")


# --- time and the kill switch -----------------------------------------------------------------------------------------


@guarantees("P3.expires")
@pytest.mark.parametrize("point", ["taken_claimed", "prepared"])
async def test_a_proposal_whose_time_ends_under_the_workers_hands_expires(office: Office, point: str) -> None:
    """The time that the approver saw is over, however far the worker has come."""
    content = office.approved()
    await office.committer(at=lambda at: office.clock.advance(3 * 3600) if at == point else None).work("w1")
    assert (office.stand(content), office.erp.sent) == (("EXPIRED", "expired"), [])


@guarantees("P4.kill_switch")
async def test_a_kill_switch_pressed_before_the_claim_leaves_it_where_it_is(office: Office) -> None:
    """What is stopped is not even looked at; resumed, it goes on."""
    content = office.approved()
    office.state.switches.stop("system:erp", by="op", reason="maintenance")
    assert await office.committer().work("w1") is None
    office.state.switches.resume("system:erp", by="op")
    await office.work_off()
    assert (office.stand(content), office.effects(content)) == (("COMMITTED", ""), 1)


@guarantees("P4.kill_switch")
async def test_a_kill_switch_pressed_between_claim_and_send_sends_nothing(office: Office) -> None:
    """It is looked at in the transaction that sends, so there is no moment at which it comes too late."""
    content = office.approved()

    def press(point: str) -> None:
        if point == "before_send":
            office.state.switches.stop("all", by="op", reason="stop")

    await office.committer(at=press).work("w1")
    assert (office.stand(content), office.erp.sent) == (("APPROVED", "writes_stopped"), [])
    office.state.switches.resume("all", by="op")
    office.clock.advance(10)
    await office.work_off()
    assert (office.stand(content), office.effects(content)) == (("COMMITTED", ""), 1)


@guarantees("P4.kill_switch", "P4.unknown")
async def test_what_may_have_been_sent_is_read_back_under_a_kill_switch(office: Office) -> None:
    """Finding out writes nothing, and an operator who stops writes wants to know more than anybody."""
    content = office.approved()
    office.erp.faults = ["cut_after"]
    await office.work()
    office.state.switches.stop("all", by="op", reason="stop")
    office.clock.advance(130)
    await office.work_off()
    assert office.stand(content) == ("COMMITTED", "")


# --- signatures and rows ----------------------------------------------------------------------------------------------


@guarantees("P3.people_commit", "P3.signed")
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM decision", "approval_too_few"),
        ("UPDATE decision SET signature = substr(signature, 3) || '00'", "approval_signature"),
        ("UPDATE decision SET approver_id = 'eve'", "approval_envelope"),
        ("UPDATE decision SET nonce = 'again'", "approval_envelope"),
        ("UPDATE decision SET envelope = replace(envelope, 'approve', 'reject')", "approval_envelope"),
        ("UPDATE approver SET enrolment_signature = '00' WHERE approver_id = 'bob'", "registry_damaged"),
        ("DELETE FROM approver WHERE approver_id = 'ada'", "registry_damaged"),
    ],
)
@pytest.mark.bends_log("a decision or an approver is changed or taken away")
async def test_an_approval_that_was_written_into_the_database_is_worth_nothing(
    office: Office, statement: str, reason: str
) -> None:
    """The worker believes signatures, never rows."""
    content = office.approved()
    office.alter(statement)
    await office.work_off()
    assert (office.stand(content), office.erp.sent) == (("NEEDS_HUMAN", reason), [])


@guarantees("P3.people_commit")
@pytest.mark.bends_log("a state that no move led to")
async def test_a_proposal_set_to_approved_without_anybody_is_handed_to_a_person(office: Office) -> None:
    """A state is a row like any other."""
    content = office.propose()
    office.alter("UPDATE proposal SET state = 'APPROVED'")
    await office.work_off()
    assert (office.stand(content), office.erp.sent) == (("NEEDS_HUMAN", "approval_too_few"), [])


@guarantees("P3.enrolled")
async def test_an_approver_who_was_revoked_meanwhile_does_not_count(office: Office) -> None:
    """Who may not decide any more has not decided, as long as nothing is written."""
    content = office.approved()
    row: Approver = people.enrolled(BOB, ROOT)
    revocation = people.revoked(row, BOB, ROOT).revocation
    assert revocation is not None
    office.state.approvers.revoke(BOB.id, revocation)
    assert await ends_at(office, content) == ("NEEDS_HUMAN", "approval_not_enrolled")


@guarantees("P3.enrolled")
async def test_people_who_go_back_to_another_first_key_do_not_count(office: Office) -> None:
    """The key of the first approver is in a file of the operator's; a database that was replaced whole has none."""
    content = office.approved()
    office.root_key = EVE.public
    assert await ends_at(office, content) == ("NEEDS_HUMAN", "registry_damaged")


@guarantees("P3.requesters")
async def test_who_changed_the_policy_after_approving_is_one_who_asked(office: Office) -> None:
    """Who opens the way and walks it alone needs a second person."""
    content = office.approved()
    cast("dict[str, Any]", office.policy)["limits"][0]["maximum"] = "30"
    office.apply(by=BOB)
    assert await ends_at(office, content) == ("NEEDS_HUMAN", "approval_requester")


def altered(value: object) -> object:
    """Return another value of the same form."""
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [*value, *value] if value else ["x"]
    assert isinstance(value, dict)
    if not value:
        return {"x": 1}
    first = next(iter(value))
    return {**value, first: altered(value[first])}


@guarantees("P3.binding", "P4.one_effect")
@pytest.mark.parametrize("name", [field.name for field in fields(Content)])
@pytest.mark.bends_log("the row of what was approved is changed")
async def test_each_field_that_is_altered_after_the_approval_is_found(office: Office, name: str) -> None:
    """The signature is over all of it, so whatever is changed in the database is found before anything is sent."""
    content = office.approved()
    (text,) = read(office, "SELECT content FROM proposal")
    document = json.loads(text)
    document[name] = altered(document[name])
    changed = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    office.alter("UPDATE proposal SET content = ?", changed)
    await office.work_off()
    row = read(office, "SELECT state, reason FROM proposal")
    assert (row[0], office.erp.sent, office.effects(content)) == ("NEEDS_HUMAN", [], 0)
    assert row[1] in {"content_altered", "other_deployment", "damaged"}


@guarantees("P3.binding")
@pytest.mark.bends_log("the row of what was approved is changed")
async def test_a_content_that_is_altered_with_its_digest_is_found_by_the_signature(office: Office) -> None:
    """A digest beside the content protects from accidents; only the signed one protects from people."""
    content = office.approved()
    other = replace(content, command=replace(content.command, fields={"new_date": "2026-12-24"}))
    text = canonical(to_json(other)).decode()
    office.alter("UPDATE proposal SET content = ?, digest = ?", text, digest(other))
    await office.work_off()
    assert (office.stand(content), office.erp.sent) == (("NEEDS_HUMAN", "approval_envelope"), [])


@guarantees("P3.binding")
@pytest.mark.bends_log("a decision is carried over to another proposal")
async def test_the_approval_of_one_proposal_does_not_carry_out_another(office: Office) -> None:
    """An approval moved to another proposal is not about it."""
    approved = office.propose(number=1)
    other = office.propose(number=2)
    office.approve(approved)
    office.alter("UPDATE proposal SET state = 'APPROVED'")
    office.alter(f"UPDATE decision SET proposal_id = '{other.proposal_id}'")
    await office.work_off()
    assert office.stand(other) == ("NEEDS_HUMAN", "approval_envelope")
    assert office.stand(approved) == ("NEEDS_HUMAN", "approval_too_few")
    assert office.erp.sent == []


def read(office: Office, statement: str) -> tuple[str, ...]:
    """Return a row of the state file as it is stored."""
    connection = sqlite3.connect(office.folder / "state" / "state.sqlite")
    row: tuple[str, ...] = connection.execute(statement).fetchone()
    connection.close()
    return row


@guarantees("P3.not_stricter")
def test_the_policy_of_these_tests_is_one_that_opens() -> None:
    """A change that the bundle refuses would be denied for another reason than the one meant."""
    for change in TIGHTENED:
        policy = a_policy()
        change(cast("dict[str, Any]", policy))
        assert from_document(policy).digest


# --- who said yes, once more ------------------------------------------------------------------------------------------


@guarantees("P3.groups", "P3.not_stricter")
async def test_a_group_that_policy_asks_for_by_now_and_nobody_of_it_said_yes_holds_it_back(office: Office) -> None:
    """Bob alone was enough; now somebody of finance must be among them."""
    content = office.approved()
    policy = cast("dict[str, Any]", office.policy)
    office.policy = latest(policy, groups={"finance": ["eve"]})
    cast("dict[str, Any]", office.policy)["approvals"][0]["groups"] = ["finance"]
    office.apply()
    assert await ends_at(office, content) == ("DENIED", "terms_stricter")


@guarantees("P3.bands", "P3.not_stricter")
async def test_a_change_that_is_worth_more_by_now_needs_the_people_of_its_band(office: Office) -> None:
    """It was proposed at 900 and the price has risen since."""
    policy = latest(cast("dict[str, Any]", office.policy))
    policy["approvals"][0]["bands"] = {
        "currency": "EUR",
        "steps": [
            {"to": "1000", "needed": 1, "approvers": ["bob", "eve"], "groups": []},
            {"to": None, "needed": 2, "approvers": ["bob", "eve"], "groups": []},
        ],
    }
    office.policy = policy
    office.apply()
    first = office.approved()
    office.desk.amounts = {"value": "1000.00", "currency": "EUR"}
    await office.work_off()
    assert office.stand(first) == ("COMMITTED", "")
    second = office.approved(number=2)
    office.desk.amounts = {"value": "1000.01", "currency": "EUR"}
    await office.work_off()
    assert office.stand(second) == ("DENIED", "terms_stricter")


@guarantees("P3.not_stricter", "P4.limits")
@pytest.mark.parametrize(("currency", "ending"), [("EUR", ("COMMITTED", "")), ("JPY", ("DENIED", "limits_stricter"))])
async def test_what_was_counted_in_another_currency_was_not_counted(
    office: Office, currency: str, ending: tuple[str, str]
) -> None:
    """The system has its price in another currency by now, and so has the limit; the number is the same."""
    policy = cast("dict[str, Any]", office.policy)
    worth = {"id": "worth", "measure": "value", "currency": "EUR", "maximum": "1000"}
    policy["limits"].append({**policy["limits"][0], **worth})
    office.apply()
    counted = LimitUse(
        limit="worth", key="agent:planner", amount=9_000_000, maximum=10_000_000, window_s=86400, currency="EUR"
    )
    content = office.propose(uses=(counted,))
    office.approve(content)
    policy["limits"][-1]["currency"] = currency
    office.apply()
    office.desk.amounts = {"value": "900.00", "currency": currency}
    await office.work_off()
    assert (office.stand(content), office.effects(content)) == (ending, ending[0] == "COMMITTED")


@guarantees("P3.groups")
@pytest.mark.bends_log("a state that no move led to")
async def test_two_people_of_one_group_written_past_the_store_send_nothing(office: Office) -> None:
    """The worker counts by itself who stands for which group."""
    groups = (Group(name="buyers", approvers=("bob", "eve")), Group(name="finance", approvers=("ada",)))
    terms = replace(TERMS, approvers=("bob", "eve", "ada"), needed=2, groups=groups)
    content = office.propose(terms=terms)
    office.approve(content, BOB, EVE)
    assert office.stand(content) == ("AWAITING_APPROVAL", "")
    office.alter("UPDATE proposal SET state = 'APPROVED'")
    await office.work_off()
    assert (office.stand(content), office.erp.sent) == (("NEEDS_HUMAN", "approval_group_missing"), [])


APART = Separation(rule="apart", tools=(UPDATE, CREATE), key="supplier", window_s=86_400)


@guarantees("P3.separation")
@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (replace(TERMS, separations=(APART,)), "approval_separated"),
        (replace(TERMS, quota=1), "approval_quota"),
    ],
    ids=["separation", "quota"],
)  # fmt: skip
@pytest.mark.bends_log("a decision that the store did not take")
async def test_a_yes_that_somebody_could_not_say_is_worth_nothing_in_the_database(
    office: Office, terms: Terms, reason: str
) -> None:
    """Written past the store's own look: both halves of a duty, or one yes too many in the hour."""
    first, second = office.propose(CREATE, terms=terms), office.propose(UPDATE, number=2, terms=terms)
    office.approve(first)
    await office.work_off()
    forged = people.decided(office.state.proposals.get(second.proposal_id), BOB, decided_at=people.at(minutes=-9))
    row = (forged.proposal_id, forged.approver_id, forged.decision, forged.envelope, forged.signature, forged.nonce)
    office.alter("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?)", *row, forged.decided_at)
    office.alter("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = ?", second.proposal_id)
    sent = len(office.erp.sent)
    await office.work_off()
    assert office.stand(first) == ("COMMITTED", "")
    assert (office.stand(second), len(office.erp.sent)) == (("NEEDS_HUMAN", reason), sent)


@guarantees("P3.taken_up")
@pytest.mark.parametrize(
    ("seconds", "ends"), [(299, ("COMMITTED", "")), (300, ("EXPIRED", "not_carried_out"))], ids=["in time", "too late"]
)
async def test_what_is_taken_up_too_late_is_not_sent(office: Office, seconds: int, ends: tuple[str, str]) -> None:
    """To the second, counted from the yes that was signed ten minutes ago, not from when its row was written."""
    content = office.propose(terms=replace(TERMS, carry_out_s=900))
    office.approve(content)
    office.clock.advance(seconds, plant=False)
    await office.work_off()
    assert office.stand(content) == ends


@guarantees("P3.deputies")
@pytest.mark.parametrize(
    ("last", "ends"),
    [("2026-03-16", ("COMMITTED", "")), ("2026-03-15", ("NEEDS_HUMAN", "approval_not_named"))],
)
async def test_a_deputy_counts_on_the_days_that_policy_said(office: Office, last: str, ends: tuple[str, str]) -> None:
    """Eve decides for Bob while he is away, as the proposal says; on another day her yes is none."""
    deputy = Deputy(absent="bob", deputy="eve", first="2026-03-14", last=last)
    content = office.propose(terms=replace(TERMS, approvers=("bob",), deputies=(deputy,)))
    office.approve(content, EVE)
    await office.work_off()
    assert office.stand(content) == ends


def latest(policy: dict[str, Any], **told: Any) -> dict[str, Any]:
    """Return a policy in the newest form: with what it says of people."""
    people_of: dict[str, Any] = {"groups": {}, "deputies": [], "separations": [], "quota": None, "taint_s": None}
    more: dict[str, Any] = {"groups": [], "bands": None, "escalation": None, "carry_out_s": None, "outage_s": None}
    return {
        **policy,
        "format": 4,
        "roles": {name: {**one, "shows": None} for name, one in policy["roles"].items()},
        "approvals": [{**one, **more} for one in policy["approvals"]],
        "limits": [{**one, "field": None} for one in policy["limits"]],
        "people": {**people_of, **told},
    }
