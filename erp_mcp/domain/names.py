"""When two names stand for one person: compared by their letters and digits alone."""

from __future__ import annotations

import unicodedata
from typing import Final

_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, and nothing to be seen
# Letters of other scripts that look like Latin ones, and Latin ones whose stroke is no accent to be taken off.
_LOOKALIKES: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјкорсухтвмнԁԛԝһӏѵєΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβγειζηκμνορτυχωıłŁøØđĐɡɑ",
    "ABESIJKMHOPCTYXaesijkopcyxtbmhdqwhlveABEZHIKMNOPTYXabyeiznkuvoptuxwilLoOdDga",
)


def key_of(name: str) -> str:
    """Return what is compared of a name: letters and digits alone, without case, width, accents and invisible signs.

    Letters of other scripts count as the Latin ones that they look like. Two people whose names differ in nothing else
    count as one: a person too few may decide, never one too many.
    """
    alike = unicodedata.normalize("NFKD", name).translate(_LOOKALIKES)
    folded = unicodedata.normalize("NFKD", alike.casefold()).translate(_LOOKALIKES)
    return "".join(one for one in folded if one.isalnum() and one not in _BLANK_LETTERS)
