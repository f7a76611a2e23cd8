"""A gateway whose principal may call the tools a test names, for what is served beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from erp_mcp.domain.answer import Answer, Cell, Refusal, ResultTable
from erp_mcp.domain.call import ToolCall
from erp_mcp.domain.decision import Mask, Obligations
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Query, Tool
from erp_mcp.errors import GatewayError, NotAllowedError
from erp_mcp.policy.permissions import Permissions, Permitted
from erp_mcp.server.session import Session
from tests.path.fake_server import View


def tool(name: str, *entities: str) -> Tool:
    """A tool of which only the name and what it reads matter."""
    reads = (Query(name="rows", sql={}, parameters=(), columns=(), entities=entities),) if entities else ()
    return Tool(
        name=name,
        version=1,
        title=name,
        description="",
        toolset="orders",
        effect="read",
        level=4,
        scope="orders.read",
        arguments=(),
        tables=(),
        reads=reads,
        hash="0" * 64,
    )


@dataclass(kw_only=True)
class FakeGateway:
    """Answers each call with the rows a test gives for its tool, and remembers it; refuses the rest."""

    callable: tuple[Tool, ...] = ()
    listed: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    known: bool = True
    answers: Mapping[str, ResultTable] = field(default_factory=dict)
    calls: list[ToolCall] = field(default_factory=list)

    def tools(self, principal: Principal) -> tuple[View, ...]:
        return tuple(View(name=name) for name in self.listed)

    def permissions(self, principal: Principal) -> Permissions | None:
        terms = Obligations(sites=("1000", "2000"), masks=self.masks)
        permitted = tuple(Permitted(tool=one, terms=terms) for one in self.callable)
        whole = Permissions(agent="a", role="r", sites=("1000", "2000"), terms=terms, tools=permitted, bundle="b" * 64)
        return whole if self.known else None

    def bundle_digest(self) -> str:
        return ""

    def turn_away(self, principal: Principal, call: ToolCall, why: GatewayError | None = None) -> Refusal:
        raise AssertionError("nothing is turned away here")

    async def call(self, principal: Principal, call: ToolCall) -> Answer | Refusal:
        self.calls.append(call)
        if call.tool not in self.answers:
            return Refusal.of(NotAllowedError(), call.call_id)
        tables = dict.fromkeys(("lines", "lots", "suppliers"), self.answers[call.tool])
        return Answer(tables=tables, complete=True, sources=[], warnings=[], call_id=call.call_id)

    def new(self) -> str:
        return f"id-{len(self.calls)}"


def session(gateway: FakeGateway) -> Session:
    """A session over the fake."""
    return Session(
        gateway=gateway,
        principal=Principal(agent="a", owner="o", role="r"),
        ids=gateway,
        structured=lambda outcome: {},
        text=lambda outcome: "",
    )


def column(name: str, *cells: Cell) -> ResultTable:
    """A table of one column."""
    return ResultTable(columns=[name], rows=[[cell] for cell in cells])
