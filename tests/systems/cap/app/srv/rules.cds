// Which services have rules of their own behind them.
using { API_PURCHASEORDER_PROCESS_SRV, API_PURCHASEREQ_PROCESS_SRV, API_PRODUCTION_ORDER_2_SRV } from './v2';
using { CE_PURCHASEORDER_0001, CE_PURCHASEREQUISITION_0001, CE_PRODUCTIONORDER_0001 } from './v4';

annotate API_PURCHASEORDER_PROCESS_SRV with @impl: 'srv/purchasing.js';
annotate API_PURCHASEREQ_PROCESS_SRV with @impl: 'srv/purchasing.js';
annotate API_PRODUCTION_ORDER_2_SRV with @impl: 'srv/making.js';
annotate CE_PURCHASEORDER_0001 with @impl: 'srv/purchasing.js';
annotate CE_PURCHASEREQUISITION_0001 with @impl: 'srv/purchasing.js';
annotate CE_PRODUCTIONORDER_0001 with @impl: 'srv/making.js';
