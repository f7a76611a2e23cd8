// Pieces every picture is made of. Text of an answer reaches the page by textContent only, so it stays text.

// Some hosts put the whole page into the body of one of their own, where a policy counts for nothing: it moves to the
// head, and from then on nothing runs but this script.
document.head.append(...document.body.querySelectorAll('meta[http-equiv="Content-Security-Policy"]'));

function make(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function draw(name, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== "") {
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
  return node;
}

// A table of an answer as a list of records by column name.
function rowsOf(answer, name) {
  const table = answer.tables && answer.tables[name];
  if (!table || !Array.isArray(table.rows)) return [];
  return table.rows.map((row) => Object.fromEntries(table.columns.map((column, at) => [column, row[at]])));
}

function has(value) {
  return value !== null && value !== undefined && value !== "";
}

// Quantities are exact decimal text; only their place in a picture goes by a float. A masked cell has none.
function number(value) {
  const read = typeof value === "number" ? value : /^-?\d+(\.\d+)?$/.test(value || "") ? Number(value) : NaN;
  return Number.isFinite(read) ? read : null;
}

function words(code) {
  return has(code) ? String(code).replaceAll("_", " ") : "";
}

function shown(value) {
  if (Array.isArray(value)) return value.join(", ");
  return value === true ? "yes" : value === false ? "no" : has(value) ? String(value) : "";
}

// Ids, dates and quantities stay in one piece; words may wrap.
function cell(text, kind) {
  return make("td", { class: kind || (text.includes(" ") ? null : "tight") }, text);
}

// columns: [key, heading, "number" where it is one]
function table(caption, columns, records) {
  const head = make("tr", null, columns.map(([, heading]) => make("th", { scope: "col" }, heading)));
  const body = records.map((record) =>
    make("tr", null, columns.map(([key, , kind]) => cell(shown(record[key]), kind))));
  const whole = make("table", null, make("caption", null, caption), make("thead", null, head), make("tbody", null, body));
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

function folded(title, ...children) {
  return make("details", null, make("summary", null, title), ...children);
}

function figures(pairs) {
  const known = pairs.filter(([, value]) => has(value));
  return make("dl", { class: "figures" }, known.map(([name, value, kind]) =>
    make("div", null, make("dt", null, name), make("dd", { class: kind || null }, value))));
}

function age(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 120) return `${seconds} s old`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min old` : `${Math.round(seconds / 3600)} h old`;
}

// What every answer says of itself: whether it is whole, what it is without, and where it is from.
function remarks(answer) {
  const said = (answer.warnings || []).map((warning) => make("li", null, warning));
  if (answer.next_cursor) said.unshift(make("li", null, "This is one page of the answer; more rows follow on the next."));
  if (answer.complete === false) said.unshift(make("li", null, "This answer is not complete."));
  return said.length ? make("div", { class: "notice", role: "note" }, make("ul", { class: "plain" }, said)) : null;
}

function provenance(answer) {
  const from = (answer.sources || []).map((source) => {
    const late = source.stale ? ", older than it should be" : "";
    return `${source.system}${source.via === "live" ? " (live)" : ""} as of ${source.as_of} (${age(source.age_s)}${late})`;
  });
  const rule = answer.definition_id ? ` Definition ${answer.definition_id}.` : "";
  return make("footer", null, `From ${from.join("; ") || (answer.tables.proposal ? "the gateway's own records" : "no source")}.${rule} Call ${answer.call_id || "unknown"}.`);
}

// A linear scale from numbers to places.
function scale(low, high, start, end) {
  const span = high - low || 1;
  return (value) => start + ((value - low) / span) * (end - start);
}

// Round numbers that cut [low, high] into about `count` parts.
function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at += 1) found.push(at * step);
  return found;
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toFixed(1)} M`;
  return size >= 1e4 ? `${+(value / 1e3).toFixed(1)} k` : String(+value.toFixed(2));
}

const DAY = 86400000;
function day(text) {
  return /^\d{4}-\d{2}-\d{2}/.test(text || "") ? Date.parse(`${text.slice(0, 10)}T00:00:00Z`) / DAY : null;
}
function dateOf(days) {
  return new Date(days * DAY).toISOString().slice(0, 10);
}

// Draws at the width there is, and again when it changes.
function fitting(paint) {
  const frame = make("div", null);
  let width = 0;
  const again = () => {
    const now = Math.max(240, Math.floor(frame.clientWidth));
    if (now !== width) {
      width = now;
      frame.replaceChildren(paint(width));
    }
  };
  new ResizeObserver(again).observe(frame);
  return frame;
}

function keyOf(entries) {
  return make("ul", { class: "key", "aria-hidden": "true" }, entries.map(([kind, line, text]) => {
    const sign = draw("svg", { width: 18, height: 10 }, line
      ? draw("line", { x1: 0, x2: 18, y1: 5, y2: 5, class: kind })
      : draw("rect", { x: 3, y: 0, width: 12, height: 10, class: kind }));
    return make("li", null, sign, text);
  }));
}

// A slider by which pointer, finger and keyboard read a chart value by value; `say` gives the words.
function reader(label, count, say, moved) {
  const input = make("input", { type: "range", min: 0, max: count - 1, value: 0, step: 1 });
  const output = make("output", { "aria-live": "polite" });
  const told = () => {
    const at = Number(input.value);
    output.textContent = say(at);
    input.setAttribute("aria-valuetext", output.textContent);
    moved(at);
  };
  input.addEventListener("input", told);
  output.textContent = say(0);
  input.setAttribute("aria-valuetext", output.textContent);
  return make("div", { class: "reader" }, make("label", null, label, input), output);
}
