"""Writes over OData keep the contract of `ports.Commands`: both versions of the protocol, over real HTTP."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.command_values import Facts
from erp_mcp.adapters._documents.command_verdicts import Accepted, Verdict
from erp_mcp.adapters._documents.commands import PlannedCommands, Wire
from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.domain.command import Command, NotSent, Outcome, Refused, Unknown
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.write_plan import Find, Plan
from erp_mcp.errors import GatewayError
from erp_mcp.testing import CommandContract, CommandSource
from tests.guarantees import guarantees
from tests.unit.adapters.odata.buying_profile import PLANS
from tests.unit.adapters.odata.buying_source import BuyingSource
from tests.unit.adapters.odata.fake_writes import Buying
from tests.unit.adapters.writing_source import CREATE


async def _served(fake: Buying) -> AsyncIterator[CommandSource]:
    async with fake.server:
        source = BuyingSource(fake)
        yield source
        await source.commands.close()


@guarantees("commands.contract")
class TestODataV2(CommandContract):
    @pytest.fixture
    async def source(self) -> AsyncIterator[CommandSource]:
        async for one in _served(Buying(version=2)):
            yield one


@guarantees("commands.contract")
class TestODataV4(CommandContract):
    @pytest.fixture
    async def source(self) -> AsyncIterator[CommandSource]:
        async for one in _served(Buying(version=4)):
            yield one


@guarantees("commands.contract")
class TestODataUnique(CommandContract):
    """Where the system takes no second document with our reference, which it says with a failure of its database."""

    @pytest.fixture
    async def source(self) -> AsyncIterator[CommandSource]:
        fake = Buying(version=2, unique=True)
        plans = copy.deepcopy(PLANS)
        plans[CREATE]["contract"] = "unique_ref"
        async with fake.server:
            source = BuyingSource(fake, plans)
            yield source
            await source.commands.close()


# --- Wires that are wrong in one way each -----------------------------------------------------------------------------


class Wrong:
    """Passes everything on to a right one."""

    def __init__(self, right: Wire) -> None:
        self.right = right

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)


class RepeatsWire(Wrong):
    """Sends again what was lost, under another reference, so that nothing holds it back."""

    async def write(self, plan: Plan, facts: Facts) -> Verdict:
        verdict = await self.right.write(plan, facts)
        if not isinstance(verdict, Unknown):
            return verdict
        again = dataclasses.replace(facts.command, reference=reference_of(facts.command.reference))
        return await self.right.write(plan, dataclasses.replace(facts, command=again))


class BelievesTheStatusWire(Wrong):
    """Takes any answer for success."""

    async def write(self, plan: Plan, facts: Facts) -> Verdict:
        verdict = await self.right.write(plan, facts)
        return Accepted() if verdict == Unknown(reason="answer_unreadable") else verdict


class TakesLossForNotSentWire(Wrong):
    """Lets what may have arrived be sent again."""

    async def write(self, plan: Plan, facts: Facts) -> Verdict:
        verdict = await self.right.write(plan, facts)
        return NotSent(reason="lost") if isinstance(verdict, Unknown) else verdict


class FindsAnythingWire(Wrong):
    """Takes the first that comes for ours."""

    async def bearing(self, find: Find, facts: Facts) -> Sequence[Document]:
        everything = dataclasses.replace(find, where={})
        rows = await self.right._rows(everything.place, {}, everything.key, facts)  # type: ignore[attr-defined]
        return list(rows[:1])


class TakesDownForEmptyWire(Wrong):
    """Says that nothing is there when it could not look."""

    async def bearing(self, find: Find, facts: Facts) -> Sequence[Document]:
        try:
            return await self.right.bearing(find, facts)
        except GatewayError:
            return []


class SwallowsRefusalsWire(Wrong):
    """Calls everything unknown that is not done."""

    async def write(self, plan: Plan, facts: Facts) -> Verdict:
        verdict = await self.right.write(plan, facts)
        return Unknown(reason="failed") if isinstance(verdict, Refused) else verdict


class ProbesByWritingWire(Wrong):
    """Tries it out."""

    async def ready(self, plan: Plan, facts: Facts) -> str:
        reference = reference_of(f"probe/{plan.operation}")
        good = {"material_id": "RM-1", "site": "1010", "qty": "1", "uom": "KGM", "delivery_date": "2028-01-01"}
        command = dataclasses.replace(facts.command, reference=reference, fields=good)
        if not plan.changes:
            await self.right.write(plan, dataclasses.replace(facts, command=command))
        return await self.right.ready(plan, facts)


class Careless(PlannedCommands):
    """Never looks at the record before it writes."""

    async def _held(self, plan: Plan, command: Command) -> Outcome | None:
        return None


_BROKEN: Final[dict[type[Wrong], tuple[str, ...]]] = {
    RepeatsWire: ("sends_once_whatever_comes_back",),
    BelievesTheStatusWire: ("an_answer_lost_after_the_effect_is_unknown_and_then_found",),
    TakesLossForNotSentWire: ("an_answer_lost_after_the_effect_is_unknown_and_then_found",),
    FindsAnythingWire: ("finds_nothing_but_what_this_very_command_wrote",),
    TakesDownForEmptyWire: ("a_system_that_is_down_never_looks_empty",),
    SwallowsRefusalsWire: ("what_the_system_refuses_is_refused_and_is_not_written",),
    ProbesByWritingWire: ("probe_says_how_each_contract_is_kept_and_writes_nothing",),
}


@guarantees("commands.contract")
@pytest.mark.parametrize(("kind", "check"), [(kind, check) for kind, checks in _BROKEN.items() for check in checks])
async def test_the_contract_fails_what(kind: type[Wrong], check: str) -> None:
    """A suite that passes everything proves nothing."""
    fake = Buying(version=4)
    async with fake.server:
        source = BuyingSource(fake)
        right = source.commands
        source.commands = dataclasses.replace(right, wire=kind(right.wire))
        with pytest.raises((AssertionError, GatewayError, pytest.fail.Exception)):
            await getattr(CommandContract(), f"test_{check}")(source)
        await right.close()


@guarantees("commands.contract", "P4.stale")
async def test_the_contract_fails_what_compares_no_version() -> None:
    """Here both guards are taken away: the comparison with the record, and the version in the request."""
    fake = Buying(version=4)
    async with fake.server:
        source = BuyingSource(fake)
        right = source.commands
        source.commands = Careless(**{one.name: getattr(right, one.name) for one in dataclasses.fields(right)})
        with pytest.raises(AssertionError):
            await CommandContract().test_a_record_that_changed_is_a_conflict_and_is_not_written(source)
        await right.close()
