"""Several processes come to what one comes to, and what breaks in one of them ends the run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.torture import __main__ as runner
from tests.torture.plant import Kit
from tests.torture.side_by_side import BrokenError, pieces, side_by_side
from tests.torture.stage import Tally

TOOLS = ("propose_create_human_task", "propose_update_sales_price")
OPTIONS = ("--own", "--ways", "plain", "--pairs", "0", "--sample", "1", "--stages", "crash", "wire", "--tools", *TOOLS)


def figures(tallies: Iterator[Tally]) -> dict[tuple[str, ...], tuple[object, ...]]:
    """Return what was seen of each tool, without how long it took."""
    return {
        (one.stage, one.store, one.tool, one.kind, one.way): (one.schedules, one.played, one.sends, one.states)
        for one in tallies
    }


def chosen(*more: str) -> Namespace:
    return runner.parser().parse_args([*OPTIONS, "--store", "sqlite", *more])


@pytest.fixture
def fresh(kit: Kit) -> Kit:
    """The plant as it was before the tests of this process played in it."""
    kit._put(*kit.base)
    return kit


@guarantees("P4.one_effect")
def test_two_processes_come_to_what_one_comes_to(fresh: Kit) -> None:
    """Each plays one tool in a plant of its own."""
    work = list(pieces(chosen(), ["sqlite"], TOOLS, frozenset()))
    assert [one.tools for one in work] == [[tool] for tool in TOOLS]
    beside = figures(side_by_side(work, fresh.folder, 2))
    assert beside == figures(runner.tallies(chosen(), fresh, ["sqlite"]))
    assert {key[2] for key in beside} == set(TOOLS)


@guarantees("P4.one_effect")
def test_what_is_wrong_in_one_of_them_is_how_the_run_ends(fresh: Kit, capsys: pytest.CaptureFixture[str]) -> None:
    """A process that plays beside others hands on what it has found."""
    planted = chosen("--stages", "crash", "--tools", TOOLS[1], "--planted", "forgets", "--jobs", "2")
    assert runner.run(planted, fresh) == 1
    assert "lost" in capsys.readouterr().out


@guarantees("P4.one_effect")
def test_a_process_in_which_something_breaks_ends_the_run(tmp_path: Path, demo_plant: DemoPlant) -> None:
    """What was not played was not proved: a plant without an ERP, and one without a configuration."""
    work = list(pieces(chosen(), ["sqlite"], TOOLS[:1], frozenset()))
    plant = demo_plant(tmp_path / "plant")
    for missing, told in (("erp.sqlite", "FileNotFoundError"), ("erp-mcp.yaml", "ConfigurationError")):
        (plant / missing).unlink()
        with pytest.raises(BrokenError, match=told):
            list(side_by_side(work, plant, 1))


@guarantees("P4.one_effect")
def test_what_takes_longest_is_begun_first_and_nothing_is_left_out() -> None:
    """A stage that makes what it plays is one piece for each store, the others are one for each tool and store."""
    asked = runner.parser().parse_args(["--stages", "crash", "saga", "wire"])
    found = [(one.stages, one.store, one.tools) for one in pieces(asked, ["a", "b"], ["x", "y"], frozenset({"saga"}))]
    assert found[:2] == [(["saga"], "a", []), (["saga"], "b", [])]
    assert found[2:] == [(["crash", "wire"], store, [tool]) for tool in ("x", "y") for store in ("a", "b")]
    alone = runner.parser().parse_args(["--stages", "saga"])
    assert [one.stages for one in pieces(alone, ["a"], ["x"], frozenset({"saga"}))] == [["saga"]]
