"""What a change takes of the business limits that its permission obliges to; what can't be counted is a denial."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_UP, Decimal, InvalidOperation
from typing import Final

from erp_mcp.domain.decision import Limit
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Change, LimitUse
from erp_mcp.domain.value import MONEY_DIGITS
from erp_mcp.errors import RuleNotEvaluableError

PERCENT: Final = "%"
CONCERNS: Final = ("object", "material", "supplier", "site")
_FIELDS: Final = {"material": "material_id", "supplier": "supplier_id", "site": "site"}


def limits_of(limits: Iterable[Limit], principal: Principal, draft: Draft) -> tuple[LimitUse, ...]:
    """Return what a draft takes of each business limit; one that is about several materials counts for each of them.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, when the value, its currency, what it was before, or what is
            counted per is not known.
    """
    return tuple(
        LimitUse(
            limit=limit.id,
            key=f"{limit.key}:{key}",
            amount=_amount(limit, draft),
            maximum=_scaled(limit, limit.maximum, ROUND_FLOOR),
            window_s=limit.window_s,
            currency=limit.currency if limit.measure == "value" else PERCENT if limit.measure == "change_pct" else "",
        )
        for limit in limits
        for key in _counted_per(limit, principal, draft)
    )


def concerns(draft: Draft, name: str) -> tuple[str, ...]:
    """Return what a draft is about, sorted: its `object`, `material`, `supplier` or `site`; empty where none is known.

    A draft says it by its amounts, its fields, or the fields of its lines. An object that is not there yet is none. Of
    sites all are known or none: where one of several lines says none, the change may touch any.
    """
    if name == "object":
        return (f"{draft.system}/{draft.key}",) if draft.key else ()
    field = _FIELDS[name]
    said = draft.amounts.get(field) or draft.fields.get(field)
    if isinstance(said, str) and said:
        return (said,)
    lists = [value for value in draft.fields.values() if isinstance(value, list)]
    named = [{line.get(field) for line in lines if isinstance(line, dict)} for lines in lists]
    if name == "site" and any(any(one) and not all(one) for one in named):
        return ()
    return tuple(sorted({one for found in named for one in found if isinstance(one, str) and one}))


def _counted_per(limit: Limit, principal: Principal, draft: Draft) -> tuple[str, ...]:
    if limit.key == "agent":
        return (principal.agent,)
    if limit.key == "owner":
        return (principal.owner,)
    found = concerns(draft, limit.key)
    if not found:
        raise RuleNotEvaluableError(rule=limit.id, missing=_FIELDS.get(limit.key, "record"))
    return found


def _amount(limit: Limit, draft: Draft) -> int:
    if limit.measure == "count":
        return 1
    return _value(limit, draft) if limit.measure == "value" else _change_pct(limit, draft)


def _value(limit: Limit, draft: Draft) -> int:
    value, currency = draft.amounts.get("value", ""), draft.amounts.get("currency", "")
    if not value:
        raise RuleNotEvaluableError(rule=limit.id, missing="value")
    if currency != limit.currency:
        raise RuleNotEvaluableError(rule=limit.id, missing=f"value in {limit.currency}", currency=currency)
    return abs(_scaled(limit, value, ROUND_UP))


def _change_pct(limit: Limit, draft: Draft) -> int:
    """Return by how much the field changes at most, up or down, in 10⁻⁴ percent; 0 where it does not change."""
    steps = [one for one in draft.changes if re.split(r"[.\[\]/ ]", one.field)[-1] == limit.field]
    return max((_step(limit, one) for one in steps if one.before != one.after), default=0)


def _step(limit: Limit, change: Change) -> int:
    try:
        before, after = Decimal(change.before), Decimal(change.after)
        pct = abs(after - before) / abs(before) * 100
    except (InvalidOperation, ZeroDivisionError):
        raise RuleNotEvaluableError(rule=limit.id, missing=f"{limit.field} before and after, as numbers") from None
    return _scaled(limit, str(pct), ROUND_CEILING)


def _scaled(limit: Limit, number: str, rounding: str) -> int:
    """Return a count, or a value in 10⁻⁴ of its currency or of a percent."""
    try:
        scaled = Decimal(number).scaleb(0 if limit.measure == "count" else MONEY_DIGITS)
        return int(scaled.to_integral_value(rounding))
    except (InvalidOperation, ValueError, OverflowError):
        raise RuleNotEvaluableError(rule=limit.id, missing="value") from None
