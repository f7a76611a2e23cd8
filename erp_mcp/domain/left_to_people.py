"""Business rules whose facts nothing here keeps: people look at them, where policy says so.

Where it does not, such a rule refuses (`rule.not_evaluable`): the rule of the policy that grants the write names it
under `left_to_people:`, each by its code. Who the person is: whoever approves the proposal; for a task for a person
that nobody has to approve, whoever takes the task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from erp_mcp.domain import human_task


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A rule of an operation that is not looked at here; `words` say at what, as after "Not looked at here:".

    `when` says in which cases, empty for all of them.
    """

    rule: str  # R-…
    words: str
    when: str = ""


PRIORITY: Final = Unseen(
    rule="R-PRIORITY", words="how important a customer is", when="the class of a customer is not known"
)
CUSTOMER_CONTRACT: Final = Unseen(rule="R-CONTRACT", words="what contracts promise customers at least")
AUTHORITY: Final = Unseen(
    rule="R-AUTHORITY",
    words="the authority matrix, that is, whether who approves may decide over both cost centres",
)
WARRANTY: Final = Unseen(rule="R-WARRANTY", words="warranty, serial numbers, and what was agreed with the customer")
EXPORT: Final = Unseen(rule="R-EXPORT", words="export control, dangerous goods, and whether the address is complete")
PERIOD: Final = Unseen(rule="R-PERIOD", words="whether the posting period is open; the ERP refuses a closed one")
SERIAL: Final = Unseen(rule="R-SERIAL", words="serial numbers")
BACKFLUSH: Final = Unseen(
    rule="R-BACKFLUSH",
    words="whether components are booked out by themselves at the end",
    when="something is issued to an order",
)
TRANSFER_REFERENCE: Final = Unseen(
    rule="R-REFERENCE",
    words="the request for the transfer and the place it goes to, which no system tells of",
    when="something is transferred",
)
ROSTER: Final = Unseen(rule="R-TASK-ROSTER", words="whether somebody of this role is on shift")
PERMIT: Final = Unseen(
    rule="R-PERMIT",
    words="tools and fixtures, permits to work, whether the work centre is free and safe, who is on shift",
)
SPARE_PARTS: Final = Unseen(
    rule="R-STAGED", words="spare parts of a maintenance order", when="it is a maintenance order"
)
MAINTENANCE_BUDGET: Final = Unseen(
    rule="R-BUDGET", words="budget of the cost centre, spare parts, tools and who can do it"
)
ORDER_CAPACITY: Final = Unseen(rule="R-CAPACITY", words="capacity of the work centres on the new days")
ORDER_COMPONENTS: Final = Unseen(
    rule="R-COMPONENTS", words="whether its components are there so early", when="it is moved to an earlier day"
)
SUPPLIER_CONTRACT: Final = Unseen(rule="R-CONTRACT", words="contracts and price agreements with the supplier")
CANCEL_TERMS: Final = Unseen(rule="R-TERMS", words="what the contract says about cancelling, and penalties")
CHANGE_TERMS: Final = Unseen(rule="R-TERMS", words="what the contract says about changes")
RISE: Final = Unseen(rule="R-BUDGET", words="whether a budget covers the rise", when="it becomes dearer")
MINIMUM: Final = Unseen(
    rule="R-MIN-QTY",
    words="whether the minimum order quantity is reached, which is in another unit",
    when="the supplier's minimum can't be compared",
)
ORDER_TERMS: Final = Unseen(rule="R-TERMS", words="delivery terms, taxes and contracts")
ORDER_BUDGET: Final = Unseen(rule="R-BUDGET", words="whether a budget covers it")
SANCTIONS: Final = Unseen(rule="R-SANCTIONS", words="sanctions lists")
PENALTY: Final = Unseen(
    rule="R-PENALTY", words="penalties of the contract, since there is no contract data", when="the day is a later one"
)
OPEN_ITEMS: Final = Unseen(rule="R-OPEN-ITEMS", words="taxes, unpaid invoices, and what was agreed with the customer")
SAFETY_STOCK: Final = Unseen(
    rule="R-SAFETY", words="the safety stock of the material at this site", when="no safety stock is known"
)
AGREED: Final = Unseen(rule="R-AGREED", words="price agreements, discounts and surcharges of the customer")
TAX_ID_KNOWN: Final = Unseen(
    rule="R-TAX-ID-KNOWN", words="whether another supplier has this tax number; its system does"
)
TAX_OFFICE: Final = Unseen(rule="R-TAX-OFFICE", words="whether the tax office knows this number and name")

_DECLARED: Final[Mapping[str, tuple[Unseen, ...]]] = MappingProxyType(
    {
        "budget.transfer": (AUTHORITY,),
        "customer_return.create": (WARRANTY,),
        "delivery.create": (EXPORT,),
        "goods_movement.post": (BACKFLUSH, PERIOD, TRANSFER_REFERENCE, SERIAL),
        human_task.CREATE: (ROSTER,),
        human_task.REQUEST_RELEASE: (PERMIT, SPARE_PARTS),
        "maintenance_order.create": (MAINTENANCE_BUDGET,),
        "production_order.reschedule": (ORDER_CAPACITY, ORDER_COMPONENTS),
        "purchase_order_line.cancel": (CANCEL_TERMS,),
        "purchase_order_line.change": (RISE, MINIMUM, CHANGE_TERMS),
        "purchase_order_line.create": (ORDER_BUDGET, SANCTIONS, ORDER_TERMS),
        "purchase_order_line.update_delivery_date": (PENALTY,),
        "purchase_requisition.create": (ORDER_BUDGET, MINIMUM),
        "refund_request.create": (OPEN_ITEMS,),
        "reservation.create": (SAFETY_STOCK,),
        "reservation.move": (CUSTOMER_CONTRACT, PRIORITY),
        "sales_order_line.update_delivery_date": (PENALTY,),
        "sales_order_line.update_price": (AGREED,),
        "supplier.create": (SANCTIONS, TAX_ID_KNOWN, TAX_OFFICE),
        "supply_source.update_price": (SUPPLIER_CONTRACT,),
    }
)


def unseen(operation: str) -> Mapping[str, Unseen]:
    """Return the rules of an operation that only a person can look at, by their codes; none for most of them."""
    return {one.rule: one for one in _DECLARED.get(operation, ())}


def left_to_nobody(operation: str, left: Iterable[str]) -> tuple[str, ...]:
    """Return the codes of an operation's rules that only a person can look at and that are not among those left."""
    return tuple(sorted({*unseen(operation)} - {*left}))
