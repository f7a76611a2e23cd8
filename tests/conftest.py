"""Which tests run one after the other when several processes share the work (`--dist loadgroup`)."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
SHARED_SYSTEMS = ("cap", "same_answers", "tryton", "wire")
"""Folders of tests that change the same running systems of record: one at a time, or they see each other's writes."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file together, and those of the shared systems in one process."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path)))


def _group(path: Path) -> str:
    parts = path.relative_to(ROOT).parts if path.is_relative_to(ROOT) else path.parts
    if parts[0] == "systems" and parts[1] in SHARED_SYSTEMS:
        return "systems"
    return "/".join(parts).removesuffix(".py")
