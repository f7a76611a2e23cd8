"""What is wrong with a policy file, and where: stable codes for programs, sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from erp_mcp.errors import PolicyFileError
from erp_mcp.policy.grammar import ProblemCode, hint_for
from erp_mcp.strict_yaml import Document

Place = tuple[str | int, ...]
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One mistake: `problem` is a stable code, `key` the dotted place in the file, `reason` a sentence with the fix."""

    file: str
    line: int
    problem: ProblemCode
    key: str
    reason: str

    def error(self, *, more: int = 0) -> PolicyFileError:
        """Return the mistake as an error; `more` says how many others there are."""
        return PolicyFileError(
            file=self.file, line=self.line, key=self.key, reason=self.reason, problem=self.problem, more=more
        )


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Advice:
    """What is hardly meant and does no harm: `key` is the dotted place in the file, `reason` a sentence."""

    file: str
    line: int
    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that could be read as YAML; `name` is its path inside the policy folder."""

    name: str
    document: Document

    def problem(self, place: Place, problem: ProblemCode, reason: str) -> Problem:
        """Return a mistake at a place of this file."""
        key = ".".join(str(part) for part in place)
        return Problem(file=self.name, line=self.document.line(place), problem=problem, key=key, reason=reason)

    def advice(self, place: Place, reason: str) -> Advice:
        """Return something to look at, at a place of this file."""
        key = ".".join(str(part) for part in place)
        return Advice(file=self.name, line=self.document.line(place), key=key, reason=reason)


def read_source(path: Path, name: str) -> Source | Problem:
    """Read one file as strict YAML; what is wrong with it as YAML is returned, not raised."""
    try:
        return Source(name=name, document=Document(path, PolicyFileError))
    except PolicyFileError as error:
        reason = str(error.facts.get("reason", ""))
        line = int(str(error.facts.get("line", 1)))
        return Problem(file=name, line=line, problem=_YAML_PROBLEMS.get(reason, "bad_yaml"), key="", reason=reason)


def read_form(source: Source, form: type[Form]) -> tuple[Form | None, list[Problem]]:
    """Return the file as a form, or every mistake in it."""
    missing_version = _version_problem(source)
    if missing_version is not None:
        return None, [missing_version]
    try:
        return form.model_validate(source.document.data), []
    except ValidationError as failure:
        return None, _form_problems(source, failure)


def first_error(problems: Sequence[Problem]) -> PolicyFileError:
    """Return the first mistake, by file and line, as an error that says how many follow."""
    ordered = sorted(problems)
    return ordered[0].error(more=len(ordered) - 1)


def _version_problem(source: Source) -> Problem | None:
    data = source.document.data
    version = data.get("version") if isinstance(data, dict) else None
    if version is None:
        return source.problem(
            (), "missing_version", "the file does not say its `version:`; this gateway reads version 1"
        )
    if isinstance(version, bool) or version != 1:
        return source.problem(("version",), "bad_version", "this gateway reads version 1 of policy files")
    return None


def _form_problems(source: Source, failure: ValidationError) -> list[Problem]:
    """Return one problem per place; of a union's branches the one that is not the single word counts."""
    found: dict[Place, Problem] = {}
    for error in failure.errors(include_url=False, include_input=False):
        place = tuple(error["loc"])
        if place and str(place[-1]).startswith("literal["):
            continue
        place = tuple(part for part in place if not _is_branch(part))
        problem, reason = hint_for(error["type"])
        found.setdefault(place, source.problem(place, problem, reason))
    return list(found.values())


def _is_branch(part: str | int) -> bool:
    """Pydantic names the branch of a union inside the place; the file has no such key."""
    return isinstance(part, str) and (part in ("str", "int", "bool") or part.startswith(("constrained-", "list[")))


_YAML_PROBLEMS: Final[dict[str, ProblemCode]] = {
    "duplicate key": "duplicate_key",
    "anchors and aliases are refused": "anchor",
    "tags are refused": "tag",
    "the file is larger than 256 kB": "too_large",
    "the file is not UTF-8": "not_utf8",
    "the file can't be read": "unreadable",
    "the file must be a mapping": "not_a_mapping",
}
