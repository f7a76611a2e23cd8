"""Every picture in a real browser, drawn from real answers of the demo plant, as its host would show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp import answers, views
from erp_mcp.domain.answer import Answer
from tests.guarantees import guarantees
from tests.systems.browser.rig import Browser, browser
from tests.tools.conftest import Plant, rows_of
from tests.tools.conftest import plant as plant  # noqa: PLC0414 - a fixture, for this file as well

pytestmark = pytest.mark.live

Seen = dict[str, dict[str, Any]]
LIGHT: Final = {"theme": "light"}
DARK: Final = {"theme": "dark"}
HOSTILE: Final = "<img src=x onerror='window.fired=true'><script>window.fired=true</script>"
ASKED: Final[dict[str, dict[str, Any]]] = {
    "explain_late_order": {},
    "get_supply_demand": {},
    "get_oee": {"work_center_id": ["ASM-01", "CNC-02"]},
    "get_downtime_pareto": {},
}


@pytest.fixture(scope="session", autouse=True)
def shown(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The browser of this machine; asked for before a plant is built that nobody could look at."""
    return browser(tmp_path_factory.mktemp("pictures"))


def result_of(answer: Answer) -> dict[str, Any]:
    """An answer as the host hands it on."""
    return {
        "content": [{"type": "text", "text": answers.text(answer)}],
        "structuredContent": answers.structured(answer),
        "isError": False,
    }


def job(name: str, tool: str, result: object, **how: Any) -> dict[str, Any]:
    """One page to show, with a result that arrives once it is set up."""
    view = views.view_of(tool)
    assert view is not None
    arguments: dict[str, Any] = how.get("arguments", {})
    return {
        "name": name,
        "html": views.page(view),
        "messages": [
            {"method": "ui/notifications/tool-input", "params": {"arguments": arguments}},
            {"method": how.get("method", "ui/notifications/tool-result"), "params": result},
        ],
        "context": how.get("context", LIGHT),
        "width": how.get("width", 720),
        "keys": how.get("keys", []),
        "unfold": how.get("unfold", True),
    }


@pytest.fixture(scope="module")
def real(plant: Plant) -> dict[str, Answer]:
    """An answer of each tool: a late order of the demo, a material that will be short, and the last weeks' machines."""
    late = plant.look_up("truth", "SELECT sales_order_id FROM truth_late_line WHERE root_cause_code = 'quality_hold'")
    asked = {
        **ASKED,
        "explain_late_order": {"sales_order_id": late[0][0]},
        "get_supply_demand": {"material_id": "FG-001"},
    }
    return {tool: plant.answer(tool, **arguments) for tool, arguments in asked.items()}


@pytest.fixture(scope="module")
def pages(shown: Browser, real: dict[str, Answer]) -> Seen:
    """Each picture light, dark and narrow."""
    ways: dict[str, dict[str, Any]] = {"light": {}, "dark": {"context": DARK}, "narrow": {"width": 320}}
    return shown.look(
        [
            job(f"{tool}-{way}", tool, result_of(answer), **how)
            for tool, answer in real.items()
            for way, how in ways.items()
        ]
    )


EVERY: Final = [f"{tool}-{way}" for tool in ASKED for way in ("light", "dark", "narrow")]


@guarantees("views.readable")
@pytest.mark.parametrize("name", EVERY)
def test_picture_breaks_no_rule_of_accessibility_and_fits_its_frame(pages: Seen, name: str) -> None:
    """Contrast, names, order of headings, regions that scroll: with everything unfolded, in both themes."""
    assert pages[name]["violations"] == []
    assert pages[name]["overflows"] is False


@guarantees("views.inert")
@pytest.mark.parametrize("name", EVERY)
def test_picture_asks_nothing_of_network_or_host_and_writes_no_error(pages: Seen, name: str) -> None:
    """It sets itself up and says how large it is; a call, a link or a message would be more than a picture."""
    page = pages[name]
    methods = [message.get("method") for message in page["sent"]]

    assert page["asked"] == []
    assert page["said"] == []
    assert methods[:2] == ["ui/initialize", "ui/notifications/initialized"]
    assert set(methods[2:]) == {"ui/notifications/size-changed"}


