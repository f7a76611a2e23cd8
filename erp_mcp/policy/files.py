"""A policy folder as read: every file is right by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from erp_mcp.policy.grammar import (
    ApprovalForm,
    BaseFile,
    CasesFile,
    LimitForm,
    MaskForm,
    ParameterForm,
    RuleForm,
    SeparationForm,
    SiteFile,
)
from erp_mcp.policy.problems import Place, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A policy folder whose files are each right by themselves."""

    base: tuple[Source, BaseFile]
    sites: tuple[tuple[Source, SiteFile], ...]
    cases: tuple[tuple[Source, CasesFile], ...]

    def rules(self) -> Iterator[tuple[Source, Place, RuleForm]]:
        """Yield every rule with its place, in the order of the bundle."""
        source, base = self.base
        yield from ((source, ("rules", index), rule) for index, rule in enumerate(base.rules))
        for source, file in self.sites:
            yield from ((source, ("rules", index), rule) for index, rule in enumerate(file.rules))

    def masks(self) -> Iterator[tuple[Place, MaskForm]]:
        """Yield every mask with its place in the base file."""
        for name, role in self.base[1].roles.items():
            yield from ((("roles", name, "masks", index), mask) for index, mask in enumerate(role.masks or []))

    def terms(self) -> Iterator[tuple[Place, ApprovalForm | LimitForm | SeparationForm | ParameterForm]]:
        """Yield approvals, limits, separations and parameters, in this order, each with its place in the base file."""
        base = self.base[1]
        yield from ((("approvals", index), one) for index, one in enumerate(base.approvals or []))
        yield from ((("limits", index), one) for index, one in enumerate(base.limits or []))
        yield from ((("separations", index), one) for index, one in enumerate(base.separations or []))
        yield from ((("parameters", index), one) for index, one in enumerate(base.parameters or []))
