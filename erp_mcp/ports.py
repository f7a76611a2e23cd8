"""What the core needs from outside, as protocols. Implementations are named by `bootstrap` alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from erp_mcp.domain.approver import Applied, Approver, Signed
    from erp_mcp.domain.audit import AuditEntry, AuditRecord, KeptProposal, Told
    from erp_mcp.domain.command import Accepted, Command, Committed, Outcome, Refused, RetryContract, Unknown, Written
    from erp_mcp.domain.derivation import Cell, Derivation, Moment
    from erp_mcp.domain.duties import Yes
    from erp_mcp.domain.entities import Record
    from erp_mcp.domain.freshness import EntityState
    from erp_mcp.domain.introspection import Introspection
    from erp_mcp.domain.lifecycle import State
    from erp_mcp.domain.proposal import (
        BrokenGlass,
        Content,
        DamagedProposal,
        Event,
        Proposal,
        SignedDecision,
        Step,
        TakeBackOrder,
        Unlike,
    )
    from erp_mcp.domain.tool import Query
    from erp_mcp.domain.traffic import Admission, Ending, TrafficKind, TrafficLimits, TrafficState

MAX_KEYS: Final = 200  # source keys in one live read
SqlValue = str | int | None
Row = tuple[SqlValue, ...]


class Clock(Protocol):
    """Two clocks, both aware and in UTC, and what tells whether the first of them was set."""

    def wall(self) -> datetime:
        """Return the time of day: audit, leases, expiry."""
        ...

    def plant(self) -> datetime:
        """Return the plant's business time: lateness, age, frozen zones. In a demo it stands still."""
        ...

    def steady(self) -> float:
        """Return seconds since some moment; nobody sets them, and they go on while the machine sleeps."""
        ...


class Ids(Protocol):
    """Where identifiers come from."""

    def new(self) -> str:
        """Return a new UUIDv7 as lower-case text: unique, and sorted by time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """One page of changes of one entity, in watermark order.

    `deleted` are source keys. `present` are source keys of records that are there and were not read again. `watermark`
    is where to resume after this page has been applied. `high_water` is how far the source itself says it is up to date
    (UTC instant), where it says so. `last` marks the end of this pass. `snapshot` says that the pass names every live
    record, in `records` or `present`, so what it does not name is gone.
    """

    records: tuple[Record, ...]
    deleted: tuple[str, ...]
    watermark: str
    high_water: str = ""
    last: bool = False
    snapshot: bool = False
    present: tuple[str, ...] = ()


class Adapter(Protocol):
    """Speaks to one system of record; gives canonical records whose REF fields still hold the system's local ids."""

    @property
    def system(self) -> str:
        """Name of the configured system."""
        ...

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities this system can give."""
        ...

    def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed after `watermark` (empty: everything), in pages of bounded size.

        Raises:
            SystemUnreachableError: `adapter.unreachable`; SystemTimeoutError: `adapter.timeout`;
            BadAnswerError: `adapter.bad_answer`; SystemRefusedError: `adapter.refused`.
        """
        ...

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the live records with these source keys (at most `MAX_KEYS`) in any order; missing ones are left out.

        Raises:
            InvalidArgumentError: `call.invalid_argument`, for more keys; otherwise as `changes`.
        """
        ...

    async def probe(self) -> Mapping[str, str]:
        """Return what a person wants to know: product, version, account, server time (UTC instant)."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Introspects(Protocol):
    """An adapter that can say what the system really has; those that can't are used all the same."""

    async def introspect(self) -> Introspection:
        """Look at the system's own description and the account's rights; nothing is written.

        Raises:
            as `Adapter.changes`.
        """
        ...


@runtime_checkable
class KnowsLacking(Protocol):
    """An adapter that finds out which optional fields its system does not have, beside those that nobody mapped."""

    def lacking(self, entity: str) -> tuple[str, ...]:
        """Return the canonical fields that an entity's last pass found not to be there; answers name them as gaps."""
        ...


class SecretSource(Protocol):
    """Where one secret comes from; asked each time it is needed, so that it can change while we run."""

    async def current(self) -> str:
        """Return the secret, from a cache where it is still good.

        Raises:
            SecretUnavailableError: `credentials.unavailable`. ConfigurationError: `settings.bad_configuration`.
        """
        ...

    async def after_refusal(self, refused: str) -> str:
        """Return a newer secret than one that a system has just refused, the same one where there is none."""
        ...


