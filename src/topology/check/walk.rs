//! What one visit to an endpoint does, on average and for certain, read off its steps.

use crate::base::id::*;
use crate::base::math;
use crate::topology::{Join, Keys, Step, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// One visit to an endpoint, or a stretch of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Visit {
    /// Mean number of calls made at each site.
    pub calls: BTreeMap<SiteId, f64>,
    /// Mean number of messages put into a broker, by publication.
    pub sent: BTreeMap<u32, f64>,
    /// Endpoints that every visit calls.
    pub certain: BTreeSet<EndpointId>,
    /// What it waits for, in the order done; parallel branches side by side.
    pub shape: Shape,
    /// The share of visits that come to the end, not to a `fail`.
    pub to_the_end: f64,
}

/// What a visit waits for.
#[derive(Clone, Debug, Default)]
pub(super) enum Shape {
    #[default]
    Nothing,
    /// Mean seconds of its own work or waiting.
    Own(f64),
    Call(SiteId),
    Sequence(Vec<Shape>),
    /// All of them side by side: the longest counts.
    Longest(Vec<Shape>),
    /// Side by side until the first one is done.
    First(Vec<Shape>),
    Times(u32, Box<Shape>),
    /// One of them, each with its share; the shares may leave out visits that do nothing.
    Mean(Vec<(f64, Shape)>),
}

/// A visit per endpoint.
pub(super) fn all(topology: &Topology) -> Vec<Visit> {
    topology.endpoints.iter().map(|endpoint| body(topology, endpoint.entry, None)).collect()
}

/// Follows steps from `at` to their end, or until they come to `until`, where branches meet again.
fn body(topology: &Topology, at: StepId, until: Option<usize>) -> Visit {
    let mut visit = Visit { to_the_end: 1.0, ..Visit::default() };
    let mut shapes = Vec::new();
    let mut at = at.index();
    while Some(at) != until && visit.to_the_end > 0.0 {
        let before = visit.to_the_end;
        let shape = match &topology.steps[at] {
            Step::Work(dist) | Step::Wait(dist) => Shape::Own(dist.mean()),
            Step::Call(site) => {
                visit.call(*site, topology.sites[site.index()].callee);
                Shape::Call(*site)
            }
            Step::Ask { site, .. } => {
                visit.call(*site, topology.sites[site.index()].callee);
                Shape::Call(*site)
            }
            Step::Parallel { bodies, join, .. } => {
                // Copies of a branch are one program: each is followed once, or copies of copies would be without end.
                let mut copies: BTreeMap<StepId, u32> = BTreeMap::new();
                bodies.iter().for_each(|b| *copies.entry(*b).or_default() += 1);
                let branches: Vec<(f64, Visit)> = copies.into_iter().map(|(b, n)| (f64::from(n), body(topology, b, None))).collect();
                let all = *join == Join::All || bodies.len() == 1;
                // A branch that fails ends the request, unless enough others do well.
                let well: f64 = branches.iter().map(|(copies, b)| math::pow(b.to_the_end, *copies)).product();
                branches.iter().for_each(|(copies, branch)| visit.add(branch, *copies, all));
                visit.to_the_end *= if all { well } else { 1.0 };
                let shapes = branches.into_iter().map(|(_, b)| b.shape).collect();
                if *join == Join::Any { Shape::First(shapes) } else { Shape::Longest(shapes) }
            }
            Step::Choose(targets) => {
                let (shape, meeting) = choice(topology, targets, &mut visit);
                at = meeting;
                shapes.push(weighed(before, shape));
                continue;
            }
            Step::Repeat { times, body: inner } => {
                let turn = body(topology, *inner, None);
                visit.add(&turn, turns(*times, turn.to_the_end), *times > 0);
                visit.to_the_end *= math::pow(turn.to_the_end, f64::from(*times));
                Shape::Times(*times, Box::new(turn.shape))
            }
            Step::Cache { cache, hit } => {
                let miss = 1.0 - best_hit_share(topology, *cache);
                let filling = body(topology, StepId::new(at + 1), Some(hit.index()));
                visit.add(&filling, miss, false);
                visit.to_the_end *= 1.0 - miss * (1.0 - filling.to_the_end);
                at = hit.index();
                shapes.push(weighed(before, Shape::Mean(vec![(miss, filling.shape)])));
                continue;
            }
            Step::Acquire { body: inner, .. } => {
                let held = body(topology, *inner, None);
                visit.add(&held, 1.0, true);
                visit.to_the_end *= held.to_the_end;
                held.shape
            }
            // Nobody waits for what is spawned.
            Step::Spawn(inner) => {
                visit.add(&body(topology, *inner, None), 1.0, true);
                Shape::Nothing
            }
            Step::Fail { share, .. } => {
                visit.to_the_end *= 1.0 - share;
                Shape::Nothing
            }
            Step::Enqueue(publication) => {
                *visit.sent.entry(*publication).or_default() += visit.to_the_end;
                Shape::Nothing
            }
            // A relay publishes what is written into an outbox, and nobody waits for it.
            Step::Written(number) => {
                if let Some(site) = relayed_by(topology, *number) {
                    visit.call(site, topology.sites[site.index()].callee);
                }
                Shape::Nothing
            }
            Step::Fill(_) | Step::Open(_) | Step::Handled(_) | Step::PassReply(_) => Shape::Nothing,
            Step::Jump(target) => {
                at = target.index();
                continue;
            }
            Step::End => break,
        };
        shapes.push(weighed(before, shape));
        at += 1;
    }
    visit.shape = Shape::Sequence(shapes);
    visit
}

