"""Whatever goes wrong on the wire, before the effect or after it: one effect at most, and a state that is true."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from erp_mcp.domain.command import RetryKind
from tests.guarantees import guarantees
from tests.torture import __main__ as runner
from tests.torture.plant import Kit, Template
from tests.torture.ports import KINDS
from tests.torture.stage import Asked, Set, wire
from tests.torture.test_deaths import SEED, some, summed
from tests.torture.wire import FAULTS, SPOTS, cases

CHANGES, MAKES = "propose_update_sales_price", "propose_create_delivery"
WHOLE, SAMPLE = frozenset({"conditional", "unique_ref", "none"}), 20


@guarantees("P4.one_effect", "P4.unknown", "P4.turned_away", "P8.text_is_data")
@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_at_each_place_ends_in_a_state_that_is_true(played: Set, kind: RetryKind) -> None:
    """Lost, late, cut, garbled, hostile, of another version, repeated: with the effect and without it.

    All of them under contracts that tools have and where nothing can be found out, else a seeded sample.
    """
    chosen = list(cases(kind, (1,)))
    assert {one.fault.kind for one in chosen} >= set(FAULTS) - {"twice"}
    tool = CHANGES if kind in {"conditional", "readback"} else MAKES
    number = len(chosen) if kind in WHOLE else SAMPLE
    total = summed(wire(some(played, [tool]), Asked(kinds=(kind,), sample=number, seed=SEED)))
    assert total.played == number
    assert total.effects > number / 3
    if kind == "none":
        assert total.states["NEEDS_HUMAN"] > number / 2
    else:
        assert "NEEDS_HUMAN" not in total.states
        assert {one.spot for one in chosen} == set(SPOTS)


@guarantees("P4.one_effect", "P4.unknown", "P10.outage")
def test_every_tool_meets_some_of_them_under_its_own_contract(played: Set) -> None:
    """A seeded sample for each tool that writes to the ERP."""
    total = summed(wire(played, Asked(own=True, sample=3, seed=SEED)))
    assert total.played == 3 * sum(not one.is_own for one in played.templates)


@guarantees("P4.one_effect")
def test_the_runner_tells_what_is_wrong_and_ends_so(
    kit: Kit, templates: Sequence[Template], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit status is what `make torture` and whoever reads it go by."""
    those = [one for one in templates if one.tool == MAKES]
    options = ["--store", "sqlite", "--own", "--ways", "plain", "--pairs", "0", "--sample", "2"]
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    right = [*options, "--stages", "crash", "wire", "saga", "--json", str(good)]  # the model has tests of its own
    assert runner.run(runner.parser().parse_args(right), kit, those) == 0
    assert f"crash sqlite {MAKES} unique_ref" in capsys.readouterr().out
    wrong = [*options, "--stages", "crash", "--planted", "forgets", "--json", str(bad)]
    assert runner.run(runner.parser().parse_args(wrong), kit, those) == 1
    assert {one["lost"] for one in json.loads(good.read_text())} == {0}
    assert sum(one["lost"] for one in json.loads(bad.read_text())) > 0


@guarantees("P4.two_stores")
@pytest.mark.parametrize(("required", "status"), [("0", 0), ("1", 1)])
def test_a_machine_without_postgresql_is_told_so_in_one_line(
    kit: Kit,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    required: str,
    status: int,
) -> None:
    """Where nothing may be missing it is an error, before anything is played."""
    monkeypatch.setattr(runner, "installed", lambda: False)
    monkeypatch.setenv("REQUIRE_ALL", required)
    assert runner.run(runner.parser().parse_args(["--store", "postgresql"]), kit, []) == status
    assert capsys.readouterr().out.count("PostgreSQL is not installed") == 1
