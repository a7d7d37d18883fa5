// The replay: the picture at a time, the slider with faults above and the story's marks below, the figures of what is chosen.

const replay = { picture: null, chosen: null, told: null, playing: null, speed: 10 };

function buildReplay() {
  const body = byId("replay-body");
  stop();
  const run = shown();
  const same = replay.picture && replay.chosen && nameOf(replay.picture.run, replay.chosen);
  replay.picture = new Picture(run, choose);
  replay.told = null;
  replay.chosen = same ? find(run, same) : null;
  const end = (run.points - 1) * run.step;
  const place = (time) => (100 * Math.min(1, Math.max(0, time / (end || 1)))).toFixed(3) + "%";

  const slider = el("input", {
    type: "range", id: "slider", min: 0, max: Math.max(0, run.points - 1), step: 1, value: state.point(), "aria-label": "Time of the replay",
    oninput: () => { stop(); state.seek(slider.value * run.step); },
  });
  const bars = run.faults.map((fault) => {
    const bar = el("button", { type: "button", class: "fault-bar", tabindex: -1, title: `${fault.name}: ${fault.what}`, onclick: () => state.seek(fault.from) },
      el("span", {}, fault.name));
    bar.style.left = place(fault.from);
    bar.style.width = `max(4px, ${(100 * Math.max(0, Math.min(fault.until, end) - fault.from) / (end || 1)).toFixed(3)}%)`;
    return bar;
  });
  const marks = run.story.map((step, i) => {
    const mark = el("button", { type: "button", class: "story-mark", "aria-label": `Step ${i + 1}, ${clock(step.at)}: ${step.who}`, title: `${clock(step.at)} ${arrow(step.who)}`, onclick: () => tell(i) }, String(i + 1));
    return mark;
  });
  const warm = el("div", { class: "warm-up", title: "warm-up" });
  warm.style.width = place(run.warmUp);
  const play = el("button", { type: "button", id: "play", class: "play", onclick: toggle });
  const speed = el("select", { id: "speed", "aria-label": "Speed of the replay", onchange: () => { replay.speed = Number(speed.value); } },
    [1, 2, 5, 10, 30, 60].map((n) => el("option", { value: n, selected: n === replay.speed }, n + "×")));
  const now = el("output", { id: "now", for: "slider" });

  const story = run.story.length
    ? el("ol", { class: "story" }, run.story.map((step, i) =>
        el("li", {}, el("button", { type: "button", onclick: () => tell(i) },
          el("span", { class: "when" }, clock(step.at)), " ", el("b", {}, arrow(step.who)), " ", step.what,
          step.because ? el("span", { class: "because" }, "because " + step.because) : null),
          step.evidence.length || step.sample ? el("p", { class: "evidence" }, step.evidence.join(" · "), step.evidence.length && step.sample ? " · " : "",
            step.sample ? el("a", { href: "#requests", onclick: (event) => { event.preventDefault(); showRequest(step.sample[0]); } }, "see " + step.sample[1]) : null) : null)))
    : el("p", { class: "muted" }, "Nothing went wrong that is worth telling.");

  put(body,
    el("div", { class: "controls" }, play, speed, now,
      el("span", { class: "legend", "aria-hidden": "true" }, Object.entries(HEALTH).map(([kind, { word, sign }]) => el("span", { class: "key " + kind }, sign + " " + word)))),
    el("div", { class: "track" }, el("div", { class: "fault-row" }, warm, bars), slider, el("div", { class: "mark-row" }, marks)),
    el("div", { class: "scroll graph-box", style: `--natural: ${replay.picture.natural}px`, tabindex: 0, role: "group", "aria-label": "Service graph, can be scrolled" }, replay.picture.element),
    run.graph.leftOut ? el("p", { class: "muted" }, `${run.graph.leftOut} more clients and services are left out of the picture: those that the story is about and the busiest are shown.`) : null,
    el("div", { class: "stage" },
      el("div", {}, el("h3", {}, "The story, step by step"), story),
      el("aside", { id: "panel", class: "panel", "aria-label": "Figures of what is chosen" })));
  replay.parts = { slider, play, now, marks, story, body };
  placeMarks();
  label();
}

