"""`erp-mcp writes`, `events` and what `audit` says of proposals: an admin stops, looks, and finds what was forged."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.domain.proposal import Step
from erp_mcp.settings import load
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.store.state.fakes import a_content, a_receipt, a_state


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a deployment with one proposal that was written and one that waits."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d")]).exit_code == 0
    file = tmp_path / "d" / "erp-mcp.yaml"
    state = a_state(load(file).state_dir)
    written, waits = a_content("key-written"), a_content("key-waits")
    state.approvers.enrol(people.enrolled(people.ROOT, people.ROOT))
    proposal, _ = state.proposals.create(written)
    state.proposals.decide(people.decided(proposal, people.ROOT))
    taken = state.proposals.take("worker-1", lease_s=60)
    assert taken is not None
    state.proposals.move(written.proposal_id, Step(name="send", actor="worker-1", fence=1))
    commit = Step(name="commit", actor="worker-1", fence=1, receipt=a_receipt())
    state.proposals.move(written.proposal_id, commit)
    state.proposals.create(waits)
    state.close()
    return file


def run(config: Path, *words: str) -> Result:
    """Run a command about the deployment."""
    return CliRunner().invoke(main, [*words, "--config", str(config)])


def written(config: Path) -> str:
    """Return the id of the proposal that was written."""
    events = json.loads(run(config, "events", "--json").stdout)
    return str(next(event["subject"] for event in events if event["type"] == "proposal.committed"))


@guarantees("P4.kill_switch", "cli.teaches")
def test_an_admin_stops_looks_and_lets_it_go_on(config: Path) -> None:
    """One line each, and whoever comes next sees who did it and why."""
    assert "Nothing is stopped" in run(config, "writes", "status").stdout
    stopped = run(config, "writes", "stop", "all", "--reason", "inventory\x1b[2J until noon")
    assert stopped.exit_code == 0
    assert "erp-mcp writes resume all" in stopped.stdout
    shown = run(config, "writes", "status").stdout
    assert "all is stopped since" in shown
    assert "inventory" in shown
    assert "\x1b" not in shown
    told = json.loads(run(config, "writes", "status", "--json").stdout)
    assert [stop["scope"] for stop in told["stopped"]] == ["all"]
    assert told["proposals"] == {"AWAITING_APPROVAL": 1, "COMMITTED": 1}
    state = a_state(load(config).state_dir)
    assert [stop.scope for stop in state.switches.stopped()] == ["all"]
    state.close()
    assert json.loads(run(config, "writes", "resume", "all", "--json").stdout) == {
        "scope": "all",
        "resumed": True,
        "still_stopped": [],
    }
    assert "was not stopped" in run(config, "writes", "resume", "all").stdout
    assert "writes.stopped" in run(config, "audit", "show").stdout


@guarantees("P4.kill_switch", "input.clear_errors")
@pytest.mark.parametrize("scope", ["everything", "place:1000", "system:nothere", "tool:get_stock", "tool:nothere"])
def test_a_scope_that_nothing_has_is_refused(scope: str, config: Path) -> None:
    """A switch that looks pressed and stops nothing is worse than none."""
    refused = run(config, "writes", "stop", scope, "--reason", "test", "--json")
    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["error"]["code"] == "writes.bad_scope"
    assert "Nothing is stopped" in run(config, "writes", "status").stdout


@guarantees("P4.stopped_sites", "cli.teaches")
def test_a_site_is_stopped_by_its_name_and_what_says_no_site_with_it(config: Path) -> None:
    """A site that something open is about can be stopped, though no policy names it; one that nothing has can't."""
    state = a_state(load(config).state_dir)
    state.proposals.create(replace(a_content("key-at-3000"), concerns={"site": ["3000"]}))
    state.close()
    refused = run(config, "writes", "stop", "site:300", "--reason", "test", "--json")
    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["error"]["facts"]["known"] == ["site:3000"]
    stopped = run(config, "writes", "stop", "site:3000", "--reason", "inventory")
    assert stopped.exit_code == 0
    assert "says no site" in stopped.stdout
    assert "says no site" not in run(config, "writes", "stop", "all", "--reason", "inventory").stdout
    told = json.loads(run(config, "writes", "status", "--json").stdout)
    assert [stop["scope"] for stop in told["stopped"]] == ["all", "site:3000"]
    assert json.loads(run(config, "writes", "resume", "site:3000", "--json").stdout)["resumed"]


