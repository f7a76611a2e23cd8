"""Every shipped read tool over stdio, at the sizes of the demo plant: p50 and p95 beside the cheapest call of the run.

    python benchmarks/tools.py --sizes S M          prepares plants in a temporary directory
    python benchmarks/tools.py --plant L=DIR        uses a plant that is there
    python benchmarks/tools.py --sizes S --json
    python benchmarks/tools.py --sizes M --tools get_stock find_slow_stock

A tool is called with each example of its file, with the ids of the plant put in where the example's are not there. The
ratio is to `get_material` of one material on the same server: absolute figures are this machine's. Tokens are those of
the text that a model reads (o200k), the median over the examples; the list is name, description and input schema.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import bpe_openai

ROOT = Path(__file__).resolve().parents[1]
RANKS = bpe_openai.get_encoding("o200k_base")
YARDSTICK = "get_material"
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}


def tokens(value: object) -> int:
    """Return the tokens of a text, or of a value as compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(RANKS.encode(text))


@dataclass(kw_only=True)
class Timed:
    """What one tool showed on one plant."""

    tool: str
    milliseconds: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return p50, p95 and the median of tokens."""
        quantiles = statistics.quantiles(self.milliseconds, n=20)
        return {
            "tool": self.tool,
            "p50_ms": round(statistics.median(self.milliseconds), 2),
            "p95_ms": round(quantiles[-1], 2),
            "calls": len(self.milliseconds),
            "tokens": round(statistics.median(self.tokens)),
            "refused": self.refused,
        }


class Server:
    """`erp-mcp serve` on a plant, spoken to in raw lines."""

    def __init__(self, config: Path, agent: str) -> None:
        """Start it and shake hands."""
        command = [sys.executable, "-m", "erp_mcp", "serve", "--config", str(config), "--as", agent]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._stdin, self._stdout = _open(self._process.stdin), _open(self._process.stdout)
        self._id = 0
        self.ask("initialize", HELLO)
        self._stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def ask(self, method: str, params: object) -> dict[str, Any]:
        """Send one request and return its result."""
        self._id += 1
        line = json.dumps({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        self._stdin.write(line.encode() + b"\n")
        self._stdin.flush()
        while True:
            message = json.loads(self._stdout.readline())
            if message.get("id") == self._id:
                return dict(message.get("result") or {"isError": True, "error": message.get("error")})

    def close(self) -> None:
        """Close our side and wait for its end."""
        self._stdin.close()
        self._process.wait(30)
        self._stdout.close()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def prepare(directory: Path, size: str) -> Path:
    """Build a plant and return its configuration."""
    command = [sys.executable, "-m", "erp_mcp", "demo", "--prepare", "--size", size, "--dir", str(directory)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return directory / "erp-mcp.yaml"


def shipped() -> list[dict[str, Any]]:
    """Return the read tools with their examples."""
    from erp_mcp import bootstrap, settings

    catalog = bootstrap.compile_catalog([settings.data_root() / "tools"])
    reading = [tool for tool in catalog if tool.effect == "read" and tool.toolset != "discovery"]
    return [{"name": tool.name, "examples": [json.loads(one) for one in tool.examples]} for tool in reading]


def measure(config: Path, tools: list[dict[str, Any]], repeats: int) -> list[Timed]:
    """Call every tool with every example, `repeats` times each, after one call that is not counted."""
    server = Server(config, "planner")
    try:
        return [_timed(server, tool, repeats) for tool in tools]
    finally:
        server.close()


def _timed(server: Server, tool: dict[str, Any], repeats: int) -> Timed:
    timed = Timed(tool=tool["name"])
    for example in tool["examples"]:
        params = {"name": tool["name"], "arguments": example}
        first = server.ask("tools/call", params)
        if first.get("isError"):
            timed.refused.append(json.dumps(example))
            continue
        timed.tokens.append(tokens(first["content"][0]["text"]))
        for _ in range(repeats):
            started = time.perf_counter()
            server.ask("tools/call", params)
            timed.milliseconds.append(1000 * (time.perf_counter() - started))
    return timed


def lists(config: Path, agents: list[str]) -> dict[str, dict[str, int]]:
    """Return what the default list of each agent costs, in tokens, with and without output schemas."""
    found = {}
    for agent in agents:
        server = Server(config, agent)
        listed = server.ask("tools/list", {}).get("tools", [])
        server.close()
        bare = [{name: one[name] for name in ("name", "description", "inputSchema")} for one in listed]
        found[agent] = {"tools": len(listed), "tokens": tokens(bare), "with_output_schemas": tokens(listed)}
    return found


def _print(size: str, measured: list[Timed]) -> None:
    answered = [one for one in measured if one.milliseconds]
    by_name = {one.tool: one.figures() for one in answered}
    yard = by_name.get(YARDSTICK, min(by_name.values(), key=lambda one: float(one["p50_ms"])))["p50_ms"]
    print(f"\nsize {size}: p50 and p95 in ms, ratio of p50 to {YARDSTICK}, tokens of an answer")
    for name, one in sorted(by_name.items(), key=lambda pair: -float(pair[1]["p50_ms"])):
        ratio = one["p50_ms"] / yard
        print(f"  {name:32} {one['p50_ms']:9.2f} {one['p95_ms']:9.2f} {ratio:8.1f}x {one['tokens']:6}")
    for timed in measured:
        if timed.refused:
            print(f"  {timed.tool}: refused for {len(timed.refused)} of its examples: {timed.refused[0]}")


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="*", default=[], choices=("S", "M", "L"))
    parser.add_argument("--plant", action="append", default=[], metavar="SIZE=DIR")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--tools", nargs="*", default=[], help="only these, and the yardstick")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tools, result = [one for one in shipped() if not options.tools or one["name"] in {*options.tools, YARDSTICK}], {}
    with tempfile.TemporaryDirectory() as folder:
        plants = {size: prepare(Path(folder) / size, size) for size in options.sizes}
        plants |= {name: Path(path) / "erp-mcp.yaml" for name, _, path in (one.partition("=") for one in options.plant)}
        agents = ["planner", "buyer", "supervisor", "quality", "maintenance", "finance", "support"]
        for size, config in plants.items():
            measured = measure(config, tools, options.repeats)
            result[size] = [one.figures() for one in measured if one.milliseconds]
            if not options.json:
                _print(size, measured)
        listed = lists(next(iter(plants.values())), agents) if plants else {}
    if options.json:
        print(json.dumps({"sizes": result, "lists": listed}, indent=1))
        return
    print("\nlists: tools, tokens of names, descriptions and input schemas, tokens with output schemas")
    for agent, one in listed.items():
        print(f"  {agent:12} {one['tools']:3} {one['tokens']:6} {one['with_output_schemas']:6}")


if __name__ == "__main__":
    main()
