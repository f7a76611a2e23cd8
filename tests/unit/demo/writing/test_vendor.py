"""The demo ERP makes vendors by rules of its own: blocked, once, with terms that it knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.erp_calls import call_of
from erp_mcp.demo.writing.vendor import CREATE_VENDOR
from erp_mcp.demo.writing.work import Rejected
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from tests.contract.erp_plant import demo_profile
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

VENDOR: Final[dict[str, JsonValue]] = {
    "name1": "Ostheim Guss GmbH", "country": "DE", "tax_no": "DE287654321", "pay_terms": "N30", "grp": "MATL",
}  # fmt: skip


@pytest.fixture
def erp(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    """A copy of the plant's ERP."""
    with open_desk(plant.erp, tmp_path) as desk:
        yield desk


@guarantees("P7.demo_plant")
def test_a_vendor_is_blocked_and_its_number_is_never_given_again(erp: OrderDesk) -> None:
    """Also after it was deleted."""
    first = erp.done(CREATE_VENDOR, VENDOR)
    assert erp.one("SELECT * FROM vendor WHERE vendor_no = ?", first.number) == (
        "S0041", "Ostheim Guss GmbH", "DE", "DE287654321", 1, "N30", first.version,
    )  # fmt: skip
    assert erp.one("SELECT grp FROM vendor_group WHERE vendor_no = ?", first.number) == ("MATL",)
    erp.change("DELETE FROM vendor WHERE vendor_no = ?", first.number)
    assert erp.done(CREATE_VENDOR, VENDOR | {"grp": "SERV"}).number == "S0042"


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name1": " "}, "bad_name"),
        ({"name1": "x" * 41}, "bad_name"),
        ({"name1": "a\nb"}, "bad_name"),
        ({"country": "DEU"}, "bad_country"),
        ({"tax_no": "DE 1"}, "bad_tax_number"),
        ({"tax_no": "DE036118427"}, "tax_number_exists"),
        ({"name1": "ADLER METALL GMBH"}, "vendor_exists"),
        ({"pay_terms": "N31"}, "unknown_terms"),
        ({"grp": ""}, "unknown_group"),
    ],
)
def test_it_refuses_what_is_wrong_or_there(erp: OrderDesk, wrong: dict[str, JsonValue], code: str) -> None:
    """It alone knows the tax numbers."""
    assert erp.code(CREATE_VENDOR, VENDOR | wrong) == code


@guarantees("commands.contract")
@pytest.mark.parametrize("blocked", [False, None, "true", 1])
def test_a_vendor_that_is_not_blocked_is_never_sent(blocked: JsonValue) -> None:
    """Whatever a payload says."""
    command = Command(
        operation=CREATE_VENDOR, system="erp", entity="supplier", key="", version_token="", reference="R1",
        fields={"name": "Ostheim Guss GmbH", "blocked": blocked},
    )  # fmt: skip
    assert call_of(command, demo_profile()) == Rejected("not_blocked")
