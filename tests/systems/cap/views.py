"""The views of schema `s4` that a read-only role sees on the replica, named like S/4HANA's released views.

They are the tables without a word changed: what the codes mean is the profile's part.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from tests.systems.postgresql.server import Rig

SCHEMA: Final = "s4"
VIEWS: Final = {
    "i_customer": "customer",
    "i_customersalesarea": "customersalesarea",
    "i_supplier": "supplier",
    "i_suppliercompany": "suppliercompany",
    "i_businesspartneraddress": "businesspartneraddress",
    "i_salesorder": "salesorder",
    "i_salesordertext": "salesordertext",
    "i_salesorderitem": "salesorderitem",
    "i_salesorderscheduleline": "salesorderscheduleline",
    "i_deliverydocument": "outbdeliveryheader",
    "i_deliverydocumentitem": "outbdeliveryitem",
    "i_deliverydocumentpartner": "outbdeliverypartner",
    "i_address": "outbdeliveryaddress",
    "i_billingdocument": "billingdocument",
    "i_billingdocumentitem": "billingdocumentitem",
    "i_customerreturn": "customerreturn",
    "i_customerreturnitem": "customerreturnitem",
    "i_purchaseorder": "purchaseorder",
    "i_purchaseorderitem": "purchaseorderitem",
    "i_purordscheduleline": "purchaseorderscheduleline",
    "i_purchaseorderitemnote": "purchaseorderitemnote",
    "i_supplierconfirmation": "supplierconfirmation",
    "i_supplierconfirmationitem": "supplierconfirmationitem",
    "i_supplierconfirmationline": "supplierconfirmationline",
    "i_supplierinvoiceapi01": "supplierinvoice",
    "i_suplrinvcitempurordrefapi01": "suplrinvcitempurordref",
    "i_purchaserequisitionitem": "purchaserequisitionitem",
    "i_purchasinginforecord": "purchasinginforecord",
    "i_purginforecdorgplntdata": "purginforecdorgplantdata",
    "i_purchasingsource": "purchasingsource",
    "i_product": "product",
    "i_productdescription": "productdescription",
    "i_productplant": "productplant",
    "i_productsupplyplanning": "productsupplyplanning",
    "i_productvaluationbasic": "productvaluation",
    "i_productunitsofmeasure": "productunitsofmeasure",
    "i_batch": "batch",
    "i_batchcharacteristicvalue": "batchcharcvalue",
    "i_materialstock": "matlstkinacctmod",
    "i_materialdocumentheader_2": "materialdocumentheader",
    "i_materialdocumentitem_2": "materialdocumentitem",
    "i_reservationdocumentheader": "reservationdocumentheader",
    "i_reservationdocumentitem": "reservationdocumentitem",
    "i_workcenter": "workcenters",
    "i_workcentertext": "workcenterdescription",
    "i_manufacturingorder": "productionorder",
    "i_manufacturingorderstatus": "productionorderstatus",
    "i_mfgordercomponent": "productionordercomponent",
    "i_mfgorderoperation": "productionorderoperation",
    "i_plannedorder": "plannedorder",
    "i_mfgorderconfirmation": "prodnordconf",
    "i_materialbomlink": "materialbom",
    "i_billofmaterialitem": "materialbomitem",
    "i_inspectionlot": "inspectionlot",
    "i_insplotusagedecision": "insplotusagedecision",
    "i_maintenanceorder": "maintenanceorder",
    "i_qltynotification": "qualitynotification",
    "i_qltynotificationlongtext": "qualitynotificationlongtext",
}

# Internal codes and what ISO calls them, as S/4HANA's table of units has them.
_UNITS: Final = {"ST": "PCE", "KG": "KGM", "G": "GRM", "M": "MTR", "M2": "MTK", "L": "LTR"}


def make_views(database: Rig, name: str, *, role: str) -> None:
    """Make the views in a database and let a role read them, and nothing else there."""
    schema = sql.Identifier(SCHEMA)
    with database.admin(name) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        for view, table in VIEWS.items():
            connection.execute(
                sql.SQL("CREATE VIEW {}.{} AS SELECT * FROM public.{}").format(
                    schema, sql.Identifier(view), sql.Identifier(f"s4_{table}")
                )
            )
        rows = sql.SQL(", ").join(
            sql.SQL("({}, {})").format(sql.Literal(code), sql.Literal(iso)) for code, iso in _UNITS.items()
        )
        units = "CREATE VIEW {}.i_unitofmeasure (unitofmeasure, unitofmeasureisocode) AS VALUES {}"
        connection.execute(sql.SQL(units).format(schema, rows))
        connection.execute(sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
    database.let_read(name, role, schema=SCHEMA)