@guarantees("views.true")
def test_late_order_shows_the_chain_in_its_order_down_to_the_root_cause(pages: Seen, real: dict[str, Answer]) -> None:
    """Every link of the answer stands in the picture, once and in turn."""
    answer = real["explain_late_order"]
    text = pages["explain_late_order-light"]["text"]
    steps = rows_of(answer, "chain")
    places = [text.find(f"Evidence {step['evidence_ref']}") for step in steps]

    assert len(steps) > 3
    assert -1 not in places
    assert places == sorted(places)
    assert "Root cause." in text[text.rfind(steps[-1]["node_id"], 0, places[-1]) : places[-1]]
    assert answer.sources[0].as_of in text
    assert answer.call_id in text


@guarantees("views.true")
def test_supply_and_demand_shows_the_first_short_day_and_every_value_as_text(
    pages: Seen, real: dict[str, Answer]
) -> None:
    """The chart is drawn from the page of the answer that came, and says when there is more."""
    answer = real["get_supply_demand"]
    page = pages["get_supply_demand-light"]
    sites = rows_of(answer, "sites")

    assert [site["first_short_date"] for site in sites if site["first_short_date"]]
    for site in sites:
        assert site["first_short_date"] is None or f"first short on {site['first_short_date']}" in str(page["labels"])
    lines = page["text"].splitlines()
    for row in rows_of(answer, "elements"):
        assert any(row["element_id"] in line and row["running_available"] in line for line in lines)
    assert (answer.next_cursor is None) == ("one page of the answer" not in page["text"])


@guarantees("views.true")
def test_oee_shows_the_factors_and_downtime_its_reasons_by_rank(pages: Seen, real: dict[str, Answer]) -> None:
    """One decimal in the picture, the exact value in its table."""
    labels = str(pages["get_oee-light"]["labels"])
    for total in rows_of(real["get_oee"], "totals"):
        assert f"{total['work_center_id']}: availability {float(total['availability_pct']):.1f} %" in labels
        assert f"OEE {float(total['oee_pct']):.1f} %" in labels
    text = pages["get_downtime_pareto-light"]["text"]
    reasons = rows_of(real["get_downtime_pareto"], "reasons")
    places = [text.find(f"\n{row['rank']}\t{row['reason_code']}\t{row['minutes']}") for row in reasons]

    assert reasons
    assert -1 not in places
    assert places == sorted(places)


@guarantees("views.readable")
@pytest.mark.parametrize("tool", ["get_supply_demand", "get_oee"])
def test_chart_is_read_value_by_value_with_the_keyboard(shown: Browser, real: dict[str, Answer], tool: str) -> None:
    """The arrow keys move through the values, and each is said in words."""
    keys = ["Tab", "ArrowRight", "ArrowRight", "ArrowLeft"]
    page = shown.look([job(f"{tool}-keys", tool, result_of(real[tool]), keys=keys, unfold=False)])[f"{tool}-keys"]
    first, second, third, back = page["pressed"]

    assert [one[0] for one in page["pressed"]] == ["input"] * 4
    assert len({first[1], second[1], third[1]}) == 3
    assert back == second
    assert all(told == output for _, told, output in page["pressed"])


@guarantees("views.inert")
@pytest.mark.parametrize("tool", list(ASKED))
def test_hostile_text_in_any_cell_stays_text(shown: Browser, real: dict[str, Answer], tool: str) -> None:
    """Whoever writes into an ERP must not write into a page."""
    result = result_of(real[tool])
    structured: Any = result["structuredContent"]
    for table in structured["tables"].values():
        table["rows"] = [[HOSTILE if isinstance(cell, str) else cell for cell in row] for row in table["rows"][:3]]
    structured["warnings"] = [HOSTILE]
    page = shown.look([job(f"{tool}-hostile", tool, result, arguments={"sales_order_id": HOSTILE})])[f"{tool}-hostile"]

    assert page["fired"] is False
    assert page["overflows"] is False
    assert page["asked"] == []
    assert "<script" not in page["html"]
    assert "<img" not in page["html"]
    assert HOSTILE in page["text"]


