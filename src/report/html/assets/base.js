// What everything else is built with: elements made of text (never of markup), figures as people read them, and the state of the page.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// Instead of what was there.
function put(box, ...children) {
  box.replaceChildren();
  fill(box, {}, children);
}

// A series is one number for all points, or one per point.
const at = (series, i) => (series === undefined || series === null ? null : Array.isArray(series) ? (series[i] ?? null) : series);
const or0 = (series, i) => at(series, i) ?? 0;

function three(value) {
  const size = Math.abs(value);
  if (size >= 99.95) return value.toFixed(0);
  const text = value.toFixed(size >= 9.995 ? 1 : size >= 0.9995 ? 2 : size >= 0.0995 ? 3 : 4);
  return text.replace(/\.?0+$/, "");
}

function count(n) {
  if (n < 10000) return three(n);
  return n < 999500 ? three(n / 1e3) + "k" : three(n / 1e6) + "M";
}

function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.0009995) return three(seconds * 1e6) + " µs";
  if (size < 0.9995) return three(seconds * 1e3) + " ms";
  if (size < 119.95) return three(seconds) + " s";
  const minutes = Math.floor(Math.round(size) / 60);
  return minutes + "m" + (Math.round(size) % 60 ? " " + String(Math.round(size) % 60).padStart(2, "0") + "s" : "");
}

const clock = (seconds) => (Math.round(seconds * 10) / 10).toString() + " s";
const rate = (perSecond) => count(perSecond) + "/s";

// What rounds to all or nothing and is not, keeps its digits.
function percent(share) {
  const value = share * 100;
  const edge = Math.min(Math.abs(value), Math.abs(100 - value));
  return (edge === 0 ? value.toFixed(0) : edge < 0.095 ? value.toFixed(2) : value.toFixed(1)).replace(/\.0+$/, "") + " %";
}

const short = (text, length) => {
  const letters = [...text];
  return letters.length > length ? letters.slice(0, length - 1).join("") + "…" : text;
};

const arrow = (text) => text.replace(" -> ", " → ");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// The run that is shown, and the time at which it is looked at. Whoever draws asks to be told.
const state = {
  run: 0,
  time: 0,
  listeners: { run: [], time: [], theme: [], focus: [] },
  on(what, listener) {
    this.listeners[what].push(listener);
  },
  tell(what, value) {
    for (const listener of this.listeners[what]) listener(value);
  },
  show(run) {
    this.run = run;
    this.tell("run");
    this.seek(this.time);
  },
  seek(time) {
    const run = shown();
    this.time = Math.max(0, Math.min(time, (run.points - 1) * run.step));
    this.tell("time");
  },
  point() {
    return Math.min(shown().points - 1, Math.max(0, Math.floor(this.time / shown().step + 1e-9)));
  },
};

const shown = () => data.runs[state.run];
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Lines of several things of one kind: neighbours differ in colour and in dash, so that grey is enough.
const LINES = ["blue", "orange", "dark", "green", "purple", "red", "sky"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const line = (i) => ({ ink: LINES[i % LINES.length], dash: DASHES[Math.floor(i / LINES.length) % DASHES.length] });
