"""Money that may be spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from erp_mcp.domain.entities.fields import Code, Currency, Id, Money, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget(Record):
    """Budget of a cost centre in one period: what was planned, what is ordered, what was spent.

    Cost centres belong to a company code; no source says which part of one is a site's.
    """

    ENTITY: ClassVar[str] = "budget"
    KEY: ClassVar[tuple[str, ...]] = ("cost_center_id", "period")
    OF_COMPANY: ClassVar[bool] = True

    cost_center_id: Id
    period: Code  # year, or year and month: 2026, 2026-03
    company_code: Code | None = None
    budget: Money
    committed: Money
    actual: Money
    currency: Currency