@guarantees("views.true")
def test_whatever_comes_instead_of_an_answer_is_said_in_words(
    shown: Browser, real: dict[str, Answer], plant: Plant
) -> None:
    """A refusal, a call that was cancelled, text alone, an answer of another shape, nothing: no page stays empty."""
    refused = plant.refusal("get_supply_demand", material_id="RM-013", horizon_days=0)
    shape = {"structuredContent": {"tables": {"elements": {"columns": None, "rows": [[1]]}}}}
    came: dict[str, tuple[object, str]] = {
        "refused": ({"isError": True, "structuredContent": answers.structured(refused)}, refused.advice),
        "text": ({"content": [{"type": "text", "text": "elements: site|date"}]}, "elements: site|date"),
        "shape": (shape, "could not be drawn"),
        "nothing": ({}, "The answer is empty."),
        "no_rows": (result_of(plant.answer("get_supply_demand", material_id="NOT-THERE")), "Nothing found."),
    }
    seen = shown.look(
        [job(name, "get_supply_demand", result) for name, (result, _) in came.items()]
        + [job("cancelled", "get_supply_demand", {"reason": "by hand"}, method="ui/notifications/tool-cancelled")]
    )

    for name, (_, words) in came.items():
        assert words in seen[name]["text"], name
        assert seen[name]["violations"] == [], name
    assert "The call was cancelled." in seen["cancelled"]["text"]


@guarantees("views.true")
def test_masked_figure_is_left_out_of_the_picture_and_shown_as_what_stands_for_it(
    shown: Browser, real: dict[str, Answer]
) -> None:
    """A band or nothing is no number: nothing is drawn for it, least of all a zero."""
    result = result_of(real["get_supply_demand"])
    structured: Any = result["structuredContent"]
    table = structured["tables"]["elements"]
    at = table["columns"].index("running_available")
    for row in table["rows"]:
        row[at] = "[0, 1000)"
    page = shown.look([job("masked", "get_supply_demand", result)])["masked"]

    assert page["labels"] == []
    assert "not shown to this role" in page["text"]
    assert "[0, 1000)" in page["text"]


@guarantees("views.readable")
def test_colours_of_the_host_are_taken_in_pairs_only(shown: Browser, real: dict[str, Answer]) -> None:
    """A host that gives its ground without its text would make the page unreadable in the other theme."""
    both = {"--color-background-primary": "rgb(240, 230, 220)", "--color-text-primary": "rgb(20, 10, 0)"}
    one = {"--color-background-primary": "rgb(240, 230, 220)"}
    result = result_of(real["explain_late_order"])
    seen = shown.look(
        [
            job(name, "explain_late_order", result, context={"theme": theme, "styles": {"variables": given}})
            for name, theme, given in (("both", "light", both), ("one", "dark", one))
        ]
    )

    assert seen["both"]["ground"] == "rgb(240, 230, 220)"
    assert seen["one"]["ground"] != "rgb(240, 230, 220)"
    assert seen["one"]["violations"] == []


@guarantees("views.inert")
def test_requests_of_the_host_are_answered(shown: Browser, real: dict[str, Answer], tmp_path: Path) -> None:
    """A host waits for the answer before it takes the page away."""
    one = job("asked", "get_oee", result_of(real["get_oee"]))
    one["messages"] += [
        {"id": "a", "method": "ui/resource-teardown", "params": {}},
        {"id": "b", "method": "ping"},
        {"id": "c", "method": "sampling/createMessage", "params": {}},
        {"id": "d", "method": "constructor"},
    ]
    replies = {message["id"]: message for message in shown.look([one])["asked"]["sent"] if "id" in message}

    assert replies["a"]["result"] == replies["b"]["result"] == {}
    assert replies["c"]["error"]["code"] == replies["d"]["error"]["code"] == -32601
