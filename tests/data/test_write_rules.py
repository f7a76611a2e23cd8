"""The rules of what may be proposed, on the demo plant: who is hurt is recounted by hand for every open line."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.catalog.arguments import check
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Obligations
from erp_mcp.domain.left_to_people import unseen
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleRefusedError
from erp_mcp.preparing import Preparation
from tests.guarantees import guarantees
from tests.prepared import DemoPlant

TODAY = "2026-03-16"
Place = tuple[str, str]
Short = tuple[int, str]  # what is late, and when the last of it comes


class _Desk:
    """Works changes out as the gateway does, with records read again from the demo ERP."""

    def __init__(self, folder: Path) -> None:
        self.deployment: Deployment = open_deployment(folder / "erp-mcp.yaml")
        self.model = sqlite3.connect(folder / "read_model.sqlite")
        self.preparation = Preparation(
            read_model=self.deployment.reader,
            live=self.deployment.live,
            operations=OPERATIONS,
            writable={"erp": frozenset(OPERATIONS)},
            budgets=self.deployment.budgets,
            clock=self.deployment.clock,
            zone=ZoneInfo("Europe/Berlin"),
        )

    async def draft(self, name: str, **given: JsonValue) -> Draft:
        tool = self.deployment.catalog.tools[name]
        checked = check(tool, {"reason": "For a test of rules.", "idempotency_key": "test-key", **given})
        site = given.get("site")
        left = tuple(unseen(tool.command))
        terms = Obligations(sites=(site,) if isinstance(site, str) else None, left_to_people=left)
        return (await self.preparation.prepare(tool, checked, terms)).draft

    def rows(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        return list(self.model.execute(sql, values))

    def close(self) -> None:
        asyncio.run(self.deployment.disconnect())
        self.deployment.close()
        self.model.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[_Desk]:
    """A prepared demo plant of seed 1."""
    folder = demo_plant(tmp_path_factory.mktemp("plant") / "demo")
    one = _Desk(folder)
    yield one
    one.close()


class _Recount:
    """One bought material at one site counted by hand: no code of the product is used."""

    def __init__(self, desk: _Desk, place: Place) -> None:
        self.demands = [
            (need, f"{order}/{line}", qty)
            for order, line, qty, need in desk.rows(
                "SELECT production_order_id, line, qty_open, need_date FROM production_component"
                " WHERE qty_open > 0 AND material_id = ? AND site = ?", *place,
            )
        ]  # fmt: skip
        self.supplies = {
            (order, line): (promised, qty)
            for order, line, promised, qty in desk.rows(
                "SELECT purchase_order_id, line, COALESCE(promised_date, original_promise_date, requested_date),"
                " COALESCE(qty_open_base, qty_open) FROM purchase_order_line"
                " WHERE order_state = 'open' AND qty_open > 0 AND material_id = ? AND site = ?", *place,
            )
        }  # fmt: skip
        stock = desk.rows(
            "SELECT COALESCE(s.lot_id, ''), SUM(s.qty) FROM stock s WHERE stock_type = 'unrestricted'"
            " AND material_id = ? AND site = ? AND NOT EXISTS (SELECT 1 FROM lot l WHERE l.lot_id = s.lot_id"
            f" AND l.site = s.site AND (l.expiry_date < '{TODAY}' OR l.lot_disposition = 'Restricted')) GROUP BY 1",
            *place,
        )
        self.stock = {lot: int(qty) for lot, qty in stock}
        self.held = desk.rows(
            "SELECT COALESCE(lot_id, ''), demand_id || '/' || demand_line, qty FROM reservation WHERE qty > 0"
            " AND material_id = ? AND site = ? ORDER BY lot_id IS NULL, need_date, reservation_id", *place,
        )  # fmt: skip

    def short(self, moved: tuple[str, str], day: str) -> dict[str, Short]:
        """Return what of each demand is late, and when the last comes, when a line comes on a day."""
        left = {key: int(amount) for _, key, amount in self.demands}
        free = dict(self.stock)
        for lot, key, amount in self.held:
            assert lot, "the demo plant reserves lots"
            kept = min(int(amount), max(0, free.get(lot, 0)))
            free[lot] = free.get(lot, 0) - kept
            left[key] = left.get(key, 0) - min(kept, left.get(key, 0))
        pool = [("", sum(qty for qty in free.values() if qty > 0))]
        arrivals = {**self.supplies, moved: (day, self.supplies[moved][1])}
        pool += [(max(at, TODAY), int(amount)) for _, (at, amount) in sorted(arrivals.items(), key=_by_arrival)]
        late: defaultdict[str, int] = defaultdict(int)
        last: dict[str, str] = dict.fromkeys(left, "")
        for need, key, _ in sorted(self.demands, key=lambda one: (one[0], one[1])):
            while left[key] and pool:
                when, qty = pool.pop(0)
                used = min(qty, left[key])
                left[key] -= used
                late[key] += used if when > need else 0
                last[key] = max(last[key], when) if used else last[key]
                if qty > used:
                    pool.insert(0, (when, qty - used))
            if left[key]:
                late[key], last[key] = late[key] + left[key], "9999-12-31"
        return {key: (late[key], last[key]) for key in left}


def _by_arrival(one: tuple[tuple[str, str], tuple[str, str]]) -> tuple[str, str]:
    (order, line), (when, _) = one
    return (max(when, TODAY), f"purchase_order_line/{order}/{line}")


def _worse(before: Short, after: Short) -> bool:
    return after[0] > before[0] or (after[0] == before[0] > 0 and after[1] > before[1])


@guarantees("rules.impact", "P7.right_cause")
@pytest.mark.parametrize("days", [-9, 7, 45])
async def test_who_is_hurt_or_helped_is_what_a_recount_says_for_every_open_line(desk: _Desk, days: int) -> None:
    """The count, and the first five by need date, each with how much of it is late."""
    lines = desk.rows(
        "SELECT l.purchase_order_id, l.line, l.material_id, l.site, l.promised_date FROM purchase_order_line l"
        " WHERE l.order_state = 'open' AND l.qty_open > 0 AND l.promised_date IS NOT NULL"
    )
    recounts: dict[Place, _Recount] = {}
    hurt = helped = 0
    for order, line, material, site, promised in lines:
        day = (date.fromisoformat(promised) + timedelta(days=days)).isoformat()
        if day < TODAY:
            continue
        recount = recounts.setdefault((material, site), _Recount(desk, (material, site)))
        before, after = recount.short((order, line), max(promised, TODAY)), recount.short((order, line), day)
        draft = await desk.draft("propose_update_delivery_date", purchase_order_id=order, line=line, new_date=day)
        (impact,) = (one for one in draft.checks if one.rule == "R-IMPACT")
        worse = [key for _, key, _ in sorted(recount.demands) if _worse(before[key], after[key])]
        better = [key for _, key, _ in sorted(recount.demands) if _worse(after[key], before[key])]
        assert impact.facts == {"worse": len(worse), "better": len(better)}, (order, line)
        named = [one for one in draft.effects if one.startswith("Production order")]
        assert [one.split()[2] for one in named] == [*worse[:5], *better[:5]]
        for key, effect in zip(worse[:5], named, strict=False):
            grown = f" {quantity_text(after[key][0])} "
            assert grown in effect or "still late" in effect
        hurt, helped = hurt + bool(worse), helped + bool(better)
    assert hurt if days > 0 else helped


@guarantees("rules.delivery_date")
async def test_closed_and_cancelled_lines_keep_their_dates(desk: _Desk) -> None:
    """Read again from the ERP, both are refused with the rule."""
    for state in ("closed", "cancelled"):
        ((order, line),) = desk.rows(
            "SELECT purchase_order_id, line FROM purchase_order_line WHERE order_state = ? LIMIT 1", state
        )
        with pytest.raises(RuleRefusedError) as caught:
            await desk.draft("propose_update_delivery_date", purchase_order_id=order, line=line, new_date="2026-05-01")
        assert (caught.value.facts["rule"], caught.value.facts["order_state"]) == ("R-OPEN", state)


@guarantees("rules.duplicate")
async def test_what_an_open_requisition_covers_is_refused_with_its_id(desk: _Desk) -> None:
    """Each open requisition of the plant, asked for once more."""
    open_ones = desk.rows(
        "SELECT requisition_id, line, material_id, site, qty, uom, delivery_date FROM purchase_requisition"
        " WHERE order_state = 'open'"
    )
    assert open_ones
    for requisition, _, material, site, qty, uom, day in open_ones:
        with pytest.raises(RuleRefusedError) as caught:
            await desk.draft(
                "propose_create_purchase_requisition", material_id=material, site=site, uom=uom, delivery_date=day,
                qty=quantity_text(int(qty)),
            )  # fmt: skip
        assert caught.value.facts["rule"] == "R-DUPLICATE"
        ids = {one[0] for one in open_ones if one[2:4] == (material, site)}
        assert caught.value.facts["document"] in ids
        assert requisition in ids


@guarantees("docs.agree")
@pytest.mark.parametrize("name", ["propose_update_delivery_date", "propose_create_purchase_requisition"])
async def test_the_examples_of_a_tool_that_proposes_are_proposals_in_the_demo_plant(desk: _Desk, name: str) -> None:
    """People and models copy them; no rule refuses them."""
    for example in desk.deployment.catalog.tools[name].examples:
        assert (await desk.draft(name, **json.loads(example))).changes


@guarantees("rules.requisition")
async def test_a_request_for_a_material_that_nothing_covers_carries_its_value(desk: _Desk) -> None:
    """Quantity by the price of the first source that is not blocked, in its currency."""
    draft = await desk.draft(
        "propose_create_purchase_requisition",
        material_id="RM-013", site="1000", qty="40", uom="EA", delivery_date="2026-05-18",
    )  # fmt: skip
    assert {one.rule: one.verdict for one in draft.checks if one.verdict != "ok"} == {"R-BUDGET": "person"}
    ((price, currency),) = desk.rows(
        "SELECT s.price, s.currency FROM supply_source s JOIN supplier v USING (supplier_id)"
        " WHERE s.material_id = 'RM-013' AND v.blocked = 0 AND s.blocked = 0 ORDER BY s.rank LIMIT 1"
    )
    assert draft.amounts["currency"] == currency
    assert Decimal(draft.amounts["value"]) * 10_000 == 40 * int(price)
