"""A server over a fake gateway, started as a process by the tests of the stdio transport.

Usage: python fake_server.py [DIRECTORY]; the files of DIRECTORY steer it: `policy` (its text is the digest of the
applied bundle; "more" in it shows one tool more), `broken` (loading fails).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from erp_mcp.domain.answer import Answer, Refusal, ResultTable, Source
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import ConfigurationError, GatewayError
from erp_mcp.server import start

SECRET = "password=hunter2"  # planted: no client may ever see it
_TABLES: dict[str, JsonValue] = {"type": "object", "required": ["tables", "complete", "call_id"]}


@dataclass(frozen=True, kw_only=True)
class View:
    name: str
    title: str = "A tool"
    description: str = "For tests."
    input_schema: dict[str, JsonValue] = field(default_factory=lambda: {"type": "object"})
    output_schema: dict[str, JsonValue] = field(default_factory=lambda: dict(_TABLES))
    read_only: bool = True


class Sequence:
    """Ids that count."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return f"call-{next(self._numbers)}"


class FakeGateway:
    """Tools that show what a transport must withstand."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.running = 0
        self.listed = 0

    def tools(self, principal: Principal) -> tuple[View, ...]:
        self.listed += 1
        names = ["echo", "refuse", "raise", "print", "wait", "unrenderable"]
        if "more" in self.bundle_digest():
            names.append("one_more")
        return tuple(View(name=name) for name in names)

    def permissions(self, principal: Principal) -> None:
        return None

    def bundle_digest(self) -> str:
        return (self._folder / "policy").read_text() if self._folder else "digest"

    def turn_away(self, principal: Principal, call: ToolCall, why: GatewayError | None = None) -> Refusal:
        return _refusal(call, why.code if why else "gateway.busy")

    async def call(self, principal: Principal, call: ToolCall) -> Answer | Refusal:
        match call.tool:
            case "echo":
                return _answer(call, [[str(call.arguments.get("text", "")), call.correlation_id, call.causation_id]])
            case "who":
                return _answer(call, [[call.client, call.traceparent, principal.agent]])
            case "times_listed":
                return _answer(call, [[str(self.listed), "", ""]])
            case "refuse":
                return _refusal(call, "call.invalid_argument")
            case "raise":
                raise RuntimeError(SECRET)
            case "log":
                logging.getLogger("erp_mcp").error("a system failed", exc_info=RuntimeError(SECRET))
                return _answer(call, [["", "", ""]])
            case "print":
                print("buffered, on the way to the wire?")
                os.write(1, b"raw, on the way to the wire?\n")
                os.system("echo from a child")
                return _answer(call, [[sys.stdin.read(), "", ""]])
            case "wait":
                return await self._wait(call)
            case "unrenderable":
                return _answer(call, [])
            case _:
                return _refusal(call, "call.unknown_tool")

    async def _wait(self, call: ToolCall) -> Answer:
        self.running += 1
        seen = self.running
        try:
            await asyncio.sleep(float(str(call.arguments.get("s", "60"))))
        finally:
            self.running -= 1
        return _answer(call, [[str(seen), "", ""]])


def structured(outcome: Answer | Refusal) -> dict[str, JsonValue]:
    if isinstance(outcome, Refusal):
        return {"error": {"code": outcome.code, "summary": outcome.summary}, "call_id": outcome.call_id}
    table = outcome.tables["rows"]
    rows: list[JsonValue] = [[str(cell) for cell in row] for row in table.rows]
    tables: JsonValue = {"rows": {"columns": list(table.columns), "rows": rows}}
    return {"tables": tables, "complete": outcome.complete, "call_id": outcome.call_id}


def text(outcome: Answer | Refusal) -> str:
    if isinstance(outcome, Refusal):
        return outcome.code
    return "|".join(str(cell) for cell in outcome.tables["rows"].rows[0])


def _answer(call: ToolCall, rows: list[list[str | int | bool | list[str] | None]]) -> Answer:
    return Answer(
        tables={"rows": ResultTable(columns=["a", "b", "c"], rows=rows)},
        complete=True,
        sources=[Source(system="erp", via="read_model", as_of="2026-03-02T06:00:00Z", age_s=0, stale=False)],
        warnings=[],
        call_id=call.call_id,
    )


def _refusal(call: ToolCall, code: str) -> Refusal:
    return Refusal(code=code, summary="No.", advice="Mend it.", facts={}, call_id=call.call_id)


def prepare(folder: Path | None) -> start.Run:
    """Import the real server around the fake gateway."""
    from erp_mcp.server import app
    from erp_mcp.server.session import Session

    async def load() -> Session:
        if folder and (folder / "broken").exists():
            raise ConfigurationError(key="systems", reason="is missing")
        return Session(
            gateway=FakeGateway(folder),
            principal=Principal(agent="planner-bot", owner="Dana", role="planner"),
            ids=Sequence(),
            structured=structured,
            text=text,
        )

    return functools.partial(app.run, load)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(start.serve(lambda: prepare(folder)))
