"""What is signed here: a tag that says what kind of statement it is, then the canonical JSON of the statement.

The tag keeps a signature from being of use for another kind; the canonical form gives one statement one text.
"""

from __future__ import annotations

import json
from typing import Final, TypeVar

from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.forms import from_json, to_json

ENROLMENT: Final = b"erp-mcp/enrolment/v1\n"
REVOCATION: Final = b"erp-mcp/revocation/v1\n"
DECISION: Final = b"erp-mcp/decision/v1\n"
BUNDLE: Final = b"erp-mcp/bundle/v1\n"
TAINT: Final = b"erp-mcp/taint/v1\n"
OIDC_ENROLMENT: Final = b"erp-mcp/oidc-enrolment/v1\n"
PAGE_ENROLMENT: Final = b"erp-mcp/page-enrolment/v1\n"
OIDC_DECISION: Final = b"erp-mcp/oidc-decision/v1\n"
OIDC_RESOLUTION: Final = b"erp-mcp/oidc-resolution/v1\n"
REVIEW: Final = b"erp-mcp/review/v1\n"
OIDC_REVIEW: Final = b"erp-mcp/oidc-review/v1\n"
OIDC_TAINT: Final = b"erp-mcp/oidc-taint/v1\n"
_MAX_TEXT: Final = 65_536

Statement = TypeVar("Statement")


def written(tag: bytes, statement: object) -> tuple[str, bytes]:
    """Return the text of a statement as it is stored, and the bytes that are signed."""
    text = canonical(to_json(statement))
    return text.decode("utf-8"), tag + text


def opened(tag: bytes, form: type[Statement], text: str) -> tuple[Statement, bytes] | None:
    """Return the statement of a stored text and the bytes that must have been signed; `None` if it isn't one.

    Only the canonical form counts: no second order of keys, no duplicate key, no other spelling.
    """
    if len(text) > _MAX_TEXT:
        return None
    try:
        statement = from_json(form, json.loads(text))
        again, signed = written(tag, statement)
    except (ValueError, TypeError, RecursionError):
        return None
    return (statement, signed) if again == text else None
