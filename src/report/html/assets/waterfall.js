// One followed request as a waterfall: what waited for what, and for how long.

const waterfall = { request: null, span: null };

const KINDS = { call: "call", attempt: "attempt", served: "served", backoff: "back-off", permit: "permit", delivery: "delivery" };

function buildRequests() {
  const body = byId("requests-body"), run = shown();
  if (!run.traces.length) {
    put(body, el("p", { class: "empty" }, "No request of this run was followed span by span, so there is none to look into."));
    return;
  }
  if (waterfall.request >= run.traces.length) waterfall.request = null;
  // What went wrong comes first, and of each kind the longest.
  const rank = (kept) => ["failed", "slow", "degraded", "around a fault", "typical", "sampled"].indexOf(kept);
  const groups = [...new Set(run.traces.map((t) => t.kept))].sort((a, b) => rank(a) - rank(b));
  const longest = run.traces.map((t, i) => [t.took ?? Infinity, i]).filter(([, i]) => run.traces[i].kept === groups[0]).sort((a, b) => b[0] - a[0])[0][1];
  waterfall.request ??= longest;
  const select = el("select", { id: "request", onchange: () => { waterfall.request = Number(select.value); waterfall.span = null; drawRequest(); } },
    groups.map((kept) => el("optgroup", { label: kept }, run.traces.map((t, i) => [t, i]).filter(([t]) => t.kept === kept).map(([t, i]) =>
      el("option", { value: i, selected: i === waterfall.request }, `${t.client} #${t.number} at ${clock(t.at)}: ${t.took === null ? "never answered" : span(t.took / 1e6)}, ${t.outcome ?? "in flight"}`)))));
  const move = (by) => { select.value = String((Number(select.value) + by + run.traces.length) % run.traces.length); select.dispatchEvent(new Event("change")); };
  put(body, 
    el("p", { class: "muted" }, `${count(run.followed)} requests were followed; ${run.traces.length} of them are here.`),
    el("div", { class: "controls" }, el("label", { class: "wide" }, "Request ", select), el("button", { type: "button", onclick: () => move(-1) }, "‹ Previous"), el("button", { type: "button", onclick: () => move(1) }, "Next ›"),
      el("button", { type: "button", onclick: () => { stop(); state.seek(run.traces[waterfall.request].at); byId("replay").scrollIntoView({ behavior: still() ? "auto" : "smooth" }); } }, "Show this time in the replay")),
    el("div", { id: "waterfall", class: "waterfall" }), el("div", { id: "span", class: "panel", "aria-live": "polite" }));
  drawRequest();
}

// From elsewhere on the page to one request.
function showRequest(i) {
  Object.assign(waterfall, { request: i, span: null });
  byId("request").value = String(i);
  drawRequest();
  byId("requests").scrollIntoView({ behavior: still() ? "auto" : "smooth" });
  byId("request").focus({ preventScroll: true });
}

function drawRequest() {
  const trace = shown().traces[waterfall.request], end = Math.max(1, trace.took ?? 0, ...trace.spans.map((s) => s.e ?? s.b));
  const depth = [];
  trace.spans.forEach((s, i) => { depth[i] = s.p === undefined ? 0 : depth[s.p] + 1; });
  const order = inOrder(trace.spans);
  const part = (from, until, kind) => {
    const bar = el("i", { class: kind });
    bar.style.left = ((100 * from) / end).toFixed(3) + "%";
    bar.style.width = `max(2px, ${((100 * (until - from)) / end).toFixed(3)}%)`;
    return bar;
  };
  const rows = order.map((i) => {
    const s = trace.spans[i], until = s.e ?? end;
    const split = s.s !== undefined && s.s > s.b ? Math.min(s.s, until) : s.k === "permit" || s.s === undefined && s.k === "served" ? until : s.b;
    const bars = s.k === "served" ? [split > s.b ? part(s.b, split, "span waits") : null, split < until ? part(split, until, "span served") : null]
      : s.k === "permit" ? [part(s.b, s.s ?? until, "span waits"), s.s !== undefined ? part(s.s, until, "span holds") : null] : [part(s.b, until, "span " + s.k)];
    const failed = s.o !== undefined && !/^[23]/.test(s.o);
    const name = el("span", { class: "span-name" }, failed ? "✕ " : "", s.n);
    name.style.paddingInlineStart = 6 + Math.min(depth[i], 14) * 10 + "px";
    const row = el("button", { type: "button", class: "span-row" + (failed ? " wrong" : ""), "aria-label": `${s.n}, ${s.e === null ? "not ended" : span((until - s.b) / 1e6)}, from ${span(s.b / 1e6)}`, onclick: () => {
      waterfall.span = i;
      for (const other of row.parentElement.children) other.classList.toggle("chosen", other === row);
      describe(trace, i);
    } }, name, el("span", { class: "span-lane" }, bars), el("span", { class: "span-time" }, s.e === null ? "…" : span((until - s.b) / 1e6)));
    return row;
  });
  put(byId("waterfall"), ...rows, trace.leftOut ? el("p", { class: "muted" }, `${trace.leftOut} more spans are left out.`) : "");
  describe(trace, waterfall.span ?? 0);
}

// Depth first, siblings by their beginnings.
function inOrder(spans) {
  const below = spans.map(() => []), roots = [];
  spans.forEach((s, i) => (s.p === undefined ? roots : below[s.p]).push(i));
  const order = [], open = [...roots].reverse();
  while (open.length) {
    const i = open.pop();
    order.push(i);
    open.push(...below[i].reverse());
  }
  return order;
}

function describe(trace, i) {
  const s = trace.spans[i], box = byId("span");
  if (!s) return put(box);
  const until = s.e, row = (name, value) => el("div", { class: "row" }, el("dt", {}, name), el("dd", {}, value));
  put(box, el("h3", {}, s.n), el("dl", {},
    row("kind", KINDS[s.k]), row("began", span(s.b / 1e6) + ` after the request, ${(trace.at + s.b / 1e6).toFixed(3)} s of the run`),
    row("took", until === null ? "had not ended when the run did" : span((until - s.b) / 1e6)),
    s.k === "served" ? row("waited in the queue", s.s === undefined ? "never taken up" : span((s.s - s.b) / 1e6)) : null,
    s.k === "served" && s.s !== undefined && until !== null ? row("in a worker's hands", span((until - s.s) / 1e6)) : null,
    s.k === "permit" ? row("waited for the permit", s.s === undefined ? "never got it" : span((s.s - s.b) / 1e6)) : null,
    s.o !== undefined ? row("outcome", s.o) : null));
}
