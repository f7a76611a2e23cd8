"""From a document in the ERP, which bears nothing of ours but the reference, to the people who said yes to it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.domain.reference import is_reference
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk
from tests.writes.test_create_purchase_order import ORDER
from tests.writes.test_create_purchase_order import TOOL as BUY
from tests.writes.test_procurement import ASKED as PROCURE
from tests.writes.test_procurement import TOOL as SAGA


def shown(desk: WriteDesk, *words: str) -> Result:
    return CliRunner().invoke(main, ["proposals", "show", *words, "--demo-dir", str(desk.directory)])


def borne(desk: WriteDesk, document: str) -> str:
    """Return the reference that a document bears, as somebody at the ERP reads it."""
    ((reference,),) = desk.erp("SELECT DISTINCT reference FROM ext_ref WHERE doc_no = ?", document)
    return str(reference)


@guarantees("P3.signed", "P5.trace")
@pytest.mark.parametrize("spelled", [str, str.lower, lambda one: f" {one[:4]} {one[4:8]} {one[8:]} "])
def test_who_has_the_document_finds_the_names_of_those_who_approved_it(desk: WriteDesk, spelled: object) -> None:
    """Typed as it stands there, in small letters, or in groups; with the words that each of them signed."""
    assert callable(spelled)
    receipt = desk.commit(BUY, **ORDER)
    reference = borne(desk, receipt.written.document)
    assert is_reference(reference)

    told = shown(desk, "--reference", spelled(reference))

    assert told.exit_code == 0, told.output
    assert f"reference {reference}" in told.stdout
    assert all(f"by {one} (" in told.stdout for one in APPROVERS)
    assert "Second Approver" in told.stdout
    found = json.loads(shown(desk, "--reference", spelled(reference), "--json").stdout)
    assert [one["approver_id"] for one in found["decisions"]] == list(APPROVERS)
    assert {one["decision"] for one in found["decisions"]} == {"approve"}
    assert all(one["name"] and one["meaning"] for one in found["decisions"])
    assert found["command"]["reference"] == reference


@guarantees("P3.signed", "P10.saga")
def test_a_document_of_one_step_leads_to_who_approved_all_of_them(desk: WriteDesk) -> None:
    """They signed the whole; the step says of which it is one."""
    whole = desk.approve(desk.propose(SAGA, **PROCURE))
    while desk.work():
        pass
    (part,) = (one for one in desk.deployment.state.proposals.parts(whole.content.proposal_id)
               if one.content.tool == BUY)  # fmt: skip
    assert part.receipt is not None

    told = shown(desk, "--reference", borne(desk, part.receipt.written.document)).stdout

    assert told.startswith(part.content.proposal_id)
    assert f"part of:   {whole.content.proposal_id}, step create_order" in told
    assert all(f"by {one} (" in told for one in APPROVERS[: whole.content.terms.needed])


@guarantees("input.clear_errors")
def test_a_reference_that_was_misread_is_told_from_one_that_is_nobodys(desk: WriteDesk) -> None:
    """Its last character is a check; and one of both is said, ID or reference."""
    reference = desk.propose(BUY, **ORDER).content.command.reference
    other = "1" if reference[3] != "1" else "2"

    assert "call.invalid_argument" in shown(desk, "--reference", f"{reference[:3]}{other}{reference[4:]}").output
    assert "call.invalid_argument" in shown(desk, "--reference", '%"').output
    assert "proposal.not_found" in shown(desk, "--reference", "R00000000000").output
    assert shown(desk).exit_code == 2
    assert shown(desk, "prp_000000000001", "--reference", reference).exit_code == 2