class Traffic(Protocol):
    """What all processes of a deployment together do to its systems: rates, breakers, and writes that went out.

    Nothing here waits. A store that can't be used admits nothing (`state.unavailable`). `where` is what the system
    points to (`egress.places.where_to`): loads and breakers are counted by both, writes by the system alone.
    """

    def admit(
        self,
        system: str,
        kind: TrafficKind,
        limits: TrafficLimits,
        *,
        where: str = "",
        lasts_s: float = 60.0,
        callers: Collection[str] = ("",),
    ) -> Admission:
        """Say whether one request of one of these callers may go now, and count it if it may.

        It is over in `lasts_s` seconds at the latest. Callers that may not go yet take turns with those of other
        processes, as long as they go on asking when they are told to.
        """
        ...

    def finish(
        self,
        system: str,
        kind: TrafficKind,
        limits: TrafficLimits,
        ticket: str,
        ending: Ending,
        *,
        where: str = "",
        pause_s: float = 0.0,
    ) -> None:
        """Give a ticket back; one that is lost with its process counts as failed once its time is over.

        `pause_s` is what the system asked for (`Retry-After`); nothing is admitted before it is over.
        """
        ...

    def may_retry(self, system: str, limits: TrafficLimits, *, where: str = "") -> bool:
        """Take one repeat of a read out of the system's budget, where one is left."""
        ...

    def claim_send(self, system: str, reference: str) -> bool:
        """Note for good that the write with this reference goes out now; `False` when one has gone out already."""
        ...

    def release_send(self, system: str, reference: str) -> None:
        """Take a claim back: the write certainly did not arrive, or was turned away at the door."""
        ...

    def states(self) -> tuple[TrafficState, ...]:
        """Return how every system is doing."""
        ...


class ReadModel(Protocol):
    """The local, read-only copy that queries and analyses see."""

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        """Run one compiled SELECT and return its rows, at most `query.max_rows + 1`.

        Raises:
            ReadModelNotReadyError: `read_model.not_ready`, when the copy is missing, half built or of another version.
            DeadlineError: `gateway.deadline`, when it takes longer than `deadline_s` seconds.
        """
        ...

    async def states(self) -> Mapping[str, tuple[EntityState, ...]]:
        """Return where each entity stands, one entry per system that offers it; cheap enough for every call."""
        ...


@runtime_checkable
class WorksOut(Protocol):
    """A read model that keeps rows worked out ahead of time; with any other one whole questions are asked."""

    async def worked_out(
        self, derivations: Sequence[Derivation], moment: Moment, *, sites: tuple[str, ...] | None, deadline_s: float
    ) -> Mapping[str, list[tuple[Cell, ...]]] | None:
        """Return the rows of derivations exactly as if all their keys in scope were worked out at this moment.

        `None` when that can't be said, or too much would have to be worked out first: then ask the whole question.

        Raises:
            as `rows`.
        """
        ...


class ReadModelWriter(Protocol):
    """The side of the read model that synchronisation writes."""

    def apply(self, system: str, entity: str, page: ChangePage, *, as_of: str, pass_id: str) -> None:
        """Apply one page and its watermark in one transaction; a repeated page changes nothing.

        `pass_id` names the running pass: at the last page of a snapshot, rows that the pass did not name are removed.
        """
        ...

    def identities(self, system: str) -> Mapping[tuple[str, str], str]:
        """Return (entity, local id) → canonical id as known for a system."""
        ...

    def add_identities(self, system: str, known: Iterable[tuple[str, str, str]]) -> None:
        """Store (entity, local id, canonical id); a different canonical id for a known pair is refused."""
        ...

    def forget_identities(self, system: str) -> None:
        """Drop what is known of a system's ids; a pass from the beginning follows, since a rule has changed."""
        ...

    def state(self, system: str, entity: str) -> EntityState | None:
        """Return where an entity stands, or `None` when it was never started."""
        ...

    def finish(self, state: EntityState) -> None:
        """Record the end of a pass: as-of, rows, completeness, last error."""
        ...

    def derive(self) -> None:
        """Work out what is precomputed from several entities (base-unit quantities)."""
        ...

    def work_out(self, moment: Moment, *, limit: int) -> int:
        """Work out at most `limit` keys of derivations that are not known as of a moment, in one transaction.

        Returns:
            How many were worked out; 0 when nothing is left to do.

        Raises:
            ReadModelWriteError: `read_model.not_written`; nothing is written.
        """
        ...


class AuditStore(Protocol):
    """Append-only home of audit records."""

    def append(self, entry: AuditEntry) -> AuditRecord:
        """Write one entry durably against the death of the process and return it with its hash.

        Raises:
            AuditUnavailableError: `audit.unavailable`; the caller then does nothing.
        """
        ...

    def read(self, *, after: int = 0, limit: int = 100) -> list[AuditRecord]:
        """Return records with `seq > after`, oldest first."""
        ...


