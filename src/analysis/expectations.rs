//! Expectations: what was asked of the run, what was observed, and whether it holds.
//!
//! Success and latency over a span come from probes, which count requests by the time they were offered; rates, goodput,
//! utilization and queues from the windows that overlap the span. What cannot be observed (nothing was offered, the fault
//! never ended) does not hold: an expectation that measures nothing should be noticed, not passed.

use crate::analysis::course::{self, Course, horizon, windows_of};
use crate::analysis::queues;
use crate::analysis::summary::measure::{quantile, ratio};
use crate::analysis::summary::{CallSummary, ClientSummary, Named, ServiceSummary, Summary};
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::observe::probe::Probe;
use crate::observe::recording::{ClientWindow, Recording};
use crate::topology::Topology;
use crate::topology::expectation::{During, Expectation, Metric, QueueMetric, Subject};
use crate::topology::site::Caller;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What became of an expectation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// As written.
    pub text: String,
    pub passed: bool,
    /// `null`: there was nothing to observe. Of `recovers`: seconds until recovery, `null` if it never came.
    pub observed: Option<f64>,
    pub unit: Unit,
}

/// How `observed` reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// In 0..=1.
    Share,
    Seconds,
    PerSecond,
    /// A factor: attempts per call.
    Times,
    #[default]
    Count,
}

/// All expectations of the model, in its order.
pub fn evaluate(topology: &Topology, recording: &Recording, summary: &Summary) -> Named<Verdict> {
    let judge = |(i, expectation): (usize, &Expectation)| {
        let view = View { topology, recording, summary, expectation, probe: recording.probes.get(i) };
        (expectation.name.clone(), view.verdict())
    };
    topology.expectations.iter().enumerate().map(judge).collect()
}

/// One expectation, and what its figure may be taken from.
struct View<'a> {
    topology: &'a Topology,
    recording: &'a Recording,
    summary: &'a Summary,
    expectation: &'a Expectation,
    probe: Option<&'a Probe>,
}

