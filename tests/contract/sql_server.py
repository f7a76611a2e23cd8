"""Tables on a database server as a source of the adapter contract, and what is to hold on each kind of server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.adapters.sql.engines import database_address, engine_for
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.domain.entities.production import Downtime
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import SystemRefusedError
from erp_mcp.testing import Fault, FixedClock
from erp_mcp.testing.passes import apply, fold, read_pages
from tests.systems.databases import Served

DATABASE: Final = "contract"
READER: Final = "gateway_read"
_FAST: Final = TrafficLimits(requests_per_s=100_000, burst=100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """In what one kind of server differs from others: words of its SQL.

    Attributes:
        tables: Make `bin` of 25 records whose `chg` is a tick that seven share, `gone`, which is empty, and `stop`
            of one that began at 05:30 in a zone one hour east of UTC.
        version: The version of a stock: `chg`, a colon and the quantity.
        began: When a downtime began, as a text with a zone.
        started_at: The same as a field: a column of times where they have a zone.
        feed: 05:59:20 of that zone.
        pause: What follows the statement of stocks so that it takes half a minute.
        inexact: The quantity as a binary fraction.
        number: The key as a number: its length in thousands, and its digits.
        nowhere: An address where nobody listens.
        own_words: What is in the server's own messages and must never come out.
    """

    tables: Sequence[str]
    version: str
    began: str
    started_at: str
    feed: str
    pause: str
    inexact: str
    number: str
    nowhere: str
    own_words: tuple[str, ...]

    def stocks(self, qty: str = "qty", *, key: str = "k") -> str:
        """Return the statement of stocks."""
        return (
            f"SELECT {key} AS source_key, {self.version} AS version_token, chg AS changed_at, mat AS material_id,"
            f" '1000' AS site, 'A1' AS storage_location_id, 'unrestricted' AS stock_type, {qty} AS qty, 'EA' AS uom"
            " FROM bin"
        )

    def profile(self, qty: str = "qty", *, after: str = "") -> Profile:
        """Return a profile of the tables."""
        stock: dict[str, JsonValue] = {
            "statement": self.stocks(qty) + after,
            "tombstones": "SELECT k AS source_key, at AS changed_at FROM gone",
            "feed": self.feed,
        }
        downtime = (
            f"SELECT no AS source_key, '1' AS version_token, {self.began} AS changed_at, no AS downtime_id,"
            f" '1000' AS site, 'W1' AS work_center_id, {self.started_at} AS started_at FROM stop"
        )
        entities: dict[str, dict[str, JsonValue]] = {"downtime": {"statement": downtime}, "stock": stock}
        return Profile(name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={}, entities=entities)


class ServerSource(ABC):
    """The tables as a `ContractSource`, made anew; subclasses know how their server is reached."""

    entity = "stock"
    page_rows = 2

    def __init__(self, dialect: Dialect, password: str) -> None:
        self.dialect = dialect
        self.secrets = (password, *dialect.own_words)
        self.clock = FixedClock()
        self._password = password
        self._tick = 0
        self.opened: list[SqlAdapter] = []
        self.write(*dialect.tables)
        self.adapter = self.open()

    @abstractmethod
    def url(self) -> str:
        """Return the address of the database that is read."""

    @abstractmethod
    def write(self, *statements: str) -> None:
        """Run statements as the administrator; what is read afterwards has what they did."""

    @abstractmethod
    def rows(self, statement: str) -> Sequence[tuple[object, ...]]:
        """Return the rows of a statement, without asking the adapter."""

    def open(self, mapping: Profile | None = None, *, url: str = "", timeout_s: float = 5.0) -> SqlAdapter:
        """Return an adapter that `close` closes."""
        connection = Connection(
            system="erp",
            url=url or self.url(),
            account=READER,
            secret=self._password,
            page_rows=self.page_rows,
            timeout_s=timeout_s,
            limits=_FAST,
        )
        self.opened.append(SqlAdapter.open(connection, mapping or self.dialect.profile(), self.clock))
        return self.opened[-1]

    def _now(self) -> str:
        self._tick += 1
        return f"t{100 + self._tick // 2:04d}"  # two changes share each tick

    def expected(self, entity: str) -> Mapping[str, Record]:
        if entity == "downtime":
            return {"D1": _DOWN}
        rows = self.rows("SELECT k, mat, qty FROM bin")
        return {str(key): _stock(str(key), str(material), Decimal(str(qty))) for key, material, qty in rows}

    def edit(self) -> str:
        self.write(f"UPDATE bin SET qty = 2.25, chg = '{self._now()}' WHERE k = 'S004'")
        return "S004"

    def add(self) -> str:
        now = self._now()
        key = f"S0{self._tick:03d}"
        self.write(f"INSERT INTO bin VALUES ('{key}', 'M9', 0.000001, now(), '{now}')")
        return key

    def delete(self) -> str:
        key = next(key for key in sorted(self.expected("stock")) if key >= "S003")
        gone = f"INSERT INTO gone VALUES ('{key}', '{self._now()}')"
        self.write(f"DELETE FROM bin WHERE k = '{key}'", gone)
        return key

    def fault(self, how: Fault) -> None:
        match how:
            case "none":
                self.adapter = self.open()
            case "down":
                self.adapter = self.open(url=self.dialect.nowhere)
            case "slow":
                self.adapter = self.open(self.dialect.profile(after=self.dialect.pause), timeout_s=0.2)
            case "nonsense":
                self.adapter = self.open(self.dialect.profile(self.dialect.inexact))

    async def close(self) -> None:
        """Close all that was opened."""
        for one in self.opened:
            await one.close()


async def read_by_numbers(source: ServerSource) -> tuple[SqlAdapter, str]:
    """See the stocks read, changed and found by keys that are numbers; returns the adapter and one of its keys."""
    number = source.dialect.number
    form: dict[str, JsonValue] = {
        "statement": source.dialect.stocks(key=number),
        "tombstones": f"SELECT {number} AS source_key, at AS changed_at FROM gone",
    }
    one = source.open(replace(source.dialect.profile(), entities={"stock": form}))
    pages = await read_pages(one, "stock")
    source.delete()
    added = _number(source.add())
    held = await fold(one, "stock", pages[-1].watermark, apply({}, pages))
    found = await one.read("stock", [added])
    assert set(held) == {_number(key) for key in source.expected("stock")}
    assert [record.source_key for record in found] == [added]
    return one, added


def password_of(rig: Served) -> str:
    """Return the password of the account that reads."""
    return f"read-{rig.password}"


def try_to_write(rig: Served, url: str, write: str) -> None:
    """See a statement refused in a session of ours, though it is the administrator's."""
    address = database_address(Connection(system="erp", url=url))
    engine = engine_for(address, user=rig.user, password=rig.password, timeout_s=5)
    try:
        with engine.connect() as one:
            one.execute(text("SELECT 1 FROM bin"))  # the mode of a transaction is fixed by its first statement
            with pytest.raises(SQLAlchemyError):
                one.execute(text(write))
    finally:
        engine.dispose()


async def try_wrong_password(url: str, profile: Profile) -> None:
    """See a wrong password refused, and not told."""
    connection = Connection(system="erp", url=url, account=READER, secret="wr0ng")
    one = SqlAdapter.open(connection, profile, FixedClock())
    with pytest.raises(SystemRefusedError) as caught:
        await one.probe()
    await one.close()
    assert "wr0ng" not in f"{caught.value}"


def _number(key: str) -> str:
    return str(len(key) * 1000 + int(key[1:]))


_DOWN: Final = Downtime(
    system="erp",
    source_key="D1",
    version_token="",
    as_of="",
    downtime_id="D1",
    site="1000",
    work_center_id="W1",
    started_at="2026-03-16T04:30:00Z",
)


def _stock(key: str, material: str, qty: Decimal) -> Stock:
    return Stock(
        system="erp",
        source_key=key,
        version_token="",
        as_of="",
        material_id=material,
        site="1000",
        storage_location_id="A1",
        stock_type="unrestricted",
        qty=int(qty * 1_000_000),
        uom="EA",
    )
