"""Reads tool folders into a catalogue: the shipped one, then the operators' own, which add and never override.

A process keeps what became of each file, so that an edit of one costs the time of one.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from erp_mcp.catalog.compile import NO_OPERATIONS, compile_tool
from erp_mcp.catalog.grammar import ToolFile
from erp_mcp.catalog.kept import KeptTools
from erp_mcp.catalog.lint import check_file, check_tool
from erp_mcp.catalog.problems import Problem, ProblemError
from erp_mcp.catalog.registry import Catalog, catalog_of
from erp_mcp.catalog.sagas import problems_of
from erp_mcp.catalog.vocabulary import FILE, read_vocabulary
from erp_mcp.domain.analysis import Analysis
from erp_mcp.domain.operation import Operation
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import CatalogFileError
from erp_mcp.strict_yaml import Document, read_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem of one file, as shown to people. `file` is `<toolset>/<file>`, `line` counts from 1."""

    file: str
    line: int
    rule: str
    key: str
    detail: str


def load_catalog(
    folders: Sequence[Path],
    analyses: Mapping[str, Analysis],
    operations: Mapping[str, Operation] = NO_OPERATIONS,
    kept: KeptTools | None = None,
) -> Catalog:
    """Return the catalogue of all tool files.

    Args:
        folders: Folders that hold `<toolset>/<tool>.yaml`, the shipped one first.
        analyses: Registered analyses by name.
        operations: Registered operations by name.
        kept: What the files became before, with the package's own analyses and operations.

    Raises:
        CatalogFileError: `catalog.bad_file`, for the first problem, with file, line, rule, key and reason; `others`
            counts the rest.
    """
    tools, findings = inspect(folders, analyses, operations, kept)
    if findings:
        first = findings[0]
        raise CatalogFileError(
            file=first.file,
            line=first.line,
            rule=first.rule,
            key=first.key,
            reason=first.detail,
            others=len(findings) - 1,
        )
    return catalog_of(tools, read_vocabulary(folders))


def inspect(
    folders: Sequence[Path],
    analyses: Mapping[str, Analysis],
    operations: Mapping[str, Operation] = NO_OPERATIONS,
    kept: KeptTools | None = None,
) -> tuple[list[Tool], list[Finding]]:
    """Return every tool that could be compiled, and every problem found, in file order."""
    tools: dict[str, Tool] = {}
    places: dict[str, Path] = {}
    findings: list[Finding] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*/*.yaml"))):
        tool, found = inspect_file(path, analyses, operations, kept)
        findings += found
        if tool is None:
            continue
        if tool.name in tools:
            detail = f"{tool.name} is already defined in toolset {tools[tool.name].toolset}; choose another name"
            findings.append(Finding(file=_shown(path), line=1, rule="name.twice", key="name", detail=detail))
        else:
            tools[tool.name] = tool
            places[tool.name] = path
    if kept is not None:
        kept.save()
    findings += _of_sagas(tools, places)
    for folder in folders:
        try:
            read_vocabulary([folder])
        except CatalogFileError as error:
            findings.append(_unreadable(folder / FILE, error))
    return list(tools.values()), findings


def inspect_file(
    path: Path,
    analyses: Mapping[str, Analysis],
    operations: Mapping[str, Operation] = NO_OPERATIONS,
    kept: KeptTools | None = None,
) -> tuple[Tool | None, list[Finding]]:
    """Return the tool of one file, `None` when it can't be compiled, and all its problems."""
    before = _digest(path)
    outcome = _OUTCOMES.get(_shown(path))
    if outcome is None or not outcome.holds(before, analyses, operations):
        tool = kept.tool(_shown(path), before) if kept is not None else None
        known, found = tool is not None, list[Finding]()
        if tool is None:
            tool, found = _inspected(path, analyses, operations)
        outcome = _Outcome(
            digest=before, analyses=analyses, operations=operations, tool=tool, findings=tuple(found)
        )  # fmt: skip
        if before and before == _digest(path):  # not edited meanwhile
            _OUTCOMES[_shown(path)] = outcome
            if kept is not None and tool is not None and not (known or found):
                kept.add(path, _shown(path), before, tool)
    return outcome.tool, list(outcome.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of a file with some content, for some analyses and operations."""

    digest: str
    analyses: Mapping[str, Analysis]
    operations: Mapping[str, Operation]
    tool: Tool | None
    findings: tuple[Finding, ...]

    def holds(self, digest: str, analyses: Mapping[str, Analysis], operations: Mapping[str, Operation]) -> bool:
        """Whether the same file for the same ones would become the same."""
        return digest == self.digest and analyses is self.analyses and operations is self.operations


_OUTCOMES: Final[dict[str, _Outcome]] = {}  # by toolset and name of the file: the last one of each


def _digest(path: Path) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


def _inspected(
    path: Path, analyses: Mapping[str, Analysis], operations: Mapping[str, Operation]
) -> tuple[Tool | None, list[Finding]]:
    try:
        spec, document = read_model(path, ToolFile, CatalogFileError)
    except CatalogFileError as error:
        return None, [_unreadable(path, error)]
    problems = check_file(spec, path.stem, path.parent.name)
    tool: Tool | None = None
    try:
        tool = compile_tool(spec, path.parent.name, analyses, operations)
        problems += check_tool(tool)
    except ProblemError as error:
        problems.append(error.problem)
    return tool, [_finding(path, document, problem) for problem in problems]


def _of_sagas(tools: Mapping[str, Tool], places: Mapping[str, Path]) -> list[Finding]:
    """Return what shows of sagas once all tools are there."""
    findings: list[Finding] = []
    for tool in tools.values():
        problems = problems_of(tool, tools)
        if problems:
            _, document = read_model(places[tool.name], ToolFile, CatalogFileError)
            findings += [_finding(places[tool.name], document, problem) for problem in problems]
    return findings


def _unreadable(path: Path, error: CatalogFileError) -> Finding:
    key, reason = str(error.facts.get("key", "")), str(error.facts.get("reason", ""))
    rule = "grammar" if key else "yaml"
    return Finding(file=_shown(path), line=int(str(error.facts.get("line", 1))), rule=rule, key=key, detail=reason)


def _finding(path: Path, document: Document, problem: Problem) -> Finding:
    return Finding(
        file=_shown(path),
        line=document.line(problem.place),
        rule=problem.rule,
        key=".".join(str(part) for part in problem.place),
        detail=problem.detail,
    )


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
