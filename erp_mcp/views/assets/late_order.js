// Why an order is late: per line the dates, and the chain from the line down to its root cause.

const SAID = {
  late: "is late",
  waits: "waits for material or a machine",
  waits_for_order: "waits for another order",
  waits_for_work_center: "waits for its work centre",
  short: "is short on its need date",
  on_hold: "is on hold",
  asks_for_hold: "asks for the hold",
  promise_moved: "was promised later",
  promised_too_late: "is promised too late",
  overdue: "is overdue",
  knows_since: "has told of the new date",
  supplies: "supplies it",
  down: "is down",
  down_by_maintenance_order: "is down for repair",
  repair_open: "is still open",
  counts_differ: "is counted differently by ERP and shop floor",
  finishes_late: "finishes late",
  picked_not_issued: "is picked but has not left",
  shipped_not_delivered: "has left but has not arrived",
  credit_blocked: "is blocked for credit",
  delivery_blocked: "is blocked for delivery",
  no_open_purchase: "is not on order",
  not_ordered_yet: "is not ordered yet",
  unit_not_convertible: "is in a unit that can't be converted",
  covered_otherwise: "is covered otherwise",
};
const CODES = {
  late_po: "Late purchase order", po_not_placed: "Not ordered", quality_hold: "Quality hold",
  stock_discrepancy: "Stock discrepancy", machine_down: "Machine down", upstream_order_late: "Upstream order late",
  bom_or_master_data: "Master data", credit_block: "Credit block", delivery_block: "Delivery block",
  picked_not_shipped: "Picked, not shipped", carrier_delay: "Carrier delay", unknown: "Cause unknown",
  on_time: "On time", not_open: "Not open",
};
// One sign per kind of thing, drawn on a 24 by 24 field.
const SIGNS = {
  sales_order_line: "M5 4h14v16H5zM8 9h8M8 13h8M8 17h5",
  sales_order: "M5 4h14v16H5zM8 9h8M8 13h8M8 17h5",
  production_order: "M4 20V10l5 4v-4l5 4V4h6v16z",
  production_operation: "M12 4v4M12 16v4M4 12h4M16 12h4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8",
  work_center: "M12 4v4M12 16v4M4 12h4M16 12h4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8",
  maintenance_order: "M14 5a5 5 0 0 0-4 7l-6 6 2 2 6-6a5 5 0 0 0 7-5l-3 2-3-3z",
  material: "M12 3l8 4v10l-8 4-8-4V7zM4 7l8 4 8-4M12 11v10",
  lot: "M12 3l8 4v10l-8 4-8-4V7zM4 7l8 4 8-4M12 11v10",
  stock: "M12 3l8 4v10l-8 4-8-4V7zM4 7l8 4 8-4M12 11v10",
  quality_notification: "M12 4l9 16H3zM12 10v5M12 17v1",
  purchase_order_line: "M3 5h3l3 10h9l3-7H8M10 19h1M17 19h1",
  purchase_requisition: "M3 5h3l3 10h9l3-7H8M10 19h1M17 19h1",
  supplier: "M3 20V9l6-4v15M9 9h12v11M3 20h18M13 13h4M13 16h4",
  delivery: "M2 6h12v10H2zM14 10h4l4 3v3h-8M6 16v2M18 16v2",
};

function picture(answer, asked) {
  const lines = rowsOf(answer, "summary");
  if (!lines.length) return [make("h1", null, "Why an order is late"), make("p", { role: "status" }, "Nothing found.")];
  const order = has(asked.sales_order_id) ? asked.sales_order_id : lines[0].sales_order_id;
  const late = lines.filter((line) => line.root_cause_code !== "on_time" && line.root_cause_code !== "not_open");
  const rest = lines.filter((line) => !late.includes(line));
  const parts = late.map((line) => sectionOf(answer, line));
  return [
    make("h1", null, `Sales order ${shown(order)}`),
    make("p", { class: "soft" }, `${late.length} of ${lines.length} ${lines.length === 1 ? "line" : "lines"} late`),
    ...parts,
    ...rest.map((line) => make("p", null, `Line ${shown(line.line)}, ${shown(line.material_id)}: `,
      make("span", { class: "good" }, (CODES[line.root_cause_code] || "").toLowerCase()),
      has(line.requested_date) ? `, requested ${line.requested_date}` : "")),
    missing(answer),
  ];
}

function sectionOf(answer, line) {
  const of = (name) => rowsOf(answer, name).filter((row) => row.line === line.line);
  const days = number(line.days_late);
  const title = `Line ${shown(line.line)}: ${[shown(line.qty_open), shown(line.uom)].filter(has).join(" ")} of ` +
    `${shown(line.material_id)}`;
  return make("section", null,
    make("h2", null, title, " ", make("span", { class: "badge bad" }, CODES[line.root_cause_code] || words(line.root_cause_code))),
    figures([
      ["Late by", days === null ? null : `${days} ${days === 1 ? "day" : "days"}`, "bad"],
      ["Requested", line.requested_date],
      ["Confirmed", line.confirmed_date],
      ["Known since", (line.since || "").slice(0, 10)],
      ["Confidence", line.confidence],
    ]),
    delay(line),
    chain(of("chain"), line),
    others(of("alternatives")),
    contributing(of("contributing")));
}

