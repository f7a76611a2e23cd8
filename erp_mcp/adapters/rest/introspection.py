"""Which fields of a profile a REST system really has: by its OpenAPI document, or by looking at some documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from erp_mcp.adapters._documents import Document, Fields, Path, Segments, ShapeError, Value
from erp_mcp.adapters._documents.paths import objects_at
from erp_mcp.domain.introspection import EntityBinding

Schema = Mapping[str, Value]

MAX_STEPS: Final = 400  # schemas looked at for one step of a path: references may go in circles, and fan out

_PARAMETER: Final = re.compile(r"\{[^{}/]*\}")


def binding_by_documents(fields: Fields, documents: Sequence[Document], source: str) -> EntityBinding:
    """Return what is bound as far as some documents show; a property that is absent from all of them is missing.

    Without documents nothing can be said, and nothing is.
    """
    if not documents:
        return EntityBinding(entity=fields.entity, source=source)
    return _binding(fields, source, lambda path: any(_shows(one, path) for one in documents))


def binding_by_schema(fields: Fields, schemas: Sequence[Schema], openapi: Schema, source: str) -> EntityBinding:
    """Return what is bound by the schemas that a document may have."""
    return _binding(fields, source, lambda path: any(True for _ in _at(openapi, schemas, path)))


def document_schemas(openapi: Schema, path: str, method: str, items: Sequence[Path | None]) -> list[Schema]:
    """Return the schemas of the documents in the answer to a request, none where the OpenAPI document has none.

    Args:
        openapi: The whole OpenAPI (3) or Swagger (2) document.
        path: Path of the request; its places may stand in braces under any name.
        method: `GET` or `POST`.
        items: Where an answer holds its documents.
    """
    answer = _answer_schema(openapi, path, method)
    return [] if answer is None else [one for place in items for one in _items(openapi, answer, place)]


def _binding(fields: Fields, source: str, has: Callable[[Segments], bool]) -> EntityBinding:
    bound = [name for name, paths in fields.field_paths.items() if not paths or any(has(path) for path in paths)]
    missing = [name for name in fields.field_paths if name not in bound]
    key = ["source_key"] if not all(has(path) for path in fields.key_paths) else []
    return EntityBinding(
        entity=fields.entity,
        bound=tuple(bound),
        missing=tuple(name for name in missing if name not in fields.mandatory),
        mandatory=(*key, *(name for name in missing if name in fields.mandatory)),
        source=source,
    )


def _shows(document: Document, path: Segments) -> bool:
    whole = Path(path)
    try:
        return any(path[-1] in one for one in objects_at(document, path[:-1], whole))
    except ShapeError:
        return False


# --- OpenAPI ----------------------------------------------------------------------------------------------------------


def _answer_schema(openapi: Schema, path: str, method: str) -> Schema | None:
    wanted = _PARAMETER.sub("{}", path)
    for name, item in _object(openapi.get("paths")).items():
        if _PARAMETER.sub("{}", name) != wanted and not _PARAMETER.sub("{}", name).endswith(wanted):
            continue
        good = _object(_object(_object(_object(item).get(method.lower())).get("responses")).get("200"))
        found = good.get("schema")  # Swagger 2
        for kind, content in _object(good.get("content")).items():
            if kind.partition(";")[0].endswith("json"):
                found = _object(content).get("schema")
        if isinstance(found, dict):
            return found
    return None


def _items(openapi: Schema, schema: Schema, place: Path | None) -> Iterator[Schema]:
    ends = [schema] if place is None else list(_at(openapi, [schema], place.segments))
    for one in _flat(openapi, ends):
        items = one.get("items")
        if isinstance(items, dict):
            yield items
        elif "properties" in one:
            yield one  # a single document


def _at(openapi: Schema, schemas: Sequence[Schema], segments: Segments) -> Iterator[Schema]:
    """Yield the schemas at the end of a path that begins at any of some; through a free object everything is there."""
    level = list(schemas)
    for name in segments:
        below: list[Schema] = []
        for one in _flat(openapi, level, through_lists=True):
            properties = one.get("properties")
            inner = properties.get(name) if isinstance(properties, dict) else None
            if isinstance(inner, dict):
                below.append(inner)
            if not isinstance(properties, dict) and one.get("type") == "object":
                yield {}
        level = below
    yield from level


def _flat(openapi: Schema, schemas: Sequence[Schema], *, through_lists: bool = False) -> Iterator[Schema]:
    """Yield schemas and all that they refer to or are put together from, each of them once."""
    waiting = list(schemas)
    seen: dict[int, Schema] = {}
    while waiting and len(seen) < MAX_STEPS:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        reference, items = one.get("$ref"), one.get("items")
        if isinstance(reference, str):
            waiting.append(_referred(openapi, reference))
            continue
        yield one
        if through_lists and isinstance(items, dict):
            waiting.append(items)
        for word in ("allOf", "anyOf", "oneOf"):
            parts = one.get(word)
            waiting.extend(part for part in (parts if isinstance(parts, list) else []) if isinstance(part, dict))


def _referred(openapi: Schema, reference: str) -> Schema:
    found: Schema = openapi
    for part in reference.removeprefix("#/").split("/"):
        found = _object(found.get(part.replace("~1", "/").replace("~0", "~")))
    return found


def _object(value: Value | Schema) -> Schema:
    return value if isinstance(value, Mapping) else {}
