"""`supplier.create`: a new supplier, blocked for purchasing until people have looked at it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from erp_mcp.commands.party_names import plain_name
from erp_mcp.commands.rows_buying import KnownSupplierRow
from erp_mcp.commands.verdicts import flag, need, ok, person, refuse, rows_of, stale_checks, text_argument
from erp_mcp.domain.bank_data import has_bank_data
from erp_mcp.domain.left_to_people import SANCTIONS, TAX_ID_KNOWN, TAX_OFFICE
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.errors import RuleNotEvaluableError

FIELDS: Final = ("name", "country", "tax_id", "supplier_type", "payment_terms")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_TAX_ID: Final = re.compile(r"[A-Z0-9]{5,18}")
# In the European Union a tax number for trade begins with the country's letters, of Greece with others.
_VAT_PREFIXES: Final = {
    one: one
    for one in ("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU",
                "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK")
} | {"GR": "EL"}  # fmt: skip


def create(facts: CommandFacts) -> Draft:
    """Work out one supplier.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    need(facts, "R-DUPLICATE", "suppliers")
    known = rows_of(facts, "suppliers", KnownSupplierRow)
    systems = {one.system for one in known}
    if len(systems) != 1:
        raise RuleNotEvaluableError(rule="R-SYSTEM", missing="one system that keeps suppliers")
    asked = {name: text_argument(facts, name) for name in FIELDS}
    shown = "" if has_bank_data(asked["name"]) else f" {asked['name']}"
    return Draft(
        system=next(iter(systems)),
        key="",
        version_token="",
        fields={**asked, "blocked": True},
        document="",
        headline=f"Create supplier{shown}, blocked for purchasing",
        changes=tuple(_changes(asked)),
        checks=(*_checks(asked, known, text_argument(facts, "reason")), *stale_checks(facts)),
        effects=tuple(_effects()),
    )


def _checks(asked: dict[str, str], known: Sequence[KnownSupplierRow], reason: str) -> Iterator[Check]:
    if any(has_bank_data(one) for one in (*asked.values(), reason)):
        message = "Bank data is never taken here: a person gives it to the system; without it, it would pass."
        yield refuse("R-BANK", message)
        return
    yield ok("R-BANK", "No bank data is in it.")
    yield _country(asked["country"])
    yield _tax_id(asked["tax_id"], asked["country"])
    yield _terms(asked["payment_terms"], known)
    yield _duplicate(asked, known)
    yield person(TAX_ID_KNOWN)
    yield person(SANCTIONS)
    yield person(TAX_OFFICE)


def _country(country: str) -> Check:
    if not _COUNTRY.fullmatch(country):
        message = "The country is not a code of two capital letters (ISO 3166); DE or US would pass."
        return refuse("R-COUNTRY", message)
    return ok("R-COUNTRY", "The country is a code of two letters; its form alone was looked at.")


def _tax_id(tax_id: str, country: str) -> Check:
    if not _TAX_ID.fullmatch(tax_id):
        return refuse("R-TAX-ID", "A tax number of 5 to 18 capital letters and digits, without spaces, would pass.")
    prefix = _VAT_PREFIXES.get(country, "")
    if not tax_id.startswith(prefix):
        message = f"The tax number of a supplier of {country} begins with {prefix}; one that does would pass."
        return refuse("R-TAX-ID", message, begins_with=prefix)
    return ok("R-TAX-ID", "The tax number has the form of its country; its form alone was looked at.")


def _terms(terms: str, known: Sequence[KnownSupplierRow]) -> Check:
    used = sorted({one.payment_terms for one in known if one.payment_terms})
    if not used:
        raise RuleNotEvaluableError(rule="R-TERMS", missing="payment terms that are in use")
    if terms not in used:
        named = ", ".join(used[:10])
        return refuse("R-TERMS", f"No supplier has these payment terms; these would pass: {named}.", known=named)
    return ok("R-TERMS", "Other suppliers have these payment terms.")


def _duplicate(asked: dict[str, str], known: Sequence[KnownSupplierRow]) -> Check:
    """Compare names without case, accents, marks and legal forms; what is found is named by its id alone."""
    name = plain_name(asked["name"])
    if not name:
        return refuse("R-NAME", "The name has no letter or digit beside a legal form; a name that has would pass.")
    same = [one for one in known if one.name and plain_name(one.name) == name]
    here = [one.supplier_id for one in same if one.country in (None, asked["country"])]
    if here:
        message = f"Supplier {here[0]} has this name already; use it, or name what sets the new one apart."
        return refuse("R-DUPLICATE", message, supplier_id=here[0])
    if same:
        message = f"Supplier {same[0].supplier_id} of another country has this name."
        return flag("R-DUPLICATE", message, supplier_id=same[0].supplier_id)
    near = [one.supplier_id for one in known if one.name and _is_near(plain_name(one.name), name)]
    if near:
        return flag("R-DUPLICATE", f"The name of supplier {near[0]} begins alike.", supplier_id=near[0])
    return ok("R-DUPLICATE", "No supplier has this name or one that begins alike.")


def _is_near(one: str, other: str) -> bool:
    """Return whether the first words are the same, which are where names differ least by chance."""
    return one.split()[:1] == other.split()[:1]


def _changes(asked: dict[str, str]) -> Iterator[Change]:
    for name, value in asked.items():
        if not has_bank_data(value):
            yield Change(field=name, before="", after=value)
    yield Change(field="blocked", before="", after="true")


def _effects() -> Iterator[str]:
    yield "Nothing can be bought from it: purchasing is blocked until a person lifts the block in the system."
    yield "Bank data is not part of it: a person gives it to the system."
    yield "Undo: a person sets the deletion mark; a supplier is never taken out of the books."


OPERATION: Final = Operation(
    name="supplier.create",
    entity="supplier",
    function=create,
    reads={"suppliers": KnownSupplierRow},
    irreversible="A supplier stays in the books: a person sets the deletion mark.",
    unverified=frozenset({"country", "tax_id"}),  # their form is looked at, and nothing else
)
