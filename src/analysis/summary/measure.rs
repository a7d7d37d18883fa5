//! From counts and integrals to figures: every definition of the summary, one small function each.

use super::{
    Age, Bytes, CallSummary, ClientSummary, Events, Extent, FaultSummary, Latency, Level, Named, QueueSummary, Retries, ServiceSummary,
    Summary, Wait,
};
use crate::analysis::course::{self, Course, horizon};
use crate::analysis::{cascade, expectations};
use crate::base::histogram::Histogram;
use crate::base::id::FaultId;
use crate::base::outcome::Outcome;
use crate::base::time::Nanos;
use crate::observe::recording::{ClientRecord, EdgeRecord, QueueRecord, Recording, ServiceRecord};
use crate::topology::Topology;

/// The figures of a run. `variant` names the overlay of the model that ran; `None`: the model as written.
pub fn summarize(topology: &Topology, recording: &Recording, variant: Option<&str>) -> Summary {
    let measured = recording.measured;
    let mut summary = Summary {
        name: topology.name.clone(),
        variant: variant.map(str::to_string),
        seed: recording.seed,
        duration: topology.duration.as_secs_f64(),
        warm_up: topology.warm_up.as_secs_f64(),
        events: recording.events,
        fingerprint: format!("{:016x}", recording.fingerprint),
        interrupted: recording.interrupted,
        clients: pairs(&topology.clients, &recording.clients, |c| &c.name, |record| client(record, measured)),
        services: pairs(&topology.services, &recording.services, |s| &s.name, |record| service(record, measured)),
        brokers: brokers(topology, recording, measured),
        calls: pairs(&topology.edges, &recording.edges, |e| &e.name, |record| call(record, topology.wire.is_on())),
        faults: faults(topology, recording),
        cascade: cascade::tell(topology, recording),
        expectations: Named::default(),
    };
    summary.expectations = expectations::evaluate(topology, recording, &summary);
    summary
}

/// Records by the names of their components; a component without a record has been idle.
fn pairs<C, R: Default, S>(components: &[C], records: &[R], name: impl Fn(&C) -> &String, figure: impl Fn(&R) -> S) -> Named<S> {
    let idle = R::default();
    components.iter().enumerate().map(|(i, c)| (name(c).clone(), figure(records.get(i).unwrap_or(&idle)))).collect()
}

fn client(record: &ClientRecord, measured: Nanos) -> ClientSummary {
    let useful = record.ok + record.degraded;
    let completed = useful + record.failed;
    debug_assert!(completed <= record.offered, "more requests completed than were offered");
    ClientSummary {
        offered: record.offered,
        completed,
        ok: record.ok,
        degraded: record.degraded,
        failed: record.failed,
        unfinished: record.offered.saturating_sub(completed),
        rate: per_second(record.completed_in_interval, measured),
        goodput: per_second(record.useful_in_interval, measured),
        success_rate: ratio(useful, record.offered),
        latency: latency(&record.latency),
        latency_ok: latency(&record.latency_ok),
        outcomes: outcomes(&record.outcomes),
    }
}

fn service(record: &ServiceRecord, measured: Nanos) -> ServiceSummary {
    ServiceSummary {
        requests: record.requests,
        ok: record.ok,
        failed: record.failed,
        rejected: record.rejected,
        abandoned: record.abandoned,
        rate: per_second(record.completed_in_interval, measured),
        latency: latency(&record.latency),
        wait: Wait {
            mean: record.wait.mean(),
            p50: quantile(&record.wait, 0.5),
            p95: quantile(&record.wait, 0.95),
            p99: quantile(&record.wait, 0.99),
            share: ratio(record.waited, record.wait.count()),
        },
        utilization: ratio(record.busy, record.alive),
        queue_length: Level { mean: ratio(record.queued, measured.0), max: record.queue_max },
        in_flight: Level { mean: ratio(record.present, measured.0), max: record.present_max },
        restarts: record.restarts,
        replicas: Extent { min: record.replicas_min, max: record.replicas_max },
    }
}

