// Where the time of requests goes, and when breakers and hosts were out.

const PARTS = { work: "work", queue: "queue", network: "network or no answer", permit: "permit or bulkhead", "back-off": "back-off" };

function buildAttribution() {
  const body = byId("attribution-body"), run = shown();
  if (!run.attribution.length) {
    put(body, el("p", { class: "empty" }, "No request of this run was followed from end to end, so there is nothing to add up here."));
    return;
  }
  const legend = el("div", { class: "controls" }, Object.entries(PARTS).map(([part, word]) => el("span", { class: "swatch" }, el("i", { class: "part " + part }), word)));
  const clients = [...new Set(run.attribution.map((a) => a.client))];
  put(body, 
    el("p", { class: "muted" }, "Each instant of a followed request is put down to the one thing it waited for then, along its critical path. Each bar is the mean of its requests, from end to end."),
    legend,
    ...clients.map((client) => el("div", {}, el("h3", {}, client), run.attribution.filter((a) => a.client === client).map((a) => attributed(a)))));
}

function attributed(of) {
  const parts = [...of.parts].sort((a, b) => Object.keys(PARTS).indexOf(a[0]) - Object.keys(PARTS).indexOf(b[0]) || b[2] - a[2]);
  const bar = el("div", { class: "stack", role: "img", "aria-label": parts.map(([part, place, time]) => `${PARTS[part]} at ${place} ${span(time / 1e6)}`).join(", ") });
  for (const [part, place, time] of parts) {
    const share = time / Math.max(1, of.total);
    const piece = el("i", { class: `part ${part}${share > 0.01 ? " wide" : ""}`, title: `${PARTS[part]} at ${place}: ${span(time / 1e6)} (${percent(share)})` }, share > 0.12 ? el("span", {}, place) : null);
    piece.style.width = (100 * share).toFixed(2) + "%";
    bar.append(piece);
  }
  const most = [...of.parts].sort((a, b) => b[2] - a[2]).slice(0, 3);
  return el("div", { class: "attributed" },
    el("p", {}, el("b", {}, of.kept), ` · ${of.requests === 1 ? "1 request" : count(of.requests) + " requests"}, ${span(of.total / 1e6)} on average`),
    bar,
    el("p", { class: "muted" }, "Most: " + most.map(([part, place, time]) => `${PARTS[part]} at ${place} ${span(time / 1e6)} (${percent(Math.round((1000 * time) / Math.max(1, of.total)) / 1000)})`).join("; ") + "."));
}

function buildStates() {
  const body = byId("states-body"), run = shown(), end = (run.points * run.step) || 1;
  if (!run.states.length) {
    put(body, el("p", { class: "empty" }, "No breaker opened and no host was ejected."));
    return;
  }
  const place = (box, from, until) => {
    box.style.left = ((100 * from) / end).toFixed(3) + "%";
    box.style.width = `max(2px, ${((100 * (until - from)) / end).toFixed(3)}%)`;
    return box;
  };
  const rows = run.states.map((row) => {
    const told = row.spans.slice(0, 20).map(([from, until, what]) => `${what} from ${clock(from)} to ${clock(until)}`).join("; ");
    const lane = el("div", { class: "lane", role: "img", "aria-label": told, title: told },
      run.faults.map((fault) => place(el("i", { class: "fault-shade" }), fault.from, fault.until)),
      row.spans.map(([from, until, what]) => place(el("i", { class: "away " + what }), from, until)),
      el("i", { class: "now-line" }));
    return el("div", { class: "lane-row" }, el("span", { class: "lane-name" }, el("b", {}, row.who), row.kind === "breaker" ? " → " : " ejects ", row.to), lane);
  });
  put(body, 
    el("div", { class: "controls" }, el("span", { class: "swatch" }, el("i", { class: "away open" }), "breaker open"), el("span", { class: "swatch" }, el("i", { class: "away half-open" }), "half-open"), el("span", { class: "swatch" }, el("i", { class: "away ejected" }), "host ejected")),
    el("div", { class: "lanes" }, rows,
      el("div", { class: "lane-row axis", "aria-hidden": "true" }, el("span", { class: "lane-name" }), el("div", { class: "lane" }, [0, 0.25, 0.5, 0.75].map((part) => place(el("span", { class: "tick" }, clock(Math.round(part * end))), part * end, part * end))))));
  followStates();
}

function followStates() {
  const end = shown().points * shown().step || 1;
  for (const mark of byId("states-body").querySelectorAll(".now-line")) mark.style.left = ((100 * state.time) / end).toFixed(3) + "%";
}
