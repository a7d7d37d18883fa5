// How well a box or an arrow does at a point of time: a word, a sign and a colour that say the same.

const HEALTH = {
  well: { word: "healthy", sign: "●" },
  hurt: { word: "hurt", sign: "▲" },
  down: { word: "failing", sign: "✕" },
  idle: { word: "idle", sign: "○" },
};

// Useful answers of all that came to an end, against what was normal. Where far more arrives than ends, what arrived is what counts: a
// service that answers six of four hundred is not healthy because the six were right.
function health(node, i) {
  const s = node.series;
  const useful = or0(s.ok, i) + or0(s.degraded, i);
  const ended = useful + or0(s.failed, i) + or0(s.refused, i) + or0(s.abandoned, i);
  const arrived = or0(s.arrived, i);
  if (at(s.up, i) === 0) return "down";
  const stuck = arrived - ended > 2 + 4 * Math.sqrt(arrived);
  if (ended === 0 && !stuck) return arrived === 0 && or0(s.queue, i) === 0 && or0(s.busy, i) === 0 ? "idle" : saturated(node, i) ? "hurt" : "well";
  const normal = useful / (stuck ? arrived : ended) / (node.baseline || 1);
  if (normal < 0.5) return "down";
  return normal < 0.95 || fallbacks(node, i) > 0.2 || saturated(node, i) ? "hurt" : "well";
}

// All workers are taken, and requests wait for them.
const saturated = (node, i) => at(node.series.workers, i) > 0 && or0(node.series.busy, i) >= 0.98 * at(node.series.workers, i) && or0(node.series.queue, i) >= 10;

// The word for it; what is merely hurt has a better one.
function word(node, i) {
  const kind = health(node, i);
  if (kind !== "hurt") return HEALTH[kind].word;
  return fallbacks(node, i) > 0.2 ? "degraded" : saturated(node, i) ? "saturated" : HEALTH.hurt.word;
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
  return requests + (node.bars || []).reduce((sum, { queue }) => sum + (queue === null ? 0 : or0(run.queues[queue].ready, i)), 0);
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
