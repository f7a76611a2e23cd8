"""Somebody who asks comes back under another account, key or group: they stay who they were, and nobody is made two."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.approval.check import refusal_of
from erp_mcp.approval.requesters import requesters
from erp_mcp.cli.app import main
from erp_mcp.domain.decision import Group
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.approval.people import BOB, EVE, NOW, RICH, content, decided, proposal, trusted
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.signing_on import with_accounts

ID = "prp_000000000001"
AGAIN = [
    ("bob", ""),
    ("bob2", "bob"),
    ("b2", "Bob Person"),
    ("b2", "B\u043eb Pers\u043en"),  # Cyrillic letters
    ("b2", "B\u00f3b P\u00e9rson"),  # with accents
    ("bob_person", "Robert"),
]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment of which Bob was an approver, by a key and by an account; ada, cy and cleo still are."""
    directory = tmp_path_factory.mktemp("plant") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    for person, by in (("ada", ""), ("bob", "ada"), ("cy", "ada")):
        result = desk.enrol(person, name=f"{person.capitalize()} Person", by=by)
        assert result.exit_code == 0, result.output
    with_accounts(desk)
    assert desk.sign("approvals", "revoke", "bob", by="ada").exit_code == 0
    return directory


@pytest.fixture
def desk(left: Path, tmp_path: Path) -> Desk:
    """A copy of it, in which an agent of Bob's has proposed."""
    made = Desk(directory=Path(shutil.copytree(left, tmp_path / "p")))
    made.propose(owner="bob")
    return made


@guarantees("P3.requesters", "P3.enrolled")
@pytest.mark.parametrize(("approver_id", "name"), AGAIN)
def test_who_was_revoked_is_not_enrolled_anew_under_another_account(desk: Desk, approver_id: str, name: str) -> None:
    """With a new key or with an account at a provider: they could say yes to what they asked for before."""
    by_key = desk.enrol(approver_id, name=name, by="ada")
    by_account = desk.sign(
        "approvals", "enrol", approver_id, "--name", name, "--oidc-subject", "sub-of-bob-anew", by="ada"
    )

    for told in (by_key, by_account):
        assert (told.exit_code, "approval." in told.stderr) == (2, True), told.output
        assert told.stderr.count("approval.exists") == 1, told.stderr
    in_force = {one["approver"] for one in desk.json("approvals", "approvers")["approvers"] if one["in_force"]}
    assert in_force == {"ada", "cy", "cleo"}
    assert desk.sign("approvals", "approve", ID, "--no-worker", by=approver_id).exit_code != 0
    assert desk.proposal().state is State.AWAITING_APPROVAL
    assert desk.sign("approvals", "approve", ID, "--no-worker", by="cy").exit_code == 0


@guarantees("P3.groups", "P3.requesters")
def test_a_group_named_inside_a_group_lets_nobody_in() -> None:
    """Groups hold people: the name of another group is nobody's id, whoever is in that one."""
    nested = replace(
        RICH,
        approvers=("managers",),
        groups=(Group(name="managers", approvers=("buyers",)), Group(name="buyers", approvers=("bob", "eve"))),
        bands=(),
        deputies=(),
        needed=2,
        separations=(),
    )
    what = content(terms=nested)
    one = proposal(what)

    for people in ((BOB,), (EVE,), (BOB, EVE)):
        said = [decided(one, person) for person in people]
        assert refusal_of(one, said, trusted(BOB, EVE), requesters(what, [], NOW), NOW) == "not_named"
