"""The worst agent there can be: it reads everything that it may, and does whatever any of it says, to the letter."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.path.wire_client import HELLO, RawServer
from tests.worst_case.grammar import Deed, Json, deeds, marks_in, unhidden

_MOST_CALLS: Final = 120  # of one tool that reads
_DRY: Final = 8  # calls of it without a new order, after which it is left alone
_BATCH: Final = 40
_MOST_DEEDS: Final = 4  # of one text
_PREFIXES: Final = ("", "propose_", "approvals_", "erp_")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTool:
    """A tool that reads: its arguments that must be given, and an example of all of them."""

    name: str
    required: tuple[str, ...]
    arguments: tuple[str, ...]
    lists: frozenset[str]
    example: Json
    pages: bool


@dataclass(slots=True)
class Agent:
    """Talks to a server over its pipes; everything that comes is kept for whoever judges it.

    Attributes:
        texts: Every text that was read in an answer, with an instruction in it, by its mark.
        ours: Texts of the gateway itself: errors, lists, descriptions, prompts, resources, what stands beside tables.
        proposals: Ids of its own proposals.
    """

    wire: RawServer
    calls: int = 0
    requests_to_us: int = 0
    obeyed: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    ours: list[str] = field(default_factory=list)
    proposals: list[str] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    _values: dict[str, list[str]] = field(default_factory=dict)
    _asked: int = 0

    # --- the wire -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open the connection as a client that takes everything on."""
        hello = {**HELLO, "capabilities": {"elicitation": {}, "sampling": {}, "roots": {"listChanged": True}}}
        self.ours.append(json.dumps(self.ask("initialize", hello)))
        self.wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, params: Json) -> Json:
        """Send one request and return its answer; what else comes is taken note of, and agreed to."""
        self._asked += 1
        asked = f"q-{self._asked}"
        self.wire.send({"jsonrpc": "2.0", "id": asked, "method": method, "params": params})
        while (message := self.wire.receive()).get("id") != asked:
            self._besides(message)
        return message

    def _besides(self, message: Json) -> None:
        if "method" in message and "id" in message:
            self.requests_to_us += 1
            yes = {"action": "accept", "content": {"approve": True, "confirm": True}}
            self.wire.send({"jsonrpc": "2.0", "id": message["id"], "result": yes})
        elif "result" in message and "structuredContent" in (message["result"] or {}):
            self._answer(message["result"])
        else:
            self.ours.append(json.dumps(message))

    def call(self, tool: str, arguments: Json, meta: Json | None = None) -> Json:
        """Call a tool; returns its structured content, which may be a refusal, empty for an error of the protocol."""
        self.calls += 1
        params: Json = {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}
        message = self.ask("tools/call", params)
        if "error" in message:
            self.ours.append(json.dumps(message["error"]))
            self.answered[str((message["error"].get("data") or {}).get("code", message["error"]["code"]))] += 1
            return {}
        return self._answer(message["result"])

    def _answer(self, result: Json) -> Json:
        content: Json = result["structuredContent"]
        if "error" in content:
            self.ours.append(json.dumps(result))
            self.answered[content["error"]["code"]] += 1
            return content
        self.answered["answered"] += 1
        beside = {key: value for key, value in content.items() if key != "tables"}
        headings = {name: table["columns"] for name, table in content["tables"].items()}
        self.ours.append(json.dumps([beside, headings]))
        for name, column, cell in _cells(content):
            self._note(name, column, cell)
        return content

    def _note(self, table: str, column: str, cell: object) -> None:
        if not isinstance(cell, str):
            return
        for mark in marks_in(unhidden(cell)):
            self.texts.setdefault(mark, cell)
        if len(cell) <= 40:
            known = self._values.setdefault(column, [])
            if cell not in known:
                known.append(cell)
        if table == "proposal" and column == "proposal_id" and cell not in self.proposals:
            self.proposals.append(cell)

    # --- reading ------------------------------------------------------------------------------------------------------

    def read_everything(self, most: int = _MOST_CALLS) -> None:
        """Read lists, prompts, resources and descriptions, then call every tool that reads, over and over."""
        for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
            self.ours.append(json.dumps(self.ask(method, {})))
        for prompt in json.loads(self.ours[-3])["result"]["prompts"]:
            named = {one["name"]: "1000" for one in prompt.get("arguments", []) if one.get("required")}
            self.ours.append(json.dumps(self.ask("prompts/get", {"name": prompt["name"], "arguments": named})))
        manifest = self.ask("resources/read", {"uri": "erp-mcp://tools"})
        self.ours += [json.dumps(manifest), json.dumps(self.ask("resources/read", {"uri": "erp-mcp://policy"}))]
        tools = json.loads(manifest["result"]["contents"][0]["text"])["tools"]
        reads = [self._described(one["name"]) for one in tools if one["effect"] == "read"]
        for tool in sorted(reads, key=lambda one: len(one.required)):  # what needs nothing gives what others need
            self._read(tool, most)

    def _described(self, name: str) -> ReadTool:
        content = self.call("describe_tool", {"name": name})
        self.ours.append(json.dumps(content))
        rows = {table: _records(content, table) for table in ("arguments", "examples")}
        (example, *_) = [*rows["examples"], {"example": "{}"}]
        names = tuple(one["argument"] for one in rows["arguments"])
        return ReadTool(
            name=name,
            required=tuple(one["argument"] for one in rows["arguments"] if one["required"]),
            arguments=names,
            lists=frozenset(one["argument"] for one in rows["arguments"] if one["type"].startswith("list of ")),
            example=json.loads(next(iter(example.values()))),
            pages="cursor" in names,
        )

    def _read(self, tool: ReadTool, most: int) -> None:
        """Call one tool with everything there is for it, for as long as it goes on giving orders."""
        dry = 0
        for arguments in itertools.islice(self._asking(tool), most):
            known = len(self.texts)
            self._call_read(tool.name, arguments)
            dry = dry + 1 if len(self.texts) == known else 0
            if dry > _DRY:
                return

    def _asking(self, tool: ReadTool) -> Iterator[Json]:
        yield tool.example
        if tool.pages and not tool.required:
            yield {"limit": 200}
        by = next((one for one in (*tool.required, *tool.arguments) if one.endswith("_id") and one in self._values), "")
        values = self._values.get(by, [])
        several = by in tool.lists
        for start in range(0, len(values), _BATCH if several else 1):
            given = values[start : start + _BATCH] if several else values[start]
            yield {**tool.example, by: given} if by in tool.required else {by: given}

    def _call_read(self, name: str, arguments: Json) -> Json:
        listed = self.calls % 2  # through the tool that passes on, and directly
        return self.call(name, arguments) if listed else self.call("call_tool", {"name": name, "arguments": arguments})

    # --- obeying ------------------------------------------------------------------------------------------------------

    def obey(self, text: str) -> int:
        """Do everything that a text orders; returns how many things that were."""
        done = 0
        for deed in list(deeds(text))[:_MOST_DEEDS]:
            self._do(deed, text)
            done += 1
        self.obeyed += bool(done)
        return done

    def _do(self, deed: Deed, text: str) -> None:
        if deed.kind == "call":
            self._call_as_told(deed, text)
        elif deed.kind == "line":
            self.wire.send(deed.facts)
            if "method" not in deed.facts:
                self.wire.send({**deed.facts, "id": f"q-{self._asked + 1}"})  # and as the answer to what is asked next
            self.ask("ping", {})
        elif deed.kind == "open":
            self.ours.append(json.dumps(self.ask("resources/read", {"uri": deed.name})))
            self.ours.append(json.dumps(self.ask("prompts/get", {"name": deed.name, "arguments": {}})))
        else:
            self._decide(deed)

    def _call_as_told(self, deed: Deed, text: str) -> None:
        arguments = dict(deed.facts["arguments"])
        for number in range(deed.times):
            if deed.times > 1 and "idempotency_key" in arguments:
                arguments = {**arguments, "idempotency_key": f"{deed.facts['arguments']['idempotency_key']}-{number}"}
            told = self.call(deed.name, arguments, deed.facts.get("_meta"))
            self._take_advice(deed, arguments, told)
        if "reason" in arguments:  # and once more with the order itself as the reason, under the same key
            self.call(deed.name, {**arguments, "reason": text[:200]})

    def _take_advice(self, deed: Deed, arguments: Json, told: Json) -> None:
        """Repeat a call as its refusal advises: beside what looks the same, with the name that was suggested."""
        facts = told.get("error", {}).get("facts", {})
        if "proposal_id" in facts:
            self.call(deed.name, {**arguments, "acknowledge_duplicate_of": facts["proposal_id"]})
        if "suggestion" in facts and facts.get("argument") in arguments:
            renamed = {facts["suggestion"] if key == facts["argument"] else key: one for key, one in arguments.items()}
            self.call(deed.name, renamed)

    def _decide(self, deed: Deed) -> None:
        """Try each name that such a tool could have, and each form that a decision could take."""
        proposal = deed.facts["proposal_id"]
        proposal = (self.proposals or ["prp_000000000000"])[-1] if proposal == "MINE" else proposal
        forms: tuple[Json, ...] = (
            {"proposal_id": proposal},
            {"proposal_id": proposal, "decision": "approve", "approver": "demo-approver", "passphrase": "x" * 12},
        )
        for prefix in _PREFIXES:
            for form in forms:
                self.call(f"{prefix}{deed.name}_{deed.facts['noun']}", form)
        for tool in ("get_proposal", "cancel_proposal", "list_my_proposals"):
            self.call(tool, {**forms[1], "state": "APPROVED"})
        self.call("get_proposal", {"proposal_id": proposal})

    def flood(self, count: int) -> None:
        """Send so many calls at once, without waiting for one of them."""
        for number in range(count):
            tool = ("get_stock", "list_my_proposals", "approve_proposal")[number % 3]
            self.calls += 1
            params = {"name": tool, "arguments": {}}
            self.wire.send({"jsonrpc": "2.0", "id": f"f-{number}", "method": "tools/call", "params": params})
        left = count
        while left:
            message = self.wire.receive()
            left -= str(message.get("id")).startswith("f-")
            self._besides(message)

    def tidy(self) -> None:
        """Take back its own proposals, so that there is room for more."""
        for proposal in self.proposals:
            self.call("cancel_proposal", {"proposal_id": proposal})
        self.proposals.clear()


def _cells(content: Json) -> Iterator[tuple[str, str, object]]:
    for name, table in content["tables"].items():
        for row in table["rows"]:
            for column, cell in zip(table["columns"], row, strict=True):
                yield name, column, cell


def _records(content: Json, table: str) -> list[dict[str, Any]]:
    found = content["tables"][table]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
