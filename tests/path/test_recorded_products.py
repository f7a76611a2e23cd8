"""Products that can't run here, the whole way: recorded shapes over HTTP, synchronised, asked by tools, written to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import open_deployment
from erp_mcp.bootstrap.machine import SystemClock
from erp_mcp.cli.app import main
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.systems import load_profile
from erp_mcp.testing.loopback import LoopbackServer
from tests.guarantees import guarantees
from tests.path.conftest import records
from tests.systems.approving import deploy, ended
from tests.unit.adapters.odata.fake import fake_odata
from tests.unit.adapters.odata.test_recorded_products import fake_sets
from tests.unit.adapters.rest.products import PRODUCTS, Product
from tests.unit.adapters.rest.test_products import OPTIONS, PROFILES
from tests.unit.adapters.rest.writing_products import ErpNext, Writable
from tests.unit.adapters.write_faults import Fault

ODATA: Final = ("dynamics-fo", "epicor")
# What a planner is told, by product: tool, table, column, and every value that must stand there.
ASKED: Final[dict[str, list[tuple[str, str, str, set[str]]]]] = {
    "business-central": [
        ("list_purchase_orders", "lines", "purchase_order_id", {"106001", "106002"}),
        ("list_sales_orders", "lines", "sales_order_id", {"S-ORD101001", "S-ORD101002"}),
    ],
    "dynamics-fo": [
        ("list_purchase_orders", "lines", "purchase_order_id", {"00000101", "00000102"}),
        ("list_production_orders", "orders", "production_order_id", {"P001", "P002", "P004", "P005"}),
    ],
    "epicor": [
        ("list_purchase_orders", "lines", "purchase_order_id", {"4501"}),
        ("list_production_orders", "orders", "production_order_id", {"J-1", "J-2"}),
    ],
    "erpnext": [
        ("list_purchase_orders", "lines", "purchase_order_id", {"PUR-ORD-2026-00001"}),
        ("list_production_orders", "orders", "production_order_id", {"MFG-WO-2026-00001"}),
    ],
    "infor-m3": [("list_production_orders", "orders", "production_order_id", {"0001234567"})],
    "netsuite": [("list_purchase_orders", "lines", "purchase_order_id", {"PO77"})],
    "oracle-fusion": [("list_purchase_orders", "lines", "purchase_order_id", {"1002004"})],
}


@contextlib.contextmanager
def served(product: object) -> Iterator[str]:
    """Serve an application in a loop of its own, since commands are run in this one; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    server = product.server if isinstance(product, Writable) else LoopbackServer(product)  # type: ignore[arg-type]
    do(server.__aenter__())
    try:
        yield server.url
    finally:
        do(server.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def played(name: str, folder: Path, stack: ExitStack) -> str:
    """Serve a product and return the line of a configuration that leads to it."""
    if name in ODATA:
        fake = stack.enter_context(fake_odata(fake_sets(name), version=4))
        fake.path, url = "/data", fake.url
        (folder / "password").touch(mode=0o600)
        (folder / "password").write_text("pass-word-9")
        more = f"account: agent, secret: 'file:{folder / 'password'}'"
    else:
        url, more = stack.enter_context(served(Product(name, PRODUCTS[name]))), "auth: {kind: none}"
    options = json.dumps(OPTIONS.get(name, {}))
    told = f"profile: {name}-here, url: {url}, options: {options}, networks: [127.0.0.0/8], page_rows: 3, {more}"
    return f"  {name}: {{{told}}}\n"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def copied(name: str) -> str:
    """Return a profile under a name of its own; services of OData are where they are played."""
    profile = load_profile(name, [PROFILES])
    text = (PROFILES / f"{name}.yaml").read_text().replace(f"profile: {name}\n", f"profile: {name}-here\n")
    services = profile.head.get("services") if name in ODATA else {}
    assert isinstance(services, dict)
    for path in services.values():
        text = text.replace(f": {path}", ": data")
    return text


@dataclass(frozen=True, kw_only=True)
class Told:
    """A deployment of all products at once: what both synchronisations reported, and where it is configured."""

    config: Path
    passes: tuple[list[dict[str, Any]], ...]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Everything from `init` to the second synchronisation, as an integrator does it."""
    base = tmp_path_factory.mktemp("played")
    folder = base / "works"
    with ExitStack() as stack:
        systems = "".join(played(name, base, stack) for name in sorted(ASKED))
        run("init", str(folder), "--no-approver")
        config = folder / "erp-mcp.yaml"
        (folder / "profiles").mkdir()
        for name in ASKED:
            (folder / "profiles" / f"{name}-here.yaml").write_text(copied(name))
        said = config.read_text()
        config.write_text(f"profiles: [profiles]\n{said[: said.index('systems:')]}systems:\n{systems}")
        run("policy", "apply", "--yes", "--config", str(config))
        passes = [json.loads(run("sync", "--json", "--config", str(config)))["entities"] for _ in range(2)]
        yield Told(config=config, passes=tuple(passes))


@guarantees("P9.profiles_played", "P7.sync_exact")
@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_planner_is_told_what_the_product_holds(name: str, told: Told) -> None:
    """From the product's own pages to the answer of a tool; a second pass reads as well as the first."""
    for one_pass in told.passes:
        entities = {one["entity"]: one for one in one_pass if one["system"] == name}
        assert [one for one in entities.values() if one["error"]] == []
        assert entities.keys() == load_profile(name, [PROFILES]).entities.keys()
    assert all(one["rows"] for one in told.passes[0] if one["system"] == name)
    deployment = open_deployment(told.config)
    try:
        for tool, table, column, values in ASKED[name]:
            answer = asyncio.run(_ask(deployment, tool, limit=200))
            assert {str(row[column]) for row in records(answer, table)} >= values, tool
    finally:
        deployment.close()


async def _ask(deployment: Any, tool: str, **arguments: JsonValue) -> Answer:
    call = ToolCall(tool=tool, arguments=arguments, call_id=f"call-{tool}")
    answer = await deployment.gateway.call(deployment.principal("planner"), call)
    assert isinstance(answer, Answer), answer
    return answer


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Writable, Path]]:
    """ERPNext, with a deployment in which one person signs and another approves."""
    fake, folder = ErpNext(), tmp_path_factory.mktemp("erpnext") / "works"
    with served(fake) as url:
        told = f"profile: erpnext-quick, url: {url}, networks: [127.0.0.0/8], auth: {{kind: none}}"
        deploy(folder, fake.name, f"systems:\n  erp: {{{told}, write: {{account: writer, auth: {{kind: none}}}}}}\n")
        yield fake, folder


