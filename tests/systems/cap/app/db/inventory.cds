// What the rules of reservations and notifications need beside what is read of them.
using { s4 } from './schema';

extend s4.ReservationDocumentItem with {
  EntryUnit                      : s4.Unit default '';
  ResvnItmRequiredQtyInEntryUnit : s4.Quantity;
  LastChangeDateTime             : Timestamp default '2026-03-16T05:00:00Z';
};

extend s4.PlannedOrder with {
  LastChangeDateTime : Timestamp default '2026-03-16T05:00:00Z';
};

extend s4.OutbDeliveryHeader with {
  DeliveryDocumentBySupplier : String(35) default '';
};

// Where a customer lets another system's number stand: notifications have no such field of their own.
extend s4.QualityNotification with {
  YY1_ExternalReference : String(20) default '';
};
