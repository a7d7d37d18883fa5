//! Where the time of a request went: every instant of it is put down to one thing at one place.
//!
//! At each instant the request is followed down its critical path, from the end backwards: of several things that a caller waited for at
//! once (calls side by side) it is the one that ended last. What remains of a call when its attempts and pauses are taken away is waiting
//! in the caller's library for a permit or a bulkhead; of an attempt without what its replica did, the network, or silence. The parts
//! sum up to the request's time exactly. Work that nobody waited for any more is not in it.

use crate::analysis::names;
use crate::base::time::{Instant, Nanos};
use crate::observe::span::{Kept, SpanKind, Trace};
use crate::topology::Topology;
use std::collections::BTreeMap;

/// What a request's time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// In the queue of a replica.
    Queue,
    /// In a worker's hands, and not waiting for a call.
    Work,
    /// On the way, or without an answer.
    Network,
    /// The pause before another attempt.
    Backoff,
    /// For a permit of a pool, or inside the caller's library before an attempt.
    Permit,
}

impl Part {
    pub const ALL: [Part; 5] = [Part::Work, Part::Queue, Part::Network, Part::Permit, Part::Backoff];

    pub fn word(self) -> &'static str {
        match self {
            Part::Queue => "queue",
            Part::Work => "work",
            Part::Network => "network",
            Part::Backoff => "back-off",
            Part::Permit => "permit",
        }
    }
}

/// Time by part and by the name of the service (or client) where it was spent.
pub type Shares = BTreeMap<(Part, String), Nanos>;

/// What the kept requests of one client and one kind spent their time on, all together.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    pub client: usize,
    pub kept: Kept,
    pub requests: u64,
    pub total: Nanos,
    pub shares: Shares,
}

/// All followed requests that ended, by client and by why they were kept.
pub fn attribute(topology: &Topology, traces: &[Trace]) -> Vec<Attribution> {
    let mut groups: BTreeMap<(usize, Kept), Attribution> = BTreeMap::new();
    for trace in traces {
        let (Some((ended, _)), false) = (trace.ended, trace.spans.is_empty()) else { continue };
        let (client, kept) = (trace.client.index(), trace.kept);
        let group = groups.entry((client, kept)).or_insert_with(|| Attribution {
            client,
            kept,
            requests: 0,
            total: Nanos::ZERO,
            shares: Shares::new(),
        });
        group.requests += 1;
        group.total = Nanos(group.total.0 + ended.since(trace.offered).0);
        for (what, nanos) in of_trace(topology, trace, ended) {
            group.shares.entry(what).or_insert(Nanos::ZERO).0 += nanos.0;
        }
    }
    groups.into_values().collect()
}

/// One request's.
pub fn of_trace(topology: &Topology, trace: &Trace, ended: Instant) -> Shares {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); trace.spans.len()];
    for (i, span) in trace.spans.iter().enumerate() {
        // A parent is before its children; anything else would be a circle.
        if let Some(parent) = span.parent.map(|p| p as usize).filter(|p| *p < i) {
            children[parent].push(i);
        }
    }
    let mut path = Path { topology, trace, children, shares: Shares::new() };
    path.follow(trace.offered, ended);
    path.shares
}

struct Path<'a> {
    topology: &'a Topology,
    trace: &'a Trace,
    children: Vec<Vec<usize>>,
    shares: Shares,
}

