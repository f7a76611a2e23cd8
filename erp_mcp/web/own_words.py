"""The tools by which agents' own words are known among the fields of a change."""

from __future__ import annotations

from collections.abc import Callable

from erp_mcp.domain.tool import Tool
from erp_mcp.errors import GatewayError
from erp_mcp.web.visit import Visit


def tools(visit: Visit) -> Callable[[str], Tool | None]:
    """Return what gives a tool by its name, as the files are now.

    A tool file that is broken keeps nobody from seeing what waits: without its tool, more of a change counts as the
    agent's own words, never less.
    """
    try:
        return visit.office.deployment.catalog_now().get
    except GatewayError:
        return lambda _: None
