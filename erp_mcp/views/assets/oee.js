// OEE of work centres: the three factors and their product, over the window and per period.

const FACTORS = [
  ["availability_pct", "Availability"], ["effectiveness_pct", "Effectiveness"], ["quality_pct", "Quality"], ["oee_pct", "OEE"],
];
const OPEN = 4; // work centres shown unfolded

function picture(answer) {
  const totals = rowsOf(answer, "totals");
  const title = make("h1", null, "OEE and its factors");
  if (!totals.length) return [title, make("p", { role: "status" }, "Nothing found.")];
  const periods = rowsOf(answer, "periods");
  const sections = totals.map((total) => centre(total, periods.filter((row) => row.work_center_id === total.work_center_id)));
  const rest = sections.slice(OPEN);
  return [
    title,
    make("p", { class: "soft" }, `${shown(totals[0].date_from)} to ${shown(totals[0].date_to)}`),
    ...sections.slice(0, OPEN),
    rest.length ? folded(`${rest.length} more work ${rest.length === 1 ? "centre" : "centres"}`, ...rest) : null,
  ].filter(Boolean);
}

function percent(value) {
  const read = number(value);
  return read === null ? "not known" : `${read.toFixed(1)} %`;
}

function centre(total, periods) {
  const name = shown(total.work_center_id);
  return make("section", null,
    make("h2", null, `${name}: OEE ${percent(total.oee_pct)}`),
    factors(name, total),
    periods.length > 1 ? course(name, periods) : null,
    elementsOf(total),
    folded(`Values: ${periods.length} ${periods.length === 1 ? "period" : "periods"}`, table(`Periods of ${name}, in percent and minutes`, [
      ["period", "Period"], ...FACTORS.map(([key, heading]) => [key, heading, "number"]),
      ["planned_busy_min", "Planned busy min", "number"], ["production_min", "Production min", "number"],
      ["qty_produced", "Produced", "number"], ["qty_good", "Good", "number"], ["uom", "Unit"],
    ], periods.map((row) => ({ ...row, period: periodOf(row) })))));
}

function elementsOf(total) {
  const uom = shown(total.uom);
  const qty = (value) => (has(value) ? `${value} ${uom}`.trim() : null);
  const minutes = (value) => (has(value) ? `${value} min` : null);
  return figures([
    ["Planned busy time", minutes(total.planned_busy_min)], ["Production time", minutes(total.production_min)],
    ["Produced", qty(total.qty_produced)], ["Good", qty(total.qty_good)], ["Shifts", total.shifts],
  ]);
}

function periodOf(row) {
  const days = row.period_from === row.period_to ? shown(row.period_from) : `${shown(row.period_from)} to ${shown(row.period_to)}`;
  return has(row.shift) ? `${days} ${words(row.shift)}` : days;
}

function factors(name, total) {
  const label = `${name}: ${FACTORS.map(([key, word]) => `${word.toLowerCase() === "oee" ? "OEE" : word.toLowerCase()} ${percent(total[key])}`).join(", ")}`;
  const values = FACTORS.map(([key]) => number(total[key]) || 0);
  return make("figure", null, fitting((width) => {
    const left = 100;
    const right = width - 66;
    const x = scale(0, Math.max(100, ...values), left, right);
    const rows = FACTORS.map(([key, word], at) => {
      const value = number(total[key]);
      const y = 4 + at * 24;
      const kind = key === "oee_pct" ? "bar" : "part";
      return [
        draw("text", { x: left - 8, y: y + 13, "text-anchor": "end", class: key === "oee_pct" ? "strong" : null }, word),
        draw("rect", { x: left, y, width: x(100) - left, height: 17, fill: "none", class: "axis" }),
        value === null ? [] : draw("rect", { x: left, y, width: x(value) - left, height: 17, class: kind }),
        draw("text", { x: right + 6, y: y + 13, class: "strong" }, value === null ? "–" : percent(total[key])),
      ];
    });
    return draw("svg", { width, height: 102, role: "img", "aria-label": label }, rows);
  }));
}

function course(name, periods) {
  const values = periods.map((row) => number(row.oee_pct));
  const known = values.filter((value) => value !== null);
  if (!known.length) return null;
  const label = `OEE of ${name} in ${periods.length} periods, from ${Math.min(...known).toFixed(1)} to ${Math.max(...known).toFixed(1)} percent`;
  const cursorAt = { move: () => {} };
  const drawing = fitting((width) => {
    const left = 46;
    const right = width - 10;
    const top = 8;
    const bottom = 128;
    const y = scale(0, Math.max(100, ...known), bottom, top);
    const step = (right - left) / periods.length;
    const cursor = draw("line", { y1: top, y2: bottom, class: "cursor", visibility: "hidden" });
    cursorAt.move = (at) => {
      cursor.setAttribute("x1", left + (at + 0.5) * step);
      cursor.setAttribute("x2", left + (at + 0.5) * step);
      cursor.setAttribute("visibility", "visible");
    };
    const every = Math.ceil(periods.length / Math.max(1, Math.floor((right - left) / 84)));
    return draw("svg", { width, height: 150, role: "img", "aria-label": label },
      [0, 50, 100].map((value) => [
        draw("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: value ? "axis" : "zero" }),
        draw("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, `${value} %`),
      ]),
      values.map((value, at) => (value === null ? []
        : draw("rect", { x: left + at * step + step * 0.15, y: y(value), width: Math.max(1, step * 0.7), height: bottom - y(value), class: "bar" }))),
      periods.map((row, at) => (at % every ? []
        : draw("text", { x: Math.min(Math.max(left + (at + 0.5) * step, left + 14), right - 16), y: 146, "text-anchor": "middle" }, shown(row.period_from).slice(5)))),
      cursor);
  });
  const say = (at) => `${periodOf(periods[at])}: ${FACTORS.map(([key, word]) => `${word} ${percent(periods[at][key])}`).join(", ")}.`;
  return make("figure", null, drawing, reader("Read period by period", periods.length, say, (at) => cursorAt.move(at)));
}
