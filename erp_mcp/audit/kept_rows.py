"""Rows that a record vouches for, compared with it: who may decide, who decided, which policies, what is stopped.

A signature holds what a row says. It does not tell of a row that is gone, of one that came back, or of one that was
used a second time: an approver whose revocation somebody took out again, an earlier policy put in force once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from erp_mcp.domain.audit import AuditRecord, KeptRow
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import seconds_between
from erp_mcp.domain.lifecycle import GLASS_REVIEWED

RowCode = Literal["row_changed", "row_missing", "unrecorded"]
Found = Callable[[int, RowCode, str], None]
_APART_S: Final = 60  # a row and its record are of one transaction


class _Vouched(NamedTuple):
    """What a record says of its row."""

    seq: int
    told: tuple[str, ...]
    at: str = ""


class KeptRows:
    """Gathers through the chain what its records vouch for, and compares the rows with it."""

    def __init__(self, found: Found) -> None:
        """Report what is wrong to `found`."""
        self._found = found
        self._vouched: dict[tuple[str, str], _Vouched] = {}
        self._policies = 0

    def see(self, record: AuditRecord, leaf: dict[str, JsonValue]) -> None:
        """Take in one record of the chain; those that vouch for no such row are passed over."""
        facts = leaf["facts"] if isinstance(leaf["facts"], dict) else {}
        kind, seq, actor, at = str(leaf["kind"]), record.seq, str(leaf["actor"]), str(leaf["time"])
        if kind in ("approver.enrolled", "approver.revoked"):
            of = "enrolment" if kind == "approver.enrolled" else "revocation"
            told = _texts(facts, "text_digest", "signer", "signature")
            self._vouched[of, str(facts.get("approver"))] = _Vouched(seq, told)
        elif kind == "policy.applied":
            self._policies += 1
            told = (actor, *_texts(facts, "bundle", "approver", "approval_digest", "signature"))
            self._vouched["policy", str(self._policies)] = _Vouched(seq, (str(seq), *told), at)
        elif kind == "writes.stopped":  # stopped once more, it stays as it was first stopped
            self._vouched.setdefault(("stop", str(facts.get("scope"))), _Vouched(seq, (actor,)))
        elif kind == "writes.resumed":
            self._vouched.pop(("stop", str(facts.get("scope"))), None)
        elif kind == "declaration.made":
            told = (actor, *_texts(facts, "declaration", "target", "text_digest"))
            self._vouched["declaration", str(facts.get("system"))] = _Vouched(seq, told, at)
        elif kind == "declaration.withdrawn":
            self._vouched.pop(("declaration", str(facts.get("system"))), None)
        elif kind in ("task.created", "task.done", "task.cancelled"):
            self._vouched["task", str(facts.get("task_id"))] = _Vouched(seq, _texts(facts, "digest", "state", "by"))
        elif kind.startswith("proposal."):
            self._decided(seq, kind, facts)

    def _decided(self, seq: int, kind: str, facts: dict[str, JsonValue]) -> None:
        """Take in what somebody signed about a proposal: a decision, a statement, a review."""
        proposal_id = str(facts.get("proposal_id"))
        if "envelope_digest" in facts:
            told = _texts(facts, "move", "envelope_digest", "signature", "nonce")
            self._vouched["decision", f"{proposal_id} {facts.get('approver')}"] = _Vouched(seq, told)
            if told[0] == "break_glass" and facts.get("from") != facts.get("to"):
                self._vouched["glass", proposal_id] = _Vouched(seq, _texts(facts, "review_due_at"))
        elif "statement_digest" in facts:
            told = _texts(facts, "verdict", "statement_digest", "signature", "nonce", "approver")
            of = "review" if kind == GLASS_REVIEWED else "resolution"
            one = ("order", f"{proposal_id} {facts.get('fence')}") if told[0] == "take_back" else (of, proposal_id)
            self._vouched[one] = _Vouched(seq, told)

    def compare(self, rows: Iterable[KeptRow]) -> None:
        """Compare the rows with what the records vouch for."""
        for row in rows:
            name = f"{row.kind} {row.name}"
            vouched = self._vouched.pop((row.kind, row.name), None)
            if vouched is None:
                self._found(0, "unrecorded", name)
            elif vouched.told != row.told or not _near(vouched.at, row.at):
                self._found(vouched.seq, "row_changed", name)
        for (kind, of), vouched in self._vouched.items():
            self._found(vouched.seq, "row_missing", f"{kind} {of}")


def _texts(facts: dict[str, JsonValue], *names: str) -> tuple[str, ...]:
    return tuple(str(facts.get(name, "")) for name in names)


def _near(vouched: str, told: str) -> bool:
    try:
        return not vouched or abs(seconds_between(vouched, told)) <= _APART_S
    except ValueError:
        return False
