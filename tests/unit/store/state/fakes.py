"""A clock and ids for state tests."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from erp_mcp.domain.approver import Approver, Signed
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.ids import proposal_id_of
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.proposal import (
    Change,
    Check,
    Content,
    Decided,
    LimitUse,
    Preview,
    Receipt,
    SignedDecision,
    SignedResolution,
)
from erp_mcp.store.state.sqlite import State


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)

    def wall(self) -> datetime:
        """Return the time set."""
        return self.now

    plant = wall

    def steady(self) -> float:
        """Return seconds that go along with the time set."""
        return self.wall().timestamp()

    def pass_seconds(self, seconds: int) -> None:
        """Move the clock."""
        self.now += timedelta(seconds=seconds)


class FakeIds:
    """Random ids, unique among processes too."""

    def new(self) -> str:
        """Return a new id."""
        return secrets.token_hex(16)


def a_state(directory: Path, clock: FakeClock | None = None, *, busy_s: float = 5.0) -> State:
    """Open a state directory."""
    return State(directory, clock=clock or FakeClock(), ids=FakeIds(), busy_s=busy_s)


def an_entry(*, actor: str = "planner", rows: int = 1, correlation_id: str = "c-1") -> AuditEntry:
    """Return an entry as a call leaves it."""
    return AuditEntry(
        kind="call.answered",
        correlation_id=correlation_id,
        causation_id="",
        trace="",
        actor=actor,
        facts={"tool": "get_stock", "rows": rows},
        fields={"arguments": {"material_id": "M-1"}},
    )


def a_content(
    key: str = "key-00000001",
    *,
    agent: str = "buyer",
    fingerprint: str = "",
    needed: int = 1,
    limits: tuple[LimitUse, ...] = (),
    created: datetime | None = None,
    valid_s: int = 4 * 3600,
) -> Content:
    """Return the content of a proposal to move a delivery date, as the gateway makes one."""
    made = created or FakeClock().now
    return Content(
        proposal_id=proposal_id_of(secrets.token_hex(16)),
        deployment="d-1",
        environment="test",
        agent=agent,
        owner="olga",
        role="buyer",
        tool="propose_update_delivery_date",
        tool_version=1,
        target="7" * 64,
        tool_hash="a" * 64,
        risk="W1",
        arguments={"purchase_order_id": "4500000001", "line": 10, "new_date": "2026-03-20", "idempotency_key": key},
        idempotency_key=key,
        fingerprint=fingerprint or f"of {key}",
        command=Command(
            operation="purchase_order_line.update_delivery_date",
            system="erp",
            entity="purchase_order_line",
            key="4500000001/10",
            version_token="7",
            reference="R0000000001",
            fields={"purchase_order_id": "4500000001", "line": "10", "new_date": "2026-03-20"},
        ),
        preview=Preview(
            headline="Move line 10 of 4500000001 to 2026-03-20",
            system="erp",
            document="4500000001",
            changes=(Change(field="confirmed_date", before="2026-03-18", after="2026-03-20"),),
            checks=(Check(rule="R-PO-1", verdict="ok", message="The line is open."),),
        ),
        rationale="The supplier asks for two more days – ünïcödé.",
        bundle="b" * 64,
        rules=("buyer-proposes",),
        terms=Terms(rule="default", approvers=(), needed=needed, self_approval=False, valid_s=valid_s),
        limits=limits,
        sources={"erp": "2026-03-02T05:59:00Z"},
        created_at=instant_text(made),
        expires_at=instant_text(made + timedelta(seconds=valid_s)),
        correlation_id="c-1",
    )


def a_decision(proposal: str, *, by: str = "anna", decision: Decided = "approve", nonce: str = "") -> SignedDecision:
    """Return a decision as an approver's tool stores it; the store verifies nothing of it."""
    nonce = nonce or secrets.token_hex(16)
    text = canonical({"proposal_id": proposal, "approver_id": by, "public_key": "c" * 64, "nonce": nonce})
    return SignedDecision(
        proposal_id=proposal,
        approver_id=by,
        decision=decision,
        envelope=text.decode("utf-8"),
        signature="e" * 128,
        nonce=nonce,
        decided_at="2026-03-02T06:00:00Z",
    )


def a_task(key: str = "key-task0001", *, needed: int = 0) -> Content:
    """Return the content of a proposal of a task for a person, which nobody has to say yes to."""
    plain = a_content(key, needed=needed)
    command = Command(
        operation="human_task.create",
        system="gateway",
        entity="human_task",
        key="",
        version_token="",
        reference=f"R{secrets.token_hex(8)}",
        fields={"role": "supervisor", "title": "Look at line 2"},
    )
    return replace(plain, tool="propose_create_human_task", command=command)


def a_resolution(proposal: str, *, by: str = "anna", applied: bool = True, nonce: str = "") -> SignedResolution:
    """Return an operator's statement as their tool stores it; the store verifies nothing of it."""
    nonce = nonce or secrets.token_hex(16)
    text = canonical({"proposal_id": proposal, "approver_id": by, "nonce": nonce})
    return SignedResolution(
        proposal_id=proposal,
        approver_id=by,
        verdict="applied" if applied else "not_applied",
        statement=text.decode("utf-8"),
        signature="e" * 128,
        nonce=nonce,
        resolved_at="2026-03-02T07:00:00Z",
    )


def a_receipt() -> Receipt:
    """Return what a worker stores after a write."""
    written = Written(document="4500000001", key="4500000001/10", version_token="8", fields={"new_date": "2026-03-20"})
    return Receipt(written=written, committed_at="2026-03-02T06:05:00Z", found="answered")


def an_approver(name: str, *, key: str = "") -> Approver:
    """Return an enrolment; the store verifies nothing of it."""
    enrolment = canonical({"approver_id": name, "name": name.title(), "public_key": key or f"key of {name}"})
    return Approver(
        approver_id=name,
        enrolment=Signed(text=enrolment.decode("utf-8"), signer=name, signature="f" * 128),
        sealed_key="sealed",
    )
