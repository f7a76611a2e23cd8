"""Time of one decision with 1,000 rules: `python benchmarks/decide.py` prints p50 and p99 in microseconds.

Floor: 50 µs at the median. The table is compiled once, so the number of rules matters for applying, not for a call.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Argument, Tool
from erp_mcp.policy.boundary import recognise
from erp_mcp.policy.bundle import canonical, from_json
from erp_mcp.policy.decide import decide

RULES: Final = 1_000
ROLES: Final = [f"role-{number}" for number in range(10)]
TOOLS: Final = [f"list_things_{number}" for number in range(60)]
WRITE: Final = "propose_thing"
CALLS: Final = 20_000
FLOOR_US: Final = 50.0
SITES: Final = ("1000", "2000")


def _rule(number: int) -> dict[str, JsonValue]:
    """Every fifth rule forbids at one site; all overlap, so that cells hold many rules."""
    forbid = number % 5 == 4
    return {
        "id": f"rule-{number}",
        "effect": "forbid" if forbid else "permit",
        "roles": [*ROLES[number % 10 :], ROLES[0]],
        "tools": [TOOLS[(number * 7 + step) % 60] for step in range(6)],
        "sites": [SITES[number % 2]] if forbid else None,
        "levels": None,
        "shadow": False,
        "evidence": None,
    }


def _grant() -> dict[str, JsonValue]:
    """One role may propose with one tool."""
    evidence: JsonValue = {"accepted_by": "nobody", "reason": "nothing is written here"}
    return {**_rule(0), "id": "grant", "roles": [ROLES[0]], "tools": [WRITE], "evidence": evidence}


def _document() -> dict[str, JsonValue]:
    terms: dict[str, JsonValue] = {
        "sites": None, "masks": [], "max_rows": 200, "max_window_days": 366, "max_age_factor": 4, "budgets_s": {},
    }  # fmt: skip
    return {
        "format": 2,
        "sites": [*SITES, "3000"],
        "levels": [3, 4],
        "agents": {role: {"owner": "owner", "role": role} for role in ROLES},
        "roles": dict.fromkeys(ROLES, terms),
        "rules": [*(_rule(number) for number in range(RULES)), _grant()],
        "approvals": [],
        "limits": [],
        "writes": {WRITE: {"level": 4, "risk": "W2", "hash": "0" * 64}},
    }


def _tool(name: str, *, writes: bool = False) -> Tool:
    arguments = [Argument(name=f"argument_{number}", type="code", description="") for number in range(5)]
    arguments.append(Argument(name="site", type="code", description="", is_site=True))
    return Tool(
        name=name, version=1, title=name, description="", toolset="things", level=4, scope="things.read",
        effect="write" if writes else "read", risk="W2" if writes else "", hash="0" * 64,
        arguments=tuple(arguments), tables=(), reads=(),
    )  # fmt: skip


def main() -> int:
    """Print the figures and return 1 when the floor is missed."""
    started = time.perf_counter()
    bundle = from_json(canonical(_document()))
    compiled_ms = (time.perf_counter() - started) * 1e3
    tools = [_tool(name) for name in TOOLS]
    principal = Principal(agent=ROLES[0], owner="owner", role=ROLES[0])
    decided: list[float] = []
    for number in range(CALLS):
        tool, arguments = tools[number % 60], {"site": "3000" if number % 2 else None}
        start = time.perf_counter_ns()
        decide(bundle, principal, tool, arguments)
        decided.append((time.perf_counter_ns() - start) / 1e3)
    write = _tool(WRITE, writes=True)
    if not decide(bundle, principal, write, {}).allowed:
        raise SystemExit("the write must be allowed, else a denial is measured")
    writes: list[float] = []
    for number in range(CALLS):
        start = time.perf_counter_ns()
        decide(bundle, principal, write, {"site": "3000" if number % 2 else None})
        writes.append((time.perf_counter_ns() - start) / 1e3)
    call: JsonValue = {"customer_id": "C-100042", "status": ["open"], "requested_from": "2026-03-01", "late_only": True}
    screened: list[float] = []
    for _ in range(CALLS):
        start = time.perf_counter_ns()
        recognise("list_sales_orders", call)
        screened.append((time.perf_counter_ns() - start) / 1e3)
    print(f"{RULES} rules, {len(bundle.cells)} cells, read and compiled in {compiled_ms:.0f} ms")
    for name, times in (("decide", decided), ("write", writes), ("recognise", screened)):
        quantiles = statistics.quantiles(times, n=100)
        print(f"{name:10} p50 {quantiles[49]:6.2f} µs   p99 {quantiles[98]:6.2f} µs")
    return 0 if statistics.median(decided) <= FLOOR_US else 1


if __name__ == "__main__":
    sys.exit(main())
