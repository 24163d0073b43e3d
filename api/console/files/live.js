// @ts-check
// Follows the ledger: says how old the data are, and shows the page anew when there are more. A lost connection says so
// and comes back by itself.

import { draw, note } from "./chart.js";

const SHORTEST = 5000;  // milliseconds between two looks at the page
const AGAIN = 3000;  // milliseconds until a connection is tried again
const OLD = 600;  // seconds from which on data that are followed are old

const texts = /** @type {DOMStringMap} */ (document.getElementById("texts")?.dataset ?? {});
const live = document.getElementById("live");
let shown = performance.now();  // when the page was drawn
let looked = 0;
let waiting = false;
let lost = false;

/** @param {number} seconds as `figures.stretch` writes it */
function stretch(seconds) {
  const units = (texts.units ?? "").split(" ");
  for (const [place, [size, least]] of [[86400, 2], [3600, 2], [60, 1]].entries()) {
    if (seconds >= least * size) return `${Math.floor(seconds / size).toLocaleString("en")} ${units[place]}`;
  }
  return `${Math.max(0, Math.floor(seconds))} ${units[3]}`;
}

function tell() {
  const state = document.getElementById("state");
  if (!state?.dataset.age) return;
  const age = Number(state.dataset.age) + (performance.now() - shown) / 1000;
  state.classList.toggle("lost", lost);
  state.classList.toggle("old", !lost && live !== null && age > OLD);
  state.textContent = lost ? `${texts.lost} · ${texts.old?.replace("{age}", stretch(age))}` : texts.old?.replace("{age}", stretch(age)) ?? "";
}

/** @param {boolean} now whether the connection is lost */
function connected(now) {
  if (now !== lost) {
    lost = now;
    live?.classList.toggle("lost", lost);
    const said = document.getElementById("said");
    if (said) said.textContent = (lost ? texts.lost : texts.back) ?? "";
  }
  tell();
}

/** Show the page as it is now, in place of what is shown. */
async function look() {
  const wait = looked + SHORTEST - Date.now();
  if (waiting) return;
  waiting = true;
  await new Promise((done) => setTimeout(done, Math.max(0, wait)));
  waiting = false;
  looked = Date.now();
  try {
    const answer = await fetch(location.href);
    if (answer.redirected) return location.reload();  // the session is over
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const state = document.getElementById("state");
    const main = document.getElementById("main");
    const age = fresh.getElementById("state")?.dataset.age;
    if (state && age) {
      state.dataset.age = age;
      shown = performance.now();
    }
    const open = main?.querySelector("details[open]") || main?.contains(document.activeElement);
    if (main && !open) {  // nothing is taken from under somebody's hands
      main.replaceChildren(...(fresh.getElementById("main")?.childNodes ?? []));
      await draw(main);
      await note();
    }
    tell();
  } catch {
    connected(true);
  }
}

function follow() {
  const stream = new EventSource(/** @type {HTMLElement} */ (live).dataset.stream ?? "");
  let version = "";
  stream.onopen = () => connected(false);
  stream.addEventListener("trend", (event) => {
    connected(false);
    if (version && version !== event.lastEventId) look();
    version = event.lastEventId;
  });
  stream.onerror = () => {
    connected(true);
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN);
  };
}

setInterval(tell, 1000);
if (live?.dataset.stream) follow();
