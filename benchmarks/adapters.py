"""What an adapter costs above a bare client for the same rows, and how fast a first pass fills the read model.

python benchmarks/adapters.py [--rows 1000] [--rounds 7] [--sync 1000000]

A child process serves invented sales orders over loopback by OData V2, OData V4 and REST. The bare client is httpx2
with `json.loads` and no more: no exact numbers, no checks, no limits, no records. Both ask in turns in one run; the
medians' ratio is what counts. `--sync N` also brings N rows over REST into a read model, and says rows a second and
memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2

from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.bootstrap import TimeOrderedIds
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.ports import Adapter
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import sync_once
from erp_mcp.testing import FixedClock, connection_to

PROPERTIES = {
    "SalesOrder": "String", "SalesOrganization": "String", "SoldToParty": "String", "PurchaseOrderByCustomer": "String",
    "SalesOrderDate": "Date", "TotalNetAmount": "Decimal", "TransactionCurrency": "String",
    "IncotermsClassification": "String",
}  # fmt: skip
FIELDS: dict[str, JsonValue] = {
    "sales_order_id": "SalesOrder",
    "site": "SalesOrganization",
    "customer_id": "SoldToParty",
    "customer_reference": "PurchaseOrderByCustomer",
    "order_date": {"date": "SalesOrderDate"},
    "net_value": "TotalNetAmount",
    "currency": "TransactionCurrency",
    "incoterms": "IncotermsClassification",
    "order_state": {"const": "open"},
}
PAGE_ROWS = 1000
V2_DAY = "/Date(1775001600000)/"


def main() -> None:
    """Serve, ask in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sync", type=int, default=0, help="rows of a first pass into a read model")
    chosen = parser.parse_args()
    with served(chosen.rows) as url:
        print(f"{chosen.rows} rows of {len(FIELDS)} fields, medians of {chosen.rounds} rounds in turns")
        for kind, address in (("odata V2", f"{url}/v2"), ("odata V4", f"{url}/v4"), ("rest", f"{url}/rest")):
            asyncio.run(compared(kind, address, chosen.rows, chosen.rounds))
    if chosen.sync:
        with served(chosen.sync) as url:
            asyncio.run(synchronised(f"{url}/rest", chosen.sync))


# --- Measuring --------------------------------------------------------------------------------------------------------


async def compared(kind: str, url: str, rows: int, rounds: int) -> None:
    """Print what the adapter and the bare client take for the same rows."""
    bare: list[float] = []
    ours: list[float] = []
    adapter = adapter_of(kind, url)
    async with httpx2.AsyncClient() as client:
        await all_rows(adapter, rows)  # metadata, connections
        await bare_rows(client, kind, url, rows)
        for _ in range(rounds):
            bare.append(await timed(lambda: bare_rows(client, kind, url, rows)))
            ours.append(await timed(lambda: all_rows(adapter, rows)))
    await adapter.close()
    low, high = statistics.median(bare) * 1000, statistics.median(ours) * 1000
    each = (high - low) * 1000 / rows
    print(
        f"{kind:<9} bare {low:7.1f} ms   adapter {high:7.1f} ms   ratio {high / low:5.2f}   {each:5.1f} µs more a row"
    )


async def synchronised(url: str, rows: int) -> None:
    """Print how fast a first pass fills a read model."""
    adapter, clock = adapter_of("rest", url), FixedClock()
    with tempfile.TemporaryDirectory() as folder:
        writer = ReadModelWriter(Path(folder) / "read_model.sqlite")
        began, cpu = time.perf_counter(), time.process_time()
        report = await sync_once(adapter, profile_of("rest"), writer, clock, TimeOrderedIds())
        seconds, busy = time.perf_counter() - began, time.process_time() - cpu
        writer.close()
    await adapter.close()
    (entity,) = report.entities
    assert (entity.error, entity.rows) == ("", rows), entity
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"sync: {rows} rows in {seconds:.1f} s, {rows / seconds:.0f} rows/s, {busy:.1f} s of CPU, peak {peak:.0f} MB")


async def timed(what: Callable[[], object]) -> float:
    """Return the seconds of one go."""
    began = time.perf_counter()
    await what()  # type: ignore[misc]  # a coroutine of either side
    return time.perf_counter() - began


async def all_rows(adapter: Adapter, rows: int) -> None:
    """Read a first pass."""
    found = 0
    async for page in adapter.changes("sales_order", ""):
        found += len(page.records)
    assert found == rows, found


async def bare_rows(client: httpx2.AsyncClient, kind: str, url: str, rows: int) -> None:
    """Read the same rows and parse them, page by page, by the last key."""
    found, after = 0, ""
    while found < rows:
        answer = await client.get(f"{url}/{PATHS[kind]}", params={"after": after, "$top": PAGE_ROWS})
        told = json.loads(answer.content)
        some = told["d"]["results"] if kind == "odata V2" else told["value"]
        found, after = found + len(some), some[-1]["SalesOrder"]
    assert found == rows, found


