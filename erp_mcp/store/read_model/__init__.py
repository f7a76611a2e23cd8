"""The read model on SQLite: a table per canonical entity, written by synchronisation, read-only for the gateway."""
