"""What a saga says of itself: its steps put together into one change, as people see it and as limits count it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from erp_mcp.domain import saga
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.proposal import Change, Check, LimitUse
from erp_mcp.domain.saga import PlannedStep


def draft_of(steps: Sequence[PlannedStep], amounts: Sequence[Mapping[str, str]]) -> Draft:
    """Return the one change that several are; each field and rule is shown under the name of its step.

    Args:
        steps: In order.
        amounts: What each of them is worth, as their drafts say.
    """
    return Draft(
        system=saga.SYSTEM,
        key="",
        version_token="",
        fields=saga.fields_of(steps),
        document="",
        headline=f"{steps[0].preview.headline}; then {', '.join(one.name for one in steps[1:])}",
        changes=tuple(_named(step.name, one) for step in steps for one in step.preview.changes),
        checks=tuple(_looked_at(step.name, one) for step in steps for one in step.preview.checks),
        effects=tuple(line for number, step in enumerate(steps, start=1) for line in _effects(number, step)),
        amounts=_worth(amounts),
    )


def counted(uses: Iterable[LimitUse]) -> tuple[LimitUse, ...]:
    """Return what several changes take of each business limit together; a limit is as low and long as for any."""
    found: dict[tuple[str, str], LimitUse] = {}
    for use in uses:
        there = found.get((use.limit, use.key))
        if there is not None:
            use = replace(  # noqa: PLW2901 - the sum takes its place
                use,
                amount=there.amount + use.amount,
                maximum=min(there.maximum, use.maximum),
                window_s=max(there.window_s, use.window_s),
            )
        found[use.limit, use.key] = use
    return tuple(found.values())


def concerns_of(steps: Sequence[PlannedStep]) -> dict[str, JsonValue]:
    """Return the things that all steps together are about; where a step says no site, it may touch any."""
    found: dict[str, set[str]] = {}
    for step in steps:
        for name, things in step.concerns.items():
            found.setdefault(name, set()).update(one for one in _listed(things) if isinstance(one, str))
    if not all(_listed(step.concerns.get("site", [])) for step in steps):
        found.pop("site", None)
    return {name: [*sorted(things)] for name, things in found.items()}


def sources_of(steps: Sequence[PlannedStep]) -> dict[str, JsonValue]:
    """Return how old the evidence of all steps is, the oldest of each system."""
    found: dict[str, str] = {}
    for step in steps:
        for name, as_of in step.sources.items():
            found[name] = min(found.get(name, str(as_of)), str(as_of))
    return {**found}


def _named(step: str, change: Change) -> Change:
    return replace(change, field=f"{step}.{change.field}")


def _looked_at(step: str, check: Check) -> Check:
    return replace(check, message=f"{step}: {check.message}")


def _effects(number: int, step: PlannedStep) -> Iterator[str]:
    yield f"Step {number}, {step.name}, in {step.command.system}: {step.preview.headline}"
    yield from (f"{step.name}: {one}" for one in step.preview.effects)
    if step.undo_tool:
        yield f"If a later step fails, {step.name} is taken back by {step.undo_tool}: {step.way_back}"
    else:
        yield f"{step.name} can't be taken back: {step.way_back}"


def _worth(amounts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the worth of the dearest step, where all that have one have it in one currency; else it is not known.

    Not the sum: money that is set aside and then spent is the same money.
    """
    valued = [one for one in amounts if one.get("value")]
    currencies = {one.get("currency", "") for one in valued}
    if len(currencies) != 1:
        return {}
    try:
        dearest = max(abs(Decimal(one["value"])) for one in valued)
    except (InvalidOperation, ValueError):
        return {}
    return {"value": str(dearest), "currency": currencies.pop()}


def _listed(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else ()
