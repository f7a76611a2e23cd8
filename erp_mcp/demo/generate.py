"""Building a demo plant: an ERP and a MES as SQLite files, and the truth about both beside them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from erp_mcp.demo import erp_making, master, shopfloor
from erp_mcp.demo.answers import Answers
from erp_mcp.demo.block_writer import Build, plan_block, write_block
from erp_mcp.demo.capacity import write_capacity
from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import ERP_TABLES
from erp_mcp.demo.floor import Floor
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.mes_rows import MES_TABLES
from erp_mcp.demo.plan import Cause
from erp_mcp.demo.planning_run import PlanningRun, forecast_orders
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables, dump_hash
from erp_mcp.demo.truth import Truth
from erp_mcp.demo.truth_rows import TRUTH_TABLES
from erp_mcp.errors import DemoDirectoryError

Size = Literal["S", "M", "L"]
Progress = Callable[[str, int, int], None]

BLOCKS: Final[dict[Size, int]] = {"S": 1, "M": 10, "L": 100}
FILES: Final = ("erp.sqlite", "mes.sqlite", "truth.sqlite")
CAUSES: Final[tuple[Cause, ...]] = (
    "late_po", "machine_down", "quality_hold", "stock_discrepancy", "upstream_order_late", "credit_block",
    "picked_not_shipped",
)  # fmt: skip
_BUILDING: Final = ".building"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlant:
    """A finished demo plant; `clock` is its frozen Monday 06:00 as a UTC instant."""

    erp: Path
    mes: Path
    truth: Path
    seed: int
    size: Size
    clock: str
    rows: int
    dump_hash: str


def generate(
    directory: Path, *, seed: int = 1, size: Size = "S", shift_weeks: int = 0, progress: Progress | None = None
) -> DemoPlant:
    """Build the plant of a seed; the same seed and size always give the same rows.

    Args:
        directory: Where `erp.sqlite`, `mes.sqlite` and `truth.sqlite` go; made when missing. A plant that is there
            already is replaced at the very end, so an interrupted build leaves it as it was.
        seed: Any integer.
        size: S is about 40,000 rows, M ten and L a hundred times as many.
        shift_weeks: Moves every date by whole weeks.
        progress: Called with what is being done, how much is done, and of how much.

    Returns:
        Paths, clock, number of rows in all three files, and the hash over their sorted dumps.

    Raises:
        DemoDirectoryError: `demo.directory_in_use`, when the directory holds something that is no demo plant.
        DemoPlantError: `demo.broken_plant`, when an invariant of the data does not hold.
    """
    _claim(directory)
    building = [directory / f"{name}{_BUILDING}" for name in FILES]
    _remove(building)
    calendar = PlantCalendar(shift_weeks)
    try:
        rows = _build(building, Draw(seed), calendar, (seed, size), progress or _silent)
    except BaseException:
        _remove(building)
        raise
    _remove([directory / name for name in FILES])  # all old files first: never one seed's ERP beside another's MES
    erp, mes, truth = (path.replace(directory / name) for path, name in zip(building, FILES, strict=True))
    return DemoPlant(erp=erp, mes=mes, truth=truth, seed=seed, size=size, clock=calendar.instant(0), rows=rows,
                     dump_hash=plant_hash(directory))  # fmt: skip


def plant_hash(directory: Path) -> str:
    """Return one hash over the dumps of the three databases of a plant."""
    lines = "".join(f"{name}:{dump_hash(directory / name)}\n" for name in FILES)
    return hashlib.sha256(lines.encode()).hexdigest()


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total


def _claim(directory: Path) -> None:
    """Make the directory, or refuse one that holds other things and no plant; only a plant's files are touched."""
    if directory.exists() and not directory.is_dir():
        raise DemoDirectoryError(directory=directory.name)
    names = {entry.name for entry in directory.iterdir()} if directory.exists() else set()
    ours = {*FILES, *(f"{name}{_BUILDING}" for name in FILES)}
    if names - ours and not names >= set(FILES):
        raise DemoDirectoryError(directory=directory.name)
    directory.mkdir(parents=True, exist_ok=True)


def _plan_supply(build: Build, erp: Tables, blocks: int) -> None:
    run = PlanningRun(erp, build.calendar, build.numbers, build.truth)
    run.write()
    run.forecast(forecast_orders(build.draw, blocks))
    write_capacity(erp, build.calendar, build.truth, machines=blocks)
    erp.flush()


def _build(paths: list[Path], draw: Draw, calendar: PlantCalendar, named: tuple[int, Size], progress: Progress) -> int:
    seed, size = named
    erp, mes, truth_tables = (
        Tables(path, types) for path, types in zip(paths, (ERP_TABLES, MES_TABLES, TRUTH_TABLES), strict=True)
    )
    try:
        truth, numbers = Truth(truth_tables), Numbers()
        floor = Floor(erp, mes, draw, calendar, numbers)
        master.write_parties(draw, calendar, erp)
        shopfloor.write_equipment(mes, calendar)
        build = Build(draw=draw, calendar=calendar, numbers=numbers, erp=erp, mes=mes, truth=truth,
                      repairs=floor.write(), waiting=Counter())  # fmt: skip
        for index in range(BLOCKS[size]):
            progress("planning and writing orders", index, BLOCKS[size])
            write_block(build, plan_block(build, index))
            for tables in (erp, mes, truth_tables):
                tables.flush()
        progress("working out answers", BLOCKS[size], BLOCKS[size])
        rework = floor.rework(master.make_block(draw, 0), build.waiting)
        erp_making.write_orders(rework, erp, draw, calendar)
        erp.flush()
        _plan_supply(build, erp, BLOCKS[size])
        truth.exceptions("maintenance_done_late", floor.done_late)
        truth.exceptions("rework_order", [order.number for order in rework])
        Answers(erp, mes, calendar, truth).write()
        truth.answer("2", [(cause, str(truth.counts[cause])) for cause in CAUSES])
        truth.meta(seed=seed, size=size, clock=calendar.instant(0), zone="Europe/Berlin")
        return sum(tables.finish() for tables in (erp, mes, truth_tables))
    finally:
        for tables in (erp, mes, truth_tables):
            tables.close()
