"""Words of a task that would have a person go around what protects people, machines or the quality of goods.

A task is read by somebody at the machine, so more is refused here than of a request to a system: any sentence that
speaks of doing without a protection, even one that forbids it. Whoever has to speak of one names the place to look at.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SENTENCE: Final = re.compile(r"[.;:!?\n]+")
_WORD: Final = re.compile(r"[a-z0-9]+")
_AROUND: Final = _words(
    "bypass bypassed bypassing override overridden overriding disable disabled disabling defeat defeated "
    "jumper jumpered mute muted muting inhibit inhibited ignore ignoring skip skipped skipping circumvent "
    "circumvented deactivate deactivated force forced forcing remove removed removing without despite bridge "
    "bridged unlock unlocked uberbrucken uberbruckt ueberbruecken ueberbrueckt umgehen umgangen deaktivieren "
    "deaktiviert abschalten abgeschaltet ausschalten ausgeschaltet entfernen entfernt ohne ignorieren "
    "uberspringen ueberspringen trotz"
)
_PROTECTION: Final = _words(
    "interlock interlocks guard guards guarding curtain estop safety lockout loto permit permits alarm alarms "
    "approval approvals release hold holds inspection inspections procedure procedures check checks limit "
    "limits switch verriegelung verriegelungen schutz schutzgitter schutzture schutztuer schutzeinrichtung "
    "lichtvorhang notaus sicherheit sicherung sperre sperren freigabe freigaben prufung pruefung prufungen "
    "alarme genehmigung arbeitserlaubnis grenzwert grenzwerte endschalter"
)
_PAIRS: Final = frozenset({"e stop", "emergency stop", "not aus", "light curtain", "lock out", "usage decision"})


def goes_around(text: str) -> bool:
    """Say whether a sentence of a text speaks of doing without a protection."""
    return any(_speaks_of_it(sentence) for sentence in _SENTENCE.split(text))


def _speaks_of_it(sentence: str) -> bool:
    folded = unicodedata.normalize("NFKD", sentence.casefold())
    words = _WORD.findall("".join(one for one in folded if unicodedata.category(one) not in ("Mn", "Cf")))
    pairs = {f"{one} {two}" for one, two in pairwise(words)}
    return not _AROUND.isdisjoint(words) and (not _PROTECTION.isdisjoint(words) or not _PAIRS.isdisjoint(pairs))
