"""What one agent may do by the applied policy, for the agent itself: as facts, and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from erp_mcp.domain.decision import Mask, Obligations
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import writing
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.decide import decide

_WAYS = {"drop": "left empty", "hash": "shown as a token, equal for equal values", "band": "shown as a range"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """One tool that may be called, and what each call of it is bound to."""

    tool: Tool
    terms: Obligations


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What an agent may do. `role` holds what every call is bound to; `sites` are the codes in its scope."""

    agent: str
    role: str
    sites: tuple[str, ...]
    terms: Obligations
    tools: tuple[Permitted, ...]
    bundle: str

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities that some tool it may call reads, sorted."""
        return tuple(sorted({entity for one in self.tools for entity in one.tool.entities}))

    def mask_of(self, entity: str, field: str) -> Mask | None:
        """Return the mask on a field, where there is one."""
        return next((mask for mask in self.terms.masks if mask.field == f"{entity}.{field}"), None)


def permissions_of(bundle: Bundle, principal: Principal, catalog: Iterable[Tool]) -> Permissions:
    """Return what a principal of the bundle may do with the tools of the catalogue."""
    decisions = ((tool, decide(bundle, principal, tool, {}).obligations) for tool in catalog)
    terms = bundle.roles[principal.role]
    return Permissions(
        agent=principal.agent,
        role=principal.role,
        sites=bundle.sites if terms.sites is None else terms.sites,
        terms=terms,
        tools=tuple(Permitted(tool=tool, terms=bound) for tool, bound in decisions if bound is not None),
        bundle=bundle.digest,
    )


def in_words(permissions: Permissions) -> str:
    """Return what an agent may do in plain words, as Markdown; it names no person and nothing that is out of reach."""
    return "\n".join(_lines(permissions)) + "\n"


def _lines(permissions: Permissions) -> Iterator[str]:
    terms = permissions.terms
    yield f"# What {permissions.agent} may do"
    yield ""
    yield f"In the role {permissions.role}, by the policy {writing.short(permissions.bundle)} as it is applied now."
    yield ""
    yield f"- Sites: {', '.join(permissions.sites) or 'none'}. Records of other sites do not exist here."
    yield f"- At most {terms.max_rows} rows and {terms.max_window_days} days in one answer."
    yield f"- Data older than {terms.max_age_factor} times its budget is refused, not shown."
    yield "- Nothing is written to a system unless a person says yes in another channel."
    yield from _hidden(terms.masks)
    yield from _reads(one.tool for one in permissions.tools)
    yield from _writes(permissions.tools)


def _hidden(masks: Iterable[Mask]) -> Iterator[str]:
    named = sorted((mask.field, mask.way) for mask in masks)
    if named:
        yield ""
        yield "## Hidden fields"
        yield ""
        yield "They can't be read, filtered or sorted by."
        yield ""
        yield from (f"- {field}: {_WAYS[way]}" for field, way in named)


def _reads(tools: Iterable[Tool]) -> Iterator[str]:
    toolsets: dict[str, list[str]] = {}
    for tool in tools:
        if tool.effect == "read":
            toolsets.setdefault(tool.toolset, []).append(tool.name)
    yield ""
    yield "## May be read"
    yield ""
    if not toolsets:
        yield "Nothing."
    yield from (f"- {toolset.replace('_', ' ')}: {', '.join(names)}" for toolset, names in sorted(toolsets.items()))


def _writes(tools: Iterable[Permitted]) -> Iterator[str]:
    yield ""
    yield "## May be proposed to people"
    yield ""
    writes = [one for one in tools if one.tool.effect == "write"]
    if not writes:
        yield "Nothing."
    for one in writes:
        yield f"- {one.tool.name}: {_approval(one.terms)}"
        yield from (f"  - {writing.limit(limit)}" for limit in one.terms.limits)


def _approval(terms: Obligations) -> str:
    """Return how many people must say yes, and until when; who they are is none of the agent's business."""
    if terms.approval is None:
        return "with a person's approval"
    fewest = min((band.needed for band in terms.approval.bands), default=terms.approval.needed)
    most = max((band.needed for band in terms.approval.bands), default=terms.approval.needed)
    people = "one person" if most == 1 else f"{most} people" if fewest == most else f"{fewest} to {most} people"
    own = "the agent's owner may be one" if terms.approval.self_approval else "never the agent's owner"
    return f"needs a yes of {people} ({own}) within {writing.span(terms.approval.valid_s)}"
