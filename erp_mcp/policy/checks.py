"""What the grammar alone can't see: names that don't exist, rules that never matter, rules that no case proves."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from erp_mcp.domain.entities import Kind
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.decide import decide_role
from erp_mcp.policy.files import Files
from erp_mcp.policy.grammar import BaseFile, CaseForm, MaskForm, RuleForm
from erp_mcp.policy.left_to_people import check_case
from erp_mcp.policy.names import WILDCARD, KnownNames
from erp_mcp.policy.problems import Advice, Place, Problem, Source
from erp_mcp.policy.rules import LEVELS, Rule
from erp_mcp.policy.write_checks import check_writes

_UNDECLARED = ""  # stands for rows of sites that are not declared, which only an unlimited role sees
_NUMBERS = (Kind.QUANTITY, Kind.MONEY, Kind.INTEGER)


def check_files(files: Files, known: KnownNames) -> list[Problem]:
    """Return what names something unknown or contradicts itself."""
    return [
        *_boundary(files),
        *_agents(files),
        *_roles(files, known),
        *_site_files(files),
        *_ids(files),
        *(problem for source, place, rule in files.rules() for problem in _rule(source, place, rule, files, known)),
        *check_writes(files, known),
        *_cases(files, known),
    ]


def check_reach(files: Files, known: KnownNames, bundle: Bundle) -> list[Problem]:
    """Return the rules that never change a decision: forbidden everywhere, repeated, or about nothing."""
    forbidden: set[tuple[str, str, str, int]] = set()
    for rule in bundle.rules:
        if rule.effect == "forbid" and not rule.shadow:
            forbidden |= set(_cells(rule, known, bundle))
    # a forbid at one site already takes the rows of sites that are not declared
    forbidden |= {(role, tool, _UNDECLARED, level) for role, tool, _, level in forbidden}
    taken: dict[str, set[tuple[str, str, str, int]]] = {"permit": set(), "forbid": set(), "shadow": set()}
    problems: list[Problem] = []
    for (source, place, _), rule in zip(files.rules(), bundle.rules, strict=True):
        cells = set(_cells(rule, known, bundle))
        kind = "shadow" if rule.shadow else rule.effect
        left = cells - taken[kind] - (forbidden if rule.effect == "permit" else set())
        if not left:
            problems.append(source.problem(place, "unreachable_rule", _why_unreachable(cells, taken[kind])))
        taken[kind] |= cells
    return problems


def shown_in_vain(files: Files, known: KnownNames, bundle: Bundle) -> Iterator[Advice]:
    """Yield what a role's list names and no rule lets the role call: it is not listed, which is hardly meant."""
    source, base = files.base
    for name, role in base.roles.items():
        for index, pattern in enumerate(role.shows or []):
            tools = [known.tools[one] for one in known.expand([pattern])]
            if tools and not any(decide_role(bundle, name, tool, {}).allowed for tool in tools):
                reason = f"{pattern} is among what {name} is shown, and no rule lets {name} call it"
                yield source.advice(("roles", name, "shows", index), reason)


def check_tested(files: Files) -> list[Problem]:
    """Return the rules and masks without a case in which they apply and one in which they don't."""
    cases = [case for _, file in files.cases for case in file.cases]
    applies = {name for case in cases for name in case.by or ()}
    stays_out = {name for case in cases for name in case.not_by or ()}
    base = files.base[0]
    problems: list[Problem] = []
    for source, place, name in (
        *((source, place, rule.id) for source, place, rule in files.rules()),
        *((base, place, mask.id) for place, mask in files.masks()),
    ):
        lacking = [word for word, found in (("by", applies), ("not_by", stays_out)) if name not in found]
        if lacking:
            reason = f"no case of tests/ names {name} under {' nor under '.join(f'`{word}:`' for word in lacking)}"
            problems.append(source.problem((*place, "id"), "untested_rule", reason))
    return problems


def _cells(rule: Rule, known: KnownNames, bundle: Bundle) -> Iterator[tuple[str, str, str, int]]:
    """Yield (role, tool, site, level) that a rule can matter for; a tool has one level, a role its sites."""
    for name in rule.tools:
        level = known.tools[name].level
        if level not in bundle.levels or (rule.levels is not None and level not in rule.levels):
            continue
        for role in rule.roles:
            scope = bundle.roles[role].sites
            sites = (_UNDECLARED, *bundle.sites) if scope is None else scope
            yield from ((role, name, site, level) for site in sites if rule.sites is None or site in rule.sites)


def _why_unreachable(cells: set[tuple[str, str, str, int]], taken: set[tuple[str, str, str, int]]) -> str:
    if not cells:
        return "the rule matches nothing: no tool at its levels, or no site in its roles' scope"
    return (
        "other rules say the same already" if cells <= taken else "all it permits is forbidden or permitted elsewhere"
    )


# --- single checks ----------------------------------------------------------------------------------------------------


def _boundary(files: Files) -> Iterator[Problem]:
    source, base = files.base
    for index, level in enumerate(base.boundary.isa95_levels):
        if level not in LEVELS:
            yield source.problem(
                ("boundary", "isa95_levels", index), "bad_level", "only ISA-95 levels 3 and 4 exist here"
            )


def _agents(files: Files) -> Iterator[Problem]:
    source, base = files.base
    for name, agent in base.agents.items():
        if agent.role not in base.roles:
            yield source.problem(("agents", name, "role"), "unknown_role", f"no role is called {agent.role}")