// Each mark stands at its time, or as near to it as its neighbours allow.
function placeMarks() {
  const run = shown(), { marks } = replay.parts, wide = marks[0]?.parentElement.clientWidth || 0, room = Math.min(26, wide / Math.max(1, marks.length));
  const end = (run.points - 1) * run.step || 1, xs = run.story.map((step) => (step.at / end) * wide);
  xs.forEach((x, i) => { if (i > 0) xs[i] = Math.max(x, xs[i - 1] + room); });
  for (let i = xs.length - 1, limit = wide; i >= 0; i--, limit -= room) xs[i] = Math.min(xs[i], limit);
  marks.forEach((mark, i) => { mark.style.left = xs[i].toFixed(1) + "px"; });
}

function choose(kind, i) {
  replay.chosen = replay.chosen && replay.chosen.kind === kind && replay.chosen.i === i ? null : { kind, i };
  drawReplay();
  state.tell("focus");
}

const nameOf = (run, chosen) => {
  const graph = run.graph;
  if (chosen.kind === "node") return [graph.nodes[chosen.i].name];
  const edge = graph.edges[chosen.i];
  return [graph.nodes[edge.from].name, graph.nodes[edge.to].name, edge.relation];
};

function find(run, names) {
  const node = (name) => run.graph.nodes.findIndex((node) => node.name === name);
  const i = names.length === 1 ? node(names[0]) : run.graph.edges.findIndex((e) => e.from === node(names[0]) && e.to === node(names[1]) && e.relation === names[2]);
  return i < 0 ? null : { kind: names.length === 1 ? "node" : "edge", i };
}

// Jumps to a step of the story, and shows where it happened.
function tell(i) {
  stop();
  const step = shown().story[i];
  replay.told = i;
  replay.chosen = step.edge !== null ? { kind: "edge", i: step.edge } : step.nodes.length ? { kind: "node", i: step.nodes[0] } : replay.chosen;
  state.seek(step.at);
}

function drawReplay() {
  const run = shown(), i = state.point(), { slider, now, marks, story } = replay.parts;
  slider.value = i;
  slider.setAttribute("aria-valuetext", clock(state.time));
  now.textContent = clock(i * run.step) + (state.time < run.warmUp ? " · warm-up" : state.time >= run.duration ? " · drain" : "");
  replay.picture.draw(i);
  const past = run.story.filter((step) => step.at <= state.time + run.step).length - 1;
  const told = replay.told !== null && Math.abs(run.story[replay.told].at - state.time) <= run.step ? replay.told : null;
  const step = told === null ? null : run.story[told];
  replay.picture.mark(step ? step.nodes : [], step ? step.edge : null, replay.chosen);
  marks.forEach((mark, k) => {
    mark.classList.toggle("past", k <= past);
    mark.classList.toggle("current", k === told);
  });
  if (story.children) [...story.children].forEach((item, k) => {
    item.classList?.toggle("past", k <= past);
    item.classList?.toggle("current", k === told);
  });
  panel(run, i);
}

function panel(run, i) {
  const box = byId("panel");
  const row = (name, value, bar) => el("div", { class: "row" }, el("dt", {}, name), el("dd", {}, value, bar === undefined || bar === null ? null : meter(bar)));
  if (!replay.chosen) {
    const clients = run.graph.nodes.filter((node) => node.kind === "client" && or0(node.series.arrived, i) > 0).slice(0, 4);
    put(box, el("h3", {}, "At " + clock(i * run.step)), clients.length ? null : el("p", { class: "muted" }, "No client asks for anything."), ...clients.map((node) => el("div", {}, el("h4", {}, node.name), figures(run, node, i, row))));
    return;
  }
  if (replay.chosen.kind === "node") {
    const node = run.graph.nodes[replay.chosen.i];
    const queues = (node.bars || []).filter((bar) => bar.queue !== null).map((bar) => run.queues[bar.queue]);
    put(box, el("h3", {}, node.name), el("p", { class: "muted" }, `${node.kind} at ${clock(i * run.step)}`), figures(run, node, i, row),
      queues.length ? el("dl", {}, queues.map((queue) => row(queue.name, count(or0(queue.ready, i)) + " ready"))) : "");
    return;
  }
  const edge = run.graph.edges[replay.chosen.i], s = edge.series || {}, per = (series) => rate(or0(series, i) / run.step);
  const calls = or0(s.calls, i);
  put(box, el("h3", {}, run.graph.nodes[edge.from].name + " → " + run.graph.nodes[edge.to].name),
    el("p", { class: "muted" }, `${edge.relation} at ${clock(i * run.step)}`), edge.series ? null : el("p", { class: "muted" }, "What goes this way is not counted."),
    edge.lines.filter((line) => !line.f && line.t !== edge.relation).map((line) => el("p", { class: "rules" }, line.t)),
    el("dl", {}, row("calls", per(s.calls)), row("attempts per call", calls ? "×" + (or0(s.attempts, i) / calls).toFixed(2) : "–"), row("retries", per(s.retries)),
      row("failed", calls ? percent(Math.min(1, or0(s.failed, i) / calls)) : "–", calls ? Math.min(1, or0(s.failed, i) / calls) : null), row("attempts timed out", per(s.timeouts)), row("cut short", per(s.cut)),
      row("fallbacks", per(s.fallbacks)), row("breakers open", String(or0(s.open, i)) + (or0(s.halfOpen, i) ? ` (${or0(s.halfOpen, i)} half-open)` : ""))),
    el("ul", { class: "calls" }, edge.calls.slice(0, 12).map((name) => el("li", {}, arrow(name))), edge.calls.length > 12 ? el("li", {}, `and ${edge.calls.length - 12} more`) : null));
}