class Bundles(Protocol):
    """The applied policy bundle, shared by all processes of a deployment."""

    def active_digest(self) -> str:
        """Return the digest of the applied bundle, empty when none was applied; cheap enough for every call."""
        ...

    def active(self) -> tuple[str, str]:
        """Return (digest, canonical JSON) of the applied bundle; both empty when none was applied."""
        ...

    def applied(self, *, since: str = "") -> list[Applied]:
        """Return who applied bundles since an instant, newest first; the newest of all is always among them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A claim on a name until `expires_at`; a higher fence replaces a lower one for good."""

    name: str
    holder: str
    fence: int
    expires_at: str


class Leases(Protocol):
    """Who may do a thing that only one process may do at a time."""

    def acquire(self, name: str, holder: str, *, ttl_s: int) -> Lease | None:
        """Return a lease, renewed when `holder` has it already, or `None` while another holder's lease runs."""
        ...

    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is no longer held."""
        ...


class Followers(Protocol):
    """How far readers of events have come, by name; positions only go forward."""

    def position(self, name: str) -> int:
        """Return the audit number of the last event a follower is done with; a new one begins with what comes now."""
        ...

    def advance(self, name: str, position: int) -> None:
        """Keep that a follower is done with an event; an older one changes nothing."""
        ...


class LiveReads(Protocol):
    """Reads records from their systems this moment, with read credentials."""

    async def read(self, system: str, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the records with these source keys as their system has them; see `Adapter.read` for bounds and errors.

        Raises:
            SystemNotConfiguredError: `adapter.not_configured`.
        """
        ...


