"""A headless pipeline: asks the gateway why orders are late and prints a report.

    erp-mcp demo --prepare --dir DIR
    python examples/headless_pipeline.py DIR [--lines 5]

It starts `erp-mcp serve` itself, as any MCP client does, with the official SDK's client (pip install mcp). Every call
carries the same correlation id, so the audit log shows them as one piece of work. Ends with status 1 when the gateway
refuses, with 2 when it can't be reached.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Iterator
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

Row = dict[str, Any]


class RefusedError(Exception):
    """The gateway refused a call; its code and advice are the message."""


class Pipeline:
    """One piece of work: calls that belong together."""

    def __init__(self, client: Client) -> None:
        """Use an open client; all calls carry one correlation id."""
        self._client = client
        self._meta: Any = {"io.erp-mcp/correlation_id": f"late-orders-{secrets.token_hex(8)}"}

    async def ask(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call one tool and return its structured answer.

        Raises:
            RefusedError: the answer is a refusal; repeating it unchanged is no use unless the code says so.
        """
        result = await self._client.call_tool(tool, dict(arguments), meta=self._meta)
        content: dict[str, Any] = result.structured_content
        if result.is_error:
            error = content["error"]
            raise RefusedError(f"{tool}: {error['code']}: {error['summary']} {error['advice']}")
        return content

    async def late_lines(self) -> list[Row]:
        """Return all late order lines, page by page: a cursor goes with unchanged arguments."""
        found: list[Row] = []
        answer = await self.ask("list_sales_orders", late_only=True)
        found += rows(answer, "lines")
        while cursor := answer.get("next_cursor"):
            answer = await self.ask("list_sales_orders", late_only=True, cursor=cursor)
            found += rows(answer, "lines")
        return found

    async def explain(self, late: Row) -> None:
        """Print why one order line is late, and how old that knowledge is."""
        answer = await self.ask("explain_late_order", sales_order_id=late["sales_order_id"], line=late["line"])
        for cause in rows(answer, "summary"):
            print(f"{cause['sales_order_id']}/{cause['line']}  {cause['days_late']} days late:", end=" ")
            print(f"{cause['root_cause_code']} ({cause['confidence']} confidence)", end=", ")
            print(f"{cause['root_node_type']} {cause['root_node_id']}")
        for step in rows(answer, "chain"):
            print(f"    {step['step']}. {step['fact']}: {step['node_type']} {step['node_id']}")
        ages = ", ".join(f"{source['system']} {source['age_s'] // 60} min" for source in answer["sources"])
        print(f"    data: {ages} old, {'complete' if answer['complete'] else 'INCOMPLETE'}; call {answer['call_id']}")
        for warning in answer["warnings"]:
            print(f"    warning: {warning}")


def rows(answer: dict[str, Any], table: str) -> Iterator[Row]:
    """Yield the rows of one table as dictionaries; the answer names its columns once."""
    found = answer["tables"][table]
    for row in found["rows"]:
        yield dict(zip(found["columns"], row, strict=True))


async def report(pipeline: Pipeline, lines: int) -> None:
    """Print how many order lines are late, and why the latest are."""
    late = await pipeline.late_lines()
    print(f"{len(late)} order lines are late; the {min(lines, len(late))} latest:\n")
    late.sort(key=lambda line: (-line["days_late"], line["sales_order_id"], line["line"]))
    for line in late[:lines]:
        await pipeline.explain(line)


async def run(demo_dir: str, lines: int) -> int:
    """Start a server for the demo plant, report, and return the exit status."""
    arguments = ["-m", "erp_mcp", "serve", "--demo-dir", demo_dir, "--as", "planner"]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments)) as client:
        try:
            await report(Pipeline(client), lines)
        except (RefusedError, MCPError) as refused:
            print(f"refused: {refused}", file=sys.stderr)
            return 1
    return 0


def main() -> int:
    """Read the command line and run the pipeline."""
    parser = argparse.ArgumentParser(description="Report why orders are late.")
    parser.add_argument("demo_dir", help="directory of a prepared demo plant")
    parser.add_argument("--lines", type=int, default=5, help="how many order lines to explain")
    options = parser.parse_args()
    try:
        return asyncio.run(run(options.demo_dir, options.lines))
    except Exception as failed:  # noqa: BLE001 - a script's last word
        print(f"the gateway can't be reached: {failed!r}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
