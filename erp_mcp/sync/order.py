"""In which order entities are read: what is referred to comes before what refers to it."""

from __future__ import annotations

import functools
from collections.abc import Collection
from graphlib import TopologicalSorter

from erp_mcp.domain.entities import ENTITIES, Kind, field_specs


def in_order(entities: Collection[str]) -> list[str]:
    """Return the entities, owners and master data first; the same order each time."""
    return [entity for entity in _all_in_order() if entity in entities]


@functools.cache
def _all_in_order() -> tuple[str, ...]:
    graph = {
        name: sorted(
            {
                spec.meaning.entity
                for spec in field_specs(entity)
                if spec.kind is Kind.REF and spec.meaning.entity in ENTITIES and spec.meaning.entity != name
            }
        )
        for name, entity in ENTITIES.items()
    }
    # A purchase order line is converted with what these two say.
    graph["purchase_order_line"] = [*graph["purchase_order_line"], "material", "unit_conversion"]
    return tuple(TopologicalSorter(graph).static_order())
