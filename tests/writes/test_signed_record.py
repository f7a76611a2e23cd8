"""What 21 CFR 11.50 and 11.70 ask of a signed record: name, moment and meaning, bound to what was signed, for good.

Checked as an inspector would, years later: from the records of the audit alone, by the Ed25519 of another library and
SHA-256, without the code that signs. One order is made smaller, approved by two people and written; a date is rejected.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from erp_mcp import administration
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk, open_write_desk
from tests.writes.test_create_purchase_order import ORDER, TOOL
from tests.writes.test_narrowing import _signing, _smaller

MEANINGS: Final = {
    "approve": "I approve that exactly this is written, as it was shown to me.",
    "narrow": "I approve that exactly this is written, less than was asked for, as it was shown to me.",
    "reject": "I reject this; it is not to be written.",
}
NAMES: Final = {"demo-approver": "Approver of the demo", "second-approver": "Second Approver"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A decision as the audit has it, and the content of the proposal as it had been recorded when it was made."""

    words: dict[str, Any]
    text: str
    signature: str
    recorded_at: str
    content: str

    def holds(self, text: str = "") -> bool:
        """Whether the signature is of these words and of nothing else."""
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.words["public_key"]))
        try:
            key.verify(bytes.fromhex(self.signature), b"erp-mcp/decision/v1\n" + (text or self.text).encode())
        except InvalidSignature:
            return False
        return True


@pytest.fixture(scope="module")
def at_work(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WriteDesk]:
    """A desk at which people have said yes to less, which was written, and no."""
    desk = open_write_desk(Path(shutil.copytree(furnished, tmp_path_factory.mktemp("signed") / "demo")))
    asked = desk.propose(TOOL, **ORDER)
    made = _smaller(desk, asked, {"lines[0].qty": "60.5"}, "lines[1]")
    smaller = administration.narrow(desk.deployment, made, _signing(desk, APPROVERS[0]), "enough for March")
    administration.decide(desk.deployment, smaller, _signing(desk, APPROVERS[1]), "approve")
    desk.written()
    again = {**ORDER, "idempotency_key": "another-key-1", "acknowledge_duplicate_of": smaller.content.proposal_id}
    desk.reject(desk.propose(TOOL, **again))
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def signatures(at_work: WriteDesk) -> list[Signature]:
    """Every decision that was made there."""
    return list(_signatures(at_work))


def _signatures(desk: WriteDesk) -> Iterator[Signature]:
    contents: dict[str, str] = {}
    for record in desk.deployment.state.audit.read_all():
        leaf = json.loads(record.leaf)
        if leaf["kind"] == "proposal.proposed":
            content = record.details["content"][1]
            contents[leaf["facts"]["proposal_id"]] = json.dumps(
                content, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            )
        if "signature" in leaf["facts"] and "envelope" in record.details:
            text = str(record.details["envelope"][1])
            yield Signature(
                words=json.loads(text),
                text=text,
                signature=leaf["facts"]["signature"],
                recorded_at=leaf["time"],
                content=contents[leaf["facts"]["proposal_id"]],
            )


@guarantees("P3.signed", "P5.every_decision")
def test_each_signed_record_says_whose_it_is_when_it_was_made_and_what_was_meant(signatures: list[Signature]) -> None:
    """Printed name, date and time with their zone, and the meaning in words; of all decisions, whatever they were."""
    assert Counter(one.words["meaning"] for one in signatures) == {
        MEANINGS["narrow"]: 2,
        MEANINGS["reject"]: 2,  # of the larger one, which the smaller one takes the place of, and of the other order
    }
    for one in signatures:
        assert one.words["approver_name"] == NAMES[one.words["approver_id"]]
        said, recorded = datetime.fromisoformat(one.words["decided_at"]), datetime.fromisoformat(one.recorded_at)
        assert said.utcoffset() == timedelta(0)
        assert timedelta(0) <= recorded - said < timedelta(minutes=5)


@guarantees("P3.signed", "P3.binding")
def test_no_word_of_a_signed_record_can_be_changed_or_carried_to_another_one(signatures: list[Signature]) -> None:
    """Each word is under the signature, and so is the digest of all that was to be decided on."""
    for one in signatures:
        assert one.holds()
        assert one.words["digest"] == sha256(b"erp-mcp/proposal/v1\n" + one.content.encode()).hexdigest()
        assert json.loads(one.content)["proposal_id"] == one.words["proposal_id"]
        for name, value in one.words.items():
            other = json.dumps({**one.words, name: f"{value}x"}, sort_keys=True, separators=(",", ":"))
            assert not one.holds(other), name
    for one in signatures:
        for other_one in signatures:
            assert one is other_one or not one.holds(other_one.text)
    assert len({one.words["nonce"] for one in signatures}) == len(signatures) == 4


@guarantees("P3.signed", "P3.page_told")
def test_the_parts_of_a_signed_record_are_shown_with_it(at_work: WriteDesk, signatures: list[Signature]) -> None:
    """On the terminal, beside the proposal that they are about."""
    for one in signatures:
        proposal_id = one.words["proposal_id"]
        assert at_work.proposal(proposal_id).state in {State.COMMITTED, State.REJECTED}
        command = ["approvals", "show", proposal_id, "--config", str(at_work.directory / "erp-mcp.yaml")]
        lines = CliRunner().invoke(main, command).output.splitlines()
        begin = next(number for number, line in enumerate(lines) if one.words["decided_at"] in line)
        head, said = lines[begin], "".join(line.removeprefix("    | ") for line in lines[begin + 1 :])
        assert head.endswith(f"{one.words['approver_id']} ({one.words['approver_name']}), {one.words['decision']}:")
        assert said.startswith(one.words["meaning"])
