"""In which order the lines of a long document are shown: what is out of the ordinary first, and why it stands there.

Display only. What is sealed keeps its order and its bytes; every line is shown, none twice. A line stands first where a
rule flags it and not all of them, where its change is the largest in value, quantity or percent, or where an order that
waits behind it is named under what follows; the others come after it as the document has them. What holds of all lines
alike puts none of them first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Final, NamedTuple

from erp_mcp.domain.forms import FormError
from erp_mcp.domain.proposal import Change, Check, Content, Preview
from erp_mcp.domain.saga import is_saga, plan_of

FEWEST: Final = 3  # lines: two are seen at a glance
_LONGEST_NAME: Final = 200
_PART: Final = re.compile(r"[A-Za-z0-9_-]{1,40}(?:\[[0-9]{1,4}\])?")
_PLACED: Final = re.compile(r"(lines\[([0-9]{1,4})\])(?:[./ ].*)?", re.DOTALL)
_PRICE: Final = re.compile(r"([A-Z]{3}) per ([0-9]{1,9}) (\S{1,20})")
_MOST_DIGITS: Final = 40
_LARGEST_POWER: Final = 18  # of ten: no amount of ours is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The fields of one line, or of what is no line: the document itself, or a step of several changes.

    `name` is how its fields begin (`lines[2]`, `00010`, `order.lines[2]`), empty for the document itself; `place` what
    people call it. `fields` are the names of `changes` without it. `why` says in words why it stands first.
    """

    name: str
    place: str
    step: str
    changes: tuple[Change, ...]
    fields: tuple[str, ...]
    is_line: bool
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """All parts in the order in which they are shown, and a sentence for each table that has many lines."""

    parts: tuple[Part, ...]
    told: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """Each change once, in the order in which it is shown."""
        return tuple(one for part in self.parts for one in part.changes)


class _Reason(NamedTuple):
    """Why one line stands first: the lower the rank, the further up."""

    rank: int
    words: str


_Reasons = Mapping[int, tuple[_Reason, ...]]  # by the place of a line in its table


def steps_of(content: Content) -> tuple[str, ...]:
    """Return the names of a saga's steps, none of any other proposal or of one whose plan can't be read."""
    if not is_saga(content):
        return ()
    try:
        return tuple(one.name for one in plan_of(content))
    except FormError:
        return ()


def arranged(content: Content) -> Arranged:
    """Return the changes of a proposal as people are shown them."""
    return arranged_preview(content.preview, steps_of(content))


def arranged_preview(preview: Preview, steps: Sequence[str] = ()) -> Arranged:
    """Return what a preview shows, its lines in another order where there are many.

    Args:
        preview: As it is sealed.
        steps: The names that stand before the fields of a saga.

    Returns:
        The very changes of the preview, each once; those of one line together, as they were.
    """
    parts: list[Part] = []
    told: list[str] = []
    for (step, is_line), some in groupby(_parts(preview.changes, steps), key=lambda one: (one.step, one.is_line)):
        run = tuple(some)
        if is_line and len(run) >= FEWEST:
            run, sentence = _outliers_first(run, preview)
            told.append(f"{step}: {sentence}" if step else sentence)
        parts.extend(run)
    return Arranged(parts=tuple(parts), told=tuple(told))


def _parts(changes: Sequence[Change], steps: Sequence[str]) -> Iterator[Part]:
    for (step, name, is_line), some in groupby(changes, key=lambda one: _part_of(one.field, steps)):
        own = tuple(some)
        yield Part(
            name=name,
            place=_called(name),
            step=step,
            changes=own,
            fields=tuple((one.field[len(name) :].lstrip("./ ") if name else "") or one.field for one in own),
            is_line=is_line,
        )


