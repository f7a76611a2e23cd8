"""The applied policy: canonical JSON with its digest, compiled to a table of decisions.

A server reads only this form, so it needs neither YAML nor pydantic. What decides a call is worked out once, per role,
tool and level; a call then costs one look-up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise, product
from typing import Final, NoReturn, cast

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Decision, Mask, MaskWay, Obligations
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import BadBundleError

FORMAT: Final = 1
WAYS: Final[tuple[str, ...]] = ("drop", "hash", "band")
LEVELS: Final = (3, 4)  # ISA-95 levels that a deployment may open: the planning side
MAX_AGE_FACTOR: Final = 4

Sites = tuple[str, ...] | None
_Object = dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `sites` and `levels` narrow it (`None`: all); a `shadow` rule is recorded and forbids nothing."""

    id: str
    effect: str  # permit, forbid
    roles: tuple[str, ...]
    tools: tuple[str, ...]
    sites: Sites = None
    levels: tuple[int, ...] | None = None
    shadow: bool = False
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An applied policy, ready to decide.

    `text` is the canonical JSON whose SHA-256 is `digest`. `cells` maps (role, tool, level) to the decision for a call
    that names no site; a cell that is absent is denied. `roles` holds what every call of a role is bound to; its
    `sites` are the role's own, before rules narrow them.
    """

    digest: str
    text: str
    sites: tuple[str, ...]
    levels: tuple[int, ...]
    agents: Mapping[str, Principal]
    roles: Mapping[str, Obligations]
    rules: tuple[Rule, ...]
    cells: Mapping[tuple[str, str, int], Decision]


def canonical(document: Mapping[str, JsonValue]) -> str:
    """Return the canonical JSON of a bundle document: sorted keys, no spaces; it holds no floats."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest_of(text: str) -> str:
    """Return the SHA-256 of canonical JSON, lower-case hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def from_json(text: str, digest: str = "") -> Bundle:
    """Return the bundle that canonical JSON describes.

    Args:
        text: What `Bundle.text` was when it was applied.
        digest: The digest it was stored under; empty when there is none to compare with.

    Raises:
        BadBundleError: `policy.bad_bundle`, when the text was changed or is not as `load` writes it.
    """
    if digest and digest != digest_of(text):
        _refuse("digest")
    try:
        document = json.loads(text)
    except ValueError:
        _refuse("json")
    return from_document(document)


def from_document(document: JsonValue) -> Bundle:
    """Return the bundle of a document as `load` writes it; every unknown or missing key is refused."""
    top = _object(document, ("format", "sites", "levels", "agents", "roles", "rules"))
    if top["format"] != FORMAT:
        _refuse("format")
    sites = _texts(top["sites"])
    levels = _levels(top["levels"])
    roles = {name: _role(one, sites) for name, one in _named(top["roles"])}
    rules = tuple(_rule(one, roles, sites) for one in _list(top["rules"]))
    if len({rule.id for rule in rules}) != len(rules):
        _refuse("duplicate rule")
    text = canonical(top)
    digest = digest_of(text)
    return Bundle(
        digest=digest,
        text=text,
        sites=sites,
        levels=levels,
        agents={name: _agent(name, one, roles) for name, one in _named(top["agents"])},
        roles=roles,
        rules=rules,
        cells=_compile(rules, roles, sites=sites, levels=levels, digest=digest),
    )


# --- compiling --------------------------------------------------------------------------------------------------------


def _compile(
    rules: Iterable[Rule],
    roles: Mapping[str, Obligations],
    *,
    sites: tuple[str, ...],
    levels: tuple[int, ...],
    digest: str,
) -> dict[tuple[str, str, int], Decision]:
    by_cell: dict[tuple[str, str, int], list[Rule]] = {}
    for rule in rules:
        for cell in product(rule.roles, rule.tools, rule.levels or levels):
            by_cell.setdefault(cell, []).append(rule)
    return {
        (role, tool, level): _cell(found, roles[role], sites, digest)
        for (role, tool, level), found in by_cell.items()
        if level in levels
    }


def _cell(rules: list[Rule], terms: Obligations, declared: tuple[str, ...], digest: str) -> Decision:
    """Return the decision of one cell: forbid wins, then a permit is needed, then a site must be left."""
    permits = [rule for rule in rules if rule.effect == "permit"]
    forbids = [rule for rule in rules if rule.effect == "forbid" and not rule.shadow]
    shadows = tuple(rule.id for rule in rules if rule.shadow)
    everywhere = tuple(rule.id for rule in forbids if rule.sites is None)
    if everywhere:
        return Decision(allowed=False, rules=everywhere, reasons=("forbid",), bundle=digest)
    if not permits:
        return Decision(allowed=False, rules=shadows, reasons=("default_deny",), bundle=digest)
    scope = _scope(permits, forbids, terms.sites, declared)
    matched = tuple(rule.id for rule in (*permits, *forbids)) + shadows
    if scope == ():
        return Decision(allowed=False, rules=matched, reasons=("site",), bundle=digest)
    obligations = with_sites(terms, scope)
    reasons = ("shadow",) if shadows else ()
    return Decision(allowed=True, rules=matched, reasons=reasons, obligations=obligations, bundle=digest)


def _scope(permits: list[Rule], forbids: list[Rule], role: Sites, declared: tuple[str, ...]) -> Sites:
    """Return role's sites ∩ union of the permits' sites ∖ union of the forbids' sites; `None` means no limit at all."""
    granted = (
        None if any(rule.sites is None for rule in permits) else {site for rule in permits for site in rule.sites or ()}
    )
    taken = {site for rule in forbids for site in rule.sites or ()}
    if granted is None and role is None and not taken:
        return None
    left = set(declared) if granted is None else granted
    if role is not None:
        left &= set(role)
    return tuple(sorted(left - taken))