function figures(run, node, i, row) {
  const s = node.series, per = (series) => rate(or0(series, i) / run.step), kind = health(node, i), full = busy(node, i);
  const ended = or0(s.ok, i) + or0(s.degraded, i) + or0(s.failed, i) + or0(s.refused, i);
  return el("dl", { class: "figures" },
    row("health", el("span", { class: "key " + kind }, HEALTH[kind].sign + " " + word(node, i))),
    row(node.kind === "client" ? "offered" : "arriving", per(s.arrived)),
    row("answers", rate(ended / run.step)),
    row("of these useful", ended ? percent((or0(s.ok, i) + or0(s.degraded, i)) / ended) : "–"),
    s.degraded !== undefined ? row("degraded", per(s.degraded)) : null,
    row("failing", per(s.failed)),
    s.refused !== undefined ? row("refused", per(s.refused)) : null,
    full !== null ? row("workers in use", `${count(or0(s.busy, i) / 10)} of ${count(or0(s.workers, i) / 10)}`, full) : null,
    s.queue !== undefined ? row("waiting", count(or0(s.queue, i) / 10) + (node.room !== null ? ` of ${count(node.room)}` : "")) : null,
    at(s.up, i) !== null ? row("replicas up", `${at(s.up, i)} of ${node.replicas}`) : null,
    row("p50", span(micros(at(s.p50, i)))), row("p95", span(micros(at(s.p95, i)))), row("p99", span(micros(at(s.p99, i)))));
}

const meter = (share) => {
  const bar = el("i", {});
  bar.style.width = (100 * share).toFixed(1) + "%";
  return el("span", { class: "bar", "aria-hidden": "true" }, bar);
};

function label() {
  const { play } = replay.parts;
  play.textContent = replay.playing ? "❚❚ Pause" : "▶ Play";
  play.setAttribute("aria-pressed", String(Boolean(replay.playing)));
}

function toggle() {
  if (replay.playing) return stop();
  const run = shown(), end = (run.points - 1) * run.step;
  if (state.time >= end) state.seek(0);
  // Those who asked for little motion see it in steps.
  const least = still() ? 1000 : 66;
  let before = performance.now(), time = state.time;
  const frame = (now) => {
    if (now - before >= least) {
      time += ((now - before) / 1000) * replay.speed;
      before = now;
      state.seek(time);
      if (time >= end) return stop();
    }
    if (replay.playing) replay.playing = requestAnimationFrame(frame);
  };
  replay.playing = requestAnimationFrame(frame);
  label();
}

function stop() {
  if (replay.playing) cancelAnimationFrame(replay.playing);
  replay.playing = null;
  if (replay.parts) label();
}

byId("replay").addEventListener("keydown", (event) => {
  if (event.target.closest("button, select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const run = shown();
  if (event.key === " ") toggle();
  else if (event.key === "ArrowRight") state.seek(state.time + run.step);
  else if (event.key === "ArrowLeft") state.seek(state.time - run.step);
  else return;
  event.preventDefault();
});
