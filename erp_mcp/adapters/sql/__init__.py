"""Adapter kind `sql`: reads a database of a system of record, and can't write by construction."""
