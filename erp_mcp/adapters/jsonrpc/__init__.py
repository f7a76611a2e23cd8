"""JSON-RPC systems (Tryton): sessions, typed JSON, and profiles that map models to canonical entities. Two writes."""
