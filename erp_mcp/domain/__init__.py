"""Frozen nouns of the gateway: no I/O, no clocks, no randomness."""
