"""Whether a text holds bank data: an account number by its own check digits, or words that announce one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from erp_mcp.domain.call import JsonValue

WITHHELD: Final = "[bank data, not kept]"
# Lengths of account numbers by country, as the registry of ISO 13616 has them.
_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26,
    "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25,
    "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "TR": 26, "UA": 29,
}  # fmt: skip
# Texts, and not compiled, since few processes ever look for bank data.
_START: Final = r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ .\-/]?[A-Za-z0-9]){11,30}"
_WORDS: Final = (
    r"\b(iban|bank account|account (no|number)|routing number|sort code|kontonummer|kontoverbindung|bankverbindung"
    r"|bankkonto|bankleitzahl|blz|compte bancaire|cuenta bancaria)\b"
    r"|\b(bic|swift)\b\W*(code\W*)?(?-i:[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?)\b"
)
_MARKS: Final = r"[ .\-/]"


def has_bank_data(text: str) -> bool:
    """Return whether a text names bank data or holds an account number of ISO 13616, however it is spaced."""
    return bool(re.search(_WORDS, text, re.IGNORECASE)) or any(map(_is_account, _candidates(text)))


def without_bank_data(value: JsonValue) -> JsonValue:
    """Return a value as it may be kept: in place of each text with bank data a word that says so."""
    if isinstance(value, str):
        return WITHHELD if has_bank_data(value) else value
    if isinstance(value, list):
        return [without_bank_data(one) for one in value]
    return {name: without_bank_data(one) for name, one in value.items()} if isinstance(value, dict) else value


def _candidates(text: str) -> Iterator[str]:
    for found in re.finditer(_START, text):
        plain = re.sub(_MARKS, "", found.group()).upper()
        yield plain[: _LENGTHS.get(plain[:2], 0)]


def _is_account(text: str) -> bool:
    """Return whether length and check digits are right, as they are for one text in 97 by chance."""
    if len(text) != _LENGTHS.get(text[:2]):
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1
