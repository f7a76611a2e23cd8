"""Answers that follow from the finished plant, worked out once from its native tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from erp_mcp.demo.figures import amount, value_cents
from erp_mcp.demo.master import CENTERS, SHOWCASE_MATERIAL
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.shopfloor import equipment_id
from erp_mcp.demo.tables import Tables
from erp_mcp.demo.truth import Truth
from erp_mcp.errors import DemoPlantError

RANKED: Final = 5
SCORECARD_DAYS: Final = 180
SCORECARD_RECEIPTS: Final = 10
REACHED_CUSTOMERS: Final = (4, 7)
_DAY_S: Final = 86_400


def tenths(numerator: int, denominator: int) -> str:
    """Return a ratio as a percentage with one decimal, a half rounded up."""
    value = (2_000 * numerator + denominator) // (2 * denominator)
    return f"{value // 10}.{value % 10}"


class Answers:
    """Works out the answers of one plant."""

    def __init__(self, erp: Tables, mes: Tables, calendar: PlantCalendar, truth: Truth) -> None:
        """Keep what is read and where answers go."""
        self.erp = erp
        self.mes = mes
        self.calendar = calendar
        self.truth = truth

    def write(self) -> None:
        """Write all answers that need the finished tables."""
        self._busiest_centers()
        self._worst_suppliers()
        self._cheapest_source()
        self._effectiveness()
        self._stops()
        self._contaminated()
        self._maintenance()
        self._invoices()

    def _busiest_centers(self) -> None:
        start, end = self.calendar.instant(0), self.calendar.instant(14 * _DAY_S)
        rows = self.erp.read(
            "SELECT wc_no, count(*) FROM prod_op WHERE stat = 'CRTD' "
            f"AND start_at >= '{start}' AND start_at < '{end}' GROUP BY wc_no ORDER BY 2 DESC, 1"
        )
        self._strict("16", [int(str(count)) for _, count in rows[: RANKED + 1]])
        self.truth.answer("16", [(str(center), str(count)) for center, count in rows[:RANKED]])

    def _strict(self, question: str, values: list[int]) -> None:
        if len(set(values)) != len(values):
            raise DemoPlantError(invariant="ranked answers have strict gaps", question=question)

    def _worst_suppliers(self) -> None:
        first = self.calendar.date(-SCORECARD_DAYS)
        rows = self.erp.read(
            "SELECT g.vendor_no, count(*), sum(g.posted_on <= p.first_promise) FROM gr_item g JOIN po_item p "
            f"ON p.po_no = g.po_no AND p.item_no = g.item_no WHERE g.posted_on >= '{first}' GROUP BY 1 "
            f"HAVING count(*) >= {SCORECARD_RECEIPTS}"
        )
        rates = sorted((tenths(int(str(good)), int(str(count))), str(supplier)) for supplier, count, good in rows)
        rates.sort(key=lambda rate: int(rate[0].replace(".", "")))
        self._strict("20", [int(rate.replace(".", "")) for rate, _ in rates[:3]] + [int(rates[3][0].replace(".", ""))])
        self.truth.answer("20", [(supplier, rate) for rate, supplier in rates[:3]])

    def _cheapest_source(self) -> None:
        rows = self.erp.read(
            f"SELECT vendor_no, price, curr, blocked FROM source_list WHERE mat_no = '{SHOWCASE_MATERIAL}'"
        )
        ranked = sorted(rows, key=lambda row: int(str(row[1]).replace(".", "")))
        if not ranked[0][3]:
            raise DemoPlantError(invariant="the cheapest source is blocked", question="22")
        best = next(row for row in ranked if not row[3])
        self.truth.answer("22", [("supplier_id", str(best[0])), ("price", str(best[1])), ("currency", str(best[2]))])
        self.truth.role("blocked_source#1", "supplier", str(ranked[0][0]))

    def _effectiveness(self) -> None:
        first = self.calendar.date(-7)
        rows = self.mes.read(
            "SELECT sum(pbt_min), sum(apt_min), sum(ideal_sec * produced), sum(produced), sum(good) FROM shift_log "
            f"WHERE eq_id = '{equipment_id('ASM-01')}' AND shift_date >= '{first}'"
        )
        busy, actual, ideal, made, good = (int(str(value)) for value in rows[0])
        self.truth.answer("25", [
            ("availability", tenths(actual, busy)), ("effectiveness", tenths(ideal, actual * 60)),
            ("quality", tenths(good, made)),
            ("oee", tenths(ideal * good, busy * 60 * made)),
        ])  # fmt: skip

    def _stops(self) -> None:
        minutes: dict[str, int] = defaultdict(int)
        for reason, lost, _ in self._finished_stops("CNC-02", 30):
            minutes[reason] += lost
        ranked = sorted(minutes.items(), key=lambda entry: (-entry[1], entry[0]))
        self._strict("26", [lost for _, lost in ranked[:3]])
        self.truth.answer("26", [(reason, str(lost)) for reason, lost in ranked[:2]])
        repairs = [lost for _, lost, planned in self._finished_stops("ASM-02", 90) if not planned]
        self.truth.answer("29", [("minutes", tenths(sum(repairs), 100 * len(repairs))), ("stops", str(len(repairs)))])
        down = self.mes.read("SELECT eq_id FROM stop_event WHERE ended_at IS NULL ORDER BY eq_id")
        names = {equipment_id(center): center for center, *_ in CENTERS}
        self.truth.answer("27", [(names[str(machine)], "stale") for (machine,) in down])
        self.truth.exceptions("machine_down_now", [names[str(machine)] for (machine,) in down])

    def _finished_stops(self, center: str, days: int) -> list[tuple[str, int, bool]]:
        first = self.calendar.instant(-days * _DAY_S)
        rows = self.mes.read(
            "SELECT reason, (strftime('%s', ended_at) - strftime('%s', began_at)) / 60, planned FROM stop_event "
            f"WHERE eq_id = '{equipment_id(center)}' AND began_at >= '{first}' AND ended_at IS NOT NULL"
        )
        return [(str(reason), int(str(lost)), bool(planned)) for reason, lost, planned in rows]

    def _contaminated(self) -> None:
        children: dict[str, list[str]] = defaultdict(list)
        for source, output in self.erp.read("SELECT in_lot, out_lot FROM lot_trace ORDER BY 1, 2"):
            children[str(source)].append(str(output))
        reached: dict[str, set[str]] = defaultdict(set)
        for lot, customer in self.erp.read(
            "SELECT d.lot_no, s.cust_no FROM dlv_item d JOIN so_head s ON s.so_no = d.so_no WHERE d.gi_act IS NOT NULL"
        ):
            reached[str(lot)].add(str(customer))
        low, high = REACHED_CUSTOMERS
        for (lot,) in self.erp.read(
            "SELECT b.lot_no FROM batch b JOIN mat_gen m ON m.mat_no = b.mat_no "
            "WHERE m.mat_type = 'ROH' ORDER BY b.lot_no LIMIT 5000"
        ):
            downstream = [final for output in children[str(lot)] for final in children.get(output, [])]
            customers = sorted({customer for final in downstream for customer in reached.get(final, ())})
            if low <= len(customers) <= high:
                self.truth.role("contaminated_lot#1", "lot", str(lot))
                self.truth.answer("32", [(customer, str(lot)) for customer in customers])
                return
        raise DemoPlantError(invariant="a raw lot reached a handful of customers", question="32")

    def _maintenance(self) -> None:
        today = self.calendar.date(0)
        rows = self.erp.read(
            "SELECT mnt_no FROM maint_order WHERE mnt_type = 'PM02' AND stat <> 'CMPL' "
            f"AND finish_plan < '{today}' ORDER BY 1"
        )
        self.truth.answer("35", [(str(number), "") for (number,) in rows])
        self.truth.exceptions("maintenance_overdue", [str(number) for (number,) in rows])

    def _invoices(self) -> None:
        counts: Counter[str] = Counter()
        for number, block in self.erp.read("SELECT inv_no, block FROM vend_inv WHERE block IS NOT NULL ORDER BY 1"):
            counts[str(block)] += 1
            self.truth.exceptions(f"invoice_{str(block).lower()}", [str(number)])
        self.truth.answer("37", [(kind, str(count)) for kind, count in sorted(counts.items())])
        self._price_variance()

    def _price_variance(self) -> None:
        """Write what the invoices parked for their price charge beyond the orders, by currency."""
        cents: Counter[str] = Counter()
        for currency, qty, charged, ordered, per in self.erp.read(
            "SELECT i.curr, i.qty, i.amount, p.price, p.price_per FROM vend_inv i JOIN po_item p "
            "ON p.po_no = i.po_no AND p.item_no = i.po_item WHERE i.block = 'PRICE'"
        ):
            due = value_cents(_digits(qty), _digits(ordered), int(str(per)))
            cents[str(currency)] += _digits(charged) - due
        self.truth.answer("37.variance", [(currency, amount(value)) for currency, value in sorted(cents.items())])


def _digits(decimal: object) -> int:
    """Return a decimal string as the integer of its smallest place."""
    return int(str(decimal).replace(".", ""))
