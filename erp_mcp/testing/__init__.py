"""The shipped test kit: what an adapter written elsewhere must pass. Production code never imports it."""

from __future__ import annotations

from erp_mcp.testing.adapter_contract import AdapterContract
from erp_mcp.testing.clocks import FixedClock, NumberedIds
from erp_mcp.testing.contract_source import ContractSource, Fault

__all__ = ["AdapterContract", "ContractSource", "Fault", "FixedClock", "NumberedIds"]
