"""A small cast: approvers with keys made from their ids, and a proposal that they decide about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from erp_mcp.approval import envelope, registry
from erp_mcp.approval.envelope import Choice, Envelope, meaning_of
from erp_mcp.approval.requesters import is_self_approval
from erp_mcp.domain.approver import Approver, Enrolment, Signed
from erp_mcp.domain.command import Command
from erp_mcp.domain.decision import Band, BreakGlass, Deputy, Group, Separation, Terms
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Change, Check, Content, LimitUse, Preview, Proposal, SignedDecision

DEPLOYMENT = "plant"
NOW = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)


def at(**later: int) -> str:
    """Return an instant after (or before) now as text."""
    return (NOW + timedelta(**later)).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a key."""

    id: str
    name: str = ""

    @property
    def key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(sha256(self.id.encode()).digest())

    @property
    def public(self) -> str:
        return self.key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        return self.key.sign(message).hex()


ROOT = Person(id="ada", name="Ada Admin")
BOB = Person(id="bob", name="Bob Buyer")
EVE = Person(id="eve", name="Eve Else")


def enrolled(person: Person, by: Person) -> Approver:
    """Return an enrolment signed by somebody."""
    enrolment = Enrolment(
        deployment=DEPLOYMENT,
        approver_id=person.id,
        name=person.name or person.id,
        public_key=person.public,
        enrolled_by=by.id,
        enrolled_at=at(days=-9),
    )
    text, message = registry.enrolment_message(enrolment)
    signed = Signed(text=text, signer=by.id, signature=by.sign(message))
    return Approver(approver_id=person.id, enrolment=signed, sealed_key="{}")


def revoked(approver: Approver, person: Person, by: Person, keeps: tuple[str, ...] = ()) -> Approver:
    """Return the enrolment with a revocation signed by somebody."""
    revocation = registry.Revocation(
        deployment=DEPLOYMENT,
        approver_id=person.id,
        public_key=person.public,
        revoked_by=by.id,
        revoked_at=at(days=-1),
        keeps=keeps,
    )
    text, message = registry.revocation_message(revocation)
    return replace(approver, revocation=Signed(text=text, signer=by.id, signature=by.sign(message)))


def trusted(*people: Person) -> dict[str, Enrolment]:
    """Return the registry of the root and others it enrolled."""
    rows = [enrolled(ROOT, ROOT), *(enrolled(one, ROOT) for one in people)]
    return dict(registry.trusted(rows, ROOT.public, DEPLOYMENT))


# Every part that terms can have, so that a test of each field of a content sees each of them.
RICH = Terms(
    rule="buyers",
    approvers=("bob", "eve"),
    needed=1,
    self_approval=False,
    valid_s=14400,
    groups=(Group(name="buyers", approvers=("bob",)),),
    bands=(Band(to="1000", needed=1, approvers=("bob",), groups=(Group(name="buyers", approvers=("bob",)),)),),
    currency="EUR",
    band="worth 10 EUR: up to 1000 EUR",
    deputies=(Deputy(absent="bob", deputy="eve", first="2026-03-16", last="2026-03-20"),),
    escalates_s=3600,
    escalates_to=("ada",),
    carry_out_s=7200,
    quota=20,
    separations=(Separation(rule="apart", tools=("propose_a", "propose_b"), key="supplier", window_s=86400),),
    taint_s=3600,
    raised="outsider_text",
    break_glass=BreakGlass(people=("carl", "dora"), review_by=("olaf",), review_s=86400),
)


def content(*, proposal_id: str = "prp_000000000001", terms: Terms | None = None, risk: str = "W2") -> Content:
    """Return what was proposed: one delivery date."""
    return Content(
        proposal_id=proposal_id,
        deployment=DEPLOYMENT,
        environment="development",
        agent="planner",
        owner="olga",
        role="buyer",
        tool="propose_update_delivery_date",
        tool_version=1,
        target="7" * 64,
        tool_hash="a" * 64,
        risk=risk,  # type: ignore[arg-type]
        arguments={"purchase_order_id": "4500000123", "line": 10, "new_date": "2026-04-01", "reason": "late"},
        idempotency_key="key-12345",
        fingerprint="b" * 64,
        command=Command(
            operation="purchase_order_line.update_delivery_date",
            system="erp",
            entity="purchase_order_line",
            key="17",
            version_token="v1",
            reference="R0123456789A",
            fields={"new_date": "2026-04-01", "purchase_order_id": "4500000123", "line": 10},
        ),
        preview=Preview(
            headline="Move line 10 of 4500000123 to 2026-04-01",
            system="erp",
            document="4500000123",
            changes=(Change(field="new_date", before="2026-03-20", after="2026-04-01", unit="date"),),
            checks=(Check(rule="R-DATE-1", verdict="flag", message="Later than promised.", facts={"days": 12}),),
            effects=("One sales order becomes late.",),
        ),
        rationale="the supplier called",
        bundle="c" * 64,
        rules=("buyers-propose",),
        terms=terms or Terms(rule="buyers", approvers=("bob",), needed=1, self_approval=False, valid_s=14400),
        limits=(LimitUse(limit="per-day", key="planner", amount=1, maximum=20, window_s=86400),),
        sources={"erp": at(minutes=-30)},
        created_at=at(minutes=-20),
        expires_at=at(hours=3),
        correlation_id="corr",
        causation_id="cause",
        trace="trace",
        concerns={"supplier": ["V-9"], "material": ["RM-1"]},
    )


def proposal(of: Content | None = None) -> Proposal:
    """Return the proposal as a worker has claimed it."""
    what = of or content()
    return Proposal(content=what, digest=envelope.digest(what), state=State.CLAIMED, since=at(minutes=-5), fence=1)


def words(of: Proposal, person: Person, *, decided_at: str = "", decision: Choice = "approve") -> Envelope:
    """Return the words that a person signs about a proposal."""
    approver = registry_entry(person)
    return Envelope(
        deployment=of.content.deployment,
        proposal_id=of.content.proposal_id,
        digest=of.digest,
        decision=decision,
        meaning=meaning_of(
            decision,
            by_self_approval=is_self_approval(of.content, approver),
            narrows=bool(of.content.narrows),
        ),
        approver_id=person.id,
        approver_name=approver.name,
        public_key=person.public,
        method="passphrase",
        decided_at=decided_at or at(minutes=-10),
        nonce=sha256(f"{person.id}{of.content.proposal_id}".encode()).hexdigest(),
        comment="",
    )


def registry_entry(person: Person) -> Enrolment:
    """Return a person's enrolment alone."""
    return Enrolment(
        deployment=DEPLOYMENT,
        approver_id=person.id,
        name=person.name or person.id,
        public_key=person.public,
        enrolled_by=ROOT.id,
        enrolled_at=at(days=-9),
    )


def signed(said: Envelope, person: Person) -> SignedDecision:
    """Return the row of a decision in these words with this person's signature."""
    text, message = envelope.message(said)
    return SignedDecision(
        proposal_id=said.proposal_id,
        approver_id=said.approver_id,
        decision=said.decision,
        envelope=text,
        signature=person.sign(message),
        nonce=said.nonce,
        decided_at=said.decided_at,
    )


def decided(of: Proposal, person: Person, *, decided_at: str = "", decision: Choice = "approve") -> SignedDecision:
    """Return a person's decision about a proposal."""
    return signed(words(of, person, decided_at=decided_at, decision=decision), person)
