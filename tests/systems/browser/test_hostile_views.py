"""Pictures under attack in a real browser: by what stands in a cell, by what a host hands over, by another window."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp import settings, views
from erp_mcp.bootstrap import compile_catalog
from erp_mcp.domain.tool import Tool
from tests.guarantees import guarantees
from tests.needs import missing

pytestmark = pytest.mark.live

TOOLS: Final = ("explain_late_order", "get_supply_demand", "get_oee", "get_downtime_pareto")
MARKUP: Final = (
    "<img src=x onerror='top.fired=true'><script>top.fired=true</script><a href='javascript:top.fired=1'>x</a>"
)
CELLS: Final[dict[str, Any]] = {
    "markup": MARKUP,
    "markup in every breath": f"\"'><svg onload=top.fired=true>{MARKUP}]]>--></script></style>",
    "a digit too many": "9" * 400,
    "no number": "1e999",
    "a day that never was": "2026-99-99",
    "the last day": "9999-12-31",
    "the first day": "0001-01-01",
    "a number for a text": 1e308,
    "an object for a text": {"__proto__": {"polluted": 1}, "toString": "x"},
    "a deep list": json.loads("[" * 900 + "]" * 900),
    "a long text": "x" * 20_000,
    "a property of all": "__proto__",
    "signs that hide": "\u202e\u200b\U000e0041\u0000",
    "nothing": None,
}
_PATIENCE_S: Final = 240  # a page that never comes to an end must not hang the tests
_HOST: Final = """<!DOCTYPE html><html><body><script>
"use strict";
window.fired = false;
const jobs = JSON.parse(@WORK@);
const frames_ = [];
const sent = [];
function show(job, at) {
  const frame = document.createElement("iframe");
  frame.srcdoc = job.page;
  frames_[at] = frame;
  window.addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow) return;
    const message = event.data;
    sent.push(String(message.method || "answer"));
    const tell = (one) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...one }, "*");
    if (message.method === "ui/initialize") tell({ id: message.id, result: { hostContext: JSON.parse(job.context) } });
    if (message.method === "ui/notifications/initialized") for (const one of JSON.parse(job.messages)) tell(one);
  });
  document.body.append(frame);
}
jobs.jobs.forEach(show);
if (jobs.foreign) {
  const other = document.createElement("iframe");
  other.srcdoc = jobs.foreign;
  document.body.append(other);
}
setTimeout(() => {
  const told = frames_.map((frame) => ({
    text: frame.contentDocument.body.innerText.slice(0, 4000),
    whole: frame.contentDocument.body.innerText.length,
    strange: frame.contentDocument.querySelectorAll("main img, main script, main a, main iframe, main object").length,
    handlers: [...frame.contentDocument.querySelectorAll("*")].filter((node) =>
      [...node.attributes].some((one) => one.name.startsWith("on"))).length,
    polluted: [frame.contentWindow.Object.prototype.polluted, Object.keys(frame.contentWindow.Object.prototype).length],
    style: frame.contentDocument.documentElement.getAttribute("style") || "",
  }));
  const out = document.createElement("pre");
  out.id = "out";
  out.textContent = JSON.stringify({ fired: window.fired, told, sent: [...new Set(sent)] });
  document.body.replaceChildren(out);
}, 6000);
</script></body></html>"""


@pytest.fixture(scope="module")
def tools() -> dict[str, Tool]:
    """Return the tools that have pictures."""
    catalog = compile_catalog([settings.data_root() / "tools"])
    return {name: catalog.tools[name] for name in TOOLS}


def shown(folder: Path, jobs: list[dict[str, Any]], foreign: str = "") -> dict[str, Any]:
    """Show pages in frames of one host, and return what became of them."""
    program = shutil.which("chromium")
    if program is None:
        missing("no browser: run tests/systems/browser/install.sh .venv-browser")
    work = json.dumps(json.dumps({"jobs": jobs, "foreign": foreign})).replace("<", "\\u003c")
    file = folder / "host.html"
    file.write_text(_HOST.replace("@WORK@", work), encoding="utf-8")
    command = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stdout[-2000:] + done.stderr[-2000:]
    told: dict[str, Any] = json.loads(unescape(found[1]))
    return told


def job(tool: str, *messages: dict[str, Any], context: str = "{}") -> dict[str, Any]:
    """Return one page with what its host tells it, as JSON text: only so a key may be called `__proto__`."""
    view = views.view_of(tool)
    assert view is not None
    return {"page": views.page(view), "messages": json.dumps(messages), "context": context}


def result(tool: Tool, cell: object) -> dict[str, Any]:
    """Return an answer with one thing in every cell, and in whatever stands beside the tables."""
    tables = {
        table.name: {"columns": [one.name for one in table.columns], "rows": [[cell] * len(table.columns)] * 3}
        for table in tool.tables
    }
    source = {"system": cell, "via": cell, "as_of": cell, "age_s": cell, "stale": cell}
    answer = {
        "tables": tables, "complete": False, "sources": [source], "warnings": [cell], "call_id": cell,
        "definition_id": cell, "next_cursor": cell,
    }  # fmt: skip
    return {"method": "ui/notifications/tool-result", "params": {"structuredContent": answer, "content": []}}


def asked(cell: object) -> dict[str, Any]:
    """Return the arguments of a call, each of them the same."""
    names = ("sales_order_id", "material_id", "site", "work_center_id", "__proto__", "constructor")
    return {"method": "ui/notifications/tool-input", "params": {"arguments": dict.fromkeys(names, cell)}}


@guarantees("views.inert")
@pytest.mark.parametrize("name", TOOLS)
def test_whatever_stands_in_a_cell_runs_nothing_changes_nothing_and_ends(
    tools: dict[str, Tool], name: str, tmp_path: Path
) -> None:
    """Fourteen kinds of cells, in every place of an answer: the page says something in words each time."""
    seen = shown(tmp_path, [job(name, asked(cell), result(tools[name], cell)) for cell in CELLS.values()])

    assert seen["fired"] is False
    assert set(seen["sent"]) == {"ui/initialize", "ui/notifications/initialized", "ui/notifications/size-changed"}
    for kind, told in zip(CELLS, seen["told"], strict=True):
        assert (told["strange"], told["handlers"], told["polluted"]) == (0, 0, [None, 0]), kind
        assert "Waiting for the answer" not in told["text"], kind
        assert told["whole"] > 20, kind


@guarantees("views.inert")
def test_what_a_host_hands_over_changes_no_object_of_the_page(tools: dict[str, Tool], tmp_path: Path) -> None:
    """Context, styles, columns and messages whose keys are those that every object has."""
    bad = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'
    styles = '{"--color-background-primary": "url(https://canary.example/x)", "--color-text-primary": "red;}*{x"}'
    context = f'{{"theme": "__proto__", "styles": {{"variables": {styles}}}, "__proto__": {{"polluted": 1}}}}'
    answer = result(tools["get_oee"], "1")
    for table in answer["params"]["structuredContent"]["tables"].values():
        table["columns"][:2] = ["__proto__", "constructor"]
        table["rows"] = [[{"polluted": 1}, {"polluted": 1}, *row[2:]] for row in table["rows"]]
    strange = [{"method": one, "params": json.loads(bad)} for one in ("__proto__", "constructor", "toString")]
    more = {"method": "ui/notifications/host-context-changed", "params": json.loads(bad)}
    ids: list[dict[str, Any]] = [
        {"id": 7, "method": one, "params": {}} for one in ("__proto__", "tools/call", "valueOf")
    ]
    seen = shown(tmp_path, [job("get_oee", more, *strange, *ids, answer, context=context)])

    (told,) = seen["told"]
    assert (told["strange"], told["polluted"]) == (0, [None, 0])
    assert "{x" not in told["style"]
    assert seen["fired"] is False


@guarantees("views.inert")
def test_another_window_tells_a_page_nothing(tools: dict[str, Tool], tmp_path: Path) -> None:
    """A frame beside it posts an answer, a cancellation and a context, over and over: only its host is heard."""
    forged = result(tools["get_oee"], "FORGED")
    messages = [
        forged,
        {"method": "ui/notifications/tool-cancelled", "params": {}},
        {"id": 1, "result": {"hostContext": {"theme": "dark"}}},
    ]
    posted = json.dumps([{"jsonrpc": "2.0", **one} for one in messages]).replace("<", "\\u003c")
    script = f"setInterval(() => {{ for (const one of {posted}) parent.frames[0].postMessage(one, '*'); }}, 50);"
    seen = shown(tmp_path, [job("get_oee", result(tools["get_oee"], "TRUE"))], foreign=f"<script>{script}</script>")

    (told,) = seen["told"]
    assert "TRUE" in told["text"]
    assert "FORGED" not in told["text"]
    assert "cancelled" not in told["text"]
