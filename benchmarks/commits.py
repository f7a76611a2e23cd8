"""What it costs to commit an approved change through the worker, beside a bare insert with the same durability.

python benchmarks/commits.py [CHANGES]

Builds a demo plant and moves delivery dates there, each proposed by the gateway and signed by an approver. A commit is
one call of the committer: signatures, policy, rules over the read model and live records, the ERP's own transaction,
reading back, and three changes of state, each with its audit record and event, that survive power loss (WAL, FULL).
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import ToolCall
from erp_mcp.domain.lifecycle import State

TOOL = "propose_update_delivery_date"
LINES = (
    "SELECT po_no, item_no FROM po_item WHERE stat = 'OPEN' AND release_ind = 'R' AND promise >= '2026-04-06'"
    " AND CAST(qty_open AS REAL) > 0 ORDER BY po_no, item_no"
)


def erp_mcp(*words: str) -> None:
    """Run a command of the command line."""
    subprocess.run([sys.executable, "-m", "erp_mcp", *words], check=True, stdout=subprocess.DEVNULL)


def built(folder: Path) -> Deployment:
    """Return a demo plant whose limit is out of the way."""
    plant = folder / "demo"
    erp_mcp("demo", "--prepare", "--dir", str(plant))
    base = plant / "policies" / "base.yaml"
    base.write_text(base.read_text(encoding="utf-8").replace('max: "20"', 'max: "100000"'), encoding="utf-8")
    erp_mcp("policy", "apply", "--yes", "--demo-dir", str(plant))
    return open_deployment(plant / "erp-mcp.yaml")


async def proposed(deployment: Deployment, number: int, line: tuple[str, str]) -> tuple[str, float]:
    """Propose one change; return its id, or nothing where a rule refuses it, and the milliseconds that it took."""
    arguments = {
        "purchase_order_id": line[0], "line": line[1], "new_date": "2026-09-15",
        "reason": "The supplier moved it.", "idempotency_key": f"bench-{number:06d}",
    }  # fmt: skip
    call = ToolCall(tool=TOOL, arguments={**arguments}, call_id=f"call-{number}")
    began = time.perf_counter()
    answer = await deployment.gateway.call(deployment.principal("buyer"), call)
    took = (time.perf_counter() - began) * 1e3
    return (str(answer.tables["proposal"].rows[0][0]), took) if isinstance(answer, Answer) else ("", took)


async def measured(deployment: Deployment, count: int, plain: sqlite3.Connection) -> dict[str, list[float]]:
    """Take turns: a bare insert, a proposal, its approval (not counted: it is slow on purpose), its commit."""
    root = deployment.settings.file.parent
    secret = (root / "keys" / "demo-approver.passphrase").read_text(encoding="utf-8").strip()
    signing = Signing(approver_id="demo-approver", passphrase=secret)
    with closing(sqlite3.connect(root / "erp.sqlite")) as erp:
        lines = erp.execute(LINES).fetchall()
    took: dict[str, list[float]] = {"bare insert": [], "proposal": [], "commit": []}
    committer = deployment.committer()
    for number, line in enumerate(lines):
        proposal_id, ms = await proposed(deployment, number, line)
        if not proposal_id:
            continue
        took["proposal"].append(ms)
        stored = deployment.state.proposals.get(proposal_id)
        administration.decide(deployment, stored, signing, "approve")
        began = time.perf_counter()
        plain.execute("INSERT INTO change VALUES (?, ?)", (proposal_id, "x" * 2000))
        took["bare insert"].append((time.perf_counter() - began) * 1e3)
        began = time.perf_counter()
        done = await committer.work("worker:bench")
        took["commit"].append((time.perf_counter() - began) * 1e3)
        assert done is not None
        assert done.proposal.state is State.COMMITTED, done.proposal.reason
        if len(took["commit"]) == count:
            break
    await deployment.disconnect()
    return took


def main() -> None:
    """Measure and print each beside the bare insert."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as name:
        deployment = built(Path(name))
        with closing(sqlite3.connect(Path(name) / "bare.sqlite", isolation_level=None)) as plain:
            plain.execute("PRAGMA journal_mode = WAL")
            plain.execute("PRAGMA synchronous = FULL")
            plain.execute("CREATE TABLE change (id TEXT PRIMARY KEY, content TEXT NOT NULL)")
            took = asyncio.run(measured(deployment, count, plain))
        deployment.close()
    print(f"{len(took['commit'])} changes, each measured beside a bare insert")
    cuts = {name: statistics.quantiles(times, n=100) for name, times in took.items()}
    base = cuts["bare insert"]
    for name, cut in cuts.items():
        ratio = f"p50 × {cut[49] / base[49]:.1f}, p95 × {cut[94] / base[94]:.1f}"
        print(f"{name:<12} p50 {cut[49]:.2f} ms, p95 {cut[94]:.2f} ms   {ratio}")


if __name__ == "__main__":
    main()
