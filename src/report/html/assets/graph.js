// The picture of the system: boxes that fill like tanks, arrows as thick as their traffic.

class Picture {
  constructor(run, choose) {
    this.run = run;
    const graph = run.graph;
    const [w, h] = graph.node;
    const margin = 34;
    this.top = { calls: Math.max(1, ...graph.edges.map((edge) => peak(run, edge.series.attempts))) };
    this.element = svg("svg", {
      class: "graph", viewBox: `${-margin} ${-margin} ${graph.width + 2 * margin} ${graph.height + 2 * margin}`,
      role: "group", "aria-label": "The system at the chosen time",
    });
    this.element.style.setProperty("--natural", graph.width + 2 * margin + "px");
    this.element.append(svg("defs", {}, ["well", "hurt", "down", "idle"].map((kind) =>
      svg("marker", { id: "tip-" + kind, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" },
        svg("path", { d: "M0 0 L8 4 L0 8 z", class: "tip " + kind })))));
    this.edges = graph.edges.map((edge, i) => this.edge(edge, i, graph, w, h, choose));
    this.nodes = graph.nodes.map((node, i) => this.node(node, i, w, h, choose));
  }

  edge(edge, i, graph, w, h, choose) {
    const from = graph.nodes[edge.from], to = graph.nodes[edge.to];
    const path = route(graph, edge, w, h);
    const middle = { x: 0, y: 0 };
    const hit = svg("path", { d: path, class: "hit" });
    const stroke = svg("path", { d: path, class: "wire" });
    const label = svg("text", { class: "wire-label", "text-anchor": "middle" });
    const title = svg("title");
    const group = svg("g", { class: "edge", tabindex: 0, role: "button", "aria-label": `Calls from ${from.name} to ${to.name}` }, title, hit, stroke, label);
    press(group, () => choose("edge", i));
    this.element.append(group);
    return { edge, group, stroke, label, title, middle, from, to };
  }

  node(node, i, w, h, choose) {
    const clip = `clip-${i}`;
    const tank = svg("rect", { class: "tank", x: 0, y: h, width: w, height: h, "clip-path": `url(#${clip})` });
    const title = svg("title");
    const word = svg("text", { class: "word", x: 12, y: 42 });
    const more = svg("text", { class: "more", x: 12, y: 58 });
    const queue = svg("rect", { class: "queue", x: w - 10, y: h, width: 5, height: 0, rx: 2 });
    const group = svg("g", { class: "node " + node.kind, transform: `translate(${node.x} ${node.y})`, tabindex: 0, role: "button" },
      svg("clipPath", { id: clip }, svg("rect", { width: w, height: h, rx: node.kind === "client" ? 32 : 8 })),
      title,
      svg("rect", { class: "box", width: w, height: h, rx: node.kind === "client" ? 32 : 8 }),
      tank,
      svg("rect", { class: "rim", width: w, height: h, rx: node.kind === "client" ? 32 : 8 }),
      node.kind === "broker" ? svg("path", { class: "cap", d: `M0 9 q ${w / 2} 9 ${w} 0` }) : null,
      queue,
      svg("text", { class: "title", x: node.kind === "client" ? w / 2 : 12, y: 24, "text-anchor": node.kind === "client" ? "middle" : "start" }, short(node.name, 20)),
      word, more);
    if (node.kind === "client") for (const text of [word, more]) fill(text, { x: w / 2, "text-anchor": "middle" }, []);
    press(group, () => choose("node", i));
    this.element.append(group);
    return { node, group, tank, word, more, queue, title, h };
  }

  draw(i) {
    const { run } = this;
    for (const shape of this.nodes) {
      const { node, h } = shape;
      const kind = health(node, i);
      const { sign } = HEALTH[kind];
      const full = busy(node, i), waits = waiting(run, node, i), peak = most(run, node);
      const perSecond = or0(node.series.arrived, i) / run.step;
      shape.group.dataset.health = kind;
      const level = full ?? 0;
      fill(shape.tank, { y: h - h * level }, []);
      const room = Math.max(node.room || 0, peak, 10);
      const queued = waits > 0.05 ? Math.max(3, (h - 16) * Math.min(1, Math.sqrt(waits / room))) : 0;
      fill(shape.queue, { y: h - 8 - queued, height: queued }, []);
      const told = word(node, i);
      shape.word.textContent = `${sign} ${told} · ${rate(perSecond)}`;
      const lines = [];
      if (full !== null) lines.push(percent(Math.round(full * 100) / 100) + (waits >= 0.05 ? "" : " busy"));
      if (waits >= 0.05) lines.push(count(Math.max(1, Math.round(waits))) + " waiting");
      if (node.kind === "client") lines.push("p95 " + span(micros(at(node.series.p95, i))));
      const up = at(node.series.up, i);
      if (up !== null && node.kind !== "client" && up < node.replicas) lines.unshift(`${up}/${node.replicas} up`);
      shape.more.textContent = lines.slice(0, 2).join(" · ");
      const all = `${node.name}: ${told}, ${rate(perSecond)}${lines.length ? ", " + lines.join(", ") : ""}`;
      shape.title.textContent = all;
      shape.group.setAttribute("aria-label", all);
    }
    for (const shape of this.edges) {
      const s = shape.edge.series;
      const kind = edgeHealth(shape.edge, i);
      shape.group.dataset.health = kind;
      const attempts = or0(s.attempts, i);
      shape.stroke.style.strokeWidth = (attempts > 0 ? 1.2 + 5 * Math.sqrt(attempts / this.top.calls) : 1).toFixed(2);
      shape.stroke.setAttribute("marker-end", `url(#tip-${kind})`);
      const words = [];
      if (or0(s.open, i) > 0) words.push("✕ breaker open");
      else if (or0(s.halfOpen, i) > 0) words.push("◐ half-open");
      if (or0(s.retries, i) > 0) words.push("↻ " + rate(or0(s.retries, i) / run.step));
      shape.label.textContent = words.join("  ");
      if (words.length && !shape.placed) {
        const point = shape.stroke.getPointAtLength(shape.stroke.getTotalLength() * 0.5);
        fill(shape.label, { x: point.x, y: point.y - 7 }, []);
        shape.placed = true;
      }
      shape.title.textContent = `${shape.from.name} → ${shape.to.name}: ${rate(or0(s.calls, i) / run.step)} calls, ${HEALTH[kind].word}${words.length ? ", " + words.join(", ") : ""}`;
    }
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

// From the right side of the caller to the left side of the callee; what goes back or stays goes around below.
function route(graph, edge, w, h) {
  const from = graph.nodes[edge.from], to = graph.nodes[edge.to];
  const out = graph.edges.filter((e) => e.from === edge.from).sort((a, b) => graph.nodes[a.to].y - graph.nodes[b.to].y);
  const into = graph.edges.filter((e) => e.to === edge.to).sort((a, b) => graph.nodes[a.from].y - graph.nodes[b.from].y);
  const part = (list) => (list.indexOf(edge) + 1) / (list.length + 1);
  const y0 = from.y + h * (0.2 + 0.6 * part(out)), y1 = to.y + h * (0.2 + 0.6 * part(into));
  const x0 = from.x + w, x1 = to.x - 3;
  if (to.x > from.x) {
    const bend = Math.min(90, (x1 - x0) / 2 + 20);
    return `M${x0} ${y0} C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
  }
  const low = Math.max(from.y, to.y) + h + 24;
  return `M${from.x + w * 0.6} ${from.y + h} C${from.x + w * 0.6} ${low} ${to.x + w * 0.4} ${low} ${to.x + w * 0.4} ${to.y + h + 3}`;
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
