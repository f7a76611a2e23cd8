"""A real Tryton for tests: installed, started and seeded from here; driven over JSON-RPC only."""
