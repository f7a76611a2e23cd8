"""Which tool has which picture, and its page put together from the assets beside this module.

A page holds everything it needs: it may load nothing, connect to nothing and run no other script than its own, by a
content security policy of its own that stands whatever the host grants and wherever it puts the page. It shows what
the tool answered; it asks for nothing and decides nothing.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

MIME_TYPE: Final = "text/html;profile=mcp-app"
_ADDRESS: Final = "ui://erp-mcp/"
_ASSETS: Final = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One picture: the tool whose answers it shows, the asset that draws them, and how lists name it.

    `waiting` stands there until the answer has come.
    """

    tool: str
    asset: str
    title: str
    description: str
    waiting: str = "Waiting for the answer."

    @property
    def uri(self) -> str:
        """The address by which hosts read the page."""
        return f"{_ADDRESS}{self.asset.replace('_', '-')}"


_VIEWS: Final = (
    View(
        tool="explain_late_order",
        asset="late_order",
        title="Why an order is late",
        description="The chain of causes from each late line down to its root cause.",
    ),
    View(
        tool="get_supply_demand",
        asset="supply_demand",
        title="Supply and demand",
        description="Stock left after each day, with safety stock and the first short day.",
    ),
    View(
        tool="get_oee",
        asset="oee",
        title="OEE and its factors",
        description="Availability, effectiveness, quality and OEE per work centre and period.",
    ),
    View(
        tool="get_downtime_pareto",
        asset="downtime_pareto",
        title="Downtime by reason",
        description="Reasons of downtime by minutes, with their cumulative share.",
    ),
    View(
        tool="get_proposal",
        asset="proposal",
        title="A proposal",
        description="What would change, what was looked at, where it stands and where people decide; nothing to press.",
        waiting="Waiting for the answer. Where it is followed as a task, it comes once people have decided.",
    ),
)
_BY_TOOL: Final = {view.tool: view for view in _VIEWS}
_BY_ADDRESS: Final = {view.uri: view for view in _VIEWS}


def view_of(tool: str) -> View | None:
    """Return the picture of a tool's answers, where it has one."""
    return _BY_TOOL.get(tool)


def card() -> View:
    """Return the picture of a proposal: of whatever asks people for a change, and of what asks after one."""
    return _BY_TOOL["get_proposal"]


def view_at(uri: str) -> View | None:
    """Return the picture whose page has this address."""
    return _BY_ADDRESS.get(uri)


@cache
def page(view: View) -> str:
    """Return the whole page of a picture, as HTML."""
    style = _asset("view.css")
    # The drawing stands before the bridge, which says to the host that answers may come.
    parts = "\n".join(_asset(name) for name in ("page.js", f"{view.asset}.js", "bridge.js"))
    script = f'"use strict";\n{{\n{parts}\n}}'
    policy = f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'"
    return _PAGE.format(policy=policy, title=view.title, waiting=view.waiting, style=style, script=script)


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="view" aria-busy="true"><p role="status">{waiting}</p></main>
<script>{script}</script>
</body>
</html>
"""