impl View<'_> {
    fn verdict(&self) -> Verdict {
        let Expectation { text, metric, op, value, .. } = self.expectation;
        let observed = self.observe().filter(|observed| observed.is_finite());
        let passed = match metric {
            Metric::Recovers { within, .. } | Metric::OfQueues(QueueMetric::Drains { within, .. }) => {
                op.holds(f64::from(observed.is_some_and(|s| s <= within.as_secs_f64())), *value)
            }
            _ => observed.is_some_and(|observed| op.holds(observed, *value)),
        };
        Verdict { text: text.clone(), passed, observed, unit: unit(*metric) }
    }

    fn observe(&self) -> Option<f64> {
        let measured = self.expectation.range == During::Measured;
        match self.expectation.metric {
            Metric::SuccessRate
            | Metric::ErrorRate
            | Metric::Degraded
            | Metric::Quantile(_)
            | Metric::Mean
            | Metric::Max
            | Metric::Amplification => {
                if measured {
                    self.cohort()
                } else {
                    self.of_probe(self.probe?)
                }
            }
            Metric::Rate | Metric::Goodput | Metric::Utilization | Metric::QueueLength => {
                if measured {
                    self.clock()
                } else {
                    self.of_windows(self.range()?)
                }
            }
            Metric::BlastRadius => self.summary.cascade.blast_radius,
            Metric::Restarts => match self.expectation.subject {
                Subject::Service(service) => self.service(service).map(|s| s.restarts as f64),
                _ => Some(self.summary.services.values().map(|s| s.restarts as f64).sum()),
            },
            Metric::Recovers { after, .. } => self.recovery(after),
            Metric::OfQueues(metric) => self.of_queues(metric),
        }
    }

    fn client(&self, client: ClientId) -> Option<&ClientSummary> {
        self.summary.clients.0.get(client.index()).map(|(_, client)| client)
    }

    fn service(&self, service: ServiceId) -> Option<&ServiceSummary> {
        self.summary.services.0.get(service.index()).map(|(_, service)| service)
    }

    fn call(&self, edge: EdgeId) -> Option<&CallSummary> {
        self.summary.calls.0.get(edge.index()).map(|(_, call)| call)
    }

    /// Over everything offered in the measured interval: the summary's own figures.
    fn cohort(&self) -> Option<f64> {
        let recording = self.recording;
        let (latency, offered, ok, degraded) = match self.expectation.subject {
            Subject::Client(client) => {
                let record = recording.clients.get(client.index())?;
                (&record.latency, record.offered, record.ok, record.degraded)
            }
            Subject::Service(service) => {
                let record = recording.services.get(service.index())?;
                (&record.latency, record.requests, record.ok, 0)
            }
            Subject::Edge(edge) => {
                let record = recording.edges.get(edge.index())?;
                let count = |is: fn(Outcome) -> bool| record.outcomes.iter().filter(|(o, _)| is(*o)).map(|(_, n)| n).sum();
                (&record.latency, record.calls, count(Outcome::is_ok), count(Outcome::is_degraded))
            }
            Subject::Run | Subject::Broker(_) | Subject::Queue(_) => return None,
        };
        match self.expectation.metric {
            Metric::Amplification => self.amplification(),
            Metric::SuccessRate => ratio(ok + degraded, offered),
            // Its complement: a request that never came back is no success.
            Metric::ErrorRate => ratio(ok + degraded, offered).map(|success| 1.0 - success),
            Metric::Degraded => ratio(degraded, offered),
            Metric::Quantile(q) => quantile(latency, q),
            Metric::Mean => latency.mean(),
            Metric::Max => latency.max().map(|max| Nanos(max).as_secs_f64()),
            _ => None,
        }
    }

    /// Attempts per call, of an edge or of everything that a client calls.
    fn amplification(&self) -> Option<f64> {
        match self.expectation.subject {
            Subject::Edge(edge) => self.call(edge)?.amplification,
            Subject::Client(client) => {
                let own = self.topology.edges.iter().zip(&self.recording.edges).filter(|(e, _)| e.caller == Caller::Client(client));
                let (attempts, calls) = own.fold((0, 0), |sum, (_, record)| (sum.0 + record.attempts, sum.1 + record.calls));
                ratio(attempts, calls)
            }
            Subject::Service(_) | Subject::Run | Subject::Broker(_) | Subject::Queue(_) => None,
        }
    }

    fn of_probe(&self, probe: &Probe) -> Option<f64> {
        let useful = probe.ok + probe.degraded;
        match self.expectation.metric {
            Metric::SuccessRate => ratio(useful, probe.offered),
            Metric::ErrorRate => ratio(useful, probe.offered).map(|success| 1.0 - success),
            Metric::Degraded => ratio(probe.degraded, probe.offered),
            Metric::Amplification => ratio(probe.attempts, probe.offered),
            Metric::Quantile(q) => quantile(&probe.latency, q),
            Metric::Mean => probe.latency.mean(),
            Metric::Max => probe.latency.max().map(|max| Nanos(max).as_secs_f64()),
            _ => None,
        }
    }

    /// Over the measured interval, from the summary's integrals.
    fn clock(&self) -> Option<f64> {
        match (self.expectation.subject, self.expectation.metric) {
            (Subject::Client(client), Metric::Rate) => self.client(client)?.rate,
            (Subject::Client(client), Metric::Goodput) => self.client(client)?.goodput,
            (Subject::Service(service), Metric::Rate) => self.service(service)?.rate,
            (Subject::Service(service), Metric::Utilization) => self.service(service)?.utilization,
            (Subject::Service(service), Metric::QueueLength) => self.service(service)?.queue_length.mean,
            _ => {
                let from = Instant::START + self.topology.warm_up;
                self.of_windows(windows_of(self.recording.window, from, horizon(self.topology, self.recording)))
            }
        }
    }

    /// The windows that overlap the expectation's span, which its probe knows since faults begin and end as they are drawn.
    fn range(&self) -> Option<Range<usize>> {
        let end = horizon(self.topology, self.recording);
        let (from, until) = match (self.expectation.range, self.probe) {
            (During::Span { from, until }, _) => (Instant::START + from, Instant::START + until),
            (_, Some(probe)) => (probe.from, probe.until),
            (_, None) => return None,
        };
        let until = until.min(end);
        (from < until).then(|| windows_of(self.recording.window, from, until))
    }

    fn of_windows(&self, range: Range<usize>) -> Option<f64> {
        match self.expectation.subject {
            Subject::Client(client) => {
                let windows = &self.recording.clients.get(client.index())?.windows;
                let windows = &windows[cut(&range, windows.len())];
                let useful = |w: &ClientWindow| u64::from(w.ok) + u64::from(w.degraded);
                match self.expectation.metric {
                    Metric::Rate => self.per_second(windows.iter().map(|w| useful(w) + u64::from(w.failed))),
                    Metric::Goodput => self.per_second(windows.iter().map(useful)),
                    _ => None,
                }
            }
            Subject::Service(service) => {
                let windows = &self.recording.services.get(service.index())?.windows;
                let windows = &windows[cut(&range, windows.len())];
                match self.expectation.metric {
                    Metric::Rate => self.per_second(windows.iter().map(|w| u64::from(w.ok) + u64::from(w.failed))),
                    Metric::Goodput => self.per_second(windows.iter().map(|w| w.ok.into())),
                    Metric::Utilization => {
                        ratio(windows.iter().map(|w| w.busy).sum::<f64>(), windows.iter().map(|w| w.workers).sum::<f64>())
                    }
                    Metric::QueueLength => ratio(windows.iter().map(|w| w.queue).sum::<f64>(), windows.len() as u64),
                    _ => None,
                }
            }
            Subject::Edge(edge) => {
                let windows = &self.recording.edges.get(edge.index())?.windows;
                let windows = &windows[cut(&range, windows.len())];
                match self.expectation.metric {
                    Metric::Rate => self.per_second(windows.iter().map(|w| w.calls.into())),
                    Metric::Goodput => self.per_second(windows.iter().map(|w| u64::from(w.calls).saturating_sub(w.failed.into()))),
                    _ => None,
                }
            }
            Subject::Run | Subject::Broker(_) | Subject::Queue(_) => None,
        }
    }

    fn per_second(&self, counts: impl ExactSizeIterator<Item = u64>) -> Option<f64> {
        let seconds = Nanos(self.recording.window.0 * counts.len() as u64).as_secs_f64();
        ratio(counts.sum::<u64>(), seconds)
    }

    fn of_queues(&self, metric: QueueMetric) -> Option<f64> {
        let windows = match self.expectation.range {
            During::Measured => {
                let from = Instant::START + self.topology.warm_up;
                Some(windows_of(self.recording.window, from, horizon(self.topology, self.recording)))
            }
            _ => self.range(),
        };
        queues::observe(self.topology, self.recording, self.expectation.subject, metric, windows)
    }

    /// Seconds from the end of the fault's last occurrence until the subject was back at its own baseline.
    fn recovery(&self, after: FaultId) -> Option<f64> {
        let span = course::faults(self.topology, self.recording).rfind(|span| span.fault == after)?;
        let until = horizon(self.topology, self.recording);
        let course = match self.expectation.subject {
            Subject::Client(client) => Course::of_client(self.recording, client, until),
            Subject::Service(service) => Course::of_service(self.recording, service, until),
            Subject::Edge(_) | Subject::Run | Subject::Broker(_) | Subject::Queue(_) => Course::of_all_clients(self.recording, until),
        };
        course.recovered(span.began, span.ended?).map(Nanos::as_secs_f64)
    }
}

