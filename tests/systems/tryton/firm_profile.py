"""The shipped profile as the demo plant's firm needs it: what it says of its own places and line numbers, no more."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NAME: Final = "tryton-firm"
_SHIPPED: Final = Path(__file__).resolve().parents[3] / "erp_mcp" / "systems" / "tryton.yaml"

# This firm numbers its lines (`sequence`), and QUA is where goods wait for inspection: nothing is held there.
_LOCAL: Final = (
    ("profile: tryton\n", f"profile: {NAME}\n", 1),
    ("lot_disposition: {path: location.code, codes: {QUA: Restricted,",
     "lot_disposition: {path: location.code, codes: {QUA: In-Process,", 1),
    ("      sales_order_id: {ref: sale.number}\n      line: id\n",
     "      sales_order_id: {ref: sale.number}\n      line: {pad: sequence, width: 6}\n", 1),
    ("      purchase_order_id: {ref: purchase.number}\n      line: id\n",
     "      purchase_order_id: {ref: purchase.number}\n      line: {pad: sequence, width: 5}\n", 1),
    ("      sales_order_line: origin.id\n", "      sales_order_line: {pad: origin.sequence, width: 6}\n", 3),
    ("      purchase_order_line: origin.id\n", "      purchase_order_line: {pad: origin.sequence, width: 5}\n", 1),
    ("      purchase_order_id: {ref: origin.purchase.number}\n      line: origin.id\n",
     "      purchase_order_id: {ref: origin.purchase.number}\n      line: {pad: origin.sequence, width: 5}\n", 1),
    ("      demand_line: {first: [origin.origin.id, id]}\n",
     "      demand_line: {first: [{pad: origin.origin.sequence, width: 6}, id]}\n", 1),
)  # fmt: skip


def write_profile(folder: Path) -> Path:
    """Write the firm's profile into a folder and return the folder.

    Raises:
        AssertionError: when the shipped profile no longer has a line that is changed here.
    """
    text = _SHIPPED.read_text(encoding="utf-8")
    for shipped, local, times in _LOCAL:
        assert text.count(shipped) == times, f"the shipped profile has changed: {shipped!r}"
        text = text.replace(shipped, local)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.yaml").write_text(text, encoding="utf-8")
    return folder
