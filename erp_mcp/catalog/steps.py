"""What the tools of a saga's steps are called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.tool import SagaStep

SHARED: Final = ("reason", "idempotency_key")  # of the saga, for each of its steps


def arguments_of(step: SagaStep, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what the tool of a step is called with; what the saga was not given is absent there too.

    Args:
        step: The step.
        given: Arguments of the saga as they came.
    """
    taken = {name: given[source] for name, source in step.arguments if source in given}
    shared = {name: given[name] for name in SHARED if name in given}
    return {**taken, **dict(step.values), **shared}
