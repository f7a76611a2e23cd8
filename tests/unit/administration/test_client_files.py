"""Clients' files on each platform: found, edited, kept, and given back."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from erp_mcp.administration.client_files import carry_out, entries, file_of, installed, is_ours, removed
from erp_mcp.administration.clients import CLIENTS, Machine, Platform
from erp_mcp.errors import ClientFileError
from tests.guarantees import guarantees

START = ("/opt/erp/bin/erp-mcp", "serve", "--config", "/srv/erp-mcp.yaml", "--as", "planner")
NOON = datetime(2026, 3, 16, 12, 0, tzinfo=UTC)
DESKTOP = CLIENTS["claude-desktop"]
SECRET = {"command": "other", "env": {"TOKEN": "s3cret"}}


def machine(home: Path, platform: Platform) -> Machine:
    """Return a machine whose account lives in `home`, with the variables that its platform sets."""
    roaming, local = home / "AppData" / "Roaming", home / "AppData" / "Local"
    set_there = {"APPDATA": str(roaming), "LOCALAPPDATA": str(local)} if platform == "windows" else {}
    return Machine(platform=platform, home=home, environ=set_there)


@guarantees("clients.places")
@pytest.mark.parametrize(
    ("platform", "client", "place"),
    [
        ("macos", "claude-desktop", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("windows", "claude-desktop", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("linux", "claude-desktop", ".config/Claude/claude_desktop_config.json"),
        ("macos", "claude-code", ".claude.json"),
        ("windows", "claude-code", ".claude.json"),
        ("macos", "vscode", "Library/Application Support/Code/User/mcp.json"),
        ("windows", "vscode", "AppData/Roaming/Code/User/mcp.json"),
        ("linux", "vscode", ".config/Code/User/mcp.json"),
        ("linux", "vscode-insiders", ".config/Code - Insiders/User/mcp.json"),
        ("windows", "cursor", ".cursor/mcp.json"),
        ("macos", "windsurf", ".codeium/windsurf/mcp_config.json"),
        ("linux", "gemini-cli", ".gemini/settings.json"),
    ],
)
def test_each_client_has_its_place_on_each_platform(
    tmp_path: Path, platform: Platform, client: str, place: str
) -> None:
    """As the vendors document them; a file elsewhere is read by nobody."""
    assert file_of(CLIENTS[client], machine(tmp_path, platform)) == tmp_path / place


@guarantees("clients.places")
def test_the_environment_moves_a_place(tmp_path: Path) -> None:
    """Who has moved the folder has moved the client's eyes."""
    moved = Machine(platform="linux", home=tmp_path, environ={"XDG_CONFIG_HOME": str(tmp_path / "x")})
    code = Machine(platform="linux", home=tmp_path, environ={"CLAUDE_CONFIG_DIR": str(tmp_path / "y")})
    assert file_of(DESKTOP, moved) == tmp_path / "x" / "Claude" / "claude_desktop_config.json"
    assert file_of(CLIENTS["claude-code"], code) == tmp_path / "y" / ".claude.json"


@guarantees("clients.places")
def test_a_packaged_app_on_windows_has_a_place_of_its_own(tmp_path: Path) -> None:
    """It sees no other: an entry in the documented place is silently ignored."""
    here = machine(tmp_path, "windows")
    inside = here.local / "Packages" / "Claude_abc123" / "LocalCache" / "Roaming"
    inside.mkdir(parents=True)
    assert file_of(DESKTOP, here) == inside / "Claude" / "claude_desktop_config.json"

    other = here.local / "Packages" / "Claude_def456" / "LocalCache" / "Roaming" / "Claude"
    other.mkdir(parents=True)
    with pytest.raises(ClientFileError):
        file_of(DESKTOP, here)
    (other / "claude_desktop_config.json").write_text("{}", encoding="utf-8")
    assert file_of(DESKTOP, here).parent == other


