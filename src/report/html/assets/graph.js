// The picture of the system: boxes that fill like tanks, arrows as thick as their traffic.

class Picture {
  constructor(run, choose) {
    this.run = run;
    const graph = run.graph, margin = 14;
    this.top = { calls: Math.max(1, ...graph.edges.map((edge) => (edge.series ? peak(run, edge.series.attempts) : 0))) };
    this.element = svg("svg", {
      class: "graph", viewBox: `${-margin} ${-margin} ${graph.width + 2 * margin} ${graph.height + 2 * margin}`,
      role: "group", "aria-label": "The system at the chosen time",
    });
    this.natural = graph.width + 2 * margin;
    this.element.style.setProperty("--natural", this.natural + "px");
    this.element.append(svg("defs", {}, ["well", "hurt", "down", "idle"].map((kind) =>
      svg("marker", { id: "tip-" + kind, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" },
        svg("path", { d: "M0 0 L8 4 L0 8 z", class: "tip " + kind })))));
    this.edges = graph.edges.map((edge, i) => this.edge(edge, i, graph, choose));
    // Words stand above all lines.
    this.element.append(...this.edges.map((shape) => shape.words));
    this.nodes = graph.nodes.map((node, i) => this.node(node, i, choose));
  }

  edge(edge, i, graph, choose) {
    const from = graph.nodes[edge.from], to = graph.nodes[edge.to];
    const stroke = svg("path", { d: edge.path, class: "wire" });
    const title = svg("title");
    const group = svg("g", { class: "edge " + edge.relation.replace(" ", "-"), tabindex: 0, role: "button" }, title, svg("path", { d: edge.path, class: "hit" }), stroke);
    press(group, () => choose("edge", i));
    this.element.append(group);
    const words = svg("g", { class: "edge-words", "aria-hidden": "true" });
    words.addEventListener("click", () => choose("edge", i));
    const shape = { edge, group, stroke, title, words, from, to, live: [], faults: [] };
    if (edge.label) {
      const [x, y, w, h] = edge.label;
      shape.ground = svg("rect", { class: "ground", rx: 3 });
      shape.live = [0, 1].map(() => svg("text", { class: "live", "text-anchor": "middle", x: x + w / 2 }));
      words.append(shape.ground, ...this.lines(edge.lines, x + w / 2, y + 2, shape.faults, "middle"), ...shape.live);
      words.dataset.room = w;
    }
    return shape;
  }

  // The words of the drawing; those of faults are kept, to be lit while they last.
  lines(lines, x, top, faults, anchor = "start") {
    let y = top;
    return lines.map((line) => {
      const text = svg("text", { class: line.n ? "title" : line.f ? "fault" : "fact", x, y: y + (line.n ? 14 : 11), "text-anchor": anchor }, line.t);
      y += line.n ? 18 : 14;
      if (line.f) faults.push([text, this.run.faults.filter((fault) => fault.name === line.f)]);
      return text;
    });
  }

  node(node, i, choose) {
    const clip = `clip-${i}`, w = node.width, h = node.height, pad = 9;
    const rx = node.kind === "client" ? Math.min(18, h / 2) : node.kind === "database" ? 0 : 5;
    const shape = { node, h, faults: [], bars: [] };
    shape.tank = svg("rect", { class: "tank", x: 0, y: h, width: w, height: h, "clip-path": `url(#${clip})` });
    shape.title = svg("title");
    shape.word = svg("text", { class: "word", x: pad, y: node.below + 15 });
    shape.more = svg("text", { class: "more", x: pad, y: node.below + 31 });
    shape.queue = svg("rect", { class: "queue", x: w - 8, y: h, width: 5, height: 0, rx: 2 });
    shape.group = svg("g", { class: "node " + node.kind, transform: `translate(${node.x} ${node.y})`, tabindex: 0, role: "button" },
      svg("clipPath", { id: clip }, svg("rect", { width: w, height: h, rx })),
      shape.title,
      svg("rect", { class: "box", width: w, height: h, rx }),
      shape.tank,
      svg("rect", { class: "rim", width: w, height: h, rx }),
      node.kind === "database" ? svg("path", { class: "cap", d: `M0 4 H${w}` }) : null,
      shape.queue,
      this.lines(node.lines, pad, pad - 2, shape.faults),
      shape.word, shape.more,
      (node.bars || []).map((bar) => this.bar(bar, shape, w, pad)));
    press(shape.group, () => choose("node", i));
    this.element.append(shape.group);
    return shape;
  }

  bar(bar, shape, w, pad) {
    const inner = w - 2 * pad, queue = bar.queue === null ? null : this.run.queues[bar.queue];
    const level = svg("rect", { class: "level", x: pad, y: bar.top, width: 0, height: bar.height });
    const waits = svg("text", { class: "more", x: 2 * pad, y: bar.top + bar.height - 6 });
    const middle = bar.top + bar.height / 2;
    if (queue) shape.bars.push({ level, waits, queue, inner, most: Math.max(10, peak(this.run, queue.ready)) });
    return svg("g", {}, svg("path", { class: "lead-in", d: `M0 ${middle}H${pad}M${w - pad} ${middle}H${w}` }), svg("rect", { class: "bar-box", x: pad, y: bar.top, width: inner, height: bar.height }),
      level, this.lines(bar.lines, 2 * pad, bar.top + 2, shape.faults), waits);
  }

  draw(i) {
    for (const shape of this.nodes) this.drawNode(shape, i);
    for (const shape of this.edges) this.drawEdge(shape, i);
    const time = i * this.run.step;
    for (const [text, faults] of [...this.nodes, ...this.edges].flatMap((shape) => shape.faults))
      text.classList.toggle("lasts", faults.some((fault) => fault.from < time + this.run.step && time < Math.max(fault.until, fault.from + this.run.step)));
  }

  drawNode(shape, i) {
    const { run } = this, { node, h } = shape;
    const kind = health(node, i);
    const { sign } = HEALTH[kind];
    const full = busy(node, i), waits = waiting(run, node, i), peak = most(run, node);
    const perSecond = or0(node.series.arrived, i) / run.step;
    shape.group.dataset.health = kind;
    fill(shape.tank, { y: h - h * (full ?? 0) }, []);
    const room = Math.max(node.room || 0, peak, 10), inBars = shape.bars.length > 0;
    const queued = waits > 0.05 && !inBars ? Math.max(3, (h - 12) * Math.min(1, Math.sqrt(waits / room))) : 0;
    fill(shape.queue, { y: h - 6 - queued, height: queued }, []);
    const told = word(node, i);
    shape.word.textContent = `${sign} ${told} · ${rate(perSecond)}`;
    const lines = [];
    if (full !== null) lines.push(percent(Math.round(full * 100) / 100) + (waits >= 0.05 ? "" : " busy"));
    if (waits >= 0.05) lines.push(count(Math.max(1, Math.round(waits))) + " waiting");
    if ((node.kind === "client" || !lines.length) && at(node.series.p95, i)) lines.push("p95 " + span(micros(at(node.series.p95, i))));
    const up = at(node.series.up, i);
    if (up !== null && node.kind !== "client" && up < node.replicas) lines.unshift(`${up}/${node.replicas} up`);
    shape.more.textContent = lines.slice(0, 2).join(" · ");
    for (const bar of shape.bars) {
      const ready = or0(bar.queue.ready, i);
      fill(bar.level, { width: bar.inner * Math.min(1, Math.sqrt(ready / bar.most)) }, []);
      bar.waits.textContent = `${count(ready)} ready · ${rate(or0(bar.queue.acked, i) / run.step)}`;
    }
    const all = `${node.name}: ${told}, ${rate(perSecond)}${lines.length ? ", " + lines.join(", ") : ""}`;
    shape.title.textContent = all;
    shape.group.setAttribute("aria-label", all);
  }

  drawEdge(shape, i) {
    const { run } = this, s = shape.edge.series;
    const kind = s ? edgeHealth(shape.edge, i) : "idle";
    shape.group.dataset.health = kind;
    const attempts = s ? or0(s.attempts, i) : 0, calls = s ? or0(s.calls, i) : 0;
    shape.stroke.style.strokeWidth = (attempts > 0 ? 1.4 + 4.2 * Math.sqrt(attempts / this.top.calls) : 1.2).toFixed(2);
    shape.stroke.setAttribute("marker-end", `url(#tip-${kind})`);
    let first = s && calls + attempts > 0 ? rate(calls / run.step) : "", second = "";
    if (s) {
      if (or0(s.retries, i) > 0) first += " ↻ " + rate(or0(s.retries, i) / run.step);
      const wrong = calls > 0 ? Math.min(1, (or0(s.failed, i) + or0(s.timeouts, i)) / calls) : 0;
      if (or0(s.open, i) > 0) second = "✕ breaker open";
      else if (or0(s.halfOpen, i) > 0) second = "◐ half-open";
      else if (wrong >= 0.005) second = `${kind === "well" ? "" : HEALTH[kind].sign + " "}${percent(Math.round(wrong * 100) / 100)} fail`;
      else if (or0(s.fallbacks, i) > 0) second = "▲ fallbacks";
    }
    shape.words.dataset.health = kind;
    if (shape.ground) this.write(shape, [first, second].filter(Boolean));
    const all = `${shape.from.name} → ${shape.to.name}: ${shape.edge.relation} ${s ? [first || "nothing", HEALTH[kind].word, second].filter(Boolean).join(", ") : ""}`;
    shape.title.textContent = all;
    shape.group.setAttribute("aria-label", all);
  }

  // The rate and what is wrong, on ground no wider than they are, so that the arrow is seen on both sides.
  write(shape, texts) {
    const [x, y, w, h] = shape.edge.label, own = shape.edge.lines, line = 13.5;
    if (shape.written === texts.join("\n")) return;
    shape.written = texts.join("\n");
    const top = own.length ? y + shape.edge.below : y + (h - line * texts.length) / 2;
    shape.live.forEach((text, k) => { fill(text, { y: top + line * k + 10.5 }, []); text.textContent = texts[k] ?? ""; });
    const wide = Math.min(w, 8 + Math.max(0, ...own.map((l) => 6.3 * [...l.t].length), ...texts.map((t) => 6.9 * [...t].length)));
    const from = own.length ? y : top - 1;
    fill(shape.ground, { x: x + (w - wide) / 2, y: from, width: own.length || texts.length ? wide : 0, height: own.length ? top - y + line * texts.length : line * texts.length + 2 }, []);
  }

  mark(nodes, edge, chosen) {
    this.nodes.forEach((shape, i) => {
      shape.group.classList.toggle("told", nodes.includes(i));
      shape.group.classList.toggle("chosen", chosen?.kind === "node" && chosen.i === i);
    });
    this.edges.forEach((shape, i) => {
      shape.group.classList.toggle("told", edge === i);
      shape.group.classList.toggle("chosen", chosen?.kind === "edge" && chosen.i === i);
    });
  }
}

const micros = (value) => (value === null || value === undefined ? null : value / 1e6);

function peak(run, series) {
  let top = 0;
  for (let i = 0; i < run.points; i++) top = Math.max(top, or0(series, i));
  return top;
}

// A shape that works as a button does.
function press(element, action) {
  element.addEventListener("click", action);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  });
}
