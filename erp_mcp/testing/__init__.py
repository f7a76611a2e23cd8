"""The shipped test kit: what an adapter written elsewhere must pass. Production code never imports it."""

from __future__ import annotations

from erp_mcp.testing.adapter_contract import AdapterContract, ContractSource, Fault
from erp_mcp.testing.clocks import FixedClock, NumberedIds

__all__ = ["AdapterContract", "ContractSource", "Fault", "FixedClock", "NumberedIds"]
