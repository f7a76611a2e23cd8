"""Unit symbols as ERP systems write them, to UN/ECE Recommendation 20 codes."""

from __future__ import annotations

from typing import Final

REC20: Final = {
    "u": "C62",
    "kg": "KGM",
    "g": "GRM",
    "mg": "MGM",
    "t": "TNE",
    "c": "CTM",
    "lb": "LBR",
    "oz": "ONZ",
    "s": "SEC",
    "min": "MIN",
    "h": "HUR",
    "d": "DAY",
    "m": "MTR",
    "km": "KMT",
    "cm": "CMT",
    "mm": "MMT",
    "ft": "FOT",
    "yd": "YRD",
    "in": "INH",
    "mi": "SMI",
    "m³": "MTQ",
    "l": "LTR",
    "ml": "MLT",
    "cm³": "CMQ",
    "in³": "INQ",
    "ft³": "FTQ",
    "gal": "GLL",
    "m²": "MTK",
    "cm²": "CMK",
    "a": "ARE",
    "ha": "HAR",
    "in²": "INK",
    "ft²": "FTK",
    "yd²": "YDK",
    "J": "JOU",
    "MJ": "3B",
    "kW⋅h": "KWH",
    "MW⋅h": "MWH",
}


def rec20(symbol: str) -> str:
    """Return the Recommendation 20 code of a symbol; a firm's own unit keeps its symbol, so it is never mistaken."""
    return REC20.get(symbol, symbol)


def symbols(code: str) -> list[str]:
    """Return the symbols that stand for a Recommendation 20 code; a firm's own unit is its own code."""
    return [symbol for symbol, one in REC20.items() if one == code] or [code]
