"""The shipped test kit: what reads or writes a system elsewhere must pass. Production code never imports it."""

from __future__ import annotations

from erp_mcp.testing.adapter_contract import AdapterContract
from erp_mcp.testing.clocks import FixedClock, NumberedIds
from erp_mcp.testing.command_contract import CommandContract
from erp_mcp.testing.command_source import CommandFault, CommandSource
from erp_mcp.testing.contract_source import ContractSource, Fault

__all__ = [
    "AdapterContract",
    "CommandContract",
    "CommandFault",
    "CommandSource",
    "ContractSource",
    "Fault",
    "FixedClock",
    "NumberedIds",
]
