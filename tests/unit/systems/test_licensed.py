"""What leads to SAP's interfaces asks for the declaration of the licensed way in, whoever wrote the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from erp_mcp.bootstrap import open_deployment
from erp_mcp.errors import DeclarationMissingError, ProfileFileError
from erp_mcp.systems import load_profile
from erp_mcp.systems.licensed import SAP, is_sap
from tests.guarantees import guarantees

SHIPPED: Final = Path(__file__).parents[3] / "erp_mcp" / "systems"
HEAD: Final = """\
profile: copied
version: 1
kind: {kind}
level: 4
zone: Europe/Berlin
"""
ODATA: Final = """\
odata:
  version: 2
  services: {{stock: {path}}}
entities:
  stock:
    set: stock/A_MatlStkInAcctMod
    key: [Material, Plant]
    version: hash
    fields: {{material_id: Material, site: Plant, storage_location_id: {{const: "-"}}, stock_type: {{const: free}},
             qty: Qty, uom: Unit}}
"""
REST: Final = """\
rest:
  base: {path}
entities:
  customer:
    request: {{path: /customers}}
    items: value
    by_key: {{path: "/customers/{{key}}", item: "."}}
    key: id
    version: hash
    fields: {{customer_id: id}}
"""
SQL: Final = """\
entities:
  customer:
    statement: |
      SELECT no AS source_key, ver AS version_token, at AS changed_at, no AS customer_id FROM {table}
"""


def written(folder: Path, kind: str, body: str, head: str = "") -> Path:
    (folder / "copied.yaml").write_text(f"{HEAD.format(kind=kind)}{head}{body}")
    return folder


@guarantees("P1.declared")
@pytest.mark.parametrize("name", ["s4hana", "s4hana-v4", "s4hana-replica"])
def test_a_copy_of_a_shipped_profile_without_its_declaration_is_refused(tmp_path: Path, name: str) -> None:
    """Copying a file is no licence: the line that asks for the declaration can't be left out."""
    text = (SHIPPED / f"{name}.yaml").read_text().replace(f"profile: {name}\n", "profile: copied\n")
    (tmp_path / "copied.yaml").write_text(text)
    assert load_profile("copied", [tmp_path]).declaration == SAP
    for instead in ("", "declaration: something_else\n"):
        (tmp_path / "copied.yaml").write_text(text.replace(f"declaration: {SAP}\n", instead))
        with pytest.raises(ProfileFileError) as caught:
            load_profile("copied", [tmp_path])
        assert f"declaration: {SAP}" in str(caught.value.facts["reason"])
        assert caught.value.facts["line"]


@guarantees("P1.declared")
@pytest.mark.parametrize(
    "path",
    [
        "sap/opu/odata/sap/Z_OUR_OWN", "SAP/OPU/ODATA/sap/API_X", "sap/opu/odata4/sap/zours/0001", "sap/bc/rest/zours",
        "gate/API_MATERIAL_STOCK_SRV", "erp/sap/opu/odata/x", "gate/srvd_a2x/sap/product/0003", "opu/odata/sap/Z_OURS",
    ],
)  # fmt: skip
def test_a_path_of_saps_is_seen_in_every_kind_that_has_paths(tmp_path: Path, path: str) -> None:
    """A service of one's own below SAP's path is reached by SAP's interface all the same."""
    for kind, body in (("odata", ODATA.format(path=path)), ("rest", REST.format(path=f"/{path}"))):
        with pytest.raises(ProfileFileError) as caught:
            load_profile("copied", [written(tmp_path, kind, body)])
        assert caught.value.facts["line"] in {7, 8}
        assert load_profile("copied", [written(tmp_path, kind, body, f"declaration: {SAP}\n")]).declaration == SAP


@guarantees("P1.declared")
@pytest.mark.parametrize(
    "table",
    [
        "s4.I_SalesOrder", 'public."i_purchaseorderitem" p', "sapsr3.vbak", "a JOIN sap.ekpo e ON true",
        "/* of */ vbak", '"EKKO"', "`p01`.`mara`", "(vbap)",
    ],
)  # fmt: skip
def test_a_copy_of_saps_views_or_tables_is_seen_by_their_names(tmp_path: Path, table: str) -> None:
    """A replica holds what was read by one of SAP's interfaces before."""
    with pytest.raises(ProfileFileError) as caught:
        load_profile("copied", [written(tmp_path, "sql", SQL.format(table=table))])
    assert caught.value.facts["key"] == "entities.customer.statement"


@guarantees("P1.declared")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("odata", ODATA.format(path="data/sapling")), ("odata", ODATA.format(path="odata/sap/opuntia")),
        ("rest", REST.format(path="/wasap/opus")), ("sql", SQL.format(table="erp.marathon")),
        ("sql", SQL.format(table="i_customers")),
    ],
)  # fmt: skip
def test_names_that_only_look_alike_are_left_alone(tmp_path: Path, kind: str, body: str) -> None:
    """Everybody else has nothing to declare."""
    assert load_profile("copied", [written(tmp_path, kind, body)]).declaration == ""


@guarantees("P1.declared")
def test_no_other_shipped_profile_asks_for_it() -> None:
    """The rule is about where a profile leads, so it is asked of all of them."""
    asking = {
        file.stem for file in SHIPPED.glob("*.yaml")
        if file.stem != "freshness" and load_profile(file.stem, [SHIPPED]).declaration
    }  # fmt: skip
    assert asking == {"s4hana", "s4hana-v4", "s4hana-replica"}


@guarantees("P1.declared")
@pytest.mark.parametrize(
    "url", ["https://s4.example.com/sap/opu/odata/sap/", "https://gate.example.com/SAP%2Fopu/odata"]
)
async def test_an_address_of_saps_asks_for_it_as_well(tmp_path: Path, url: str) -> None:
    """Else a profile would need its paths moved into the address, and nothing else."""
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    written(profiles, "odata", ODATA.format(path="ZOURS"))
    config = tmp_path / "erp-mcp.yaml"
    config.write_text(
        "version: 1\ndeployment: works\nenvironment: development\nplant: {zone: Europe/Berlin}\nprofiles: [profiles]\n"
        f"systems:\n  erp: {{profile: copied, url: {url}, auth: {{kind: none}}}}\n"
    )
    deployment = open_deployment(config)
    try:
        with pytest.raises(DeclarationMissingError) as caught:
            deployment.adapter(deployment.system("erp"))
        assert caught.value.facts["declaration"] == SAP
        deployment.declare("erp", by="Ina Berg", pathway="contract 4711", account="ina")
        await deployment.adapter(deployment.system("erp")).close()
    finally:
        deployment.close()


@guarantees("P1.declared")
def test_an_address_is_looked_at_as_it_is_sent() -> None:
    """Letters and escapes make no other place of it."""
    assert is_sap("https://h/x/SAP/opu/odata4")
    assert is_sap("https://h/sap%2fopu%2fodata")
    assert is_sap("https://h/sap/./opu//odata")
    assert is_sap("https://h/x/srvd_a2x/")
    assert not is_sap("")
    assert not is_sap("https://sap.example.com/odata/v4")
