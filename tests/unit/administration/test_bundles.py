"""What a bundle is made of: the program, nothing that lies beside it, and no name that leads out of its folder."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PureWindowsPath

import pytest

import erp_mcp
from erp_mcp import settings
from erp_mcp.administration import bundles
from erp_mcp.administration.outlook import Outlook
from erp_mcp.errors import ConfigurationError
from tests.guarantees import guarantees

_BESIDE = (
    ".env", "id_ed25519", "approver.passphrase", "state.sqlite", "erp-mcp.yaml~", "notes.txt", "ca.pem", ".hidden.yaml",
    "#base.yaml#", "..\\..\\evil.py", "C:evil.py", "a b.yaml", "semi;colon.md", "\u202elmay.yaml", "new\nline.py",
)  # fmt: skip


def _seen() -> Outlook:
    return Outlook(agent="planner", known=("planner",), role="planner")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the shipped tools and policies, which a bundle is made of then."""
    root = tmp_path / "shipped"
    for name in ("tools", "policies"):
        shutil.copytree(settings.data_root() / name, root / name)
    monkeypatch.setattr(settings, "data_root", lambda: root)
    return root


@guarantees("clients.bundle")
def test_what_lies_beside_the_program_stays_where_it_is(shipped: Path, tmp_path: Path) -> None:
    """Keys, notes, an editor's copies, links to elsewhere, and names that are no plain ones."""
    before = bundles.portable(_seen())
    secret = tmp_path / "secret.yaml"
    secret.write_text("canary", encoding="utf-8")
    for folder in (shipped / "policies", shipped / "tools" / "orders"):
        for name in _BESIDE:
            (folder / name).write_text("canary", encoding="utf-8")
        (folder / "link.yaml").symlink_to(secret)
        (folder / "beyond").symlink_to(tmp_path, target_is_directory=True)

    assert bundles.portable(_seen()) == before
    assert "erp_mcp/_data/policies/base.yaml" in before


@guarantees("clients.bundle")
def test_every_name_in_a_bundle_stays_in_the_folder_where_it_is_unpacked() -> None:
    """On Windows as well, where a backslash, a drive and a device lead elsewhere."""
    names = [*bundles.portable(_seen()), *bundles.installed(_seen(), ["p", "serve", "--config", "c", "--as", "a"])]
    for name in names:
        path = PureWindowsPath(name)
        assert not path.is_absolute()
        assert not path.drive
        assert ".." not in path.parts
        assert "\\" not in name
        assert not any(one.upper().partition(".")[0] in ("CON", "NUL", "AUX", "PRN") for one in path.parts)
    assert len({name.casefold() for name in names}) == len({*names})


@guarantees("clients.bundle")
def test_every_kind_of_file_that_the_program_is_made_of_is_carried() -> None:
    """A new kind is named here, or a bundle would lack it."""
    package = Path(erp_mcp.__file__).parent
    made = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    carried = bundles.portable(_seen())
    own = {f"erp_mcp/{path.relative_to(package).as_posix()}" for path in made if "_data" not in path.parts}
    assert own <= {*carried}


@guarantees("clients.bundle")
def test_a_bundle_is_written_through_nothing_that_others_have_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of many people, a link with the name of the file that it is made in."""
    mine = tmp_path / "mine"
    mine.write_text("mine", encoding="utf-8")
    monkeypatch.setattr("secrets.token_hex", lambda _bytes: "guessed")
    (tmp_path / ".x.mcpb.guessed.new").symlink_to(mine)

    with pytest.raises(ConfigurationError):
        bundles.write(tmp_path / "x.mcpb", {"manifest.json": b"{}"})

    assert mine.read_text(encoding="utf-8") == "mine"
    assert (tmp_path / ".x.mcpb.guessed.new").is_symlink()
    assert not (tmp_path / "x.mcpb").exists()
    monkeypatch.undo()
    bundles.write(tmp_path / "x.mcpb", {"manifest.json": b"{}"})
    with zipfile.ZipFile(tmp_path / "x.mcpb") as archive:
        assert archive.namelist() == ["manifest.json"]
