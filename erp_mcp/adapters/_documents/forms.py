"""The forms of a profile's `fields`: what a canonical field is made from. Each is compiled once, then only called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce
from typing import Final

from erp_mcp.adapters._documents.conditions import MappingError, codes_of, condition_of, path_of
from erp_mcp.adapters._documents.form_parts import (
    Body,
    Form,
    all_at,
    decimal_of,
    exactly,
    listed,
    numbers_of,
    one_value,
    only_when,
    paths_of,
    text_of,
)
from erp_mcp.adapters._documents.moments import date_of, epoch_moment, joined_moment, moment_of
from erp_mcp.adapters._documents.paths import Path, Scope, ShapeError, code_of, number_text, value_at
from erp_mcp.adapters._documents.values import EXACT, Made, converter, number_of
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Kind
from erp_mcp.domain.instants import instant_text

MAX_WIDTH: Final = 40
MAX_PLACES: Final = 6
_SHARE_OF: Final = 3  # value, part, whole
_NUMBERS: Final = frozenset({Kind.QUANTITY, Kind.MONEY, Kind.INTEGER})
_FOR_NUMBERS: Final = frozenset({"minus", "times", "share", "sum"})


class Forms:
    """Compiles the forms of one profile."""

    def __init__(self, *, zone: tzinfo, units: Mapping[str, str]) -> None:
        """Take the profile's zone and its unit codes."""
        self._zone = zone
        self._units = dict(units)

    def form(self, body: JsonValue, kind: Kind, place: str) -> Form:
        """Return what a form means for a field of some kind.

        Raises:
            MappingError: for what is no form.
        """
        if isinstance(body, str):
            return self._path(body, kind, place)
        if not isinstance(body, Mapping):
            raise MappingError(place, "a path or a form is needed here")
        heads = [name for name in FORMS if name in body]
        if len(heads) != 1:
            raise MappingError(place, f"exactly one of {', '.join(FORMS)} is needed here")
        build, keys = FORMS[heads[0]]
        if heads[0] in _FOR_NUMBERS and kind not in _NUMBERS:
            raise MappingError(place, f"{heads[0]} is for numbers")
        unknown = set(body) - {heads[0], "when", *keys}
        if unknown:
            raise MappingError(f"{place}.{min(unknown)}", f"there is no such key beside {heads[0]}")
        made = build(self, body, kind, place)
        return only_when(made, condition_of(body["when"], f"{place}.when")) if "when" in body else made

    # --- Single values ------------------------------------------------------------------------------------------------

    def _path(self, body: JsonValue, kind: Kind, place: str) -> Form:
        path, convert = path_of(body, place), converter(kind, self._zone)
        return one_value(path, convert)

    def path(self, body: Body, kind: Kind, place: str) -> Form:
        """`{path: P}`: as the path alone; useful with `when`."""
        return self._path(body["path"], kind, f"{place}.path")

    def const(self, body: Body, kind: Kind, place: str) -> Form:
        """`{const: X}`: a fixed value of the field's kind."""
        fixed = body["const"]
        if fixed is None or isinstance(fixed, float | list | Mapping):
            raise MappingError(f"{place}.const", "text, a whole number or a truth value is needed here")
        try:
            made = converter(kind, self._zone)(fixed, "const")
        except ShapeError as failure:
            raise MappingError(f"{place}.const", failure.reason) from None
        return Form(lambda _: made, (), always=True)

    def first(self, body: Body, kind: Kind, place: str) -> Form:
        """`{first: [forms]}`: the first that gives something."""
        forms = self._several(body["first"], kind, f"{place}.first", least=1)

        def make(scope: Scope) -> Made:
            return next((made for form in forms if (made := form.make(scope)) is not None and made != ""), None)

        return Form(make, paths_of(forms), always=any(form.always for form in forms))

    def join(self, body: Body, _: Kind, place: str) -> Form:
        """`{join: [forms], by: "-"}`: texts one after the other; nothing where one is missing."""
        forms = self._several(body["join"], Kind.CODE, f"{place}.join", least=2)
        by = text_of(body, "by", place)

        def make(scope: Scope) -> Made:
            parts = [form.make(scope) for form in forms]
            return None if None in parts else by.join(str(part) for part in parts)

        return Form(make, paths_of(forms))

    def flag(self, body: Body, _: Kind, place: str) -> Form:
        """`{flag: P, true: [values]}`: yes for these values, no for others, nothing where nothing is."""
        path = path_of(body["flag"], f"{place}.flag")
        if "true" not in body and "True" not in body:  # unquoted, YAML makes a truth value of the key
            raise MappingError(f"{place}.true", "the values that mean yes are needed here")
        true = codes_of(body.get("true", body.get("True")), f"{place}.true")

        def make(scope: Scope) -> Made:
            found = value_at(scope, path)
            return None if found is None else code_of(found) in true

        return Form(make, (path,))

    def map(self, body: Body, _: Kind, place: str) -> Form:
        """`{map: P, values: {native: canonical}, other: X}`: codes by a closed list; `other` stands for the rest."""
        inner = self.form(body["map"], Kind.CODE, f"{place}.map")
        values = body.get("values")
        if not isinstance(values, Mapping) or not values:
            raise MappingError(f"{place}.values", "a mapping of the system's codes to ours is needed here")
        known = {str(name): next(iter(codes_of(code, f"{place}.values"))) for name, code in values.items()}
        other = text_of(body, "other", place, default="")

        def make(scope: Scope) -> Made:
            found = inner.make(scope)
            if found is None:
                return known.get("")
            if str(found) not in known and not other:
                raise ShapeError(str(inner.paths[0]), "a code that the profile does not map")
            return known.get(str(found), other)

        return Form(make, inner.paths)

    def pad(self, body: Body, _: Kind, place: str) -> Form:
        """`{pad: P, width: N}`: whole numbers with zeros before them."""
        inner, width = self.form(body["pad"], Kind.CODE, f"{place}.pad"), body.get("width")
        if not isinstance(width, int) or isinstance(width, bool) or not 0 < width <= MAX_WIDTH:
            raise MappingError(f"{place}.width", f"a whole number of at most {MAX_WIDTH} is needed here")

        def make(scope: Scope) -> Made:
            found = inner.make(scope)
            return found.zfill(width) if isinstance(found, str) and found.isdecimal() else found

        return Form(make, inner.paths)

    def strip(self, body: Body, _: Kind, place: str) -> Form:
        """`{strip: P, prefix: X}` or `{strip: P, zeros: true}`: without what the system sets before an id."""
        inner = self.form(body["strip"], Kind.CODE, f"{place}.strip")
        if ("prefix" in body) == ("zeros" in body):
            raise MappingError(place, "either prefix or zeros is needed here")
        prefix = text_of(body, "prefix", place, default="")

        def make(scope: Scope) -> Made:
            found = inner.make(scope)
            if not isinstance(found, str) or not found:
                return found
            return found.removeprefix(prefix) if prefix else found.lstrip("0") or "0"

        return Form(make, inner.paths)

    def unit(self, body: Body, _: Kind, place: str) -> Form:
        """`{unit: P}`: a unit code as UN/ECE Recommendation 20 has it, by the profile's `units`."""
        inner, units = self.form(body["unit"], Kind.CODE, f"{place}.unit"), self._units

        def make(scope: Scope) -> Made:
            found = inner.make(scope)
            return units.get(found, found) if isinstance(found, str) else found

        return Form(make, inner.paths)

    # --- Times --------------------------------------------------------------------------------------------------------

    def date(self, body: Body, _: Kind, place: str) -> Form:
        """`{date: P, none: [values]}`: a business date; `none` lists what the system writes for "no date"."""
        path = path_of(body["date"], f"{place}.date")
        none = codes_of(body["none"], f"{place}.none") if "none" in body else frozenset[str]()
        zone = self._zone

        def make(scope: Scope) -> Made:
            day = date_of(value_at(scope, path), zone, str(path))
            return None if day in none else day

        return Form(make, (path,))

    def instant(self, body: Body, _: Kind, place: str) -> Form:
        """`{instant: P | {date: P, time: P}, zone: site|utc}` or `{instant: P, epoch: s|ms}`."""
        told = body["instant"]
        if isinstance(told, Mapping):
            return self._split_instant(told, self._named_zone(body, place), f"{place}.instant")
        path = path_of(told, f"{place}.instant")
        if "epoch" in body:
            return self._epoch(path, body["epoch"], place)
        zone = self._named_zone(body, place) if "zone" in body else None

        def make(scope: Scope) -> Made:
            moment = moment_of(value_at(scope, path), zone, str(path))
            return instant_text(moment) if moment else None

        return Form(make, (path,))

    def _split_instant(self, told: Body, zone: tzinfo, place: str) -> Form:
        if set(told) != {"date", "time"}:
            raise MappingError(place, "date and time, both paths, are needed here")
        day, clock = path_of(told["date"], f"{place}.date"), path_of(told["time"], f"{place}.time")

        def make(scope: Scope) -> Made:
            moment = joined_moment(value_at(scope, day), value_at(scope, clock), zone, str(day))
            return instant_text(moment) if moment else None

        return Form(make, (day, clock))

    def _epoch(self, path: Path, unit: JsonValue, place: str) -> Form:
        if unit not in ("s", "ms"):
            raise MappingError(f"{place}.epoch", "s or ms is needed here")

        def make(scope: Scope) -> Made:
            moment = epoch_moment(value_at(scope, path), milliseconds=unit == "ms", path=str(path))
            return instant_text(moment) if moment else None

        return Form(make, (path,))

    def _named_zone(self, body: Body, place: str) -> tzinfo:
        zones: dict[JsonValue, tzinfo] = {"site": self._zone, "utc": UTC}
        name = body.get("zone")
        if not isinstance(name, str) or name not in zones:
            raise MappingError(f"{place}.zone", "site or utc is needed here; a zone is never guessed")
        return zones[name]

    # --- Numbers ------------------------------------------------------------------------------------------------------

    def minus(self, body: Body, kind: Kind, place: str) -> Form:
        """`{minus: [A, B], floor: "0"}`: the difference, not below `floor`; nothing where one is missing."""
        forms = self._several(body["minus"], kind, f"{place}.minus", least=2)
        floor = decimal_of(body["floor"], f"{place}.floor") if "floor" in body else None

        def make(scope: Scope) -> Made:
            parts = numbers_of(forms, scope)
            if parts is None:
                return None
            rest = exactly(lambda: reduce(EXACT.subtract, parts), forms)
            return number_text(rest if floor is None else max(rest, floor))

        return Form(make, paths_of(forms))

    def times(self, body: Body, kind: Kind, place: str) -> Form:
        """`{times: [A, B]}`: the product; nothing where one is missing."""
        forms = self._several(body["times"], kind, f"{place}.times", least=2)

        def make(scope: Scope) -> Made:
            parts = numbers_of(forms, scope)
            return None if parts is None else number_text(exactly(lambda: reduce(EXACT.multiply, parts), forms))

        return Form(make, paths_of(forms))

    def share(self, body: Body, kind: Kind, place: str) -> Form:
        """`{share: [VALUE, PART, WHOLE], digits: N}`: VALUE * PART / WHOLE, rounded half up; nothing of no WHOLE."""
        forms, digits = self._several(body["share"], kind, f"{place}.share", least=3), body.get("digits")
        if len(forms) != _SHARE_OF:
            raise MappingError(f"{place}.share", "value, part and whole are needed here")
        if not isinstance(digits, int) or isinstance(digits, bool) or not 0 <= digits <= MAX_PLACES:
            raise MappingError(f"{place}.digits", f"a whole number of at most {MAX_PLACES} is needed here")
        step = Decimal(1).scaleb(-digits)

        def make(scope: Scope) -> Made:
            parts = numbers_of(forms, scope)
            if parts is None or not parts[2]:
                return None
            value, part, whole = parts
            return number_text(
                exactly(lambda: (EXACT.multiply(value, part) / whole).quantize(step, rounding=ROUND_HALF_UP), forms)
            )

        return Form(make, paths_of(forms))

    # --- Lists --------------------------------------------------------------------------------------------------------

    def sum(self, body: Body, _: Kind, place: str) -> Form:
        """`{sum: LIST.PATH, where: {P: [values]}}`: of all items; zero for none."""
        path, where, paths = listed(body, "sum", place)

        def make(scope: Scope) -> Made:
            found = [number_of(value, str(path)) for value in all_at(scope, path, where)]
            parts = [one for one in found if one is not None]
            return number_text(exactly(lambda: reduce(EXACT.add, parts, Decimal(0)), ()))

        return Form(make, paths)

    def earliest(self, body: Body, kind: Kind, place: str) -> Form:
        """`{earliest: LIST.PATH, where: …}`: the first date or time of all items."""
        return self._extreme(body, "earliest", kind, place)

    def latest(self, body: Body, kind: Kind, place: str) -> Form:
        """`{latest: LIST.PATH, where: …}`: the last date or time of all items."""
        return self._extreme(body, "latest", kind, place)

    def _extreme(self, body: Body, head: str, kind: Kind, place: str) -> Form:
        path, where, paths = listed(body, head, place)
        convert, choose = converter(kind, self._zone), min if head == "earliest" else max
        if kind not in {Kind.DATE, Kind.INSTANT}:
            raise MappingError(place, f"{head} is for dates and instants")

        def make(scope: Scope) -> Made:
            found = [made for value in all_at(scope, path, where) if (made := convert(value, str(path))) is not None]
            return choose((str(one) for one in found), default=None)

        return Form(make, paths)

    def only(self, body: Body, kind: Kind, place: str) -> Form:
        """`{only: LIST.PATH, where: …, several: absent}`: what all items say; nothing where none does.

        Several values are refused, or are nothing as well where `several: absent` says so.
        """
        path, where, paths = listed(body, "only", place)
        if body.get("several", "absent") != "absent":
            raise MappingError(f"{place}.several", "`absent` is all that can stand here")
        convert = converter(kind, self._zone)

        def make(scope: Scope) -> Made:
            made = (convert(value, str(path)) for value in all_at(scope, path, where))
            found = {one for one in made if one is not None and one != ""}
            if len(found) > 1 and "several" not in body:
                raise ShapeError(str(path), "more than one")
            return next(iter(found)) if len(found) == 1 else None

        return Form(make, paths)

    def _several(self, body: JsonValue, kind: Kind, place: str, *, least: int) -> list[Form]:
        if not isinstance(body, list) or len(body) < least:
            raise MappingError(place, f"a list of at least {least} is needed here")
        return [self.form(one, kind, f"{place}.{number}") for number, one in enumerate(body)]


