"""JSON documents of a system to canonical rows and pages, for every kind that speaks JSON."""

from __future__ import annotations

from erp_mcp.adapters._documents.fields import DOCUMENT_KEYS, Fields, Segments, compile_fields
from erp_mcp.adapters._documents.json_text import Document, DocumentError, Value, decode_json
from erp_mcp.adapters._documents.paths import Path, PathError, ShapeError

__all__ = [
    "DOCUMENT_KEYS",
    "Document",
    "DocumentError",
    "Fields",
    "Path",
    "PathError",
    "Segments",
    "ShapeError",
    "Value",
    "compile_fields",
    "decode_json",
]
