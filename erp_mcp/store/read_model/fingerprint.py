"""Which form a read model file has; reader and writer agree on it without a schema library."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import Final

from erp_mcp.domain.entities import ENTITIES, field_specs

# Raised when indexes, the tables beside the entities, or the way values are stored change.
FORMAT: Final = 6


@functools.cache
def schema_hash() -> str:
    """Return the SHA-256 of everything the tables are made from: 64 hexadecimal digits."""
    entities = {
        name: [
            list(entity.KEY),
            [[spec.name, spec.kind.value, spec.meaning.entity, spec.optional] for spec in field_specs(entity)],
        ]
        for name, entity in ENTITIES.items()
    }
    text = json.dumps([FORMAT, entities], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
