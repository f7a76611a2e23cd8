// Supply and demand of a material: what is left after each day, with safety stock and the first short day.

function picture(answer, asked) {
  const elements = rowsOf(answer, "elements");
  const sites = rowsOf(answer, "sites");
  const material = shown(asked.material_id);
  const title = make("h1", null, `Supply and demand${material ? ` of ${material}` : ""}`);
  if (!elements.length && !sites.length) return [title, make("p", { role: "status" }, "Nothing found.")];
  const named = [...new Set([...sites, ...elements].map((row) => row.site))];
  return [title, ...named.map((site) => {
    const own = elements.filter((row) => row.site === site);
    return siteOf(sites.find((row) => row.site === site) || {}, own, site, answer);
  })];
}

function siteOf(site, elements, name, answer) {
  const uom = shown(site.uom || (elements[0] || {}).uom);
  const unit = (value) => (has(value) ? `${value} ${uom}`.trim() : null);
  const shortOnes = elements.filter((row) => number(row.qty_short) > 0);
  const first = site.first_short_date;
  return make("section", null,
    make("h2", null, `Site ${shown(name)}`),
    figures([
      ["First short day", first || "none", first ? "bad" : "good"],
      ["Opening stock", unit(site.opening_stock)],
      ["Not reserved", unit(site.free_stock)],
      ["Safety stock", unit(site.safety_stock)],
      ["Lowest", unit(site.lowest_available), number(site.lowest_available) < 0 ? "bad" : null],
    ]),
    chart(site, elements, uom, name, answer),
    shortOnes.length ? make("p", { class: "bad" }, `${shortOnes.length} ${shortOnes.length === 1 ? "demand is" : "demands are"} short on the day needed.`) : null,
    elements.length ? folded(`Values: ${elements.length} ${elements.length === 1 ? "element" : "elements"}`, table(`Elements at site ${shown(name)}`, [
      ["date", "Date"], ["direction", "Way"], ["element", "Element"], ["qty", "Quantity", "number"],
      ["running_available", "Left after", "number"], ["qty_short", "Short", "number"], ["uom", "Unit"],
      ["firm", "Firm"], ["exception", "Exception"],
    ], elements.map((row) => ({ ...row, element: nameOf(row), exception: words(row.exception) })))) : null);
}

function nameOf(row) {
  return [words(row.element_type), [row.element_id, row.element_line].filter(has).join("/")].filter(has).join(" ");
}

// One point per day with anything: what came, what went, and what was left at its end.
function daysOf(elements) {
  const days = new Map();
  for (const row of elements) {
    const at = day(row.date);
    const left = number(row.running_available);
    const qty = number(row.qty);
    if (at === null || left === null || qty === null) continue;
    const one = days.get(at) || { at, came: 0, went: 0, before: left - qty, left, rows: [] };
    if (qty >= 0) one.came += qty;
    else one.went += qty;
    one.left = left;
    one.leftText = row.running_available;
    one.rows.push(row);
    days.set(at, one);
  }
  return [...days.values()].sort((a, b) => a.at - b.at);
}

