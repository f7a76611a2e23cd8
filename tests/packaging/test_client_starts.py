"""What a client was given starts: the entry as it stands in the file, and both bundles, from an empty environment."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.administration.clients import Machine
from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.prepared import DemoPlant

_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
_LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Return a prepared demo plant in a folder whose name a shell would split."""
    return demo_plant(tmp_path_factory.mktemp("a plant") / "demo")


def tools_of(command: list[str], directory: Path) -> set[str]:
    """Start a server as a client with a window does, and return the tools that it lists."""
    said = "".join(json.dumps(one) + "\n" for one in (_HELLO, _LIST))
    run = subprocess.run(
        command, input=said, cwd=directory, env={}, capture_output=True, text=True, check=False, timeout=60
    )
    answers = {one["id"]: one for one in map(json.loads, run.stdout.splitlines()) if "id" in one}
    assert answers[1]["result"]["serverInfo"]["name"] == "erp-mcp", run.stderr
    return {tool["name"] for tool in answers[2]["result"]["tools"]}


@guarantees("clients.told", "clients.places")
def test_the_entry_in_the_file_starts_without_a_shell_and_without_an_environment(plant: Path, tmp_path: Path) -> None:
    """A client that was started by a double-click knows neither search path nor directory."""
    home = Machine(platform="macos", home=tmp_path, environ={})
    words = ["client", "install", "--client", "claude-desktop", "--as", "buyer", "--demo-dir", str(plant)]
    assert CliRunner().invoke(main, words, obj=home).exit_code == 0
    file = tmp_path / "Library" / "Application Support" / "Claude" / "claude_desktop_config.json"
    entry = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]["erp-mcp"]
    assert "rank_expedite_candidates" in tools_of([entry["command"], *entry["args"]], tmp_path)


def manifest_of(plant: Path, target: Path, *words: str) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Make a bundle, unpack it beside itself, and return its manifest."""
    done = CliRunner().invoke(main, ["client", "bundle", str(target), "--demo-dir", str(plant), *words])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(target) as archive:
        archive.extractall(target.with_suffix(""))
        told: dict[str, dict[str, dict[str, list[str]]]] = json.loads(archive.read("manifest.json"))
        return told


@guarantees("clients.bundle")
def test_a_bundle_for_this_machine_starts_with_what_it_proposes(plant: Path, tmp_path: Path) -> None:
    """Whoever installs it confirms two fields and is done."""
    manifest = manifest_of(plant, tmp_path / "x.mcpb")
    start = manifest["server"]["mcp_config"]
    words = [str(start["command"]), *start["args"]]
    for name, field in manifest["user_config"].items():
        words = [word.replace(f"${{user_config.{name}}}", str(field["default"])) for word in words]
    assert "explain_late_order" in tools_of(words, tmp_path)


@guarantees("clients.bundle")
def test_a_portable_bundle_carries_the_whole_program(plant: Path, tmp_path: Path) -> None:
    """With the libraries that it names, it runs from its own folder; those are fetched by the client's uv."""
    manifest = manifest_of(plant, tmp_path / "x.mcpb", "--portable")
    folder = tmp_path / "x"
    _, *words = manifest["server"]["mcp_config"]["args"]
    own = words[words.index("python") + 1 :]  # what uv runs in the folder of the bundle
    config = str(plant / "erp-mcp.yaml")
    own = [
        word.replace("${user_config.configuration}", config).replace("${user_config.agent}", "planner") for word in own
    ]
    assert "explain_late_order" in tools_of([sys.executable, *own], folder)
    asked = [sys.executable, "-c", "import erp_mcp.settings as s; print(s.data_root())"]
    found = subprocess.run(asked, cwd=folder, env={}, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == (folder / "erp_mcp" / "_data").resolve()
    project = (folder / "pyproject.toml").read_text(encoding="utf-8")
    assert '"mcp==' in project