/// The call by which the relay of an outbox publishes, if there is one.
fn relayed_by(topology: &Topology, announcement: u32) -> Option<SiteId> {
    let relay = topology.brokers.announcements[announcement as usize].outbox.as_ref()?;
    if let Step::Call(site) = topology.steps[relay.body.index()] { Some(site) } else { None }
}

/// The branches of a choice, and the step at which they meet again.
fn choice(topology: &Topology, targets: &[(f64, StepId)], visit: &mut Visit) -> (Shape, usize) {
    // Before each branch but the first stands the jump that ends the one before it.
    let meeting = targets.get(1).map(|(_, second)| match &topology.steps[second.index() - 1] {
        Step::Jump(target) => target.index(),
        other => unreachable!("a branch ends with a jump, not with {other:?}"),
    });
    let Some(meeting) = meeting else {
        // A single branch is no choice: what follows is its own.
        return (Shape::Nothing, targets[0].1.index());
    };
    let branches: Vec<Visit> = targets.iter().map(|(_, target)| body(topology, *target, Some(meeting))).collect();
    let shares: Vec<f64> = targets.iter().scan(0.0, |before, (sum, _)| Some(sum - std::mem::replace(before, *sum))).collect();
    let in_all = |callee: &EndpointId| branches.iter().all(|b| b.certain.contains(callee));
    if visit.to_the_end >= 1.0 {
        visit.certain.extend(branches[0].certain.iter().copied().filter(in_all));
    }
    let mut to_the_end = 0.0;
    let mut parts = Vec::new();
    for (share, branch) in shares.into_iter().zip(branches) {
        visit.add(&branch, share, false);
        to_the_end += share * branch.to_the_end;
        parts.push((share, branch.shape));
    }
    // Rounding must not make a certain end uncertain.
    visit.to_the_end *= if to_the_end > 1.0 - 1e-12 { 1.0 } else { to_the_end };
    (Shape::Mean(parts), meeting)
}

/// A stretch that only this share of the visits comes to.
fn weighed(share: f64, shape: Shape) -> Shape {
    if share < 1.0 { Shape::Mean(vec![(share, shape)]) } else { shape }
}

/// Mean number of turns that are begun, of which each is the last with some probability.
fn turns(times: u32, to_the_end: f64) -> f64 {
    let n = f64::from(times);
    if to_the_end >= 1.0 { n } else { (1.0 - math::pow(to_the_end, n)) / (1.0 - to_the_end) }
}

impl Visit {
    fn call(&mut self, site: SiteId, callee: EndpointId) {
        *self.calls.entry(site).or_default() += self.to_the_end;
        if self.to_the_end >= 1.0 {
            self.certain.insert(callee);
        }
    }

    fn add(&mut self, part: &Visit, times: f64, certain: bool) {
        for (site, calls) in &part.calls {
            *self.calls.entry(*site).or_default() += calls * times * self.to_the_end;
        }
        for (publication, messages) in &part.sent {
            *self.sent.entry(*publication).or_default() += messages * times * self.to_the_end;
        }
        if certain && self.to_the_end >= 1.0 {
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
        Keys::Weighted(shares) => cache.capacity.min(shares.len() as u64) as f64 / shares.len() as f64,
    }
}
