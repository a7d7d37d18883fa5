// Interactive charts: one zoom and one cursor for all, faults shaded, the replay's time as a line in each.

const charts = { all: [], client: null, moving: false };
// Lines of a chart of components; more nobody follows.
const MOST_LINES = 7;

const AXES = {
  rate: (v) => (v === null ? "–" : rate(v)),
  seconds: (v) => span(v),
  share: (v) => (v === null ? "–" : percent(Math.round(v * 1000) / 1000)),
  times: (v) => (v === null ? "–" : "×" + v.toFixed(2)),
  number: (v) => (v === null ? "–" : count(v)),
};

const points = (run, value) => Array.from({ length: run.points }, (_, i) => value(i));
const gap = (part, whole) => (whole > 0 ? part / whole : null);
const named = (name, values, look) => ({ name, values, look });
const ink = (name, dash = [], width = 1.75) => ({ ink: name, dash, width });

// What is drawn of one run.
function ofRun(run) {
  const nodes = run.graph.nodes, clients = nodes.filter((n) => n.kind === "client"), services = nodes.filter((n) => n.kind !== "client");
  const client = clients.find((n) => n.name === charts.client) || busiest(run, clients);
  const list = [];
  if (client) {
    const s = client.series, per = (series) => points(run, (i) => or0(series, i) / run.step);
    list.push({ title: `Traffic of ${client.name}`, kind: "rate", lines: [named("offered", per(s.arrived), ink("muted", [6, 3])), named("answered in full", per(s.ok), ink("blue")), named("degraded", per(s.degraded), ink("orange", [2, 2])), named("failed", per(s.failed), ink("red", [8, 3]))] });
    const ms = (series) => points(run, (i) => micros(at(series, i)));
    list.push({ title: `Latency of ${client.name}`, kind: "seconds", lines: [named("p50", ms(s.p50), ink("sky")), named("p95", ms(s.p95), ink("blue", [6, 2])), named("p99", ms(s.p99), ink("dark", [2, 2]))] });
  }
  list.push({ title: "Requests waiting, by service", kind: "number", lines: largest(services.map((n) => named(n.name, points(run, (i) => or0(n.series.queue, i) / 10)))) });
  list.push({ title: "Workers in use, by service", kind: "share", top: 1, lines: largest(services.map((n) => named(n.name, points(run, (i) => busy(n, i))))) });
  const calls = run.graph.edges.filter((e) => e.series).map((e) => named(`${nodes[e.from].name} → ${nodes[e.to].name}${e.relation === "calls" ? "" : ` (${e.relation})`}`, points(run, (i) => gap(or0(e.series.attempts, i), or0(e.series.calls, i)))));
  const retried = calls.filter((l) => l.values.some((v) => v !== null && Math.abs(v - 1) > 0.02));
  list.push({ title: "Attempts per call", kind: "times", lines: largest(retried), none: "Every call was one attempt." });
  if (run.queues.length) list.push({ title: "Messages waiting, by queue", kind: "number", lines: largest(run.queues.map((q) => named(q.name, points(run, (i) => at(q.ready, i))))) });
  return list;
}

function busiest(run, nodes) {
  const total = (node) => points(run, (i) => or0(node.series.arrived, i)).reduce((a, b) => a + b, 0);
  return nodes.map((node) => [total(node), node]).sort((a, b) => b[0] - a[0])[0]?.[1];
}

function largest(lines) {
  const top = (line) => line.values.reduce((most, v) => Math.max(most, v ?? 0), 0);
  const kept = lines.map((l) => [top(l), l]).filter(([peak]) => peak > 0).sort((a, b) => b[0] - a[0]).slice(0, MOST_LINES).map(([, l]) => l);
  return kept.map((l, i) => ({ ...l, look: { ...line(i), dash: DASHES[i % DASHES.length] } }));
}

