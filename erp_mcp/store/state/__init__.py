"""The state file of a deployment: audit records, applied policy bundles, leases; and the deployment key beside it."""

from __future__ import annotations

from erp_mcp.store.state.keys import deployment_key, derived_key
from erp_mcp.store.state.sqlite import State

__all__ = ["State", "deployment_key", "derived_key"]
