"""What the records say became of each proposal, and whether that could happen and agrees with the rows.

Finds moves that the table of moves does not have, a beginning or a step that is missing, changes that were sent without
enough approvals, and rows that say something else than their records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal

from erp_mcp.domain import human_task
from erp_mcp.domain.audit import AuditRecord, KeptProposal
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.lifecycle import RESOLVE_APPLIED, RESOLVE_NOT_APPLIED, RESOLVE_TAKE_BACK, State, moves
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED
from erp_mcp.domain.saga import MAX_WAYS_BACK, NOTHING_WRITTEN, WORTH_ANOTHER

ProposalCode = Literal[
    "illegal_move",  # a recorded move that there is not, or not from where the proposal stood
    "unapproved",  # sent or written without as many approvals as its terms ask for
    "row_changed",  # the row says something else than the records
    "row_missing",  # there are records, and no row
    "unrecorded",  # there is a row, and no record
]
Found = Callable[[int, ProposalCode, str], None]
_PREFIX: Final = "proposal."
_STATED: Final = frozenset({RESOLVE_APPLIED, RESOLVE_NOT_APPLIED, RESOLVE_TAKE_BACK})
_NEEDS_APPROVAL: Final = frozenset({State.APPROVED, State.SENDING, State.COMMITTED})


@dataclass(slots=True, kw_only=True)
class _Course:
    """Where the records of one proposal have led so far."""

    seq: int
    state: str
    digest: JsonValue
    needed: int
    fence: int = 0
    part_of: str = ""
    undoes: str = ""
    approvers: set[str] = field(default_factory=set)
    has_glass: bool = False  # its terms let two approve in an emergency
    broken_by: set[str] = field(default_factory=set)
    receipt: str = ""


class Courses:
    """Follows every proposal through the chain."""

    def __init__(self, found: Found) -> None:
        """Report what is wrong to `found`."""
        self._found = found
        self._courses: dict[str, _Course] = {}
        self._ways_back: dict[str, list[_Course]] = {}  # by the part that they take back

    def see(self, record: AuditRecord, leaf: dict[str, JsonValue]) -> None:
        """Follow one record of the chain; those that are not about a proposal are passed over."""
        facts = leaf["facts"]
        if not str(leaf["kind"]).startswith(_PREFIX) or not isinstance(facts, dict):
            return
        proposal_id = str(facts.get("proposal_id", ""))
        course = self._courses.get(proposal_id)
        if course is None:
            self._courses[proposal_id] = course = self._begun(record.seq, proposal_id, facts)
        else:
            self._moved(record.seq, proposal_id, course, facts)
        course.seq = record.seq
        if "receipt" in record.details:
            course.receipt = _digest(record.details["receipt"][1])

    def compare(self, rows: Iterable[KeptProposal]) -> None:
        """Compare where the records end with what the rows say."""
        for row in rows:
            course = self._courses.pop(row.proposal_id, None)
            if course is None:
                self._found(0, "unrecorded", row.proposal_id)
                continue
            told = {"state": course.state, "content": course.digest, "receipt": course.receipt}
            kept = {"state": row.state, "content": row.digest, "receipt": row.receipt}
            for name in [name for name in told if told[name] != kept[name]]:
                detail = f"{row.proposal_id} {name}"
                self._found(course.seq, "row_changed", f"{detail}: {row.state}" if name == "state" else detail)
        for proposal_id, course in self._courses.items():
            self._found(course.seq, "row_missing", proposal_id)

    def _begun(self, seq: int, proposal_id: str, facts: dict[str, JsonValue]) -> _Course:
        if (facts.get("move"), facts.get("from"), facts.get("to")) != ("propose", "", State.PROPOSED):
            self._found(seq, "illegal_move", f"{proposal_id} has no beginning")
        needed = facts.get("needed")
        if needed == 0 and (facts.get("system"), facts.get("operation")) != (human_task.SYSTEM, human_task.CREATE):
            self._found(seq, "unapproved", f"{proposal_id} needs nobody, and is no task for a person")
        return _Course(
            seq=seq,
            state=str(facts.get("to")),
            digest=facts.get("digest"),
            needed=needed if isinstance(needed, int) else 1,
            fence=_fence(facts),
            part_of=str(facts.get("part_of", "")),
            undoes=str(facts.get("undoes", "")),
            has_glass=facts.get("break_glass") is True,
        )

    def _moved(self, seq: int, proposal_id: str, course: _Course, facts: dict[str, JsonValue]) -> None:
        name, source, target = str(facts.get("move")), str(facts.get("from")), str(facts.get("to"))
        if name == "approve":
            course.approvers.add(str(facts.get("approver")))
        if name == "break_glass":
            course.broken_by.add(str(facts.get("approver")))
        if source != course.state or facts.get("digest") != course.digest:
            self._found(seq, "illegal_move", f"{proposal_id} {name} from {source}, it stood in {course.state}")
        elif _fence(facts) - course.fence != _rise(name, source, target):
            self._found(seq, "illegal_move", f"{proposal_id} {name} from {source} to {target}")
        if name in _STATED and "statement_digest" not in facts:
            self._found(seq, "illegal_move", f"{proposal_id} {name} without a statement")
        if name == RESOLVE_TAKE_BACK:
            self._ordered(proposal_id)
        if course.part_of and name == "allow":
            self._part_begun(seq, proposal_id, course)
        elif target in _NEEDS_APPROVAL and not self._is_approved(course):
            self._found(seq, "unapproved", f"{proposal_id} {len(self._approvers(course))} of {course.needed}")
        course.state, course.fence = target, _fence(facts)

    def _is_approved(self, course: _Course) -> bool:
        """Whether enough said yes to it, or to its saga, or two did in an emergency."""
        whole = self._courses.get(course.part_of) if course.part_of else course
        return len(self._approvers(course)) >= course.needed or (whole is not None and _is_broken(whole))

    def _approvers(self, course: _Course) -> set[str]:
        """Return who said yes; of a part, who did to its saga."""
        whole = self._courses.get(course.part_of) if course.part_of else course
        return whole.approvers if whole else set()

    def _ordered(self, saga_id: str) -> None:
        """What came to nothing before a person ordered that a saga be taken back further says nothing against more."""
        for undone, backs in self._ways_back.items():
            gone = {id(one) for one in backs if one.part_of == saga_id and one.state in NOTHING_WRITTEN}
            self._ways_back[undone] = [one for one in backs if id(one) not in gone]

    def _part_begun(self, seq: int, proposal_id: str, course: _Course) -> None:
        """A part is begun while its saga, to which enough people have said yes, goes the same way.

        What takes a step back is begun anew only where all before it ended as having written nothing.
        """
        whole = self._courses.get(course.part_of)
        wanted = State.COMPENSATING if course.undoes else State.CLAIMED
        if course.undoes:
            before = self._ways_back.setdefault(course.undoes, [])
            if len(before) >= MAX_WAYS_BACK or any(one.state not in WORTH_ANOTHER for one in before):
                self._found(seq, "illegal_move", f"{proposal_id} takes {course.undoes} back once more")
            before.append(course)
        if whole is None or whole.state != wanted:
            self._found(seq, "illegal_move", f"{proposal_id} begun while {course.part_of} is not {wanted}")
        elif len(whole.approvers) < max(1, course.needed, whole.needed) and not _is_broken(whole):
            self._found(seq, "unapproved", f"{proposal_id} {len(whole.approvers)} of {whole.needed}")


def _is_broken(course: _Course) -> bool:
    return course.has_glass and len(course.broken_by) >= BREAK_GLASS_NEEDED


def _rise(name: str, source: str, target: str) -> int | None:
    """Return by how much a move raises the fence, `None` when there is no such move."""
    if name in ("ask_for_review", "review") and source == target:
        return 0
    if name in ("approve", "break_glass", "escalate") and source == target == State.AWAITING_APPROVAL:
        return 0  # one of several approvals
    move = moves(name, State(source)) if source in State.__members__ else None
    if move is None or move.target != target:
        return None
    return 1 if move.takes_lease else 0


def _fence(facts: dict[str, JsonValue]) -> int:
    fence = facts.get("fence")
    return fence if isinstance(fence, int) else -1


def _digest(value: JsonValue) -> str:
    try:
        return sha256(canonical(value)).hexdigest()
    except ValueError:
        return ""
