"""Open purchase quantities in base units: exact integer arithmetic, done where lines, materials and units meet.

A line of another system than its material takes the conversion of its own system first.
"""

from __future__ import annotations

import sqlite3
from typing import Final

SOURCES: Final = frozenset({"purchase_order_line", "material", "unit_conversion"})
_INT64: Final = 2**63 - 1

_RATE: Final = "SELECT c.numerator || '/' || c.denominator || '/' || c.base_uom FROM unit_conversion AS c"
_LINES: Final = f"""
SELECT l.rowid, l.qty_open, l.uom, l.qty_open_base, l.base_uom,
       COALESCE((SELECT m.base_uom FROM material AS m WHERE m.material_id = l.material_id AND m.system = l.system),
                (SELECT m.base_uom FROM material AS m WHERE m.material_id = l.material_id ORDER BY m.system LIMIT 1)),
       COALESCE(({_RATE} WHERE c.material_id = l.material_id AND c.uom = l.uom AND c.system = l.system),
                ({_RATE} WHERE c.material_id = l.material_id AND c.uom = l.uom ORDER BY c.system LIMIT 1))
  FROM purchase_order_line AS l
"""


def convert_open_quantities(connection: sqlite3.Connection, *, system: str = "", keys: tuple[str, ...] = ()) -> int:
    """Work out `qty_open_base` and `base_uom` of purchase order lines, inside the caller's transaction.

    Args:
        connection: Connection to the read model.
        system: With `keys`: the system whose lines were just written.
        keys: Source keys of those lines; without them every line is worked out again.

    Returns:
        How many lines were changed.
    """
    if keys:
        marks = ", ".join("?" * len(keys))
        lines = connection.execute(f"{_LINES} WHERE l.system = ? AND l.source_key IN ({marks})", (system, *keys))
    else:
        lines = connection.execute(_LINES)
    changed = []
    for rowid, quantity, unit, old_quantity, old_unit, base_unit, rate in lines.fetchall():
        new = _in_base_unit(quantity, unit, base_unit, rate)
        if new != (old_quantity, old_unit):
            changed.append((*new, rowid))
    connection.executemany("UPDATE purchase_order_line SET qty_open_base = ?, base_uom = ? WHERE rowid = ?", changed)
    return len(changed)


def _in_base_unit(quantity: int, unit: str, base_unit: str | None, rate: str | None) -> tuple[int | None, str | None]:
    """Return quantity and unit in the base unit; neither where no conversion is known."""
    if base_unit is None:
        return None, None
    if unit == base_unit:
        return quantity, base_unit
    if rate is None:
        return None, None
    numerator, denominator, target = rate.split("/", 2)
    if target != base_unit or int(denominator) <= 0 or int(numerator) <= 0:
        return None, None
    # Rounded half up at the sixth place, only where the rate itself is no decimal number (three to one, say).
    exact = (2 * quantity * int(numerator) + int(denominator)) // (2 * int(denominator))
    return (exact, base_unit) if abs(exact) <= _INT64 else (None, None)
