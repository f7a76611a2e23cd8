"""docs/errors.md, written from the taxonomy: `python -m tests.docs.errors_page` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from erp_mcp import errors

PAGE: Final = Path(__file__).parents[2] / "docs" / "errors.md"
_HEAD: Final = """\
# Errors

A refusal carries a stable code (`<stage>.<what>`, never reused), one sentence of what is wrong, one of what to do, and
facts as data: the argument, the rule, the file and line. It never carries text of a system, a secret, a trace, or
whether something exists that the role may not see. Every refusal of a call leaves an audit record.

```json
{"error": {"code": "call.invalid_argument", "summary": "An argument is wrong.", "advice": "…",
           "facts": {"argument": "limit"}},
 "call_id": "0198f2a1-7c3e-7b5a-9f12-3a4b5c6d7e8f"}
```

On the command line the exit status is 2 when a call or a file is wrong, 3 when policy refuses, 1 for anything else.
"""
_GROUPS: Final[tuple[tuple[type[errors.GatewayError], str], ...]] = (
    (errors.CallerError, "The call, the file or the configuration is wrong: fix it"),
    (errors.DeniedError, "Policy says no: the same call will be refused again"),
    (errors.ConflictError, "Something changed: read again, then repeat"),
    (errors.TransientError, "It may work later, unchanged"),
    (errors.FaultError, "Broken set-up or a defect: call an operator"),
)


def leaves(base: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    """Yield the classes that stand for one error each."""
    for child in base.__subclasses__():
        yield from [child] if "code" in vars(child) else leaves(child)


def page() -> str:
    """Return the page as it must be."""
    parts = [_HEAD]
    for group, title in _GROUPS:
        rows = sorted(f"| `{error.code}` | {error.summary} | {error.advice} |\n" for error in leaves(group))
        if rows:
            parts.append(f"## {title}\n\n| code | what is wrong | what to do |\n|---|---|---|\n{''.join(rows)}")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
