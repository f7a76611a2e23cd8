"""What happened, provably: the leaf every record is hashed as, and its verification (docs/audit.md)."""
