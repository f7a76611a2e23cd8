from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant, dump_hash, generate, plant_hash
from erp_mcp.demo.generate import BLOCKS, FILES
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.verify import verify
from erp_mcp.errors import DemoDirectoryError
from tests.guarantees import guarantees

HASHES = {
    1: "1e1f73ae938a01ac33522566e741c95a21b451db9a289efd0b70a5a98cc5731e",
    2: "af98a92e42c8e8c0618e9da9dad7601345615b36e28b4df3fe510cfc084b528b",
    3: "aeec3ed48d814cddf9cf599ed33799d4f36d9705b1d39c5a259eb8ec517e98b7",
    4: "f7b46b050f3f9f058cb0e419e0f3b7e8216280c984d0fb840b6b16283cc1f855",
    5: "98b90cdb0e7c6fe0d5982456edbadb0a34df9d6752d80fd2ec0d27f961984546",
}
SUMMER_WEEKS = 12
SUPPORTED_MINORS = (11, 12, 13)
ROOT = Path(__file__).parents[3]


@guarantees("P7.demo_plant")
@pytest.mark.parametrize("seed", sorted(HASHES))
def test_a_seed_gives_the_same_rows_on_every_machine(seed: int, plant_of: Callable[[int], DemoPlant]) -> None:
    """Answers are scored against a seed, so its rows must never depend on machine, version or order of hashing."""
    assert plant_of(seed).dump_hash == HASHES[seed]


@guarantees("P7.demo_plant")
def test_every_supported_python_of_this_machine_gives_the_same_rows(tmp_path: Path) -> None:
    """No sorting, hashing or formatting of one version may show in the rows; the standard library is all it takes."""
    program = (
        "import pathlib, sys\n"
        "from erp_mcp.demo import generate\n"
        "print(generate(pathlib.Path(sys.argv[1]), seed=1).dump_hash)\n"
    )
    told = {}
    for place, python in enumerate(_pythons()):
        built = subprocess.run(
            [python, "-S", "-B", "-c", program, str(tmp_path / str(place))],
            check=True, capture_output=True, text=True, timeout=60,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(place + 1)},
        )  # fmt: skip
        told[python] = built.stdout.strip()
    assert set(told.values()) == {HASHES[1]}, told


@guarantees("P7.demo_plant")
def test_the_hash_is_that_of_the_three_files(plant: DemoPlant) -> None:
    """The hash that is asserted has to be the one of the files that are used."""
    assert plant_hash(plant.erp.parent) == plant.dump_hash
    assert len({dump_hash(path) for path in (plant.erp, plant.mes, plant.truth)}) == 3


@guarantees("P7.demo_plant")
def test_a_plant_of_size_s_has_about_forty_thousand_rows(plant: DemoPlant) -> None:
    """Size S is what every test and the tour build: small enough to build in a second, large enough to need paging."""
    assert 35_000 <= plant.rows <= 48_000


@guarantees("P7.demo_plant")
def test_larger_plants_repeat_all_counts_and_stay_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """M and L are more of the same; two blocks show that numbers run on and blocks do not touch each other."""
    monkeypatch.setitem(BLOCKS, "M", 2)
    double = generate(tmp_path / "double", seed=1, size="M")
    report = verify(double.erp.parent, repair=False)
    assert report.ok
    assert (report.late, report.open_lines) == (96, 520)


@guarantees("P7.demo_plant")
def test_a_shift_moves_every_date_by_whole_weeks(plant: DemoPlant, tmp_path: Path) -> None:
    """A shifted plant is the same plant on another Monday: same rows, same weekdays, same local times."""
    shifted = generate(tmp_path / "shifted", seed=1, shift_weeks=SUMMER_WEEKS)
    assert shifted.clock == "2026-06-08T04:00:00Z"
    columns = "so_no, item_no, req_date, conf_date, qty_open"
    before, after = (_rows(path, f"SELECT {columns} FROM so_item ORDER BY 1, 2") for path in (plant.erp, shifted.erp))
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        moved = [date.fromisoformat(new[place]) - date.fromisoformat(old[place]) for place in (2, 3)]
        assert (new[:2], new[4], moved) == (old[:2], old[4], [timedelta(weeks=SUMMER_WEEKS)] * 2)
    assert verify(shifted.erp.parent, repair=False).ok


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(("weeks", "clock"), [(0, "2026-03-16T05:00:00Z"), (SUMMER_WEEKS, "2026-06-08T04:00:00Z")])
def test_the_plant_stands_on_its_monday_at_six(weeks: int, clock: str) -> None:
    """Six o'clock is six o'clock in the plant, in winter and in summer time."""
    assert PlantCalendar(weeks).instant(0) == clock


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(("day", "instant"), [(12, "2026-03-28T07:00:00Z"), (13, "2026-03-29T06:00:00Z")])
def test_local_times_cross_into_summer_time(day: int, instant: str) -> None:
    """The clocks change inside the horizon, and eight o'clock stays eight o'clock in the plant."""
    assert PlantCalendar().stamp(day, 8 * 60) == instant


@guarantees("input.clear_errors")
def test_a_directory_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A mistyped directory must not be filled with databases."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DemoDirectoryError) as refused:
        generate(tmp_path)
    assert refused.value.code == "demo.directory_in_use"
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


@guarantees("P7.demo_plant")
def test_a_plant_is_replaced_and_what_stands_beside_it_stays(tmp_path: Path) -> None:
    """The configuration and the read model live beside the plant; building another seed must not touch them."""
    generate(tmp_path / "plant", seed=1)
    (tmp_path / "plant" / "erp-mcp.yaml").write_text("mine")
    again = generate(tmp_path / "plant", seed=2)
    assert again.dump_hash == HASHES[2]
    assert (tmp_path / "plant" / "erp-mcp.yaml").read_text() == "mine"


@guarantees("P10.survives")
def test_an_interrupted_build_leaves_no_file(tmp_path: Path) -> None:
    """A half plant would answer wrongly, so there is either a whole one or none."""

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt(what, done, total)

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "plant", progress=stop)
    assert list((tmp_path / "plant").iterdir()) == []


@guarantees("P10.survives")
def test_a_killed_build_leaves_no_plant_and_the_next_one_heals_it(tmp_path: Path) -> None:
    """Killed without a chance to clean up, only files that nobody takes for a plant may remain."""
    program = (
        "import os, pathlib, sys\n"
        "from erp_mcp.demo import generate\n"
        "generate(pathlib.Path(sys.argv[1]), progress=lambda what, done, total: os._exit(9))\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "plant")], check=False, env=dict(os.environ), timeout=60
    )
    assert killed.returncode == 9
    assert not {entry.name for entry in (tmp_path / "plant").iterdir()} & set(FILES)
    assert generate(tmp_path / "plant").dump_hash == HASHES[1]
    assert {entry.name for entry in (tmp_path / "plant").iterdir()} == set(FILES)


def _pythons() -> list[str]:
    """Return this interpreter, and those of other supported versions that are installed and run."""
    others = [shutil.which(f"python3.{minor}") for minor in SUPPORTED_MINORS if minor != sys.version_info.minor]
    runs = [
        path
        for path in others
        if path and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0
    ]
    return [sys.executable, *runs]


def _rows(path: Path, statement: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()
