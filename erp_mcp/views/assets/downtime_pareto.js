// Why work centres stood still: reasons by minutes with their cumulative share.

const SHOWN = 15; // reasons drawn; the table has all

function picture(answer) {
  const reasons = rowsOf(answer, "reasons");
  const total = rowsOf(answer, "total")[0] || {};
  const centres = rowsOf(answer, "work_centers");
  const title = make("h1", null, "Downtime by reason");
  const window = has(total.date_from) ? make("p", { class: "soft" }, `${total.date_from} to ${shown(total.date_to)}`) : null;
  if (!reasons.length) return [title, window, make("p", { role: "status" }, "No downtime found.")];
  return [
    title,
    window,
    figures([
      ["Minutes down", total.minutes], ["Events", total.events], ["Unplanned", total.unplanned_events],
      ["Still down", total.open_events, number(total.open_events) ? "bad" : null],
      ["MTBF", fixed(total.mtbf_h, "h")],
      ["MTTR", fixed(total.mttr_min, "min")],
    ]),
    pareto(reasons),
    folded(`Values: ${reasons.length} ${reasons.length === 1 ? "reason" : "reasons"}`, table("Reasons, most minutes first", [
      ["rank", "Rank", "number"], ["reason_code", "Reason"], ["minutes", "Minutes", "number"], ["events", "Events", "number"],
      ["pct", "Share %", "number"], ["cum_pct", "Cumulative %", "number"], ["mtbf_h", "MTBF h", "number"], ["mttr_min", "MTTR min", "number"],
    ], reasons)),
    centres.length ? folded(`Work centres: ${centres.length}`, table("Per work centre", [
      ["work_center_id", "Work centre"], ["site", "Site"], ["minutes", "Minutes", "number"], ["events", "Events", "number"],
      ["unplanned_minutes", "Unplanned min", "number"], ["down_since", "Down since"], ["mtbf_h", "MTBF h", "number"], ["mttr_min", "MTTR min", "number"],
    ], centres)) : null,
  ].filter(Boolean);
}

function percent(value) {
  return fixed(value, "%") || "–";
}

// One decimal for the eye; what is no number, a masked figure among them, is shown as it came.
function fixed(value, unit) {
  const read = number(value);
  return read === null ? value : `${read.toFixed(1)} ${unit}`;
}

// Bars lie on their side, so that a reason's name has room on a narrow page; the line runs down with the cumulative share.
function pareto(reasons) {
  const drawn = reasons.slice(0, SHOWN);
  const label = `Pareto of downtime: ${drawn.slice(0, 5).map((row) => `${words(row.reason_code)} ${shown(row.minutes)} minutes, cumulative ${percent(row.cum_pct)}`).join("; ")}`;
  const drawing = fitting((width) => {
    const left = 8;
    const right = width - 12;
    const row = 40;
    const top = 22;
    const height = top + drawn.length * row + 4;
    const x = scale(0, 100, left, right);
    const places = drawn.map((one, at) => [number(one.cum_pct), top + at * row + 26]).filter(([share]) => share !== null);
    return draw("svg", { width, height, role: "img", "aria-label": label },
      [0, 20, 40, 60, 80, 100].map((share) => [
        draw("line", { x1: x(share), x2: x(share), y1: top - 4, y2: height, class: share === 80 ? "safety" : "axis" }),
        draw("text", { x: x(share), y: 12, "text-anchor": share === 0 ? "start" : share === 100 ? "end" : "middle" }, `${share} %`),
      ]),
      drawn.map((one, at) => {
        const share = number(one.pct);
        return share === null ? [] : draw("rect", { x: left, y: top + at * row + 17, width: Math.max(1, x(share) - left), height: 17, class: "bar" });
      }),
      draw("path", { d: places.map(([share, y], at) => `${at ? "L" : "M"}${x(share)} ${y}`).join(""), class: "share" }),
      places.map(([share, y]) => draw("circle", { cx: x(share), cy: y, r: 3.5, class: "dot" })),
      // Names come last and carry a rim of the ground, so that the line can't strike them out.
      drawn.map((one, at) => draw("text", { x: left + 4, y: top + at * row + 12, class: "strong rim" },
        `${words(one.reason_code) || "no reason given"}: ${shown(one.minutes)} min, ${shown(one.events)} ${one.events === 1 ? "event" : "events"}`)));
  });
  const more = reasons.length > drawn.length ? make("p", { class: "soft" }, `${reasons.length - drawn.length} smaller reasons stand in the table.`) : null;
  return make("figure", null, drawing,
    keyOf([["bar", false, "share of minutes"], ["share", true, "cumulative share"], ["safety", true, "80 %"]]), more);
}
