"""Metadata of both versions makes one model; metadata that could do harm, or is none, makes none and soon."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from erp_mcp.adapters.odata import edmx, metadata_v2, metadata_v4
from erp_mcp.adapters.odata.edmx import EdmxError
from erp_mcp.adapters.odata.model import Model
from tests.guarantees import guarantees
from tests.unit.adapters.odata.fake_form import metadata
from tests.unit.adapters.odata.plant import sets

_V2 = b"""<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" xmlns:m="http://m">
 <edmx:Reference Uri="http://127.0.0.1:9/x" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"/>
 <edmx:DataServices m:DataServiceVersion="2.0">
  <Schema Namespace="T" Alias="SELF" xmlns="http://schemas.microsoft.com/ado/2008/09/edm" xmlns:sap="http://sap">
   <EntityType Name="Base"><Key><PropertyRef Name="Id"/></Key>
    <Property Name="Id" Type="Edm.String" Nullable="false"/></EntityType>
   <EntityType Name="Order" BaseType="SELF.Base" sap:label="&lt;x&gt;">
    <Property Name="Value" Type="Edm.Decimal" Precision="3" Scale="9" sap:text="Nowhere"/>
    <Property Name="Where" Type="SELF.Place"/>
    <Property Name="Odd" Type="Edm.GeographyPoint"/>
    <NavigationProperty Name="to_Lines" Relationship="SELF.OrderLines" FromRole="a" ToRole="b"/>
    <NavigationProperty Name="to_Nowhere" Relationship="SELF.Gone" FromRole="a" ToRole="b"/>
   </EntityType>
   <EntityType Name="Line"><Key><PropertyRef Name="No"/></Key><Property Name="No" Type="Edm.Int64"/></EntityType>
   <EntityType Name="Keyless"><Key><PropertyRef Name="Missing"/></Key></EntityType>
   <ComplexType Name="Place"><Property Name="City" Type="Edm.String" MaxLength="Max"/></ComplexType>
   <Association Name="OrderLines"><End Type="SELF.Order" Multiplicity="1" Role="a"/>
    <End Type="T.Line" Multiplicity="*" Role="b"/></Association>
   <Annotations Target="T.Order/Value" xmlns="http://docs.oasis-open.org/odata/ns/edm"><Annotation Term="X.Y"/>
    </Annotations>
  </Schema>
  <Schema Namespace="C" xmlns="http://schemas.microsoft.com/ado/2006/04/edm">
   <EntityContainer Name="Main"><EntitySet Name="Orders" EntityType="T.Order"/>
    <EntitySet Name="Ghosts" EntityType="T.Ghost"/>
    <EntitySet Name="Keyless" EntityType="T.Keyless"/>
     <FunctionImport Name="Release" ReturnType="T.Unknown" m:HttpMethod="POST"/>
   </EntityContainer>
  </Schema>
 </edmx:DataServices>
