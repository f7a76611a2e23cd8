"""Several requests as the one change set of a `$batch`, in multipart (V2 and V4) or JSON (V4).

All of them are done or none is; that is what the system promises, and what its answer is held to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final

from erp_mcp.adapters._documents.command_tickets import answer_in
from erp_mcp.adapters._documents.command_values import Native, encode
from erp_mcp.adapters._documents.json_text import DocumentError, Value, decode_json
from erp_mcp.adapters.odata.grammar import Version
from erp_mcp.domain.write_plan import Batch
from erp_mcp.egress import Answer
from erp_mcp.egress.transport import Method

VERSIONS: Final[Mapping[Version, Mapping[str, str]]] = {
    2: {"DataServiceVersion": "2.0", "MaxDataServiceVersion": "2.0"},
    4: {"OData-Version": "4.0", "OData-MaxVersion": "4.0"},
}
_GROUP: Final = "changes_erp"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that changes something, whole."""

    method: Method
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def as_change_set(requests: Sequence[Request], base: str, version: Version, form: Batch) -> Request:
    """Return requests to one service as the one change set of a batch.

    Args:
        requests: What is done together, in this order.
        base: Address of the service, ending in a slash; theirs begin with it.
        version: Of the service.
        form: `multipart` or `json`.
    """
    if form == "json":
        body, kind, wanted = _json_set(requests, base), _JSON, _JSON
    else:
        body, kind, wanted = _multipart_set(requests, base), "multipart/mixed; boundary=batch_erp", "multipart/mixed"
    headers = {"Accept": wanted, "Content-Type": kind, **VERSIONS[version]}
    return Request(method="POST", url=f"{base}$batch", headers=headers, body=body)


def answers_of(answer: Answer, count: int) -> tuple[Answer, ...] | None:
    """Return the answers to the requests of a change set in their order, `None` where it is not whole or not theirs."""
    found = _of_json(answer.body, count) if answer.media_type == _JSON else _of_parts(answer)
    return tuple(found) if found is not None and len(found) == count else None


# --- Multipart --------------------------------------------------------------------------------------------------------


def _multipart_set(requests: Sequence[Request], base: str) -> bytes:
    """Return the parts; the bounds are names that no body of ours has at the beginning of a line: JSON has but one."""
    parts = [_part(number, one, base) for number, one in enumerate(requests, 1)]
    head = f"--batch_erp\r\nContent-Type: multipart/mixed; boundary={_GROUP}\r\n\r\n".encode()
    return head + b"".join(parts) + f"--{_GROUP}--\r\n--batch_erp--\r\n".encode()


def _part(number: int, request: Request, base: str) -> bytes:
    inner = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    text = (
        f"--{_GROUP}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: {number}\r\n\r\n{request.method} {request.url.removeprefix(base)} HTTP/1.1\r\n"
        f"{inner}Content-Length: {len(request.body)}\r\n\r\n"
    )
    return text.encode() + request.body + b"\r\n"


def _of_parts(answer: Answer) -> list[Answer] | None:
    """Return the answers inside a multipart one, through change sets; of one that is not whole nothing is returned."""
    head = f"content-type: {answer.headers.get('content-type', '')}\r\n\r\n".encode("latin-1", "replace")
    try:
        parts = list(BytesParser(policy=HTTP).parsebytes(head + answer.body).walk())
    except RecursionError:  # parts in parts without end
        return None
    if not parts[0].is_multipart() or any(one.defects for one in parts if one.is_multipart()):
        return None
    found = [answer_in(one.get_payload(decode=True)) for one in parts if one.get_content_type() == "application/http"]
    whole = [one for one in found if one is not None]
    return whole if len(whole) == len(found) else None


# --- JSON -------------------------------------------------------------------------------------------------------------


def _json_set(requests: Sequence[Request], base: str) -> bytes:
    found = []
    for number, one in enumerate(requests, 1):
        about: dict[str, Native] = {
            "id": str(number),
            "atomicityGroup": _GROUP,
            "method": one.method,
            "url": one.url.removeprefix(base),
            "headers": {name.lower(): text for name, text in one.headers.items()},  # that form knows no other letters
        }
        body = b',"body":' + one.body if one.body else b""
        found.append(encode(about)[:-1] + body + b"}")
    return b'{"requests":[' + b",".join(found) + b"]}"


def _of_json(body: bytes, count: int) -> list[Answer] | None:
    """Return the answers by the ids that we gave, each of them once."""
    try:
        document = decode_json(body)
    except DocumentError:
        return None
    listed = document.get("responses") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        return None
    by_id = {str(one.get("id")): one for one in listed if isinstance(one, Mapping)}
    wanted = [str(number) for number in range(1, count + 1)]
    if len(listed) != count or set(by_id) != set(wanted):
        return None
    found = list(_responses(by_id[name] for name in wanted))
    return found if len(found) == count else None


def _responses(listed: Iterator[Mapping[str, Value]]) -> Iterator[Answer]:
    for one in listed:
        status, headers = one.get("status"), one.get("headers", {})
        if isinstance(status, bool) or not isinstance(status, int) or not isinstance(headers, Mapping):
            return
        given = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
        body = one.get("body")
        text = b"" if body is None else encode(body)
        yield Answer(status=status, headers={"content-type": _JSON, **given}, body=text)
