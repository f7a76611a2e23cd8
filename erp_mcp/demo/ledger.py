"""The ledger: stock is nothing but the sum of posted movements, and never negative at any moment."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from erp_mcp.demo.erp_rows import MovementRow, StockRow
from erp_mcp.demo.figures import quantity
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.plan import Batch
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables
from erp_mcp.errors import DemoPlantError

LOCATIONS: Final = {"ROH": "0001", "HALB": "0002", "FERT": "0003"}

Reference = tuple[str, str, str]  # kind of document, number, item


class Ledger:
    """Movements of one block."""

    def __init__(self) -> None:
        """Start with no movement."""
        self._posted: list[tuple[int, int, str, Batch, tuple[tuple[str, int], ...], Reference]] = []
        self._reversals: list[tuple[int, int]] = []  # places of a mistake and of what took it back

    def post(
        self, second: int, code: str, lot: Batch, changes: tuple[tuple[str, int], ...], reference: Reference
    ) -> None:
        """Post one document: signed quantities by stock type, of one lot."""
        self._posted.append((second, len(self._posted), code, lot, changes, reference))

    def post_and_take_back(self, second: int, lot: Batch, qty: int, reference: Reference) -> None:
        """Post an issue by mistake, and its reversal an hour later."""
        self.post(second, "261", lot, (("F", -qty),), reference)
        self.post(second + 3_600, "262", lot, (("F", qty),), reference)
        self._reversals.append((len(self._posted) - 2, len(self._posted) - 1))

    def write(self, erp: Tables, calendar: PlantCalendar, numbers: Numbers) -> dict[str, int]:
        """Write all movements by time, and the stock that they sum up to.

        Returns:
            Quantity of every lot that is left, whatever its stock type, by lot number.

        Raises:
            DemoPlantError: `demo.broken_plant`, when a stock would become negative.
        """
        balance: dict[tuple[str, str], int] = defaultdict(int)
        last: dict[tuple[str, str], tuple[Batch, str]] = {}
        self._posted.sort(key=lambda posting: posting[:2])
        documents = {posting[1]: numbers.next("movement", "", 10, 4_900_000_001) for posting in self._posted}
        taken_back = {wrong: documents[right] for wrong, right in self._reversals}
        for second, place_of, code, lot, changes, reference in self._posted:
            document, at = documents[place_of], calendar.instant(second)
            for place, (stock_type, change) in enumerate(changes):
                key = (lot.number, stock_type)
                balance[key] += change
                if balance[key] < 0:
                    raise DemoPlantError(invariant="stock is never negative", lot=lot.number)
                last[key] = (lot, at)
                erp.add(
                    MovementRow(
                        document, f"{place + 1:04d}", code, lot.product.number, lot.site, LOCATIONS[lot.product.kind],
                        lot.number, stock_type, quantity(change), lot.product.uom, *reference, at,
                        taken_back.get(place_of), at,
                    )
                )  # fmt: skip
        left: dict[str, int] = defaultdict(int)
        for (number, stock_type), qty in balance.items():
            if qty:
                lot, at = last[number, stock_type]
                left[number] += qty
                erp.add(StockRow(lot.product.number, lot.site, LOCATIONS[lot.product.kind], number, stock_type,
                                 quantity(qty),
                                 lot.product.uom, at))  # fmt: skip
        return left
