"""What the audit costs: append, all in, on this machine's disk; and verification of what was appended.

python benchmarks/audit.py [RECORDS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap import SystemClock, TimeOrderedIds
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.store.state import State


def entry() -> AuditEntry:
    """Return an entry of the size that a call leaves."""
    return AuditEntry(
        kind="call.answered",
        correlation_id="0198f2a1-7c3e-7b5a-9f12-3a4b5c6d7e8f",
        causation_id="",
        trace=f"00-{'a' * 32}-{'b' * 16}-01",
        actor="planner",
        facts={
            "call_id": "0198f2a1-7c3e-7b5a-9f12-3a4b5c6d7e8f",
            "tool": "list_sales_orders",
            "tool_hash": "a" * 64,
            "bundle": "b" * 64,
            "rules": ["planner-reads"],
            "rows": {"lines": 50},
            "sources": {"erp": "2026-03-16T04:58:00Z"},
        },
        fields={"tool": "list_sales_orders", "arguments": {"status": ["open"]}, "client": "bench/1"},
    )


def main() -> None:
    """Append, verify, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as directory:
        state = State(Path(directory), clock=SystemClock(), ids=TimeOrderedIds())
        took = []
        for _ in range(count):
            started = time.perf_counter()
            state.audit.append(entry())
            took.append((time.perf_counter() - started) * 1e6)
        started = time.perf_counter()
        report = verify(state.audit.read_all())
        verified_s = time.perf_counter() - started
        state.close()
    cuts = statistics.quantiles(took, n=100)
    print(f"append, durable against the death of the process: p50 {cuts[49]:.0f} µs, p99 {cuts[98]:.0f} µs")
    print(f"verify: {report.records / verified_s:,.0f} records/s, intact: {report.intact}")


if __name__ == "__main__":
    main()
