"""Whether what people signed is true, by `erp-mcp audit verify`: also in a log that was made right in itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from erp_mcp.approval.recorded import Signatures
from erp_mcp.audit.record import GENESIS, field_digest, leaf_hash
from erp_mcp.cli.app import main
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.canonical_json import canonical
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk, open_write_desk
from tests.writes.test_create_purchase_order import ORDER, TOOL

TAG: Final = b"erp-mcp/decision/v1\n"
Leaf = dict[str, Any]


@pytest.fixture(scope="module")
def decided(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WriteDesk]:
    """A desk at which two people said yes to one order and one said no to another."""
    desk = open_write_desk(Path(shutil.copytree(furnished, tmp_path_factory.mktemp("held") / "demo")))
    first = desk.propose(TOOL, **ORDER)
    desk.approve(first)
    desk.written()
    again = {**ORDER, "idempotency_key": "another-key-1", "acknowledge_duplicate_of": first.content.proposal_id}
    desk.reject(desk.propose(TOOL, **again))
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def log(decided: WriteDesk) -> list[AuditRecord]:
    """All that was recorded there."""
    return list(decided.deployment.state.audit.read_all())


def held(records: Sequence[AuditRecord]) -> tuple[int, list[tuple[int, str]]]:
    """How many signatures are true, and which are not."""
    signatures = Signatures()
    assert len(list(signatures.through(records))) == len(records)
    return signatures.held, signatures.flaws


def signed_at(records: Sequence[AuditRecord]) -> list[int]:
    """The numbers of the records of decisions."""
    return [one.seq for one in records if "envelope" in one.details]


def with_words(record: AuditRecord, text: str) -> AuditRecord:
    """The record with other signed words."""
    return replace(record, details={**record.details, "envelope": (record.details["envelope"][0], text)})


def with_facts(record: AuditRecord, **facts: str) -> AuditRecord:
    """The record with other facts."""
    leaf = json.loads(record.leaf)
    return replace(record, leaf=canonical({**leaf, "facts": {**leaf["facts"], **facts}}))


def words_of(record: AuditRecord) -> dict[str, Any]:
    """The signed words of a record."""
    found: dict[str, Any] = json.loads(str(record.details["envelope"][1]))
    return found


def other_comment(record: AuditRecord) -> AuditRecord:
    """Words that were never signed."""
    return with_words(record, canonical({**words_of(record), "comment": "as agreed"}).decode())


def by_a_key_of_ones_own(record: AuditRecord) -> AuditRecord:
    """The same words, signed by a key that nobody was enrolled with."""
    key = Ed25519PrivateKey.from_private_bytes(sha256(b"anybody").digest())
    text = canonical({**words_of(record), "public_key": key.public_key().public_bytes_raw().hex()})
    return with_facts(with_words(record, text.decode()), signature=key.sign(TAG + text).hex())


BENT: Final[dict[str, tuple[Callable[[AuditRecord], AuditRecord], str]]] = {
    "other words": (other_comment, "signature"),
    "another signature": (lambda one: with_facts(one, signature="0" * 128), "signature"),
    "no signature": (lambda one: with_facts(one, signature="yes"), "signature"),
    "another spelling": (lambda one: with_words(one, json.dumps(words_of(one), indent=1)), "form"),
    "no words": (lambda one: with_words(one, "[]"), "form"),
    "another person": (lambda one: with_facts(one, approver="demo-admin"), "other"),
    "another content": (lambda one: with_facts(one, digest="0" * 64), "other"),
    "another proposal": (lambda one: with_facts(one, proposal_id="prp_000000000000"), "other"),
    "a key of one's own": (by_a_key_of_ones_own, "not_enrolled"),
}


@guarantees("P3.signed", "P5.tamper_evident")
@pytest.mark.parametrize("how", BENT)
def test_a_signed_record_that_is_not_true_is_told_with_why(log: list[AuditRecord], how: str) -> None:
    """Each of the three in its turn; the others go on being true."""
    bend, why = BENT[how]
    places = signed_at(log)
    assert len(places) == 3
    for place in places:
        bent = [bend(one) if one.seq == place else one for one in log]
        assert held(bent) == (2, [(place, why)])


@guarantees("P3.signed", "P5.tamper_evident")
def test_a_key_counts_only_while_its_person_is_enrolled(log: list[AuditRecord]) -> None:
    """As the log has it: not before the enrolment, nor after the revocation, nor with the key of somebody else."""
    first, second = (words_of(one)["approver_id"] for one in log if one.seq in signed_at(log)[:2])
    enrolments = {
        json.loads(one.leaf)["facts"]["approver"]: one
        for one in log
        if json.loads(one.leaf)["kind"] == "approver.enrolled"
    }
    of_first = [one.seq for one in log if "envelope" in one.details and words_of(one)["approver_id"] == first]

    unknown = [one for one in log if one is not enrolments[first]]
    assert held(unknown)[1] == [(seq, "not_enrolled") for seq in of_first]

    gone = json.loads(enrolments[first].leaf)
    revoked = replace(enrolments[first], leaf=canonical({**gone, "kind": "approver.revoked"}))
    at = next(place for place, one in enumerate(log) if one.seq == of_first[0])
    not_signed = [
        (revoked.seq, "form")
    ]  # an enrolment's words revoke nobody; whoever was revoked stays so all the same
    behind = [(seq, "not_enrolled") for seq in of_first]
    assert held([*log[:at], revoked, *log[at:]])[1] == [*not_signed, *behind]

    keys = {who: json.loads(enrolments[who].leaf)["facts"]["public_key"] for who in (first, second)}
    theirs = {id(enrolments[first]): keys[second], id(enrolments[second]): keys[first]}
    swapped = [with_facts(one, public_key=theirs[id(one)]) if id(one) in theirs else one for one in log]
    others = [(one.seq, "other") for one in log if id(one) in theirs]
    assert held(swapped) == (0, [*others, *((seq, "not_enrolled") for seq in signed_at(log))])


@guarantees("P5.tamper_evident")
def test_words_that_were_erased_are_neither_true_nor_false(log: list[AuditRecord]) -> None:
    """Somebody may have had them erased; the chain says that they are gone."""
    place = signed_at(log)[0]
    without = [replace(one, details={}) if one.seq == place else one for one in log]
    assert held(without) == (2, [])


@guarantees("P3.signed", "P5.tamper_evident", "cli.teaches")
@pytest.mark.bends_log("a forger makes all the rest agree with other words")
def test_verification_finds_other_words_in_a_log_that_was_made_right_in_itself(
    decided: WriteDesk, tmp_path: Path
) -> None:
    """Whoever may write the state can make chain, values and rows agree; the key of whoever said it they don't have."""
    directory = Path(shutil.copytree(decided.directory, tmp_path / "demo"))
    before = _verify(directory)
    assert (before.exit_code, json.loads(before.output)["signatures"]) == (0, 3)

    place = _forge(next(directory.rglob("state.sqlite")))

    after = _verify(directory)
    told = json.loads(after.output)
    assert (after.exit_code, told["signatures"]) == (1, 2)
    assert [(one["seq"], one["code"], one["detail"]) for one in told["findings"]] == [
        (place, "bad_signature", "signature")
    ]
    shown = CliRunner().invoke(main, ["audit", "verify", "--demo-dir", str(directory)])
    assert f"record {place}: bad_signature" in shown.output