fn call(record: &EdgeRecord, sized: bool) -> CallSummary {
    let [request, response] = record.bytes;
    let bytes = Bytes { request, response, per_call: ratio(request + response, record.calls) };
    CallSummary {
        calls: record.calls,
        attempts: record.attempts,
        retries: Retries { app: record.retries, mesh: record.mesh_retries },
        hedges: 0,
        short_circuited: record.short_circuited,
        amplification: ratio(record.attempts, record.calls),
        latency: latency(&record.latency),
        outcomes: outcomes(&record.outcomes),
        bytes: sized.then_some(bytes),
        breaker_opened: record.breaker_opened,
        ejections: record.ejections,
        fallbacks: record.fallbacks,
    }
}

/// Each broker, and below it its queues.
fn brokers(topology: &Topology, recording: &Recording, measured: Nanos) -> Named<QueueSummary> {
    let mut all = Vec::new();
    for (broker, own) in topology.brokers.brokers.iter().zip(&recording.brokers) {
        let queues = broker.queues.start as usize..broker.queues.end as usize;
        let records = &recording.queues[queues.clone()];
        let sum = QueueSummary {
            published: own.published,
            unroutable: Some(own.unroutable),
            unclaimed_replies: Some(own.unclaimed_replies),
            events: (own.events_written + own.events_phantom > 0).then_some(Events {
                written: own.events_written,
                lost: own.events_lost,
                phantom: own.events_phantom,
            }),
            ..queue(&sum_of(records), measured)
        };
        all.push((broker.name.clone(), sum));
        all.extend(topology.brokers.queues[queues].iter().zip(records).map(|(q, record)| (q.name.clone(), queue(record, measured))));
    }
    Named(all)
}

fn sum_of(records: &[QueueRecord]) -> QueueRecord {
    let mut sum = QueueRecord::default();
    for record in records {
        for (all, one) in [
            (&mut sum.refused, record.refused),
            (&mut sum.delivered, record.delivered),
            (&mut sum.redelivered, record.redelivered),
            (&mut sum.acked, record.acked),
            (&mut sum.dead_lettered, record.dead_lettered),
            (&mut sum.dropped, record.dropped),
            (&mut sum.moved, record.moved),
            (&mut sum.duplicates, record.duplicates),
            (&mut sum.lost, record.lost),
            (&mut sum.left_ready, record.left_ready),
            (&mut sum.left_unacked, record.left_unacked),
        ] {
            *all += one;
        }
        sum.died.iter_mut().zip(record.died).for_each(|(all, one)| *all += one);
        sum.ready += record.ready;
        sum.unacked += record.unacked;
        // The longest of them: they need not have been longest at the same time.
        sum.ready_max = sum.ready_max.max(record.ready_max);
        sum.oldest_max = sum.oldest_max.max(record.oldest_max);
        sum.latency.merge(&record.latency);
    }
    sum
}

fn queue(record: &QueueRecord, measured: Nanos) -> QueueSummary {
    QueueSummary {
        published: record.published,
        refused: record.refused,
        delivered: record.delivered,
        redelivered: record.redelivered,
        acked: record.acked,
        dead_lettered: record.dead_lettered,
        dropped: record.dropped,
        expired: record.died[crate::policy::broker::rabbitmq::deaths::Reason::Expired as usize],
        moved: record.moved,
        lost: record.lost,
        duplicates: record.duplicates,
        lag: Level { mean: ratio(record.ready, measured.0), max: record.ready_max },
        unacked: ratio(record.unacked, measured.0),
        age: Age { max: record.oldest_max.as_secs_f64() },
        left: record.left_ready + record.left_unacked,
        latency: latency(&record.latency),
        unroutable: None,
        unclaimed_replies: None,
        events: None,
    }
}

/// Began, ended and recovered of every fault: of its last occurrence, if it repeats.
fn faults(topology: &Topology, recording: &Recording) -> Named<FaultSummary> {
    let course = Course::of_all_clients(recording, horizon(topology, recording));
    let of = |i: usize| {
        let Some(span) = course::faults(topology, recording).rfind(|span| span.fault == FaultId::new(i)) else {
            return FaultSummary::default();
        };
        let recovered = span.ended.and_then(|ended| course.recovered(span.began, ended));
        FaultSummary {
            began: Some(span.began.as_secs_f64()),
            ended: span.ended.map(|ended| ended.as_secs_f64()),
            recovered: recovered.map(Nanos::as_secs_f64),
        }
    };
    topology.faults.iter().enumerate().map(|(i, fault)| (fault.name.clone(), of(i))).collect()
}

