//! What one visit to an endpoint does, on average and for certain, read off its steps.

use crate::base::id::*;
use crate::topology::{Join, Keys, Step, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// One visit to an endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Visit {
    /// Mean number of calls made at each site.
    pub calls: BTreeMap<SiteId, f64>,
    /// Sites that every visit calls.
    pub certain: BTreeSet<SiteId>,
    /// Mean seconds of its own work and waiting.
    pub own: f64,
    /// Its calls in the order made; those of parallel branches side by side.
    pub shape: Shape,
}

/// What a visit waits for.
#[derive(Clone, Debug, Default)]
pub(super) enum Shape {
    #[default]
    Nothing,
    Own(f64),
    Call(SiteId),
    Sequence(Vec<Shape>),
    /// The longest counts (or, for a choice, the longest that may be chosen).
    Longest(Vec<Shape>),
    Times(u32, Box<Shape>),
    Mean(Vec<(f64, Shape)>),
}

/// A visit per endpoint.
pub(super) fn all(topology: &Topology) -> Vec<Visit> {
    topology.endpoints.iter().map(|endpoint| body(topology, endpoint.entry)).collect()
}

/// Follows steps from `at` to their end; choices are followed to each of their ends.
fn body(topology: &Topology, at: StepId) -> Visit {
    let mut visit = Visit::default();
    let mut shapes = Vec::new();
    let mut at = at.index();
    loop {
        match &topology.steps[at] {
            Step::Work(dist) | Step::Wait(dist) => {
                visit.own += dist.mean();
                shapes.push(Shape::Own(dist.mean()));
            }
            Step::Call(site) => {
                *visit.calls.entry(*site).or_default() += 1.0;
                visit.certain.insert(*site);
                shapes.push(Shape::Call(*site));
            }
            Step::Parallel { bodies, join, .. } => {
                let branches: Vec<Visit> = bodies.iter().map(|b| body(topology, *b)).collect();
                branches.iter().for_each(|branch| visit.add(branch, 1.0, *join == Join::All || bodies.len() == 1));
                // Branches wait side by side: their own time is not the sum, and is counted in the shape only.
                visit.own -= branches.iter().map(|b| b.own).sum::<f64>();
                shapes.push(Shape::Longest(branches.into_iter().map(|b| b.shape).collect()));
            }
            Step::Choose(targets) => {
                let mut before = 0.0;
                let mut parts = Vec::new();
                let ends: Vec<Visit> = targets.iter().map(|(_, target)| body(topology, *target)).collect();
                let in_all = |site: &SiteId| ends.iter().all(|e| e.certain.contains(site));
                let certain: Vec<SiteId> = ends.iter().flat_map(|e| e.certain.iter().copied()).filter(|s| in_all(s)).collect();
                for ((share, _), end) in targets.iter().zip(&ends) {
                    visit.add(end, share - before, false);
                    parts.push((share - before, end.shape.clone()));
                    before = *share;
                }
                visit.certain.extend(certain);
                shapes.push(Shape::Mean(parts));
                // Each target runs to the end of the endpoint.
                break;
            }
            Step::Repeat { times, body: inner } => {
                let turn = body(topology, *inner);
                visit.add(&turn, f64::from(*times), *times > 0);
                shapes.push(Shape::Times(*times, Box::new(turn.shape)));
            }
            Step::Cache { cache, hit } => {
                let miss = 1.0 - best_hit_share(topology, *cache);
                let whole = body(topology, StepId::new(at + 1));
                let rest = body(topology, *hit);
                visit.add(&whole, miss, false);
                visit.add(&rest, 1.0 - miss, false);
                visit.certain.extend(rest.certain.iter().copied());
                shapes.push(Shape::Mean(vec![(miss, whole.shape), (1.0 - miss, rest.shape)]));
                break;
            }
            Step::Acquire { body: inner, .. } => {
                let held = body(topology, *inner);
                visit.add(&held, 1.0, true);
                shapes.push(held.shape);
            }
            Step::Spawn(inner) => {
                let apart = body(topology, *inner);
                visit.add(&apart, 1.0, true);
                visit.own -= apart.own;
            }
            Step::Fail { share, .. } if *share >= 1.0 => break,
            Step::Fail { .. } | Step::Fill(_) => {}
            Step::Jump(target) => {
                at = target.index();
                continue;
            }
            Step::End => break,
        }
        at += 1;
    }
    visit.shape = Shape::Sequence(shapes);
    visit
}

impl Visit {
    fn add(&mut self, part: &Visit, times: f64, certain: bool) {
        for (site, calls) in &part.calls {
            *self.calls.entry(*site).or_default() += calls * times;
        }
        self.own += part.own * times;
        if certain {
            self.certain.extend(part.certain.iter().copied());
        }
    }
}

/// The share of hits of a warm cache that holds the most popular keys and never forgets them.
fn best_hit_share(topology: &Topology, cache: CacheId) -> f64 {
    let cache = &topology.caches[cache.index()];
    match &cache.keys {
        Keys::Zipf(zipf) => zipf.mass_of_top(cache.capacity.min(zipf.keys())),
        Keys::Uniform(n) => cache.capacity.min(*n) as f64 / *n as f64,
    }
}
