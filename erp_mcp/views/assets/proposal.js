// A proposal as a card: what would change, what was looked at, where it stands, who decides and where. Nothing to press.

const STATES = {
  AWAITING_APPROVAL: ["Waits for a decision", null], APPROVED: ["Approved, not written yet", null],
  CLAIMED: ["Being written", null], SENDING: ["Being written", null], AWAITING_ACK: ["Sent, not confirmed yet", null],
  COMMITTED: ["Written", "good"], REJECTED: ["A person said no", "bad"], EXPIRED: ["Expired", null],
  CANCELLED: ["Taken back by its agent", null], DENIED: ["Not allowed", "bad"], STALE: ["The record has changed", "bad"],
  REFUSED_BY_SYSTEM: ["Refused by the system", "bad"], UNKNOWN: ["Outcome not known", "bad"],
  RECONCILING: ["Outcome being looked up", "bad"], NOT_APPLIED: ["Not written", "bad"],
  PARTIALLY_COMMITTED: ["Written in part", "bad"], NEEDS_HUMAN: ["A person must look", "bad"],
  COMPENSATING: ["Being taken back", "bad"], COMPENSATED: ["Taken back", null], COMPENSATION_STUCK: ["Stuck, a person must look", "bad"],
};
const VERDICTS = { ok: "ok", flag: "look at it", person: "not known here, find out", refuse: "refused" };
const FACTS = "io.erp-mcp/card";
// What a person would not see, what moves other signs, and spaces that are not the usual one.
const HIDDEN = /^(?:[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]|(?! )\p{Zs})$/u;
const MARK = /^[\p{Mn}\p{Me}]$/u;
const LATIN = /[A-Za-z]/;
const FOREIGN = /^[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}]$/u;
const ALIKE = /^[АВЕЅІЈКМНОРСТУХаеѕіјкорсухԁԛԝһӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧοѕ]+$/;
const SIGNS = "µμΩ"; // of units
const PLAIN = /^[A-Za-z0-9._:/-]{1,64}$/;
const LONG = 8; // characters; shorter texts stand in others by chance
const STYLED = /^[\p{Lu}\p{Ll}\p{Nd}]$/u;

function picture(answer, asked, beside) {
  const proposal = rowsOf(answer, "proposal")[0];
  if (!proposal) return [heading(), make("p", { role: "status" }, "Nothing found.")];
  const facts = Object.hasOwn(beside, FACTS) && beside[FACTS] ? beside[FACTS] : {};
  const [state, tone] = Object.hasOwn(STATES, proposal.state) ? STATES[proposal.state] : [plain(proposal.state), null];
  const waits = proposal.waiting_for === "approval";
  const said = wordsOf(facts, asked);
  return [
    make("h1", null, marked(proposal.headline, said)),
    make("p", null, make("span", { class: tone ? `badge ${tone}` : "badge" }, state)),
    make("div", { class: "card" }, figures([
      ["Reference", plain(proposal.proposal_id)], ["Document", plain(proposal.document)], ["System", plain(proposal.system)],
      ["Class", plain(facts.risk)], ["Decide until", waits ? minute(proposal.expires_at) : ""],
      ["Why it stands there", plain(words(proposal.reason))], ["Asked for by", plain(facts.agent)],
    ])),
    waits ? decides(proposal, facts) : null,
    changes(rowsOf(answer, "changes"), said, waits),
    checks(rowsOf(answer, "checks")),
    listed("What follows", rowsOf(answer, "effects").map((one) => one.effect), said),
    receipt(rowsOf(answer, "receipt")),
    agentsWords(said.reason),
    make("p", { class: "soft" }, "This card decides nothing, and nothing said to the agent does."),
  ];
}

// Text as text, and what hides in it as its code.
function plain(value) {
  return visible(shown(value));
}

