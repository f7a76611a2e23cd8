"""Which profiles lead to a maker's interfaces that may be used only after somebody declared the licensed way in.

A profile is a file, and files are copied. What makes a declaration necessary is therefore where a mapping leads, not
which file says so: the paths of SAP's services, and the names of its views and tables where a database is read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from erp_mcp.strict_yaml import Document
from erp_mcp.systems.document_forms import Place

SAP: Final = "sap_licensed_access"
"""What is declared for SAP's interfaces; a profile asks for it by `declaration:`."""

# The first part of a path may stand in the address of the system, and the rest in a profile.
_PATHS: Final = re.compile(
    r"(?:^|/)sap/(?:opu|bc)(?:/|$)|(?:^|/)opu/odata4?(?:/|$)|/srvd_a2x(?:/|$)|\bAPI_[A-Z0-9_]+_SRV\b", re.IGNORECASE
)
_VIEWS: Final = (
    r"i_(?:salesorder|salesdocument|purchaseorder|purordscheduleline|purchaserequisition|purginforecd"
    r"|deliverydocument|billingdocument|materialstock|manufacturingorder|mfgorder|productplant|productsupplyplanning"
    r"|maintenanceorder|reservationdocument|supplierconfirmation|qltynotification)\w*"
)
_TABLES: Final = "vbak|vbap|vbep|likp|lips|vbrk|vbrp|ekko|ekpo|eket|ekbe|eban|mara|marc|mard|mchb|afko|afpo|resb|matdoc"
_READ: Final = re.compile(
    rf"""\b(?:from|join)\b(?:[\s(]|/\*.*?\*/)*(?:["`\[]?\w+["`\]]?\s*\.\s*)*["`\[]?(?:{_VIEWS}|{_TABLES})(?!\w|["`\]]?\.)""",
    re.IGNORECASE | re.DOTALL,
)


def is_sap(address: str) -> bool:
    """Return whether an address or path leads to SAP's services, however its letters are written."""
    return _PATHS.search(posixpath.normpath(unquote(address))) is not None


def check_declaration(declaration: str, parts: Mapping[str, object], document: Document) -> None:
    """Refuse a profile that leads to SAP's interfaces and does not ask for the declaration of the licensed way in.

    Args:
        declaration: What the profile asks for; empty for nothing.
        parts: What is looked through, by its key at the top of the file.
        document: The file, for the line.

    Raises:
        ProfileFileError: `systems.bad_profile`, where the first such path or name stands.
    """
    if declaration == SAP:
        return
    for place, text in _texts(parts, ()):
        if is_sap(text) or _READ.search(text):
            raise document.error(
                place, f"leads to SAP's interfaces; add `declaration: {SAP}` at the top of the profile"
            )


def _texts(value: object, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield every text with its place; names of keys are no places to lead to."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, (*place, name))
    elif isinstance(value, Sequence):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*place, number))
