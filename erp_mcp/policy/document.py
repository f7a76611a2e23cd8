"""Reads the parts of a stored bundle: every key is known, every value has its type, or the bundle is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Final, NamedTuple, NoReturn, cast

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Limit, LimitKey, LimitMeasure, Mask, MaskWay, Obligations, Setting, Terms
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Risk
from erp_mcp.errors import BadBundleError
from erp_mcp.policy.rules import (
    DEFAULT_TERMS,
    HOUR_S,
    LEVELS,
    MAX_AGE_FACTOR,
    MAX_PARAMETER,
    MAX_WINDOW_H,
    MINUTE_S,
    WRITE_LEVEL,
    ApprovalRule,
    Evidence,
    Grant,
    LimitRule,
    ParameterRule,
    Rule,
    Sites,
)

WAYS: Final[tuple[str, ...]] = ("drop", "hash", "band")
RISKS: Final[tuple[str, ...]] = ("W1", "W2", "W3", "W4")
MEASURES: Final[tuple[str, ...]] = ("count", "value", "change_pct")
LIMIT_KEYS: Final[tuple[str, ...]] = ("agent", "owner", "material", "supplier", "site", "object")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BUSINESS_RULE: Final = re.compile(r"R-[A-Z][A-Z0-9-]{0,30}")
_RULE_KEYS: Final = ("id", "effect", "roles", "tools", "sites", "levels", "shadow", "evidence")
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,10})(\.[0-9]{1,4})?")
_AMOUNT: Final = {"count": re.compile(r"[1-9][0-9]{0,8}"), "value": _DECIMAL, "change_pct": _DECIMAL}

_ROLE_KEYS: Final = ("sites", "masks", "max_rows", "max_window_days", "max_age_factor", "budgets_s")
_Object = dict[str, JsonValue]


def agent(name: str, value: JsonValue, roles: Mapping[str, Obligations]) -> Principal:
    """Return a declared agent."""
    one = fields(value, ("owner", "role"))
    role = text(one["role"])
    if role not in roles:
        refuse("unknown role")
    return Principal(agent=name, owner=text(one["owner"]), role=role)


def role_terms(value: JsonValue, declared: tuple[str, ...], *, shows: bool = True) -> Obligations:
    """Return what every call of a role is bound to; `shows` tells whether a document of this age has that key."""
    one = fields(value, (*_ROLE_KEYS, "shows") if shows else _ROLE_KEYS)
    budgets = tuple((entity, _count(seconds)) for entity, seconds in named(one["budgets_s"]))
    return Obligations(
        sites=_some_sites(one["sites"], declared),
        masks=tuple(_mask(mask) for mask in items(one["masks"])),
        max_rows=_count(one["max_rows"]),
        max_window_days=_count(one["max_window_days"]),
        max_age_factor=within(one["max_age_factor"], 1, MAX_AGE_FACTOR),
        budgets_s=budgets,
    )


def role_shows(value: JsonValue) -> tuple[str, ...] | None:
    """Return which tools a role's list shows, `None` where the policy does not say."""
    shown = value.get("shows") if isinstance(value, dict) else None
    return None if shown is None else texts(shown)


def rule(value: JsonValue, roles: Mapping[str, Obligations], declared: tuple[str, ...], *, latest: bool = True) -> Rule:
    """Return a rule; `latest` tells whether one of a document of this age can leave business rules to people."""
    # Only where it says so: without the key a bundle is as it was before this was there.
    leaves = latest and isinstance(value, dict) and "left_to_people" in value
    one = fields(value, (*_RULE_KEYS, "left_to_people") if leaves else _RULE_KEYS)
    found = Rule(
        id=text(one["id"]),
        effect=one_of(one["effect"], ("permit", "forbid")),
        roles=texts(one["roles"]),
        tools=texts(one["tools"]),
        sites=_some_sites(one["sites"], declared),
        levels=None if one["levels"] is None else levels(one["levels"]),
        shadow=flag(one["shadow"]),
        evidence=None if one["evidence"] is None else _evidence(one["evidence"]),
        left_to_people=_business_rules(one["left_to_people"]) if leaves else (),
    )
    if (found.shadow and found.effect == "permit") or not set(found.roles) <= set(roles):
        refuse("rule")
    if not found.roles or not found.tools:
        refuse("rule")
    if found.evidence and (found.effect, len(found.roles), len(found.tools)) != ("permit", 1, 1):
        refuse("evidence")
    if found.left_to_people and found.evidence is None:
        refuse("left_to_people")
    return found


