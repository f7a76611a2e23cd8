"""Loopback servers that play recorded shapes of products: each pages, filters and fails the way its product does.

The values under `fixtures/recorded/` are invented; the shapes follow the products' public documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from tests.unit.adapters.rest.fake import Asked, FakeRest, Reply

RECORDED: Final = Path(__file__).parents[4] / "fixtures" / "recorded"
Row = dict[str, Any]


class Product(FakeRest):
    """A product by name; `rows` are those of its recording, by resource. `failing` gives its recorded error."""

    def __init__(self, name: str, answer: Callable[[Product, Asked], Reply]) -> None:
        super().__init__()
        self.recorded: dict[str, list[Row]] = json.loads((RECORDED / name / "rows.json").read_text())
        self.error: dict[str, Any] = json.loads((RECORDED / name / "error.json").read_text())
        whole = RECORDED / name / "documents.json"  # single documents, by type and name, where listings are not all
        self.documents: dict[str, dict[str, Row]] = json.loads(whole.read_text()) if whole.exists() else {}
        self.failing = False
        self._play = answer

    def _answer(self, asked: Asked) -> Reply:
        if self.failing:
            return told(self.error["body"], status=self.error["status"])
        return self._play(self, asked)


def told(value: object, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(value).encode())


def frappe(product: Product, asked: Asked) -> Reply:
    """Play lists of Frappe: `fields`, `filters`, `order_by`, `limit_start`, `limit_page_length` (20 by default)."""
    if asked.path.endswith("get_logged_user"):
        return told({"message": "reader@example.test"})
    doctype, _, name = unquote(asked.path.removeprefix("/api/resource/")).partition("/")
    if name:
        document = product.documents[doctype].get(name)
        return told({"data": document}) if document else told({"exc_type": "DoesNotExistError"}, 404)
    asked_for = json.loads(asked.query["fields"])
    fields = [one.rpartition(" as ")[2] for one in asked_for]
    child = next((CHILDREN[table](doctype) for one in asked_for if (table := one.partition(".")[0]) in CHILDREN), "")
    rows = product.recorded[child or doctype]
    rows = [row for row in rows if all(_frappe_holds(row, one) for one in json.loads(asked.query.get("filters", "[]")))]
    rows = sorted(rows, key=_frappe_name)
    start, size = int(asked.query.get("limit_start", 0)), int(asked.query.get("limit_page_length", 20))
    return told({"data": [{name: row[name] for name in fields} for row in rows[start : start + size]]})


# Which rows a listing is joined with, by the name of the table in it and the document that has it.
CHILDREN: Final[dict[str, Callable[[str], str]]] = {
    "items": lambda doctype: f"{doctype} Item",
    "item_defaults": lambda _: "Item Default",
    "uoms": lambda _: "UOM Conversion Detail",
    "required_items": lambda _: "Work Order Item",
    "operations": lambda _: "Work Order Operation",
}


def _frappe_name(row: Row) -> str:
    """Return the name of a joined row, else that of the document."""
    return str(row.get("line_name") or row.get("row_name") or row["name"])


def _frappe_holds(row: Row, condition: list[Any]) -> bool:
    *doctype, field, operator, value = condition
    of_row = bool(doctype) and ("line_name" in row or "row_name" in row) and field == "name"
    found = _frappe_name(row) if of_row else row[field]
    if operator == "is":
        return bool((found not in {None, ""}) == (value == "set"))
    if operator == "in":
        return found in value
    if operator == "<":
        return bool(found < value)
    return bool(found >= value if operator == ">=" else found == value)


def suiteql(product: Product, asked: Asked) -> Reply:
    """Play SuiteQL: a SELECT in the body, `limit` and `offset` in the query, `hasMore` in the answer."""
    assert asked.headers["prefer"] == "transient"
    statement = json.loads(asked.body)["q"]
    rows = _suiteql_rows(product, statement)
    after = re.search(r"[a-z.]+ > ([0-9]+)", statement)
    if after:
        rows = [row for row in rows if int(row["id"]) > int(after[1])]
    within = re.search(r"\b(?:\w+\.)?(?:id|uniquekey) IN \(([0-9,]+)\)", statement)
    if within:
        rows = [row for row in rows if row["id"] in within[1].split(",")]
    since = re.search(r">= TO_TIMESTAMP\('([0-9: -]+)'", statement)
    if since:
        rows = [row for row in rows if row["changed"].replace("T", " ") >= since[1]]
    if "AS changed" not in statement and "inventorybalance" not in statement:
        rows = [{"links": [], "id": row["id"]} for row in rows]
    start, size = int(asked.query.get("offset", 0)), int(asked.query["limit"])
    page = rows[start : start + size]
    more = start + size < len(rows)
    return told(
        {"links": [], "count": len(page), "hasMore": more, "items": page, "offset": start, "totalResults": len(rows)}
    )


def _suiteql_rows(product: Product, statement: str) -> list[Row]:
    types = {"'SalesOrd'": "sales_order", "'PurchOrd'": "purchase_order", "'WorkOrd'": "production_order"}
    for word, name in types.items():
        if word in statement:
            return product.recorded[f"{name}_line" if "tl.uniquekey" in statement else name]
    table = re.search(r" FROM (\w+)", statement)
    return product.recorded.get(table[1] if table else "", [{"links": [], "id": "1"}])


def fusion(product: Product, asked: Asked) -> Reply:
    """Play a collection of Fusion: `q`, `fields`, `limit`, `offset`; `hasMore` in the answer."""
    rows = product.recorded[asked.path.rpartition("/")[2]]
    asked_for = asked.query.get("q", "")
    since = re.search(r"LastUpdateDate>='([^']+)'", asked_for)
    if since:
        rows = [row for row in rows if row["LastUpdateDate"] >= since[1]]
    within = re.search(r"(\w+) in \(([0-9,]+)\)", asked_for)
    if within:
        rows = [row for row in rows if str(row[within[1]]) in within[2].split(",")]
    start, size = int(asked.query.get("offset", 0)), int(asked.query.get("limit", 25))
    fields = [one.strip() for one in asked.query["fields"].split(",")]
    page = [{name: row[name] for name in fields} for row in rows[start : start + size]]
    more = start + size < len(rows)
    return told({"items": page, "count": len(page), "hasMore": more, "limit": size, "offset": start, "links": []})


def m3(product: Product, asked: Asked) -> Reply:
    """Play an M3 list transaction: it begins with the key that is given and ends after `maxrecs`; 0 is all."""
    transaction = asked.path.removeprefix("/M3/m3api-rest/v2/execute/")
    rows = product.recorded[transaction]
    key = next((name for name in ("CUNO", "SUNO", "ITNO") if name in asked.query), "")
    rows = [row for row in rows if not key or row[key] >= asked.query[key]]
    most = int(asked.query["maxrecs"])
    columns = asked.query["returncols"].split(",")
    records = [{name: row[name] for name in columns} for row in (rows[:most] if most else rows)]
    result = {"transaction": transaction.rpartition("/")[2], "records": records}
    return told(
        {"results": [result], "wasTerminated": False, "nrOfSuccessfullTransactions": 1, "nrOfFailedTransactions": 0}
    )


def business_central(product: Product, asked: Asked) -> Reply:
    """Play an OData collection below a company: `$filter` on the change, `$expand`, `$skip`, `$top`, one by its id."""
    assert asked.path.startswith("/api/v2.0/companies(7e3b0000-0000-4000-8000-00000000000a)")
    found = re.search(r"\)/(\w+)(?:\(([^()]+)\))?$", asked.path)
    if not found:
        return told({"@odata.context": "$metadata#companies", "id": "7e3b", "displayName": "CRONUS"})
    rows = product.recorded[found[1]]
    expanded = asked.query.get("$expand", "").partition("(")[0]
    bare = [{name: row[name] for name in row if not name.endswith("Lines") or name == expanded} for row in rows]
    if found[2]:
        one = [row for row in bare if row["id"] == found[2]]
        return told({"@odata.context": "x", **one[0]}) if one else told({"error": {"code": "BadRequest_NotFound"}}, 404)
    since = re.search(r"lastModifiedDateTime ge (\S+)", asked.query.get("$filter", ""))
    if since:
        bare = [row for row in bare if row["lastModifiedDateTime"] >= since[1]]
    start, size = int(asked.query.get("$skip", 0)), int(asked.query.get("$top", 20_000))
    return told({"@odata.context": "$metadata", "value": bare[start : start + size]})


PRODUCTS: Final[dict[str, Callable[[Product, Asked], Reply]]] = {
    "business-central": business_central,
    "erpnext": frappe,
    "netsuite": suiteql,
    "oracle-fusion": fusion,
    "infor-m3": m3,
}
