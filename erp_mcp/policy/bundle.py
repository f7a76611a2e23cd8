"""The applied policy: canonical JSON with its digest, compiled to a table of decisions.

A server reads only this form, so it needs neither YAML nor pydantic. What decides a call is worked out once, per role,
tool and level; a call then costs one look-up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, cast

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Decision, Obligations
from erp_mcp.domain.principal import Principal
from erp_mcp.policy import document as reading
from erp_mcp.policy import people_document as people_reading
from erp_mcp.policy.cells import Compiling, compile_cells, compile_discovery, compile_status
from erp_mcp.policy.document import refuse
from erp_mcp.policy.rules import ApprovalRule, Evidence, Grant, LimitRule, ParameterRule, People, Rule

FORMAT: Final = 5
_BEFORE_WRITES: Final = 1
_BEFORE_SHOWS: Final = 2
_BEFORE_PEOPLE: Final = 3
_BEFORE_PARAMETERS: Final = 4
_KEYS_1: Final = ("format", "sites", "levels", "agents", "roles", "rules")
_KEYS_2: Final = (*_KEYS_1, "approvals", "limits", "writes")
_KEYS_4: Final = (*_KEYS_2, "people")
_KEYS: Final = (*_KEYS_4, "parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An applied policy, ready to decide.

    `text` is the canonical JSON whose SHA-256 is `digest`. `cells` maps (role, tool, level) to the decision for a call
    that names no site; a cell that is absent is denied. `roles` holds what every call of a role is bound to; its
    `sites` are the role's own, before rules narrow them. `grants` are the write tools that rules with evidence name.
    `writes` are those of them that some role may call, and `status` holds, for each such role, the decision about the
    tools that look after its own proposals; `discovery` holds, for each role that may call something, the decision
    about the tools that find others. `shows` names what a role's list shows, `None` where the policy does not say.
    """

    digest: str
    text: str
    sites: tuple[str, ...]
    levels: tuple[int, ...]
    agents: Mapping[str, Principal]
    roles: Mapping[str, Obligations]
    rules: tuple[Rule, ...]
    approvals: tuple[ApprovalRule, ...]
    limits: tuple[LimitRule, ...]
    grants: Mapping[str, Grant]
    cells: Mapping[tuple[str, str, int], Decision]
    status: Mapping[str, Decision]
    discovery: Mapping[str, Decision]
    shows: Mapping[str, tuple[str, ...] | None]
    writes: frozenset[str]

    def evidence(self, decision: Decision) -> tuple[tuple[str, Evidence], ...]:
        """Return what earned an allowed write: the id and the evidence of each permit that decided."""
        return tuple((rule.id, rule.evidence) for rule in self.rules if rule.evidence and rule.id in decision.rules)


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
        refuse("digest")
    try:
        document = json.loads(text)
    except ValueError:
        refuse("json")
    return from_document(document)


def _writes(
    top: Mapping[str, JsonValue], rules: tuple[Rule, ...], *, latest: bool
) -> tuple[tuple[ApprovalRule, ...], tuple[LimitRule, ...], dict[str, Grant]]:
    """Return who must say yes, what may be proposed, and the grants of tools that write with both."""
    people = people_reading.people(top["people"]) if latest else People()
    approvals = tuple(
        people_reading.approval(one, people.groups, banded=latest) for one in reading.items(top.get("approvals", []))
    )
    limits = tuple(reading.limit(one, fielded=latest) for one in reading.items(top.get("limits", [])))
    parameters = tuple(map(reading.parameters, reading.items(top.get("parameters", []))))
    grants = {
        tool: replace(one, approval=people_reading.with_people(one.approval, tool, people))
        for tool, one in reading.grants(top.get("writes", {}), rules, approvals, limits, parameters).items()
    }
    _check_ids(rules, approvals, limits, people, parameters)
    return approvals, limits, grants


