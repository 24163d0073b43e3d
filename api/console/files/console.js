// @ts-check
// What a page does beyond showing: keys, menus, copying, following the ledger. Works on what the server drew.

const base = document.body.dataset.base ?? "";
const texts = /** @type {DOMStringMap} */ (document.getElementById("texts")?.dataset ?? {});

/** @param {string} text what is said to everybody, also to who does not see the page */
function say(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}

// Menus close when one goes elsewhere.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.pick[open], details.exports[open]")) {
    if (!open.contains(/** @type {Node} */ (event.target))) open.removeAttribute("open");
  }
});

// A call is copied as curl.
document.addEventListener("click", async (event) => {
  const button = /** @type {Element} */ (event.target).closest?.("[data-curl]");
  if (!(button instanceof HTMLElement)) return;
  const address = new URL(button.dataset.curl ?? "", location.href).href;
  const key = document.body.dataset.key === undefined ? "" : "-H 'X-API-Key: KEY' ";  // the page does not know it
  await copy(`curl ${key}'${address.replaceAll("'", "%27")}'`);
  say(texts.copied ?? "");
  const shown = button.textContent;
  button.textContent = texts.copied ?? "";
  setTimeout(() => { button.textContent = shown; }, 1200);
});

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // only pages of this machine, or by TLS, have a clipboard
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// A list goes on in its place.
document.addEventListener("click", async (event) => {
  const link = /** @type {Element} */ (event.target).closest?.("a[data-more]");
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const section = /** @type {HTMLElement} */ (link.closest("section"));
  const answer = await fetch(link.href).catch(() => null);
  const fresh = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(section.id);
  const rows = fresh && fresh.querySelector("tbody")?.rows;
  if (!rows) return location.assign(link.href);  // says what is wrong
  section.querySelector("tbody")?.append(...rows);
  const more = /** @type {HTMLElement} */ (fresh.querySelector(".more"));
  link.closest(".more")?.replaceWith(more);
  /** @type {HTMLElement | null} */ (more.querySelector("[data-more]"))?.focus();
});

// Keys: one letter, or two one after the other.
const pages = { o: "/", p: "/phenomena", r: "/requests", a: "/attacks", s: "/sources", n: "/sensors" };
let before = "";
const help = /** @type {HTMLDialogElement | null} */ (document.getElementById("keys"));
document.getElementById("keys-open")?.removeAttribute("hidden");
document.getElementById("keys-open")?.addEventListener("click", () => help?.showModal());
document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const key = event.key;
  if (key === "Escape") {
    document.querySelectorAll("details[open]").forEach((one) => one.removeAttribute("open"));
    return;
  }
  const two = before === "g" ? pages[/** @type {keyof typeof pages} */ (key)] : undefined;
  before = key;
  const link = two !== undefined
    ? [...document.querySelectorAll(".top nav a")].find((one) => new URL(/** @type {HTMLAnchorElement} */ (one).href).pathname === base + two)
    : key === "t" ? [...document.querySelectorAll(".to-light, .to-dark")].find((one) => one.checkVisibility())
    : key === "l" ? document.querySelector(".own a[hreflang]")
    : document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (link instanceof HTMLAnchorElement) link.click();
  else if (key === "/") document.getElementById("search")?.focus();
  else if (key === "?") help?.showModal();
  else return;
  event.preventDefault();
});

// Zones that the browser knows.
const zones = document.getElementById("zones");
if (zones && "supportedValuesOf" in Intl) {
  zones.replaceChildren(...Intl.supportedValuesOf("timeZone").map((zone) => {
    const option = document.createElement("option");
    option.value = zone;
    return option;
  }));
}
