"""Offline verification of the audit chain: no store, no clock, no key; only records in, findings out.

It finds an edited, deleted, inserted or reordered record, a broken link, a wrong number, and a kept value that is not
the one committed to; for proposals also moves that could not happen and rows that say something else than their
records (`erp_mcp.audit.proposals`), for approvers, decisions, policies and stops rows that are not those recorded
(`erp_mcp.audit.kept_rows`). It can't find a chain rewritten from some record to its end, nor records cut off at
the end, unless a head remembered elsewhere is given: docs/audit.md says how to keep one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from erp_mcp.audit import record as leaves
from erp_mcp.audit.kept_rows import KeptRows
from erp_mcp.audit.proposals import Courses, ProposalCode
from erp_mcp.domain.audit import AuditRecord, KeptProposal, KeptRow, Told
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical

ChainCode = Literal[
    "edited",  # the stored leaf hash is not that of the leaf
    "malformed",  # the leaf is not canonical JSON of a known version
    "missing",  # one or more numbers are absent before this record, or its values are there without it
    "out_of_place",  # the leaf carries another number than its place, or a number comes twice
    "broken_link",  # `prev` is not the hash of the record before
    "value_changed",  # a kept value or salt does not match the digest in the leaf
    "value_missing",  # the leaf commits to a value that is not kept
    "value_added",  # a value is kept that the leaf does not commit to
    "bad_signature",  # what is recorded as signed is not, or by no key that was enrolled then
    "head_missing",  # the remembered head is not in the chain: cut off or rewritten
    "time_backwards",  # notice only: the clock went back
]
FindingCode = ChainCode | ProposalCode
NOTICES: Final = frozenset({"time_backwards"})
_KEYS: Final = frozenset(
    "v seq prev id kind time correlation_id causation_id trace actor facts fields".split()  # noqa: SIM905  one line
)
_MAX_FINDINGS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A place in the chain remembered elsewhere. `seq` is 0 when only the hash is known."""

    leaf_hash: str
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, and at which record (0: the chain as a whole)."""

    seq: int
    code: FindingCode
    detail: str = ""

    @property
    def is_notice(self) -> bool:
        """Whether it is worth a look but no proof of tampering."""
        return self.code in NOTICES


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of a verification; at most 1,000 findings are kept."""

    records: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing but notices was found."""
        return all(finding.is_notice for finding in self.findings)


@dataclass(slots=True, kw_only=True)
class _Chain:
    """Where the walk stands."""

    seq: int = 0
    prev: str = leaves.GENESIS
    time: str = ""
    findings: list[Finding] = field(default_factory=list)

    def found(self, seq: int, code: FindingCode, detail: str = "") -> None:
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(Finding(seq=seq, code=code, detail=detail))


def verify(
    records: Iterable[AuditRecord],
    *,
    expected: Head | None = None,
    strays: Iterable[int] = (),
    proposals: Iterable[KeptProposal] | None = None,
    rows: Iterable[KeptRow] | None = None,
) -> Report:
    """Walk a chain from its first record and return what is wrong.

    Args:
        records: All records in stored order; read once, so a generator over millions is fine.
        expected: A head remembered outside; it must be part of the chain.
        strays: Numbers that something kept beside the chain carries although no record does.
        proposals: The rows of all proposals, as of the same moment as the records; read once, after them. Without them
            only the records are looked at.
        rows: Every other row that a record vouches for, likewise.

    Returns:
        The report. After a finding the walk goes on from the record as it is, so one change gives one or two findings.
    """
    chain = _Chain()
    courses, kept = Courses(chain.found), KeptRows(chain.found)
    count = 0
    head_seen = expected is None
    for record in records:
        count += 1
        leaf = _followed(chain, record)
        if leaf is not None:
            courses.see(record, leaf)
            kept.see(record, leaf)
        if expected is not None and chain.prev == expected.leaf_hash and expected.seq in {0, record.seq}:
            head_seen = True
    if not head_seen and expected is not None:
        chain.found(expected.seq, "head_missing", expected.leaf_hash)
    if proposals is not None:
        courses.compare(proposals)
    if rows is not None:
        kept.compare(rows)
    for seq in strays:
        chain.found(seq, "missing", "what belongs to it is still kept")
    return Report(records=count, head=Head(leaf_hash=chain.prev, seq=chain.seq), findings=tuple(chain.findings))


def unproved(told: Iterable[Told], rows: Sequence[KeptProposal]) -> tuple[Finding, ...]:
    """Return what is wrong with some proposals by their own records alone; nothing where these lead to their rows.

    It finds a row that says something else than its records, a move that could not happen, a record that was edited or
    put in between two others, and a part of a saga whose row is gone. Records that somebody added at the end of the
    chain with all that belongs to them are found by `verify` over the whole of it, where they contradict the others.

    Args:
        told: What the events of these proposals point to, in the order of the chain.
        rows: Of these proposals, as of the same moment; of a part those of its saga and of all parts are needed.
    """
    chain = _Chain()
    courses = Courses(chain.found)
    there = {row.proposal_id for row in rows}
    for one in told:
        record = one.record
        if record is None:
            chain.found(0, "missing", one.proposal_id)
            continue
        chain.seq, chain.prev = record.seq - 1, one.before if record.seq > 1 else leaves.GENESIS
        leaf = _followed(chain, record)
        facts = leaf["facts"] if leaf is not None else None
        if leaf is None or not isinstance(facts, dict):
            continue
        if (one.kind, one.proposal_id) != (leaf["kind"], facts.get("proposal_id")):
            chain.found(record.seq, "illegal_move", f"{one.proposal_id} has the record of another")
        courses.see(record, leaf)
        begun = str(facts.get("part", ""))
        if begun and begun not in there:
            chain.found(record.seq, "row_missing", begun)
    courses.compare(rows)
    return tuple(one for one in chain.findings if not one.is_notice)


def _followed(chain: _Chain, record: AuditRecord) -> dict[str, JsonValue] | None:
    """Look at one record in its place, which is the next one's from then on; return its leaf where it can be read."""
    actual = leaves.leaf_hash(record.leaf)
    _check_place(chain, record, actual)
    leaf = _parsed(record.leaf)
    if leaf is None:
        chain.found(record.seq, "malformed")
    else:
        _check_leaf(chain, record, leaf)
        _check_values(chain, record, leaf)
    chain.seq, chain.prev = record.seq, actual
    return leaf


