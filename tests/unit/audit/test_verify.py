"""Verification of the chain: every single change is found, and what can't be found is known."""

from __future__ import annotations

import dataclasses
import json
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.audit.record import GENESIS, build, leaf_hash
from erp_mcp.audit.verify import Finding, Head, verify
from erp_mcp.domain.audit import AuditEntry, AuditRecord
from tests.guarantees import guarantees


def chain(size: int, *, times: list[str] | None = None) -> list[AuditRecord]:
    """Return an honest chain."""
    records: list[AuditRecord] = []
    for number in range(1, size + 1):
        entry = AuditEntry(
            kind="call.answered",
            correlation_id=f"c-{number}",
            causation_id="",
            trace="",
            actor="planner",
            facts={"rows": number},
            fields={"arguments": {"n": number}},
        )
        records.append(
            build(
                entry,
                seq=number,
                prev=records[-1].leaf_hash if records else GENESIS,
                record_id=f"id-{number}",
                time=times[number - 1] if times else f"2026-03-02T06:00:{number:02d}.000000Z",
                salts=secrets.token_bytes,
            )
        )
    return records


def codes(findings: tuple[Finding, ...]) -> set[str]:
    """Return the codes found."""
    return {finding.code for finding in findings}


@guarantees("P5.tamper_evident")
@pytest.mark.parametrize("size", [0, 1, 7])
def test_an_honest_chain_is_intact(size: int) -> None:
    """A verifier that cries wolf is switched off."""
    records = chain(size)
    report = verify(records)
    assert report.intact
    assert (report.records, report.findings) == (size, ())
    assert report.head == Head(seq=size, leaf_hash=records[-1].leaf_hash if records else GENESIS)


@guarantees("P5.tamper_evident")
@given(st.data())
def test_any_changed_byte_of_any_leaf_is_found(data: st.DataObject) -> None:
    """An edit of the stored bytes can't agree with the stored hash."""
    records = chain(5)
    at = data.draw(st.integers(0, 4))
    leaf = bytearray(records[at].leaf)
    leaf[data.draw(st.integers(0, len(leaf) - 1))] ^= data.draw(st.integers(1, 255))
    records[at] = dataclasses.replace(records[at], leaf=bytes(leaf))
    report = verify(records)
    assert not report.intact
    assert Finding(seq=at + 1, code="edited") in report.findings


@guarantees("P5.tamper_evident")
def test_an_edit_with_its_hash_redone_breaks_the_next_link() -> None:
    """Recomputing one hash is not enough: the next record holds the old one."""
    records = chain(5)
    forged = json.loads(records[2].leaf)
    forged["facts"]["rows"] = 999
    leaf = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
    records[2] = dataclasses.replace(records[2], leaf=leaf, leaf_hash=leaf_hash(leaf))
    report = verify(records)
    assert [(finding.seq, finding.code) for finding in report.findings] == [(4, "broken_link")]


@guarantees("P5.tamper_evident")
@given(st.integers(0, 4))
def test_a_deleted_record_is_found(at: int) -> None:
    """All but the last leave a gap; the last needs a remembered head."""
    records = chain(6)
    head = Head(leaf_hash=records[-1].leaf_hash, seq=6)
    del records[at]
    assert {"missing", "broken_link"} <= codes(verify(records, expected=head).findings)


@guarantees("P5.tamper_evident")
def test_records_renumbered_after_a_deletion_are_found() -> None:
    """Closing the gap in the numbers does not help: each leaf carries its own."""
    records = chain(6)
    del records[2]
    renumbered = [dataclasses.replace(record, seq=number) for number, record in enumerate(records, 1)]
    assert {"out_of_place", "broken_link"} <= codes(verify(renumbered).findings)


@guarantees("P5.tamper_evident")
@given(st.integers(0, 3))
def test_swapped_records_are_found(at: int) -> None:
    """The order of records is part of what happened."""
    records = chain(5)
    records[at], records[at + 1] = records[at + 1], records[at]
    assert not verify(records).intact


