"""A change that somebody wants: what it is, what a person sees of it, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.tool import Risk
from erp_mcp.domain.value import money_text

Verdict = Literal["ok", "flag", "person", "refuse"]
Decided = Literal["approve", "reject", "break_glass"]  # the last: a yes in an emergency, by whom policy names for it
ReviewVerdict = Literal["justified", "not_justified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field before and after, as decimal strings, ISO dates, ids or codes; `unit` where it has one."""

    field: str
    before: str
    after: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One business rule looked at. A flag is shown to the approver; a refusal ends the proposal before it exists.

    `person`: nothing here has the facts of the rule, so somebody has to look; where policy leaves it to nobody, it
    refuses as well.

    `message` is one sentence of ours, without text of a system; for a refusal it says what would pass.
    """

    rule: str  # R-…
    verdict: Verdict
    message: str
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a person decides on, made by the gateway from the payload and live data, never from an agent's words."""

    headline: str
    system: str
    document: str
    changes: tuple[Change, ...]
    checks: tuple[Check, ...]
    effects: tuple[str, ...] = ()  # what follows: orders that become late, money, how it can be undone


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """What a proposal takes of one business limit: `amount` of `maximum` in `window_s` seconds, per `key`.

    Amounts are integers: 10⁻⁴ of `currency` for values, of a percent (`%`) for relative changes; 1 for each proposal,
    without a currency, where proposals are counted.
    """

    limit: str
    key: str
    amount: int
    maximum: int
    window_s: int
    currency: str = ""

    def told(self, amount: int) -> str:
        """Return an amount of this limit for people and agents: a count, or a decimal value with its currency."""
        return f"{money_text(amount)} {self.currency}" if self.currency else str(amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything of a proposal that never changes; an approval is bound to the digest of all of it.

    `arguments` are those of the call, as they came and were found right. `fingerprint` is the SHA-256 of what they mean
    (without key and rationale). `target` is the digest of what the system's name stood for: its settings and profile.
    `rationale` is what the agent says for it: untrusted, shown apart. `sources` say how old the evidence was: system
    and as-of. Times are UTC instants on the wall clock. `concerns` are the things that it is about: ids of its object,
    materials, suppliers and sites, as far as they are known. `narrows` is the proposal that a person made this smaller
    one of.
    """

    proposal_id: str
    deployment: str
    environment: str
    agent: str
    owner: str
    role: str
    tool: str
    tool_version: int
    tool_hash: str
    risk: Risk
    arguments: Mapping[str, JsonValue]
    idempotency_key: str
    fingerprint: str
    command: Command
    preview: Preview
    rationale: str
    bundle: str
    rules: tuple[str, ...]
    terms: Terms
    limits: tuple[LimitUse, ...]
    sources: Mapping[str, JsonValue]
    created_at: str
    expires_at: str
    correlation_id: str
    causation_id: str = ""
    trace: str = ""
    target: str
    concerns: Mapping[str, JsonValue] = field(default_factory=dict)
    narrows: str = ""
    undoes: str = ""  # the proposal that this one takes back
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)  # that its business rules went by
    part_of: str = ""  # the saga that this one is a step of, forward or back, and which step
    step: str = ""
    format: int = 1  # of this very form: a later one says how an earlier one is read

    def about(self, name: str) -> tuple[str, ...]:
        """Return what it is about of a kind that `concerns` knows, empty where that is not known."""
        found = self.concerns.get(name, ())
        return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list | tuple) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was written: document, version and time, as read back.

    `stated`: nobody could read it back, and a person who looked into the system signed that it is there.
    """

    written: Written
    committed_at: str
    found: Literal["answered", "read_back", "stated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One move to be made, and what it leaves behind. `facts` go into its audit record in the clear."""

    name: str
    actor: str
    fence: int = 0
    reason: str = ""
    lease_expires_at: str = ""
    not_before: str = ""
    misses: int | None = None
    receipt: Receipt | None = None
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlike:
    """What a new proposal must not be like: its agent's others, live or committed, of the last seconds.

    `acknowledged` is the one that it may be like all the same.
    """

    fingerprints: Sequence[str]
    within_s: int
    acknowledged: str = ""

    def like(self, same: Iterable[str]) -> str:
        """Return the newest of those that say the same, empty where there is none or that is the acknowledged one.

        What is several changes as one may be like a different proposal in each of its steps: one word of its agent
        covers all that is older than the one it names.
        """
        newest = max(same, default="")
        return "" if newest == self.acknowledged else newest


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedProposal:
    """What may be told of a proposal whose row is not what was written: where it stands, nothing of its content."""

    proposal_id: str
    state: State
    since: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposal and where it stands. `since` is when it came there; `reason` is a stable code of why."""

    content: Content
    digest: str
    state: State
    since: str
    reason: str = ""
    fence: int = 0
    holder: str = ""
    lease_expires_at: str = ""
    not_before: str = ""
    misses: int = 0  # read-backs that found nothing
    receipt: Receipt | None = None
    paused_until: str = ""  # while its system is out, it does not expire before that


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One move of a proposal as the outbox has it, with the audit record that was written with it."""

    event_id: str
    proposal_id: str
    type: str  # proposal.<state in small letters>
    time: str
    payload: Mapping[str, JsonValue]
    audit_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDecision:
    """An approver's decision: canonical JSON and an Ed25519 signature over it, lower-case hexadecimal."""

    proposal_id: str
    approver_id: str
    decision: Decided
    envelope: str
    signature: str
    nonce: str
    decided_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedResolution:
    """What an operator found of a change whose outcome nobody knew: canonical JSON and its signature, as a decision."""

    proposal_id: str
    approver_id: str
    verdict: Literal["applied", "not_applied", "take_back"]
    statement: str
    signature: str
    nonce: str
    resolved_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBackOrder:
    """A person's signed word that a stuck saga is to be taken back further, and when the store took it in."""

    said: SignedResolution
    made_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedReview:
    """What somebody found who looked at an approval in an emergency: canonical JSON and its signature."""

    proposal_id: str
    approver_id: str
    verdict: ReviewVerdict
    statement: str
    signature: str
    nonce: str
    reviewed_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlass:
    """A proposal that was approved in an emergency: when, until when somebody looks at it, and what they found."""

    proposal_id: str
    broken_at: str
    due_at: str
    review: SignedReview | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether nobody has looked at it in time."""
        return self.review is None and parse_instant(self.due_at) <= now
