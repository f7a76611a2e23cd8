"""Stockbook, an invented warehouse system, for erp-mcp: an adapter, a profile, and the proof that it is one."""
