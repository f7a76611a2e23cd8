"""What docs/tools.md teaches is true: its example compiles, and it names every group of rules."""

from __future__ import annotations

import re
from pathlib import Path

from tests.guarantees import guarantees
from tests.unit.projections.small_plant import ROOT, compiled, shipped

PAGE = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")


@guarantees("docs.agree")
def test_the_example_of_a_tool_file_compiles_as_it_stands(tmp_path: Path) -> None:
    """People copy it."""
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    tool = compiled(tmp_path, example[1])
    assert tool.paged is not None


@guarantees("docs.agree")
def test_every_rule_of_the_linter_is_on_the_page() -> None:
    """Someone who sees a rule finds what it means."""
    expectations = [path.read_text("utf-8") for path in (ROOT / "fixtures" / "tools" / "broken").glob("*/*.yaml")]
    rules = {re.match(r"# expect: ([a-z_.]+)", text)[1] for text in expectations}  # type: ignore[index]
    for rule in rules:
        assert f"`{rule}`" in PAGE or f"`{rule.split('.')[0]}.*`" in PAGE


@guarantees("docs.agree")
def test_the_folder_page_lists_exactly_the_shipped_tools() -> None:
    """A tool that is not listed there is not found."""
    listed = set(re.findall(r"`([a-z]+_[a-z_]+)`", (ROOT / "tools" / "README.md").read_text("utf-8")))
    assert listed - {"_schema", "master_data"} == {tool.name for tool in shipped()}
