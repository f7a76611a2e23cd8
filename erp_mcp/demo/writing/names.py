"""Ids and values of commands in the ERP's own terms, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, money_text, quantity_text, to_scaled


def text_of(fields: Mapping[str, JsonValue], name: str) -> str:
    """Return a text field, empty where it is missing: the service's own rules refuse what is missing."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def text_or_none(fields: Mapping[str, JsonValue], name: str) -> str | None:
    """Return a text field that may be left out."""
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def rows_of(fields: Mapping[str, JsonValue], name: str) -> tuple[Mapping[str, JsonValue], ...]:
    """Return a table of the fields; what is no row is left out, so a rule must count them."""
    value = fields.get(name)
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def local(profile: Profile, entity: str, canonical: str) -> str:
    """Return the ERP's own id for a canonical one."""
    rule = profile.identity.get(entity)
    return canonical.removeprefix(rule.prefix) if rule is not None and rule.rule == "add_prefix" else canonical


def canonical(profile: Profile, entity: str, own: str) -> str:
    """Return the canonical id for one of the ERP's own."""
    rule = profile.identity.get(entity)
    return f"{rule.prefix}{own}" if rule is not None and rule.rule == "add_prefix" else own


def quantity(value: JsonValue) -> str | None:
    """Return a native quantity as commands have it: without zeros at the end."""
    return quantity_text(to_scaled(value, QUANTITY_DIGITS)) if isinstance(value, str) else None


def money(value: JsonValue) -> str | None:
    """Return a native price or amount as commands have it: with two to four places."""
    return money_text(to_scaled(value, MONEY_DIGITS)) if isinstance(value, str) else None


def thousandths(text: str) -> str:
    """Return a quantity as the ERP keeps it, three decimals."""
    return str(Decimal(text).quantize(Decimal("0.001")))
