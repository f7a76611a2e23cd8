"""Shows pages of views in a headless browser and says what became of them; runs in the rig's own environment.

Usage: look.py, and on each line of its input the names of two files, [JOBS, REPORT]; says "done" after each.
Both are JSON. JOBS: `browser` (program), `axe` (script), `shots` (folder) and `jobs`, each
with `name`, `html`, `messages` (what the host sends once the page is set up), `context`, `width`, `keys` (pressed in
turn) and `wrapped` (the host puts the page into the body of one of its own). REPORT: per name what the page shows,
sent, asked the network for, wrote to the console, what axe found, and whether a script ran that was not its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, sync_playwright

HOST = "http://host.test/"
VIEW = "http://view.test/"
# What a host must set where a view declares no domains at all.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "media-src 'self' data:; connect-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'self'"
)
# As a known host does it (MCP Inspector 2.12): what the page says in its own head stands in a body then.
WRAPPED = (
    '<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="{policy}"><meta charset="utf-8">'
    "</head><body>{page}</body></html>"
)
STRANGE = """() => {
  const strange = document.createElement("script");
  strange.textContent = "window.strange = true";
  document.body.append(strange);
  return window.strange === true;
}"""
HERE = Path(__file__).parent
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def look(page: Page, job: dict[str, Any], axe: str, shots: Path) -> dict[str, Any]:
    """Show one page and return what became of it."""
    asked: list[str] = []
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))

    def serve(route: Route) -> None:
        address = route.request.url
        if address == HOST:
            route.fulfill(content_type="text/html", body=(HERE / "host.html").read_text(encoding="utf-8"))
        elif address == VIEW:
            body = WRAPPED.format(policy=POLICY, page=job["html"]) if job.get("wrapped") else job["html"]
            route.fulfill(content_type="text/html", body=body, headers={"Content-Security-Policy": POLICY})
        else:
            asked.append(address)
            route.abort()

    page.route("**/*", serve)
    page.set_viewport_size({"width": job["width"], "height": 900})
    page.goto(HOST)
    page.evaluate("job => start(job)", {"address": VIEW, "messages": job["messages"], "context": job["context"]})
    frame = page.frame_locator("iframe")
    frame.locator("main[aria-busy=false]").wait_for()
    page.wait_for_function("seen.some(message => message.method === 'ui/notifications/size-changed')")
    inner = next(one for one in page.frames if one.url == VIEW)
    pressed = []
    for key in job["keys"]:
        page.keyboard.press(key)
        pressed.append(inner.evaluate(FOCUS))
    if job.get("unfold"):
        inner.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    inner.evaluate(axe)
    found = inner.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    height = inner.evaluate("document.documentElement.getBoundingClientRect().height")
    page.set_viewport_size({"width": job["width"], "height": max(200, min(6000, int(height) + 2))})
    page.screenshot(path=shots / f"{job['name']}.png", full_page=True)
    said_by_now = list(said)
    return {
        "text": inner.evaluate("document.body.innerText"),
        "html": inner.evaluate("document.getElementById('view').innerHTML"),
        "overflows": inner.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"),
        "labels": inner.evaluate(
            "[...document.querySelectorAll('svg[role=img]')].map(one => one.getAttribute('aria-label'))"
        ),
        "ground": inner.evaluate("getComputedStyle(document.documentElement).backgroundColor"),
        "fired": inner.evaluate("window.fired === true"),
        "sent": page.evaluate("seen"),
        "asked": asked,
        "said": said_by_now,
        "strange": inner.evaluate(STRANGE),
        "pressed": pressed,
        "violations": [
            f"{one['id']}: {one['help']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]
        ],
    }


FOCUS = """() => {
  const one = document.activeElement;
  const output = document.querySelector("output");
  return [one.tagName.toLowerCase(), one.getAttribute("aria-valuetext") || one.textContent.slice(0, 80),
          output ? output.textContent : ""];
}"""


def main() -> None:
    """Do the jobs of one task after the other in one browser, each in a page of its own."""
    with sync_playwright() as playwright:
        browser = None
        for line in sys.stdin:
            jobs_file, report_file = json.loads(line)
            task = json.loads(Path(jobs_file).read_text(encoding="utf-8"))
            axe, report = Path(task["axe"]).read_text(encoding="utf-8"), {}
            # The browser runs as root where continuous integration does, and shows nothing but what the jobs hold.
            browser = browser or playwright.chromium.launch(executable_path=task["browser"], args=["--no-sandbox"])
            for job in task["jobs"]:
                scheme = "dark" if job["context"].get("theme") == "dark" else "light"
                page = browser.new_page(color_scheme=scheme)
                report[job["name"]] = look(page, job, axe, Path(task["shots"]))
                page.close()
            Path(report_file).write_text(json.dumps(report), encoding="utf-8")
            print("done", flush=True)
        if browser:
            browser.close()


if __name__ == "__main__":
    main()