def from_document(document: JsonValue) -> Bundle:
    """Return the bundle of a document as `load` writes it; every unknown or missing key is refused.

    A document of format 1, from before there were writes, still opens; it grants no write, whatever it says. So does
    one of format 2, from before roles said what they show.
    """
    form = _format(document)
    old, latest = form == _BEFORE_WRITES, form > _BEFORE_PEOPLE
    top = reading.fields(document, _keys(form))
    sites, levels = reading.texts(top["sites"]), reading.levels(top["levels"])
    declared = reading.named(top["roles"])
    roles = {name: reading.role_terms(one, sites, shows=form > _BEFORE_SHOWS) for name, one in declared}
    written = [_without_evidence(one) if old else one for one in reading.items(top["rules"])]
    newest = form > _BEFORE_PARAMETERS
    rules = tuple(reading.rule(one, roles, sites, latest=newest) for one in written)
    approvals, limits, grants = _writes(top, rules, latest=latest)
    text = canonical(top)
    digest = digest_of(text)
    given = Compiling(roles=roles, grants=grants, sites=sites, levels=levels, digest=digest)
    cells = compile_cells(rules, given)
    return Bundle(
        digest=digest,
        text=text,
        sites=sites,
        levels=levels,
        agents={name: reading.agent(name, one, roles) for name, one in reading.named(top["agents"])},
        roles=roles,
        rules=rules,
        approvals=approvals,
        limits=limits,
        grants=grants,
        cells=cells,
        status=compile_status(cells, roles, grants, digest),
        discovery=compile_discovery(cells, roles, digest),
        shows={name: reading.role_shows(one) for name, one in declared},
        writes=frozenset(tool for (_, tool, _), cell in cells.items() if cell.allowed and tool in grants),
    )


def write_terms(bundle: Bundle | None) -> str:
    """Return, as canonical text, all that says who may write with what, why, and on which terms.

    Two bundles with equal texts allow the same writes to the same agents. Where nothing may be written it is empty.
    """
    if bundle is None or not bundle.writes:
        return ""
    found: dict[str, JsonValue] = {}
    for (role, tool, level), cell in bundle.cells.items():
        if not cell.allowed or cell.obligations is None or tool not in bundle.grants:
            continue
        grant, sites = bundle.grants[tool], cell.obligations.sites
        found[f"{role} {tool}"] = {
            "level": level,
            "risk": grant.risk,
            "definition": grant.hash,
            "sites": None if sites is None else [*sites],
            "evidence": [{"rule": name, **one.as_json()} for name, one in bundle.evidence(cell)],
            "approval": _plain(grant.approval),
            "limits": [_plain(limit) for limit in grant.limits],
            "parameters": {one.name: one.value for one in grant.settings},
            **_left(cell.obligations),
            "agents": [*sorted(f"{one.agent} {one.owner}" for one in bundle.agents.values() if one.role == role)],
        }
    return canonical(found)


def _left(terms: Obligations) -> dict[str, JsonValue]:
    """Return what is left to people, nothing where nothing is: then the text is as it was before this was there."""
    return {"left_to_people": [*terms.left_to_people]} if terms.left_to_people else {}


def _plain(terms: object) -> JsonValue:
    return cast("JsonValue", asdict(terms))  # type: ignore[call-overload]  # texts, numbers, flags and tuples of texts


def _format(document: JsonValue) -> int:
    form = document.get("format") if isinstance(document, dict) else None
    if type(form) is not int or not _BEFORE_WRITES <= form <= FORMAT:
        refuse("format")
    return form


def _keys(form: int) -> tuple[str, ...]:
    if form > _BEFORE_PARAMETERS:
        return _KEYS
    return _KEYS_1 if form == _BEFORE_WRITES else _KEYS_4 if form > _BEFORE_PEOPLE else _KEYS_2


def _without_evidence(rule: JsonValue) -> JsonValue:
    """Return a rule of format 1, whose evidence was a sentence and opened nothing."""
    return {**rule, "evidence": None} if isinstance(rule, dict) and "evidence" in rule else rule


def _check_ids(
    rules: tuple[Rule, ...],
    approvals: tuple[ApprovalRule, ...],
    limits: tuple[LimitRule, ...],
    people: People,
    parameters: tuple[ParameterRule, ...],
) -> None:
    ids = [*(one.id for one in rules), *(one.terms.rule for one in approvals), *(one.limit.id for one in limits)]
    ids += [*(one.rule for one in people.separations), *(one.id for one in parameters)]
    if len(set(ids)) != len(ids):
        refuse("duplicate id")