def _check_place(chain: _Chain, record: AuditRecord, actual: str) -> None:
    if actual != record.leaf_hash:
        chain.found(record.seq, "edited")
    if record.seq <= chain.seq:
        chain.found(record.seq, "out_of_place", f"after {chain.seq}")
    elif record.seq > chain.seq + 1:
        chain.found(record.seq, "missing", f"{chain.seq + 1}..{record.seq - 1}")


def _parsed(leaf: bytes) -> dict[str, JsonValue] | None:
    """Return the leaf as an object, or `None` when it is not the canonical form of a known version."""
    try:
        value = json.loads(leaf)
        if not isinstance(value, dict) or frozenset(value) != _KEYS or value["v"] != leaves.LEAF_VERSION:
            return None
        return value if canonical(value) == leaf else None
    except (ValueError, RecursionError):
        return None


def _check_leaf(chain: _Chain, record: AuditRecord, leaf: dict[str, JsonValue]) -> None:
    if leaf["seq"] != record.seq:
        chain.found(record.seq, "out_of_place", f"carries {leaf['seq']}")
    if leaf["prev"] != chain.prev:
        chain.found(record.seq, "broken_link")
    time = str(leaf["time"])
    if time < chain.time:
        chain.found(record.seq, "time_backwards", f"{chain.time} then {time}")
    chain.time = max(time, chain.time)


def _check_values(chain: _Chain, record: AuditRecord, leaf: dict[str, JsonValue]) -> None:
    digests = leaf["fields"] if isinstance(leaf["fields"], dict) else {}
    for name, digest in digests.items():
        kept = record.details.get(name)
        if kept is None:
            chain.found(record.seq, "value_missing", name)
        elif not _matches(kept, digest):
            chain.found(record.seq, "value_changed", name)
    for name in record.details.keys() - digests.keys():
        chain.found(record.seq, "value_added", name)


def _matches(kept: tuple[str, JsonValue], digest: JsonValue) -> bool:
    salt, value = kept
    try:
        return leaves.field_digest(bytes.fromhex(salt), value) == digest
    except ValueError:
        return False