def _roles(files: Files, known: KnownNames) -> Iterator[Problem]:
    source, base = files.base
    for name, role in base.roles.items():
        if role.sites != "all":
            yield from _unknown_sites(source, ("roles", name, "sites"), role.sites, base)
        for entity in role.freshness.budgets_s:
            if entity not in known.entities:
                spot = ("roles", name, "freshness", "budgets_s", entity)
                yield source.problem(spot, "unknown_entity", f"no entity is called {entity}")
        fields = [mask.field for mask in role.masks or []]
        for index, mask in enumerate(role.masks or []):
            place = ("roles", name, "masks", index)
            if mask.field in fields[:index]:
                yield source.problem((*place, "field"), "duplicate_mask", f"{name} has a mask on {mask.field} already")
            yield from _mask(source, place, mask, known)
        yield from _known_tools(source, ("roles", name, "shows"), role.shows or [], known)


def _mask(source: Source, place: Place, mask: MaskForm, known: KnownNames) -> Iterator[Problem]:
    kind = known.fields.get(mask.field)
    if kind is None:
        yield source.problem((*place, "field"), "unknown_field", f"no entity has a field {mask.field}")
    elif mask.way == "band" and kind not in _NUMBERS:
        yield source.problem((*place, "way"), "band_needs_number", f"{mask.field} is not a number: drop or hash it")
    if (mask.way == "band") != bool(mask.edges):
        yield source.problem(place, "bad_edges", "`edges:` belong to `way: band`, and only there")
    if any(Decimal(low) >= Decimal(high) for low, high in pairwise(mask.edges or [])):
        yield source.problem((*place, "edges"), "bad_edges", "edges must rise from one to the next")


def _site_files(files: Files) -> Iterator[Problem]:
    for source, file in files.sites:
        yield from _unknown_sites(source, ("site",), [file.site], files.base[1])
        if source.name.rpartition(".")[0] != file.site:
            yield source.problem(("site",), "site_mismatch", f"the file of site {file.site} is {file.site}.yaml")
        for index, rule in enumerate(file.rules):
            if rule.sites not in (None, [file.site]):
                reason = f"a rule of this file holds at {file.site} alone: leave `sites:` out"
                yield source.problem(("rules", index, "sites"), "site_mismatch", reason)


def _ids(files: Files) -> Iterator[Problem]:
    base = files.base[0]
    seen: set[str] = set()
    for source, place, name in (
        *((source, place, rule.id) for source, place, rule in files.rules()),
        *((base, place, mask.id) for place, mask in files.masks()),
        *((base, place, one.id) for place, one in files.terms()),
    ):
        if name in seen:
            reason = f"{name} is the id of another rule, mask, approval or limit"
            yield source.problem((*place, "id"), "duplicate_id", reason)
        seen.add(name)


def _rule(source: Source, place: Place, rule: RuleForm, files: Files, known: KnownNames) -> Iterator[Problem]:
    base = files.base[1]
    for index, role in enumerate(rule.roles):
        if role not in base.roles:
            yield source.problem((*place, "roles", index), "unknown_role", f"no role is called {role}")
    yield from _known_tools(source, (*place, "tools"), rule.tools, known)
    yield from _unknown_sites(source, (*place, "sites"), rule.sites or [], base)
    for index, level in enumerate(rule.levels or []):
        if level not in base.boundary.isa95_levels:
            yield source.problem((*place, "levels", index), "bad_level", "this level is outside the boundary")
    if rule.enforcement == "shadow" and rule.effect == "permit":
        reason = "only a forbid can be tried out in shadow: a shadow permit would allow nothing or everything"
        yield source.problem((*place, "enforcement"), "shadow_permit", reason)


def _known_tools(source: Source, place: Place, patterns: list[str], known: KnownNames) -> Iterator[Problem]:
    for index, pattern in enumerate(patterns):
        spot = (*place, index)
        if pattern.endswith(WILDCARD):
            if pattern.removesuffix(WILDCARD) not in known.toolsets:
                yield source.problem(spot, "unknown_toolset", f"no toolset is called {pattern.removesuffix(WILDCARD)}")
        elif pattern not in known.tools:
            yield source.problem(spot, "unknown_tool", f"no tool is called {pattern}")


def _unknown_sites(source: Source, place: Place, sites: list[str], base: BaseFile) -> Iterator[Problem]:
    for index, site in enumerate(sites):
        if site not in base.sites:
            yield source.problem((*place, index), "unknown_site", f"{site} is not among the `sites:` of base.yaml")


def _cases(files: Files, known: KnownNames) -> Iterator[Problem]:
    ids = {rule.id for _, _, rule in files.rules()} | {mask.id for _, mask in files.masks()}
    for source, file in files.cases:
        for index, case in enumerate(file.cases):
            yield from _case(source, ("cases", index), case, ids=ids, files=files, known=known)


def _case(
    source: Source, place: Place, case: CaseForm, *, ids: set[str], files: Files, known: KnownNames
) -> Iterator[Problem]:
    if case.role not in files.base[1].roles:
        yield source.problem((*place, "role"), "unknown_role", f"no role is called {case.role}")
    tool = known.tools.get(case.tool)
    if tool is None:
        yield source.problem((*place, "tool"), "unknown_tool", f"no tool is called {case.tool}")
        return
    declared = {argument.name for argument in tool.arguments}
    for name in case.arguments:
        if name not in declared:
            yield source.problem((*place, "arguments", name), "unknown_argument", f"{case.tool} has no argument {name}")
    yield from check_case(source, place, case, tool)
    for key, names in (("by", case.by), ("not_by", case.not_by)):
        for index, name in enumerate(names or []):
            if name not in ids:
                yield source.problem((*place, key, index), "unknown_rule", f"no rule or mask has the id {name}")
