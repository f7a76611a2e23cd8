"""`erp-mcp approvals enrol-page`, `enrol --oidc-subject` and what lists and ends them."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.signing_on import ISSUER, with_accounts


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with two approvers, a provider, the page's key, bob's account and cleo's."""
    directory = tmp_path_factory.mktemp("accounts") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    assert desk.enrol("ada", name="Ada Person").exit_code == 0
    assert desk.enrol("bob", name="Bob Person", by="ada").exit_code == 0
    without = desk.sign("approvals", "enrol", "cleo", "--oidc-subject", "sub-cleo", by="ada")
    assert (without.exit_code, "web.oidc" in without.output) == (2, True)
    with_accounts(desk)
    return directory


@pytest.fixture
def desk(kept: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(kept, tmp_path / "p")))


@guarantees("P3.page_accounts", "cli.teaches")
def test_keys_accounts_and_pages_are_listed_apart(desk: Desk) -> None:
    """Whoever looks sees by what each person is known, and which page signs for them."""
    told = desk.json("approvals", "approvers")

    found = {(one["approver"], bool(one["public_key"]), one["account"] is not None) for one in told["approvers"]}
    assert found == {("ada", True, False), ("bob", True, False), ("bob", False, True), ("cleo", False, True)}
    assert all(one["in_force"] for one in told["approvers"])
    (page,) = told["pages"]
    shown = desk.run("approvals", "approvers").output
    assert (page["page"] in shown, f"account sub-cleo at {ISSUER}" in shown) == (True, True)
    file = desk.directory / "state" / "keys" / "page.secret"
    file = next(iter(desk.directory.rglob("page.secret")), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@guarantees("P3.page_accounts", "input.clear_errors")
def test_what_can_not_be_enrolled_is_told_and_nothing_is_stored(desk: Desk) -> None:
    """An account that is taken, a subject of no form, a passphrase beside it, somebody without a key who vouches."""
    words = ("approvals", "enrol", "dora", "--oidc-subject")
    taken = desk.sign(*words, "sub-cleo", by="ada")
    odd = desk.sign(*words, "sub\u202e", by="ada")
    both = desk.sign(*words, "sub-dora", "--new-passphrase-file", desk.key("ada"), by="ada")
    by_cleo = desk.sign(*words, "sub-dora", "--passphrase-file", desk.key("ada"), by="cleo")

    assert [one.exit_code for one in (taken, odd, both, by_cleo)] == [2, 2, 2, 2]
    assert ("approval.exists" in taken.output, "call.invalid_argument" in odd.output) == (True, True)
    deployment = desk.open()
    try:
        assert "dora" not in administration.trusted(deployment)
    finally:
        deployment.close()


@guarantees("P3.page_accounts", "P3.enrolled")
def test_the_last_one_with_a_key_can_not_be_revoked_for_an_account_enrols_nobody(desk: Desk) -> None:
    """Else a deployment would be left that no approver can be added to."""
    assert desk.sign("approvals", "revoke", "bob", by="ada").exit_code == 0
    last = desk.sign("approvals", "revoke", "ada", by="ada")

    assert (last.exit_code, "approval.last" in last.output) == (2, True)
    told = desk.json("approvals", "approvers")["approvers"]
    assert {(one["approver"], one["in_force"]) for one in told} == {("ada", True), ("bob", False), ("cleo", True)}


@guarantees("P3.page_accounts")
def test_doctor_says_what_is_missing_for_people_to_sign_in(desk: Desk) -> None:
    """A page without a key does not start, and doctor says so beforehand."""

    def told() -> tuple[str, str]:
        one = next(one for one in desk.json("doctor")["checks"] if one["name"] == "sign-in")
        return one["status"], one["detail"]

    assert told() == ("ok", f"{ISSUER}, 2 approvers enrolled there; --connect would call it")
    (page,) = desk.json("approvals", "approvers")["pages"]
    assert desk.sign("approvals", "revoke", page["page"], by="ada").exit_code == 0
    assert told() == ("bad", "the page has no key to sign with")
    assert "page" in desk.run("web").output
