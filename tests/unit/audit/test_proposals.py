"""Verification of what became of proposals: impossible courses, writes without approvals, rows behind records."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.audit.record import GENESIS, build
from erp_mcp.audit.verify import verify
from erp_mcp.domain.audit import AuditEntry, AuditRecord, KeptProposal
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.lifecycle import MOVES, Move, State, moves
from tests.guarantees import guarantees

DIGEST = "d" * 64
RECEIPT: JsonValue = {"document": "4500000001"}
Told = tuple[str, str, str, int, str]  # move, from, to, fence, approver
PROPOSED: list[Told] = [("propose", "", "PROPOSED", 0, ""), ("submit", "PROPOSED", "AWAITING_APPROVAL", 0, "")]
APPROVED: list[Told] = [*PROPOSED, ("approve", "AWAITING_APPROVAL", "APPROVED", 0, "anna")]
COMMITTED: list[Told] = [
    *APPROVED,
    ("claim", "APPROVED", "CLAIMED", 1, ""),
    ("send", "CLAIMED", "SENDING", 1, ""),
    ("commit", "SENDING", "COMMITTED", 1, ""),
]


def chain(
    told: Iterable[Told],
    *,
    needed: int = 1,
    digests: dict[int, str] | None = None,
    name: str = "prp_1",
    operation: str = "human_task.create",
    stated: bool = True,
    glass: bool = False,
) -> list[AuditRecord]:
    """Return records as the store writes them, each in its place of the chain."""
    records: list[AuditRecord] = []
    for number, (move, source, target, fence, approver) in enumerate(told, start=1):
        facts: dict[str, JsonValue] = {
            "proposal_id": name,
            "digest": (digests or {}).get(number, DIGEST),
            "move": move,
            "from": source,
            "to": target,
            "fence": fence,
        }
        if move == "propose":
            facts.update({"needed": needed, **({} if needed else {"system": "gateway", "operation": operation})})
            facts.update({"break_glass": True} if glass else {})
        if move.startswith("resolve_") and stated:
            facts["statement_digest"] = "5" * 64
        if approver:
            facts["approver"] = approver
        entry = AuditEntry(
            kind=f"proposal.{target.lower()}",
            correlation_id="c-1",
            causation_id="",
            trace="",
            actor="somebody",
            facts=facts,
            fields={"receipt": RECEIPT} if target == "COMMITTED" else {},
        )
        prev = records[-1].leaf_hash if records else GENESIS
        time = f"2026-03-02T06:00:{number:02d}.000000Z"
        built = build(entry, seq=number, prev=prev, record_id=f"id-{number}", time=time, salts=secrets.token_bytes)
        records.append(built)
    return records


def a_row(
    state: str = "COMMITTED", *, digest: str = DIGEST, receipt: JsonValue = RECEIPT, name: str = "prp_1"
) -> KeptProposal:
    """Return the row of a proposal."""
    kept = sha256(canonical(receipt)).hexdigest() if receipt is not None else ""
    return KeptProposal(proposal_id=name, state=state, digest=digest, receipt=kept)


def found(records: list[AuditRecord], rows: list[KeptProposal] | None) -> list[tuple[int, str]]:
    """Return what verification finds."""
    return [(finding.seq, finding.code) for finding in verify(records, proposals=rows).findings]


@guarantees("P5.moves_proved")
def test_an_honest_course_verifies() -> None:
    """From proposal to receipt, alone and with its row."""
    records = chain(COMMITTED)
    assert found(records, None) == []
    assert found(records, [a_row()]) == []
    assert found(chain(PROPOSED), [a_row("AWAITING_APPROVAL", receipt=None)]) == []


@guarantees("P5.moves_proved")
@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"{move.name} from {move.source}")
def test_every_move_of_the_table_is_accepted_and_with_a_wrong_fence_refused(move: Move) -> None:
    """The verifier and the store must mean the same table, or one of them cries wolf."""
    course = _course_to(move.source)
    fence = course[-1][3]
    step = (move.name, move.source.value, move.target.value)
    rise = int(move.takes_lease)
    approver = "bea" if move.name in ("approve", "break_glass") else ""
    needed, glass = int(move.name != "allow"), move.name == "break_glass"
    if glass:  # it takes two
        course = [*course, ("break_glass", move.source.value, move.source.value, fence, "carl")]
    assert found(chain([*course, (*step, fence + rise, approver)], needed=needed, glass=glass), None) == []
    wrong = chain([*course, (*step, fence + rise + 1, approver)], needed=needed, glass=glass)
    assert (len(course) + 1, "illegal_move") in found(wrong, None)


@guarantees("P3.break_glass", "P5.moves_proved")
@pytest.mark.parametrize(
    ("people", "glass", "finds"),
    [
        (["carl", "dora"], True, []),
        (["carl"], True, [(3, "unapproved")]),
        (["carl", "carl"], True, [(4, "unapproved")]),
        (["carl", "dora"], False, [(4, "unapproved")]),
    ],
)
def test_an_approval_in_an_emergency_takes_two_and_terms_that_let_them(
    people: list[str], glass: bool, finds: list[tuple[int, str]]
) -> None:
    """And adds nothing to any other; what is told of it afterwards moves nothing."""
    course = [*PROPOSED]
    for number, who in enumerate(people, start=1):
        target = "APPROVED" if number == len(people) else "AWAITING_APPROVAL"
        course.append(("break_glass", "AWAITING_APPROVAL", target, 0, who))
    told = [("ask_for_review", "APPROVED", "APPROVED", 0, ""), ("review", "APPROVED", "APPROVED", 0, "olaf")]
    assert found(chain(course, glass=glass, needed=3), None) == finds
    if not finds:
        assert found(chain([*course, *told], glass=glass, needed=3), None) == []
        moved = ("review", "APPROVED", "COMMITTED", 0, "olaf")
        assert (5, "illegal_move") in found(chain([*course, moved], glass=glass, needed=3), None)


@guarantees("P3.own_tasks")
def test_a_change_of_a_system_that_needed_nobody_is_found() -> None:
    """Whoever writes a row and its records may well write a policy's zero into them."""
    course = [*PROPOSED[:1], ("allow", "PROPOSED", "APPROVED", 0, "")]
    assert found(chain(course, needed=0), None) == []
    assert found(chain(course, needed=0, operation="purchase_order.create"), None) == [(1, "unapproved")]


