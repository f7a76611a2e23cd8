"""Tools as the catalogue gives them, and small policies, for tests that need no YAML tool files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, cast

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Argument, ArgumentType, Effect, Risk, Tool
from erp_mcp.policy.names import KnownNames

TOOLSETS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "orders": (4, ("list_sales_orders", "get_sales_order", "find_order", "explain_late_order")),
    "procurement": (4, ("list_purchase_orders", "rank_expedite_candidates")),
    "inventory": (4, ("get_stock",)),
    "planning": (4, ("get_supply_demand", "get_shortages_for_order")),
    "production": (3, ("list_production_orders", "list_wip_jobs")),
    "quality": (3, ("list_hold_lots",)),
    "exceptions": (4, ("get_plant_briefing",)),
}


def argument(name: str, type_: ArgumentType = "code", *fields: str, is_site: bool = False) -> Argument:
    """Return an argument that filters by `fields`."""
    return Argument(name=name, type=type_, description="", fields=fields, is_site=is_site)


def tool(
    name: str,
    *,
    toolset: str = "orders",
    level: int = 4,
    effect: Effect = "read",
    risk: Risk | Literal[""] = "",
    fields: str = "",
) -> Tool:
    """Return a tool with a site argument and a date window, which looks at `fields` whatever is asked."""
    return Tool(
        name=name,
        version=1,
        title=name,
        description="",
        toolset=toolset,
        effect=effect,
        level=level,
        scope=f"{toolset}.read",
        arguments=(
            argument("site", is_site=True),
            argument("requested_from", "date", "sales_order_line.requested_date"),
            argument("requested_to", "date", "sales_order_line.requested_date"),
            argument("min_value", "money", "sales_order_line.net_value"),
        ),
        tables=(),
        reads=(),
        risk=risk,
        hash=hashlib.sha256(name.encode()).hexdigest(),
        conditions=tuple(fields.split()),
    )


TOOLS: Final[dict[str, Tool]] = {
    name: tool(name, toolset=toolset, level=level) for toolset, (level, names) in TOOLSETS.items() for name in names
}
WRITE: Final = replace(
    tool("propose_change_order", effect="write", risk="W2", fields="sales_order.net_value"),
    command="supply_source.update_price",
)
GRAVE: Final = tool("propose_cancel_order", effect="write", risk="W3")
DEEP: Final = tool("propose_stop_job", toolset="production", level=3, effect="write", risk="W2")
STATUS: Final = tool("get_proposal", toolset="proposals", effect="status")
KNOWN: Final = KnownNames.of([*TOOLS.values(), WRITE, GRAVE, DEEP, STATUS])
ACCEPTED: Final[dict[str, JsonValue]] = {"accepted_by": "dana", "reason": "a small plant"}


def planner(role: str = "planner") -> Principal:
    """Return the agent of the same name as its role."""
    return Principal(agent=role, owner="owner", role=role)


def role(**terms: JsonValue) -> dict[str, JsonValue]:
    """Return a role of a bundle document, unlimited but for `terms`."""
    return {
        "sites": None,
        "masks": [],
        "max_rows": 200,
        "max_window_days": 366,
        "max_age_factor": 4,
        "budgets_s": {},
        "shows": None,
        **terms,
    }


def rule(name: str, *tools: str, roles: tuple[str, ...] = ("planner",), **terms: JsonValue) -> dict[str, JsonValue]:
    """Return a permit of a bundle document, changed by `terms`."""
    return {
        "id": name,
        "effect": "permit",
        "roles": list(roles),
        "tools": list(tools),
        "sites": None,
        "levels": None,
        "shadow": False,
        "evidence": None,
        **terms,
    }


def approval(name: str, *tools: str, **terms: JsonValue) -> dict[str, JsonValue]:
    """Return approval terms of a bundle document, changed by `terms`."""
    return {
        "id": name,
        "tools": list(tools),
        "approvers": None,
        "needed": 1,
        "self_approval": False,
        "valid_s": 14_400,
        **terms,
    }


def limit(name: str, *tools: str, **terms: JsonValue) -> dict[str, JsonValue]:
    """Return a limit of a bundle document, changed by `terms`."""
    return {
        "id": name,
        "tools": list(tools),
        "measure": "count",
        "key": "agent",
        "window_s": 86_400,
        "maximum": "20",
        "currency": None,
        **terms,
    }


def document(
    *rules: dict[str, JsonValue],
    roles: Mapping[str, dict[str, JsonValue]] | None = None,
    writes: tuple[Tool, ...] = (),
    approvals: tuple[dict[str, JsonValue], ...] = (),
    limits: tuple[dict[str, JsonValue], ...] = (),
) -> dict[str, JsonValue]:
    """Return a bundle document with sites 1000 and 2000; each role has an agent of its name."""
    named = dict(roles or {"planner": role()})
    return {
        "format": 3,
        "sites": ["1000", "2000"],
        "levels": [3, 4],
        "agents": {name: {"owner": "owner", "role": name} for name in named},
        "roles": {name: dict(terms) for name, terms in named.items()},
        "rules": list(rules),
        "approvals": list(approvals),
        "limits": list(limits),
        "writes": {tool.name: granted(tool) for tool in writes},
    }


def granted(tool: Tool, **changed: JsonValue) -> JsonValue:
    """Return what a bundle document says of a write tool that was granted, changed by `changed`."""
    return {"level": tool.level, "risk": tool.risk, "hash": tool.hash, **changed}


def old_document(*rules: dict[str, JsonValue], **terms: JsonValue) -> dict[str, JsonValue]:
    """Return a bundle document as it was written before there were writes."""
    whole = document(*rules)
    roles = cast("dict[str, dict[str, JsonValue]]", whole["roles"])
    whole["roles"] = {name: {key: one[key] for key in one if key != "shows"} for name, one in roles.items()}
    return {**{key: whole[key] for key in ("sites", "levels", "agents", "roles", "rules")}, "format": 1, **terms}


def folder(root: Path, **files: str) -> Path:
    """Write a policy folder: `base`, `tests` and site files (`site_1000`) by name."""
    (root / "tests").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        place = root / "tests" / "base.yaml" if name == "tests" else root / f"{name.removeprefix('site_')}.yaml"
        place.write_text(text, encoding="utf-8")
    return root
