"""Names of companies as they are compared: without case, accents, marks and legal forms."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LEGAL_FORMS: Final = frozenset(
    {
        "ab", "ag", "aps", "as", "bv", "co", "company", "corp", "corporation", "eg", "ek", "gbr", "gmbh", "inc",
        "incorporated", "kft", "kg", "kgaa", "limited", "llc", "llp", "ltd", "mbh", "nv", "ohg", "oy", "plc", "sa",
        "sarl", "sas", "se", "sl", "spa", "srl", "sro", "und", "and",
    }
)  # fmt: skip
_DOTTED: Final = re.compile(r"\b(?:\w\.){2,}")


def plain_name(name: str) -> str:
    """Return the words that tell one company from another: `Brandt Components GmbH & Co. KG` → `brandt components`."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(one for one in folded if not unicodedata.combining(one))
    joined = _DOTTED.sub(lambda found: f"{found.group().replace('.', '')} ", letters)
    return " ".join(word for word in re.findall(r"\w+", joined) if word not in _LEGAL_FORMS)
