"""What a change takes of the business limits that its permission obliges to; what can't be counted is a denial."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

from erp_mcp.domain.decision import Limit
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import LimitUse
from erp_mcp.domain.value import MONEY_DIGITS
from erp_mcp.errors import RuleNotEvaluableError


def limits_of(limits: Iterable[Limit], principal: Principal, draft: Draft) -> tuple[LimitUse, ...]:
    """Return what a draft takes of each business limit.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, when the value, its currency or what is counted per is not known.
    """
    return tuple(
        LimitUse(
            limit=limit.id,
            key=f"{limit.key}:{_counted_per(limit, principal, draft)}",
            amount=1 if limit.measure == "count" else _value(limit, draft),
            maximum=_scaled(limit, limit.maximum, ROUND_FLOOR),
            window_s=limit.window_s,
            currency=limit.currency if limit.measure == "value" else "",
        )
        for limit in limits
    )


def _counted_per(limit: Limit, principal: Principal, draft: Draft) -> str:
    if limit.key == "agent":
        return principal.agent
    if limit.key == "owner":
        return principal.owner
    material = draft.amounts.get("material_id") or draft.fields.get("material_id")
    if not isinstance(material, str) or not material:
        raise RuleNotEvaluableError(rule=limit.id, missing="material_id")
    return material


def _value(limit: Limit, draft: Draft) -> int:
    value, currency = draft.amounts.get("value", ""), draft.amounts.get("currency", "")
    if not value:
        raise RuleNotEvaluableError(rule=limit.id, missing="value")
    if currency != limit.currency:
        raise RuleNotEvaluableError(rule=limit.id, missing=f"value in {limit.currency}", currency=currency)
    return _scaled(limit, value, ROUND_CEILING)


def _scaled(limit: Limit, number: str, rounding: str) -> int:
    """Return a count, or a value in 10⁻⁴ of its currency."""
    try:
        scaled = Decimal(number).scaleb(0 if limit.measure == "count" else MONEY_DIGITS)
        return int(scaled.to_integral_value(rounding))
    except (InvalidOperation, ValueError, OverflowError):
        raise RuleNotEvaluableError(rule=limit.id, missing="value") from None
