"""The three profiles of S/4HANA: complete, of one meaning, off until declared, and read-only where they say so."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, field_specs
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.select_text import select_columns
from erp_mcp.systems import load_profile
from tests.guarantees import guarantees

SHIPPED: Final = Path(__file__).parents[3] / "erp_mcp" / "systems"
NAMES: Final = ("s4hana", "s4hana-v4", "s4hana-replica")
DEMO: Final = load_profile("demo-erp", [SHIPPED])
# What S/4HANA does not keep, or what synchronisation works out by itself.
ABSENT: Final = {
    "purchase_order_line": {"promise_changed_at", "qty_open_base", "base_uom"},
    "production_operation": {"work_min"},
    "maintenance_order": {"actual_start", "actual_finish", "permit_to_work", "release_state"},
    "customer_return": {"disposition", "note"},
    "goods_movement": {"reversed_by"},
    "supplier_invoice": {"block_code"},
}
# What SAP publishes nothing for that could be copied; a tool that asks for it names the gap.
UNREAD: Final = {"budget", "lot_genealogy", "mrp_exception", "routing_operation", "work_center_capacity"}
# What nothing but a proposal of the same kind looks at; the profile offers none of those operations.
FOR_WRITING: Final = {"maintenance_notification", "refund_request"}


def mapped(profile: Profile, entity: str) -> set[str]:
    """Return the canonical fields that a profile gives."""
    mapping = profile.entities[entity]
    if profile.kind == "sql":
        return set(select_columns(str(mapping["statement"]))) - {*COMMON_FIELDS, "changed_at"}
    fields = mapping["fields"]
    assert isinstance(fields, dict)
    return set(fields)


@guarantees("adapter.s4hana")
@pytest.mark.parametrize("name", NAMES)
def test_gives_every_field_of_every_entity_that_the_demo_plants_erp_gives(name: str) -> None:
    """What is missing is missing in S/4HANA, and named."""
    profile = load_profile(name, [SHIPPED])
    assert profile.entities.keys() == DEMO.entities.keys() - UNREAD - FOR_WRITING
    for entity in profile.entities:
        assert not {name for name in profile.commands if name.partition(".")[0] in FOR_WRITING}
        every = {spec.name for spec in field_specs(ENTITIES[entity])} - set(COMMON_FIELDS)
        assert every - mapped(profile, entity) == ABSENT.get(entity, set()), entity


@guarantees("adapter.s4hana", "P1.declared")
@pytest.mark.parametrize("name", NAMES)
def test_is_off_until_the_licensed_way_is_declared(name: str) -> None:
    """None of them may be used because it happens to be configured."""
    profile = load_profile(name, [SHIPPED])
    assert profile.declaration == "sap_licensed_access"
    assert profile.verified == "protocol", "no system of SAP's was at hand, and the profile says so"
    assert profile.level == 4


@guarantees("adapter.s4hana")
@pytest.mark.parametrize("name", ["s4hana", "s4hana-v4"])
def test_change_dates_are_used_only_where_they_are_the_etag(name: str) -> None:
    """A date that stays behind a change would leave old figures in answers; lines follow their order's date.

    Material documents stay as they were posted, so the day of their making is enough.
    """
    profile = load_profile(name, [SHIPPED])
    by_date = {entity for entity, mapping in profile.entities.items() if "changed" in mapping}
    with_etag = {entity for entity, mapping in profile.entities.items() if mapping["version"] == "etag"}
    assert by_date - with_etag == {"sales_order_line", "goods_receipt", "goods_movement"}


@guarantees("adapter.s4hana")
@pytest.mark.parametrize("name", ["s4hana", "s4hana-v4"])
def test_writes_what_is_listed_and_says_how_each_is_found_out(name: str) -> None:
    """None is sent again blindly: a change is bound to what was read, what is new bears our reference."""
    operations = load_profile(name, [SHIPPED]).commands
    contracts = {name: body["contract"] for name, body in operations.items() if isinstance(body, dict)}
    assert contracts == {
        "purchase_order_line.update_delivery_date": "conditional",
        "purchase_requisition.create": "readback",
        "purchase_order_line.create": "readback",
        "purchase_order_line.change": "conditional",
        "purchase_order_line.cancel": "conditional",
        "sales_order_line.update_delivery_date": "conditional",
        "sales_order_line.update_price": "conditional",
        "production_order.reschedule": "conditional",
        "planned_order.confirm": "conditional",
        "reservation.create": "readback",
        "reservation.release": "conditional",
        "quality_notification.create": "readback",
        "delivery.create": "readback",
    }


@guarantees("adapter.s4hana")
def test_a_replica_is_never_written_to() -> None:
    """A copy that is changed is no copy any more."""
    assert load_profile("s4hana-replica", [SHIPPED]).commands == {}