</edmx:Edmx>"""
_V4 = b"""<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
 <Schema Namespace="N.S" Alias="A" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <TypeDefinition Name="Weight" UnderlyingType="Edm.Decimal"/>
  <EnumType Name="NoYes"><Member Name="No" Value="0"/><Member Name="Yes" Value="1"/></EnumType>
  <ComplexType Name="Place"><Property Name="City" Type="Edm.String"/></ComplexType>
  <EntityType Name="Base" Abstract="true"><Key><PropertyRef Name="Id"/></Key>
   <Property Name="Id" Type="Edm.Guid" Nullable="false"/></EntityType>
  <EntityType Name="Order" BaseType="A.Base"><Property Name="Weight" Type="A.Weight"/>
   <Property Name="Places" Type="Collection(A.Place)"/>
   <Property Name="Open" Type="A.NoYes"/><NavigationProperty Name="Lines" Type="Collection(A.Line)"/>
    <NavigationProperty Name="Up" Type="N.S.Order"/></EntityType>
  <EntityType Name="Line"><Key><PropertyRef Name="No"/></Key><Property Name="No" Type="Edm.Int32"/></EntityType>
  <Action Name="Release" IsBound="true"/>
  <EntityContainer Name="C"><EntitySet Name="Orders" EntityType="A.Order"/>
   <EntitySet Name="Ghosts" EntityType="A.Ghost"/></EntityContainer>
 </Schema></edmx:DataServices></edmx:Edmx>"""  # fmt: skip
_READ: list[Callable[[bytes], Model]] = [
    lambda body: metadata_v2.read_model(edmx.parse(body)),
    lambda body: metadata_v4.read_model(edmx.parse(body)),
]


@guarantees("P9.odata_binding")
def test_v2_metadata_makes_a_model_also_where_it_is_odd() -> None:
    """Aliases, base types, several schemas, lengths out of order, links to nowhere: services have all of them."""
    model = _READ[0](_V2)
    order = model.of_set("Orders")
    assert order is not None
    assert order.keys == ("Id",)
    assert {name: one.type for name, one in order.properties.items()} == {
        "Id": "Edm.String", "Value": "Edm.Decimal", "Where": "T.Place", "Odd": "Edm.GeographyPoint",
    }  # fmt: skip
    assert {one.name: (one.target, one.many) for one in order.navigations.values()} == {"to_Lines": ("T.Line", True)}
    assert [step.type for step in model.steps(order, ("to_Lines", "No")) or ()] == ["T.Line", "Edm.Int64"]
    assert [step.type for step in model.steps(order, ("Where", "City")) or ()] == ["T.Place", "Edm.String"]
    assert model.of_set("Ghosts") is None
    assert model.of_set("Keyless") is None


@guarantees("P9.odata_binding")
def test_v4_metadata_makes_a_model() -> None:
    """Type definitions, enumerations, collections and base types."""
    model = _READ[1](_V4)
    order = model.of_set("Orders")
    assert order is not None
    assert order.keys == ("Id",)
    assert {name: (one.type, one.many) for name, one in order.properties.items()} == {
        "Id": ("Edm.Guid", False), "Weight": ("Edm.Decimal", False), "Places": ("N.S.Place", True),
        "Open": ("N.S.NoYes", False),
    }  # fmt: skip
    assert {one.name: (one.target, one.many) for one in order.navigations.values()} == {
        "Lines": ("N.S.Line", True), "Up": ("N.S.Order", False),
    }  # fmt: skip
    assert model.steps(order, ("Up", "Up", "Lines", "No")) is not None
    assert model.steps(order, ("Lines", "Nothing")) is None
    assert model.of_set("Ghosts") is None


@guarantees("P9.odata_binding")
def test_both_versions_of_a_service_make_the_same_model() -> None:
    """What is read afterwards does not depend on the version."""
    two, four = (_READ[number](metadata(sets(version), version)) for number, version in ((0, 2), (1, 4)))
    assert two.sets == four.sets
    assert two.structures["API_FAKE.A_StockType"] == four.structures["API_FAKE.A_StockType"]
    assert two.structures["API_FAKE.A_ItemType"].navigations == four.structures["API_FAKE.A_ItemType"].navigations


@guarantees("P8.no_leaks")
def test_a_model_says_nothing_on_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Real services have hundreds of annotations that nobody here reads."""
    caplog.set_level("DEBUG")
    _READ[0](_V2)
    assert caplog.messages == []


_HOSTILE: dict[str, bytes] = {
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><Edmx>&x;</Edmx>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/e"> %x;]><Edmx/>',
    "external document type": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><Edmx><DataServices/></Edmx>',
    "entity expansion": (
        b'<!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY a%d "%s">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 12))
        + b"]><Edmx>&a11;</Edmx>"
    ),
    "quadratic expansion": b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 100_000 + b'">]><Edmx>' + b"&x;" * 2000 + b"</Edmx>",
    "too deep": b"<Edmx>" * 300 + b"</Edmx>" * 300,
    "too wide": b"<Edmx>" + b"<a/>" * 500_000 + b"</Edmx>",
    "too many attributes": b"<Edmx " + b" ".join(b'a%d="1"' % number for number in range(5000)) + b"/>",
    "too long": b"<Edmx>" + b" " * edmx.MAX_BYTES + b"</Edmx>",
    "a page": b"<html><body>Sign in</body></html>",
    "not closed": b"<Edmx><DataServices>",
    "nothing": b"",
    "no XML": b"\x00\xff",
    "no schema": b"<Edmx><DataServices/></Edmx>",
    "a nameless type": b'<Edmx><DataServices><Schema Namespace="N"><EntityType/></Schema></DataServices></Edmx>',
    "an endless name": (
        b'<Edmx><DataServices><Schema Namespace="N"><EntityType Name="' + b"x" * 5000
        + b'"/></Schema></DataServices></Edmx>'
    ),
    "included": b'<Edmx xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/hostname"/></Edmx>',
}  # fmt: skip


@guarantees("P9.bounded", "P9.odata_metadata")
@pytest.mark.parametrize("how", _HOSTILE)
@pytest.mark.parametrize("version", [0, 1])
def test_harmful_metadata_is_refused_soon(how: str, version: int) -> None:
    """It is read before anything else of a system, so it is the first thing that an attacker would send."""
    began = time.process_time()
    with pytest.raises(EdmxError) as caught:
        _READ[version](_HOSTILE[how])
    assert time.process_time() - began < 5
    assert "hostname" not in str(caught.value)


@guarantees("P9.bounded", "P9.odata_metadata")
def test_types_that_are_bases_of_each_other_end() -> None:
    """A circle is cut, not followed."""
    body = _V4.replace(b'Name="Base" Abstract="true"', b'Name="Base" BaseType="A.Order"')
    assert _READ[1](body).of_set("Orders") is not None
