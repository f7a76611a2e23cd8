"""`erp-mcp doctor` on the machine: rights, clock, disk, clients."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.administration.client_files import file_of
from erp_mcp.administration.clients import CLIENTS, Machine
from erp_mcp.bootstrap import Deployment, SystemClock, TimeOrderedIds
from erp_mcp.bootstrap.machine import jump_recorder
from erp_mcp.cli.app import main
from erp_mcp.cli.client_entry import deployment_command
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.clock_watch import Jump
from erp_mcp.settings import load
from erp_mcp.store.state.sqlite import State
from tests.guarantees import guarantees


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One check as programs get it."""

    name: str
    status: str
    detail: str
    advice: str


class Tomorrow(SystemClock):
    """A clock that was a day ahead, before somebody put it right the wrong way."""

    def wall(self) -> datetime:
        """Return tomorrow."""
        return super().wall().astimezone(UTC) + timedelta(days=1)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a deployment with an applied policy."""
    runner, file = CliRunner(), tmp_path / "d" / "erp-mcp.yaml"
    assert runner.invoke(main, ["init", str(file.parent)]).exit_code == 0
    assert runner.invoke(main, ["policy", "apply", "--config", str(file)]).exit_code == 0
    return file


def account(home: Path) -> Machine:
    """Return a Linux machine with nothing but this home."""
    return Machine(platform="linux", home=home, environ={})


def checks(config: Path, home: Path, name: str) -> list[Seen]:
    """Return what doctor says about one subject."""
    done = CliRunner().invoke(main, ["doctor", "--config", str(config), "--json"], obj=account(home))
    return [Seen(**one) for one in json.loads(done.stdout)["checks"] if one["name"] == name]


def starts(home: Path, client: str, command: list[str]) -> None:
    """Let a client of an account start a command."""
    file = file_of(CLIENTS[client], account(home))
    file.parent.mkdir(parents=True, exist_ok=True)
    section = CLIENTS[client].section
    file.write_text(json.dumps({section: {"erp-mcp": CLIENTS[client].entry(command)}}), encoding="utf-8")


@guarantees("doctor.machine")
def test_a_client_that_starts_this_deployment_is_named_with_its_agent(config: Path, tmp_path: Path) -> None:
    """Who asks "which of them is it" finds it here."""
    starts(tmp_path, "cursor", deployment_command(config, "planner"))
    (check,) = checks(config, tmp_path, "clients")
    assert check.status == "ok"
    assert "Cursor (erp-mcp) as agent planner" in check.detail


@guarantees("doctor.machine")
def test_a_stale_entry_is_found_with_the_command_that_mends_it(config: Path, tmp_path: Path) -> None:
    """An environment that was deleted leaves a client that shows nothing but an error."""
    starts(tmp_path, "cursor", ["/gone/bin/erp-mcp", "serve", "--config", str(config), "--as", "planner"])
    starts(tmp_path, "claude-desktop", deployment_command(tmp_path / "gone.yaml", "planner"))
    found = {check.detail: check for check in checks(config, tmp_path, "clients")}
    assert [one for one in found if "starts /gone/bin/erp-mcp, which is not there" in one]
    assert [one for one in found if f"starts {tmp_path / 'gone.yaml'}, which is not there" in one]
    bad = [check for check in found.values() if check.status == "bad"]
    assert len(bad) == 2
    assert all("erp-mcp client install --client" in check.advice for check in bad)


@guarantees("doctor.machine")
def test_an_agent_that_the_policy_does_not_declare_is_found(config: Path, tmp_path: Path) -> None:
    """Its client has no tool, and says nothing about why."""
    starts(tmp_path, "vscode", deployment_command(config, "stranger"))
    (check,) = (one for one in checks(config, tmp_path, "clients") if one.status == "bad")
    assert "stranger" in check.detail


@guarantees("doctor.machine")
def test_clients_of_other_deployments_and_broken_files_disturb_nobody(config: Path, tmp_path: Path) -> None:
    """They are none of this deployment's business, and a file that can't be read is said."""
    other = tmp_path / "other" / "erp-mcp.yaml"
    shutil.copytree(config.parent, other.parent)
    starts(tmp_path, "cursor", deployment_command(other, "planner"))
    (tmp_path / ".claude.json").write_text("{", encoding="utf-8")
    found = checks(config, tmp_path, "clients")
    assert [one.status for one in found] == ["note", "ok"]
    assert "none of this account starts this deployment" in found[1].detail


@guarantees("doctor.machine")
def test_files_that_anybody_may_change_are_bad(config: Path, tmp_path: Path) -> None:
    """Whoever can write the configuration says what is read from where."""
    config.parent.chmod(0o755)
    config.chmod(0o644)
    for path in [config.parent / "policies", *(config.parent / "policies").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert [one.status for one in checks(config, tmp_path, "permissions")] == ["ok"]
    base = config.parent / "policies" / "base.yaml"
    base.chmod(0o664)
    assert [one.status for one in checks(config, tmp_path, "permissions")] == ["note"]
    base.chmod(0o666)
    (check,) = checks(config, tmp_path, "permissions")
    assert (check.status, str(base) in check.detail) == ("bad", True)
    assert "chmod" in check.advice


@guarantees("doctor.machine")
def test_a_clock_that_went_back_is_bad(config: Path, tmp_path: Path) -> None:
    """Ages, leases and expiries are reckoned by it; a record from the future shows it."""
    assert [one.status for one in checks(config, tmp_path, "clock")] == ["ok"]
    with closing(State(load(config).state_dir, clock=Tomorrow(), ids=TimeOrderedIds())) as state:
        said = AuditEntry(
            kind="call.answered", correlation_id="c", causation_id="", trace="", actor="planner", facts={}, fields={}
        )
        state.audit.append(said)
    (check,) = checks(config, tmp_path, "clock")
    assert check.status == "bad"
    assert "NTP" in check.advice


@guarantees("doctor.machine", "P4.clock")
@pytest.mark.parametrize(("ago", "named"), [(timedelta(hours=23), True), (timedelta(hours=25), False)])
def test_a_jump_of_the_last_day_is_told(config: Path, tmp_path: Path, ago: timedelta, named: bool) -> None:
    """Whoever looks why nothing was sent this morning, or why a window was open, finds when."""

    class Then(SystemClock):
        def wall(self) -> datetime:
            return super().wall() - ago

    now = Then().wall()
    deployment = Deployment(settings=load(config), clock=Then(), ids=TimeOrderedIds())
    jump_recorder(lambda: deployment.state.audit, deployment.ids)(Jump(seconds=3600.4, seen_at=now))
    deployment.close()
    told = [one for one in checks(config, tmp_path, "clock") if one.status == "note"]
    assert bool(told) is named
    assert [one for one in told if "jump by +3600 s" in one.detail and "NTP" in one.advice] == told


@guarantees("doctor.machine")
def test_room_on_the_disk_is_told_in_figures(config: Path, tmp_path: Path) -> None:
    """Where no record can be written, nothing is answered."""
    (check,) = checks(config, tmp_path, "disk")
    assert "free; state" in check.detail
