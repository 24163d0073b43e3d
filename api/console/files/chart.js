// @ts-check
// Charts: specifications that stand in the page, drawn by Vega with its interpreter, so that no text is evaluated.

const page = document.documentElement;
const drawn = new Map();
const SOON = 30;  // milliseconds until the page is looked at again for what has come

/** Colours of charts on paper, and the style sheet's in their place. */
const COLOURS = {
  white: "--panel",
  "#222222": "--text",
  "#666666": "--quiet",
  "#E4E4E4": "--line",
  "#BDBDBD": "--outage",
  "#EDEDED": "--partial",
  "#F0F0F0": "--land",
  "#C6DBEF": "--map-least",
  "#08306B": "--map-most",
  "#0072B2": "--line-1",
  "#D55E00": "--line-2",
  "#009E73": "--line-3",
  "#CC79A7": "--line-4",
  "#E69F00": "--line-5",
  "#56B4E9": "--line-6",
  "#000000": "--line-7",
  "#7F7F7F": "--line-8",
  "#8C6D1F": "--event",
};

const paint = document.createElement("i");  // says what a colour of the style sheet is in this theme

/** @param {string} colour @returns {string} as the page has it now */
function toned(colour) {
  paint.style.color = `var(${COLOURS[/** @type {keyof typeof COLOURS} */ (colour)]})`;
  return getComputedStyle(paint).color;
}

/** @param {unknown} part @returns {any} a specification in the page's colours */
function coloured(part) {
  if (typeof part === "string" && part in COLOURS) return toned(part);
  if (Array.isArray(part)) return part.map(coloured);
  if (part && typeof part === "object") {
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, name === "arcs" ? inner : coloured(inner)]));
  }
  return part;
}

const LENGTHS = /FontSize$|^(fontSize|strokeWidth|gradientThickness|gradientLength|padding|labelLimit)$/;

/** @param {any} part @param {number} factor @returns {any} letters, lines and marks as large as the page's: a wall is read from afar */
function sized(part, factor) {
  if (Array.isArray(part)) return part.map((inner) => sized(inner, factor));
  if (!part || typeof part !== "object") return part;
  return Object.fromEntries(Object.entries(part).map(([name, inner]) => {
    if (name === "values" || name === "data") return [name, inner];
    if (typeof inner !== "number") return [name, sized(inner, factor)];
    return [name, LENGTHS.test(name) ? Math.round(inner * factor * 10) / 10 : name === "size" ? inner * factor ** 2 : inner];
  }));
}

const vega = new Promise((done) => {
  if ("vegaEmbed" in window) done(undefined);
  else document.getElementById("vega")?.addEventListener("load", done);
});

/** @param {ParentNode} within draw all charts of a part of the page; those that are gone from it are let go */
export async function draw(within = document) {
  for (const [plot, result] of drawn) {
    if (plot.isConnected) continue;
    result.finalize();
    drawn.delete(plot);
  }
  for (const figure of within.querySelectorAll("figure.chart")) await one(/** @type {HTMLElement} */ (figure));
}

/** Draw each chart when it has come: a page comes piece by piece, and what follows a figure says that it is whole. */
async function arriving() {
  await vega;
  const waiting = "figure.chart:not(.drawn)";
  for (let there = false; !there || document.querySelector(waiting);) {
    there = document.readyState !== "loading";
    for (const figure of document.querySelectorAll(waiting)) {
      if (there || figure.nextSibling) await one(/** @type {HTMLElement} */ (figure));
    }
    if (!there) await new Promise((done) => setTimeout(done, SOON));
  }
}

/** Draw a chart, or say in its place that it cannot be: the others stand. @param {HTMLElement} figure */
async function one(figure) {
  const plot = /** @type {HTMLElement} */ (figure.querySelector(".plot"));
  try {
    await inside(figure, plot);
  } catch (error) {
    console.error(error);
    plot.textContent = document.getElementById("texts")?.dataset.problem ?? "";
  }
  figure.classList.add("drawn");
}

