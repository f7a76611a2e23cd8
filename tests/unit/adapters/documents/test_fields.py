"""One entity compiled: keys, versions, items of a document as records of their own."""

from __future__ import annotations

from typing import Any, Final

import pytest

from erp_mcp.adapters._documents import Fields, compile_fields
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, ProfileFileError
from tests.guarantees import guarantees

PROFILE: Final = Profile(name="works", version=1, kind="rest", level=4, zone="UTC", identity={}, states={})
LOT: Final[dict[str, JsonValue]] = {"lot_id": "no", "material_id": "material", "site": {"const": "1"}}


def lots(**mapping: JsonValue) -> Fields:
    return compile_fields("lot", {"fields": LOT, "version": "hash", **mapping}, profile=PROFILE, system="erp")


def row(**more: Any) -> dict[str, Any]:
    return {"no": "L1", "material": "M1", **more}


@guarantees("P9.documents")
def test_a_key_of_several_parts_can_be_taken_apart_again() -> None:
    """What the parts hold is written so that their border stays where it is."""
    fields = lots(key=["no", "bin", "level"])
    keys = fields.keys(row(bin="A/1%", level=3))
    assert keys == ["L1/A%2F1%25/3"]
    assert fields.key_parts(keys[0]) == ("L1", "A/1%", "3")
    assert fields.key_parts("L1/A") is None
    assert fields.key_parts("L1//3") is None


@guarantees("P9.documents")
def test_a_key_of_one_part_is_the_systems_own_text() -> None:
    """It is handed back exactly as it came."""
    assert lots(key="no").keys(row(no="PUR/2026/%1")) == ["PUR/2026/%1"]


@guarantees("P9.documents")
def test_an_optional_part_may_be_absent_and_no_other() -> None:
    """A balance without a lot is a balance all the same."""
    fields = lots(key=["no", "bin?"])
    assert fields.keys(row()) == ["L1/"]
    assert fields.key_parts("L1/") == ("L1", "")
    with pytest.raises(BadAnswerError) as caught:
        fields.keys({"bin": "A"})
    assert caught.value.facts["field"] == "no"


@guarantees("P9.documents")
def test_a_control_character_in_a_key_is_refused() -> None:
    """Keys are kept in lines, and shown to people."""
    with pytest.raises(BadAnswerError):
        lots(key="no").keys(row(no="L1\nL2"))


@guarantees("P9.documents")
def test_items_are_records_and_see_the_documents_around_them() -> None:
    """One document, several records; `^` is the document around an item."""
    mapping: dict[str, JsonValue] = {
        "each": {"path": "stores.lots", "where": {"state": {"not": ["gone"]}}},
        "key": ["^.^.plant", "^.store", "no"],
        "fields": {"lot_id": "no", "material_id": "^.material", "site": "^.^.plant"},
    }
    fields = lots(**mapping)
    document: dict[str, Any] = {
        "plant": "P",
        "stores": [
            {"store": "S1", "material": "M1", "lots": [{"no": "L1"}, {"no": "L2", "state": "gone"}]},
            {"store": "S2", "material": "M2", "lots": {"results": [{"no": "L3"}]}},
            {"store": "S3", "material": "M3", "lots": None},
        ],
    }
    assert [(one["source_key"], one["material_id"], one["site"]) for one in fields.rows(document)] == [
        ("P/S1/L1", "M1", "P"), ("P/S2/L3", "M2", "P"),
    ]  # fmt: skip
    assert fields.keys(document) == ["P/S1/L1", "P/S2/L3"]
    assert fields.in_document == (True, False, False)
    assert fields.identity(document) == "P"
    assert fields.paths == {
        ("plant",), ("stores", "store"), ("stores", "material"), ("stores", "lots", "no"), ("stores", "lots", "state"),
    }  # fmt: skip
    assert fields.paths_of_keys == {
        ("plant",),
        ("stores", "store"),
        ("stores", "lots", "no"),
        ("stores", "lots", "state"),
    }