Build = Callable[[Forms, Body, Kind, str], Form]

FORMS: Final[dict[str, tuple[Build, frozenset[str]]]] = {
    "const": (Forms.const, frozenset()),
    "path": (Forms.path, frozenset()),
    "first": (Forms.first, frozenset()),
    "join": (Forms.join, frozenset({"by"})),
    "flag": (Forms.flag, frozenset({"true", "True"})),
    "map": (Forms.map, frozenset({"values", "other"})),
    "pad": (Forms.pad, frozenset({"width"})),
    "strip": (Forms.strip, frozenset({"prefix", "zeros"})),
    "unit": (Forms.unit, frozenset()),
    "date": (Forms.date, frozenset({"none"})),
    "instant": (Forms.instant, frozenset({"zone", "epoch"})),
    "minus": (Forms.minus, frozenset({"floor"})),
    "times": (Forms.times, frozenset()),
    "share": (Forms.share, frozenset({"digits"})),
    "sum": (Forms.sum, frozenset({"where"})),
    "earliest": (Forms.earliest, frozenset({"where"})),
    "latest": (Forms.latest, frozenset({"where"})),
    "only": (Forms.only, frozenset({"where", "several"})),
}
"""Head of a form → how it is compiled, and the keys it takes beside its head and `when`."""