function chart(site, elements, uom, name, answer) {
  const days = daysOf(elements);
  if (!days.length) {
    const why = elements.length ? "No chart: these figures are not shown to this role." : "No supply and no demand by date.";
    return make("p", { class: "soft" }, why);
  }
  const opening = days[0].before;
  const asOf = day(((answer.sources || [])[0] || {}).as_of);
  const start = Math.min(days[0].at - 1, asOf === null ? Infinity : asOf);
  const end = days[days.length - 1].at + 1; // room for what is left after the last day
  const safety = number(site.safety_stock);
  const firstShort = day(site.first_short_date);
  let cursor = null;
  const cursorAt = { move: () => {} };
  const lowest = days.reduce((low, one) => Math.min(low, one.left), opening);
  const label = `Quantity left by day at site ${shown(name)}, from ${dateOf(start)} to ${dateOf(end)}: ` +
    `opening ${opening} ${uom}, lowest ${lowest} ${uom}` +
    (firstShort === null ? ", no demand short." : `, first short on ${site.first_short_date}.`);
  const drawing = fitting((width) => {
    const left = 46;
    const right = width - 10;
    const top = 18;
    const bottom = 190;
    const values = [0, opening, ...days.map((one) => one.left), ...(safety ? [safety] : [])];
    const marks = ticks(Math.min(...values), Math.max(...values), 4);
    const y = scale(Math.min(...values, marks[0]), Math.max(...values, marks[marks.length - 1]), bottom, top);
    const x = scale(start, Math.max(end, start + 1), left, right);
    let path = `M${x(start)} ${y(opening)}`;
    for (const one of days) path += `H${x(one.at)}V${y(one.left)}`;
    path += `H${right}`;
    const moves = Math.max(...days.map((one) => Math.max(one.came, -one.went))) || 1;
    const middle = 236;
    const up = scale(0, moves, 0, 30);
    const wide = Math.max(2, Math.min(10, ((right - left) / (end - start + 1)) * 0.7));
    const shortLeft = firstShort !== null && x(firstShort) > (left + right) / 2;
    cursor = draw("line", { y1: top, y2: middle + 32, class: "cursor", visibility: "hidden" });
    cursorAt.move = (at) => {
      cursor.setAttribute("x1", x(days[at].at));
      cursor.setAttribute("x2", x(days[at].at));
      cursor.setAttribute("visibility", "visible");
    };
    const every = Math.max(1, Math.ceil((end - start + 1) / Math.max(1, Math.floor((right - left) / 84))));
    const dates = [];
    for (let at = start; at <= end; at += every) dates.push(at);
    return draw("svg", { width, height: 296, role: "img", "aria-label": label },
      marks.map((value) => [
        draw("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: value === 0 ? "zero" : "axis" }),
        draw("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, short(value)),
      ]),
      areaBelow(days, opening, { x, y, start, right }),
      safety ? [
        draw("line", { x1: left, x2: right, y1: y(safety), y2: y(safety), class: "safety" }),
      ] : [],
      draw("path", { d: path, class: "run" }),
      firstShort !== null && firstShort >= start && firstShort <= end ? [
        draw("line", { x1: x(firstShort), x2: x(firstShort), y1: top, y2: middle + 32, class: "mark" }),
        draw("text", { x: x(firstShort) + (shortLeft ? -4 : 4), y: 12, "text-anchor": shortLeft ? "end" : "start", class: "bad" },
          `first short ${site.first_short_date}`),
      ] : [],
      draw("line", { x1: left, x2: right, y1: middle, y2: middle, class: "zero" }),
      draw("text", { x: left - 5, y: middle - 12, "text-anchor": "end" }, "in"),
      draw("text", { x: left - 5, y: middle + 20, "text-anchor": "end" }, "out"),
      days.map((one) => [
        one.came ? draw("rect", { x: x(one.at) - wide / 2, y: middle - up(one.came), width: wide, height: up(one.came), class: "in" }) : null,
        one.went ? draw("rect", { x: x(one.at) - wide / 2, y: middle, width: wide, height: up(-one.went), class: "out" }) : null,
      ].filter(Boolean)),
      dates.map((at) => draw("text", { x: Math.min(Math.max(x(at), left + 12), right - 16), y: 286, "text-anchor": "middle" }, dateOf(at).slice(5))),
      cursor);
  });
  const entries = [["run", true, `left after, ${uom}`], ["in", false, "supply"], ["out", false, "demand"]];
  if (safety) entries.push(["safety", true, "safety stock"]);
  if (lowest < 0) entries.push(["below", false, "below zero"]);
  return make("figure", null, drawing, keyOf(entries), reader("Read day by day", days.length, (at) => spoken(days[at], uom), (at) => cursorAt.move(at)));
}

function areaBelow(days, opening, { x, y, start, right }) {
  const pieces = [];
  let from = start;
  let value = opening;
  for (const one of [...days, null]) {
    const to = one ? x(one.at) : right;
    if (value < 0) pieces.push(draw("rect", { x: x(from), y: y(0), width: Math.max(0, to - x(from)), height: y(value) - y(0), class: "below" }));
    if (one) [from, value] = [one.at, one.left];
  }
  return pieces;
}

function spoken(one, uom) {
  const things = one.rows.slice(0, 3).map((row) => `${shown(row.qty)} ${nameOf(row)}`);
  if (one.rows.length > 3) things.push(`and ${one.rows.length - 3} more`);
  return `${dateOf(one.at)}: ${shown(one.leftText)} ${uom} left after ${things.join(", ")}.`;
}