// What is drawn of all variants together: a line for each.
function ofAll() {
  const first = data.runs[0];
  const each = (value) => data.runs.map((run, r) => {
    const there = (i) => { const j = Math.floor((i * first.step) / run.step + 1e-9); return j < run.points ? value(run, j) : null; };
    return named(run.title, points(first, there), line(r));
  }).map((l, r) => ({ ...l, look: { ...line(r), dash: DASHES[r % DASHES.length] } }));
  const sum = (nodes, get, i) => nodes.reduce((total, node) => total + or0(get(node), i), 0);
  const clients = (run) => run.graph.nodes.filter((n) => n.kind === "client");
  const useful = (run, i) => sum(clients(run), (n) => n.series.ok, i) + sum(clients(run), (n) => n.series.degraded, i);
  return [
    { variants: true, title: "Useful answers, all clients", kind: "rate", lines: each((run, i) => useful(run, i) / run.step) },
    { variants: true, title: "Success, all clients", kind: "share", top: 1, lines: each((run, i) => gap(useful(run, i), useful(run, i) + sum(clients(run), (n) => n.series.failed, i))) },
    { variants: true, title: "p99 of the slowest client", kind: "seconds", lines: each((run, i) => { const all = clients(run).map((n) => at(n.series.p99, i)).filter((v) => v !== null); return all.length ? Math.max(...all) / 1e6 : null; }) },
    { variants: true, title: "Requests waiting, all services", kind: "number", lines: each((run, i) => sum(run.graph.nodes, (n) => n.series.queue, i) / 10) },
    { variants: true, title: "Attempts per call, all calls", kind: "times", lines: each((run, i) => gap(sum(run.graph.edges, (e) => e.series?.attempts, i), sum(run.graph.edges, (e) => e.series?.calls, i))) },
  ];
}

function buildCharts() {
  for (const chart of charts.all) chart.plot.destroy();
  charts.all = [];
  const body = byId("charts-body"), run = shown();
  const zoom = (from, until) => charts.all.forEach(({ plot }) => plot.setScale("x", { min: from, max: until }));
  const whole = () => zoom(0, (run.points - 1) * run.step);
  const clients = run.graph.nodes.filter((n) => n.kind === "client");
  const picker = clients.length > 1 ? el("label", {}, "Client ", el("select", { id: "client", onchange: (e) => { charts.client = e.target.value; buildCharts(); } },
    clients.map((n) => el("option", { value: n.name, selected: n.name === (charts.client || busiest(run, clients)?.name) }, n.name)))) : null;
  const buttons = run.faults.slice(0, 6).map((fault) => el("button", { type: "button", onclick: () => {
    const margin = Math.max(10 * run.step, (fault.until - fault.from) * 0.5);
    zoom(Math.max(0, fault.from - margin), Math.min((run.points - 1) * run.step, fault.until + 2 * margin));
  } }, "Zoom to " + short(fault.name, 24)));
  put(body, el("div", { class: "controls" }, picker, buttons, el("button", { type: "button", id: "whole", onclick: whole }, "Whole run")));
  if (data.runs.length > 1) {
    body.append(el("h3", {}, "All variants"), el("div", { class: "charts" }, ofAll().map((what) => chart(data.runs[0], what))), el("h3", {}, "Only ", run.title));
  }
  body.append(el("div", { class: "charts" }, ofRun(run).map((what) => chart(run, what))));
  for (const made of charts.all) made.attach();
  whole();
  followTime();
}

