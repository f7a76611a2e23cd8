"""The demo plant's profile without what another product's profile does not read, so that both keep the same."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from erp_mcp.domain.select_text import select_columns

NAME: Final = "demo-erp-reduced"
_SYSTEMS: Final = Path(__file__).resolve().parents[3] / "erp_mcp" / "systems"
_ALWAYS: Final = ("source_key", "version_token", "changed_at")
# S/4HANA does not keep it, and answers are the same all the same: that is to be seen.
_KEPT: Final = frozenset({"purchase_order_line.promise_changed_at"})
# What S/4HANA says in another way, by what the plant says: days without a time, numbers of documents, and the words of
# its own lists. The plant's requisitions were all made in winter time.
_SAID: Final = {
    "supplier.payment_terms": "substr(payment_terms, 1, 4)",
    "purchase_requisition.created_at": "strftime('%Y-%m-%dT%H:%M:%SZ', date(created_at, '+1 hour'), '-1 hour')",
    "purchase_requisition.created_by_kind": "nullif(created_by_kind, 'GATE')",
    "customer_return.reason_code": """CASE reason_code
        WHEN 'DAMAGED' THEN '001' WHEN 'DEFECT' THEN '002' WHEN 'WRONG_ITEM' THEN '003' ELSE '004' END""",
    "goods_receipt.sequence": """(SELECT CAST(m.doc_no || m.item_no AS INTEGER)
        FROM (SELECT *, row_number() OVER (PARTITION BY ref_no, ref_item ORDER BY posted_at, doc_no) AS n
                FROM mat_move WHERE mv_code = '101') AS m
       WHERE m.ref_no = purchase_order_id AND m.ref_item = line AND m.n = sequence)""",
    "supplier_invoice.price": "printf('%.4f', round(amount * 1000.0 / qty, 4))",
    "supplier_invoice.price_unit": "1000",
    "goods_movement.reference_type": "CASE WHEN reference_type IN ('PO', 'PRD', 'DLV') THEN reference_type END",
    "goods_movement.reference_id": "CASE WHEN reference_type IN ('PO', 'PRD', 'DLV') THEN reference_id END",
    "goods_movement.reference_line": "CASE WHEN reference_type IN ('PO', 'PRD', 'DLV') THEN reference_line END",
    "production_confirmation.confirmation_id": "confirmation_id || '/00000001'",
    "maintenance_order.asset_id": "work_center_id",
}


def write_profile(folder: Path, *, like: str = "s4hana") -> Path:
    """Write the demo's ERP profile with the entities and fields alone that the shipped profile `like` has.

    Args:
        folder: Where it is written, as `demo-erp-reduced.yaml`; made when missing.
        like: Name of a shipped profile that maps documents (`fields:`).

    Returns:
        The folder.
    """
    yaml = YAML(typ="safe", pure=True)
    demo, other = (yaml.load((_SYSTEMS / f"{name}.yaml").read_text(encoding="utf-8")) for name in ("demo-erp", like))
    for entity in demo["entities"].keys() - other["entities"].keys():
        del demo["entities"][entity], demo["identity"][entity]
    for entity, body in demo["entities"].items():
        known = {*_ALWAYS, "native_state", *other["entities"][entity]["fields"]}
        columns = select_columns(body["statement"])
        kept = [name for name in columns if name in known or f"{entity}.{name}" in _KEPT]
        said = [f"{_SAID[place]} AS {name}" if (place := f"{entity}.{name}") in _SAID else name for name in kept]
        body["statement"] = f"SELECT {', '.join(said)} FROM ({body['statement']})"
        for name in set(columns) - set(kept):
            demo["states"].pop(f"{entity}.{name}", None)
    demo["states"] = {key: codes for key, codes in demo["states"].items() if key.split(".")[0] in demo["entities"]}
    del demo["commands"]
    demo["profile"] = NAME
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{NAME}.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(demo, file)
    return folder
