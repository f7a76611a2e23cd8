"""What a fake service looks like on the wire: its metadata, and values of each type, as V2 and as V4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import quoteattr

NAMESPACE = "API_FAKE"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]
NUMBER = "#number#"  # before the digits of a number that no float may touch; `fake.py` takes it off


@dataclass(frozen=True, kw_only=True)
class Link:
    """A navigation: to which set, to one or many, and which of our properties equal which of theirs."""

    target: str
    many: bool
    on: Mapping[str, str]


@dataclass(kw_only=True)
class FakeSet:
    """One entity set. `types` are `Edm.` types by property, `key` some of them; `etag` is a property or empty."""

    key: tuple[str, ...]
    types: dict[str, str]
    links: dict[str, Link] = field(default_factory=dict)
    etag: str = ""
    rows: list[Row] = field(default_factory=list)


def metadata(sets: Mapping[str, FakeSet], version: int) -> bytes:
    """Return `$metadata`."""
    types = "".join(_type(name, one, sets, version) for name, one in sets.items())
    listed = "".join(f'<EntitySet Name="{name}" EntityType="{NAMESPACE}.{name}Type"/>' for name in sets)
    if version == 4:
        return (
            '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="4.0"'
            ' xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
            f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}'
            f'<EntityContainer Name="C">{listed}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
        ).encode()
    links = "".join(_association(name, link_name, link) for name, one in sets.items()
                    for link_name, link in one.links.items())  # fmt: skip
    return (
        '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="1.0"'
        ' xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" xmlns:sap="http://www.sap.com/Protocols/SAPData">'
        f'<edmx:DataServices><Schema Namespace="{NAMESPACE}" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
        f'{types}{links}<EntityContainer Name="C">{listed}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    ).encode()


def _type(name: str, one: FakeSet, sets: Mapping[str, FakeSet], version: int) -> str:
    keys = "".join(f'<PropertyRef Name="{key}"/>' for key in one.key)
    properties = "".join(
        f'<Property Name="{prop}" Type={quoteattr(kind)} Nullable="{str(prop not in one.key).lower()}"/>'
        for prop, kind in one.types.items()
    )
    if version == 4:
        links = "".join(f'<NavigationProperty Name="{link}" Type="{_many(to)}"/>' for link, to in one.links.items())
    else:
        links = "".join(
            f'<NavigationProperty Name="{link}" Relationship="{NAMESPACE}.{name}_{link}" FromRole="from" ToRole="to"/>'
            for link in one.links
        )
    return f'<EntityType Name="{name}Type"><Key>{keys}</Key>{properties}{links}</EntityType>'


def _many(link: Link) -> str:
    full = f"{NAMESPACE}.{link.target}Type"
    return f"Collection({full})" if link.many else full


def _association(name: str, link_name: str, link: Link) -> str:
    return (
        f'<Association Name="{name}_{link_name}"><End Type="{NAMESPACE}.{name}Type" Multiplicity="1" Role="from"/>'
        f'<End Type="{NAMESPACE}.{link.target}Type" Multiplicity="{"*" if link.many else "0..1"}" Role="to"/>'
        "</Association>"
    )


def value(found: Any, kind: str, version: int, *, as_text: bool) -> Any:
    """Return a value as JSON has it; `as_text`: decimals and long numbers as V4 gives them when asked for exactness."""
    if found is None or isinstance(found, str | bool):
        return found
    if isinstance(found, datetime):
        return _moment(found, kind, version)
    if isinstance(found, date):
        return found.isoformat()
    if isinstance(found, time):
        return f"PT{found:%HH%MM%SS}" if version == 2 else found.isoformat()
    if kind in {"Edm.Decimal", "Edm.Int64"} and (version == 2 or as_text):
        return format(Decimal(found), "f")
    return f"{NUMBER}{found:f}" if isinstance(found, Decimal) else found


def _moment(found: datetime, kind: str, version: int) -> str:
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    if version == 4:
        return f"{aware.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
    ticks = int((aware - EPOCH).total_seconds() * 1000)
    return f"/Date({ticks}+0000)/" if kind == "Edm.DateTimeOffset" else f"/Date({ticks})/"
