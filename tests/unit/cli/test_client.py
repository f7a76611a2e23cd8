"""`erp-mcp client`: install with a summary, look, take back, make a bundle."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from erp_mcp.administration.clients import CLIENTS, Machine, Platform
from erp_mcp.cli.app import main
from erp_mcp.cli.client_entry import deployment_command
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Return a prepared demo plant."""
    return demo_plant(tmp_path_factory.mktemp("plant") / "demo")


def account(home: Path, platform: Platform = "linux") -> Machine:
    """Return a machine with nothing but this home."""
    return Machine(platform=platform, home=home, environ={})


def run(home: Path, *words: str) -> Result:
    """Run `erp-mcp client` on a machine whose account lives in `home`."""
    return CliRunner().invoke(main, ["client", *words], obj=account(home))


@guarantees("clients.told", "clients.nothing_lost")
def test_a_dry_run_says_everything_and_writes_nothing(plant: Path, tmp_path: Path) -> None:
    """What is about to be changed, and what it opens, is read before it is done."""
    place = tmp_path / ".config" / "Claude" / "claude_desktop_config.json"
    place.parent.mkdir(parents=True)
    place.write_text('{"mcpServers": {"other": {"command": "x", "env": {"T": "s3cret"}}}}', encoding="utf-8")
    done = run(
        tmp_path, "install", "--client", "claude-desktop", "--as", "buyer", "--demo-dir", str(plant), "--dry-run"
    )
    assert done.exit_code == 0, done.output
    assert "Nothing done" in done.output
    assert str(place) in done.output
    assert "s3cret" not in done.output
    assert "propose_update_delivery_date" in done.output
    assert "A person must approve each one" in done.output
    assert "erp (demo-erp)" in done.output
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert "erp-mcp" not in place.read_text(encoding="utf-8")


@guarantees("clients.told")
def test_the_entry_starts_this_installation_from_any_directory(plant: Path, tmp_path: Path) -> None:
    """A client with a window has neither the shell's search path nor its directory."""
    assert run(tmp_path, "install", "--client", "vscode", "--demo-dir", str(plant)).exit_code == 0
    file = tmp_path / ".config" / "Code" / "User" / "mcp.json"
    entry = json.loads(file.read_text(encoding="utf-8"))["servers"]["erp-mcp"]
    assert entry["type"] == "stdio"
    assert [entry["command"], *entry["args"]] == deployment_command(plant / "erp-mcp.yaml", "planner")
    assert Path(entry["command"]).is_absolute()
    assert Path(entry["args"][entry["args"].index("--config") + 1]).is_absolute()
    again = run(tmp_path, "install", "--client", "vscode", "--demo-dir", str(plant))
    assert "Nothing to do" in again.output
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    assert [(one["client"], one["name"], one["command"][0]) for one in listed] == [
        ("vscode", "erp-mcp", entry["command"])
    ]
    assert run(tmp_path, "install", "--client", "vscode", "--remove").exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8")) == {"servers": {}}
    assert "No client" in run(tmp_path, "list").output


@guarantees("clients.told", "cli.teaches")
def test_an_agent_that_the_policy_does_not_know_is_refused_with_those_it_knows(plant: Path, tmp_path: Path) -> None:
    """Its client would see no tool and no reason."""
    done = run(tmp_path, "install", "--client", "cursor", "--as", "byer", "--demo-dir", str(plant))
    assert done.exit_code == 2
    assert "Did you mean 'buyer'?" in done.output
    assert list(tmp_path.iterdir()) == []


@guarantees("clients.told")
def test_without_a_policy_it_is_installed_and_said_that_nothing_is_allowed(tmp_path: Path) -> None:
    """A new deployment may be connected first and opened later."""
    target = tmp_path / "d"
    assert CliRunner().invoke(main, ["init", str(target)]).exit_code == 0
    config = str(target / "erp-mcp.yaml")
    done = run(tmp_path, "install", "--client", "cursor", "--config", config)
    assert done.exit_code == 0
    assert "No policy is applied yet" in done.output


