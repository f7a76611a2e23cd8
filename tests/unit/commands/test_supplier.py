"""Who may be proposed as a supplier: each rule from both sides, and bank data found in whatever form."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from erp_mcp.commands.party_names import plain_name
from erp_mcp.commands.rows_buying import KnownSupplierRow
from erp_mcp.domain.bank_data import has_bank_data
from erp_mcp.errors import RuleNotEvaluableError
from tests.guarantees import guarantees
from tests.unit.commands.cases import Case

KNOWN: Final = KnownSupplierRow("erp", "S-1", "Brandt Components GmbH", "DE", "N45")
ASKED: Final = {
    "name": "Ostheim Guss GmbH",
    "country": "DE",
    "tax_id": "DE287654321",
    "supplier_type": "material",
    "payment_terms": "N45",
}
NEW: Final = Case(operation="supplier.create", arguments=ASKED, rows={"suppliers": (KNOWN,)}, live={})
ACCOUNT: Final = "DE89370400440532013000"  # the example of the standard's registry


@guarantees("rules.supplier")
def test_a_new_supplier_is_blocked_whatever_else_it_is() -> None:
    """And what nobody can look at here is said."""
    draft = NEW.draft()
    assert (draft.system, draft.key, draft.fields) == ("erp", "", {**ASKED, "blocked": True})
    assert draft.headline == "Create supplier Ostheim Guss GmbH, blocked for purchasing"
    told = {one.rule for one in draft.checks if one.verdict != "ok"}
    assert told == {"R-TAX-ID-KNOWN", "R-SANCTIONS", "R-TAX-OFFICE"}
    assert draft.amounts == {}


@guarantees("rules.supplier")
@pytest.mark.parametrize(
    ("given", "rule", "verdict"),
    [
        ({"country": "DE"}, "R-COUNTRY", "ok"),
        ({"country": "de"}, "R-COUNTRY", "refuse"),
        ({"country": "DEU"}, "R-COUNTRY", "refuse"),
        ({"tax_id": "DE123"}, "R-TAX-ID", "ok"),
        ({"tax_id": "DE12"}, "R-TAX-ID", "refuse"),
        ({"tax_id": "DE" + "1" * 16}, "R-TAX-ID", "ok"),
        ({"tax_id": "DE" + "1" * 17}, "R-TAX-ID", "refuse"),
        ({"tax_id": "DE 287654321"}, "R-TAX-ID", "refuse"),
        ({"tax_id": "AT287654321"}, "R-TAX-ID", "refuse"),
        ({"country": "GR", "tax_id": "EL987654321"}, "R-TAX-ID", "ok"),
        ({"country": "GR", "tax_id": "GR987654321"}, "R-TAX-ID", "refuse"),
        ({"country": "US", "tax_id": "123456789"}, "R-TAX-ID", "ok"),
        ({"payment_terms": "N46"}, "R-TERMS", "refuse"),
        ({"name": "GmbH & Co. KG"}, "R-NAME", "refuse"),
    ],
)
def test_a_field_passes_in_its_form_alone(given: dict[str, str], rule: str, verdict: str) -> None:
    """Five to eighteen letters and digits; the European letters where the country has them."""
    assert NEW.given(**given).verdict(rule) == verdict


@guarantees("rules.supplier", "rules.own_words")
@pytest.mark.parametrize(
    ("name", "country", "verdict"),
    [
        ("BRANDT Components", "DE", "refuse"),
        ("Brändt-Components G.m.b.H. & Co. KG", "DE", "refuse"),
        ("Brandt Components GmbH", "US", "flag"),
        ("Brandt Werkzeuge GmbH", "DE", "flag"),
        ("Components Brandt GmbH", "DE", "ok"),
    ],
)
def test_a_name_that_is_there_is_refused_and_one_that_begins_alike_told(name: str, country: str, verdict: str) -> None:
    """The other's id is named, never its name: that is a text of the system."""
    tax_id = f"{country}287654321"
    found = NEW.given(name=name, country=country, tax_id=tax_id).check("R-DUPLICATE")
    assert found.verdict == verdict
    assert "Brandt" not in str(found)
    assert found.facts == ({"supplier_id": "S-1"} if verdict != "ok" else {})


@guarantees("rules.supplier")
def test_a_supplier_of_no_known_country_counts_as_one_of_any() -> None:
    """Whoever can't tell them apart must not make a second."""
    case = NEW.given(name="Brandt Components").having(suppliers=(KNOWN._replace(country=None),))
    assert case.verdict("R-DUPLICATE") == "refuse"


@guarantees("rules.supplier", "rules.not_evaluable")
@pytest.mark.parametrize(
    "case",
    [
        replace(NEW, gaps=("suppliers",)),
        NEW.having(suppliers=()),
        NEW.having(suppliers=(KNOWN, KNOWN._replace(system="erp2"))),
        NEW.having(suppliers=(KNOWN._replace(payment_terms=None),)),
    ],
)
def test_a_rule_without_its_facts_refuses(case: Case) -> None:
    """Unknown is not allowed; nor is it known where a supplier of two systems belongs."""
    with pytest.raises(RuleNotEvaluableError):
        case.draft()


# --- Bank data --------------------------------------------------------------------------------------------------------


@guarantees("rules.supplier")
@pytest.mark.parametrize("field", ["name", "tax_id", "reason"])
def test_bank_data_is_refused_wherever_it_stands_and_is_not_repeated(field: str) -> None:
    """Neither headline nor preview nor the refusal holds it."""
    draft = NEW.given(**{field: f"Ostheim {ACCOUNT}"}).draft()
    (found,) = draft.checks
    assert (found.rule, found.verdict) == ("R-BANK", "refuse")
    assert ACCOUNT not in f"{draft.headline}{draft.changes}{draft.checks}{draft.effects}"


@guarantees("rules.supplier")
@pytest.mark.parametrize(
    "text",
    [
        ACCOUNT,
        "DE89 3704 0044 0532 0130 00",
        "de89370400440532013000",
        "pay to GB82 WEST 1234 5698 7654 32, thanks",
        "NO93-8601-1117-947",
        "new IBAN follows",
        "Bankverbindung: folgt",
        "BIC COBADEFFXXX",
        "swift code: COBADEFF",
    ],
)
def test_bank_data_is_found_however_it_is_written(text: str) -> None:
    """Account numbers by their check digits, others by the words before them."""
    assert has_bank_data(text)


@guarantees("rules.supplier")
@pytest.mark.parametrize(
    "text",
    [
        "DE88370400440532013000",
        "DE287654321",
        "Swift Packaging GmbH",
        "Swift Components Ltd",
        "Bic Plastics SA",
        "Second source for 40 castings of AB12 and CD34, asked for by engineering on 2026-03-16",
    ],
)
def test_what_only_looks_like_bank_data_passes(text: str) -> None:
    """A wrong check digit, a tax number, a company that is called so."""
    assert not has_bank_data(text)


@guarantees("rules.supplier")
@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Brandt Components GmbH & Co. KG", "brandt components"),
        ("Société Générale S.A.", "societe generale"),
        ("3M Deutschland GmbH", "3m deutschland"),
        ("  Ltd. ", ""),
    ],
)
def test_a_name_is_compared_without_case_accents_marks_and_legal_form(name: str, plain: str) -> None:
    """What is left tells one company from another."""
    assert plain_name(name) == plain
