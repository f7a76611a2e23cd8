"""Policy files to a bundle: read all, check all, refuse the folder as a whole when anything in it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import bundle as bundles
from erp_mcp.policy import people_files as writing_out
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.cases import Case, failures
from erp_mcp.policy.checks import check_files, check_reach, check_tested, shown_in_vain
from erp_mcp.policy.files import Files
from erp_mcp.policy.grammar import (
    BaseFile,
    CasesFile,
    EvidenceForm,
    MaskForm,
    RoleForm,
    RuleForm,
    SiteFile,
)
from erp_mcp.policy.left_to_people import left_out
from erp_mcp.policy.names import KnownNames
from erp_mcp.policy.problems import Advice, Form, Problem, Source, first_error, read_form, read_source
from erp_mcp.policy.validity import shorter
from erp_mcp.policy.write_checks import check_write_reach

BASE: Final = "base.yaml"
TESTS: Final = "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A folder that is right: the bundle it makes and the cases that proved it."""

    bundle: Bundle
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A folder as found: every problem in it, and the loaded form when there is none, with what to look at."""

    problems: tuple[Problem, ...]
    loaded: Loaded | None
    advice: tuple[Advice, ...] = ()


def load(folder: Path, known: KnownNames) -> Loaded:
    """Return the bundle of a policy folder.

    Args:
        folder: With `base.yaml`, one `<site>.yaml` per site that has rules of its own, and `tests/*.yaml`.
        known: Tools, entities and fields that files may name.

    Raises:
        PolicyFileError: `policy.bad_file`, for the first problem: `file`, `line`, `key`, `reason`, `problem` (a stable
            code) and `more`, the number of further ones.
    """
    checked = check(folder, known)
    if checked.loaded is None:
        raise first_error(checked.problems)
    return checked.loaded


def check(folder: Path, known: KnownNames) -> Checked:
    """Return every problem of a policy folder; its cases are run when all else is right."""
    files, problems = _read(folder)
    if files is None or problems:
        return _wrong(problems)
    problems = check_files(files, known)
    if problems:
        return _wrong(problems)
    bundle = bundles.from_document(_document(files, known))
    problems = [*check_reach(files, known, bundle), *check_write_reach(files, known, bundle), *check_tested(files)]
    cases = _cases(files)
    if not problems:
        problems = failures(bundle, cases, known.tools)
    if problems:
        return _wrong(problems)
    advice = (*shown_in_vain(files, known, bundle), *left_out(files, known))
    return Checked(problems=(), loaded=Loaded(bundle=bundle, cases=cases), advice=advice)


def _wrong(problems: Sequence[Problem]) -> Checked:
    return Checked(problems=tuple(sorted(problems)), loaded=None)


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(folder: Path) -> tuple[Files | None, list[Problem]]:
    """Return the files as forms; a file that is wrong by itself ends it, since nothing can be checked across files."""
    if not (folder / BASE).is_file():
        return None, [
            Problem(file=BASE, line=0, problem="no_base", key="", reason="the policy folder has no base.yaml")
        ]
    problems: list[Problem] = []
    base = _forms([folder / BASE], folder, BaseFile, problems)
    sites = _forms(sorted(path for path in _yaml(folder) if path.name != BASE), folder, SiteFile, problems)
    cases = _forms(sorted(_yaml(folder / TESTS)), folder, CasesFile, problems)
    if problems or not base:
        return None, problems
    return Files(base=base[0], sites=tuple(sites), cases=tuple(cases)), []


def _yaml(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.y*ml") if path.is_file()] if folder.is_dir() else []


def _forms(paths: Sequence[Path], folder: Path, form: type[Form], problems: list[Problem]) -> list[tuple[Source, Form]]:
    read: list[tuple[Source, Form]] = []
    for path in paths:
        source = read_source(path, path.relative_to(folder).as_posix())
        if isinstance(source, Problem):
            problems.append(source)
            continue
        value, found = read_form(source, form)
        problems.extend(found)
        if value is not None:
            read.append((source, value))
    return read


# --- putting together -------------------------------------------------------------------------------------------------


def _document(files: Files, known: KnownNames) -> dict[str, JsonValue]:
    base = files.base[1]
    rules = [_rule(rule, known, None) for rule in base.rules]
    for _, file in files.sites:
        rules.extend(_rule(rule, known, file.site) for rule in file.rules)
    return {
        "format": bundles.FORMAT,
        "sites": _texts(sorted(set(base.sites))),
        "levels": [*sorted(set(base.boundary.isa95_levels))],
        "agents": {name: {"owner": one.owner, "role": one.role} for name, one in base.agents.items()},
        "roles": {name: _role(role, known) for name, role in base.roles.items()},
        "rules": list(rules),
        "approvals": [writing_out.approval(one, base) for one in base.approvals or []],
        "limits": [writing_out.limit(one) for one in base.limits or []],
        "people": writing_out.people(base),
        "parameters": [writing_out.parameters(one) for one in base.parameters or []],
        "writes": _writes(files, known),
    }


def _writes(files: Files, known: KnownNames) -> JsonValue:
    """Return what the tools that permits with evidence name are: a grant is for this definition and no other."""
    granted = {tool for _, _, rule in files.rules() if rule.evidence is not None for tool in rule.tools}
    tools = [known.tools[name] for name in sorted(granted)]
    return {
        tool.name: {"level": tool.level, "risk": tool.risk, "hash": tool.hash, **_validity(files, tool, known)}
        for tool in tools
    }


def _validity(files: Files, tool: Tool, known: KnownNames) -> dict[str, JsonValue]:
    found = shorter(tool, known.tools, files.base[1])
    return {} if found is None else {"valid_s": found}


def _role(role: RoleForm, known: KnownNames) -> JsonValue:
    return {
        "sites": None if role.sites == "all" else _texts(sorted(set(role.sites))),
        "masks": [_mask(mask) for mask in role.masks or []],
        "max_rows": role.caps.rows,
        "max_window_days": role.caps.window_days,
        "max_age_factor": role.freshness.max_age_factor,
        "budgets_s": dict(role.freshness.budgets_s),
        "shows": None if role.shows is None else _texts(known.expand(role.shows)),
    }


def _mask(mask: MaskForm) -> JsonValue:
    return {"id": mask.id, "field": mask.field, "way": mask.way, "edges": _texts(mask.edges or [])}


def _rule(rule: RuleForm, known: KnownNames, site: str | None) -> JsonValue:
    """Return a rule with its patterns written out, so that what is applied is what was shown.

    A rule of a site's file holds at that site, whatever it says.
    """
    sites = [site] if site is not None else rule.sites
    return {
        "id": rule.id,
        "effect": rule.effect,
        "roles": _texts(sorted(set(rule.roles))),
        "tools": _texts(known.expand(rule.tools)),
        "sites": None if sites is None else _texts(sorted(set(sites))),
        "levels": None if rule.levels is None else [*sorted(set(rule.levels))],
        "shadow": rule.enforcement == "shadow",
        "evidence": None if rule.evidence is None else _evidence(rule.evidence),
        **({"left_to_people": _texts(sorted(set(rule.left_to_people)))} if rule.left_to_people else {}),
    }


def _evidence(evidence: EvidenceForm) -> JsonValue:
    if evidence.report is not None:
        return {"report": evidence.report}
    return {"accepted_by": evidence.accepted_by, "reason": evidence.reason}


def _texts(values: Sequence[str]) -> list[JsonValue]:
    return list(values)


def _cases(files: Files) -> tuple[Case, ...]:
    return tuple(
        Case(source=source, place=("cases", index), form=form)
        for source, file in files.cases
        for index, form in enumerate(file.cases)
    )