def grants(
    value: JsonValue,
    rules: Sequence[Rule],
    approvals: Sequence[ApprovalRule],
    limits: Sequence[LimitRule],
    parameters: Sequence[ParameterRule] = (),
) -> dict[str, Grant]:
    """Return the write tools that rules with evidence name, each with its terms; nothing else may have any."""
    tools = {name: _granted_tool(one) for name, one in named(value)}
    granted = {tool for rule in rules if rule.evidence for tool in rule.tools}
    approved = [(tool, one.terms) for one in approvals for tool in one.tools]
    terms = dict(approved)
    bounds: list[LimitRule | ParameterRule] = [*limits, *parameters]
    if set(tools) != granted or not {*terms, *(tool for one in bounds for tool in one.tools)} <= granted:
        refuse("writes")
    if len(terms) != len(approved):
        refuse("approvals")
    if any(tools[tool].risk != "W1" and not one.needed for tool, one in terms.items()):
        refuse("nobody")
    if any(tools[tool].risk in ("W3", "W4") and one.self_approval for tool, one in terms.items()):
        refuse("self_approval")
    counted = {tool: tuple(one.limit for one in limits if tool in one.tools) for tool in granted}
    return {
        tool: Grant(
            level=WRITE_LEVEL,
            risk=was.risk,
            hash=was.hash,
            approval=_within(terms.get(tool, DEFAULT_TERMS), was.valid_s),
            limits=counted[tool],
            settings=_settings(tool, parameters),
        )
        for tool, was in tools.items()
    }


def limit(value: JsonValue, *, fielded: bool = True) -> LimitRule:
    """Return a limit that proposals count against; `fielded` tells whether a document of this age knows fields."""
    keys = ("id", "tools", "measure", "key", "window_s", "maximum", "currency")
    one = fields(value, (*keys, "field") if fielded else keys)
    measure, maximum = one_of(one["measure"], MEASURES if fielded else MEASURES[:2]), text(one["maximum"])
    currency = "" if one["currency"] is None else matching(one["currency"], _CURRENCY)
    field = "" if one.get("field") is None else matching(one["field"], _FIELD)
    if not _AMOUNT[measure].fullmatch(maximum) or not Decimal(maximum) or (measure == "value") != bool(currency):
        refuse("limit")
    if (measure == "change_pct") != bool(field):
        refuse("limit")
    found = Limit(
        id=text(one["id"]),
        measure=cast("LimitMeasure", measure),
        key=cast("LimitKey", one_of(one["key"], LIMIT_KEYS if fielded else LIMIT_KEYS[:3])),
        maximum=maximum,
        window_s=within(one["window_s"], MINUTE_S if fielded else HOUR_S, MAX_WINDOW_H * HOUR_S),
        currency=currency,
        field=field,
    )
    return LimitRule(tools=distinct(one["tools"]), limit=found)


def parameters(value: JsonValue) -> ParameterRule:
    """Return what business rules of some tools go by; whether there are such parameters is for preparing to see."""
    one = fields(value, ("id", "tools", "values"))
    rule, values = text(one["id"]), named(one["values"])
    if not values:
        refuse("parameters")
    settings = tuple(
        Setting(rule=rule, name=matching(name, _FIELD), value=_whole(number, MAX_PARAMETER)) for name, number in values
    )
    return ParameterRule(id=rule, tools=distinct(one["tools"]), settings=settings)


def levels(value: JsonValue) -> tuple[int, ...]:
    """Return ISA-95 levels of the planning side."""
    found = tuple(_count(level) for level in items(value))
    if not found or not set(found) <= set(LEVELS):
        refuse("levels")
    return found


def _settings(tool: str, rules: Sequence[ParameterRule]) -> tuple[Setting, ...]:
    found = sorted((one for rule in rules if tool in rule.tools for one in rule.settings), key=lambda one: one.name)
    if len({one.name for one in found}) != len(found):
        refuse("parameters")
    return tuple(found)


class _Granted(NamedTuple):
    """What a write tool was when it was granted; `valid_s` where its proposals wait for less than is said elsewhere."""

    risk: Risk
    hash: str
    valid_s: int


