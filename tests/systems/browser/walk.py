"""Walks through a site in a headless browser and says what was seen; runs in the rig's own environment.

Usage: walk.py, and on each line of its input the names of two files, [JOBS, REPORT]; says "done" after each.
Both are JSON. JOBS: `browser` (program), `axe` (script), `shots` (folder) and `walks`, each
with `name`, `width`, `scheme` (light or dark), `script` (false: the browser runs none), `any_certificate` (true: it
believes one that was made on the spot) and `steps`:

    ["goto", ADDRESS]  ["fill", SELECTOR, TEXT]  ["click", SELECTOR]  ["tick", SELECTOR]  ["choose", SELECTOR, VALUE]
    ["press", KEY]     ["unfold"]                ["look", NAME]
    ["reach", WHAT]    presses Tab until that has the focus: an id, an address or what a button says
    ["type", TEXT]     key by key, to what has the focus
    ["enter"]          presses Enter, and waits for the page that comes
    ["arrive", ADDRESS]  until the page of that address is there
    ["settle"]         until nothing is asked for any more
    ["await", ADDRESS, TEXT]  asks again until the text stands there

REPORT: per walk and look what the page shows, where it is and what axe found; per walk its answers and console.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOCUS = """() => {
  const one = document.activeElement;
  return [one.tagName.toLowerCase(), one.id || one.getAttribute("href") || one.textContent.trim().slice(0, 80),
          getComputedStyle(one).outlineStyle];
}"""
# Dates of which one half stands on one line and the rest on the next, where they are meant to stay together.
TORN = """() => [...document.querySelectorAll(".piece")].filter(one => one.getClientRects().length > 1)
  .map(one => one.textContent)"""
# Words of pictures that reach beyond them, so that nobody sees them whole.
CUT = """() => [...document.querySelectorAll("svg text")].filter(one => {
  const own = one.getBoundingClientRect(), all = one.ownerSVGElement.getBoundingClientRect();
  return own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 1 || own.bottom > all.bottom + 1;
}).map(one => one.textContent)"""
_PATIENCE_MS = 30_000
_LOOKS, _PAUSE_MS = 60, 500
_TABS = 120


def look(page: Page, name: str, axe: str, shots: Path, *, script: bool) -> dict[str, Any]:
    """Return what a page is like now."""
    page.screenshot(path=shots / f"{name}.png", full_page=True)
    seen: dict[str, Any] = {"address": page.url, "title": page.title(), "html": page.content()}
    if not script:
        return {**seen, "text": page.locator("body").inner_text()}
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return {
        **seen,
        "text": page.evaluate("document.body.innerText"),
        "overflows": page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"),
        "fired": page.evaluate("window.fired === true"),
        "torn": page.evaluate(TORN),
        "cut": page.evaluate(CUT),
        "violations": [
            f"{one['id']}: {one['help']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]
        ],
    }


def walk(browser: Browser, job: dict[str, Any], axe: str, shots: Path) -> dict[str, Any]:
    """Take one walk in a browser profile of its own."""
    script = bool(job.get("script", True))
    context = browser.new_context(
        viewport={"width": job.get("width", 1000), "height": 900},
        color_scheme=job.get("scheme", "light"),
        java_script_enabled=script,
        bypass_csp=False,
        ignore_https_errors=bool(job.get("any_certificate", False)),
    )
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    said: list[str] = []
    answers: list[dict[str, Any]] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("response", lambda one: answers.append({"url": one.url, "status": one.status, "headers": one.headers}))
    report: dict[str, Any] = {"looks": {}, "focus": [], "said": said, "answers": answers}
    for what, *how in job["steps"]:
        if what == "press":
            report["focus"].append(_pressed(page, how[0]))
        elif what == "reach":
            report["focus"] += _reached(page, how[0])
        elif what == "look":
            report["looks"][how[0]] = look(page, f"{job['name']}-{how[0]}", axe, shots, script=script)
        else:
            STEPS[what](page, *how)
    context.close()
    return report


def _pressed(page: Page, key: str) -> list[str]:
    page.keyboard.press(key)
    focus: list[str] = page.evaluate(FOCUS)
    return focus


def _reached(page: Page, what: str) -> list[list[str]]:
    """Press Tab until something has the focus, and return all that had it on the way."""
    focus: list[list[str]] = []
    while len(focus) < _TABS:
        focus.append(_pressed(page, "Tab"))
        if focus[-1][1] == what:
            return focus
    raise TimeoutError(f"no Tab leads to {what!r}: {focus}")


def _enter(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def _click(page: Page, selector: str) -> None:
    page.locator(selector).click()
    page.wait_for_load_state()


def _unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def _await(page: Page, address: str, text: str) -> None:
    for _ in range(_LOOKS):
        page.goto(address)
        if text in page.locator("main").inner_text():
            return
        page.wait_for_timeout(_PAUSE_MS)
    raise TimeoutError(f"{text!r} never came: {page.locator('main').inner_text()[:400]}")


STEPS: dict[str, Callable[..., Any]] = {
    "goto": lambda page, address: page.goto(address),
    "fill": lambda page, selector, text: page.locator(selector).fill(text),
    "click": _click,
    "tick": lambda page, selector: page.locator(selector).check(),
    "choose": lambda page, selector, value: page.locator(selector).select_option(value),
    "enter": _enter,
    "type": lambda page, text: page.keyboard.type(text),
    "arrive": lambda page, address: page.wait_for_url(address),
    "unfold": _unfold,
    "settle": lambda page: page.wait_for_load_state("networkidle"),
    "await": _await,
}


def main() -> None:
    """Take the walks of one task after the other in one browser."""
    with sync_playwright() as playwright:
        browser = None
        for line in sys.stdin:
            jobs_file, report_file = json.loads(line)
            task = json.loads(Path(jobs_file).read_text(encoding="utf-8"))
            axe, shots = Path(task["axe"]).read_text(encoding="utf-8"), Path(task["shots"])
            # The browser runs as root where continuous integration does, and goes nowhere but to this machine.
            browser = browser or playwright.chromium.launch(executable_path=task["browser"], args=["--no-sandbox"])
            report = {job["name"]: walk(browser, job, axe, shots) for job in task["walks"]}
            Path(report_file).write_text(json.dumps(report), encoding="utf-8")
            print("done", flush=True)
        if browser:
            browser.close()


if __name__ == "__main__":
    main()
