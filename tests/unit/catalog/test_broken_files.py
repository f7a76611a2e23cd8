"""Every class of mistake in a tool file has a fixture, and is found with its rule and its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from erp_mcp.catalog.load import inspect_file, load_catalog
from erp_mcp.domain.analysis import Analysis, Findings
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.errors import CatalogFileError
from tests.guarantees import guarantees
from tests.unit.catalog.test_sagas import OF_SAGAS

ROOT = Path(__file__).resolve().parents[3]
BROKEN = sorted((ROOT / "fixtures" / "tools" / "broken").glob("*/*.yaml"))
EXPECTED = re.compile(r"# expect: (?P<rule>[a-z_.]+) in line (?P<line>[0-9]+)")


class _Row(NamedTuple):
    sales_order_id: str


class _LiveRow(NamedTuple):
    system: str
    source_key: str
    sales_order_id: str


def _draft(_: CommandFacts) -> Draft:
    raise AssertionError("nothing is run by reading a file")


OPERATIONS = {
    "thing.change": Operation(
        name="thing.change", entity="sales_order_line", function=_draft, reads={"lines": _LiveRow}, live=("lines",)
    )
}
ANALYSES = {"sample": Analysis(name="sample", function=lambda _: Findings(tables={}), reads={"lines": _Row})}


@guarantees("catalog.lint")
@pytest.mark.parametrize("path", BROKEN, ids=[path.parent.name for path in BROKEN])
def test_a_broken_tool_file_is_refused_with_rule_and_line(path: Path) -> None:
    """Whoever writes a tool sees where to mend it; the file's first line says what is expected of it."""
    expected = EXPECTED.match(path.read_text(encoding="utf-8"))
    assert expected is not None
    _, findings = inspect_file(path, ANALYSES, OPERATIONS)
    assert [(one.rule, one.line) for one in findings] == [(expected["rule"], int(expected["line"]))]
    assert findings[0].detail


@guarantees("catalog.lint")
def test_every_rule_of_the_compiler_has_a_fixture() -> None:
    """A rule that no file breaks is a rule that nobody knows to work."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "erp_mcp" / "catalog").glob("*.py"))
    rules = set(re.findall(r'(?:ProblemError\(|rule=)\s*"([a-z]+\.[a-z_]+)"', code))
    shown = {EXPECTED.match(path.read_text(encoding="utf-8"))["rule"] for path in BROKEN}  # type: ignore[index]
    # These need two files, or a folder or text that a fixture can't carry.
    elsewhere = {"name.twice", "name.toolset", "description.characters", *OF_SAGAS}
    assert rules - shown == elsewhere


@guarantees("catalog.lint")
def test_a_name_used_twice_is_refused_and_never_overrides(tmp_path: Path) -> None:
    """An operator's folder adds tools; it can't quietly replace a shipped one."""
    text = (ROOT / "tools" / "orders" / "find_order.yaml").read_text(encoding="utf-8")
    for folder in ("shipped/orders", "own/custom"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "find_order.yaml").write_text(text, encoding="utf-8")
    assert len(load_catalog([tmp_path / "own"], {})) == 1
    with pytest.raises(CatalogFileError) as caught:
        load_catalog([tmp_path / "shipped", tmp_path / "own"], {})
    assert (caught.value.facts["rule"], caught.value.facts["file"]) == ("name.twice", "custom/find_order.yaml")


@guarantees("catalog.lint")
def test_a_toolset_folder_has_a_plain_name(tmp_path: Path) -> None:
    """Policies name toolsets, so they follow one form."""
    path = tmp_path / "Orders 2" / "find_order.yaml"
    path.parent.mkdir()
    path.write_text((ROOT / "tools" / "orders" / "find_order.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    _, findings = inspect_file(path, {})
    assert [one.rule for one in findings] == ["name.toolset"]


@guarantees("catalog.lint", "P8.text_is_data")
def test_hidden_characters_in_a_description_are_refused(tmp_path: Path) -> None:
    """A description stands before the model; nothing in it may be invisible to the reviewer."""
    text = (ROOT / "tools" / "orders" / "find_order.yaml").read_text(encoding="utf-8")
    path = tmp_path / "orders" / "find_order.yaml"
    path.parent.mkdir()
    path.write_text(text.replace("Finds sales orders", "Finds \u202esales orders"), encoding="utf-8")
    _, findings = inspect_file(path, {})
    assert [one.rule for one in findings] == ["description.characters"]


@guarantees("catalog.lint")
def test_several_mistakes_are_shown_together_and_the_error_counts_them(tmp_path: Path) -> None:
    """One run of the linter per mistake would be a waste of the reader's time."""
    (tmp_path / "orders").mkdir()
    text = (BROKEN[0].parents[1] / "name_verb" / "fetch_things.yaml").read_text(encoding="utf-8")
    (tmp_path / "orders" / "fetch_things.yaml").write_text(text.replace("level: 4", "level: 1"), encoding="utf-8")
    with pytest.raises(CatalogFileError) as caught:
        load_catalog([tmp_path], ANALYSES)
    assert caught.value.facts["others"] == 1
