"""The gateway's own records are written under a name of their own, which no configuration can point elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.human_task import CREATE, REQUEST_RELEASE, SYSTEM
from erp_mcp.errors import ConfigurationError
from tests.guarantees import guarantees


@pytest.fixture
def config(tmp_path: Path) -> Path:
    directory = tmp_path / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    return directory / "erp-mcp.yaml"


@guarantees("P3.own_tasks", "P3.signed_target")
def test_no_system_may_have_the_name_of_our_own_records(config: Path) -> None:
    """Else what needs nobody's yes could be written anywhere."""
    text = config.read_text(encoding="utf-8")
    named = text.replace("systems: {}", "systems: {gateway: {profile: demo-erp, url: erp.sqlite}}")
    assert named != text
    config.write_text(named, encoding="utf-8")
    with pytest.raises(ConfigurationError) as told:
        open_deployment(config)
    assert "gateway" in str(told.value.facts)


@guarantees("P3.own_tasks")
async def test_our_own_records_take_tasks_and_nothing_else(config: Path) -> None:
    """They are there in every deployment, need no account, and stand for the same thing in all its processes."""
    deployment = open_deployment(config)
    try:
        port = await deployment.signed_commands(SYSTEM)
        assert (port.system, set(port.operations)) == (SYSTEM, {CREATE, REQUEST_RELEASE})
        assert deployment.writable[SYSTEM] == set(port.operations)
        assert deployment.target_named(SYSTEM) == deployment.target_named(SYSTEM)
        assert SYSTEM not in deployment.targets()
    finally:
        await deployment.disconnect()
        deployment.close()


@guarantees("P4.kill_switch")
def test_tasks_can_be_stopped_like_any_other_write(config: Path) -> None:
    """An agent that floods people with tasks is stopped by the same switch."""
    result = CliRunner().invoke(main, ["writes", "stop", f"system:{SYSTEM}", "--reason", "x", "--config", str(config)])
    assert result.exit_code == 0, result.output
