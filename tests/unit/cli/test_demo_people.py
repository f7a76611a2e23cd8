"""The demo plant's people: one signs its policy, two others decide, and nobody has to type a passphrase."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.cli import demo
from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.unit.cli.people_at_work import Desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Desk:
    return Desk(directory=demo_plant(tmp_path_factory.mktemp("demo") / "d"))


@guarantees("P3.enrolled", "P2.signed_policy")
def test_three_people_are_enrolled_and_the_shipped_policy_is_signed_by_one(desk: Desk) -> None:
    """Their passphrases lie beside the plant, for its owner alone."""
    told = desk.json("approvals", "approvers")["approvers"]
    files = sorted((desk.directory / "keys").iterdir())

    assert [(one["approver"], one["enrolled_by"]) for one in told] == [
        ("demo-admin", "demo-admin"),
        ("demo-approver", "demo-admin"),
        ("demo-controller", "demo-admin"),
    ]
    assert [file.stem for file in files] == ["demo-admin", "demo-approver", "demo-controller"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    deployment = desk.open()
    try:
        approval = deployment.state.bundles.applied()[0].approval
    finally:
        deployment.close()
    assert approval is not None
    assert approval.signer == "demo-admin"


@guarantees("P3.enrolled")
def test_a_plant_that_is_built_again_keeps_its_people(desk: Desk) -> None:
    """Another version of the package builds the data anew; keys and records stay."""
    before = desk.json("approvals", "approvers")
    mark = desk.directory / "plant.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text(encoding="utf-8")), "made_by": "older"}), encoding="utf-8")

    again = CliRunner().invoke(main, ["demo", "--prepare", "--dir", str(desk.directory)])

    assert again.exit_code == 0, again.output
    assert desk.json("approvals", "approvers") == before
    assert "Already applied" in desk.run("policy", "apply").output


@guarantees("P2.signed_policy")
@pytest.mark.parametrize("changed", [False, True])
def test_a_plant_that_is_built_again_keeps_policies_that_somebody_changed_and_no_others(
    tmp_path: Path, demo_plant: DemoPlant, *, changed: bool
) -> None:
    """An earlier version's policy, left as it was, would keep the tour from the write; a person's own is theirs."""
    plant = demo_plant(tmp_path / "d")
    mark, base = plant / "plant.json", plant / "policies" / "base.yaml"
    shipped = base.read_text(encoding="utf-8")
    earlier = shipped.replace('max: "20"', 'max: "3"')
    base.write_text(earlier, encoding="utf-8")
    told = {**json.loads(mark.read_text(encoding="utf-8")), "made_by": "older"}
    if not changed:
        told["policies"] = demo.content_of(plant / "policies")
    mark.write_text(json.dumps(told), encoding="utf-8")

    again = CliRunner().invoke(main, ["demo", "--prepare", "--dir", str(plant)])

    assert again.exit_code == 0, again.output
    assert base.read_text(encoding="utf-8") == (earlier if changed else shipped)


@guarantees("input.clear_errors")
def test_a_tour_of_a_plant_that_somebody_has_worked_with_goes_on_to_its_end(desk: Desk) -> None:
    """Where its write can't be shown, the tour says why and how to see it; it never ends in a trace."""
    desk.run("writes", "stop", "all", "--reason", "counting stock")
    command = [sys.executable, "-m", "erp_mcp", "demo", "--dir", str(desk.directory)]

    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    desk.run("writes", "resume", "all")

    assert run.returncode == 0, run.stderr
    assert run.stdout.count("No write to show from here on.") == 3  # each part with a write of its own
    assert "writes.stopped" in run.stdout
    assert "Your turn" in run.stdout


@guarantees("P3.people_commit", "P3.requesters")
def test_in_a_demo_plant_the_passphrase_comes_from_its_file_and_this_is_said(desk: Desk) -> None:
    """The one who decides is the one who may; who made the policy count today may not."""
    desk.propose(deployment="demo-plant", environment="demo", agent="buyer", owner="demo-owner")

    refused = desk.run("approvals", "approve", "prp_000000000001", "--as", "demo-admin", "--yes", "--no-worker")
    done = desk.run("approvals", "approve", "prp_000000000001", "--yes", "--no-worker")

    assert refused.exit_code == 3
    assert "approval.requester" in refused.stderr
    assert done.exit_code == 0, done.output
    assert "demo-approver.passphrase" in done.stderr
    assert str(Path("keys")) in done.stderr


@guarantees("P3.enrolled")
def test_somebody_new_in_a_demo_plant_gets_a_passphrase_made_up(desk: Desk) -> None:
    """So that people can try it out."""
    result = desk.run("approvals", "enrol", "carl", "--as", "demo-admin")

    assert result.exit_code == 0, result.output
    assert (desk.directory / "keys" / "carl.passphrase").is_file()
