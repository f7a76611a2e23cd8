"""The compiled catalogue as canonical JSON, so that serving needs no YAML, SQL or schema library.

A cache file names the digest of everything it was made from. Where that fits, the file is taken as it is; where it does
not, or the file is damaged, the catalogue is built again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

from erp_mcp.catalog.registry import Catalog, catalog_of
from erp_mcp.domain.tool import NOTHING, Argument, Column, Needs, Query, SagaStep, Table, Tool
from erp_mcp.domain.vocabulary import Vocabulary

FORMAT: Final = 9  # raise it when the form below changes
_PACKAGE: Final = Path(__file__).resolve().parent.parent
# What decides the outcome beside the tool files: the compiler and the model it compiles against.
_COMPILER: Final = ("catalog", "domain", "analyses", "commands")


def canonical(value: object) -> str:
    """Return JSON with sorted keys and no blanks; values hold no floats, so equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def definition_hash(definition: Mapping[str, object]) -> str:
    """Return the SHA-256 of a tool's definition, as hexadecimal text."""
    return hashlib.sha256(canonical(definition).encode()).hexdigest()


def to_json(catalog: Catalog) -> str:
    """Return the catalogue as canonical JSON; `from_json` gives back an equal one."""
    tools = [plain(tool) for tool in catalog]
    return canonical({"format": FORMAT, "tools": tools, "vocabulary": asdict(catalog.vocabulary)})


def plain(tool: Tool) -> dict[str, Any]:
    """Return a tool as plain values for `canonical`; `tool_of` gives back an equal one.

    Needs that are none are left out: most are, and each would be made anew at every start.
    """
    raw, none = asdict(tool), asdict(NOTHING)
    for part in (*raw["reads"], *raw["tables"]):
        for one in (part, *part["columns"]):
            if one.get("needs") == none:
                del one["needs"]
    return raw


def from_json(text: str) -> Catalog:
    """Return the catalogue written by `to_json`.

    Raises:
        ValueError, KeyError, TypeError: when the text is something else; the caller builds anew.
    """
    raw = json.loads(text)
    if raw["format"] != FORMAT:
        raise ValueError("another format of the compiled catalogue")
    words = Vocabulary(**_all_frozen(raw["vocabulary"]))
    return catalog_of((tool_of(one) for one in raw["tools"]), words)


def source_digest(folders: Iterable[Path], also: Iterable[Path] = ()) -> str:
    """Return the SHA-256 over names and bytes of all tool files and of the code that compiles them.

    Files are read each time, code once: what runs in a process is what it began with.
    """
    digest = hashlib.sha256(f"format {FORMAT}\n{code_digest()}\n".encode())
    for number, folder in enumerate(folders):
        for path in (*sorted(folder.glob("*/*.yaml")), *folder.glob("search.yaml")):
            _add(digest.update, f"{number}/{path.parent.name}/{path.name}", path)
    for path in sorted(also):
        _add(digest.update, path.name, path)
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """Return the SHA-256 over the code that compiles tools, as this process found it first."""
    digest = hashlib.sha256()
    for part in _COMPILER:
        for path in sorted((_PACKAGE / part).rglob("*.py")):
            _add(digest.update, path.relative_to(_PACKAGE).as_posix(), path)
    return digest.hexdigest()


def cached(
    folders: Sequence[Path], cache_file: Path | None, build: Callable[[], Catalog], also: Iterable[Path] = ()
) -> Catalog:
    """Return the catalogue of `folders`, from `cache_file` where it fits, else from `build`, which is then kept.

    Args:
        folders: Tool folders in the order in which `build` reads them.
        cache_file: Where the compiled form is kept; `None` builds each time.
        build: Compiles the folders; called only when needed, so that its imports are paid only then.
        also: Further files that decide the outcome.

    Raises:
        CatalogFileError: `catalog.bad_file`, from `build`.
    """
    if cache_file is None:
        return build()
    wanted = source_digest(folders, also)
    kept = _kept(cache_file, wanted)
    if kept is not None:
        return kept
    catalog = build()
    put(cache_file, wanted, to_json(catalog))
    return catalog


def _add(update: Callable[[bytes], None], name: str, path: Path) -> None:
    content = path.read_bytes()
    update(f"{name} {len(content)}\n".encode())
    update(content)


def _kept(cache_file: Path, wanted: str) -> Catalog | None:
    """Return the catalogue of a cache file; a process keeps the last one, so that none is made of one text twice."""
    body = taken(cache_file, wanted)
    text = hashlib.sha256(body.encode()).hexdigest()
    catalog = _MADE.get(text)
    if catalog is None and body:
        try:
            catalog = from_json(body)
        except (ValueError, KeyError, TypeError):
            return None
        _MADE.clear()
        _MADE[text] = catalog
    return catalog


_MADE: Final[dict[str, Catalog]] = {}  # by SHA-256 of the text


def taken(cache_file: Path, wanted: str) -> str:
    """Return what `put` wrote there for the digest `wanted`; empty where it is another one's, damaged or missing."""
    try:
        head, check, body = cache_file.read_text(encoding="utf-8").split("\n", 2)
    except (OSError, ValueError):
        return ""
    return body if head == wanted and check == hashlib.sha256(body.encode()).hexdigest() else ""


def put(cache_file: Path, wanted: str, body: str) -> None:
    """Keep a text for the digest of what it was made from, in place of what was there; a file that can't be, is not."""
    text = f"{wanted}\n{hashlib.sha256(body.encode()).hexdigest()}\n{body}"
    # Several servers may start at once: each writes its own file and renames, so readers see whole files only.
    passing = cache_file.with_name(f".{cache_file.name}.{os.getpid()}")
    try:
        cache_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        passing.write_text(text, encoding="utf-8")
        passing.replace(cache_file)
    except OSError:
        # A place that can't be written costs time at each start, not the answer.
        with contextlib.suppress(OSError):
            passing.unlink(missing_ok=True)


# `json.loads` gives Any; each value goes straight into a typed field and the checksum has said whose text it is.
def tool_of(raw: dict[str, Any]) -> Tool:
    """Return the tool of what `plain` gave, once through JSON."""
    rest: dict[str, Any] = {
        key: _frozen(value) for key, value in raw.items() if key not in ("arguments", "tables", "reads", "steps")
    }
    return Tool(
        arguments=tuple(map(_argument, raw["arguments"])),
        tables=tuple(Table(**{**_all_frozen(one), "columns": _columns(one)}) for one in raw["tables"]),
        reads=tuple(_query(one) for one in raw["reads"]),
        steps=tuple(SagaStep(**_all_frozen(one)) for one in raw["steps"]),
        **rest,
    )


def _argument(raw: dict[str, Any]) -> Argument:
    return Argument(**{**_all_frozen(raw), "columns": tuple(map(_argument, raw["columns"]))})


def _query(raw: dict[str, Any]) -> Query:
    needs = _needs(raw.get("needs"))
    return Query(**{**_all_frozen(raw), "columns": _columns(raw), "sql": raw["sql"], "needs": needs})


def _needs(raw: dict[str, Any] | None) -> Needs:
    return NOTHING if raw is None else Needs(**{**raw, "parts": tuple(_needs(one) for one in raw["parts"])})


def _columns(raw: dict[str, Any]) -> tuple[Column, ...]:
    return tuple(Column(**{**_all_frozen(one), "needs": _needs(one.get("needs"))}) for one in raw["columns"])


def _all_frozen(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: _frozen(value) for key, value in raw.items()}


def _frozen(value: object) -> object:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value
