"""The truth of a plant: what was planted, kept while it is planted, written beside the two systems."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from erp_mcp.demo.tables import Tables
from erp_mcp.demo.truth_rows import AnswerRow, ExceptionRow, LateLineRow, MetaRow, RoleRow

_ROLE_WORDS = {"upstream_order_late": "upstream"}


class Truth:
    """Collects truth rows; the numbers of roles run over all blocks."""

    def __init__(self, tables: Tables) -> None:
        """Write into the truth database."""
        self._tables = tables
        self._roles: Counter[str] = Counter()
        self.counts: dict[str, int] = defaultdict(int)

    def late(self, **facts: str | None) -> str:
        """Write one late line under the next role of its cause, e.g. `late_po#1`; return the role."""
        cause = str(facts["root_cause_code"])
        role = self.next_role(_ROLE_WORDS.get(cause, cause))
        row = LateLineRow(role=role, **facts)  # type: ignore[arg-type]
        self._tables.add(row)
        self.counts[cause] += 1
        self.role(role, "sales_order_line", f"{row.sales_order_id}/{row.line}")
        for entity, value in (
            ("production_order", row.production_order_id),
            ("material", row.material_id),
            ("lot", row.lot_id),
        ):
            if value is not None:
                self.role(role, entity, value)
        return role

    def next_role(self, word: str) -> str:
        """Return the next role of a word."""
        self._roles[word] += 1
        return f"{word}#{self._roles[word]}"

    def role(self, role: str, entity: str, id_: str) -> None:
        """Give a record a stable name."""
        self._tables.add(RoleRow(role, entity, id_))

    def exceptions(self, class_: str, ids: Iterable[str], detail: str | None = None) -> None:
        """Write the records of an exception class."""
        for id_ in ids:
            self._tables.add(ExceptionRow(class_, id_, detail))
            self.counts[class_] += 1

    def answer(self, question: str, values: Iterable[tuple[str, str]]) -> None:
        """Write an answer: (key, value) pairs, in order where the order matters."""
        for rank, (key, value) in enumerate(values, 1):
            self._tables.add(AnswerRow(question, key, value, rank))

    def meta(self, **facts: str | int) -> None:
        """Write facts about the build, and every count so far."""
        for name, value in facts.items():
            self._tables.add(MetaRow(name, str(value)))
        for name, count in sorted(self.counts.items()):
            self._tables.add(MetaRow(f"count.{name}", str(count)))