@guarantees("clients.nothing_lost")
@pytest.mark.parametrize("platform", ["windows", "macos", "linux"])
@pytest.mark.parametrize("name", CLIENTS)
def test_an_entry_is_added_beside_the_others_and_the_file_as_it_was_is_kept(
    tmp_path: Path, platform: Platform, name: str
) -> None:
    """On a copied configuration of each platform, for each client."""
    client = CLIENTS[name]
    file = file_of(client, machine(tmp_path, platform))
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"theme": "dark", client.section: {"other": SECRET}}, indent=4)
    file.write_text(text, encoding="utf-8")

    backup = carry_out(installed(client, file, "erp-mcp", START), NOON)

    said = json.loads(file.read_text(encoding="utf-8"))
    assert said["theme"] == "dark"
    assert said[client.section]["other"] == SECRET
    assert said[client.section]["erp-mcp"] == client.entry(START)
    assert backup == file.with_name(f"{file.name}.20260316T120000Z.bak")
    assert backup.read_text(encoding="utf-8") == text
    assert [path.name for path in file.parent.iterdir() if path.name.endswith(".new")] == []


@guarantees("clients.nothing_lost")
def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Whoever is unsure runs it again."""
    file = tmp_path / "c.json"
    carry_out(installed(DESKTOP, file, "erp-mcp", START), NOON)
    assert not installed(DESKTOP, file, "erp-mcp", START).needed


@guarantees("clients.nothing_lost")
def test_our_own_entry_gets_the_new_command_and_keeps_the_rest(tmp_path: Path) -> None:
    """Variables and choices that a person added to it are theirs."""
    file = tmp_path / "c.json"
    ours = {"command": "/old/erp-mcp", "args": ["serve"], "env": {"A": "b"}, "disabled": True}
    file.write_text(json.dumps({"mcpServers": {"erp-mcp": ours}}), encoding="utf-8")

    carry_out(installed(DESKTOP, file, "erp-mcp", START), NOON)

    (entry,) = json.loads(file.read_text(encoding="utf-8"))["mcpServers"].values()
    assert entry == {**ours, "command": START[0], "args": list(START[1:])}


@guarantees("clients.nothing_lost")
def test_another_server_of_the_same_name_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    """A name is no proof that it is ours."""
    file = tmp_path / "c.json"
    text = json.dumps({"mcpServers": {"erp-mcp": SECRET}})
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ClientFileError) as refusal:
        installed(DESKTOP, file, "erp-mcp", START)
    assert refusal.value.code == "settings.bad_client_file"
    with pytest.raises(ClientFileError):
        removed(DESKTOP, file, "erp-mcp")
    assert file.read_text(encoding="utf-8") == text


@guarantees("clients.nothing_lost")
def test_taking_it_out_gives_the_file_back(tmp_path: Path) -> None:
    """What was tried is undone by one command; where nothing is, nothing happens."""
    file = tmp_path / "c.json"
    text = json.dumps({"mcpServers": {"other": SECRET}}, indent=2)
    file.write_text(text, encoding="utf-8")
    carry_out(installed(DESKTOP, file, "erp-mcp", START), NOON)

    carry_out(removed(DESKTOP, file, "erp-mcp"), NOON)

    assert file.read_text(encoding="utf-8") == text
    assert not removed(DESKTOP, file, "erp-mcp").needed
    assert not removed(DESKTOP, tmp_path / "none.json", "erp-mcp").needed
    assert len(list(tmp_path.glob("*.bak"))) == 2  # of one second, and none lost


@guarantees("clients.nothing_lost")
def test_a_file_that_changed_meanwhile_stays_as_it_is(tmp_path: Path) -> None:
    """Clients write their files too."""
    file = tmp_path / "c.json"
    file.write_text("{}", encoding="utf-8")
    change = installed(DESKTOP, file, "erp-mcp", START)
    file.write_text('{"new": 1}', encoding="utf-8")
    with pytest.raises(ClientFileError):
        carry_out(change, NOON)
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]
    assert file.read_text(encoding="utf-8") == '{"new": 1}'


@guarantees("clients.nothing_lost")
@pytest.mark.parametrize(
    ("content", "line"), [(b'{"a": 1 // x\n}', 1), (b'{\n"a": 1,\n}', 3), (b"\xff\xfe{}", 0), (b"{", 1)]
)
def test_a_file_that_the_client_can_not_read_is_refused(tmp_path: Path, content: bytes, line: int) -> None:
    """An entry in a broken file is no entry; the line says where to mend it."""
    file = tmp_path / "c.json"
    file.write_bytes(content)
    with pytest.raises(ClientFileError) as refusal:
        installed(DESKTOP, file, "erp-mcp", START)
    assert refusal.value.facts.get("line", 0) == line


@guarantees("clients.nothing_lost")
def test_what_is_no_file_is_refused_unread(tmp_path: Path) -> None:
    """A pipe waits for a writer for ever, and a device never ends."""
    pipe, folder = tmp_path / "pipe.json", tmp_path / "folder.json"
    os.mkfifo(pipe)
    folder.mkdir()
    for place in (pipe, folder, Path("/dev/zero")):
        with pytest.raises(ClientFileError) as refusal:
            installed(DESKTOP, place, "erp-mcp", START)
        assert refusal.value.facts["reason"] == "is no file"


@guarantees("clients.nothing_lost")
def test_comments_stay_in_a_file_whose_client_reads_them(tmp_path: Path) -> None:
    """Visual Studio Code writes some itself."""
    file = tmp_path / "mcp.json"
    file.write_text('{\n  // mine\n  "servers": {},\n}\n', encoding="utf-8")
    carry_out(installed(CLIENTS["vscode"], file, "erp-mcp", START), NOON)
    text = file.read_text(encoding="utf-8")
    assert text.startswith('{\n  // mine\n  "servers": {\n    "erp-mcp": {\n      "type": "stdio"')


@guarantees("clients.nothing_lost")
def test_a_link_stays_a_link_and_rights_stay_as_they_are(tmp_path: Path) -> None:
    """Settings are kept in version control by such links; a file with secrets is not opened up."""
    real, link = tmp_path / "real.json", tmp_path / "c.json"
    real.write_text("{}", encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    carry_out(installed(DESKTOP, link, "erp-mcp", START), NOON)
    assert link.is_symlink()
    assert "erp-mcp" in real.read_text(encoding="utf-8")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    new = tmp_path / "new.json"
    carry_out(installed(DESKTOP, new, "erp-mcp", START), NOON)
    assert stat.S_IMODE(new.stat().st_mode) == 0o600


@guarantees("clients.places")
def test_entries_that_start_us_are_found_wherever_we_are_installed(tmp_path: Path) -> None:
    """Doctor looks at them; other servers are none of its business."""
    here = machine(tmp_path, "linux")
    file = file_of(CLIENTS["cursor"], here)
    file.parent.mkdir(parents=True)
    servers = {
        "a": {"command": "C:\\tools\\erp-mcp.exe", "args": ["serve", "--as=buyer"]},
        "b": {"command": "/usr/bin/python3", "args": ["-P", "-m", "erp_mcp", "serve", "--config", "x"]},
        "c": {"command": "npx", "args": ["serve"]},
        "d": {"command": "erp-mcp", "args": ["doctor"]},
        "e": "nonsense",
        "f": {"command": "uvx", "args": ["erp-mcp-gateway@0.1.0", "serve"]},
        "g": {"command": "other-erp-mcp", "args": ["serve"]},
    }
    file.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    (tmp_path / ".claude.json").write_text("{", encoding="utf-8")

    found = {one.name: one for one in entries(here)}

    assert {*found} == {"a", "b", "f", ""}
    assert found["a"].option("--as") == "buyer"
    assert found["b"].option("--config") == "x"
    assert found[""].problem
    assert not is_ours({"args": "serve"})