def soon(days: int) -> str:
    """Return a day that is neither past nor too far ahead, whenever this is run."""
    return (SystemClock().wall() + timedelta(days=days)).date().isoformat()


@guarantees("P4.one_effect", "P9.profiles_played")
async def test_an_approved_date_reaches_the_product_once(written: tuple[Writable, Path]) -> None:
    """Proposed by an agent, approved by a person, written by the worker, and read back."""
    fake, folder = written
    day = soon(40)
    proposal, receipts = await ended(
        folder, "propose_update_delivery_date", purchase_order_id="PUR-ORD-2026-00001", line="1", new_date=day,
        idempotency_key="erpnext:date",
    )  # fmt: skip
    assert proposal["state"] == "COMMITTED", proposal
    assert len(fake.written) == 1
    assert day in fake.effects().values()
    assert receipts


@guarantees("P4.one_effect", "P9.profiles_played")
async def test_an_approved_request_is_made_once_although_its_answer_is_lost(
    written: tuple[Writable, Path],
) -> None:
    """It was made; the answer said nothing; the worker finds it by its title and makes no second one."""
    fake, folder = written
    assert isinstance(fake, ErpNext)
    before = len(fake.written)
    fake.fault = Fault(kind="reset", commits=True)
    proposal, _ = await ended(
        folder, "propose_create_purchase_requisition", material_id="M-004", site="Works", qty="12.5", uom="C62",
        delivery_date=soon(60), idempotency_key="erpnext:request",
    )  # fmt: skip
    assert proposal["state"] == "COMMITTED", proposal
    assert len(fake.written) - before == 1
    assert [row["qty"] for row in fake.made.values()] == [12.5]
