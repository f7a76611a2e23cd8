"""Freshness budgets from their file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.freshness import FreshnessBudget
from erp_mcp.errors import ConfigurationError
from erp_mcp.strict_yaml import read_model
from erp_mcp.systems.grammar import BudgetsForm
from erp_mcp.systems.kept import KeptText


def load_budgets(path: Path, *, kept: Path | None = None) -> Mapping[str, FreshnessBudget]:
    """Return the freshness budget of every canonical entity.

    Args:
        path: The file.
        kept: File in which what it was parsed into is kept for the next process; `None` keeps nothing.

    Raises:
        ConfigurationError: `settings.bad_configuration`, with file and line: an unknown entity, one that is left out, a
            cadence longer than its budget.
    """
    form, document = read_model(path, BudgetsForm, ConfigurationError, KeptText(kept) if kept is not None else None)
    for entity in form.entities:
        if entity not in ENTITIES:
            raise document.error(("entities", entity), "no such entity")
    missing = sorted(set(ENTITIES) - set(form.entities))
    if missing:
        raise document.error(("entities",), f"without a budget: {', '.join(missing)}")
    return {
        entity: FreshnessBudget(entity=entity, budget_s=budget.budget_s, cadence_s=budget.cadence_s)
        for entity, budget in form.entities.items()
    }
