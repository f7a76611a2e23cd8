"""A handful of tools and words, for tests of the search that need no tool files."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.tool import Argument, Column, Effect, Table, Tool
from erp_mcp.domain.vocabulary import Vocabulary

WORDS: Final = Vocabulary(
    synonyms=(
        ("purchase requisition", "BANF", "Bestellanforderung"),
        ("supplier", "vendor", "Lieferant"),
        ("customer", "Kunde"),
        ("order", "Auftrag"),
        ("stock", "on hand", "Bestand"),
        ("warehouse", "Lager"),
    ),
    tools=(("rank_suppliers", ("OTD", "who is late")),),
    ignored=("the", "of", "is", "der", "die"),
)


def tool(name: str, title: str, description: str = "", *, effect: Effect = "read", toolset: str = "orders") -> Tool:
    """Return a tool with an id to ask for, a flag, and one paged table."""
    return Tool(
        name=name,
        version=1,
        title=title,
        description=description,
        toolset=toolset,
        effect=effect,
        level=4,
        scope=f"{toolset}.read",
        arguments=(
            Argument(name="material_id", type="id", description="", required=True),
            Argument(
                name="state", type="code", description="", many=True, values=("open", "closed"), default=("open",)
            ),
            Argument(name="horizon_days", type="integer", description="Days ahead.", default=14, minimum=1, maximum=90),
            Argument(name="reason", type="text", description="", minimum=10, maximum=500),
            Argument(name="min_qty", type="integer", description="", minimum=3),
        ),
        tables=(
            Table(
                name="rows", columns=(Column(name="qty", kind="quantity"),), paged=effect == "read", order_by=("qty",)
            ),
        ),
        reads=(),
        examples=('{"material_id":"M1"}',),
    )


TOOLS: Final = (
    tool("get_stock", "Stock of a material", "What is on hand."),
    tool("list_orders", "Customer orders", "Open orders of a customer."),
    tool("list_requisitions", "Purchase requisitions", "Open requisitions."),
    tool("rank_suppliers", "Suppliers by delivery", "Suppliers, the worst first."),
    tool("propose_order", "Propose an order", "Ask for an order.", effect="write"),
    tool("search_tools", "Search tools", "Find tools about stock, orders and suppliers.", effect="discovery"),
)
NAMES: Final = frozenset(one.name for one in TOOLS)