function visible(text) {
  const posing = posingIn(text);
  let marks = 0;
  let at = 0;
  let out = "";
  for (const one of text) {
    marks = MARK.test(one) ? marks + 1 : 0;
    const code = `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
    out += marks > 2 || HIDDEN.test(one) ? code : posing.has(at) ? one + code : one;
    at += one.length;
  }
  return out;
}

// What the agent wrote itself: the reason, and every other text of its call that no id, code, date or number can be.
function wordsOf(facts, asked) {
  const given = typeof facts.reason === "string" ? facts : asked && typeof asked === "object" ? asked : {};
  const texts = Array.isArray(facts.texts) ? facts.texts : textsIn(given, 0);
  const found = texts.filter((text) => typeof text === "string" && !PLAIN.test(text)).map(flat).filter(has);
  return { reason: typeof given.reason === "string" ? given.reason : "", texts: found };
}

function textsIn(value, depth) {
  if (typeof value === "string") return [value];
  return value && typeof value === "object" && depth < 6 ? Object.values(value).flatMap((one) => textsIn(one, depth + 1)) : [];
}

function flat(text) {
  return [...text.normalize("NFC")].filter((one) => one === "\n" || !HIDDEN.test(one)).join("").split(/\s+/).join(" ").trim();
}

function says(value, said) {
  const text = flat(shown(value));
  return said.texts.some((one) => text === one || (one.length >= LONG && text.includes(one)));
}

// A text of the card, with a word of warning where the agent's own stand in it.
function marked(value, said) {
  return [plain(value), says(value, said) ? make("span", { class: "badge bad" }, "agent's words") : null].flatMap((one) => one ? [one, " "] : []);
}

// Where letters stand that look like others: of another script among Latin ones, or a letter in another dress.
function posingIn(text) {
  const found = new Set();
  const latin = LATIN.test(text);
  for (const word of text.matchAll(/[\p{L}\p{N}_]+/gu)) {
    const foreign = LATIN.test(word[0]) || (latin && ALIKE.test(word[0]));
    let at = word.index;
    for (const one of word[0]) {
      if (isStyled(one) || (foreign && !SIGNS.includes(one) && FOREIGN.test(one))) found.add(at);
      at += one.length;
    }
  }
  return found;
}

function isStyled(one) {
  return one > "~" && STYLED.test(one) && !SIGNS.includes(one) && /^[\x21-\x7e]$/.test(one.normalize("NFKC"));
}

function minute(instant) {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2})?Z$/.exec(instant || "");
  return parts ? `${parts[1]} ${parts[2]} UTC` : plain(instant);
}

function decides(proposal, facts) {
  const people = number(facts.needed);
  const who = people === null ? "People whom the policy names decide" : people === 1 ? "One person whom the policy names decides"
    : `${people} different people whom the policy names decide`;
  const ways = [
    has(facts.page) ? ["On the approver's page: ", make("code", null, plain(facts.page))] : null,
    ["In a terminal: ", make("code", null, plain(has(facts.command) ? facts.command : `erp-mcp approvals show ${shown(proposal.proposal_id)}`))],
  ].filter(Boolean);
  return make("section", null, make("h2", null, "Who decides"),
    make("p", null, `${who}, under their own name and outside of this conversation. Until then nothing is written.`),
    make("ul", { class: "said" }, ways.map((way) => make("li", null, way))));
}

function changes(found, said, waits) {
  if (!found.length) return null;
  const records = found.map((one) => ({
    field: `${plain(words(one.field))}${says(one.after, said) ? " (agent's words)" : ""}`, before: has(one.before) ? plain(one.before) : "–", after: `→ ${has(one.after) ? plain(one.after) : "–"}`,
    unit: plain(one.unit),
  }));
  return make("section", null, make("h2", null, waits ? "What would change" : "What was asked for"),
    table("Each field before and after", [["field", "Field"], ["before", "Before"], ["after", "After"], ["unit", "Unit"]], records));
}

function checks(found) {
  if (!found.length) return null;
  const flags = found.filter((one) => one.verdict !== "ok");
  const records = [...flags, ...found.filter((one) => one.verdict === "ok")].map((one) => ({
    verdict: Object.hasOwn(VERDICTS, one.verdict) ? VERDICTS[one.verdict] : plain(one.verdict), rule: plain(one.rule), message: plain(one.message),
  }));
  const gist = flags.length ? `${flags.length} of ${found.length} ${flags.length === 1 ? "asks" : "ask"} for a look.` : "Nothing stands out.";
  return make("section", null, make("h2", null, "What was looked at"), make("p", { class: flags.length ? "bad" : "good" }, gist),
    table("Business rules", [["verdict", "Verdict"], ["rule", "Rule"], ["message", "What it says"]], records));
}

function listed(title, texts, said) {
  return texts.length ? make("section", null, make("h2", null, title),
    make("ul", { class: "said" }, texts.map((text) => make("li", null, marked(text, said))))) : null;
}

function receipt(found) {
  if (!found.length) return null;
  const records = found.map((one) => ({
    document: plain(one.document), version: plain(one.version), committed_at: plain(one.committed_at), found: plain(words(one.found)),
  }));
  return make("section", null, make("h2", null, "Receipt"), table("What was written", [
    ["document", "Document"], ["version", "Version"], ["committed_at", "When"], ["found", "How it is known"],
  ], records));
}

function agentsWords(text) {
  return has(text) ? make("section", null, make("h2", null, "The agent's own words"),
    make("p", { class: "bad" }, "Untrusted: an agent wrote this and nobody has checked it."),
    make("blockquote", null, plain(text))) : null;
}
