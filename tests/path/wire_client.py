"""A client of raw lines over real pipes, for what no well-behaved client would send."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.warm import FAKE_SERVER, served_by

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0  # generous: it only ends a test that has failed

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HELLO: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "raw", "version": "1"},
}


def environment() -> dict[str, str]:
    """The environment of a server process: this checkout, and no start-up hooks of the test run."""
    return {"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "")}


class RawServer:
    """A server process, and the client's ends of its pipes."""

    def __init__(self, *arguments: str | Path, command: list[str] | None = None) -> None:
        """Start the fake server with `arguments`, or `command`."""
        self.process = subprocess.Popen(
            served_by(command or [sys.executable, str(FAKE_SERVER), *map(str, arguments)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            bufsize=0,
        )
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr
        self._rest = b""

    def __enter__(self) -> Self:
        """Give the running server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server, whatever state the test left it in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()

    def send(self, *messages: dict[str, Any] | bytes) -> None:
        """Write messages, or bytes as they are."""
        self.stdin.write(b"".join(m if isinstance(m, bytes) else json.dumps(m).encode() + b"\n" for m in messages))

    def request(self, request_id: int | str, method: str, params: dict[str, Any] | None = None) -> None:
        """Write one request."""
        self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}})

    def call(self, request_id: int | str, tool: str, **arguments: object) -> None:
        """Write one call in the handshake era."""
        self.request(request_id, "tools/call", {"name": tool, "arguments": arguments})

    def receive(self) -> dict[str, Any]:
        """Wait for the next message."""
        deadline = time.monotonic() + PATIENCE_S
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self.stdout.fileno(), 1 << 16) if ready else b""
            assert chunk, f"no message came; standard error: {self.errors()!r}"
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def receive_all(self, count: int) -> dict[Any, dict[str, Any]]:
        """Wait for `count` answers and return them by id."""
        return {message["id"]: message for message in (self.receive() for _ in range(count))}

    def handshake(self) -> dict[str, Any]:
        """Open a handshake connection and return what the server says of itself."""
        self.request(0, "initialize", HELLO)
        answer = self.receive()
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def rest(self) -> bytes:
        """Close the client's side and return whatever still comes until the server has ended."""
        self.stdin.close()
        return self._drain()

    def stop(self, number: signal.Signals) -> bytes:
        """Send a signal and return whatever still comes until the server has ended."""
        self.process.send_signal(number)
        return self._drain()

    def _drain(self) -> bytes:
        rest, deadline = self._rest, time.monotonic() + PATIENCE_S
        while True:
            ready, _, _ = select.select([self.stdout], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"the server does not end; standard error: {self.errors()!r}"
            chunk = os.read(self.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            rest += chunk
        self.process.wait(PATIENCE_S)
        return rest

    def errors(self) -> str:
        """Return what stands in standard error so far."""
        text = b""
        while select.select([self.stderr], [], [], 0.05)[0] and (chunk := os.read(self.stderr.fileno(), 1 << 16)):
            text += chunk
        return text.decode(errors="replace")