/** @param {HTMLElement} figure @param {HTMLElement} plot */
async function inside(figure, plot) {
  const whole = JSON.parse(figure.querySelector("script.spec")?.textContent ?? "{}");
  page.append(paint);
  const spec = sized(coloured(whole), parseFloat(getComputedStyle(page).fontSize) / 14);
  paint.remove();
  const style = getComputedStyle(document.body);
  spec.config = { ...spec.config, font: style.fontFamily, aria: false };
  drawn.get(plot)?.finalize();
  const result = await /** @type {any} */ (window).vegaEmbed(plot, spec, {
    actions: false,
    ast: true,
    defaultStyle: false,
    logLevel: 1,
    patch: exact,
    renderer: "svg",
    tooltip: tooltip(figure),
  });
  drawn.set(plot, result);
  plot.querySelector("svg")?.setAttribute("aria-hidden", "true");  // the figure says what it is, its table all of it
  if (figure.dataset.period !== undefined) zoom(figure, result.view);
  const places = figure.querySelector("script.places");
  if (places) follow(result.view, JSON.parse(places.textContent ?? "{}"));
}

/**
 * Instants as numbers: Vega's interpreter knows `datetime` by year and month alone.
 * @param {any} spec
 */
function exact(spec) {
  return JSON.parse(JSON.stringify(spec).replace(/datetime\((\d+)\)/g, "$1"));
}

/** Values under the pointer, as text. @param {HTMLElement} figure */
function tooltip(figure) {
  const box = figure.querySelector(".tip") ?? figure.appendChild(document.createElement("div"));
  box.className = "tip";
  return (/** @type {any} */ _, /** @type {MouseEvent} */ event, /** @type {any} */ __, /** @type {any} */ value) => {
    const shown = /** @type {HTMLElement} */ (box);
    if (value === null || value === undefined || value === "") {
      shown.hidden = true;
      return;
    }
    const lines = Object.entries(value).map(([name, text]) => (name.trim() ? `${name}: ${text}` : String(text)));
    shown.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
    shown.hidden = false;
    const around = figure.getBoundingClientRect();
    const left = Math.min(event.clientX - around.left + 12, around.width - shown.offsetWidth - 4);
    shown.style.left = `${Math.max(0, left)}px`;
    shown.style.top = `${event.clientY - around.top + 14}px`;
  };
}

/** A stretch that is marked becomes the period. @param {HTMLElement} figure @param {any} view */
function zoom(figure, view) {
  /** @type {number[] | undefined} */
  let marked;
  view.addSignalListener("marked", (/** @type {string} */ _, /** @type {any} */ value) => {
    marked = Object.values(value ?? {})[0];
  });
  figure.querySelector(".plot")?.addEventListener("pointerup", () => setTimeout(() => {
    if (!marked) return;
    const address = new URL(location.href);
    address.searchParams.set("period", days(marked[0], marked[1], figure.dataset.zone ?? "UTC"));
    address.searchParams.delete("against");
    location.assign(address);
  }, 50));
}

/** Days of a zone that hold two moments, as a period. @param {number} first @param {number} last @param {string} zone */
export function days(first, last, zone) {
  const day = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  const [from, to] = [day.format(first), day.format(last)];
  return from === to ? from : `${from}/${to}`;
}

/** A click on a place leads to it. @param {any} view @param {Record<string, string>} places */
function follow(view, places) {
  const at = (/** @type {any} */ item) => places[item?.datum?.name ?? item?.datum?.properties?.name];
  view.addEventListener("click", (/** @type {Event} */ _, /** @type {any} */ item) => {
    const address = at(item);
    if (address) location.assign(address);
  });
}

/** Put what the page knows of moments on the charts that are about it. */
async function mark() {
  const events = [...document.querySelectorAll("script.events")].flatMap((one) => JSON.parse(one.textContent ?? "[]"));
  for (const [plot, { view }] of drawn) {
    const about = plot.closest("figure")?.dataset.about?.split(" ");
    const its = events.filter((/** @type {{about: string[]}} */ one) => !one.about.length || one.about.some((value) => about?.includes(value)));
    if (about && its.length) await view.data("events", its).runAsync();
  }
}

/** What is worth a paragraph: looked for when the page is there, for that takes seconds. */
export async function note() {
  await mark();
  const section = document.querySelector("section[data-noted]");
  if (!(section instanceof HTMLElement)) return;
  const noted = /** @type {HTMLElement} */ (section.querySelector("#noted"));
  const answer = await fetch(section.dataset.noted ?? "").catch(() => null);
  const told = new DOMParser().parseFromString((await answer?.text()) ?? "", "text/html");
  const fresh = told.getElementById("noted") ?? told.querySelector("main .problem");
  if (fresh) noted.replaceWith(fresh);
  else noted.textContent = document.getElementById("texts")?.dataset.problem ?? "";
  await mark();
}

await arriving();
await note();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
