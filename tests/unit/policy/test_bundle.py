"""The stored bundle: what was applied, exactly, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import cast

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import BadBundleError
from erp_mcp.policy.bundle import digest_of, from_document, from_json
from tests.guarantees import guarantees
from tests.unit.policy.plant import document, role, rule

DOCUMENT = document(rule("reads", "list_sales_orders"))


@guarantees("policy.apply")
def test_a_bundle_is_the_same_after_being_stored_and_read() -> None:
    """Every process of a deployment must decide alike."""
    bundle = from_document(DOCUMENT)

    again = from_json(bundle.text, bundle.digest)

    assert again == bundle
    assert again.digest == digest_of(again.text)


@guarantees("policy.apply", "P1.default_deny")
def test_a_bundle_that_was_changed_in_the_store_is_refused() -> None:
    """A row edited by hand is no policy."""
    bundle = from_document(DOCUMENT)

    with pytest.raises(BadBundleError) as refusal:
        from_json(bundle.text.replace("planner", "auditor"), bundle.digest)

    assert refusal.value.code == "policy.bad_bundle"


def _changed(*path: str | int, value: JsonValue) -> dict[str, JsonValue]:
    copy = cast("dict[str, JsonValue]", json.loads(json.dumps(DOCUMENT)))
    node: JsonValue = copy
    for part in path[:-1]:
        node = node[part]  # type: ignore[index]  # the path is known to exist
    node[path[-1]] = value  # type: ignore[index]  # the path is known to exist
    return copy


@guarantees("P1.default_deny", "input.clear_errors")
@pytest.mark.parametrize(
    "changed",
    [
        _changed("format", value=4),
        _changed("format", value=2),
        _changed("format", value=1),
        _changed("format", value=True),
        _changed("format", value=2.0),
        _changed("format", value=None),
        _changed("levels", value=[2, 3]),
        _changed("levels", value=[]),
        _changed("roles", "planner", "sites", value=[]),
        _changed("roles", "planner", "sites", value=["9999"]),
        _changed("roles", "planner", "max_age_factor", value=5),
        _changed("roles", "planner", "max_rows", value=True),
        _changed("roles", "planner", "max_rows", value=0),
        _changed("roles", "planner", "extra", value=1),
        _changed("roles", "planner", "shows", value="find_order"),
        _changed("roles", "planner", "shows", value=[""]),
        _changed("roles", "planner", "masks", value=[{"id": "m", "field": "a.b", "way": "band", "edges": []}]),
        _changed("roles", "planner", "masks", value=[{"id": "m", "field": "a.b", "way": "drop", "edges": ["1"]}]),
        _changed("roles", "planner", "masks", value=[{"id": "m", "field": "a.b", "way": "blur", "edges": []}]),
        _changed("roles", "planner", "masks", value=[{"id": "m", "field": "a.b", "way": "band", "edges": ["2", "1"]}]),
        _changed("roles", "planner", "masks", value=[{"id": "m", "field": "a.b", "way": "band", "edges": ["x"]}]),
        _changed("agents", "planner", "role", value="boss"),
        _changed("rules", 0, "effect", value="allow"),
        _changed("rules", 0, "roles", value=["boss"]),
        _changed("rules", 0, "tools", value=[]),
        _changed("rules", 0, "shadow", value=True),
        _changed("rules", 0, "shadow", value="no"),
        _changed("rules", 0, "when", value="always"),
        _changed("rules", value=[rule("same", "a"), rule("same", "b")]),
        _changed("rules", value={}),
    ],
    ids=str,
)
def test_a_document_that_is_not_as_written_by_load_is_refused(changed: dict[str, JsonValue]) -> None:
    """An unknown key or word could mean something that this version does not enforce."""
    with pytest.raises(BadBundleError):
        from_document(changed)


@guarantees("input.clear_errors")
@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}'])
def test_text_that_is_no_bundle_is_refused(text: str) -> None:
    """Whatever the store gives back, the answer is a code."""
    with pytest.raises(BadBundleError):
        from_json(text)


@guarantees("mcp.fast_first_answer")
def test_serving_needs_neither_yaml_nor_pydantic() -> None:
    """A server starts in milliseconds only if it imports nothing heavy."""
    program = (
        "import sys\n"
        "from erp_mcp.policy import boundary, bundle, decide, obligations\n"
        "heavy = {'pydantic', 'ruamel', 'yaml', 'sqlalchemy', 'sqlglot', 'click', 'mcp', 'urllib'} & set(sys.modules)\n"
        "print(','.join(sorted(heavy)))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


@guarantees("P1.scope")
def test_budgets_and_caps_reach_the_obligations() -> None:
    """What a role is bound to holds in each of its calls."""
    terms = role(max_rows=20, max_window_days=31, max_age_factor=2, budgets_s={"stock": 300})

    bundle = from_document(document(rule("reads", "get_stock"), roles={"planner": terms}))

    held = bundle.cells["planner", "get_stock", 4].obligations
    assert held is not None
    assert (held.max_rows, held.max_window_days, held.max_age_factor) == (20, 31, 2)
    assert held.budgets_s == (("stock", 300),)
