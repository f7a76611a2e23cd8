"""A small purchasing system that speaks OData V2 or V4 and takes writes: orders with schedule lines, requisitions.

It wants a token against forged requests with its session cookie, a version with each change, and keeps no reference
twice unless it is told to. It fails when it is told to, before or after the effect.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote

from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.unit.adapters.write_faults import Fault, failing, reply

Row = dict[str, Any]
Version = Literal[2, 4]
SYSTEM_TEXT: Final = "Short dump in SAPLMEPO for user WRITER"
SESSION: Final = "sap-session-7"
_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "A_PurchaseOrderItem": {
        "PurchaseOrder": "String:10", "PurchaseOrderItem": "String:5", "Supplier": "String:10", "Material": "String:40",
        "Plant": "String:4", "OrderQuantity": "Decimal:3", "OpenQuantity": "Decimal:3", "Unit": "String:3",
        "Status": "String:2", "LastChange": "String:30", "Reference": "String:12",
    },
    "A_PurchaseOrderScheduleLine": {
        "PurchasingDocument": "String:10", "PurchasingDocumentItem": "String:5", "ScheduleLine": "String:4",
        "ScheduleLineDeliveryDate": "Date",
    },
    "A_PurchaseRequisitionHeader": {"PurchaseRequisition": "String:10", "PurchaseRequisitionType": "String:4"},
    "A_PurchaseRequisitionItem": {
        "PurchaseRequisition": "String:10", "PurchaseRequisitionItem": "String:5", "Material": "String:40",
        "Plant": "String:4", "RequestedQuantity": "Decimal:3", "BaseUnit": "String:3", "DeliveryDate": "Date",
        "FixedSupplier": "String:10", "PurReqnExternalReference": "String:35", "Status": "String:2",
    },
}  # fmt: skip
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "A_PurchaseOrderItem": ("PurchaseOrder", "PurchaseOrderItem"),
    "A_PurchaseOrderScheduleLine": ("PurchasingDocument", "PurchasingDocumentItem", "ScheduleLine"),
    "A_PurchaseRequisitionHeader": ("PurchaseRequisition",),
    "A_PurchaseRequisitionItem": ("PurchaseRequisition", "PurchaseRequisitionItem"),
}
_LINKS: Final = {
    ("A_PurchaseOrderItem", "to_ScheduleLine"): "A_PurchaseOrderScheduleLine",
    ("A_PurchaseRequisitionHeader", "to_PurchaseReqnItem"): "A_PurchaseRequisitionItem",
}
SERVICES: Final = {
    "po": ("API_PURCHASEORDER", ("A_PurchaseOrderItem", "A_PurchaseOrderScheduleLine")),
    "pr": ("API_PURCHASEREQ", ("A_PurchaseRequisitionHeader", "A_PurchaseRequisitionItem")),
}


class FailedError(Exception):
    """What the system says no to."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class Buying:
    """The system. `attempts` are the writes that came past the door, `refused_at_door` those that did not."""

    version: Version = 2
    unique: bool = False
    csrf: bool = True
    etags: bool = True
    answer_with_body: bool = True
    longest_reference: int = 35
    fault: Fault | None = None
    sap_message: str = ""
    remark: str = ""  # beside the change of an item
    obeys_filter: bool = True
    forgets_tokens: bool = False
    late_refusals: int = 0  # so many writes are done, and then answered as if they had no token
    attempts: int = 0
    refused_at_door: int = 0
    tokens_given: int = 0
    seen: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    replies: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._token = "token-1"
        self.before: Callable[[], None] = lambda: None  # called before each write
        self.asked: dict[str, str] = {}  # by the last request
        self._as_was: dict[tuple[str, str], Row] | None = None  # while a change set is done
        self._changes = itertools.count(1)
        self._numbers = itertools.count(1)
        self.released = asyncio.Event()
        self.items: dict[tuple[str, str], Row] = {}
        self.schedule: dict[tuple[str, str, str], Row] = {}
        self.requisitions: dict[tuple[str, str], Row] = {}
        for number in range(1, 5):
            self.add_order(f"45000000{number:02}", "00010", status="05" if number < 4 else "14")
        self.server = LoopbackServer(self)

    # --- What a test moves --------------------------------------------------------------------------------------------

    def add_order(self, order: str, item: str, *, status: str = "05", lines: int = 1) -> None:
        """Add an order of one item."""
        self.items[order, item] = {
            "PurchaseOrder": order, "PurchaseOrderItem": item, "Supplier": "17300001", "Material": "RM-1",
            "Plant": "1010", "OrderQuantity": "10.000", "OpenQuantity": "10.000", "Unit": "KG", "Status": status,
        }  # fmt: skip
        for number in range(1, lines + 1):
            key = (order, item, f"{number:04}")
            self.schedule[key] = {
                "PurchasingDocument": order, "PurchasingDocumentItem": item, "ScheduleLine": key[2],
                "ScheduleLineDeliveryDate": "2027-01-04",
            }  # fmt: skip
        self.changed((order, item))

    def by_hand(self, key: tuple[str, str], day: str) -> None:
        """Move the date as a person would."""
        self.schedule[(*key, "0001")]["ScheduleLineDeliveryDate"] = day
        self.changed(key)

    def changed(self, key: tuple[str, str]) -> None:
        self.items[key]["LastChange"] = f"2027010108{next(self._changes):06}"

    def end_session(self) -> None:
        """Let the token run out."""
        self._token = f"token-{int(self._token.partition('-')[2]) + 1}"

    def copy_requisition(self, reference: str) -> None:
        """Copy a document by hand, reference and all."""
        (row,) = [one for one in self.requisitions.values() if one["PurReqnExternalReference"] == reference]
        number = f"00100{next(self._numbers):05}"
        self.requisitions[number, "00010"] = {**row, "PurchaseRequisition": number}

    def effects(self) -> dict[str, str]:
        """Return what is there, by source key."""
        orders = {
            "/".join(key[:2]): row["ScheduleLineDeliveryDate"] for key, row in self.schedule.items() if key[2] == "0001"
        }
        return {**orders, **{"/".join(key): json.dumps(row, sort_keys=True) for key, row in self.requisitions.items()}}

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        raw, body = scope["headers"], (await receive())["body"]
        assert isinstance(raw, list)
        assert isinstance(body, bytes)
        headers = {name.decode(): value.decode("latin-1") for name, value in raw}
        method, path = str(scope["method"]), unquote(str(scope["path"]))
        query = dict(parse_qsl(bytes(scope["query_string"]).decode()))  # type: ignore[call-overload]
        self.seen.append((method, path, headers, body))
        self.asked = query if method != "GET" else self.asked
        if method == "GET":
            await reply(send, *self._get(path, query, headers))
            return
        if self.forgets_tokens:
            self.end_session()
        if self.csrf and (headers.get("x-csrf-token") != self._token or SESSION not in headers.get("cookie", "")):
            self.refused_at_door += 1
            await reply(send, 403, {"x-csrf-token": "Required"}, b"CSRF token validation failed")
            return
        self.attempts += 1
        if self.replies:
            await reply(send, *self.replies.pop(0))
        else:
            await self._write(send, method, path, headers, body)

    async def _write(self, send: Send, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.before()
        fault = self.fault
        answer = self._done(method, path, headers, body) if fault is None or fault.commits else (200, {}, b"{}")
        if self.late_refusals:
            self.late_refusals -= 1
            answer = (403, {"x-csrf-token": "Required"}, b"CSRF token validation failed")
        if fault is None:
            more = {"sap-message": self.sap_message} if self.sap_message else {}
            await reply(send, answer[0], {**answer[1], **more}, answer[2])
            return
        await failing(send, fault.kind, answer, self.released)

    # --- Reads --------------------------------------------------------------------------------------------------------

    def _get(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        alias, _, rest = path.strip("/").partition("/")
        given = {}
        if headers.get("x-csrf-token", "").lower() == "fetch" and self.csrf:
            self.tokens_given += 1
            given = {"x-csrf-token": self._token, "set-cookie": f"SAP_SESSIONID={SESSION}; path=/; HttpOnly"}
        json_type = {"content-type": "application/json", "date": "Mon, 04 Jan 2027 08:00:00 GMT"}
        if rest == "$metadata":
            return 200, {"content-type": "application/xml"}, self._metadata(alias).encode()
        if not rest:
            return 200, {**json_type, **given}, b'{"d": {"EntitySets": []}}'
        rows = [row for row in self._rows(rest) if not self.obeys_filter or _holds(row, query.get("$filter", ""))]
        shown = [self._shown(rest, row, query) for row in rows[: int(query.get("$top", "1000"))]]
        body = {"d": {"results": shown}} if self.version == 2 else {"value": shown}
        return 200, json_type, json.dumps(body).encode()

    def _rows(self, entity_set: str) -> list[Row]:
        if entity_set == "A_PurchaseOrderItem":
            return list(self.items.values())
        if entity_set == "A_PurchaseOrderScheduleLine":
            return list(self.schedule.values())
        if entity_set == "A_PurchaseRequisitionHeader":
            return [{"PurchaseRequisition": key[0], "PurchaseRequisitionType": "NB"} for key in self.requisitions]
        return list(self.requisitions.values())

    def _shown(self, entity_set: str, row: Row, query: Mapping[str, str]) -> Row:
        shown = {name: self._native(kind, row.get(name)) for name, kind in _TYPES[entity_set].items()}
        for (owner, link), target in _LINKS.items():
            if owner == entity_set and link in query.get("$expand", ""):
                lines = [self._shown(target, one, {}) for one in self._below(entity_set, row)]
                shown[link] = {"results": lines} if self.version == 2 else lines
        etag = self._etag(entity_set, row)
        if self.version == 2:
            shown["__metadata"] = {"uri": "…", **({"etag": etag} if etag else {})}
        elif etag:
            shown["@odata.etag"] = etag
        return shown

    def _below(self, entity_set: str, row: Row) -> list[Row]:
        if entity_set == "A_PurchaseOrderItem":
            wanted = (row["PurchaseOrder"], row["PurchaseOrderItem"])
            return [one for key, one in self.schedule.items() if key[:2] == wanted]
        return [one for key, one in self.requisitions.items() if key[0] == row["PurchaseRequisition"]]

    def _etag(self, entity_set: str, row: Row) -> str:
        if not self.etags or "Requisition" in entity_set:
            return ""
        key = (row.get("PurchaseOrder") or row["PurchasingDocument"],
               row.get("PurchaseOrderItem") or row["PurchasingDocumentItem"])  # fmt: skip
        return f"W/\"'{(self._as_was or self.items)[key]['LastChange']}'\""

    def _native(self, kind: str, value: Any) -> Any:
        if value is None:
            return None
        if kind == "Date" and self.version == 2:
            return f"/Date({int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()) * 1000})/"
        return float(value) if kind.startswith("Decimal") and self.version == 4 else value

    # --- Writes -------------------------------------------------------------------------------------------------------

    def _done(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        json_type = {"content-type": "application/json"}
        try:
            if path.endswith("$batch"):
                return self._batch(headers, body)
            if method == "POST" and headers.get("x-http-method") == "MERGE":
                method = "PATCH"
            if method == "PATCH" and path.startswith("/po/A_PurchaseOrderItem("):
                return self._refer(path, headers, json.loads(body))
            if method == "PATCH":
                return self._patch(path, headers, json.loads(body))
            if method == "POST" and path == "/pr/A_PurchaseRequisitionHeader":
                made = self._create(json.loads(body))
                return 201, json_type, json.dumps({"d": made} if self.version == 2 else made).encode()
        except FailedError as failure:
            return failure.status, json_type, self._error(failure.code)
        return 405, json_type, self._error("405")

    def _patch(self, path: str, headers: Mapping[str, str], body: Row) -> tuple[int, dict[str, str], bytes]:
        found = re.fullmatch(r"/po/A_PurchaseOrderScheduleLine\((.*)\)", path)
        parts = dict(one.split("=") for one in found[1].split(",")) if found else {}
        order, item, line = (parts.get(name, "").strip("'") for name in _KEYS["A_PurchaseOrderScheduleLine"])
        key = (order, item, line)
        row = self.schedule.get(key)
        if row is None:
            raise FailedError(404, "404")
        if self.etags and "if-match" not in headers:
            raise FailedError(428, "428")
        if self.etags and headers["if-match"] != self._etag("A_PurchaseOrderScheduleLine", row):
            raise FailedError(412, "412")
        day = self._day(body["ScheduleLineDeliveryDate"])
        if day.endswith("-13"):
            raise FailedError(400, "ME/040")
        if day.endswith("-14"):
            raise FailedError(400, "ME/006")
        row["ScheduleLineDeliveryDate"] = day
        self.changed((order, item))
        if "return=minimal" in headers.get("prefer", "") or not self.answer_with_body:
            return 204, {}, b""
        shown = self._shown("A_PurchaseOrderScheduleLine", row, {})
        answer = json.dumps({"d": shown} if self.version == 2 else shown).encode()
        return 200, {"content-type": "application/json"}, answer

    def _refer(self, path: str, headers: Mapping[str, str], body: Row) -> tuple[int, dict[str, str], bytes]:
        """Keep a reference with an item."""
        parts = dict(one.split("=") for one in path.partition("(")[2].rstrip(")").split(","))
        order, item = (parts[name].strip("'") for name in _KEYS["A_PurchaseOrderItem"])
        row = self.items[order, item]
        if headers.get("if-match", "") != self._etag("A_PurchaseOrderItem", row):
            raise FailedError(412, "412")
        row["Reference"] = body["Reference"]
        return 204, {"sap-messages": f"[{self.remark}]"} if self.remark else {}, b""

    def _create(self, body: Row) -> Row:
        lines = body["to_PurchaseReqnItem"]
        made = []
        number = f"00100{next(self._numbers):05}"
        for line in lines["results"] if isinstance(lines, dict) else lines:
            row = {**line, "PurchaseRequisition": number, "DeliveryDate": self._day(line["DeliveryDate"])}
            row |= {"Status": "N", "RequestedQuantity": f"{float(line['RequestedQuantity']):.3f}"}
            if row["BaseUnit"] not in {"KG", "ST"}:
                raise FailedError(400, "ME/060")
            if self.unique and any(
                one["PurReqnExternalReference"] == row["PurReqnExternalReference"] for one in self.requisitions.values()
            ):
                raise FailedError(500, "UNIQUE")
            made.append(row)
        for row in made:
            self.requisitions[number, row["PurchaseRequisitionItem"]] = row
        shown = [self._shown("A_PurchaseRequisitionItem", row, {}) for row in made]
        below: Any = {"results": shown} if self.version == 2 else shown
        return {"PurchaseRequisition": number, "to_PurchaseReqnItem": below}

    def _batch(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Do everything or nothing; of what failed the answer says that the first was done and the rest was not."""
        as_json = headers["content-type"] == "application/json"
        requests = _json_requests(body) if as_json else _part_requests(body)
        kept = copy.deepcopy((self.items, self.schedule))
        self._as_was = kept[0]
        answers = [self._done(one[0], f"/po/{unquote(one[1])}", one[2], one[3]) for one in requests]
        self._as_was = None
        if any(status >= 400 for status, _, _ in answers):
            self.items, self.schedule = kept
        if as_json:
            listed = [
                {"id": str(number), "atomicityGroup": "changes_erp", "status": status, "headers": given}
                | ({"body": json.loads(answer)} if answer else {})
                for number, (status, given, answer) in enumerate(answers, 1)
            ]
            return 200, {"content-type": "application/json"}, json.dumps({"responses": listed[::-1]}).encode()
        parts = b"".join(
            b"--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            + f"HTTP/1.1 {status} X\r\n{''.join(f'{name}: {text}' + chr(13) + chr(10) for name, text in given.items())}"
            f"Content-Length: {len(answer)}\r\n\r\n".encode() + answer + b"\r\n"
            for status, given, answer in answers
        )  # fmt: skip
        outer = b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n--a--\r\n"
        return 202, {"content-type": "multipart/mixed; boundary=a"}, outer

    def _day(self, text: str) -> str:
        if self.version == 4:
            return text
        return datetime.fromtimestamp(int(text[6:-2]) / 1000, UTC).date().isoformat()

    def _error(self, code: str) -> bytes:
        message: Any = {"lang": "en", "value": SYSTEM_TEXT} if self.version == 2 else SYSTEM_TEXT
        return json.dumps({"error": {"code": code, "message": message}}).encode()

    # --- Metadata -----------------------------------------------------------------------------------------------------

    def _metadata(self, alias: str) -> str:
        _, sets = SERVICES[alias]
        types = "".join(self._type(one) for one in sets)
        entity_sets = "".join(f'<EntitySet Name="{one}" EntityType="S.{one}Type"/>' for one in sets)
        links = [(owner, link, target) for (owner, link), target in _LINKS.items() if owner in sets]
        associations = ""
        if self.version == 2:
            associations = "".join(
                f'<Association Name="{link}"><End Role="A" Type="S.{owner}Type" Multiplicity="1"/>'
                f'<End Role="B" Type="S.{target}Type" Multiplicity="*"/></Association>'
                for owner, link, target in links
            )
        version, edmx, edm = (
            ("1.0", "http://schemas.microsoft.com/ado/2007/06/edmx", "http://schemas.microsoft.com/ado/2008/09/edm")
            if self.version == 2
            else ("4.0", "http://docs.oasis-open.org/odata/ns/edmx", "http://docs.oasis-open.org/odata/ns/edm")
        )
        bound, imported = self._calls() if alias == "po" else ("", "")
        return (
            f'<edmx:Edmx Version="{version}" xmlns:edmx="{edmx}"><edmx:DataServices><Schema Namespace="S" '
            f'xmlns="{edm}">{types}{associations}{bound}<EntityContainer Name="C">{entity_sets}{imported}'
            "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
        )

    def _calls(self) -> tuple[str, str]:
        """Return what can be called: a confirmation of an item, and one of a day that is bound to nothing."""
        texts = [("Note", "Edm.String"), ("Day", "Edm.DateTime" if self.version == 2 else "Edm.Date")]
        own = "".join(f'<Parameter Name="{name}" Type="{kind}"/>' for name, kind in [*texts, ("Times", "Edm.Int32")])
        keys = "".join(f'<Parameter Name="{one}" Type="Edm.String"/>' for one in _KEYS["A_PurchaseOrderItem"])
        if self.version == 2:
            named = {"Confirm": keys + own, "ConfirmDay": own}
            return "", "".join(f'<FunctionImport Name="{name}">{one}</FunctionImport>' for name, one in named.items())
        about = '<Parameter Name="it" Type="S.A_PurchaseOrderItemType"/>'
        bound = f'<Action Name="Confirm" IsBound="true">{about}{own}</Action><Action Name="ConfirmDay">{own}</Action>'
        return bound, '<ActionImport Name="ConfirmDay" Action="S.ConfirmDay"/>'

    def _type(self, name: str) -> str:
        keys = "".join(f'<PropertyRef Name="{one}"/>' for one in _KEYS[name])
        properties = "".join(self._property(one, kind, one in _KEYS[name]) for one, kind in _TYPES[name].items())
        links = "".join(
            f'<NavigationProperty Name="{link}" Relationship="S.{link}" FromRole="A" ToRole="B"/>'
            if self.version == 2
            else f'<NavigationProperty Name="{link}" Type="Collection(S.{target}Type)"/>'
            for (owner, link), target in _LINKS.items()
            if owner == name
        )
        return f'<EntityType Name="{name}Type"><Key>{keys}</Key>{properties}{links}</EntityType>'

    def _property(self, name: str, kind: str, is_key: bool) -> str:
        base, _, size = kind.partition(":")
        if name == "PurReqnExternalReference":
            size = str(self.longest_reference)
        types = {"Date": "Edm.DateTime" if self.version == 2 else "Edm.Date"}
        facet = {"String": f' MaxLength="{size}"', "Decimal": f' Precision="13" Scale="{size}"'}.get(base, "")
        null = ' Nullable="false"' if is_key else ""
        return f'<Property Name="{name}" Type="{types.get(base, f"Edm.{base}")}"{facet}{null}/>'


# --- Change sets ------------------------------------------------------------------------------------------------------

_Asked = tuple[str, str, dict[str, str], bytes]


def _part_requests(body: bytes) -> list[_Asked]:
    found: list[_Asked] = []
    for part in body.split(b"--changes_erp\r\n")[1:]:
        _, _, inner = part.partition(b"\r\n\r\n")
        head, _, rest = inner.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ", 2)
        given = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        found.append((method, target, given, rest[: int(given["content-length"])]))
    return found


def _json_requests(body: bytes) -> list[_Asked]:
    requests = json.loads(body)["requests"]
    assert {one["atomicityGroup"] for one in requests} == {"changes_erp"}
    return [(one["method"], one["url"], one["headers"], json.dumps(one.get("body")).encode()) for one in requests]


# --- Conditions -------------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(r"\s*(\(|\)|and\b|or\b|eq\b|datetime'[^']*'|'(?:[^']|'')*'|[A-Za-z0-9_./-]+)")


def _holds(row: Row, condition: str) -> bool:
    """Say whether a row meets a filter of comparisons with `eq`, joined by `and`, `or` and brackets."""
    tokens = [found[1] for found in _TOKEN.finditer(condition)]
    return not tokens or _either(row, tokens)


def _either(row: Row, tokens: list[str]) -> bool:
    held = _every(row, tokens)
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        held = _every(row, tokens) or held
    return held


def _every(row: Row, tokens: list[str]) -> bool:
    held = _one(row, tokens)
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        held = _one(row, tokens) and held
    return held


def _one(row: Row, tokens: list[str]) -> bool:
    first = tokens.pop(0)
    if first == "(":
        held = _either(row, tokens)
        tokens.pop(0)
        return held
    tokens.pop(0)
    wanted = tokens.pop(0)
    return bool(row.get(first) == wanted[1:-1].replace("''", "'"))