function chart(run, what) {
  const box = el("figure", { class: "chart" }, el("figcaption", {}, what.title));
  if (!what.lines.length) {
    box.append(el("p", { class: "muted" }, what.none || "Nothing to show: it was zero all the time."));
    return box;
  }
  const format = AXES[what.kind], keys = [];
  const made = { plot: null, box, cursor: el("div", { class: "now-line" }) };
  made.attach = () => {
    const xs = points(run, (i) => i * run.step);
    made.plot = new uPlot(options(run, what, made, box.clientWidth || 480, (u) => values(u)), [xs, ...what.lines.map((l) => l.values)], box);
    made.plot.over.append(made.cursor);
    clickToSeek(made.plot);
    const legend = el("div", { class: "chart-legend" }, what.lines.map((l, k) => {
      const sample = svg("svg", { width: 22, height: 8, "aria-hidden": "true" }, svg("line", { x1: 0, x2: 22, y1: 4, y2: 4, "stroke-dasharray": l.look.dash.join(" "), class: "sample " + l.look.ink }));
      const value = el("span", { class: "value" });
      keys.push(value);
      const key = el("button", { type: "button", "aria-pressed": "true", title: "Show or hide", onclick: () => {
        const show = key.getAttribute("aria-pressed") !== "true";
        key.setAttribute("aria-pressed", String(show));
        for (const other of charts.all) {
          // In charts of variants a name is the same line everywhere.
          const place = other === made ? k : other.what.variants && what.variants ? k : -1;
          if (place >= 0) other.plot.setSeries(place + 1, { show });
        }
      } }, sample, " ", l.name, " ", value);
      return key;
    }));
    box.append(legend);
    values(made.plot);
  };
  const values = (u) => {
    const i = u.cursor.idx ?? Math.min(run.points - 1, Math.round(state.time / run.step));
    keys.forEach((key, k) => { key.textContent = format(what.lines[k].values[i] ?? null); });
  };
  made.values = values;
  made.what = what;
  charts.all.push(made);
  return box;
}

function options(run, what, made, width, cursorMoved) {
  const format = AXES[what.kind];
  const axis = { stroke: () => colour("muted"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { stroke: () => colour("grid"), width: 1, size: 4 }, font: "12px system-ui, sans-serif" };
  return {
    width, height: 200, legend: { show: false }, pxAlign: true,
    cursor: { sync: { key: "time" }, drag: { x: true, y: false, setScale: true }, points: { size: 6 } },
    scales: { x: { time: false }, y: { range: (u, min, max) => [0, Math.max(what.top || 0, (max || 1) * 1.05)] } },
    axes: [{ ...axis, size: 32, values: (u, ticks) => ticks.map((t) => t + " s"), space: 64 }, { ...axis, size: 66, values: (u, ticks) => ticks.map(format), space: 34 }],
    series: [{}, ...what.lines.map((l) => ({ label: l.name, stroke: () => colour(l.look.ink), width: l.look.width || 1.75, dash: l.look.dash, points: { show: false }, spanGaps: false }))],
    hooks: {
      drawClear: [(u) => shade(u, run)],
      setScale: [(u, key) => {
        if (key !== "x") return;
        followLine(made);
        if (charts.moving) return;
        charts.moving = true;
        const { min, max } = u.scales.x;
        for (const { plot } of charts.all) if (plot && plot !== u) plot.setScale("x", { min, max });
        charts.moving = false;
      }],
      setCursor: [cursorMoved],
      ready: [() => followLine(made)],
    },
  };
}

// Faults, and the warm-up.
function shade(u, run) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const block = (from, until, fillStyle) => {
    const x0 = u.valToPos(from, "x", true), x1 = u.valToPos(until, "x", true);
    ctx.fillStyle = fillStyle;
    ctx.fillRect(x0, bbox.top, Math.max(2, x1 - x0), bbox.height);
  };
  if (run.warmUp > 0) block(0, run.warmUp, colour("warm"));
  for (const fault of run.faults) block(fault.from, fault.until, colour("fault-shade"));
  ctx.restore();
}

function followLine(made) {
  if (!made.plot) return;
  const x = made.plot.valToPos(state.time, "x");
  made.cursor.style.display = x >= -1 && x <= made.plot.over.clientWidth + 1 ? "block" : "none";
  made.cursor.style.transform = `translateX(${x}px)`;
}

function followTime() {
  for (const made of charts.all) {
    followLine(made);
    if (made.plot && made.plot.cursor.idx === null) made.values(made.plot);
  }
}

function clickToSeek(plot) {
  let down = null;
  plot.over.addEventListener("mousedown", (event) => { down = event.clientX; });
  plot.over.addEventListener("click", (event) => {
    if (down === null || Math.abs(event.clientX - down) > 3) return;
    stop();
    state.seek(plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x"));
  });
}

function resizeCharts() {
  for (const { plot, box } of charts.all) if (plot && box.clientWidth && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: 200 });
  followTime();
}
