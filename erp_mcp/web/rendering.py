"""Templates: every text that is put into one is escaped, and what hides in it is made visible; none can forget to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from erp_mcp.answers.visible import visible
from erp_mcp.web.words import called, shortened

_HERE: Final = Path(__file__).parent
STATIC: Final = {"page.css": "text/css", "icon.svg": "image/svg+xml"}
# A date, and a number with its unit of time: a browser breaks a line after a hyphen and at a space.
_ONE_PIECE: Final = re.compile(r"\b(?:\d{4}-\d\d-\d\d|\d{1,6} (?:s|min|h|days))\b", re.ASCII)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"pieces": pieces, "called": called, "shortened": shortened}
    return made


@cache
def static(name: str) -> bytes:
    """Return one of the files of `STATIC`."""
    return (_HERE / "static" / name).read_bytes()


def render(template: str, facts: Mapping[str, object]) -> str:
    """Return a template with its facts."""
    return _templates().get_template(template).render(**facts)


def pieces(text: str) -> Markup:
    """Return a text as any other is put out, but for dates and spans of time, each of which stays on one line."""
    escaped = str(escape(visible(text)))
    return Markup(_ONE_PIECE.sub(r'<span class="piece">\g<0></span>', escaped))  # noqa: S704 - escaped above


def _finalized(value: object) -> object:
    """Return what is put out for an expression; only markup made by our own templates stays as it is."""
    if isinstance(value, Markup):
        return value
    return visible(value) if isinstance(value, str) else value
