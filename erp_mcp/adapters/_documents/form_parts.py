"""What the forms of a profile are made of: one compiled form, and the steps that several of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from erp_mcp.adapters._documents.conditions import Condition, MappingError, condition_of, path_of
from erp_mcp.adapters._documents.json_text import Value
from erp_mcp.adapters._documents.paths import Path, Scope, ShapeError, objects_at, value_at
from erp_mcp.adapters._documents.values import Convert, Made, as_number, number_of
from erp_mcp.domain.call import JsonValue

Make = Callable[[Scope], Made]
Body = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Form:
    """`make` gives the value; `paths` are what it looks at, seen from the innermost document.

    `always` says that it gives something whatever a document holds.
    """

    make: Make
    paths: tuple[Path, ...]
    always: bool = False


def one_value(path: Path, convert: Convert) -> Form:
    """Return the form of a single value at a path."""
    shown = str(path)
    if len(path.segments) == 1 and not path.ups:  # nearly all fields
        name = path.leaf
        return Form(lambda scope: convert(scope[0].get(name), shown), (path,))
    return Form(lambda scope: convert(value_at(scope, path), shown), (path,))


def only_when(form: Form, condition: Condition) -> Form:
    """Return a form that gives nothing unless a condition holds."""
    return Form(lambda scope: form.make(scope) if condition.holds(scope) else None, (*form.paths, *condition.paths))


def paths_of(forms: Sequence[Form]) -> tuple[Path, ...]:
    """Return all that some forms look at."""
    return tuple(path for form in forms for path in form.paths)


def numbers_of(forms: Sequence[Form], scope: Scope) -> list[Decimal] | None:
    """Return the numbers that some forms give, `None` where one gives nothing."""
    found = [number_of(form.make(scope), "") for form in forms]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else None


def exactly(work: Callable[[], Decimal], forms: Sequence[Form]) -> Decimal:
    """Return the result of arithmetic that loses no digit.

    Raises:
        ShapeError: where it would.
    """
    try:
        return work()
    except DecimalException:
        raise ShapeError(str(next(iter(paths_of(forms)), "")), "a number that would be rounded") from None


def listed(body: Body, head: str, place: str) -> tuple[Path, Condition | None, tuple[Path, ...]]:
    """Return path, condition and all paths of a form that takes all items of a list.

    Raises:
        MappingError: for what is none.
    """
    path = path_of(body[head], f"{place}.{head}")
    where = condition_of(body["where"], f"{place}.where") if "where" in body else None
    return path, where, (path, *(path.beside(one) for one in where.paths)) if where else (path,)


def all_at(scope: Scope, path: Path, where: Condition | None) -> Iterator[Value]:
    """Yield the values at the end of a path of all items for which a condition holds."""
    for inner in _inside(scope[path.ups :], path.holder, path):
        if where is None or where.holds(inner):
            yield inner[0].get(path.leaf)


def _inside(scope: Scope, segments: Sequence[str], path: Path) -> Iterator[Scope]:
    """Yield the objects that some segments lead to, each with all the objects that it was found in."""
    if not segments:
        yield scope
        return
    for one in objects_at(scope[0], segments[:1], path):
        yield from _inside((one, *scope), segments[1:], path)


def text_of(body: Body, key: str, place: str, default: str | None = None) -> str:
    """Return a text of a form.

    Raises:
        MappingError: where there is none.
    """
    found = body.get(key, default)
    if not isinstance(found, str):
        raise MappingError(f"{place}.{key}", "text is needed here")
    return found


def decimal_of(body: JsonValue, place: str) -> Decimal:
    """Return a decimal number of a form.

    Raises:
        MappingError: where there is none.
    """
    try:
        found = as_number(body, place) if isinstance(body, str | int) else None
    except ShapeError as failure:
        raise MappingError(place, failure.reason) from None
    if not isinstance(found, str):
        raise MappingError(place, "a decimal number is needed here, as text")
    return Decimal(found)
