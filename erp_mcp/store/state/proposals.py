"""Proposals: every move is one transaction with its audit record and its outgoing event."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain import quorum, saga
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.human_task import needs_nobody
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.lifecycle import (
    ESCALATED,
    GLASS_BROKEN,
    GLASS_REVIEWED,
    RESOLVE_APPLIED,
    RESOLVE_NOT_APPLIED,
    RESOLVE_TAKE_BACK,
    REVIEW_OVERDUE,
    State,
    moves,
)
from erp_mcp.domain.proposal import (
    Content,
    Proposal,
    Receipt,
    SignedDecision,
    SignedResolution,
    SignedReview,
    Step,
    Unlike,
)
from erp_mcp.domain.quorum import Said
from erp_mcp.errors import (
    KeyReusedError,
    NotAReviewerError,
    PossibleDuplicateError,
    ProposalDamagedError,
    ProposalMovedError,
    StateUnavailableError,
    TooManyProposalsError,
)
from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state import duties, glass, limits, overdue, switches
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine, Session
from erp_mcp.store.state.left_behind import holds, left_at
from erp_mcp.store.state.moving import Mover, decision_facts, proposal_facts, resolution_facts, review_facts
from erp_mcp.store.state.overdue import Overdue
from erp_mcp.store.state.parts import (
    add_order,
    check_not_frozen,
    check_part_not_stopped,
    freeze,
    hold_frozen,
    orders_of,
    parts_of,
)
from erp_mcp.store.state.proposal_reads import WAS_SENT, ProposalReads, found, same_as
from erp_mcp.store.state.rows import (
    COLUMNS,
    Stored,
    beside,
    content_digest,
    content_text,
    stored,
)
from erp_mcp.store.state.words import add_decision, add_resolution

MAX_WAITING: Final = 50  # proposals of one agent that wait for a decision
_BY_KEY: Final = f"SELECT {COLUMNS} FROM proposal WHERE agent = ? AND tool = ? AND idempotency_key = ?"
_WAITING: Final = "SELECT COUNT(*) FROM proposal WHERE agent = ? AND state = 'AWAITING_APPROVAL' AND ends_at > ?"
_ADD: Final = (
    "INSERT INTO proposal (proposal_id, content, digest, state, since,"
    " needed, part_of, undoes, agent, tool, system, idempotency_key, fingerprint, made_at, ends_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, rtrim(?, 'Z'), rtrim(?, 'Z'))"
)
_DECIDED: Final = "SELECT 1 FROM decision WHERE nonce = ? OR (proposal_id = ? AND approver_id = ?)"
_APPROVALS: Final = "SELECT approver_id, decided_at FROM decision WHERE proposal_id = ? AND decision = 'approve'"
_OVER: Final = "SELECT 1 FROM proposal WHERE proposal_id = ? AND ends_at <= ?"
# Work for a worker, the most urgent first: what may have been sent, what was claimed and lost, what is approved.
_IS_DUE: Final = (
    "((state IN ('SENDING', 'RECONCILING') AND rtrim(lease_expires_at, 'Z') <= :now)"
    " OR (state IN ('CLAIMED', 'COMPENSATING') AND rtrim(lease_expires_at, 'Z') <= :now"
    " AND rtrim(not_before, 'Z') <= :now)"
    " OR (state IN ('UNKNOWN', 'AWAITING_ACK', 'APPROVED') AND rtrim(not_before, 'Z') <= :now))"
)
_FIRST: Final = (
    " ORDER BY CASE state WHEN 'SENDING' THEN 0 WHEN 'RECONCILING' THEN 1 WHEN 'UNKNOWN' THEN 1"
    " WHEN 'AWAITING_ACK' THEN 1 WHEN 'COMPENSATING' THEN 1 ELSE 2 END,"
    " since, proposal_id"
)
_DUE: Final = f"SELECT proposal_id, state, tool, agent, system, '' FROM proposal WHERE {_IS_DUE}{_FIRST}"
_DUE_AND_WHAT: Final = _DUE.replace("''", "content", 1)  # only where a site is stopped: contents are long
_STILL_DUE: Final = f"SELECT {COLUMNS} FROM proposal WHERE proposal_id = :proposal AND state = :state AND {_IS_DUE}"
_AT_ONCE: Final = 200  # proposals that one transaction lets go
# What was sent before and turned away is a worker's to end, who looks first whether it is there all the same.
_EXPIRED: Final = (
    "SELECT proposal_id, state FROM proposal WHERE state IN ('AWAITING_APPROVAL', 'APPROVED') AND ends_at <= ?"
    f" AND NOT (state = 'APPROVED' AND (rtrim(paused_until, 'Z') > ? OR {WAS_SENT}))"
    f" ORDER BY proposal_id LIMIT {_AT_ONCE}"
)
_SENT_BEFORE: Final = f"SELECT 1 FROM proposal WHERE proposal_id = ? AND {WAS_SENT}"  # so nobody cancels it either
_TOO_LATE: Final = {State.AWAITING_APPROVAL: "not_decided", State.APPROVED: "not_carried_out"}
_TAKES: Final = {
    State.SENDING: "find_lost",
    State.CLAIMED: "claim",
    State.APPROVED: "claim",
    State.UNKNOWN: "reconcile",
    State.AWAITING_ACK: "ask",
    State.RECONCILING: "reconcile",
    State.COMPENSATING: "compensate",
}
_TAKEN_TO: Final = {state: move.target for state, name in _TAKES.items() if (move := moves(name, state))}
_NOTHING_SENT: Final = frozenset({State.APPROVED, State.CLAIMED})
_HELD: Final = frozenset({State.CLAIMED, State.RECONCILING, State.COMPENSATING})
_RESOLVES: Final = {
    "applied": RESOLVE_APPLIED,
    "not_applied": RESOLVE_NOT_APPLIED,
    "take_back": RESOLVE_TAKE_BACK,
}
# Moves that only what somebody signed makes, stored with them.
_BY_SIGNATURE: Final = {
    "approve": "needs_decision",
    "break_glass": "needs_decision",
    "reject": "needs_decision",
    "allow": "needs_decision",
    RESOLVE_APPLIED: "needs_statement",
    RESOLVE_NOT_APPLIED: "needs_statement",
    RESOLVE_TAKE_BACK: "needs_statement",
}


class StoredProposals(ProposalReads):
    """Proposals, the decisions about them and their events."""

    def __init__(self, engine: Engine, audit: StoredAudit, clock: Clock, ids: Ids) -> None:
        """Keep proposals in what `engine` speaks to; times are of `clock.wall`."""
        super().__init__(engine, clock)
        self._mover = Mover(audit, clock, ids)
        self._overdue = Overdue()

    def create(self, content: Content, unlike: Unlike | None = None) -> tuple[Proposal, bool]:
        """Store a proposal and put it before its approvers, where it needs any; survives power loss once it returns.

        Args:
            content: What is proposed.
            unlike: What must not be there yet, looked at in the transaction that stores it.

        Returns:
            The proposal and whether it is new: the same key with the same meaning gives the one that is there.

        Raises:
            KeyReusedError: `proposal.key_reused`. PossibleDuplicateError: `proposal.possible_duplicate`.
            WritesStoppedError: `writes.stopped`.
            TooManyProposalsError: `proposal.too_many`. LimitExceededError: `limit.exceeded`.
            ApprovedOtherHalfError: `proposal.approved_other_half`.
            ProposalDamagedError: `proposal.damaged`, for what is stored under the key.
            StateUnavailableError: `state.unavailable`. Nothing was written in any of these cases.
        """
        text = content_text(content)
        with self._engine.writing() as session:
            session.lock(f"agent:{content.agent}")
            row = session.execute(_BY_KEY, (content.agent, content.tool, content.idempotency_key)).fetchone()
            if row is not None:
                return _of_same_meaning(stored(row).proposal, content), False
            if unlike is not None:
                self._check_unlike(session, content.agent, unlike)
            self._check_room(session, content)
            return self._added(session, content, text).proposal, True

    def move(self, proposal_id: str, step: Step) -> Proposal:
        """Make one move of the table in `domain.lifecycle`; what takes a decision is made by `decide` alone.

        Raises:
            ProposalNotFoundError: `proposal.not_found`. ProposalDamagedError: `proposal.damaged`.
            ProposalMovedError: `proposal.moved`, when there is no such move from where it stands, or the fence is not
                the present one; nothing was written.
            WritesStoppedError, LimitExceededError: for the move `send` alone; nothing was written.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as session:
            before = found(session, proposal_id, held=True)
            if step.name in _BY_SIGNATURE:
                raise ProposalMovedError(state=before.state, move=step.name, reason=_BY_SIGNATURE[step.name])
            _ = before.proposal  # of a damaged one nothing is carried out
            if step.name == "cancel" and before.state is State.APPROVED:
                _check_never_sent(session, proposal_id)
            return self._mover.make(session, before, step).proposal

    def decide(self, decision: SignedDecision) -> Proposal:
        """Store a decision, and make its move once enough people have decided; one person decides once.

        Raises:
            ProposalNotFoundError: `proposal.not_found`. ProposalDamagedError: `proposal.damaged`.
            ProposalMovedError: `proposal.moved`, when it does not wait for a decision (any more), its time is over, or
                this person has decided or this nonce was used; nothing was written.
            ApproverNotFoundError: `approval.not_found`, for somebody revoked meanwhile; nothing was written.
            NoBreakGlassError, ReviewOverdueError: for a yes in an emergency; nothing was written.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as session:
            before = found(session, decision.proposal_id, held=True)
            _ = before.proposal  # of a damaged one nothing is carried out
            self._check_decidable(session, before, decision)
            duties.check(session, before.proposal.content, decision)
            glass.check(session, before.proposal.content, decision, self._clock.wall())
            return self._decided(session, before, decision)

    def review(self, said: SignedReview) -> None:
        """Store what somebody found who looked at an approval in an emergency, once; their signature was checked.

        Raises:
            ProposalNotFoundError: `proposal.not_found`. ProposalDamagedError: `proposal.damaged`.
            ReviewedAlreadyError: `approval.reviewed_already`. StateUnavailableError: `state.unavailable`. Nothing was
                written in any of these cases.
        """
        with self._engine.writing() as session:
            before = found(session, said.proposal_id, held=True)
            _ = before.proposal
            session.lock(glass.LOCK)
            glass.add_review(session, said)
            step = Step(name="review", actor=said.approver_id, reason=said.verdict, facts=review_facts(said))
            self._mover.tell(session, before, step, GLASS_REVIEWED, source=before.state, statement=said.statement)

    def review_damaged(self, said: SignedReview, digest: str) -> None:
        """Store that nobody could look at what was approved in an emergency, since its row is not what was signed.

        Its record goes on from where the log left it, and says so.

        Args:
            said: `not_justified`, about that digest; its signature was checked.
            digest: Of the content that those signed who approved it.

        Raises:
            ProposalMovedError: `proposal.moved`, where the row is what was signed, or for another verdict.
            ProposalDamagedError: `proposal.damaged`, where the log does not know that content either.
            NotAReviewerError: `approval.not_reviewer`, for one of those who approved it.
            ReviewedAlreadyError, StateUnavailableError: as `review`. Nothing was written in any of these cases.
        """
        with self._engine.writing() as session:
            is_whole = holds(session, said.proposal_id, digest)
            logged = left_at(session, said.proposal_id)
            if is_whole or said.verdict != "not_justified":
                raise ProposalMovedError(state=logged.state, move="review", reason="not_damaged")
            if logged.digest != digest:
                raise ProposalDamagedError(proposal_id=said.proposal_id)
            if said.approver_id in glass.broken_by(session, said.proposal_id):
                raise NotAReviewerError(approver=said.approver_id, reason="broke_it")
            session.lock(glass.LOCK)
            glass.add_review(session, said)
            facts = {**review_facts(said), "damaged": True}
            step = Step(name="review", actor=said.approver_id, reason=said.verdict, facts=facts)
            self._mover.tell(session, logged, step, GLASS_REVIEWED, source=logged.state, statement=said.statement)

    def narrow(self, rejection: SignedDecision, content: Content, approval: SignedDecision) -> Proposal:
        """Put a smaller proposal in the place of one that waits, with the yes of whoever made it smaller.

        One transaction: the one that waited is rejected, the smaller one is there and has that yes. So never both of
        them can be carried out.

        Args:
            rejection: Of the proposal that `content.narrows`; its signature was checked.
            content: The smaller one.
            approval: Of the smaller one, by the same person.

        Raises:
            ProposalMovedError, ProposalNotFoundError, ProposalDamagedError: as `decide`, for the one that waited.
            Otherwise as `create`. Nothing was written in any of these cases.
        """
        text = content_text(content)
        with self._engine.writing() as session:
            before = found(session, content.narrows, held=True)
            _ = before.proposal
            self._check_decidable(session, before, rejection)
            # Every lock that this takes, before the first record is written: behind the records nothing waits.
            session.lock(f"agent:{content.agent}")
            switches.check_not_stopped(session, content)
            duties.hold_askers(session, content, approval.approver_id)
            duties.check(session, content, approval)
            hold_frozen(session)
            limits.hold(session, content)
            add_decision(session, rejection)
            facts = {**decision_facts(rejection), "narrowed_to": content.proposal_id}
            rejected = Step(name="reject", actor=rejection.approver_id, reason="narrowed", facts=facts)
            self._mover.make(session, before, rejected, envelope=rejection.envelope)
            self._check_room(session, content)
            return self._decided(session, self._added(session, content, text), approval)

    def begin(self, step: Step, content: Content) -> Proposal:
        """Begin a part of a saga, which waits for it from now on: both in one transaction.

        Args:
            step: The move `wait` of the saga, under its lease.
            content: The part; it needs nobody's yes but those that its saga has.

        Returns:
            The part, approved.

        Raises:
            ProposalMovedError: `proposal.moved`, when another worker has the saga, or began this part, or it goes the
                other way than the part; a way back that certainly wrote nothing may be begun anew, as
                `saga.may_begin` says.
            LimitExceededError, ObjectFrozenError: before the first part alone. WritesStoppedError: likewise, and for a
                way back that nobody may send now; its time would run out while it waits.
            ProposalNotFoundError, ProposalDamagedError: as `move`. Nothing was written in any of these cases.
        """
        text = content_text(content)
        with self._engine.writing() as session:
            before = found(session, content.part_of, held=True)
            session.lock(f"agent:{content.agent}")  # so that it proposes nothing of the same meaning meanwhile
            if before.state is not (State.COMPENSATING if content.undoes else State.CLAIMED):
                raise ProposalMovedError(state=before.state, move="begin")
            begun = parts_of(session, content.part_of)
            if not saga.may_begin(content, begun, orders_of(session, content.part_of)):
                raise ProposalMovedError(state=before.state, move="begin", reason="begun_already")
            if not begun:
                self._mover.may_send(session, before)
            if content.undoes:
                check_part_not_stopped(session, content)
            self._mover.make(session, before, step)
            return self._added(session, content, text).proposal

    def resolve(self, resolution: SignedResolution, receipt: Receipt | None) -> Proposal:
        """Store what an operator found of a change whose outcome nobody knows, and end it by that.

        Or let a saga that is stuck be taken back further, where they say that it is to be.

        Args:
            resolution: Their statement; its signature was checked.
            receipt: What is there; `None` exactly where nothing is.

        Raises:
            ProposalNotFoundError: `proposal.not_found`. ProposalDamagedError: `proposal.damaged`.
            ProposalMovedError: `proposal.moved`, where nobody has to say it (any more); nothing was written.
            ApproverNotFoundError: as `decide`.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        name = _RESOLVES[resolution.verdict]
        with self._engine.writing() as session:
            before = found(session, resolution.proposal_id, held=True)
            _ = before.proposal
            if moves(name, before.state) is None or (receipt is not None) != (name == RESOLVE_APPLIED):
                raise ProposalMovedError(state=before.state, move=name)
            if resolution.verdict == "take_back":
                add_order(session, resolution, fence=before.fence, made_at=exact_instant(self._clock.wall()))
            else:
                add_resolution(session, resolution)
            step = Step(
                name=name,
                actor=resolution.approver_id,
                reason="stated_by_operator",
                receipt=receipt,
                facts=resolution_facts(resolution),
            )
            return self._mover.make(session, before, step, statement=resolution.statement).proposal

    def escalate(self) -> int:
        """Tell once of each proposal that others may decide about from now on, and of each review that is overdue.

        Returns:
            How many.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        now = self._clock.wall()
        with self._engine.reading() as session:
            due, late = self._overdue.escalated(session, now), glass.untold(session, now)
        told = sum(self._escalated(proposal_id, now) for proposal_id in due)
        return told + sum(self._told_overdue(one.proposal_id, now) for one in late)

    def expire(self) -> int:
        """Let everything go whose time is over, damaged or not; return how many.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        total = 0
        while gone := self._expire_some():
            total += gone
        return total + self._expire_untouched()

    def take(self, holder: str, *, lease_s: int) -> Proposal | None:
        """Take the next piece of work under a lease with a higher fence, or `None` when there is none.

        What comes back stands in CLAIMED (to be committed), RECONCILING (to be read back) or UNKNOWN (the worker that
        sent it is gone; nothing to do yet). An engaged kill switch keeps approved proposals where they are; what may
        have been sent is still read back. A damaged one is handed over to a person on the way.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as session:
            now = self._clock.wall()
            due, until = exact_instant(now), exact_instant(now + timedelta(seconds=lease_s))
            stopped = switches.stops(session)
            what = _DUE_AND_WHAT if switches.name_sites(stopped) else _DUE
            for proposal_id, state, tool, agent, system, text in session.execute(what, {"now": due}).fetchall():
                if state in _NOTHING_SENT and switches.hold(stopped, tool, agent, system, text):
                    continue
                before = _still_due(session, proposal_id, state, due)
                if before is None:  # somebody else has it, or has moved it to where a stop may hold it
                    continue
                if before.content is None:
                    self._give_up(session, before, holder, until)
                    continue
                step = Step(name=_TAKES[before.state], actor=holder, lease_expires_at=until)
                return self._mover.make(session, before, step).proposal
        return None

    # --- inside a transaction -----------------------------------------------------------------------------------------

    def _added(self, session: Session, content: Content, text: str) -> Stored:
        """Store a proposal and put it where it waits for its people, where it needs any."""
        now = self._clock.wall()
        new = _proposed(content, content_digest(text), exact_instant(now))
        about = (content.terms.needed, content.part_of, content.undoes, *beside(content))
        session.execute(_ADD, (new.proposal_id, text, new.digest, new.state, new.since, *about))
        limits.count(session, content, now)
        proposed = Step(name="propose", actor=content.agent, facts=proposal_facts(content))
        told = json.loads(text)
        self._mover.tell(session, new, proposed, "proposal.proposed", source="", content=told)
        name = "allow" if content.part_of or needs_nobody(content) else "submit"
        return self._mover.make(session, new, Step(name=name, actor="gateway"))

    def _decided(self, session: Session, before: Stored, decision: SignedDecision) -> Proposal:
        """Store a decision, and make its move where that ends it or enough people have said yes."""
        add_decision(session, decision)
        proposal = before.proposal
        step = Step(name=decision.decision, actor=decision.approver_id, facts=decision_facts(decision))
        if decision.decision == "break_glass":
            return self._in_emergency(session, before, step, decision.envelope)
        given = session.execute(_APPROVALS, (decision.proposal_id,)).fetchall()
        if decision.decision == "approve" and not _enough(proposal.content, given):
            kind = "proposal.approved_in_part"
            self._mover.tell(session, before, step, kind, source=before.state, envelope=decision.envelope)
            return proposal
        return self._mover.make(session, before, step, envelope=decision.envelope).proposal

    def _in_emergency(self, session: Session, before: Stored, step: Step, envelope: str) -> Proposal:
        """Tell of a yes in an emergency; of the last that it takes with its move, and that a review is due."""
        if not glass.is_broken(session, before.proposal_id):
            self._mover.tell(session, before, step, "proposal.approved_in_part", source=before.state, envelope=envelope)
            return before.proposal
        broken = glass.add(session, before.proposal.content, self._clock.wall())
        due = {"review_due_at": broken.due_at}
        last = dataclasses.replace(step, facts={**step.facts, **due})
        after = self._mover.make(session, before, last, envelope=envelope)
        people: list[JsonValue] = [*glass.broken_by(session, before.proposal_id)]
        alarm = Step(name="ask_for_review", actor="gateway", reason="break_glass", facts={"broken_by": people, **due})
        self._mover.tell(session, after, alarm, GLASS_BROKEN, source=after.state)
        return after.proposal

    def _check_unlike(self, session: Session, agent: str, unlike: Unlike) -> None:
        """Refuse what another call of the same agent proposed meanwhile, however many were made at once."""
        since = self._clock.wall() - timedelta(seconds=unlike.within_s)
        if same := unlike.like(same_as(session, agent, one, since) for one in unlike.fingerprints):
            raise PossibleDuplicateError(proposal_id=same)

    def _check_room(self, session: Session, content: Content) -> None:
        """Refuse a new proposal where writes are stopped, duties are apart, too many wait, or a limit is reached."""
        now = self._clock.wall()
        switches.check_not_stopped(session, content)
        duties.check_asked(session, content)
        (waiting,) = session.execute(_WAITING, (content.agent, exact_instant(now))).fetchone()
        if waiting >= MAX_WAITING:
            raise TooManyProposalsError(waiting=waiting, maximum=MAX_WAITING)
        check_not_frozen(session, content)
        limits.check_proposed(session, content, now)

    def _check_decidable(self, session: Session, before: Stored, decision: SignedDecision) -> None:
        if before.state is not State.AWAITING_APPROVAL:
            raise ProposalMovedError(state=before.state)
        if session.execute(_OVER, (before.proposal_id, exact_instant(self._clock.wall()))).fetchone():
            raise ProposalMovedError(state=before.state, reason="not_decided")
        there = (decision.nonce, decision.proposal_id, decision.approver_id)
        if session.execute(_DECIDED, there).fetchone():
            raise ProposalMovedError(state=before.state, reason="decided_already")

    def _escalated(self, proposal_id: str, now: datetime) -> bool:
        with self._engine.writing() as session:
            before = overdue.held_for_decision(session, proposal_id, now)
            if before is None:  # another worker told of it, or somebody decided
                return False
            step = Step(name="escalate", actor="clock", facts={"to": [*before.proposal.content.terms.escalates_to]})
            self._mover.tell(session, before, step, ESCALATED, source=before.state)
        return True

    def _told_overdue(self, proposal_id: str, now: datetime) -> bool:
        with suppress(ProposalDamagedError), self._engine.writing() as session:  # it holds nobody's work up
            before = overdue.held(session, proposal_id)
            late = [one for one in glass.untold(session, now) if one.proposal_id == proposal_id]
            if before is None or not late:  # somebody has it this moment, told of it, or reviewed it
                return False
            step = Step(name="ask_for_review", actor="clock", facts={"review_due_at": late[0].due_at})
            self._mover.tell(session, before, step, REVIEW_OVERDUE, source=before.state)
            return True
        return False

    def _expire_some(self) -> int:
        now = exact_instant(self._clock.wall())
        with self._engine.reading() as session:
            if not session.execute(_EXPIRED, (now, now)).fetchall():
                return 0
        with self._engine.writing() as session:
            over = session.execute(_EXPIRED + session.skipping, (now, now)).fetchall()
            # A row that another one wrote while this looked is seen as it is now, its events as they were: once more.
            over = [row for row in over if not session.execute(_SENT_BEFORE, row[:1]).fetchone()]
            return sum(self._expired(session, found(session, one), _TOO_LATE[state]) for one, state in over)

    def _expire_untouched(self) -> int:
        now = self._clock.wall()
        with self._engine.reading() as session:
            over = self._overdue.not_taken_up(session, now)
        if not over:
            return 0
        with self._engine.writing() as session:
            held = [overdue.held_untouched(session, one, now) for one in over[:_AT_ONCE]]
            return sum(self._expired(session, one, _TOO_LATE[one.state]) for one in held if one is not None)

    def _expired(self, session: Session, before: Stored, reason: str) -> bool:
        return self._apart(session, before, [Step(name="expire", actor="clock", reason=reason)])

    def _give_up(self, session: Session, before: Stored, holder: str, until: str) -> None:
        """Hand a damaged proposal over to a person, by the moves that there are."""
        state, fence = before.state, before.fence
        steps: list[Step] = []
        while state not in _HELD or not steps:
            steps.append(Step(name=_TAKES[state], actor=holder, lease_expires_at=until))
            fence += 1
            state = _TAKEN_TO[state]
        end = "stick" if state is State.COMPENSATING else "hand_over"
        freeze(session, None, State.NEEDS_HUMAN)  # before the first record
        steps.append(Step(name=end, actor=holder, fence=fence, reason="damaged"))
        self._apart(session, before, steps)

    def _apart(self, session: Session, before: Stored, steps: list[Step]) -> bool:
        """Make moves of one proposal that must not hold up the others: all of them, or none and it stays."""
        session.execute("SAVEPOINT one_proposal")
        try:
            for step in steps:
                before = self._mover.make(session, before, step)
        except (StateUnavailableError, ProposalMovedError):
            session.execute("ROLLBACK TO one_proposal")
            return False
        finally:
            session.execute("RELEASE one_proposal")
        return True


def _check_never_sent(session: Session, proposal_id: str) -> None:
    """What was sent and turned away may have happened: a worker looks and says what became of it, nobody else."""
    if session.execute(_SENT_BEFORE, (proposal_id,)).fetchone() is not None:
        raise ProposalMovedError(state=State.APPROVED, move="cancel", reason="sent_before")


def _still_due(session: Session, proposal_id: str, state: str, now: str) -> Stored | None:
    """Return a proposal as the caller's until its transaction ends, `None` when somebody else has it or has moved it.

    Raises:
        ProposalDamagedError: `proposal.damaged`, when it stands in no known state.
    """
    said = {"now": now, "proposal": proposal_id, "state": state}
    row = session.execute(_STILL_DUE + session.skipping, said).fetchone()
    return stored(row) if row else None


def _proposed(content: Content, digest: str, now: str) -> Stored:
    return Stored(
        proposal_id=content.proposal_id,
        content=content,
        digest=digest,
        agent=content.agent,
        tool=content.tool,
        system=content.command.system,
        state=State.PROPOSED,
        since=now,
    )


def _enough(content: Content, given: Sequence[tuple[str, str]]) -> bool:
    """Whether those who said yes are as many and of the groups that the proposal asks for; the worker verifies them."""
    said = [[Said(approver, parse_instant(at))] for approver, at in given]
    return quorum.is_met(content.terms, said, parse_instant(content.created_at))


def _of_same_meaning(there: Proposal, content: Content) -> Proposal:
    if there.content.fingerprint != content.fingerprint:
        raise KeyReusedError(argument="idempotency_key", proposal_id=there.content.proposal_id)
    return there
