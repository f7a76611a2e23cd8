"""Adapter kind `odata`: services of OData V2 and V4."""
