"""A headless buyer: proposes another delivery date, waits for a person's decision, and reports what became of it.

    erp-mcp demo --prepare --dir DIR
    python examples/propose_and_wait.py DIR 4500000637 00020 2026-03-27 --key order-4500000637-20 [--wait 600]
    erp-mcp approvals approve ID --demo-dir DIR          (a person, elsewhere)

The key belongs to the change: run it again with the same one, after a crash or a lost connection, and it finds the
proposal it made. Ends with status 0 when the change is written, 3 when it is decided or ended otherwise, 4 when nobody
has decided in time, 1 when the gateway refuses.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

POLL_S = 25  # get_proposal waits so long on its own before it answers that nothing has changed
REASON = "The supplier has confirmed another date by telephone."
Row = dict[str, Any]


class RefusedError(Exception):
    """The gateway refused a call; its code, its reason and what would pass are the message."""


async def ask(client: Client, tool: str, **arguments: object) -> dict[str, Row]:
    """Call a tool that speaks of one proposal and return the first row of each of its tables."""
    result = await client.call_tool(tool, dict(arguments))
    content: dict[str, Any] = result.structured_content
    if result.is_error:
        error = content["error"]
        message = error.get("facts", {}).get("message", error["summary"])
        raise RefusedError(f"{error['code']}: {message} {error['advice']}")
    return {
        name: dict(zip(table["columns"], table["rows"][0], strict=True))
        for name, table in content["tables"].items()
        if table["rows"]
    }


async def propose_and_wait(client: Client, options: argparse.Namespace) -> int:
    """Propose, say the handle, and wait until nothing more will happen or the time is over."""
    told = await ask(
        client,
        "propose_update_delivery_date",
        purchase_order_id=options.purchase_order,
        line=options.line,
        new_date=options.new_date,
        reason=REASON,
        idempotency_key=options.key,
    )
    handle = told["proposal"]["proposal_id"]
    print(f"{handle}: {told['proposal']['headline']}", flush=True)
    ends_at = time.monotonic() + options.wait
    while told["proposal"]["waiting_for"] != "nothing":
        left = int(ends_at - time.monotonic())
        if left <= 0:
            print(f"{told['proposal']['state']}: {told['proposal']['next_step']}")
            return 4
        told = await ask(client, "get_proposal", proposal_id=handle, wait_s=min(POLL_S, left))
    print(f"{told['proposal']['state']}: {told['proposal']['next_step']}")
    if "receipt" in told:
        receipt = told["receipt"]
        print(f"document {receipt['document']}, version {receipt['version']}, written {receipt['committed_at']}")
    return 0 if told["proposal"]["state"] == "COMMITTED" else 3


async def run(options: argparse.Namespace) -> int:
    """Start a server for the demo plant, propose, and return the exit status."""
    arguments = ["-m", "erp_mcp", "serve", "--demo-dir", options.demo_dir, "--as", "buyer"]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments)) as client:
        try:
            return await propose_and_wait(client, options)
        except (RefusedError, MCPError) as refused:
            print(f"refused: {refused}", file=sys.stderr)
            return 1


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Propose another delivery date and wait for the decision.")
    parser.add_argument("demo_dir", help="directory of a prepared demo plant")
    parser.add_argument("purchase_order", help="number of the purchase order")
    parser.add_argument("line", help="its line, with leading zeros")
    parser.add_argument("new_date", help="YYYY-MM-DD")
    parser.add_argument("--key", required=True, help="idempotency key of this change; the same one for the same change")
    parser.add_argument("--wait", type=int, default=600, help="seconds to wait for a decision")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