/// The part of a range that was recorded.
fn cut(range: &Range<usize>, recorded: usize) -> Range<usize> {
    let end = range.end.min(recorded);
    range.start.min(end)..end
}

fn unit(metric: Metric) -> Unit {
    match metric {
        Metric::SuccessRate | Metric::ErrorRate | Metric::Degraded | Metric::Utilization | Metric::BlastRadius => Unit::Share,
        Metric::Quantile(_) | Metric::Mean | Metric::Max | Metric::Recovers { .. } => Unit::Seconds,
        Metric::Rate | Metric::Goodput => Unit::PerSecond,
        Metric::Amplification => Unit::Times,
        Metric::QueueLength | Metric::Restarts => Unit::Count,
        Metric::OfQueues(QueueMetric::Drains { .. } | QueueMetric::Age) => Unit::Seconds,
        Metric::OfQueues(_) => Unit::Count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::analysis::summary::summarize;
    use crate::topology::expectation::Op;

    /// What is observed of one expectation on the shop that recovers at 98 s.
    fn observe(subject: Subject, metric: Metric, range: During) -> Option<f64> {
        let mut topology = sample::shop(4);
        topology.expectations.truncate(1);
        let expectation = Expectation { subject, metric, range, op: Op::Less, value: f64::MAX, ..topology.expectations.remove(0) };
        topology.expectations.push(expectation);
        let recording = sample::record::slow_db(Some(98));
        let verdict = summarize(&topology, &recording, None).expectations.0.remove(0).1;
        assert_eq!(verdict.passed, verdict.observed.is_some());
        verdict.observed
    }

    #[test]
    fn every_metric_is_observed_where_it_should_be() {
        let (client, orders, edge) = (Subject::Client(ClientId(0)), Subject::Service(ServiceId(1)), Subject::Edge(EdgeId(2)));
        let ill = During::Span { from: Nanos::from_secs(70), until: Nanos::from_secs(80) };
        for (subject, metric, range, observed) in [
            (client, Metric::Goodput, ill, Some(10.0)),
            (client, Metric::Rate, ill, Some(200.0)),
            (orders, Metric::Utilization, ill, Some(1.0)),
            (orders, Metric::QueueLength, ill, Some(760.0)),
            (orders, Metric::Rate, ill, Some(70.0)),
            (orders, Metric::Goodput, ill, Some(10.0)),
            (edge, Metric::Rate, ill, Some(100.0)),
            (edge, Metric::Goodput, ill, Some(5.0)),
            (client, Metric::Utilization, ill, None),
            (orders, Metric::QueueLength, During::Measured, Some(56.25)),
            (orders, Metric::Restarts, During::Measured, Some(0.0)),
            (client, Metric::Degraded, During::Measured, Some(0.0)),
            (client, Metric::Max, During::Measured, Some(2.495)),
            // The probe of the sample: 12 000 offered, 3 failed, 12 100 attempts.
            (client, Metric::SuccessRate, ill, Some(0.999_75)),
            (edge, Metric::Amplification, ill, Some(12_100.0 / 12_000.0)),
            (client, Metric::Amplification, During::Measured, Some(1.0)),
            (Subject::Run, Metric::BlastRadius, During::Measured, Some(1.0)),
        ] {
            assert_eq!(observe(subject, metric, range), observed, "{metric:?} of {subject:?} {range:?}");
        }
    }

    #[test]
    fn errors_are_what_is_no_success_unfinished_ones_included() {
        let error = observe(Subject::Client(ClientId(0)), Metric::ErrorRate, During::Measured).unwrap();
        let success = observe(Subject::Client(ClientId(0)), Metric::SuccessRate, During::Measured).unwrap();
        assert_eq!(error + success, 1.0);
    }

    #[test]
    fn recovery_is_seconds_and_holds_within_its_limit() {
        for (within, back, observed, passed) in [(30, Some(98), Some(8.0), true), (5, Some(98), Some(8.0), false), (30, None, None, false)]
        {
            let mut topology = sample::shop(4);
            topology.expectations[2].metric = Metric::Recovers { within: Nanos::from_secs(within), after: FaultId(0) };
            let summary = summarize(&topology, &sample::record::slow_db(back), None);
            let verdict = summary.expectations.get("comesBack").unwrap();
            assert_eq!((verdict.observed, verdict.passed), (observed, passed), "within {within} s");
        }
    }
}
