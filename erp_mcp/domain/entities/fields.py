"""What a canonical field means: its kind decides storage, identity resolution, masking and how it is written out."""

from __future__ import annotations

import dataclasses
import types
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, ClassVar, Final, Union, get_args, get_origin, get_type_hints


class Kind(Enum):
    """Meaning of one field. The value is the word used in tool files."""

    ID = "id"  # business identifier, kept as text: leading zeros matter
    REF = "ref"  # identifier of another entity; resolved to its canonical id at sync
    CODE = "code"  # closed or short vocabulary of the system; trusted after cleaning
    TEXT = "text"  # free text from a system of record: data, never instruction
    QUANTITY = "quantity"  # scaled integer, 10⁻⁶ of the unit beside it
    MONEY = "money"  # scaled integer, 10⁻⁴ of the currency beside it
    DATE = "date"  # business date in the plant's zone, `YYYY-MM-DD`
    INSTANT = "instant"  # point in time, UTC, `YYYY-MM-DDTHH:MM:SSZ`
    INTEGER = "integer"
    FLAG = "flag"  # stored as 0 or 1


@dataclass(frozen=True, slots=True)
class Meaning:
    """Annotation of a field: its kind, the entity it refers to, and whether outsiders can write it."""

    kind: Kind
    entity: str = ""
    outsider: bool = False


Id = Annotated[str, Meaning(Kind.ID)]
Code = Annotated[str, Meaning(Kind.CODE)]
Text = Annotated[str, Meaning(Kind.TEXT)]
OutsiderText = Annotated[str, Meaning(Kind.TEXT, outsider=True)]
Quantity = Annotated[int, Meaning(Kind.QUANTITY)]
Money = Annotated[int, Meaning(Kind.MONEY)]
Date = Annotated[str, Meaning(Kind.DATE)]
Instant = Annotated[str, Meaning(Kind.INSTANT)]
Integer = Annotated[int, Meaning(Kind.INTEGER)]
Flag = Annotated[bool, Meaning(Kind.FLAG)]
Uom = Annotated[str, Meaning(Kind.CODE)]  # UN/ECE Recommendation 20 code
Currency = Annotated[str, Meaning(Kind.CODE)]  # ISO 4217

CustomerRef = Annotated[str, Meaning(Kind.REF, "customer")]
SupplierRef = Annotated[str, Meaning(Kind.REF, "supplier")]
MaterialRef = Annotated[str, Meaning(Kind.REF, "material")]
LotRef = Annotated[str, Meaning(Kind.REF, "lot")]
WorkCenterRef = Annotated[str, Meaning(Kind.REF, "work_center")]
SalesOrderRef = Annotated[str, Meaning(Kind.REF, "sales_order")]
PurchaseOrderRef = Annotated[str, Meaning(Kind.REF, "purchase_order")]
ProductionOrderRef = Annotated[str, Meaning(Kind.REF, "production_order")]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of an entity as the read model, the catalogue and policy see it."""

    name: str
    meaning: Meaning
    optional: bool

    @property
    def kind(self) -> Kind:
        """The field's kind."""
        return self.meaning.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every canonical record carries, whatever its entity.

    Primary key is (`system`, `source_key`). `version_token` is opaque and compared for equality only. `as_of` is
    when the source said so, on the plant clock. `OF_COMPANY` says that a row belongs to a company code instead of a
    site: a role that is limited to sites reads those of the company codes that buy for its sites.
    """

    ENTITY: ClassVar[str] = ""
    KEY: ClassVar[tuple[str, ...]] = ()
    LEVEL: ClassVar[int] = 4
    OF_COMPANY: ClassVar[bool] = False

    system: Id
    source_key: Id
    version_token: Id
    as_of: Instant


COMMON_FIELDS: Final = ("system", "source_key", "version_token", "as_of")


def field_specs(entity: type[Record]) -> tuple[FieldSpec, ...]:
    """Return the fields of an entity in declared order, the four common ones first."""
    return _specs(entity)  # type: ignore[arg-type]  # a class is hashable


@cache
def _specs(entity: type[Record]) -> tuple[FieldSpec, ...]:
    hints = get_type_hints(entity, include_extras=True)
    return tuple(_spec(field.name, hints[field.name]) for field in dataclasses.fields(entity))


def _spec(name: str, hint: object) -> FieldSpec:
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        optional = True
        hint = next(part for part in get_args(hint) if part is not type(None))
    return FieldSpec(name=name, meaning=get_args(hint)[1], optional=optional)
