// Which services of stock and quality have rules of their own behind them, and who may write there.
using { API_RESERVATION_DOCUMENT_SRV, API_PLANNED_ORDERS, API_OUTBOUND_DELIVERY_SRV } from './v2';
using { CE_APIRESERVATIONDOCUMENT_0001, CE_QUALITYNOTIFICATION_0001, PLANNEDORDER_0001 } from './v4';

annotate API_RESERVATION_DOCUMENT_SRV with @impl: 'srv/reserving.js';
annotate CE_APIRESERVATIONDOCUMENT_0001 with @impl: 'srv/reserving.js';
annotate CE_QUALITYNOTIFICATION_0001 with @impl: 'srv/noticing.js';
annotate API_PLANNED_ORDERS with @impl: 'srv/firming.js';
annotate PLANNEDORDER_0001 with @impl: 'srv/firming.js';
annotate API_OUTBOUND_DELIVERY_SRV with @impl: 'srv/delivering.js';

annotate API_RESERVATION_DOCUMENT_SRV.A_ReservationDocumentItem with { LastChangeDateTime @odata.etag };
annotate CE_APIRESERVATIONDOCUMENT_0001.ReservationDocumentItem with { LastChangeDateTime @odata.etag };
annotate API_PLANNED_ORDERS.A_PlannedOrder with { LastChangeDateTime @odata.etag };
annotate PLANNEDORDER_0001.PlannedOrderHeader with { LastChangeDateTime @odata.etag };
