"""An account that can do more than it needs is not used, whoever wrote the adapter that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.bootstrap import open_deployment
from erp_mcp.bootstrap.least_rights import LOOK_AGAIN_S, RightsCheck, WritingRights, least_rights
from erp_mcp.committing.held_back import held_back_by
from erp_mcp.domain.introspection import Introspection
from erp_mcp.errors import AccountTooPowerfulError, SystemTimeoutError
from erp_mcp.ports import Commands, Introspects, KnowsLacking
from erp_mcp.sync.identity import CrossReferences
from erp_mcp.testing import FixedClock
from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.moments import Ticks
from tests.unit.cli.toys import toy


class Plain(MemoryAdapter):
    """An adapter that says what its account may do."""

    excess: tuple[str, ...] = ()
    asked = 0

    async def introspect(self) -> Introspection:
        self.asked += 1
        return Introspection(excess=self.excess, revoke=tuple(f"REVOKE {one}" for one in self.excess))


class Referring(Plain):
    async def cross_references(self, entity: str) -> Mapping[str, str]:
        return {entity: "canonical"}


@guarantees("P2.least_rights")
@pytest.mark.parametrize("kind", [Plain, Referring])
async def test_nothing_is_read_with_an_account_that_can_do_more_than_it_needs(kind: Callable[..., Any]) -> None:
    """By none of the ways of reading; a person still finds out what it can do."""
    adapter = kind("erp", ["stock"], FixedClock())
    adapter.excess = ("delete customers",)
    one = least_rights(adapter)
    with pytest.raises(AccountTooPowerfulError) as caught:
        await one.read("stock", ["S1"])
    assert caught.value.facts == {
        "system": "erp",
        "rights": ("delete customers",),
        "revoke": ("REVOKE delete customers",),
    }
    with pytest.raises(AccountTooPowerfulError):
        await read_pages(one, "stock")
    if isinstance(one, CrossReferences):
        with pytest.raises(AccountTooPowerfulError):
            await one.cross_references("stock")
    assert await one.probe() == await adapter.probe()
    assert isinstance(one, Introspects)
    assert (await one.introspect()).excess == ("delete customers",)


@guarantees("P2.least_rights")
def test_what_a_system_does_not_keep_is_told_through_the_check() -> None:
    """Else an answer that rests on such a field would call itself whole."""

    class Knowing(Plain):
        def lacking(self, entity: str) -> tuple[str, ...]:
            return (f"{entity}_note",)

    assert cast("KnowsLacking", least_rights(Knowing("erp", ["stock"], FixedClock()))).lacking("stock") == (
        "stock_note",
    )
    assert cast("KnowsLacking", least_rights(Plain("erp", ["stock"], FixedClock()))).lacking("stock") == ()


@guarantees("P2.least_rights", "P7.sync_exact")
@pytest.mark.parametrize("kind", [MemoryAdapter, Plain, Referring])
async def test_an_account_that_can_only_read_is_used_and_the_adapter_can_what_it_can(kind: Callable[..., Any]) -> None:
    """Without its cross-references, ids would silently stay those of the system."""
    adapter = kind("erp", ["stock"], FixedClock())
    one = least_rights(adapter)
    assert isinstance(one, Introspects) == isinstance(adapter, Introspects)
    assert isinstance(one, CrossReferences) == isinstance(adapter, CrossReferences)
    assert (one.system, one.entities) == ("erp", frozenset({"stock"}))
    assert await one.read("stock", ["S1"]) == ()
    assert (await read_pages(one, "stock"))[-1].last
    if isinstance(one, CrossReferences):
        assert await one.cross_references("stock") == {"stock": "canonical"}
    await one.close()


@guarantees("P2.least_rights")
async def test_rights_are_looked_at_once_in_a_quarter_of_an_hour() -> None:
    """Servers live long, and rights are given later; but not with each request."""
    adapter, ticks = Plain("erp", ["stock"], FixedClock()), Ticks()
    check = RightsCheck("erp", adapter, monotonic=ticks)
    await check.check()
    adapter.excess = ("delete customers",)
    ticks.now += LOOK_AGAIN_S - 1
    await check.check()
    assert adapter.asked == 1
    ticks.now += 1
    for asked in (2, 3):  # a refusal does not last: it is asked again, until it is mended
        with pytest.raises(AccountTooPowerfulError):
            await check.check()
        assert adapter.asked == asked
    adapter.excess = ()
    await check.check()


@guarantees("P2.least_rights")
async def test_where_rights_cannot_be_looked_at_nothing_is_read() -> None:
    """Whoever is not told does not hope for the best."""

    class Silent(Plain):
        async def introspect(self) -> Introspection:
            raise SystemTimeoutError(system="erp")

    with pytest.raises(SystemTimeoutError):
        await least_rights(Silent("erp", ["stock"], FixedClock())).read("stock", ["S1"])


@guarantees("P8.text_is_data")
async def test_hostile_names_are_tamed_and_statements_that_cannot_be_shown_left_out() -> None:
    """Both are somebody's text."""
    adapter = Plain("erp", ["stock"], FixedClock())
    adapter.excess = ("a\x1b[2Jb", "x" * 600)
    with pytest.raises(AccountTooPowerfulError) as caught:
        await least_rights(adapter).read("stock", ["S1"])
    assert caught.value.facts["rights"] == ("a?[2Jb", "x" * 120)
    assert caught.value.facts["revoke"] == ()


@dataclass
class Writing:
    """What writes to a system, as far as its rights go."""

    excess: tuple[str, ...] = ()
    system: str = "erp"
    asked: list[str] = field(default_factory=list)

    async def introspect(self) -> Introspection:
        self.asked.append(self.system)
        return Introspection(excess=self.excess)


class Mute:
    system = "erp"


@guarantees("P2.least_rights")
async def test_an_account_that_writes_and_can_do_more_is_not_written_with() -> None:
    """The proposal waits; what does not say anything of rights is used as before."""
    rights, good = WritingRights(monotonic=Ticks()), Writing()
    for _ in range(2):
        await rights.check(cast("Commands", good))
    await rights.check(cast("Commands", Mute()))
    assert good.asked == ["erp"]
    with pytest.raises(AccountTooPowerfulError) as caught:  # another connection, perhaps as another account
        await rights.check(cast("Commands", Writing(excess=("delete customers",))))
    held = held_back_by(caught.value)
    assert (held.move, held.reason) == ("postpone", "account_too_powerful")
    assert "delete customers" not in str(held.facts)


@guarantees("P2.least_rights")
@pytest.mark.parametrize("more", ["", "declaration: licensed_access"])
async def test_a_deployment_reads_with_no_account_of_a_third_party_that_can_do_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    """`sync` and live reads go through the same check; an agent is told that, and not what the account can do."""
    deployment = open_deployment(toy(tmp_path, monkeypatch, excess="'INSERT on stock',", more=more))
    if more:
        deployment.declare("toy", by="Ina", pathway="as agreed", account="tester")
    adapter = deployment.adapter(deployment.system("toy"))
    with pytest.raises(AccountTooPowerfulError) as caught:
        await read_pages(adapter, "stock")
    assert caught.value.facts["rights"] == ("INSERT on stock",)
    assert isinstance(adapter, Introspects)
    with pytest.raises(AccountTooPowerfulError) as told:
        await deployment.live.read("toy", "stock", ["S1"])
    assert told.value.facts == {"system": "toy"}
    await adapter.close()
    await deployment.disconnect()
    deployment.close()
