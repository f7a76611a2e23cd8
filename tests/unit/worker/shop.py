"""A deployment as the worker's loop sees it: real settings and state, and the office's committer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from erp_mcp import settings
from erp_mcp.bootstrap import Deployment, SystemClock, TimeOrderedIds
from erp_mcp.committing import Committer
from tests.unit.committing.office import Office

CONFIGURATION = """\
version: 1
deployment: plant
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
systems:
  erp: {profile: demo-erp, url: erp.sqlite, write: {}}
"""


class Shop(Deployment):
    """Works through an office; how often a committer was asked for is counted."""

    office: Office
    rounds: int = 0

    def committer(
        self,
        *,
        refresh: Callable[[str, Sequence[str]], Awaitable[None]] | None = None,
        at: Callable[[str], None] = lambda _: None,
    ) -> Committer:
        self.rounds += 1
        return self.office.committer(at)


def opened(folder: Path) -> Shop:
    """Return a furnished deployment in a folder."""
    office = Office.furnished(folder)
    file = folder / "erp-mcp.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    shop = Shop(settings=settings.load(file), clock=SystemClock(), ids=TimeOrderedIds())
    shop.office = office
    return shop
