"""What an adapter of a third party may stand on; these names stay as they are within a minor version.

`Connection` is what an adapter is opened with, `open_egress` the one way out to the system that it names. `decode_json`
reads an answer exactly or not at all, `compile_fields` turns documents into rows by the field grammar of a profile,
`RecordMapper` turns rows into canonical records. `wrong` is the error for a setting that an adapter can't use.
"""

from __future__ import annotations

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._documents import Document, DocumentError, Fields, Value, compile_fields, decode_json
from erp_mcp.adapters._http_connection import OPTIONS, open_egress, wrong
from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.egress import Answer, Egress

__all__ = [
    "OPTIONS",
    "Answer",
    "Connection",
    "Document",
    "DocumentError",
    "Egress",
    "Fields",
    "RecordMapper",
    "Value",
    "compile_fields",
    "decode_json",
    "open_egress",
    "wrong",
]
