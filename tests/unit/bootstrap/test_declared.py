"""The check before each use of a declared system takes nothing away from its adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.bootstrap.declared import guarded
from erp_mcp.domain.introspection import Introspection
from erp_mcp.errors import DeclarationMissingError
from erp_mcp.ports import Introspects
from erp_mcp.sync.identity import CrossReferences
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees


class Referring(MemoryAdapter):
    async def cross_references(self, entity: str) -> Mapping[str, str]:
        return {entity: "canonical"}


class Introspecting(MemoryAdapter):
    async def introspect(self) -> Introspection:
        return Introspection()


class Whole(Introspecting, Referring):
    pass


def refuse() -> None:
    raise DeclarationMissingError(system="sap", declaration="licensed")


@guarantees("P7.sync_exact", "P1.declared")
@pytest.mark.parametrize("kind", [MemoryAdapter, Referring, Introspecting, Whole])
async def test_a_declared_system_can_do_what_its_adapter_can(kind: Callable[..., Any]) -> None:
    """Without its cross-references, ids would silently stay those of the system."""
    adapter = kind("sap", ["stock"], FixedClock())
    one = guarded(adapter, lambda: None)
    assert isinstance(one, Introspects) == isinstance(adapter, Introspects)
    assert isinstance(one, CrossReferences) == isinstance(adapter, CrossReferences)
    if isinstance(one, CrossReferences):
        assert await one.cross_references("stock") == {"stock": "canonical"}
        shut = guarded(adapter, refuse)
        assert isinstance(shut, CrossReferences)
        with pytest.raises(DeclarationMissingError):
            await shut.cross_references("stock")
