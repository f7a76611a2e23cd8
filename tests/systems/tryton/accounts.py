"""The gateway's two accounts: one that may read and change nothing, and one that may do the two writes and no more."""

from __future__ import annotations

from typing import Final

from tests.systems.tryton.rpc import Rpc, Value

_OPEN: Final = {
    "stock.move": frozenset({"planned_date"}),
    "production": frozenset({"planned_start_date", "planned_date"}),
    "purchase.product_supplier": frozenset(),  # the right to write it is what lets its prices be written
    "purchase.product_supplier.price": frozenset({"unit_price"}),
}
"""Models of which the account that writes may change these fields, and nothing else."""
_AMENDED: Final = ("purchase", "sale")  # an amendment is validated by people of a group of its own


def read_account(rpc: Rpc, company: int, login: str, password: str) -> int:
    """Make a group that may read every business model and change none, and one account in it; return the group.

    Tryton lets every user change a model that has no access record at all (parties, products, units), so the group
    names all of them.
    """
    group = rpc.create("res.group", name="Gateway (read only)")
    models = [row["name"] for row in rpc.find("ir.model", [], ["name"])]
    business = [name for name in models if not name.startswith(("ir.", "res."))]
    rpc("ir.model.access.create", [_rights(group, name, perm_read=True) for name in business])
    _user(rpc, company, login, password, groups=[group])
    return group


def write_account(rpc: Rpc, company: int, login: str, password: str, *, also: int) -> None:
    """Make a group that may create what is proposed and plan anew, and one account in it and in `also`.

    A requisition belongs to an employee, so the account is one. Of a move and of a production it may change the
    planned dates alone, of a supplier's product the price. Tryton gives the buttons of a model (book the goods in,
    cancel them) to all who may write it where a button names no group, so those are given to the groups that could
    press them before.
    """
    group = rpc.create("res.group", name="Gateway (writes)")
    rights = [
        _rights(group, "purchase.requisition", perm_create=True),
        _rights(group, "purchase.purchase", perm_create=True),
        _rights(group, "purchase.line", perm_create=True),
        *(_rights(group, f"{order}.amendment{part}", perm_create=True) for order in _AMENDED for part in ("", ".line")),
        *(_rights(group, model, perm_write=True) for model in _OPEN),
    ]
    rpc("ir.model.access.create", rights)
    for model, dates in _OPEN.items():
        _these_alone(rpc, group, model, dates)
        _buttons_as_before(rpc, group, model)
    party = rpc.create("party.party", name="erp-mcp gateway", code="GATEWAY")
    employee = rpc.create("company.employee", party=party, company=company)
    _user(rpc, company, login, password, groups=[also, group], employees=[["add", [employee]]], employee=employee)


def _these_alone(rpc: Rpc, group: int, model: str, dates: frozenset[str]) -> None:
    fields = [row["name"] for row in rpc.find("ir.model.field", [["model", "=", model]], ["name"])]
    closed = [
        {"model": model, "field": name, "group": group, "perm_read": True, "perm_write": False}
        for name in fields
        if name not in dates
    ]
    rpc("ir.model.field.access.create", closed)


def _buttons_as_before(rpc: Rpc, group: int, model: str) -> None:
    writers = rpc.find("ir.model.access", [["model", "=", model], ["perm_write", "=", True]], ["group"])
    before = sorted({row["group"] for row in writers} - {group, None})
    free = rpc.find("ir.model.button", [["model", "=", model], ["groups", "=", None]], [])
    rpc("ir.model.button.write", [row["id"] for row in free], {"groups": [["add", before]]})


def _rights(group: int, model: str, **granted: bool) -> dict[str, Value]:
    none = dict.fromkeys(("perm_read", "perm_write", "perm_create", "perm_delete"), False)
    return {"group": group, "model": model, **none, **granted}


def _user(rpc: Rpc, company: int, login: str, password: str, *, groups: list[Value], **other: Value) -> None:
    rpc.create(
        "res.user",
        name=f"erp-mcp {login}",
        login=login,
        password=password,
        groups=[["add", groups]],
        companies=[["add", [company]]],
        company=company,
        **other,
    )