@guarantees("clients.nothing_lost")
def test_a_file_of_a_project_can_be_named(plant: Path, tmp_path: Path) -> None:
    """Teams keep one beside their work."""
    file = tmp_path / "work" / ".mcp.json"
    done = run(tmp_path, "install", "--client", "claude-code", "--demo-dir", str(plant), "--file", str(file))
    assert done.exit_code == 0
    assert "is Claude Code installed?" in done.output
    assert "erp-mcp" in json.loads(file.read_text(encoding="utf-8"))["mcpServers"]


@guarantees("clients.told", "P8.secrets_stay")
def test_what_a_person_added_to_our_entry_is_not_shown(plant: Path, tmp_path: Path) -> None:
    """It may be a token, and a terminal is looked at and copied; only what is written is said."""
    file = tmp_path / "mcp.json"
    ours = {"command": "/old/erp-mcp", "args": ["serve"], "env": {"TOKEN": "s3cret"}}
    file.write_text(json.dumps({"mcpServers": {"erp-mcp": ours}}), encoding="utf-8")

    done = run(tmp_path, "install", "--client", "cursor", "--file", str(file), "--demo-dir", str(plant))

    assert done.exit_code == 0, done.output
    assert "s3cret" not in done.output
    assert "s3cret" in file.read_text(encoding="utf-8")


@guarantees("clients.told")
def test_a_packaged_claude_desktop_is_not_let_see_a_copy_of_the_deployment(plant: Path, tmp_path: Path) -> None:
    """Windows shows a packaged app its own copy of AppData: what it proposes would never reach an approver."""
    home = plant.parent  # as if the deployment lay in AppData
    here = Machine(
        platform="windows", home=home, environ={"LOCALAPPDATA": str(home), "APPDATA": str(tmp_path / "Roaming")}
    )
    (home / "Packages" / "Claude_x" / "LocalCache" / "Roaming").mkdir(parents=True)
    words = ["client", "install", "--client", "claude-desktop", "--demo-dir", str(plant), "--dry-run"]
    assert "Move the deployment out of AppData" in CliRunner().invoke(main, words, obj=here).output


@guarantees("clients.bundle")
@pytest.mark.parametrize("form", [[], ["--portable"]], ids=["installed", "portable"])
def test_a_bundle_is_the_same_bytes_and_holds_neither_data_nor_secrets(
    plant: Path, tmp_path: Path, form: list[str]
) -> None:
    """It is handed from person to person."""
    targets = [tmp_path / "a.mcpb", tmp_path / "b.mcpb"]
    for target in targets:
        done = run(tmp_path, "bundle", str(target), "--demo-dir", str(plant), *form)
        assert done.exit_code == 0, done.output
    assert targets[0].read_bytes() == targets[1].read_bytes()
    with zipfile.ZipFile(targets[0]) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
    assert names[0] == "manifest.json"
    assert [name for name in names if name.endswith((".sqlite", ".pyc", ".pem")) or name.startswith(("/", ".."))] == []
    assert {*manifest} >= {"manifest_version", "name", "version", "description", "author", "server", "user_config"}
    assert manifest["server"]["entry_point"] in names
    assert {f"${{user_config.{name}}}" for name in manifest["user_config"]} <= {
        manifest["server"]["mcp_config"]["command"],
        *manifest["server"]["mcp_config"]["args"],
    }
    assert ("${user_config.program}" in manifest["server"]["mcp_config"]["command"]) == (not form)
    assert {tool["name"] for tool in manifest["tools"]} >= {"explain_late_order", "list_sales_orders"}


@guarantees("clients.bundle", "cli.teaches")
def test_a_bundle_overwrites_nothing_and_has_the_ending_that_clients_know(plant: Path, tmp_path: Path) -> None:
    """A file of another name is opened by nobody."""
    there = tmp_path / "a.mcpb"
    there.write_text("mine", encoding="utf-8")
    for target in (there, tmp_path / "a.zip"):
        assert run(tmp_path, "bundle", str(target), "--demo-dir", str(plant)).exit_code == 2
    assert there.read_text(encoding="utf-8") == "mine"


@guarantees("cli.teaches")
def test_every_client_is_offered_by_name() -> None:
    """Who mistypes one sees the others."""
    told = CliRunner().invoke(main, ["client", "install", "--client", "nope"]).output
    assert all(name in told for name in CLIENTS)