class Commands(Protocol):
    """Writes to one system of record; opened by the worker alone, with credentials of its own.

    Nothing here retries. `send` is called at most once per claim of a proposal; whatever it can't say for certain is
    `Unknown`.
    """

    @property
    def system(self) -> str:
        """Name of the configured system."""
        ...

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        """What this system takes, and how an unknown outcome of each can be found out."""
        ...

    async def send(self, command: Command) -> Outcome:
        """Write it and say what the system said; raises nothing but cancellation."""
        ...

    async def find(self, command: Command) -> Written | None:
        """Return what this very command wrote (by our reference, or by value and writer), `None` when it is not there.

        Raises:
            SystemUnreachableError, SystemTimeoutError, BadAnswerError, SystemRefusedError: it can't be said now.
        """
        ...

    async def probe(self) -> Mapping[str, str]:
        """Return what a person wants to know before writes are turned on: account, rights, how each contract is kept.

        Nothing is written. Raises as `find`.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Acknowledges(Protocol):
    """Commands of a system that takes things in and says later what became of them; others are asked by `find`."""

    async def acknowledged(self, command: Command, ticket: str) -> Committed | Refused | Accepted | Unknown | None:
        """Return what the system says by now of what it took in, `None` when it has not said anything yet.

        `Accepted` says the same, and when it is worth asking again; a ticket in it takes the place of the old one.
        `Unknown` says why its answer says nothing: it is asked again, and a person in the end.

        Args:
            command: What was taken in.
            ticket: What the system gave for asking, empty where it gave nothing or it was lost.

        Raises:
            as `Commands.find`.
        """
        ...


class Proposals(Protocol):
    """Home of proposals: every move is one transaction with its audit record and its outgoing event."""

    def get(self, proposal_id: str) -> Proposal:
        """Return a proposal.

        Raises:
            ProposalNotFoundError: `proposal.not_found`. ProposalDamagedError: `proposal.damaged`.
        """
        ...

    def by_key(self, agent: str, tool: str, idempotency_key: str) -> Proposal | None:
        """Return the proposal that an agent made with a key, if there is one."""
        ...

    def same(self, agent: str, fingerprint: str, *, within_s: int) -> str:
        """Return the newest live or committed proposal of this meaning of the last seconds, the whole of a part."""
        ...

    def taken_back_by(self, agent: str, proposal_id: str) -> str:
        """Return the id of an agent's live or committed proposal that takes another one back, or empty."""
        ...

    def not_applied(self, agent: str, fingerprint: str, *, limit: int = 20) -> list[Proposal]:
        """Return an agent's proposals of the same meaning that were sent and ended as not written, newest first."""
        ...

    def of_agent(self, agent: str, *, before: str = "", limit: int = 50) -> list[Proposal]:
        """Return an agent's proposals, newest first; those made before the one with id `before`."""
        ...

    def in_states(self, states: tuple[State, ...], *, limit: int = 200, newest: bool = False) -> list[Proposal]:
        """Return proposals that stand in one of the states, oldest first: the oldest of them, or the `newest`."""
        ...

    def damaged(self, states: tuple[State, ...]) -> list[DamagedProposal]:
        """Return those in one of the states whose row is not what was written, by id; nothing of their content."""
        ...

    def decisions(self, proposal_id: str) -> list[SignedDecision]:
        """Return the decisions about a proposal, oldest first; nothing of them is verified here."""
        ...

    def broken_glass(self, proposal_id: str) -> BrokenGlass | None:
        """Return since when a proposal is approved in an emergency and what became of its review, `None` for others."""
        ...

    def history(self, proposal_id: str) -> list[Event]:
        """Return the events of a proposal, oldest first."""
        ...

    def ticket(self, proposal_id: str) -> str:
        """Return what its system gave last for asking what became of it, since it was last sent; empty where nothing.

        It is the system's own text, recorded with the move that it came with.
        """
        ...

    def recorded(self, proposal_id: str) -> tuple[list[KeptProposal], list[Told]]:
        """Return what the rows of a proposal and of its parts hold, and what their events point to, oldest first.

        All of it is as of one moment; nothing of it is verified.
        """
        ...

    def events(self, *, after: int = 0, limit: int = 100) -> list[Event]:
        """Return events whose audit record is numbered above `after`, oldest first."""
        ...

    def orders(self, proposal_id: str) -> list[TakeBackOrder]:
        """Return what people ordered of a saga that was stuck, oldest first; nothing of it is verified."""
        ...

    def parts(self, proposal_id: str) -> list[Proposal]:
        """Return the parts of a saga that were begun, oldest first."""
        ...

    def begin(self, step: Step, content: Content) -> Proposal:
        """Begin a part of a saga, which waits for it from now on (`step`: its move `wait`); both or neither.

        Raises:
            ProposalMovedError: `proposal.moved`, when another worker has the saga, or began this part.
            WritesStoppedError, LimitExceededError, ObjectFrozenError: before the first part alone; nothing was written.
        """
        ...

    def create(self, content: Content, unlike: Unlike | None = None) -> tuple[Proposal, bool]:
        """Store a proposal and put it before its approvers; durable when it returns.

        Args:
            content: What is proposed.
            unlike: What must not be there yet, looked at in the transaction that stores it.

        Returns:
            The proposal and whether it is new: the same key with the same meaning gives the one that is there.

        Raises:
            KeyReusedError: `proposal.key_reused`. PossibleDuplicateError: `proposal.possible_duplicate`.
            LimitExceededError: `limit.exceeded`. TooManyProposalsError: `proposal.too_many`.
            ApprovedOtherHalfError: `proposal.approved_other_half`.
            WritesStoppedError: `writes.stopped`. StateUnavailableError: `state.unavailable`.
        """
        ...

    def move(self, proposal_id: str, step: Step) -> Proposal:
        """Make one move of the table in `domain.lifecycle`.

        Raises:
            ProposalMovedError: `proposal.moved`, when there is no such move from where it stands, or the fence is not
                the present one; nothing was written.
            WritesStoppedError, LimitExceededError: for the move `send` alone, which looks once more inside its
                transaction.
        """
        ...

    def decide(self, decision: SignedDecision) -> Proposal:
        """Store a decision, and make its move once enough people have; once each, else ProposalMovedError."""
        ...

    def escalate(self) -> int:
        """Tell once of what others may decide about from now on, and of overdue reviews; return how many."""
        ...

    def said_yes(self, approver_id: str, since: datetime) -> list[Yes]:
        """Return what somebody said yes to after a moment, newest first."""

    def asked_for(self, tools: Sequence[str], names: Collection[str], since: datetime) -> list[Yes]:
        """Return what people of these normalised names asked for with some tools after a moment."""

    def expire(self) -> int:
        """Let everything go whose time is over; return how many."""
        ...

    def take(self, holder: str, *, lease_s: int) -> Proposal | None:
        """Take the next piece of work under a lease with a higher fence, or `None` when there is none.

        What comes back stands in CLAIMED (to be committed), RECONCILING (to be read back) or UNKNOWN (the worker that
        sent it is gone; nothing to do yet). An engaged kill switch keeps approved proposals where they are; what may
        have been sent is still read back.
        """
        ...


class Approvers(Protocol):
    """Home of enrolments; nothing of them is verified here."""

    def all(self) -> list[Approver]:
        """Return every enrolment, revoked ones too, oldest first."""
        ...

    def enrol(self, approver: Approver) -> None:
        """Store an enrolment with its audit record.

        Raises:
            ApproverExistsError: `approval.exists`, for an id or key that is taken.
        """
        ...

    def revoke(self, approver_id: str, revocation: Signed) -> None:
        """Store a revocation with its audit record; it is final.

        Raises:
            ApproverNotFoundError: `approval.not_found`.
        """
        ...
