"use strict";
// Every text here comes from files or from the service and is only ever set as text, never as markup.

const $ = (id) => document.getElementById(id);
/** The daemon's clock less this one, in milliseconds. */
let skew = 0;

/** Makes an element; children are elements or texts, and what is false is left out. */
function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""),
  );
  return made;
}

const many = (number, word, plural) =>
  `${number.toLocaleString("en")} ${number === 1 ? word : plural || word + "s"}`;
/** A sentence; what stands between backticks is shown as code. */
const prose = (text) => text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? code(part) : part));
const code = (text) => make("code", {}, text);
const hidden = (text) => make("span", { class: "heard" }, text);
const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// ---- time: as the daemon's clock tells it

const now = () => Date.now() + skew;

function span(at) {
  const size = Math.abs(Math.round((now() - at) / 1000));
  const [number, unit] =
    size < 60
      ? [size, "s"]
      : size < 3600
        ? [Math.floor(size / 60), "min"]
        : size < 172800
          ? [Math.floor(size / 3600), "h"]
          : [Math.floor(size / 86400), "days"];
  return `${number} ${unit}`;
}

const TELLS = {
  past: (at) => (now() - at < 3000 ? "just now" : `${span(at)} ago`),
  lasting: (at) => span(at),
  due: (at) => (at <= now() ? "now" : `in ${span(at)}`),
};

/** How long something has lasted, as it goes on. */
const forTime = (since) => make("span", { class: "soft nowrap" }, "for ", time(since, "lasting"));

/** A time that goes on by itself: how long ago, how long already, or in how long. */
function time(text, told = "past") {
  if (!text) return make("span", {}, "never");
  const made = make("time", { datetime: text, title: new Date(text).toLocaleString(), "data-told": told });
  tick(made);
  return made;
}

function tick(node) {
  setText(node, TELLS[node.dataset.told](Date.parse(node.dateTime)));
}

// ---- drawing only what is new

/** Draws a part anew if what it shows has changed, and keeps what is open and focused in it. */
function draw(part, shows, children) {
  const mark = JSON.stringify(shows);
  if (part.mark === mark) return;
  part.mark = mark;
  const open = new Set([...part.querySelectorAll("details[open][data-key]")].map((node) => node.dataset.key));
  const focus = part.contains(document.activeElement) && document.activeElement.dataset.key;
  part.replaceChildren(...[children()].flat().filter(Boolean));
  for (const node of part.querySelectorAll("[data-key]")) {
    if (open.has(node.dataset.key)) node.open = true;
    if (focus && focus === node.dataset.key) node.focus({ preventScroll: true });
  }
}