def _granted_tool(value: JsonValue) -> _Granted:
    """Return its risk class, the hash of its definition, and for how long its proposals wait, where it says so."""
    shorter = isinstance(value, dict) and "valid_s" in value  # else a bundle is as it was before this was there
    one = fields(value, ("level", "risk", "hash", *(("valid_s",) if shorter else ())))
    within(one["level"], WRITE_LEVEL, WRITE_LEVEL)
    valid_s = within(one["valid_s"], MINUTE_S, DEFAULT_TERMS.valid_s - 1) if shorter else 0
    return _Granted(cast("Risk", one_of(one["risk"], RISKS)), matching(one["hash"], _DIGEST), valid_s)


def _within(terms: Terms, valid_s: int) -> Terms:
    """Return terms with the time that the grant of a tool says, if it does; nothing in them may come after that."""
    if not valid_s:
        return terms
    if terms.escalates_s >= valid_s or terms.carry_out_s > valid_s:
        refuse("approvals")
    return replace(terms, valid_s=valid_s)


def _evidence(value: JsonValue) -> Evidence:
    if isinstance(value, dict) and set(value) == {"report"}:
        return Evidence(report=matching(value["report"], _DIGEST))
    one = fields(value, ("accepted_by", "reason"))
    found = Evidence(accepted_by=text(one["accepted_by"]), reason=text(one["reason"]))
    if not found.accepted_by.isprintable() or not found.reason.isprintable():
        refuse("evidence")
    return found


def _business_rules(value: JsonValue) -> tuple[str, ...]:
    """Return codes of business rules; whether a tool has them is for whoever prepares to see."""
    found = distinct(value)
    if not all(_BUSINESS_RULE.fullmatch(one) for one in found):
        refuse("left_to_people")
    return found


def _mask(value: JsonValue) -> Mask:
    one = fields(value, ("id", "field", "way", "edges"))
    way, edges = one_of(one["way"], WAYS), texts(one["edges"])
    if (way == "band") != bool(edges) or not _rising(edges):
        refuse("mask")
    return Mask(field=text(one["field"]), way=cast("MaskWay", way), edges=edges, rule=text(one["id"]))


def _rising(edges: tuple[str, ...]) -> bool:
    try:
        numbers = [Decimal(edge) for edge in edges]
    except InvalidOperation:
        return False
    return all(one.is_finite() for one in numbers) and all(a < b for a, b in pairwise(numbers))


def _some_sites(value: JsonValue, declared: tuple[str, ...]) -> Sites:
    if value is None:
        return None
    sites = texts(value)
    if not sites or not set(sites) <= set(declared):
        refuse("sites")
    return tuple(sorted(sites))


# --- values -----------------------------------------------------------------------------------------------------------


def fields(value: JsonValue, keys: tuple[str, ...]) -> _Object:
    """Return an object that has exactly these keys."""
    if not isinstance(value, dict) or set(value) != set(keys):
        refuse("keys")
    return value


def named(value: JsonValue) -> list[tuple[str, JsonValue]]:
    """Return the members of an object, sorted by name."""
    if not isinstance(value, dict):
        refuse("object")
    return sorted(value.items())


def items(value: JsonValue) -> list[JsonValue]:
    """Return the members of a list."""
    if not isinstance(value, list):
        refuse("list")
    return value


def texts(value: JsonValue) -> tuple[str, ...]:
    """Return a list of texts, none of them empty."""
    return tuple(text(item) for item in items(value))


def refuse(what: str) -> NoReturn:
    """Refuse the bundle.

    Raises:
        BadBundleError: `policy.bad_bundle`, always.
    """
    raise BadBundleError(reason=what)


def distinct(value: JsonValue) -> tuple[str, ...]:
    """Return a list of texts, one at least and none twice."""
    found = texts(value)
    if not found or len(set(found)) != len(found):
        refuse("list")
    return found


def text(value: JsonValue) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        refuse("text")
    return value


def matching(value: JsonValue, pattern: re.Pattern[str]) -> str:
    """Return a text of a form."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        refuse("text")
    return value


def one_of(value: JsonValue, words: tuple[str, ...]) -> str:
    """Return one of some words."""
    if not isinstance(value, str) or value not in words:
        refuse("word")
    return value


def flag(value: JsonValue) -> bool:
    """Return a yes or no."""
    if not isinstance(value, bool):
        refuse("flag")
    return value


def _count(value: JsonValue) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        refuse("number")
    return value


def _whole(value: JsonValue, most: int) -> int:
    """Return a whole number from 0 to `most`."""
    return 0 if value == 0 and type(value) is int else within(value, 1, most)


def within(value: JsonValue, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`."""
    found = _count(value)
    if not low <= found <= high:
        refuse("number")
    return found
