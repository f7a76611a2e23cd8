"""Governed reads over stdio beside the SDK's bare echo, in one run on one machine.

    python benchmarks/stdio.py [--demo-dir DIR] [--rounds 3] [--calls 300] [--json]

Three servers take turns, a fresh process per round: `bare` is the MCP SDK's low-level server with its own stdio loop
and an echo tool; `loop` is this project's server around the same echo, without a gateway behind it; `governed` is
`erp-mcp serve` on a demo plant answering `list_sales_orders`. Quote ratios: absolute figures are this machine's.
Without `--demo-dir` a plant is prepared in a temporary directory first.
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
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
WARM_UP = 50
DEPTH = 32
HELLO: dict[str, object] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One server and the call that is timed on it."""

    name: str
    command: list[str]
    tool: str
    arguments: dict[str, object]


@dataclass(kw_only=True)
class Figures:
    """What one cell showed, one entry per round: milliseconds, calls per second, megabytes."""

    hello_ms: list[float] = field(default_factory=list)
    first_call_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    calls_per_s: list[float] = field(default_factory=list)
    deep_calls_per_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)

    def medians(self) -> dict[str, float]:
        """Return the median over the rounds of each figure."""
        return {name: round(statistics.median(values), 2) for name, values in vars(self).items()}


class Client:
    """The least a client can be: raw lines over pipes, so that what is measured is the server."""

    def __init__(self, cell: Cell) -> None:
        """Start the server of a cell."""
        self._cell = cell
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            cell.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._stdin, self._stdout = _open(self._process.stdin), _open(self._process.stdout)

    def send(self, request_id: int, method: str, params: dict[str, object]) -> None:
        """Write one request."""
        line = json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        self._stdin.write(line.encode() + b"\n")

    def call(self, request_id: int) -> None:
        """Write the cell's call."""
        self.send(request_id, "tools/call", {"name": self._cell.tool, "arguments": self._cell.arguments})

    def answer(self) -> dict[str, object]:
        """Wait for the next answer and check that it is no refusal."""
        self._stdin.flush()
        message = json.loads(self._stdout.readline())
        assert not message.get("error"), message
        assert not message["result"].get("isError"), message
        return dict(message)

    def initialized(self) -> None:
        """Finish the handshake."""
        self._stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def rss_mb(self) -> float:
        """Return the peak resident memory so far, 0 where the system does not say."""
        status = Path(f"/proc/{self._process.pid}/status")
        if not status.exists():
            return 0.0
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024

    def close(self) -> None:
        """Close the client's side and wait for the server's end."""
        self._stdin.close()
        self._process.wait(30)
        self._stdout.close()


def run_round(cell: Cell, figures: Figures, calls: int) -> None:
    """Measure one fresh process."""
    started = time.perf_counter()
    client = Client(cell)
    client.send(0, "initialize", HELLO)
    client.answer()
    figures.hello_ms.append(1000 * (time.perf_counter() - started))
    client.initialized()
    client.call(1)
    client.answer()
    figures.first_call_ms.append(1000 * (time.perf_counter() - started))
    for _ in range(WARM_UP):
        client.call(2)
        client.answer()
    _sequential(client, figures, calls)
    _pipelined(client, figures, calls)
    figures.rss_mb.append(client.rss_mb())
    client.close()


def _sequential(client: Client, figures: Figures, calls: int) -> None:
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        client.call(3)
        client.answer()
        times.append(1000 * (time.perf_counter() - started))
    figures.p50_ms.append(statistics.median(times))
    figures.p95_ms.append(statistics.quantiles(times, n=20)[-1])
    figures.calls_per_s.append(1000 * calls / sum(times))


def _pipelined(client: Client, figures: Figures, calls: int) -> None:
    started = time.perf_counter()
    for number in range(calls):
        client.call(1000 + number)
        if number >= DEPTH - 1:
            client.answer()
    for _ in range(min(calls, DEPTH - 1)):
        client.answer()
    figures.deep_calls_per_s.append(calls / (time.perf_counter() - started))


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def cells(demo_dir: Path) -> list[Cell]:
    """Return the servers to compare."""
    servers = str(Path(__file__).with_name("echo_servers.py").resolve())
    echo: dict[str, object] = {"text": "x" * 40, "number": 1}
    governed = [sys.executable, "-m", "erp_mcp", "serve", "--demo-dir", str(demo_dir), "--as", "planner"]
    return [
        Cell(name="bare", command=[sys.executable, servers, "bare"], tool="echo", arguments=echo),
        Cell(name="loop", command=[sys.executable, servers, "loop"], tool="echo", arguments=echo),
        Cell(name="governed", command=governed, tool="list_sales_orders", arguments={"limit": 20}),
    ]


def prepare(demo_dir: Path) -> None:
    """Build a demo plant and its read model."""
    command = [sys.executable, "-m", "erp_mcp", "demo", "--prepare", "--dir", str(demo_dir)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def measure(demo_dir: Path, rounds: int, calls: int) -> dict[str, dict[str, float]]:
    """Return the medians of each cell; the cells take turns, so that a busy moment hits all alike."""
    figures = {cell.name: Figures() for cell in cells(demo_dir)}
    for _ in range(rounds):
        for cell in cells(demo_dir):
            run_round(cell, figures[cell.name], calls)
    return {name: found.medians() for name, found in figures.items()}


def show(medians: dict[str, dict[str, float]]) -> None:
    """Print the table and the ratios that count."""
    names = list(next(iter(medians.values())))
    print(f"{'':10}" + "".join(f"{name:>18}" for name in names))
    for cell, values in medians.items():
        print(f"{cell:10}" + "".join(f"{values[name]:18.2f}" for name in names))
    bare, loop, governed = medians["bare"], medians["loop"], medians["governed"]
    print(f"\ngoverned ÷ bare, calls/s:            {governed['calls_per_s'] / bare['calls_per_s']:.2f}")
    print(f"governed ÷ bare, {DEPTH} deep, calls/s:   {governed['deep_calls_per_s'] / bare['deep_calls_per_s']:.2f}")
    print(f"loop ÷ bare, calls/s:                {loop['calls_per_s'] / bare['calls_per_s']:.2f}")
    print(f"governed − loop, p50:                {governed['p50_ms'] - loop['p50_ms']:.2f} ms")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo-dir", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        demo_dir = options.demo_dir or Path(scratch) / "plant"
        if not options.demo_dir:
            prepare(demo_dir)
        medians = measure(demo_dir, options.rounds, options.calls)
    if options.json:
        print(json.dumps(medians, indent=2))
    else:
        show(medians)


if __name__ == "__main__":
    main()
