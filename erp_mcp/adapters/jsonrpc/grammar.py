"""The part of a system profile that this kind reads: per entity a model, a typed filter, and a form for each field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from erp_mcp.adapters.jsonrpc.forms import (
    Codes,
    Const,
    DateOf,
    Days,
    Extreme,
    Field,
    First,
    Flag,
    Form,
    Lookup,
    Midnight,
    Pad,
    Ref,
    Unit,
)
from erp_mcp.adapters.jsonrpc.node import Node
from erp_mcp.adapters.jsonrpc.quantities import Amount, Open, Quantity, Ratio, Sum
from erp_mcp.adapters.jsonrpc.spread import Spread
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.profile import Profile

_WIDEST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """An outer list that the rows of an entity are read for, one after the other.

    Its records are visible to field paths under `name`. `under` limits them to descendants (by that parent field) of
    the list before. `context` goes with the calls, as computed fields want it; `"*"` in it stands for the record's id.
    """

    name: str
    model: str
    domain: tuple[JsonValue, ...]
    fields: tuple[str, ...]
    under: str = ""
    context: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a quantity consists of, counted one by one: the lots of a product in a place.

    `owner` links a part to its record, `quantity` is the field both have, `unit` gives its digits. Parts are visible to
    field paths under `part`; what no part accounts for comes as a row without one.
    """

    model: str
    owner: str
    quantity: str
    unit: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A link whose record's changes count; `model` is needed where the link may lead to several models."""

    path: str
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How one canonical entity is read.

    `watch` are links whose records' changes count as changes of this one; `version` are links whose records' versions
    count in the version token of this one. `snapshot` means that nothing tells what
    changed, so each pass reads all; with `each`, records are keyed by place too, unless `once` says that each
    counts once. `key` leads to the record whose number is the key instead of the row's own. `spread` makes several
    records of one row. A record without a value for one of `needs` is left out. `then` is read after this source; what
    was told before is not told again.
    """

    entity: str
    model: str
    domain: tuple[JsonValue, ...]
    fields: Mapping[str, Form]
    watch: tuple[Watched, ...] = ()
    version: tuple[str, ...] = ()
    snapshot: bool = False
    each: tuple[Each, ...] = ()
    once: bool = False
    parts: Parts | None = None
    key: str = ""
    spread: Spread | None = None
    needs: tuple[str, ...] = ()
    then: Source | None = None

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        """The look-ups among its forms."""
        return tuple(form for form in self.fields.values() if isinstance(form, Lookup))

    def paths(self) -> Iterator[str]:
        """Yield the field paths of the model itself that its forms need."""
        outer = {one.name for one in self.each} | {"part"}
        for form in self.fields.values():
            for path in form.paths():
                if path.partition(".")[0] not in outer:
                    yield from self.spread.paths(path) if self.spread else (path,)
        if self.spread:
            yield from self.spread.own_paths()
        if self.key:
            yield f"{self.key}.id"
        if self.parts:
            yield from (self.parts.quantity, f"{self.parts.unit}.digits")


def sources(profile: Profile) -> dict[str, Source]:
    """Return the sources of a profile, by entity.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key that is unknown, missing or of the wrong type.
    """
    return {
        entity: _source(entity, Node(profile.name, f"entities.{entity}", dict(body)))
        for entity, body in profile.entities.items()
    }


def _source(entity: str, node: Node) -> Source:
    if entity not in ENTITIES:
        raise node.wrong("there is no such entity")
    fields = node.node("fields")
    known = {spec.name: spec.optional for spec in field_specs(ENTITIES[entity])[4:]}
    for name in fields.body:
        if name not in known:
            raise fields.wrong("the entity has no such field", str(name))
    missing = [name for name, optional in known.items() if not optional and name not in fields.body]
    if missing:
        raise fields.wrong("this field is mandatory", missing[0])
    source = Source(
        entity=entity,
        model=node.text("model"),
        domain=node.items("domain"),
        fields={str(name): _form(fields, str(name), fields.take(name)) for name in fields.body},
        watch=tuple(_watched(node, number, one) for number, one in enumerate(node.items("watch"))),
        version=node.texts("version"),
        snapshot=node.flag("snapshot"),
        each=tuple(_each(node.node("each", one)) for one in node.items("each")),
        once=node.flag("once"),
        parts=_parts(node.node("parts")) if "parts" in node.body else None,
        key=node.text("key", ""),
        spread=_spread(node.node("spread")) if "spread" in node.body else None,
        needs=node.texts("needs"),
        then=_source(entity, node.node("then")) if "then" in node.body else None,
    )
    node.done()
    _check_source(node, source)
    return source


def _check_source(node: Node, source: Source) -> None:
    """Refuse keys that do not go together, and needed fields that no form makes."""
    whole = next((key for key in ("each", "parts", "key", "then") if getattr(source, key)), "")
    if whole and not source.snapshot:
        raise node.wrong("it needs `snapshot: true`", whole)
    if source.spread and source.snapshot:
        raise node.wrong("it can't be read whole each time", "spread")
    if unmade := [name for name in source.needs if name not in source.fields]:
        raise node.wrong(f"no form makes {unmade[0]}", "needs")


def _spread(node: Node) -> Spread:
    over = node.take("over")
    links = node.text_map("over") if isinstance(over, Mapping) else {"": node.text("over")}
    spread = Spread(name=node.text("as"), links=links, when=node.condition())
    node.done()
    return spread


def _watched(parent: Node, number: int, body: JsonValue) -> Watched:
    if isinstance(body, str):
        return Watched(path=body)
    node = parent.node(f"watch[{number}]", body)
    one = Watched(path=node.text("path"), model=node.text("model"))
    node.done()
    return one


def _each(node: Node) -> Each:
    one = Each(
        name=node.text("name"),
        model=node.text("model"),
        domain=node.items("domain"),
        fields=node.texts("fields"),
        under=node.text("under", ""),
        context=dict(node.node("context").body) if "context" in node.body else {},
    )
    node.done()
    return one


def _parts(node: Node) -> Parts:
    parts = Parts(
        model=node.text("model"),
        owner=node.text("owner"),
        quantity=node.text("quantity"),
        unit=node.text("unit"),
        fields=node.texts("fields"),
    )
    node.done()
    return parts


def _form(parent: Node, name: str, body: JsonValue) -> Form:
    if isinstance(body, str):
        return Field(body)
    node = parent.node(name, body)
    kind = next((key for key in _FORMS if key in node.body), "")
    if not kind:
        raise node.wrong(f"one of {', '.join(_FORMS)} is needed here")
    form = _FORMS[kind](node)
    node.done()
    return form


def _const(node: Node) -> Form:
    found = node.take("const")
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise node.wrong("text or a whole number is needed here", "const")
    return Const(const=found, when=node.condition())


def _first(node: Node) -> Form:
    return First(first=[_form(node, f"first[{number}]", one) for number, one in enumerate(node.items("first"))])


def _codes(node: Node) -> Form:
    codes = node.text_map("codes")
    other = node.take("otherwise")
    return Codes(path=node.text("path"), codes=codes, otherwise=None if other is None else str(other))


def _pad(node: Node) -> Form:
    width = node.take("width")
    if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= _WIDEST:
        raise node.wrong(f"a whole number from 1 to {_WIDEST} is needed here", "width")
    return Pad(path=node.text("pad"), width=width)


def _quantity(node: Node) -> Quantity:
    return Quantity(
        path=node.text("quantity"),
        unit=node.text("in"),
        when=node.condition(),
        negative=node.condition("negative"),
    )


def _sum(node: Node) -> Sum:
    return Sum(
        over=node.text("sum"),
        quantity=node.text("quantity"),
        unit=node.text("in"),
        into=node.text("into"),
        when=node.condition(),
        same=node.text_map("same"),
    )


def _open(node: Node) -> Open:
    of, minus = node.node("open"), node.node("minus")
    rest = Open(of=_quantity(of), minus=_sum(minus) if "sum" in minus.body else _quantity(minus), when=node.condition())
    of.done()
    minus.done()
    return rest


def _amount(node: Node) -> Form:
    of = _form(node, "amount", node.take("amount"))
    return Amount(of=of, price=node.text("price"), currency=node.text("currency"))


def _ratio(node: Node) -> Form:
    part = node.text("part")
    if part not in {"numerator", "denominator"}:
        raise node.wrong("numerator or denominator is needed here", "part")
    part_of: Literal["numerator", "denominator"] = "numerator" if part == "numerator" else "denominator"
    return Ratio(of=node.text("ratio"), into=node.text("into"), part=part_of)


def _extreme(which: str) -> Callable[[Node], Form]:
    def build(node: Node) -> Form:
        dates = [_date(node, f"{which}[{number}]", one) for number, one in enumerate(node.items(which))]
        return Extreme(which="earliest" if which == "earliest" else "latest", dates=dates)

    return build


def _date(parent: Node, name: str, body: JsonValue) -> DateOf:
    if isinstance(body, str):
        return DateOf(path=body)
    node = parent.node(name, body)
    one = DateOf(path=node.text("path"), when=node.condition())
    node.done()
    return one


_FORMS: Final[dict[str, Callable[[Node], Form]]] = {
    "const": _const,
    "first": _first,
    "ref": lambda node: Ref(node.text("ref"), when=node.condition()),
    "codes": _codes,
    "pad": _pad,
    "flag": lambda node: Flag(when=node.condition("flag")),
    "unit": lambda node: Unit(node.text("unit")),
    "sum": _sum,
    "open": _open,
    "amount": _amount,
    "quantity": _quantity,
    "ratio": _ratio,
    "earliest": _extreme("earliest"),
    "latest": _extreme("latest"),
    "days": lambda node: Days(node.text("days")),
    "midnight": lambda node: Midnight(node.text("midnight")),
    "lookup": lambda node: Lookup(path=node.text("lookup"), model=node.text("model"), by=node.text("by")),
    "path": lambda node: Field(node.text("path"), when=node.condition()),
}
