"""Templates: every text that is put into one is escaped, and what hides in it is made visible; none can forget to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from erp_mcp.answers.visible import visible

_HERE: Final = Path(__file__).parent
STATIC: Final = {"page.css": "text/css", "icon.svg": "image/svg+xml"}


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def static(name: str) -> bytes:
    """Return one of the files of `STATIC`."""
    return (_HERE / "static" / name).read_bytes()


def render(template: str, facts: Mapping[str, object]) -> str:
    """Return a template with its facts."""
    return _templates().get_template(template).render(**facts)


def _finalized(value: object) -> object:
    """Return what is put out for an expression; only markup made by our own templates stays as it is."""
    if isinstance(value, Markup):
        return value
    return visible(value) if isinstance(value, str) else value
