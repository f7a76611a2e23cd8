"""Several canonical records made of one row: one for each record that its links lead to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters.jsonrpc.rows import Condition, Row, ShapeError, holders, holds

SIDE: Final = "side"
"""Path under which fields and conditions see by which link a record was met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What one row is spread over.

    Field paths see the record that a link leads to under `name`, and the link's own name under `side`. `links` are
    paths by name: each leads to one record, and keys end with the name (`12/in`). A single link without a name may lead
    to a list; keys end with the record's number then (`12/7`). Records for which `when` does not hold do not count.
    """

    name: str
    links: Mapping[str, str]
    when: Condition

    def paths(self, path: str) -> Iterator[str]:
        """Yield what has to be read of a row for a path that a form asks for."""
        head, _, rest = path.partition(".")
        if head == self.name:
            yield from (f"{link}.{rest}" for link in self.links.values())
        elif head != SIDE:
            yield path

    def own_paths(self) -> Iterator[str]:
        """Yield what has to be read to know the records: their numbers and what the condition looks at."""
        for link in self.links.values():
            yield from (f"{link}.{leaf}" for leaf in ("id", *self.when))

    def rows(self, row: Row) -> Iterator[tuple[str, Row, bool]]:
        """Yield for each record the end of its key, the row as its forms see it, and whether it counts.

        Raises:
            ShapeError: when a record has no number.
        """
        for side, link in self.links.items():
            for record in holders(row, f"{link}.id"):
                number = record.get("id")
                if not isinstance(number, int) or isinstance(number, bool):
                    raise ShapeError(link)
                seen: Row = {**row, f"{self.name}.": dict(record), SIDE: side}
                yield side or str(number), seen, holds(record, self.when)
