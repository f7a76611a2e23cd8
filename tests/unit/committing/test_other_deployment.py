"""What was approved in one deployment is worth nothing in another, also where the same people hold the same keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from erp_mcp.approval.envelope import digest
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.forms import to_json
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import BOB, EVE, ROOT
from tests.unit.committing import erp
from tests.unit.committing import office as office_of
from tests.unit.committing.office import Office

OTHER = "other-plant"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Another deployment with the same three people and keys, each enrolled there by the same first approver."""
    for module in (people, office_of):
        monkeypatch.setattr(module, "DEPLOYMENT", OTHER)
    erp.build(tmp_path / "erp.sqlite")
    made = Office(tmp_path)
    for person in (ROOT, BOB, EVE):
        made.state.approvers.enrol(people.enrolled(person, ROOT))
    made.apply()
    yield made
    made.close()


@guarantees("P3.binding")
async def test_the_other_deployment_carries_out_what_was_approved_there(there: Office) -> None:
    """The measure."""
    content = there.approved()
    await there.work_off()
    assert (there.stand(content)[0], content.deployment, there.effects(content)) == ("COMMITTED", OTHER, 1)


@guarantees("P3.binding")
async def test_a_proposal_and_its_decision_carried_over_whole_are_not_sent(
    there: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content, digest, words and signature as they were in the first deployment, and all of them right there."""
    monkeypatch.setattr(people, "DEPLOYMENT", "plant")
    content = there.approved()
    monkeypatch.setattr(people, "DEPLOYMENT", OTHER)
    await there.work_off()

    assert content.deployment == "plant"
    assert there.stand(content) == ("NEEDS_HUMAN", "other_deployment")
    assert (there.effects(content), there.erp.sent) == (0, [])


@guarantees("P3.binding")
@pytest.mark.parametrize("words", ["of then", "that name the other one"])
@pytest.mark.bends_log("a decision of another deployment")
async def test_a_decision_carried_over_to_the_same_change_there_is_no_decision(
    there: Office, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """The same proposal, made there as well: what Bob signed in the first deployment was about the first one."""
    content = there.propose()
    monkeypatch.setattr(people, "DEPLOYMENT", "plant")
    first = people.proposal(replace(content, deployment="plant"))
    decision = people.decided(first, BOB)
    monkeypatch.setattr(people, "DEPLOYMENT", OTHER)
    if words != "of then":
        text = decision.envelope.replace('"deployment":"plant"', f'"deployment":"{OTHER}"')
        decision = replace(decision, envelope=text.replace(first.digest, digest(content)))
    there.state.proposals.decide(decision)
    await there.work_off()

    assert there.stand(content)[0] == "NEEDS_HUMAN"
    assert there.stand(content)[1] in {"approval_envelope", "approval_signature"}
    assert (there.effects(content), there.erp.sent) == (0, [])


@guarantees("P3.binding")
@pytest.mark.bends_log("the row of what was approved is changed")
async def test_a_carried_over_proposal_that_was_made_to_name_the_deployment_is_not_sent(
    there: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a digest worked out anew: then the decision is about something else."""
    monkeypatch.setattr(people, "DEPLOYMENT", "plant")
    content = there.approved()
    monkeypatch.setattr(people, "DEPLOYMENT", OTHER)
    renamed = replace(content, deployment=OTHER)
    text = canonical(to_json(renamed)).decode("utf-8")
    there.alter("UPDATE proposal SET content = ?, digest = ?", text, digest(renamed))
    await there.work_off()

    assert there.stand(content)[0] == "NEEDS_HUMAN"
    assert (there.effects(content), there.erp.sent) == (0, [])
