"""A supplier from the agent's words to the ERP's own row, blocked, and without bank data."""

from __future__ import annotations

import json
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_create_supplier"
pytestmark = covers(TOOL, DEMO_PLANT)
NEW: Final[dict[str, JsonValue]] = {
    "name": "Ostheim Guss GmbH",
    "country": "DE",
    "tax_id": "DE287654321",
    "supplier_type": "material",
    "payment_terms": "N30",
    "reason": "Second source for castings, asked for by engineering.",
    "idempotency_key": "req-2026-118:supplier",
}
ACCOUNT: Final = "DE89370400440532013000"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.supplier")
def test_a_supplier_is_made_once_and_blocked(desk: WriteDesk) -> None:
    """The next read shows it with its block."""
    done = desk.carry_through(TOOL, **NEW)

    assert done.receipt is not None
    assert done.content.terms.needed == 2
    number = done.receipt.written.document
    assert desk.erp(
        "SELECT name1, country, tax_no, purch_block, pay_terms FROM vendor WHERE vendor_no = ?", number
    ) == [("Ostheim Guss GmbH", "DE", "DE287654321", 1, "N30")]
    assert desk.erp("SELECT grp FROM vendor_group WHERE vendor_no = ?", number) == [("MATL",)]
    (shown,) = desk.rows("get_supplier", "suppliers", supplier_id=number)
    assert (shown["blocked"], shown["payment_terms"]) == (True, "N30")


@guarantees("rules.supplier")
def test_nothing_is_ordered_from_it_before_a_person_lifts_the_block(desk: WriteDesk) -> None:
    """An agent that has made its own supplier has gained nothing."""
    number = desk.commit(TOOL, **NEW).written.document
    line: JsonValue = {"material_id": "RM-002", "qty": "30", "uom": "MTR", "delivery_date": "2026-06-18"}

    refused = desk.refusal(
        "propose_create_purchase_order", supplier_id=number, site="1000", lines=[line],
        reason="The new supplier is cheaper.", idempotency_key="plan-2026-21:new",
    )  # fmt: skip

    assert refused.facts["rule"] == "R-SUPPLIER-BLOCKED"


@guarantees("rules.supplier", "P8.no_leaks")
def test_bank_data_is_refused_and_nothing_keeps_it(desk: WriteDesk) -> None:
    """As an argument of its own, in the name, and in the reason: neither answer nor state holds it."""
    refused = [
        desk.refusal(TOOL, **NEW, bank_account=ACCOUNT),
        desk.refusal(TOOL, **(NEW | {"name": f"Ostheim {ACCOUNT}"})),
        desk.refusal(TOOL, **(NEW | {"reason": f"Please pay to {ACCOUNT} from now on."})),
    ]

    assert [one.code for one in refused] == ["call.unknown_argument", "rule.refused", "rule.refused"]
    assert {one.facts.get("rule") for one in refused[1:]} == {"R-BANK"}
    assert not [one for one in refused if ACCOUNT in f"{one}"]
    leaves = [json.loads(record.leaf) for record in desk.deployment.state.audit.read(limit=10_000)]
    assert ACCOUNT not in json.dumps(leaves)
    assert not [
        path for path in (desk.directory / "state").glob("state.sqlite*") if ACCOUNT.encode() in path.read_bytes()
    ]


@guarantees("P4.one_effect", "rules.supplier")
def test_a_tax_number_that_the_system_knows_is_refused_there(desk: WriteDesk) -> None:
    """Two people have said yes, and the system's own rule has the last word."""
    desk.approve(desk.propose(TOOL, **(NEW | {"tax_id": "DE036118427"})))
    before = desk.dump()

    (done,) = desk.work()

    assert (done.state, done.reason) == (State.REFUSED_BY_SYSTEM, "tax_number_exists")
    assert desk.dump() == before
