"""Sets that are read beside an entity's own, where the system has no navigation from one to the other.

A profile says which of their properties equal which of ours, and under which name they lie in our documents. To its
forms that name is a navigation to many like any other; it is only fetched otherwise: one request for the records that
belong to the documents of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.adapters._documents.paths import code_of
from erp_mcp.adapters.odata.grammar import Beside, Source, Version
from erp_mcp.adapters.odata.literals import NUMERIC, literal
from erp_mcp.adapters.odata.model import Model, Navigation, Structure
from erp_mcp.adapters.odata.query import MAX_FILTER_CHARS, either, equal, ordered
from erp_mcp.adapters.odata.shape import Shape

_ROOM: Final = len(" or ()")
_Match = tuple[str | Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """One such set, bound: `kinds` are the types of their properties that equal ours, `order` their key."""

    beside: Beside
    shape: Shape
    kinds: Mapping[str, str]
    order: tuple[str, ...]

    def asked(self, documents: Sequence[Document], version: Version) -> Iterator[str]:
        """Yield filters for the records that belong to some documents, each short enough for an address.

        Raises:
            LiteralError: when a document has a value that theirs can't have.
        """
        parts: list[str] = []
        room = MAX_FILTER_CHARS
        for part in dict.fromkeys(filter(None, (self._condition(one, version) for one in documents))):
            size = 3 * len(part) + _ROOM  # at most three characters each, once it is encoded
            if parts and size > room:
                yield either(parts)
                parts, room = [], MAX_FILTER_CHARS
            parts.append(part)
            room -= size
        if parts:
            yield either(parts)

    def query(self, version: Version) -> Mapping[str, str]:
        """Return what is asked of the set beside its filter."""
        return {**self.shape.query(version), "$orderby": ordered(self.order)}

    def join(self, documents: Sequence[Document], found: Iterable[Document]) -> list[Document]:
        """Return the documents with what belongs to each."""
        held: dict[_Match, list[Document]] = {}
        for one in found:
            held.setdefault(self._match(one, self.beside.on), []).append(one)
        ours = tuple(self.beside.on.values())
        return [{**one, self.beside.name: held.get(self._match(one, ours), [])} for one in documents]  # type: ignore[dict-item]  # a document is a value

    def _condition(self, document: Document, version: Version) -> str:
        asked = {theirs: code_of(document[self.beside.on[theirs]]) for theirs in self.beside.ask}
        if not all(asked.values()):
            return ""
        return equal(list(asked), [literal(text, self.kinds[theirs], version) for theirs, text in asked.items()])

    def _match(self, document: Document, names: Iterable[str]) -> _Match:
        texts = [code_of(document[name]) for name in names]
        numeric = [kind in NUMERIC for kind in self.kinds.values()]
        return tuple(Decimal(text) if number and text else text for text, number in zip(texts, numeric, strict=True))


def with_besides(model: Model, source: Source) -> Model:
    """Return a model in which an entity's own set leads to those beside it that are there with all that joins them."""
    own = model.of_set(source.set)
    if own is None or not source.besides:
        return model
    links = {one.name: one for one in source.besides if _fits(model, own, one)}
    more = {name: Navigation(name=name, target=model.sets[one.set], many=True) for name, one in links.items()}
    joined = replace(own, navigations={**own.navigations, **more})
    return replace(model, structures={**model.structures, model.sets[source.set]: joined})


def take_bonds(model: Model, source: Source, shape: Shape) -> tuple[Bond, ...]:
    """Take out of a shape what lies beside, add what tells which belongs to which, and return how each is read."""
    own, bonds = model.of_set(source.set) or Structure(name=""), []
    for one in source.besides:
        child, theirs = shape.children.pop(one.name, None), model.of_set(one.set)
        if child is None or theirs is None:
            continue
        order = theirs.keys or tuple(one.on)
        for name in {*one.on, *order}:
            child.add(model, theirs, (name,))
        for name in one.on.values():
            shape.add(model, own, (name,))
        kinds = {name: theirs.properties[name].type for name in one.on}
        bonds.append(Bond(beside=one, shape=child, kinds=kinds, order=order))
    return tuple(bonds)


def _fits(model: Model, own: Structure, one: Beside) -> bool:
    theirs = model.of_set(one.set)
    return theirs is not None and all(
        name in theirs.properties and ours in own.properties for name, ours in one.on.items()
    )