@guarantees("P4.resolved")
def test_an_end_by_an_operator_without_a_statement_is_found() -> None:
    """The statement is all that there is for it."""
    course = [*_course_to(State.UNKNOWN), ("resolve_not_applied", "UNKNOWN", "NOT_APPLIED", 1, "anna")]
    assert found(chain(course), None) == []
    assert found(chain(course, stated=False), None) == [(len(course), "illegal_move")]


@guarantees("P5.moves_proved")
@given(st.sampled_from(sorted({move.name for move in MOVES})), st.sampled_from(State), st.sampled_from(State))
def test_any_recorded_move_that_there_is_not_is_found(name: str, source: State, target: State) -> None:
    """A chain can be whole and still tell of something that could not happen."""
    move = moves(name, source)
    if move is not None and move.target is target and source is State.APPROVED:
        return  # an honest one
    assert (4, "illegal_move") in found(chain([*APPROVED, (name, source.value, target.value, 0, "anna")]), None)


@guarantees("P5.moves_proved")
@pytest.mark.parametrize("left_out", range(len(COMMITTED) - 1))
def test_a_step_that_was_never_recorded_is_found(left_out: int) -> None:
    """Each move starts where the one before it ended."""
    told = [one for number, one in enumerate(COMMITTED) if number != left_out]
    assert "illegal_move" in {code for _, code in found(chain(told), None)}


@guarantees("P5.moves_proved", "P3.enough_people")
@pytest.mark.parametrize(
    ("needed", "approvers", "missing"),
    [
        (1, [], True),
        (1, ["anna"], False),
        (2, ["anna"], True),
        (2, ["anna", "anna"], True),
        (2, ["anna", "bea"], False),
    ],
)
def test_a_write_without_its_approvals_is_found(needed: int, approvers: list[str], *, missing: bool) -> None:
    """The row could have been set to APPROVED by hand; the records show that nobody said yes."""
    parts: list[Told] = [("approve", "AWAITING_APPROVAL", "AWAITING_APPROVAL", 0, one) for one in approvers[:-1]]
    last = approvers[-1] if approvers else ""
    approve = [("approve" if approvers else "submit", "AWAITING_APPROVAL", "APPROVED", 0, last)]
    records = chain([*PROPOSED, *parts, *approve, *COMMITTED[3:]], needed=needed)
    assert ("unapproved" in {code for _, code in found(records, None)}) is missing


@guarantees("P5.moves_proved")
def test_a_row_changed_behind_its_records_is_found() -> None:
    """State, content and receipt each; and rows that are gone or were never proposed."""
    records = chain(COMMITTED)
    assert found(records, [a_row("APPROVED")]) == [(6, "row_changed")]
    assert found(records, [a_row(digest="e" * 64)]) == [(6, "row_changed")]
    assert found(records, [a_row(digest="")]) == [(6, "row_changed")]
    assert found(records, [a_row(receipt={"document": "another"})]) == [(6, "row_changed")]
    assert found(records, [a_row(receipt=None)]) == [(6, "row_changed")]
    assert found(records, []) == [(6, "row_missing")]
    assert found(records, [a_row(), a_row(name="prp_2")]) == [(0, "unrecorded")]


@guarantees("P5.moves_proved")
def test_a_content_exchanged_on_the_way_is_found() -> None:
    """Approved was one digest, carried out another."""
    assert found(chain(COMMITTED, digests={5: "e" * 64}), None) == [(5, "illegal_move")]


@guarantees("P5.moves_proved")
def test_records_of_no_form_are_findings_and_no_crash() -> None:
    """Whoever forges a chain need not keep to our form."""
    entry = AuditEntry(
        kind="proposal.committed",
        correlation_id="",
        causation_id="",
        trace="",
        actor="",
        facts={"move": 1, "from": [], "to": None, "fence": "x"},
        fields={"receipt": "text"},
    )
    first = build(entry, seq=1, prev=GENESIS, record_id="1", time="2026-03-02T06:00:00.000000Z", salts=bytes)
    second = build(entry, seq=2, prev=first.leaf_hash, record_id="2", time="2026-03-02T06:00:00.000000Z", salts=bytes)
    findings = verify([first, second], proposals=[]).findings
    assert {finding.code for finding in findings} == {"illegal_move", "row_missing"}
    assert not any(finding.is_notice for finding in findings)


def _course_to(state: State) -> list[Told]:
    """Return a course of records that ends in a state."""
    queue: list[list[Told]] = [PROPOSED[:1]]
    while True:
        course = queue.pop(0)
        if course[-1][2] == state:
            return course
        for move in MOVES:
            if move.source == course[-1][2] and move.source != move.target and move.name != "allow":
                approver = "anna" if move.name == "approve" else ""
                fence = course[-1][3] + int(move.takes_lease)
                queue.append([*course, (move.name, move.source.value, move.target.value, fence, approver)])


@guarantees("P5.moves_proved")
def test_courses_in_these_tests_are_contiguous() -> None:
    """A test that starts from a broken course would prove nothing."""
    assert all(before[2] == after[1] for before, after in pairwise(COMMITTED))
