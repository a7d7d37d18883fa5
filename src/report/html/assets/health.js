// How well a box or an arrow does at a point of time: a word, a sign and a colour that say the same.

const HEALTH = {
  well: { word: "healthy", sign: "●" },
  hurt: { word: "hurt", sign: "▲" },
  down: { word: "failing", sign: "✕" },
  idle: { word: "idle", sign: "○" },
};

// Useful answers of all that came to an end, against what was normal; what waits and never ends is not healthy either.
function health(node, i) {
  const s = node.series;
  const useful = or0(s.ok, i) + or0(s.degraded, i);
  const ended = useful + or0(s.failed, i) + or0(s.refused, i) + or0(s.abandoned, i);
  const up = at(s.up, i);
  if (up === 0 && node.kind !== "client") return "down";
  if (ended === 0) {
    const stuck = or0(s.queue, i) > 10 || (at(s.workers, i) > 0 && or0(s.busy, i) >= 0.98 * at(s.workers, i));
    return stuck ? "down" : or0(s.arrived, i) > 0 && node.kind === "client" ? "hurt" : "idle";
  }
  const normal = useful / ended / (node.baseline || 1);
  if (normal < 0.5) return "down";
  return normal < 0.95 || fallbacks(node, i) > 0.2 ? "hurt" : "well";
}

const fallbacks = (node, i) => {
  const all = or0(node.series.ok, i) + or0(node.series.degraded, i);
  return all > 0 ? or0(node.series.degraded, i) / all : 0;
};

// 0..1 of the workers are taken; null without a limit.
const busy = (node, i) => (at(node.series.workers, i) > 0 ? Math.min(1, or0(node.series.busy, i) / at(node.series.workers, i)) : null);

// Requests that wait; of a broker, messages.
function waiting(run, node, i) {
  const requests = or0(node.series.queue, i) / 10;
  return requests + (node.queues || []).reduce((sum, q) => sum + or0(run.queues[q].ready, i), 0);
}

const peaks = new WeakMap();
function most(run, node) {
  if (!peaks.has(node)) {
    let peak = 0;
    for (let i = 0; i < run.points; i++) peak = Math.max(peak, waiting(run, node, i));
    peaks.set(node, peak);
  }
  return peaks.get(node);
}

function edgeHealth(edge, i) {
  const s = edge.series;
  if (or0(s.open, i) > 0) return "down";
  const calls = or0(s.calls, i);
  if (or0(s.attempts, i) === 0 && calls === 0) return "idle";
  const wrong = or0(s.failed, i) + or0(s.timeouts, i);
  const share = wrong / Math.max(1, calls);
  if (share > 0.5) return "down";
  return share > 0.05 || or0(s.fallbacks, i) > 0.05 * calls ? "hurt" : "well";
}
