"""The independent verifier: finds every cause from ERP and MES alone, repairs it on a copy, compares with the truth.

It imports nothing of the generator, so an error there can't hide itself here.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from erp_mcp.demo import verify_causes, verify_classes, verify_invariants, verify_truth
from erp_mcp.demo.verify_causes import Finding
from erp_mcp.demo.verify_view import Key, View, load

# the column of `truth_late_line` that a finding's evidence must equal
_EVIDENCE = {
    "late_po": "purchase_order_id || '/' || purchase_order_line",
    "machine_down": "work_center_id || '/' || maintenance_order_id",
    "quality_hold": "lot_id",
    "stock_discrepancy": "lot_id",
    "upstream_order_late": "child_order_id",
    "credit_block": "sales_order_id",
    "picked_not_shipped": "sales_order_id || '/' || line",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What the verifier found; `ok` when everything holds.

    `naive_flagged` is how many open lines a join "has a component with a purchase line that moved" would call late.
    """

    late: int
    late_explained: int
    open_lines: int
    healthy_wrongly_explained: int
    repaired: int
    side_effects: int
    naive_flagged: int
    broken: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every late line has exactly its planted cause and every invariant holds."""
        right = self.late == self.late_explained == self.repaired
        return right and not (self.healthy_wrongly_explained or self.side_effects or self.broken)


def verify(plant_dir: Path, *, repair: bool = True) -> VerifyReport:
    """Check the plant in a directory.

    Args:
        plant_dir: Holds `erp.sqlite`, `mes.sqlite` and `truth.sqlite`; the truth is opened only to compare.
        repair: Whether each cause is repaired on a copy, one after the other; the slow part on large plants.

    Returns:
        Counts, and one sentence for every invariant that does not hold.
    """
    with closing(sqlite3.connect(f"file:{plant_dir / 'truth.sqlite'}?mode=ro", uri=True)) as truth:
        clock = truth.execute("SELECT value FROM truth_meta WHERE name = 'clock'").fetchone()[0]
        planted = _planted(truth)
        classes = _classes(truth)
    view = load(plant_dir / "erp.sqlite", plant_dir / "mes.sqlite", clock[:10])
    found = verify_causes.find_causes(view)
    late = {key for key, line in view.sales.lines.items() if line.confirmed > line.requested}
    broken = verify_invariants.broken(plant_dir / "erp.sqlite", plant_dir / "mes.sqlite", clock)
    awaited = {finding.evidence for findings in found.values() for finding in findings if finding.code == "late_po"}
    broken += verify_classes.differences(plant_dir / "erp.sqlite", plant_dir / "mes.sqlite", clock, classes, awaited)
    broken += verify_truth.differences(plant_dir, clock)
    if late != set(planted):
        broken.append(f"late lines by date and planted ones differ in {len(late ^ set(planted))}")
    rescued, effects = _repairs(view, found, sorted(late)) if repair else (len(late), 0)
    return VerifyReport(
        late=len(late),
        late_explained=sum(_matches(found[key], planted.get(key)) for key in late),
        open_lines=len(view.sales.lines),
        healthy_wrongly_explained=sum(bool(found[key]) for key in view.sales.lines if key not in late),
        repaired=rescued,
        side_effects=effects,
        naive_flagged=_naive(plant_dir / "erp.sqlite"),
        broken=tuple(broken),
    )


def _planted(truth: sqlite3.Connection) -> dict[Key, tuple[str, str]]:
    planted = {}
    for code, column in _EVIDENCE.items():
        statement = f"SELECT sales_order_id, line, {column} FROM truth_late_line WHERE root_cause_code = ?"
        for order, line, evidence in truth.execute(statement, (code,)):
            planted[order, line] = (code, evidence)
    return planted


def _classes(truth: sqlite3.Connection) -> dict[str, set[str]]:
    classes: dict[str, set[str]] = {}
    for name, id_ in truth.execute("SELECT class_, id FROM truth_exception"):
        classes.setdefault(name, set()).add(id_)
    return classes


def _matches(findings: tuple[Finding, ...], planted: tuple[str, str] | None) -> bool:
    return len(findings) == 1 and (findings[0].code, findings[0].evidence) == planted


def _repairs(view: View, found: dict[Key, tuple[Finding, ...]], late: list[Key]) -> tuple[int, int]:
    """Repair one cause at a time; return how many lines that rescued and how many other lines it changed."""
    rescued = effects = 0
    for key in late:
        if len(found[key]) != 1:
            continue
        after = verify_causes.find_causes(verify_causes.repaired(view, key, found[key][0]))
        rescued += not after[key]
        effects += sum(after[other] != found[other] for other in found if other != key)
    for center in sorted(view.floor.down):
        floor = replace(view.floor, down=view.floor.down - {center})
        running = verify_causes.find_causes(replace(view, floor=floor))
        waiting = {key for key in found if any(f.evidence.startswith(f"{center}/") for f in found[key])}
        effects += sum((running[key] != found[key]) != (key in waiting) for key in found)
    return rescued, effects


def _naive(erp_path: Path) -> int:
    """Count the open lines that the obvious join would flag: a component with a purchase line whose promise moved."""
    with closing(sqlite3.connect(f"file:{erp_path}?mode=ro", uri=True)) as erp:
        return int(
            erp.execute(
                "SELECT count(DISTINCT s.so_no || '/' || s.item_no) FROM so_item s "
                "JOIN prod_head o ON o.so_no = s.so_no AND o.so_item = s.item_no "
                "JOIN prod_comp c ON c.ord_no = o.ord_no "
                "JOIN (SELECT DISTINCT mat_no FROM po_item WHERE stat = 'OPEN' AND promise > first_promise) p "
                "ON p.mat_no = c.mat_no WHERE s.stat = 'OPEN'"
            ).fetchone()[0]
        )