# --- The adapters -----------------------------------------------------------------------------------------------------

PATHS = {"odata V2": "sales/Orders", "odata V4": "sales/Orders", "rest": "orders"}


def profile_of(kind: str) -> Profile:
    """Return the profile of one kind of server."""
    common: dict[str, JsonValue] = {"key": ["SalesOrder"], "version": "hash", "fields": FIELDS}
    if kind == "rest":
        request: dict[str, JsonValue] = {"path": "/orders", "query": {"after": "{after}"}}
        entity = {**common, "request": request, "items": "value"}
        head: dict[str, JsonValue] = {"base": "/rest", "paging": {"kind": "keyset", "limit": "$top"}}
    else:
        entity = {**common, "set": "sales/Orders"}
        head = {"version": 2 if kind == "odata V2" else 4, "services": {"sales": "sales"}}
    return Profile(
        name="bench",
        version=1,
        kind=kind.partition(" ")[0],
        level=4,
        zone="Europe/Berlin",
        identity={},
        states={},
        entities={"sales_order": entity},
        head=head,
    )


def adapter_of(kind: str, url: str) -> Adapter:
    """Return an adapter without limits of traffic."""
    opens = RestAdapter if kind == "rest" else ODataAdapter
    address = url.removesuffix("/rest") if kind == "rest" else url
    connection = connection_to(address, timeout_s=30, page_rows=PAGE_ROWS)
    return opens.open(connection, profile_of(kind), FixedClock())


# --- The server -------------------------------------------------------------------------------------------------------


@contextmanager
def served(rows: int) -> Iterator[str]:
    """Yield the address of a child process that serves so many rows."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=serve, args=(rows, there), daemon=True)
    child.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        child.terminate()
        child.join()


def serve(rows: int, pipe: Pipe) -> None:
    """Serve for ever; the port goes into the pipe."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Orders)
    Orders.rows = rows
    pipe.send(server.server_port)
    server.serve_forever()


class Orders(BaseHTTPRequestHandler):
    """Sales orders in key order, after a key, as many as asked."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    rows = 0

    def do_GET(self) -> None:
        """Answer with metadata or a page."""
        place = urlsplit(self.path)
        version = 2 if place.path.startswith("/v2/") else 4
        if place.path.endswith("$metadata"):
            self._send(metadata(version), "application/xml")
            return
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        first = self._first(asked)
        some = range(first, min(self.rows, first + int(asked.get("$top", PAGE_ROWS))) + 1)
        items = ",".join(row(number, version) for number in some if number < first + int(asked.get("$top", PAGE_ROWS)))
        body = f'{{"d":{{"results":[{items}]}}}}' if version == 2 else f'{{"value":[{items}]}}'
        self._send(body, "application/json")

    def _first(self, asked: dict[str, str]) -> int:
        after = asked.get("after", "")
        if not after and "'" in asked.get("$filter", ""):
            after = unquote(asked["$filter"]).split("'")[1]
        return int(after or 0) + 1

    def _send(self, body: str, kind: str) -> None:
        data = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("DataServiceVersion", "2.0")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def row(number: int, version: int) -> str:
    """Return one order as the version writes it."""
    day, amount = (V2_DAY, f'"{number % 90000}.50"') if version == 2 else ("2026-04-01", f"{number % 90000}.50")
    return (
        f'{{"SalesOrder":"{number:010d}","SalesOrganization":"1000","SoldToParty":"C{number % 997:05d}",'
        f'"PurchaseOrderByCustomer":"PO {number}","SalesOrderDate":"{day}","TotalNetAmount":{amount},'
        '"TransactionCurrency":"EUR","IncotermsClassification":"DAP"}'
    )


def metadata(version: int) -> str:
    """Return the EDMX of the one entity set."""
    types = {"Date": "DateTime"} if version == 2 else {}
    properties = "".join(
        f'<Property Name="{name}" Type="Edm.{types.get(kind, kind)}" Nullable="false"'
        + (' Precision="16" Scale="3"/>' if kind == "Decimal" else "/>")
        for name, kind in PROPERTIES.items()
    )
    edmx, edm = (
        ("http://schemas.microsoft.com/ado/2007/06/edmx", "http://schemas.microsoft.com/ado/2008/09/edm")
        if version == 2
        else ("http://docs.oasis-open.org/odata/ns/edmx", "http://docs.oasis-open.org/odata/ns/edm")
    )
    service = (
        ' xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" m:DataServiceVersion="2.0"'
        if version == 2
        else ""
    )
    return (
        f'<?xml version="1.0"?><edmx:Edmx xmlns:edmx="{edmx}" Version="{"1.0" if version == 2 else "4.0"}">'
        f'<edmx:DataServices{service}><Schema xmlns="{edm}" Namespace="bench">'
        f'<EntityType Name="Order"><Key><PropertyRef Name="SalesOrder"/></Key>{properties}</EntityType>'
        '<EntityContainer Name="C"><EntitySet Name="Orders" EntityType="bench.Order"/></EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )


if __name__ == "__main__":
    main()
