from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.domain.entities.inventory import Reservation
from erp_mcp.domain.profile import IdentityRule, Profile
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import SyncReport, sync_once
from erp_mcp.sync.identity import Identities
from erp_mcp.testing import FixedClock, NumberedIds
from tests.guarantees import guarantees
from tests.unit.sync.plants import job, profile, table


class Mes(MemoryAdapter):
    """A shop-floor system with a cross-reference of its work centres."""

    def __init__(self) -> None:
        super().__init__("mes", ["job"], FixedClock())
        self.references: dict[str, str] = {"L1.ASM01": "ASM-01"}

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        assert entity == "work_center"
        return dict(self.references)


def rules() -> Profile:
    return profile(
        {
            "production_order": IdentityRule(rule="pad_left", width=12),
            "work_center": IdentityRule(rule="table", query="SELECT local, canonical FROM xref"),
        },
        level=3,
    )


async def run(mes: Mes, writer: ReadModelWriter, *, full: bool = False) -> SyncReport:
    return await sync_once(mes, rules(), writer, FixedClock(), NumberedIds(), full=full)


@guarantees("P7.sync_exact", "P7.right_cause")
@pytest.mark.parametrize(
    ("rule", "local", "canonical"),
    [
        (IdentityRule(), "0012", "0012"),
        (IdentityRule(rule="pad_left", width=6), "12", "000012"),
        (IdentityRule(rule="pad_left", width=6), "1234567", "1234567"),
        (IdentityRule(rule="strip_prefix", prefix="MB-"), "MB-L1", "L1"),
        (IdentityRule(rule="strip_prefix", prefix="MB-"), "L1", "mes/L1"),
        (IdentityRule(rule="add_prefix", prefix="N-"), "7", "N-7"),
        (IdentityRule(rule="table", query="-"), "unknown", "mes/unknown"),
    ],
)
def test_each_rule_gives_the_owners_id_or_one_that_joins_with_nothing(
    rule: IdentityRule, local: str, canonical: str
) -> None:
    """A local id taken as it is might by chance be another order's number."""
    assert Identities(profile({"lot": rule}), system="mes", known={}).canonical("lot", local) == canonical


@guarantees("P7.sync_exact")
async def test_references_are_stored_canonical_and_source_keys_as_they_are(writer: ReadModelWriter, path: Path) -> None:
    """Joins use canonical ids; reading back uses the system's own key."""
    mes = Mes()
    mes.put(job("1000123"))
    await run(mes, writer)
    row = table(path, "job")["J1"]
    assert (row["production_order_id"], row["work_center_id"]) == ("000001000123", "ASM-01")
    assert writer.identities("mes") == {
        ("production_order", "1000123"): "000001000123",
        ("work_center", "L1.ASM01"): "ASM-01",
    }


@guarantees("P7.sync_exact")
async def test_a_cross_reference_that_comes_later_than_its_row_is_found_in_the_same_pass(
    writer: ReadModelWriter, path: Path
) -> None:
    """People add a machine while a pass runs."""
    mes = Mes()
    first = Identities(rules(), system="mes", known={})
    first.use_table("work_center", {})
    assert first.misses((job("1"),)) == {"work_center"}
    mes.put(job("1", "L9.NEW"))
    mes.references["L9.NEW"] = "NEW-09"
    await run(mes, writer)
    assert table(path, "job")["J1"]["work_center_id"] == "NEW-09"


@guarantees("P7.sync_exact")
async def test_an_id_without_a_canonical_one_is_counted(writer: ReadModelWriter, path: Path) -> None:
    """The integrator sees that a cross-reference has holes."""
    mes = Mes()
    mes.put(job("1", "L8.LOST"))
    report = await run(mes, writer)
    assert report.entities[0].unresolved == 1
    assert table(path, "job")["J1"]["work_center_id"] == "mes/L8.LOST"


@guarantees("P7.sync_exact")
async def test_an_id_that_changes_its_meaning_is_refused_until_a_full_run(writer: ReadModelWriter, path: Path) -> None:
    """Half of the rows under the old id and half under the new one would join wrongly in silence."""
    mes = Mes()
    mes.put(job("1"))
    await run(mes, writer)
    mes.references["L1.ASM01"] = "ASM-02"
    mes.put(job("2"))
    report = await run(mes, writer)
    assert report.entities[0].error == "sync.identity_conflict"
    assert (await run(mes, writer, full=True)).ok
    assert table(path, "job")["J1"]["work_center_id"] == "ASM-02"


@guarantees("P7.sync_exact")
def test_what_a_reservation_is_for_is_resolved_as_what_it_is() -> None:
    """The same field names a sales order or a production order."""
    identities = Identities(
        profile({"sales_order": IdentityRule(rule="add_prefix", prefix="S-")}), system="erp", known={}
    )
    common = {"system": "erp", "version_token": "1", "as_of": "2026-03-16T05:00:00Z", "site": "1000", "uom": "EA"}
    for demand_type, demand_id in (("sales_order", "S-7"), ("production_order", "7")):
        reservation = Reservation(
            **common,
            source_key="R1",
            reservation_id="R1",
            material_id="M1",
            demand_type=demand_type,
            demand_id="7",
            qty=1,
        )
        resolved = identities.resolve(reservation)
        assert isinstance(resolved, Reservation)
        assert resolved.demand_id == demand_id
