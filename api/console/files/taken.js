// @ts-check
// Takes a section along as a picture: what the page shows, drawn once more by the browser itself in an SVG.

const SHARP = 2;  // pixels of the picture for each one of the page
const MOST = 16000;  // pixels of a side: browsers draw no larger ones
const texts = /** @type {DOMStringMap} */ (document.getElementById("texts")?.dataset ?? {});

document.addEventListener("click", async (event) => {
  const button = /** @type {Element} */ (event.target).closest?.("[data-png]");
  const section = button?.closest("section");
  if (!(button instanceof HTMLElement) || !section) return;
  try {
    const link = document.createElement("a");
    link.download = `${button.dataset.png}.png`;
    link.href = URL.createObjectURL(await picture(section));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch {
    const said = document.getElementById("said");
    if (said) said.textContent = texts.failed ?? "";
    button.textContent = texts.failed ?? "";
  }
});

/** @param {HTMLElement} section @returns {Promise<Blob>} a PNG of it, with what it is about below */
async function picture(section) {
  const root = document.documentElement;
  const copy = /** @type {HTMLElement} */ (section.cloneNode(true));
  copy.querySelectorAll("script, noscript, .exports, .drawn-as, .tip, .more a").forEach((one) => one.remove());
  const about = copy.appendChild(document.createElement("p"));
  about.className = "note";
  about.textContent = [...document.querySelectorAll("h1, .when, .pick summary, .chips li")]
    .map((one) => one.textContent?.trim().replace(/\s+/g, " ")).join(" · ");
  const [width, height] = room(copy, section.getBoundingClientRect().width);
  const body = document.createElement("body");
  const style = `${rules()} :root { font-size: ${getComputedStyle(root).fontSize} } body { background: var(--panel); color: var(--text) }`;
  body.append(Object.assign(document.createElement("style"), { textContent: style }), copy);
  const text = new XMLSerializer().serializeToString(body).replace(/url\([^)#]*#/g, "url(#");  // of colours within it
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" lang="${root.lang}" data-theme="${isDark() ? "dark" : "light"}">`
    + `<foreignObject width="100%" height="100%">${text}</foreignObject></svg>`;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  const scale = Math.min(SHARP, MOST / width, MOST / height);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.scale(scale, scale);
  pen.drawImage(image, 0, 0);
  return new Promise((done, failed) => canvas.toBlob((made) => (made ? done(made) : failed(new Error("no picture")))));
}

/** @param {HTMLElement} copy @param {number} width @returns {[number, number]} what it takes, its tables whole */
function room(copy, width) {
  copy.classList.add("taken");
  document.body.append(copy);
  copy.style.width = `${width}px`;
  const hidden = [...copy.querySelectorAll(".scroll")].map((one) => one.scrollWidth - one.clientWidth);
  copy.style.width = `${Math.ceil(width + Math.max(0, ...hidden))}px`;
  const { width: across, height } = copy.getBoundingClientRect();
  copy.remove();
  copy.classList.remove("taken");
  return [Math.ceil(across), Math.ceil(height)];
}

/** What the style sheet says for this window: a picture is no window. */
function rules() {
  const all = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
  return all.flatMap((rule) => (!(rule instanceof CSSMediaRule) ? [rule] : matchMedia(rule.conditionText).matches ? [...rule.cssRules] : []))
    .map((rule) => rule.cssText).join("\n").replace("min-height: 100vh", "");
}

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
