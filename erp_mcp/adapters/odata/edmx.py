"""EDMX bytes to a tree that can do no harm: no document type, no entities, no network, bounded in size and depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, cast

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_ELEMENTS: Final = 400_000
MAX_DEPTH: Final = 40
MAX_ATTRIBUTES: Final = 64
MAX_NAME: Final = 256
_MAX_BASES: Final = 8
_CHUNK: Final = 64 * 1024
_KNOWN: Final = frozenset({
    "Annotations", "Association", "AssociationSet", "ComplexType", "DataServices", "Dependent", "Edmx", "End",
    "EntityContainer", "EntitySet", "EntityType", "EnumType", "FunctionImport", "Action", "ActionImport", "Function",
    "Key", "NavigationProperty", "Principal", "Property", "PropertyRef", "Schema", "Singleton", "TypeDefinition",
})  # fmt: skip


class EdmxError(ValueError):
    """Bytes that are no metadata we can use; the text is ours and holds nothing of theirs."""


class Element(Protocol):
    """What we use of an element of lxml, which ships no types."""

    @property
    def tag(self) -> object:
        """Name with its namespace; not text for what is no element."""
        ...

    @property
    def attrib(self) -> Mapping[str, str]:
        """All attributes."""
        ...

    def get(self, key: str, default: str = "") -> str:
        """Return an attribute."""
        ...

    def __iter__(self) -> Iterator[Element]:
        """Yield the children."""
        ...


def parse(body: bytes) -> Element:
    """Return the root of metadata.

    Args:
        body: The answer as it came.

    Raises:
        EdmxError: for anything but a well-formed EDMX document within bounds.
    """
    from lxml import etree  # not on the path of a call

    if len(body) > MAX_BYTES or _tags(body) > MAX_ELEMENTS:
        raise EdmxError("metadata too large")
    parser = etree.XMLPullParser(
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    bounds = _Bounds()
    try:
        for start in range(0, len(body), _CHUNK):
            parser.feed(body[start : start + _CHUNK])
            for event, element in parser.read_events():
                bounds.count(event, element)
        root = parser.close()
    except etree.XMLSyntaxError:
        raise EdmxError("metadata is not well-formed XML") from None
    if root.getroottree().docinfo.doctype:
        raise EdmxError("metadata with a document type")
    if local(root) != "Edmx":
        raise EdmxError("not metadata")
    return cast("Element", root)


def local(element: Element) -> str:
    """Return the name of an element without its namespace, empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element, *names: str) -> Iterator[Element]:
    """Yield the child elements of these names, in whatever namespace."""
    wanted = frozenset(names)
    return (one for one in element if local(one) in wanted)


def schemas(root: Element) -> list[Element]:
    """Return the schemas of a document.

    Raises:
        EdmxError: when there is none.
    """
    found = [one for services in children(root, "DataServices") for one in children(services, "Schema")]
    if not found:
        raise EdmxError("metadata without a schema")
    return found


def text(element: Element, name: str) -> str:
    """Return an attribute that must be there and is a name of bearable length.

    Raises:
        EdmxError: otherwise.
    """
    found = element.get(name, "")
    if not 0 < len(found) <= MAX_NAME:
        raise EdmxError(f"metadata where {local(element) if local(element) in _KNOWN else 'an element'} lacks {name}")
    return found


def bodies_of(element: Element, types: Mapping[str, Element], full: Callable[[str], str]) -> list[Element]:
    """Return the bodies of a type, its bases first; a base that is not there, or one too many, is left out.

    Args:
        element: The type.
        types: All types by their qualified names.
        full: Gives the qualified name of a type that an alias may stand before.
    """
    chain = [element]
    while (base := chain[-1].get("BaseType")) and len(chain) < _MAX_BASES:
        above = types.get(full(base))
        if above is None:
            break
        chain.append(above)
    return chain[::-1]


def _tags(body: bytes) -> int:
    """Return about how many elements begin in a document: cheap to know before it is parsed."""
    return body.count(b"<") - body.count(b"</") - body.count(b"<!") - body.count(b"<?")


class _Bounds:
    """Counts while a document is parsed, so that one that is too wide or too deep ends before it is built."""

    def __init__(self) -> None:
        self._depth = 0
        self._elements = 0

    def count(self, event: str, element: Element) -> None:
        if event == "end":
            self._depth -= 1
            return
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS or len(element.attrib) > MAX_ATTRIBUTES:
            raise EdmxError("metadata too deep or too wide")