def _part_of(field: str, steps: Sequence[str]) -> tuple[str, str, bool]:
    """Return the step that a field is of, how the name of its line begins, and whether it is one of a line."""
    step = next((one for one in steps if field.startswith(f"{one}.")), "")
    own = field[len(step) + 1 :] if step else field
    before = f"{step}." if step else ""
    placed = _PLACED.fullmatch(own) if len(field) <= _LONGEST_NAME else None
    if placed is not None:
        return step, f"{before}{placed[1]}", True
    if len(field) > _LONGEST_NAME or not all(_PART.fullmatch(part) for part in re.split("[./]", field)):
        return step, step, False  # no name of ours: it is shown as it is
    if "/" in own:
        return step, f"{before}{own.rpartition('/')[0]}", True
    return step, field[: max(field.rfind("."), 0)], False


def _called(name: str) -> str:
    """Return what a line is called: `lines[0]` is the first one of a table, anything else has its own number."""
    placed = _PLACED.fullmatch(name)
    return f"Line {int(placed[2]) + 1}" if placed is not None else name


# --- What is out of the ordinary --------------------------------------------------------------------------------------


def _outliers_first(lines: tuple[Part, ...], preview: Preview) -> tuple[tuple[Part, ...], str]:
    """Return the lines of one table with those first that stand out, and what is said above them."""
    flagged, by_all = _flagged(lines, preview.checks)
    found = [flagged, *_largest(lines), _waited_for(lines, preview.effects)]
    reasons = {at: tuple(one for each in found for one in each.get(at, ())) for at in range(len(lines))}
    order = sorted(reasons, key=lambda at: (min((one.rank for one in reasons[at]), default=_REST), at))
    shown = tuple(replace(lines[at], why=tuple(one.words for one in reasons[at])) for at in order)
    first = sum(bool(one.why) for one in shown)
    return shown, _told(len(lines), first, by_all)


def _told(lines: int, first: int, by_all: Sequence[str]) -> str:
    alike = f" All of them are flagged by {', '.join(by_all)}." if by_all else ""
    if not first:
        return f"{lines} lines, none of which stands out; they are in the order of the document.{alike}"
    verb = "is" if first == 1 else "are"
    rest = f" The other {lines - first} follow in the order of the document." if first < lines else ""
    return f"{lines} lines. {first} {verb} out of the ordinary and shown first, each with why.{rest}{alike}"


_FLAGGED, _LARGEST, _WAITED_FOR, _REST = range(4)


def _flagged(lines: Sequence[Part], checks: Sequence[Check]) -> tuple[_Reasons, tuple[str, ...]]:
    """Return the rules that flag some lines and not others, and those that flag all of them."""
    of: dict[str, set[int]] = {}
    for check in checks:
        if check.verdict != "ok":
            of.setdefault(check.rule, set()).update(at for at, one in enumerate(lines) if _is_about(check, one))
    rules = {rule: found for rule, found in of.items() if 0 < len(found) < len(lines)}
    per_line = {at: [rule for rule, found in rules.items() if at in found] for at in range(len(lines))}
    reasons = {at: (_Reason(_FLAGGED, f"flagged by {', '.join(found)}"),) for at, found in per_line.items() if found}
    return reasons, tuple(rule for rule, found in of.items() if len(found) == len(lines))


def _waited_for(lines: Sequence[Part], effects: Sequence[str]) -> _Reasons:
    found = {at for at, one in enumerate(lines) if any(_names(effect, one) for effect in effects)}
    if len(found) == len(lines):
        return {}
    return {at: (_Reason(_WAITED_FOR, "an order behind it is named under what follows"),) for at in found}


def _is_about(check: Check, line: Part) -> bool:
    """Whether a rule's sentence or facts name this line."""
    if _names(check.message, line):
        return True
    if line.step and not check.message.startswith(f"{line.step}: "):
        return False
    own = line.name[len(line.step) + 1 :] if line.step else line.name
    told = (check.facts.get("line"), check.facts.get("lines"))
    return any(own in one.split(", ") for one in told if isinstance(one, str))


