"""What the worker alone opens: ports with write accounts, and the tools as their files are this moment."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.command import Committed
from erp_mcp.errors import CatalogFileError, SystemNotConfiguredError, SystemReadOnlyError
from tests.guarantees import guarantees
from tests.unit.committing import erp
from tests.unit.committing.office import UPDATE, a_command
from tests.unit.worker.shop import CONFIGURATION

TOOL = Path(__file__).parents[3] / "tools" / "procurement" / "list_purchase_orders.yaml"


def configured(folder: Path, *, write: str = "write: {account: gateway}", more: str = "") -> Deployment:
    """Return a deployment whose ERP is written to by an account of its own."""
    erp.build(folder / "erp.sqlite")
    file = folder / "erp-mcp.yaml"
    text = CONFIGURATION.replace(", write: {}", f", account: reader{', ' if write else ''}{write}")
    file.write_text(text.replace("zone: Europe/Berlin", 'zone: Europe/Berlin, clock: "2026-03-16T05:00:00Z"') + more)
    return open_deployment(file)


@guarantees("P2.opened_system")
async def test_a_system_is_written_to_by_its_write_account_and_opened_once(tmp_path: Path) -> None:
    """Reading and writing are apart, so that an ERP can give each account the rights it needs."""
    with closing(configured(tmp_path)) as deployment:
        port = await deployment.commands("erp")
        outcome = await port.send(a_command(UPDATE, tmp_path / "erp.sqlite", "R00000000001"))
        assert isinstance(outcome, Committed)
        assert await deployment.commands("erp") is port
        await deployment.disconnect()
    with erp.raw(tmp_path / "erp.sqlite") as connection:
        assert connection.execute("SELECT written_by FROM ext_ref").fetchall() == [("gateway",)]


@guarantees("P2.opened_system")
async def test_a_system_without_write_settings_is_never_opened_for_writing(tmp_path: Path) -> None:
    """Nothing is written where an administrator has not said by whom."""
    with closing(configured(tmp_path, write="")) as deployment:
        with pytest.raises(SystemReadOnlyError):
            await deployment.commands("erp")
        with pytest.raises(SystemNotConfiguredError):
            await deployment.commands("other")
        await deployment.disconnect()


@guarantees("P3.binding")
def test_a_tool_file_that_changes_under_a_lasting_worker_counts_at_its_next_proposal(tmp_path: Path) -> None:
    """A worker lives for weeks; what it compares an approval with must not be weeks old."""
    tool = tmp_path / "own" / "procurement" / "list_own_orders.yaml"
    tool.parent.mkdir(parents=True)
    text = TOOL.read_text(encoding="utf-8").replace("name: list_purchase_orders", "name: list_own_orders", 1)
    tool.write_text(text, encoding="utf-8")
    with closing(configured(tmp_path, more="tools: [own]\n")) as deployment:
        before = deployment.catalog_now()
        assert deployment.catalog_now() is before
        tool.write_text(text.replace("title: ", "title: Our ", 1), encoding="utf-8")
        after = deployment.catalog_now()
        assert after.tools["list_own_orders"].hash != before.tools["list_own_orders"].hash
        assert deployment.catalog.digest == after.digest
        tool.write_text(text + "unknown_key: 1\n", encoding="utf-8")
        with pytest.raises(CatalogFileError):
            deployment.catalog_now()