// The requested and the confirmed date on one track, the delay between them as a bar.
function delay(line) {
  const from = day(line.requested_date);
  const to = day(line.confirmed_date);
  if (from === null || to === null || to <= from) return null;
  const label = `Requested ${line.requested_date}, confirmed ${line.confirmed_date}`;
  return make("figure", null, fitting((width) => {
    const edge = 12;
    const days = to - from;
    const at = scale(from, to, edge, width - edge);
    const every = Math.ceil(days / Math.max(1, Math.floor((width - 2 * edge) / 14)));
    const dots = [];
    for (let one = from; one <= to; one += every) dots.push(draw("line", { x1: at(one), x2: at(one), y1: 6, y2: 18, class: "axis" }));
    return draw("svg", { width, height: 40, role: "img", "aria-label": label },
      draw("rect", { x: at(from), y: 8, width: at(to) - at(from), height: 8, class: "below" }),
      dots,
      draw("line", { x1: at(from), x2: at(from), y1: 4, y2: 20, class: "cursor" }),
      draw("line", { x1: at(to), x2: at(to), y1: 4, y2: 20, class: "mark" }),
      draw("text", { x: edge, y: 34, "text-anchor": "start" }, "requested"),
      draw("text", { x: width - edge, y: 34, "text-anchor": "end", class: "bad" }, "confirmed"));
  }));
}

function chain(steps, line) {
  if (!steps.length) return null;
  const items = steps.map((step, at) => {
    const last = at === steps.length - 1;
    const path = SIGNS[step.node_type] || "M5 5h14v14H5z";
    const sign = draw("svg", { class: "sign", width: 24, height: 24, viewBox: "0 0 24 24", "aria-hidden": "true" },
      draw("path", { d: path, fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-linejoin": "round", "stroke-linecap": "round" }));
    const name = step.node_type === "work_center" ? "work centre" : words(step.node_type);
    return make("li", { class: last ? "root" : null }, sign,
      make("div", { class: "what" }, `${name.charAt(0).toUpperCase()}${name.slice(1)} ${shown(step.node_id)} `,
        `${SAID[step.fact] || words(step.fact)}`),
      details(step),
      make("div", { class: "ids" }, last ? "Root cause. " : "", `Evidence ${shown(step.evidence_ref)} in ${shown(step.system)}`));
  });
  return make("ol", { class: "chain", "aria-label": `Chain of causes of line ${shown(line.line)}, root cause last` }, items);
}

function details(step) {
  const uom = shown(step.uom);
  const qty = (value) => `${value} ${uom}`.trim();
  const said = [];
  if (step.fact === "counts_differ") {
    if (has(step.qty)) said.push(`ERP counts ${qty(step.qty)}`);
    if (has(step.qty_other)) said.push(`shop floor counts ${qty(step.qty_other)}`);
  } else if (has(step.qty)) {
    const kind = { short: "short of", on_hold: "held", waits: "to make", finishes_late: "to make" }[step.fact];
    said.push(kind ? `${kind} ${qty(step.qty)}` : qty(step.qty));
    if (step.node_type === "production_order" && number(step.qty_other)) said.push(`scrap ${qty(step.qty_other)}`);
  }
  if (has(step.planned_date)) said.push(`planned ${step.planned_date}`);
  if (has(step.expected_date)) said.push(`expected ${step.expected_date}`);
  if (has(step.since)) said.push(`since ${step.since.slice(0, 10)}`);
  const pieces = said.map((piece, at) => [at ? " · " : "", make("span", { class: "tight" }, piece)]);
  return said.length ? make("div", null, pieces) : null;
}

function others(found) {
  if (!found.length) return null;
  const usable = found.filter((one) => one.usable === true).length;
  const records = found.map((one) => ({ ...one, kind: words(one.kind), reason: words(one.reason) }));
  return folded(`Alternatives: ${usable} of ${found.length} usable`, table("What could take its place", [
    ["kind", "Kind"], ["for_id", "For"], ["alternative_id", "Alternative"], ["usable", "Usable"],
    ["reason", "Why not"], ["qty", "Quantity", "number"], ["uom", "Unit"], ["earliest_date", "Earliest"],
  ], records));
}

function contributing(found) {
  if (!found.length) return null;
  const records = found.map((one) => ({
    ...one, role: words(one.role), cause: CODES[one.cause_code] || words(one.cause_code), thing: `${words(one.node_type)} ${shown(one.node_id)}`,
    fact: SAID[one.fact] || words(one.fact),
  }));
  return folded(`Also looked at: ${found.length}`, table("What else contributes, or was ruled out", [
    ["role", "Role"], ["cause", "Cause"], ["thing", "Thing"], ["fact", "Fact"],
    ["planned_date", "Planned"], ["expected_date", "Expected"],
  ], records));
}

function missing(answer) {
  const gaps = rowsOf(answer, "gaps").map((gap) => ({ ...gap, reason: words(gap.reason), can_hide: words(gap.can_hide) }));
  return gaps.length ? table("What could not be checked", [
    ["entity", "Data"], ["field", "Field"], ["reason", "Why"], ["system", "System"], ["can_hide", "Can hide"],
  ], gaps) : null;
}