def with_sites(terms: Obligations, sites: Sites) -> Obligations:
    """Return the same obligations with another row filter."""
    return Obligations(
        sites=sites,
        masks=terms.masks,
        max_rows=terms.max_rows,
        max_window_days=terms.max_window_days,
        max_age_factor=terms.max_age_factor,
        budgets_s=terms.budgets_s,
    )


# --- reading the document: every key is known, every value has its type -----------------------------------------------


def _agent(name: str, value: JsonValue, roles: Mapping[str, Obligations]) -> Principal:
    one = _object(value, ("owner", "role"))
    role = _text(one["role"])
    if role not in roles:
        _refuse("unknown role")
    return Principal(agent=name, owner=_text(one["owner"]), role=role)


def _role(value: JsonValue, declared: tuple[str, ...]) -> Obligations:
    one = _object(value, ("sites", "masks", "max_rows", "max_window_days", "max_age_factor", "budgets_s"))
    budgets = tuple((entity, _count(seconds)) for entity, seconds in _named(one["budgets_s"]))
    factor = _count(one["max_age_factor"])
    if factor > MAX_AGE_FACTOR:
        _refuse("max_age_factor")
    return Obligations(
        sites=_some_sites(one["sites"], declared),
        masks=tuple(_mask(mask) for mask in _list(one["masks"])),
        max_rows=_count(one["max_rows"]),
        max_window_days=_count(one["max_window_days"]),
        max_age_factor=factor,
        budgets_s=budgets,
    )


def _mask(value: JsonValue) -> Mask:
    one = _object(value, ("id", "field", "way", "edges"))
    way, edges = _text(one["way"]), _texts(one["edges"])
    if way not in WAYS or (way == "band") != bool(edges) or not _rising(edges):
        _refuse("mask")
    return Mask(field=_text(one["field"]), way=cast("MaskWay", way), edges=edges, rule=_text(one["id"]))


def _rising(edges: tuple[str, ...]) -> bool:
    try:
        numbers = [Decimal(edge) for edge in edges]
    except InvalidOperation:
        return False
    return all(one.is_finite() for one in numbers) and all(a < b for a, b in pairwise(numbers))


def _rule(value: JsonValue, roles: Mapping[str, Obligations], declared: tuple[str, ...]) -> Rule:
    one = _object(value, ("id", "effect", "roles", "tools", "sites", "levels", "shadow", "evidence"))
    rule = Rule(
        id=_text(one["id"]),
        effect=_text(one["effect"]),
        roles=_texts(one["roles"]),
        tools=_texts(one["tools"]),
        sites=_some_sites(one["sites"], declared),
        levels=None if one["levels"] is None else _levels(one["levels"]),
        shadow=one["shadow"] is True,
        evidence=_text(one["evidence"]) if one["evidence"] else "",
    )
    if rule.effect not in ("permit", "forbid") or not isinstance(one["shadow"], bool):
        _refuse("rule")
    if (
        (rule.shadow and rule.effect == "permit")
        or not set(rule.roles) <= set(roles)
        or not rule.roles
        or not rule.tools
    ):
        _refuse("rule")
    return rule


def _some_sites(value: JsonValue, declared: tuple[str, ...]) -> Sites:
    if value is None:
        return None
    sites = _texts(value)
    if not sites or not set(sites) <= set(declared):
        _refuse("sites")
    return tuple(sorted(sites))


def _levels(value: JsonValue) -> tuple[int, ...]:
    levels = tuple(_count(level) for level in _list(value))
    if not levels or not set(levels) <= set(LEVELS):
        _refuse("levels")
    return levels


def _object(value: JsonValue, keys: tuple[str, ...]) -> _Object:
    if not isinstance(value, dict) or set(value) != set(keys):
        _refuse("keys")
    return value


def _named(value: JsonValue) -> list[tuple[str, JsonValue]]:
    if not isinstance(value, dict):
        _refuse("object")
    return sorted(value.items())


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        _refuse("list")
    return value


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not value:
        _refuse("text")
    return value


def _count(value: JsonValue) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        _refuse("number")
    return value


def _refuse(what: str) -> NoReturn:
    raise BadBundleError(reason=what)