pub fn latency(histogram: &Histogram) -> Latency {
    Latency {
        mean: histogram.mean(),
        p50: quantile(histogram, 0.5),
        p90: quantile(histogram, 0.9),
        p95: quantile(histogram, 0.95),
        p99: quantile(histogram, 0.99),
        p999: quantile(histogram, 0.999),
        max: histogram.max().map(|max| Nanos(max).as_secs_f64()),
    }
}

/// In seconds.
pub fn quantile(histogram: &Histogram, q: f64) -> Option<f64> {
    histogram.quantile(q).map(|nanos| Nanos(nanos).as_secs_f64())
}

/// Counts by their text: outcomes that differ only in who decided (a timeout and a deadline, both `504 UT`) are one.
fn outcomes(counts: &[(Outcome, u64)]) -> Named<u64> {
    let mut named: Named<u64> = Named::default();
    for (outcome, count) in counts {
        let key = outcome.to_string();
        match named.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, sum)) => *sum += count,
            None => named.0.push((key, *count)),
        }
    }
    named
}

fn per_second(count: u64, span: Nanos) -> Option<f64> {
    (span > Nanos::ZERO).then(|| count as f64 / span.as_secs_f64())
}

/// A quotient, or nothing where there is nothing to divide by.
pub fn ratio(part: impl Quantity, whole: impl Quantity) -> Option<f64> {
    let whole = whole.into_f64();
    (whole > 0.0).then(|| part.into_f64() / whole)
}

/// A count or an integral, of whatever width.
pub trait Quantity {
    fn into_f64(self) -> f64;
}

impl Quantity for u64 {
    fn into_f64(self) -> f64 {
        self as f64
    }
}

impl Quantity for u128 {
    fn into_f64(self) -> f64 {
        self as f64
    }
}

impl Quantity for f64 {
    fn into_f64(self) -> f64 {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::base::time::Instant;
    use crate::world::{Control, run};

    #[test]
    fn a_summary_balances_its_books() {
        let topology = sample::shop(4);
        let recording = run(&topology, 7, Control::default()).unwrap();
        let summary = summarize(&topology, &recording, Some("naive"));
        let client = summary.clients.get("shoppers").unwrap();
        assert_eq!(client.offered, client.ok + client.degraded + client.failed + client.unfinished);
        assert_eq!(client.completed, client.outcomes.values().sum::<u64>());
        for (name, call) in summary.calls.iter() {
            let tries = call.calls + call.retries.app + call.retries.mesh + call.hedges;
            assert_eq!(tries, call.attempts + call.short_circuited, "{name}");
        }
        let again = summarize(&topology, &run(&topology, 7, Control::default()).unwrap(), Some("naive"));
        assert_eq!(serde_json::to_string(&summary).unwrap(), serde_json::to_string(&again).unwrap());
    }

    #[test]
    fn outcomes_that_read_alike_are_one() {
        let counts = [(Outcome::TIMEOUT, 5), (Outcome::DEADLINE, 2), (Outcome::OK, 7), (Outcome::DEGRADED, 1)];
        assert_eq!(outcomes(&counts).0, [("504 UT".to_string(), 7), ("200".to_string(), 8)]);
    }

    #[test]
    fn a_fault_that_repeats_shows_its_last_occurrence() {
        let mut recording = sample::record::slow_db(Some(98));
        let mut first = recording.faults[0];
        (first.began.0, first.ended) = (10_000_000_000, None);
        recording.faults.insert(0, first);
        // In the drain it meets nothing that counts.
        let mut last = recording.faults[1];
        (last.began, last.ended) = (Instant::START + sample::shop(4).duration, None);
        recording.faults.push(last);
        let faults = faults(&sample::shop(4), &recording);
        assert_eq!(faults.get("slow-db"), Some(&FaultSummary { began: Some(60.0), ended: Some(90.0), recovered: Some(8.0) }));
    }
}
