"""The gateway's two accounts: one that may read and change nothing, and one that may do the two writes and no more."""

from __future__ import annotations

from tests.systems.tryton.rpc import Rpc, Value


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
    """Make a group that may create requisitions and plan incoming moves anew, and one account in it and in `also`.

    A requisition belongs to an employee, so the account is one. Of a move it may change the planned date alone. Tryton
    gives the buttons of a model (book the goods in, cancel them) to all who may write it where a button names no group,
    so those of moves are given to the groups that could press them before.
    """
    group = rpc.create("res.group", name="Gateway (writes)")
    rights = [
        _rights(group, "purchase.requisition", perm_create=True),
        _rights(group, "stock.move", perm_write=True),
    ]
    rpc("ir.model.access.create", rights)
    _planned_date_alone(rpc, group)
    _buttons_as_before(rpc, group)
    party = rpc.create("party.party", name="erp-mcp gateway", code="GATEWAY")
    employee = rpc.create("company.employee", party=party, company=company)
    _user(rpc, company, login, password, groups=[also, group], employees=[["add", [employee]]], employee=employee)


def _planned_date_alone(rpc: Rpc, group: int) -> None:
    fields = [row["name"] for row in rpc.find("ir.model.field", [["model", "=", "stock.move"]], ["name"])]
    closed = [
        {"model": "stock.move", "field": name, "group": group, "perm_read": True, "perm_write": False}
        for name in fields
        if name != "planned_date"
    ]
    rpc("ir.model.field.access.create", closed)


def _buttons_as_before(rpc: Rpc, group: int) -> None:
    writers = rpc.find("ir.model.access", [["model", "=", "stock.move"], ["perm_write", "=", True]], ["group"])
    before = sorted({row["group"] for row in writers} - {group, None})
    free = rpc.find("ir.model.button", [["model", "=", "stock.move"], ["groups", "=", None]], [])
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