@guarantees("input.clear_errors")
def test_a_name_that_nothing_has_is_answered_with_those_there_are(config: Path) -> None:
    """Whoever pulls the switch is in a hurry."""
    refused = run(config, "writes", "stop", "tool:nothere", "--reason", "test", "--json")
    known = json.loads(refused.stdout)["error"]["facts"]["known"]
    assert known == sorted(known)
    assert "tool:propose_create_purchase_requisition" in known
    assert {one.partition("_")[0] for one in known} == {"tool:propose"}


@guarantees("input.clear_errors")
@pytest.mark.parametrize("words", [("all",), ("all", "--reason", "  ")])
def test_a_stop_says_why(words: tuple[str, ...], config: Path) -> None:
    """Whoever finds everything standing still must be able to judge it."""
    assert run(config, "writes", "stop", *words).exit_code == 2
    assert "Nothing is stopped" in run(config, "writes", "status").stdout


@guarantees("P5.events", "cli.teaches")
def test_events_are_shown_whole_by_proposal_and_from_a_place_on(config: Path) -> None:
    """A program reads on from where it was; a person looks at one proposal."""
    everything = json.loads(run(config, "events", "--json").stdout)
    assert len(everything) == 8
    assert everything == sorted(everything, key=lambda event: event["audit_seq"])
    rest = json.loads(run(config, "events", "--after", str(everything[2]["audit_seq"]), "--json").stdout)
    assert rest == everything[3:]
    assert json.loads(run(config, "events", "--after", "0", "--limit", "2", "--json").stdout) == everything[:2]
    assert json.loads(run(config, "events", "--limit", "2", "--json").stdout) == everything[-2:]
    one = json.loads(run(config, "events", "--proposal", written(config), "--json").stdout)
    assert [event["type"].removeprefix("proposal.") for event in one] == [
        *("proposed", "awaiting_approval", "approved", "claimed", "sending", "committed"),
    ]
    assert one[-1]["data"]["document"] == "4500000001"
    lines = run(config, "events", "--proposal", written(config)).stdout.splitlines()
    assert len(lines) == 6
    assert "4500000001" in lines[-1]
    missing = run(config, "events", "--proposal", "prp_nothing", "--json")
    assert (missing.exit_code, json.loads(missing.stdout)["error"]["code"]) == (2, "proposal.not_found")


@guarantees("P5.moves_proved")
@pytest.mark.bends_log("the row of a proposal is changed")
def test_a_proposal_changed_behind_its_records_is_found_by_the_command(config: Path) -> None:
    """What the offline verification knows must be what an operator gets to see."""
    assert run(config, "audit", "verify").exit_code == 0
    proposal_id = written(config)
    connection = sqlite3.connect(load(config).state_dir / "state.sqlite")
    connection.execute("DROP TRIGGER proposal_moves")
    connection.execute("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = ?", (proposal_id,))
    connection.commit()
    connection.close()
    report = run(config, "audit", "verify", "--json")
    assert report.exit_code == 1
    assert [finding["code"] for finding in json.loads(report.stdout)["findings"]] == ["row_changed"]
    assert proposal_id in run(config, "audit", "verify").stdout


@guarantees("P5.moves_proved")
@pytest.mark.bends_log("a record is taken away")
def test_an_event_whose_record_is_gone_is_found(config: Path) -> None:
    """Whoever cuts the log off leaves the events that were written with it."""
    connection = sqlite3.connect(load(config).state_dir / "state.sqlite")
    connection.execute("DROP TRIGGER audit_record_no_delete")
    connection.execute("DROP TRIGGER audit_detail_no_delete")
    connection.execute("DELETE FROM audit_detail WHERE seq = 9")
    connection.execute("DELETE FROM audit_record WHERE seq = 9")
    connection.commit()
    connection.close()
    findings = json.loads(run(config, "audit", "verify", "--json").stdout)["findings"]
    assert {"missing", "row_changed"} == {finding["code"] for finding in findings}


@guarantees("P5.events", "cli.teaches")
def test_the_records_of_a_proposal_read_as_its_story(config: Path) -> None:
    """Who proposed, who said yes, what was written: one line each, by the proposal's id."""
    proposal_id = written(config)
    told = [line for line in run(config, "audit", "show").stdout.splitlines() if proposal_id in line]
    assert [line.split()[3] for line in told] == [
        *("proposal.proposed", "proposal.awaiting_approval", "proposal.approved"),
        *("proposal.claimed", "proposal.sending", "proposal.committed"),
    ]
    assert [line.split()[2] for line in told] == ["buyer", "gateway", "ada", "worker-1", "worker-1", "worker-1"]
    assert "document=4500000001" in told[-1]
    assert "propose_update_delivery_date" in told[0]
    full = run(config, "audit", "show", "--call", proposal_id)
    assert full.exit_code == 0
    assert '"envelope"' in full.stdout
