// The host's side of the page: JSON-RPC over postMessage (MCP Apps, 2026-01-26). It asks for nothing but to be set up:
// no tool is called, no link opened and nothing is fetched from here.

const PROTOCOL = "2026-01-26";
const view = document.getElementById("view");
let context = {};
let input = {};

function send(message) {
  window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
}

function put(...nodes) {
  view.replaceChildren(...nodes.filter(Boolean));
  view.setAttribute("aria-busy", "false");
}

function heading() {
  return make("h1", null, document.title);
}

function told(text, advice) {
  put(heading(), make("p", { role: "status" }, text), advice ? make("p", { class: "soft" }, advice) : null);
}

function theme(change) {
  context = { ...context, ...change };
  const root = document.documentElement;
  if (context.theme === "light" || context.theme === "dark") {
    root.dataset.theme = context.theme;
    root.style.colorScheme = context.theme;
  }
  const given = (context.styles && context.styles.variables) || {};
  const pair = given["--color-background-primary"] && given["--color-text-primary"];
  // One without the other could put dark text on a dark ground.
  if (pair) {
    root.style.setProperty("--back", given["--color-background-primary"]);
    root.style.setProperty("--text", given["--color-text-primary"]);
  }
  if (given["--font-sans"]) root.style.setProperty("--font-sans", given["--font-sans"]);
}

function textOf(result) {
  return (result.content || []).filter((block) => block && block.type === "text").map((block) => block.text).join("\n");
}

function answered(result) {
  const answer = result && result.structuredContent;
  if (answer && answer.error) {
    told(`${answer.error.summary || "The call was refused."} (${answer.error.code || "no code"})`, answer.error.advice);
  } else if (answer && answer.tables) {
    try {
      put(...picture(answer, input, result._meta || {}), remarks(answer), provenance(answer));
    } catch (error) {
      told("This answer could not be drawn. Its text says the same.");
    }
  } else {
    // A host may hand over the text only; it is the whole answer as well.
    const text = result ? textOf(result) : "";
    if (text) put(heading(), make("pre", { class: "wide", tabindex: "0", role: "region", "aria-label": "Answer" }, text));
    else told("The answer is empty.");
  }
}

const notices = {
  "ui/notifications/tool-input": (params) => { input = params.arguments || {}; },
  "ui/notifications/tool-result": answered,
  "ui/notifications/tool-cancelled": () => told("The call was cancelled."),
  "ui/notifications/host-context-changed": theme,
};
const requests = { "ui/resource-teardown": () => ({}), ping: () => ({}) };
const SETUP = 1;

window.addEventListener("message", (event) => {
  const message = event.data;
  if (event.source !== window.parent || !message || message.jsonrpc !== "2.0") return;
  if (message.method && "id" in message) {
    const known = Object.hasOwn(requests, message.method);
    send(known ? { id: message.id, result: requests[message.method]() }
      : { id: message.id, error: { code: -32601, message: "Method not found" } });
  } else if (message.method) {
    if (Object.hasOwn(notices, message.method)) notices[message.method](message.params || {});
  } else if (message.id === SETUP && message.result) {
    theme(message.result.hostContext || {});
    send({ method: "ui/notifications/initialized", params: {} });
    watchSize();
  }
});

function watchSize() {
  let last = "";
  const tell = () => {
    const box = document.documentElement.getBoundingClientRect();
    const size = { width: Math.ceil(box.width), height: Math.ceil(box.height) };
    if (last !== (last = JSON.stringify(size))) send({ method: "ui/notifications/size-changed", params: size });
  };
  new ResizeObserver(tell).observe(document.documentElement);
  tell();
}

send({
  id: SETUP,
  method: "ui/initialize",
  params: {
    protocolVersion: PROTOCOL,
    appInfo: { name: document.title, version: "1" },
    appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
  },
});
