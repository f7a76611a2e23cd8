"""Every log that a test leaves behind holds before the whole of `erp-mcp audit verify`, unless the test bends it.

A folder of tests whose people sign and whose worker writes takes both fixtures into its conftest:

    from tests.verified_logs import logs_hold as logs_hold
    from tests.verified_logs import logs_of_file_hold as logs_of_file_hold

Each state that was opened meanwhile in this process and holds a proposal is looked at, once, when its test or its file
ends. A test that bends one, or leaves one that can't be used, says so with why:
`@pytest.mark.bends_log("a decision that nobody recorded")`. Then something must be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pytest

from erp_mcp.bootstrap import Deployment, SystemClock, TimeOrderedIds
from erp_mcp.cli.audit import verify_deployment
from erp_mcp.cli.tour.tampering import COPY
from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import StateFile
from erp_mcp.store.state.postgresql import PostgresqlState
from erp_mcp.store.state.postgresql_engine import Place
from erp_mcp.store.state.sqlite import State

MARK: Final = "bends_log"
_ANY: Final = "SELECT 1 FROM proposal LIMIT 1"
_opened: Final[dict[Path, None]] = {}  # folders of state files, since the last look
_left: Final[dict[str, list[str]]] = {}  # what was found in each schema when it was last closed, likewise


@dataclass(frozen=True, slots=True)
class _Behind:
    """What is verified of a deployment: its state alone."""

    state: DeploymentState


def flaws_of(state: DeploymentState) -> list[str]:
    """Return what `erp-mcp audit verify` finds, nothing for a state without a proposal; notices don't count.

    Raises:
        StateUnavailableError: It can't be used.
    """
    with state.engine.reading() as session:
        if session.execute(_ANY).fetchone() is None:
            return []
    report = verify_deployment(cast("Deployment", _Behind(state)))
    return [f"record {one.seq}: {one.code} {one.detail}".strip() for one in report.findings if not one.is_notice]


def flaws_in(folder: Path) -> list[str]:
    """Return the same of a state file by its folder; one that can't be used is a flaw as well."""
    try:
        state = State(folder, clock=SystemClock(""), ids=TimeOrderedIds())
    except StateUnavailableError as error:
        return [f"can't be used: {error.facts}"]
    try:
        return flaws_of(state)
    except StateUnavailableError as error:
        return [f"can't be used: {error.facts}"]
    finally:
        state.close()


@pytest.fixture(autouse=True)
def logs_hold(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """The logs in the folder of a test, and in the schemas that it closed, hold once it and its desks are done."""
    yield
    _look(request, [one for one in _opened if one.is_relative_to(tmp_path)])


@pytest.fixture(autouse=True, scope="module")
def logs_of_file_hold(request: pytest.FixtureRequest) -> Iterator[None]:
    """So do those that the tests of a file share."""
    with _noted():
        yield
    _look(request, [one for one in _opened if one.exists()])
    _opened.clear()


@contextmanager
def _noted() -> Iterator[None]:
    """Note each state file that is opened, and verify each schema while it is still there: when it is closed."""
    open_file, open_schema, close = StateFile.__init__, PostgresqlState.__init__, PostgresqlState.close
    places: dict[int, Place] = {}

    def noting(self: StateFile, directory: Path, **how: Any) -> None:
        open_file(self, directory, **how)
        if COPY not in directory.parts:  # what the tour alters; its tests say what is found there
            _opened[directory] = None

    def placing(self: PostgresqlState, place: Place, **how: Any) -> None:
        open_schema(self, place, **how)
        places[id(self)] = place

    def verifying(self: PostgresqlState) -> None:
        with suppress(StateUnavailableError):  # closed already, or its server is gone
            _left[f"{places[id(self)].url} {places[id(self)].schema}"] = flaws_of(self)
        close(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StateFile, "__init__", noting)
        patch.setattr(PostgresqlState, "__init__", placing)
        patch.setattr(PostgresqlState, "close", verifying)
        yield


def _look(request: pytest.FixtureRequest, folders: list[Path]) -> None:
    """Verify these logs, and fail where they are not as the test says."""
    found = {str(one): flaws for one in folders if (flaws := flaws_in(one))}
    found.update((name, flaws) for name, flaws in _left.items() if flaws)
    for one in folders:
        _opened.pop(one, None)
    _left.clear()
    mark = request.node.get_closest_marker(MARK)
    if mark is None and found:
        pytest.fail(f"`erp-mcp audit verify` of what was left behind: {found}", pytrace=False)
    if mark is not None and not found and request.scope == "function":
        pytest.fail(f"said to bend the log ({mark.args[0]}), and nothing is found", pytrace=False)
