"""What is sent only where a field of the change says so, true and false, and keys of which a part is empty."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.command_values import Facts, RefusedError, text_of
from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Committed, Refused
from erp_mcp.domain.write_plan import Value
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.odata.buying_profile import PLANS, connection, profile
from tests.unit.adapters.odata.buying_source import VERSIONS, BuyingSource, create_command, date_command, served
from tests.unit.adapters.odata.fake_writes import Buying, Version
from tests.unit.adapters.rest.fake_writes import PLANS as REST
from tests.unit.adapters.rest.fake_writes import create_command as wanted_by_rest
from tests.unit.adapters.rest.test_commands import served as served_by_rest
from tests.unit.adapters.writing_source import CREATE, DATE

_ITEMS: Final = "to_PurchaseReqnItem"


def creating(**values: Any) -> dict[str, Any]:
    """Return the plans with other values in the item of a new requisition."""
    plans = copy.deepcopy(PLANS)
    plans[CREATE]["write"]["body"][_ITEMS]["children"][0] |= values
    return plans


def sent_item(source: BuyingSource) -> dict[str, Any]:
    """Return the item in the last body that was sent."""
    items = json.loads([body for method, _, _, body in source.fake.seen if method == "POST"][-1])[_ITEMS]
    (item,) = items["results"] if source.fake.version == 2 else items
    assert isinstance(item, dict)
    return item


@guarantees("commands.plans")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("uom", "supplier"), [("KGM", "17300009"), ("C62", None)])
async def test_a_value_is_sent_only_where_the_change_says_so(version: Version, uom: str, supplier: str | None) -> None:
    """A constant too; where it is not, nothing of it is in the body, not even that it is none."""
    plans = creating(FixedSupplier={"const": "17300009", "when": {"uom": ["KGM"]}})
    async with served(version, plans) as source:
        assert isinstance(await source.commands.send(create_command(uom=uom)), Committed)
        item = sent_item(source)
        assert (item.get("FixedSupplier"), "FixedSupplier" in item) == (supplier, supplier is not None)


@guarantees("commands.plans")
@pytest.mark.parametrize(("uom", "sent"), [("KGM", False), ("C62", True)])
async def test_a_value_may_be_sent_for_all_but_some(uom: str, sent: bool) -> None:
    """The other way round."""
    async with served(2, creating(FixedSupplier={"const": "1", "when": {"uom": {"not": ["KGM"]}}})) as source:
        assert isinstance(await source.commands.send(create_command(uom=uom)), Committed)
        assert ("FixedSupplier" in sent_item(source)) is sent


@guarantees("input.clear_errors")
async def test_a_condition_on_what_the_change_does_not_name_refuses_it() -> None:
    """A misspelt field would leave a value out in silence for ever."""
    async with served(2, creating(FixedSupplier={"const": "1", "when": {"unit": {"not": ["KGM"]}}})) as source:
        assert await source.commands.send(create_command()) == Refused(code="no_unit")
        assert source.attempts == 0


@guarantees("commands.plans")
@pytest.mark.parametrize(("rush", "native"), [(True, "1"), (False, "2")])
async def test_yes_and_no_of_a_change_are_carried(rush: bool, native: str) -> None:
    """As words, so that a table can say what the system calls them."""
    plans = creating(FixedSupplier={"field": "rush", "codes": {"true": "1", "false": "2"}})
    async with served(2, plans) as source:
        assert isinstance(await source.commands.send(create_command(rush=rush)), Committed)
        assert sent_item(source)["FixedSupplier"] == native


@guarantees("commands.plans")
@pytest.mark.parametrize(("rush", "sent"), [(True, True), (False, False)])
async def test_over_rest_a_value_depends_on_the_change_as_well(rush: bool, sent: bool) -> None:
    """The same words in both kinds of profile."""
    plans: Any = copy.deepcopy(REST)
    plans[CREATE]["write"]["body"]["urgent"] = {"field": "rush", "as": "flag", "when": {"rush": [True]}}
    async with served_by_rest(plans) as source:
        await source.commands.send(wanted_by_rest(rush=rush))
        (body,) = [json.loads(body) for method, _, _, body in source.fake.seen if method == "POST"]
        assert body.get("urgent") == (True if sent else None)
        assert ("urgent" in body) is sent


@guarantees("commands.verdicts")
@pytest.mark.parametrize("shown", [True, False])
async def test_what_the_record_does_not_show_is_not_looked_for_in_it(shown: bool) -> None:
    """A quantity that is taken away is not the quantity that is left: compared with it, no change was ever seen."""
    plans = copy.deepcopy(PLANS)
    if not shown:
        plans[DATE]["shown"]["qty_open"] = ""
    async with served(2, plans) as source:
        good = date_command(source.fake, next(iter(source.fake.items)))
        command = dataclasses.replace(good, fields={**good.fields, "qty_open": "7"})
        outcome = await source.commands.send(command)
        assert isinstance(outcome, Committed)
        assert ("qty_open" in outcome.written.fields) is shown
        assert (await source.commands.find(command) is None) is shown


@asynccontextmanager
async def keyed_by_supplier(plans: dict[str, Any]) -> AsyncIterator[tuple[Buying, Any]]:
    """Serve the small system to commands for which the supplier, if there is one, is a part of a requisition's key."""
    one = profile(2, plans)
    entities: dict[str, Any] = copy.deepcopy(dict(one.entities))
    entities["purchase_requisition"]["key"] = ["PurchaseRequisition", "PurchaseRequisitionItem", "FixedSupplier?"]
    fake = Buying()
    async with fake.server:
        commands = ODataCommands.open(connection(fake), dataclasses.replace(one, entities=entities), FixedClock())
        yield fake, commands
        fake.released.set()
        await commands.close()


@guarantees("P4.one_effect", "commands.plans")
@pytest.mark.parametrize("supplier", [None, "17300001"])
async def test_a_part_of_a_new_key_may_be_empty(supplier: JsonValue) -> None:
    """The receipt names the record by the key that it is read by, and reading back finds it by the same."""
    plans = copy.deepcopy(PLANS)
    plans[CREATE]["made"]["key_paths"] += [f"{_ITEMS}.0.FixedSupplier?"]
    plans[CREATE]["find"]["key_paths"] += ["FixedSupplier?"]
    async with keyed_by_supplier(plans) as (fake, commands):
        command = create_command(supplier_id=supplier)
        outcome = await commands.send(command)
        ((number, item),) = fake.requisitions
        assert isinstance(outcome, Committed)
        assert outcome.written.key == f"{number}/{item}/{supplier or ''}"
        assert await commands.find(command) == outcome.written


@guarantees("commands.plans")
def test_a_part_of_a_key_that_is_empty_is_no_missing_one() -> None:
    """Nothing at all is still refused."""
    facts = Facts(command=create_command(), key=("R1", "0001", ""))
    assert text_of(Value(source="key", index=2), facts) == ""
    assert text_of(Value(source="const", const=""), facts) == ""
    with pytest.raises(RefusedError, match="no_key"):
        text_of(Value(source="key", index=3), facts)