@guarantees("P5.tamper_evident")
def test_an_inserted_record_is_found() -> None:
    """A made-up record can't be linked from both sides."""
    records = chain(5)
    other = chain(3)[2]
    assert {"out_of_place", "broken_link"} <= codes(verify([*records[:3], other, *records[3:]]).findings)


@guarantees("P5.tamper_evident")
def test_a_record_of_another_chain_in_the_same_place_is_found() -> None:
    """Chains of two deployments can't be spliced, though numbers and forms agree."""
    records = chain(5)
    records[2] = chain(5)[2]
    assert codes(verify(records).findings) == {"broken_link"}


@guarantees("P5.tamper_evident")
def test_kept_values_must_be_those_committed_to() -> None:
    """Values lie beside the leaf; changing, removing or adding one is found without touching the chain."""
    records = chain(4)
    salt, _ = records[0].details["arguments"]
    records[0] = dataclasses.replace(records[0], details={"arguments": (salt, {"n": 2})})
    records[1] = dataclasses.replace(records[1], details={})
    records[2] = dataclasses.replace(records[2], details={**records[2].details, "approver": ("00", "anna")})
    records[3] = dataclasses.replace(records[3], details={"arguments": ("no hex", {"n": 4})})
    assert [(finding.seq, finding.code) for finding in verify(records).findings] == [
        (1, "value_changed"),
        (2, "value_missing"),
        (3, "value_added"),
        (4, "value_changed"),
    ]


@guarantees("P5.tamper_evident")
def test_a_cut_off_end_is_found_only_with_a_remembered_head() -> None:
    """Truncation leaves a good chain; this is documented, and is why a head is kept elsewhere."""
    records = chain(5)
    head = Head(leaf_hash=records[-1].leaf_hash, seq=5)
    assert verify(records[:3]).intact
    assert codes(verify(records[:3], expected=head).findings) == {"head_missing"}
    assert codes(verify([], expected=Head(leaf_hash=head.leaf_hash)).findings) == {"head_missing"}


@guarantees("P5.tamper_evident")
def test_a_chain_rewritten_to_its_end_is_found_only_with_a_remembered_head() -> None:
    """Whoever may write the file can redo every hash after a change; only a head kept elsewhere stands in the way."""
    records, rewritten = chain(5), chain(5)
    head = Head(leaf_hash=records[-1].leaf_hash, seq=5)
    assert verify(rewritten).intact
    assert codes(verify(rewritten, expected=head).findings) == {"head_missing"}


@guarantees("P5.tamper_evident")
def test_a_chain_that_grew_since_the_head_was_remembered_is_intact() -> None:
    """A remembered head stays good for ever, so an old note is still worth something."""
    records = chain(6)
    assert verify(records, expected=Head(leaf_hash=records[2].leaf_hash)).intact
    assert verify(records, expected=Head(leaf_hash=records[2].leaf_hash, seq=3)).intact
    assert not verify(records, expected=Head(leaf_hash=records[2].leaf_hash, seq=4)).intact


@guarantees("P5.tamper_evident")
def test_a_clock_that_went_back_is_a_notice() -> None:
    """Clocks are set back in honest systems too: it is shown, but is no proof."""
    times = ["2026-03-02T06:00:02.000000Z", "2026-03-02T06:00:01.000000Z", "2026-03-02T06:00:03.000000Z"]
    report = verify(chain(3, times=times))
    assert report.intact
    assert codes(report.findings) == {"time_backwards"}


@guarantees("P5.leaf_format")
@pytest.mark.parametrize("leaf", [b"", b"[]", b"{", b'{"v":2}', b"\xff\xfe", b"[" * 5000])
def test_bytes_that_are_no_leaf_are_reported_not_raised(leaf: bytes) -> None:
    """The verifier runs on damaged files: it must get to the end."""
    records = chain(3)
    records[1] = dataclasses.replace(records[1], leaf=leaf)
    assert {"edited", "malformed"} <= codes(verify(records).findings)
