"""The terms of one proposal: those that policy holds for its tool, worked out for what the change is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Final

from erp_mcp.domain.decision import Band, Terms
from erp_mcp.policy.rules import MAX_NEEDED

OUTSIDER_TEXT: Final = "outsider_text"


def terms_for(terms: Terms, amounts: Mapping[str, str], *, tainted: bool = False) -> Terms:
    """Return the terms of a change.

    Args:
        terms: As policy holds them for its tool.
        amounts: Of the draft: its `value` and `currency`, where they are known. A value that is not known in the
            currency of the bands falls into the last one, which is the strictest.
        tainted: Whether the agent has read text that outsiders wrote: then one more person must say yes, and the
            agent's owner is none of them.
    """
    found = _banded(terms, amounts) if terms.bands else terms
    return _raised(found) if tainted else found


def _banded(terms: Terms, amounts: Mapping[str, str]) -> Terms:
    value = _value(terms, amounts)
    band = _band_of(terms.bands, value)
    start = f"worth {value} {terms.currency}" if value is not None else f"value not known in {terms.currency}"
    reach = f"up to {band.to} {terms.currency}" if band.to else "the highest band"
    return replace(
        terms,
        needed=band.needed,
        approvers=band.approvers,
        groups=band.groups,
        bands=(),
        currency="",
        band=f"{start}: {reach}",
    )


def _band_of(bands: tuple[Band, ...], value: Decimal | None) -> Band:
    if value is None:
        return bands[-1]
    return next(band for band in bands if not band.to or value <= Decimal(band.to))


def _value(terms: Terms, amounts: Mapping[str, str]) -> Decimal | None:
    """Return what a change is worth; what is below zero may be a price that falls, and is not taken for little."""
    if amounts.get("currency") != terms.currency:
        return None
    try:
        value = Decimal(amounts.get("value", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None


def _raised(terms: Terms) -> Terms:
    return replace(terms, needed=min(terms.needed + 1, MAX_NEEDED), self_approval=False, raised=OUTSIDER_TEXT)
