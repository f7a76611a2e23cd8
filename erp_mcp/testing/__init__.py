"""The shipped test kit: what reads or writes a system elsewhere must pass. Production code never imports it.

Names are imported when they are first used: pytest loads the kit's plugin in every project that has it installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from erp_mcp.testing.adapter_contract import AdapterContract
    from erp_mcp.testing.clocks import FixedClock, NumberedIds
    from erp_mcp.testing.command_contract import CommandContract
    from erp_mcp.testing.command_source import CommandFault, CommandSource
    from erp_mcp.testing.connections import FixedIdentity, connection_to
    from erp_mcp.testing.contract_source import ContractSource, Fault
    from erp_mcp.testing.limits import NO_LIMITS

_MODULES: Final = {
    "NO_LIMITS": "limits",
    "AdapterContract": "adapter_contract",
    "CommandContract": "command_contract",
    "CommandFault": "command_source",
    "CommandSource": "command_source",
    "ContractSource": "contract_source",
    "Fault": "contract_source",
    "FixedClock": "clocks",
    "FixedIdentity": "connections",
    "NumberedIds": "clocks",
    "connection_to": "connections",
}

__all__ = [
    "NO_LIMITS",
    "AdapterContract",
    "CommandContract",
    "CommandFault",
    "CommandSource",
    "ContractSource",
    "Fault",
    "FixedClock",
    "FixedIdentity",
    "NumberedIds",
    "connection_to",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