def _verify(directory: Path) -> Any:
    return CliRunner().invoke(main, ["audit", "verify", "--demo-dir", str(directory), "--json"])


def _forge(state: Path) -> int:
    """Let somebody have said something else, and make all the rest of the state agree with it."""
    with closing(sqlite3.connect(state)) as database, database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        place, salt, value = database.execute(
            "SELECT seq, salt, value FROM audit_detail WHERE name = 'envelope' ORDER BY seq LIMIT 1"
        ).fetchone()
        words = json.loads(json.loads(value))
        text = canonical({**words, "comment": "as agreed"}).decode()
        database.execute(
            "UPDATE audit_detail SET value = ? WHERE seq = ? AND name = 'envelope'", (canonical(text).decode(), place)
        )
        database.execute(
            "UPDATE decision SET envelope = ? WHERE proposal_id = ? AND approver_id = ?",
            (text, words["proposal_id"], words["approver_id"]),
        )
        prev = GENESIS
        for seq, leaf in database.execute("SELECT seq, leaf FROM audit_record ORDER BY seq").fetchall():
            told: Leaf = {**json.loads(leaf), "prev": prev}
            if seq == place:
                told["facts"]["envelope_digest"] = sha256(text.encode()).hexdigest()
                told["fields"]["envelope"] = field_digest(bytes.fromhex(salt), text)
            prev = leaf_hash(canonical(told))
            database.execute(
                "UPDATE audit_record SET leaf = ?, leaf_hash = ? WHERE seq = ?", (canonical(told), prev, seq)
            )
    return int(place)
