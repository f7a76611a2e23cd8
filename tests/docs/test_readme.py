"""The first page: what it shows is what happens, and its tree is the disk."""

from __future__ import annotations

import re
from pathlib import Path

from tests.guarantees import guarantees
from tests.prepared import TakenTour

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DURATION = re.compile(r" \(\d+ ms\)$")


def block(start: str) -> list[str]:
    """Return the lines of the fenced block that begins with `start`."""
    begin = README.index(start) + len(start)
    return README[begin : README.index("```", begin)].splitlines()


@guarantees("docs.agree")
def test_the_tour_on_the_first_screen_is_what_the_command_prints(tmp_path: Path, taken_tour: TakenTour) -> None:
    """The first promise that a reader can check must hold to the letter; "…" stands for lines left out."""
    said = (taken_tour(tmp_path / "taken") / "printed.txt").read_text(encoding="utf-8")
    printed = iter([DURATION.sub("", line).rstrip() for line in said.splitlines()])

    for line in block("$ make demo\n"):
        if line.strip() != "…":
            assert line in printed, line  # consumes, so the order counts too


@guarantees("docs.agree")
def test_the_first_screen_ends_within_a_screen() -> None:
    """A sentence, the path, the demo and what is refused, before anything else."""
    assert README[: README.index("## Connect a client")].count("\n") <= 40


@guarantees("docs.agree")
def test_the_tree_names_every_folder_and_nothing_else() -> None:
    """A map with a missing or an invented place is worse than none."""
    named = set(re.findall(r"^ *([a-z_]+)/ ", "\n".join(block("```\nerp_mcp/")), re.MULTILINE))
    package = {path.name for path in (ROOT / "erp_mcp").iterdir() if (path / "__init__.py").exists()}
    top = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert named == (package | top) - {"erp_mcp", "build", "dist"}