@guarantees("P9.documents")
def test_a_path_further_out_than_there_are_documents_is_a_mistake_of_the_profile() -> None:
    """It would be one of every record."""
    with pytest.raises(ProfileFileError) as caught:
        lots(each="lots", key=["^.^.plant", "no"])
    assert caught.value.facts["key"] == "entities.lot.each"


VERSIONS: Final[list[tuple[JsonValue, dict[str, Any], str]]] = [
    ("changed", {"changed": "2026-03-01 10:00:00.000001"}, "2026-03-01 10:00:00.000001"),
    (["changed", "count"], {"changed": "20260301", "count": 7}, "20260301~7"),
    ("etag", {"@odata.etag": 'W/"1"'}, 'W/"1"'),
    ("etag", {"__metadata": {"etag": 'W/"2"'}}, 'W/"2"'),
]


@guarantees("P9.documents")
@pytest.mark.parametrize(("version", "more", "token"), VERSIONS)
def test_a_version_token_is_what_the_system_says(version: JsonValue, more: dict[str, Any], token: str) -> None:
    """A write hands it back; nothing of it is ours."""
    assert lots(key="no", version=version).row(row(**more))["version_token"] == token


@guarantees("P9.documents")
def test_an_item_without_an_etag_has_that_of_its_document() -> None:
    """Lines inherit it where the order alone is locked."""
    fields = lots(key=["^.id", "no"], each="lots", version="etag")
    assert fields.row({"id": "1", "@odata.etag": "E", "lots": [row()]})["version_token"] == "E"


@guarantees("P9.documents", "P9.no_half_pass")
def test_a_list_of_items_that_is_not_there_is_no_empty_list() -> None:
    """After an upgrade that calls it otherwise, all its records would count as gone."""
    fields = lots(key=["^.id", "no"], each="lots", version="etag")
    assert fields.rows({"id": "1", "lots": []}) == []
    with pytest.raises(BadAnswerError):
        fields.rows({"id": "1", "lots_2": [row()]})


@guarantees("P9.documents", "P9.no_half_pass")
def test_a_document_without_its_key_is_told_from_no_other() -> None:
    """Whatever answers `{"status": "ok"}` for a document does not give one without items."""
    with pytest.raises(BadAnswerError):
        lots(key=["^.id", "no"], each="lots", version="etag").identity({"lots": []})


@guarantees("P9.documents")
def test_a_missing_version_is_refused() -> None:
    """A write without one would overwrite whatever is there."""
    for version in ("changed", "etag"):
        with pytest.raises(BadAnswerError):
            lots(key="no", version=version).row(row())


@guarantees("P9.documents")
def test_a_hash_is_of_the_record_alone() -> None:
    """What nobody maps may change without notice; what is mapped may not, however a number is written."""
    fields = lots(key="no")
    token = fields.row(row(other=1))["version_token"]
    assert fields.row(row(other=2))["version_token"] == token
    assert fields.row(row(material="M2"))["version_token"] != token


@guarantees("P9.documents", "input.clear_errors")
@pytest.mark.parametrize(
    ("mapping", "place"),
    [
        ({"key": []}, "key"),
        ({"key": "no", "deletions": {"every_s": -1}}, "deletions"),
        ({"key": "no", "deletions": "sometimes"}, "deletions"),
        ({"key": "no", "each": {"path": "a", "wher": {}}}, "each"),
        ({"key": "no", "each": "^.a"}, "each"),
        ({"key": "no", "fields": {**LOT, "colour": "c"}}, "fields.colour"),
        ({"key": "no", "fields": {"lot_id": "no"}}, "fields"),
        ({"key": "no", "each": "lots", "changed": "c"}, "key"),
        ({"key": "no", "changed": {"date": "c", "zone": "x"}}, "changed.zone"),
    ],
)
def test_a_mapping_that_is_none_is_refused_with_its_key(mapping: dict[str, JsonValue], place: str) -> None:
    """Before anything is asked of the system."""
    with pytest.raises(ProfileFileError) as caught:
        lots(**mapping)
    assert caught.value.facts["key"] == f"entities.lot.{place}"