def _names(sentence: str, line: Part) -> bool:
    """Whether one of our sentences names a line: by its number, or by the order that it is of."""
    own = line.name
    if line.step:
        if not sentence.startswith(f"{line.step}: "):
            return False
        own = own[len(line.step) + 1 :]
    placed = _PLACED.fullmatch(own)
    if placed is not None:
        return f"{placed[1]}" in sentence or _has_number(sentence, str(int(placed[2]) + 1))
    head, slash, _ = own.partition("/")
    if slash:
        return re.search(rf"\b[Oo]rder {re.escape(head)}(?![\w-])", sentence) is not None
    return _has_number(sentence, own)


def _has_number(sentence: str, number: str) -> bool:
    return re.search(rf"\b[Ll]ine (?:[\w.-]+/)?{re.escape(number)}(?![\w/-])", sentence) is not None


# --- The largest ------------------------------------------------------------------------------------------------------


def _largest(lines: Sequence[Part]) -> Iterator[_Reasons]:
    """Yield which lines change most: in value, or else in quantity, each by its own unit; and in percent."""
    values = {at: worth for at, one in enumerate(lines) if (worth := _value(one)) is not None}
    amounts = values if len(values) == len(lines) else {at: _quantity(one) for at, one in enumerate(lines)}
    what = "value" if amounts is values else "quantity"
    by_unit: dict[str, dict[int, Decimal]] = {}
    for at, found in amounts.items():
        if found is not None:
            by_unit.setdefault(found[1], {})[at] = found[0]
    for unit, sizes in by_unit.items():
        yield _most(sizes, f"largest change in {what}", unit)
    percents = {at: share for at, one in enumerate(lines) if (share := _percent(one)) is not None}
    yield _most(percents, "largest change in percent", "%")


def _most(sizes: Mapping[int, Decimal], what: str, unit: str) -> _Reasons:
    """Return the lines of the largest size; none where all are alike, nor where one alone has any."""
    if len(set(sizes.values())) <= 1:
        return {}
    most = max(sizes.values())
    words = f"{what}: {_plain(most, 1 if unit == '%' else 4)} {unit}"
    return {at: (_Reason(_LARGEST, words),) for at, size in sizes.items() if size == most}


def _value(line: Part) -> tuple[Decimal, str] | None:
    """Return by how much the worth of a line changes, and its currency; `None` where quantity or price is not there."""
    qty = next((one for one, name in _named(line) if name == "qty"), None)
    price = next((one for one, name in _named(line) if name == "price"), None)
    per = _PRICE.fullmatch(price.unit) if price is not None else None
    if qty is None or price is None or per is None or per[3] != qty.unit or not int(per[2]):
        return None
    numbers = [_decimal(one) for one in (qty.before or "0", qty.after, price.before or "0", price.after)]
    if None in numbers:
        return None
    qty_before, qty_after, price_before, price_after = (one or Decimal(0) for one in numbers)
    return abs(qty_after * price_after - qty_before * price_before) / int(per[2]), per[1]


def _quantity(line: Part) -> tuple[Decimal, str] | None:
    """Return the largest change of a quantity of a line, and its unit."""
    found: list[tuple[Decimal, str]] = []
    for one in line.changes:
        before, after = _decimal(one.before or "0"), _decimal(one.after or "0")
        if one.unit and " per " not in one.unit and before is not None and after is not None:
            found.append((abs(after - before), one.unit))
    return max(found, default=None)


def _percent(line: Part) -> Decimal | None:
    """Return by how many parts of a hundred a number of a line changes at most; `None` where none was there before."""
    found: list[Decimal] = []
    for one in line.changes:
        before, after = _decimal(one.before), _decimal(one.after)
        if one.unit and before and after is not None:
            found.append(abs(after - before) / abs(before) * 100)
    return max(found, default=None)


def _named(line: Part) -> Iterable[tuple[Change, str]]:
    return zip(line.changes, line.fields, strict=True)


def _decimal(text: str) -> Decimal | None:
    if not 0 < len(text) <= _MOST_DIGITS:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) <= _LARGEST_POWER else None


def _plain(number: Decimal, places: int) -> str:
    return f"{number:.{places}f}".rstrip("0").rstrip(".")