impl Path<'_> {
    /// Walks back from the end. Depth is that of the request's calls; a stack of our own keeps long chains from overflowing.
    fn follow(&mut self, from: Instant, until: Instant) {
        let mut open = vec![(0, from, until)];
        while let Some((span, from, until)) = open.pop() {
            let mut cursor = until;
            while cursor > from {
                // What took no time (an attempt that was refused) accounts for none.
                let last = self.children[span].iter().copied().filter(|c| self.begin(*c).max(from) < self.end(*c).min(cursor));
                let Some(child) = last.max_by_key(|c| (self.end(*c).min(cursor), std::cmp::Reverse(*c))) else { break };
                let (begin, end) = (self.begin(child).max(from), self.end(child).min(cursor));
                self.own(span, end, cursor);
                open.push((child, begin, end));
                cursor = begin;
            }
            self.own(span, from, cursor);
        }
    }

    fn begin(&self, span: usize) -> Instant {
        self.trace.spans[span].began
    }

    /// When nobody waits for it any more: of a permit, when it was got.
    fn end(&self, span: usize) -> Instant {
        let span = &self.trace.spans[span];
        let ended = span.ended.map_or(Instant(u64::MAX), |(at, _)| at);
        match span.what {
            SpanKind::Permit { got, .. } => got.unwrap_or(ended),
            _ => ended,
        }
    }

    /// Time of a span that no child of it accounts for.
    fn own(&mut self, span: usize, from: Instant, until: Instant) {
        if until <= from {
            return;
        }
        let what = self.trace.spans[span].what;
        let place = self.place(what);
        match what {
            SpanKind::Served { started, .. } => {
                let started = started.unwrap_or(until).clamp(from, until);
                self.add(Part::Queue, place.clone(), started.since(from));
                self.add(Part::Work, place, until.since(started));
            }
            SpanKind::Call { .. } | SpanKind::Permit { .. } => self.add(Part::Permit, place, until.since(from)),
            SpanKind::Attempt { .. } | SpanKind::Delivery { .. } => self.add(Part::Network, place, until.since(from)),
            SpanKind::Backoff { .. } => self.add(Part::Backoff, place, until.since(from)),
        }
    }

    fn add(&mut self, part: Part, place: String, nanos: Nanos) {
        if nanos > Nanos::ZERO {
            self.shares.entry((part, place)).or_insert(Nanos::ZERO).0 += nanos.0;
        }
    }

    /// Where it is spent: waiting and pauses at the caller, the way and the work at the callee.
    fn place(&self, what: SpanKind) -> String {
        let topology = self.topology;
        match what {
            SpanKind::Call { edge, .. } | SpanKind::Backoff { edge } => {
                let caller = names::caller_of(topology, edge);
                match topology.edges[edge.index()].caller {
                    crate::topology::site::Caller::Client(_) => caller.to_string(),
                    crate::topology::site::Caller::Endpoint(endpoint) => self.service(topology.endpoints[endpoint.index()].service.index()),
                }
            }
            SpanKind::Attempt { edge, .. } => {
                let callee = topology.edges[edge.index()].callee;
                self.service(topology.endpoints[callee.index()].service.index())
            }
            SpanKind::Served { endpoint, .. } => self.service(topology.endpoints[endpoint.index()].service.index()),
            SpanKind::Permit { pool, .. } => self.service(topology.pools[pool.index()].service.index()),
            SpanKind::Delivery { queue, .. } => topology.brokers.queues[queue as usize].name.clone(),
        }
    }

    fn service(&self, service: usize) -> String {
        self.topology.services[service].name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::base::id::*;
    use crate::base::outcome::Outcome;
    use crate::observe::span::Span;

    const fn ms(n: u64) -> Instant {
        Instant(n * 1_000_000)
    }

    fn span(parent: Option<u32>, began: u64, ended: Option<u64>, what: SpanKind) -> Span {
        Span { parent, began: ms(began), ended: ended.map(|at| (ms(at), Outcome::OK)), what }
    }

    fn call(edge: u32) -> SpanKind {
        SpanKind::Call { edge: EdgeId(edge), caller: 0 }
    }

    fn attempt(edge: u32, number: u16) -> SpanKind {
        SpanKind::Attempt { edge: EdgeId(edge), replica: Some(ReplicaId(0)), number, by_mesh: false }
    }

    fn served(endpoint: u32, started: Option<u64>) -> SpanKind {
        SpanKind::Served { endpoint: EndpointId(endpoint), replica: ReplicaId(0), started: started.map(ms) }
    }

    fn trace(spans: Vec<Span>, ended: u64) -> Trace {
        Trace { client: ClientId(0), number: 0, offered: ms(0), ended: Some((ms(ended), Outcome::OK)), kept: Kept::Typical, spans }
    }

    fn told(trace: &Trace) -> Vec<(&'static str, String, u64)> {
        let (ended, _) = trace.ended.unwrap();
        let shares = of_trace(&sample::shop(4), trace, ended);
        assert_eq!(shares.values().map(|n| n.0).sum::<u64>(), ended.since(trace.offered).0, "the parts make the whole");
        shares.into_iter().map(|((part, place), nanos)| (part.word(), place, nanos.0 / 1_000_000)).collect()
    }

    #[test]
    fn every_instant_is_put_down_to_what_was_waited_for() {
        // 1 ms on the way, 4 in the queue, 5 of work, 1 back; then a call: 2 before its attempt.
        let spans = vec![
            span(None, 0, Some(40), call(0)),
            span(Some(0), 0, Some(40), attempt(0, 1)),
            span(Some(1), 1, Some(39), served(0, Some(5))),
            span(Some(2), 10, Some(38), call(1)),
            span(Some(3), 12, Some(20), attempt(1, 1)),
            span(Some(3), 20, Some(30), SpanKind::Backoff { edge: EdgeId(1) }),
            span(Some(3), 30, Some(38), attempt(1, 2)),
            span(Some(6), 31, Some(37), served(1, None)),
        ];
        let expected = [
            ("queue", "gateway", 4),
            ("queue", "orders", 6),
            ("work", "gateway", 6),
            ("network", "gateway", 2),
            ("network", "orders", 10),
            ("back-off", "gateway", 10),
            ("permit", "gateway", 2),
        ];
        assert_eq!(told(&trace(spans, 40)), expected.map(|(part, place, ms)| (part, place.to_string(), ms)));
    }

    #[test]
    fn of_calls_side_by_side_the_one_that_ended_last_counts() {
        let spans = vec![
            span(None, 0, Some(20), call(0)),
            span(Some(0), 0, Some(20), served(0, Some(0))),
            span(Some(1), 0, Some(8), served(1, Some(0))),
            span(Some(1), 0, Some(20), served(2, Some(0))),
        ];
        assert_eq!(told(&trace(spans, 20)), [("work", "orders-db".to_string(), 20)]);
    }

    #[test]
    fn work_that_outlasts_its_attempt_counts_only_while_it_was_waited_for() {
        let spans =
            vec![span(None, 0, Some(10), call(0)), span(Some(0), 0, Some(10), attempt(0, 1)), span(Some(1), 2, None, served(0, Some(4)))];
        let expected = [("queue", "gateway", 2), ("work", "gateway", 6), ("network", "gateway", 2)];
        assert_eq!(told(&trace(spans, 10)), expected.map(|(part, place, ms)| (part, place.to_string(), ms)));
    }

    #[test]
    fn requests_are_summed_by_client_and_by_why_they_were_kept() {
        let one = trace(vec![span(None, 0, Some(10), call(0))], 10);
        let mut other = one.clone();
        other.kept = Kept::Slow;
        let unfinished = Trace { ended: None, ..one.clone() };
        let groups = attribute(&sample::shop(4), &[one.clone(), other, one, unfinished]);
        assert_eq!(
            groups.iter().map(|g| (g.kept, g.requests, g.total)).collect::<Vec<_>>(),
            [(Kept::Slow, 1, Nanos::from_millis(10)), (Kept::Typical, 2, Nanos::from_millis(20)),]
        );
    }

    #[test]
    fn a_permit_is_waited_for_until_it_is_got_and_not_while_it_is_held() {
        let mut topology = sample::shop(4);
        topology.pools.push(crate::topology::Pool { name: "connections".into(), service: ServiceId(0), size: 1, max_wait: Nanos::MAX });
        let spans = vec![
            span(None, 0, Some(20), call(0)),
            span(Some(0), 0, Some(20), served(0, Some(0))),
            span(Some(1), 2, Some(18), SpanKind::Permit { pool: PoolId(0), got: Some(ms(6)) }),
        ];
        let shares = of_trace(&topology, &trace(spans, 20), ms(20));
        let expected =
            [((Part::Work, "gateway".to_string()), Nanos::from_millis(16)), ((Part::Permit, "gateway".to_string()), Nanos::from_millis(4))];
        assert_eq!(shares, expected.into());
    }

    #[test]
    fn the_parts_of_a_group_make_its_total() {
        let one = trace(vec![span(None, 0, Some(10), call(0))], 10);
        let groups = attribute(&sample::shop(4), &[one.clone(), one.clone(), one]);
        let parts: u64 = groups[0].shares.values().map(|nanos| nanos.0).sum();
        assert_eq!((groups.len(), groups[0].requests, parts), (1, 3, groups[0].total.0));
    }
}
