"""What the shipped tool files became, kept for the next process: the same tools, and never those of another text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog import kept, load
from erp_mcp.catalog.kept import KeptTools
from erp_mcp.catalog.load import Finding, inspect
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.tool import Tool
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own with the shipped tools of one toolset."""
    shutil.copytree(ROOT / "tools" / "maintenance", tmp_path / "tools" / "maintenance")
    return tmp_path / "tools"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where they are kept."""
    return tmp_path / "kept" / "tools.json"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were compiled since, by name."""
    names: list[str] = []
    really = load._inspected

    def inspected(path: Path, *rest: object) -> tuple[Tool | None, list[Finding]]:
        names.append(path.name)
        return really(path, *rest)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(load, "_inspected", inspected)
    return names


def by_next_process(folder: Path, file: Path, shipped: Path | None = None) -> tuple[list[Tool], list[Finding]]:
    """Return what another process makes of the folder: it remembers nothing but the file."""
    load._OUTCOMES.clear()
    return inspect([folder], ANALYSES, OPERATIONS, KeptTools(shipped or folder, file))


@guarantees("catalog.kept", "mcp.fast_first_answer")
def test_the_next_process_compiles_no_file_again_and_has_equal_tools(
    folder: Path, file: Path, compiled: list[str]
) -> None:
    """Wherever the same files lie then; a first start costs seconds, the second of any deployment does not."""
    first = by_next_process(folder, file)
    assert sorted(compiled) == sorted(path.name for path in folder.glob("*/*.yaml"))
    compiled.clear()
    elsewhere = Path(shutil.copytree(folder, folder.parent / "copy"))

    assert by_next_process(folder, file) == first
    assert by_next_process(elsewhere, file, shipped=folder) == first
    assert compiled == []


@guarantees("catalog.kept")
def test_a_file_that_was_edited_is_compiled_and_counts(folder: Path, file: Path, compiled: list[str]) -> None:
    """Its name is not enough: what stands in it counts, and that of another file not."""
    by_next_process(folder, file)
    compiled.clear()
    edited = folder / "maintenance" / "list_maintenance_orders.yaml"
    text = edited.read_text(encoding="utf-8")
    edited.write_text(text.replace("description:", "# edited\ndescription:", 1), encoding="utf-8")
    again = by_next_process(folder, file)[0]
    assert compiled == [edited.name]
    compiled.clear()
    assert by_next_process(folder, file)[0] == again
    assert compiled == []
    other = folder / "maintenance" / "other.yaml"
    edited.rename(other)
    assert [one.rule for one in by_next_process(folder, file)[1]] == ["name.file"]
    assert compiled == [other.name]


@guarantees("catalog.kept", "catalog.lint")
@pytest.mark.parametrize("compiles", [True, False])
def test_what_is_found_wrong_is_found_again(folder: Path, file: Path, compiled: list[str], *, compiles: bool) -> None:
    """A file with a finding is never kept, whether it could be compiled or not."""
    wrong = folder / "maintenance" / "other.yaml"
    named = (folder / "maintenance" / "list_maintenance_orders.yaml").rename(wrong)
    if not compiles:
        named.write_text("version: 1\n", encoding="utf-8")
    tools, found = by_next_process(folder, file)
    assert ("list_maintenance_orders" in {tool.name for tool in tools}) is compiles
    compiled.clear()

    assert by_next_process(folder, file)[1] == found != []
    assert compiled == ["other.yaml"]


@guarantees("catalog.kept")
@pytest.mark.parametrize("damage", ["", "garbage", "cut", "flipped"])
def test_a_damaged_file_is_made_anew(folder: Path, file: Path, compiled: list[str], damage: str) -> None:
    """What was half written or touched is nothing that was kept."""
    first = by_next_process(folder, file)
    text = file.read_text(encoding="utf-8")
    ruined = {"": "", "garbage": "{}", "cut": text[:-9], "flipped": text.replace('"effect":"read"', '"effect":"rea_"')}
    assert ruined[damage] != text
    file.write_text(ruined[damage], encoding="utf-8")
    compiled.clear()

    assert by_next_process(folder, file) == first
    assert compiled
    assert file.read_text(encoding="utf-8") == text


@guarantees("catalog.kept")
@pytest.mark.parametrize("part", ["code_digest", "FORMAT"])
def test_another_compiler_takes_nothing_of_before(
    folder: Path, file: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """An update of the package compiles every file with its own code."""
    by_next_process(folder, file)
    compiled.clear()
    monkeypatch.setattr(kept, part, {"code_digest": lambda: "another", "FORMAT": "another"}[part])
    kept._made_by.cache_clear()
    try:
        by_next_process(folder, file)
    finally:
        kept._made_by.cache_clear()
    assert len(compiled) == len(list(folder.glob("*/*.yaml")))


@guarantees("catalog.kept")
def test_tools_of_operators_are_not_kept(folder: Path, file: Path, compiled: list[str]) -> None:
    """What lies beside the byte code, for all users of the package to read, is the package's own, by content."""
    by_next_process(folder, file)
    there = file.read_text(encoding="utf-8")
    own = Path(shutil.copytree(folder, folder.parent / "own")) / "maintenance"
    edited = own / "list_maintenance_orders.yaml"
    edited.write_text("# of our own\n" + edited.read_text(encoding="utf-8"), encoding="utf-8")
    compiled.clear()

    assert by_next_process(folder.parent / "own", file, shipped=folder)[1] == []
    assert compiled == [edited.name]
    assert file.read_text(encoding="utf-8") == there


@guarantees("catalog.kept")
def test_what_is_gone_is_let_go(folder: Path, file: Path) -> None:
    """The file stays as large as the tools that there are."""
    by_next_process(folder, file)
    kept_one, *others = sorted(folder.glob("*/*.yaml"))
    for path in others:
        path.unlink()
    kept_one.write_text("# edited\n" + kept_one.read_text(encoding="utf-8"), encoding="utf-8")
    by_next_process(folder, file)
    assert set(KeptTools(folder, file)._known()) == {f"maintenance/{kept_one.name}"}


@guarantees("catalog.kept", "P10.survives")
def test_a_place_that_cannot_be_written_costs_time_and_not_the_tools(folder: Path, tmp_path: Path) -> None:
    """A package that its users cannot write serves as well, and where Python writes no byte code, nothing is."""
    (tmp_path / "file").write_text("")
    assert by_next_process(folder, tmp_path / "file" / "tools.json")[1] == []
    load._OUTCOMES.clear()
    inspect([folder], ANALYSES, OPERATIONS, KeptTools(folder, tmp_path / "kept.json", writes=False))
    assert not (tmp_path / "kept.json").exists()


@guarantees("catalog.kept")
@pytest.mark.parametrize("told", [True, False])
def test_it_is_written_beside_the_byte_code_where_python_writes_some(
    monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    """Whoever can write there can change the code itself; who was told to keep no byte code keeps no tools either."""
    monkeypatch.setattr("sys.dont_write_bytecode", told)
    of_package = kept.of_package(ROOT / "tools")
    assert of_package._writes is not told
    assert of_package._file is not None
    assert of_package._file.parent == Path(kept.__spec__.cached).parent  # type: ignore[arg-type]  # it comes from a file
