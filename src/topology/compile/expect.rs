//! Expectations: names become ids, values figures.

use super::Compiler;
use super::names::quoted;
use crate::base::diagnostic::Diagnostic;
use crate::base::id::*;
use crate::model::expectation as written;
use crate::topology::expectation::{During, Expectation, Metric, Op, QueueMetric, Subject};

impl Compiler<'_> {
    pub(super) fn expectations(&mut self) {
        for (name, expectation) in &self.model.expect {
            let path = format!("expect.{}", quoted(name));
            if let Some(compiled) = self.expectation(name, expectation, &path) {
                self.topology.expectations.push(compiled);
            }
        }
    }

    fn expectation(&mut self, name: &str, written: &written::Expectation, path: &str) -> Option<Expectation> {
        let metric = self.metric(written, path)?;
        let subject = self.subject(written, metric, path)?;
        let range = match &written.range {
            written::Range::Measured => During::Measured,
            written::Range::During { from, to } => During::Span { from: from.nanos(), until: to.nanos() },
            written::Range::After(fault) => During::After(self.fault(fault, path)?),
            written::Range::While(fault) => During::While(self.fault(fault, path)?),
        };
        let whole = match metric {
            Metric::Restarts | Metric::BlastRadius | Metric::Recovers { .. } => true,
            Metric::OfQueues(metric) => !matches!(metric, QueueMetric::Lag | QueueMetric::Age),
            _ => false,
        };
        if whole && range != During::Measured {
            let message = format!("`{}` is of the whole run: it has no `during`, `after` or `while`", written.metric.name());
            self.error("whole-run", message, path, "end the expectation after its value");
        }
        let (op, value) = match &written.comparison {
            Some(comparison) => (op(comparison.op), comparison.value.figure()),
            // `recovers` holds or does not.
            None => (Op::Equal, 1.0),
        };
        Some(Expectation { name: name.to_string(), text: written.text.clone(), metric, subject, range, op, value })
    }

    fn metric(&mut self, written: &written::Expectation, path: &str) -> Option<Metric> {
        Some(match written.metric {
            written::Metric::SuccessRate => Metric::SuccessRate,
            written::Metric::ErrorRate => Metric::ErrorRate,
            written::Metric::P50 => Metric::Quantile(0.5),
            written::Metric::P90 => Metric::Quantile(0.9),
            written::Metric::P95 => Metric::Quantile(0.95),
            written::Metric::P99 => Metric::Quantile(0.99),
            written::Metric::P999 => Metric::Quantile(0.999),
            written::Metric::Mean => Metric::Mean,
            written::Metric::Max => Metric::Max,
            written::Metric::Rate => Metric::Rate,
            written::Metric::Goodput => Metric::Goodput,
            written::Metric::Utilization => Metric::Utilization,
            written::Metric::QueueLength => Metric::QueueLength,
            written::Metric::Amplification => Metric::Amplification,
            written::Metric::Degraded => Metric::Degraded,
            written::Metric::Restarts => Metric::Restarts,
            written::Metric::BlastRadius => Metric::BlastRadius,
            written::Metric::Recovers => {
                let within = written.within.map(|within| within.nanos())?;
                Metric::Recovers { within, after: self.fault(written.after.as_deref()?, path)? }
            }
            written::Metric::Lost => Metric::OfQueues(QueueMetric::Lost),
            written::Metric::Dropped => Metric::OfQueues(QueueMetric::Dropped),
            written::Metric::Phantoms => Metric::OfQueues(QueueMetric::Phantoms),
            written::Metric::Duplicates => Metric::OfQueues(QueueMetric::Duplicates),
            written::Metric::DeadLettered => Metric::OfQueues(QueueMetric::DeadLettered),
            written::Metric::Lag => Metric::OfQueues(QueueMetric::Lag),
            written::Metric::Age => Metric::OfQueues(QueueMetric::Age),
            written::Metric::Drains => {
                let within = written.within.map(|within| within.nanos())?;
                Metric::OfQueues(QueueMetric::Drains { within, after: self.fault(written.after.as_deref()?, path)? })
            }
        })
    }

    fn fault(&mut self, name: &str, path: &str) -> Option<FaultId> {
        let known = self.names.fault(name);
        if known.is_none() {
            self.unknown("fault", "unknown-fault", name, path, self.names.faults.clone());
        }
        known
    }

    fn subject(&mut self, written: &written::Expectation, metric: Metric, path: &str) -> Option<Subject> {
        let subject = match &written.selector {
            written::Selector::Everything => Subject::Run,
            written::Selector::Name(name) => {
                if let Metric::OfQueues(_) = metric {
                    return self.queue_or_broker(name, path);
                }
                let client = self.names.client(name).map(Subject::Client);
                let service = self.names.service(name).map(Subject::Service);
                // A fault may be named too: `blastRadius(slow-db)` is of the whole run.
                let fault = self.names.fault(name).map(|_| Subject::Run);
                let Some(subject) = client.or(service).or(fault) else {
                    let known = self.names.clients.iter().chain(&self.names.services).copied().collect();
                    self.unknown("client or service", "unknown-subject", name, path, known);
                    return None;
                };
                subject
            }
            written::Selector::Edge { from, to } => Subject::Edge(self.edge_named(from, to, path)?),
        };
        let fits = match metric {
            Metric::Utilization | Metric::QueueLength | Metric::Restarts => matches!(subject, Subject::Service(_)),
            Metric::Amplification => matches!(subject, Subject::Edge(_)),
            Metric::BlastRadius => subject == Subject::Run,
            Metric::Recovers { .. } | Metric::Goodput | Metric::Degraded => matches!(subject, Subject::Client(_)),
            Metric::Rate => !matches!(subject, Subject::Run),
            Metric::OfQueues(_) => matches!(subject, Subject::Broker(_) | Subject::Queue(_)),
            _ => subject != Subject::Run,
        };
        if !fits {
            let of_what = match metric {
                Metric::Utilization | Metric::QueueLength | Metric::Restarts => "a service",
                Metric::Amplification => "a call, written `caller.endpoint -> service.endpoint`",
                Metric::BlastRadius => "the whole run, written `blastRadius()`",
                Metric::OfQueues(_) => "a broker, or one of its queues, written `broker.queue`",
                Metric::Recovers { .. } | Metric::Goodput | Metric::Degraded => "a client",
                _ => "a client, a service or a call",
            };
            let message = format!("`{}` is measured of {of_what}", written.metric.name());
            let service = self.names.services.first().map(|s| s.to_string());
            let client = self.names.clients.first().map(|c| c.to_string());
            let example = match metric {
                Metric::Utilization | Metric::QueueLength | Metric::Restarts => service,
                Metric::Amplification => self.topology.edges.first().map(|e| e.name.clone()),
                Metric::BlastRadius => Some(String::new()),
                _ => client,
            };
            let example = example.unwrap_or_default();
            let mut problem = Diagnostic::error("wrong-subject", message).at(path);
            if let written::Selector::Name(name) = &written.selector {
                problem = problem.part(name.clone());
            }
            self.problems.push(problem.help(format!("write for example `{}({example})`", written.metric.name())));
            return None;
        }
        Some(subject)
    }

    fn queue_or_broker(&mut self, name: &str, path: &str) -> Option<Subject> {
        let brokers = &self.topology.brokers;
        if let Some(broker) = brokers.brokers.iter().position(|broker| broker.name == name) {
            return Some(Subject::Broker(broker as u32));
        }
        if let Some(queue) = brokers.queues.iter().position(|queue| queue.name == name) {
            return Some(Subject::Queue(queue as u32));
        }
        let of_brokers = brokers.brokers.iter().map(|broker| broker.name.clone());
        let known: Vec<String> = of_brokers.chain(brokers.queues.iter().map(|queue| queue.name.clone())).collect();
        self.unknown("broker or queue", "unknown-subject", name, path, known.iter().map(String::as_str).collect());
        None
    }

    fn edge_named(&mut self, from: &str, to: &str, path: &str) -> Option<EdgeId> {
        let name = format!("{from} -> {to}");
        let known: Vec<String> = self.topology.edges.iter().map(|e| e.name.clone()).collect();
        let place = self.topology.edges.iter().position(|e| e.name == name);
        if place.is_none() {
            self.unknown("call", "unknown-call", &name, path, known.iter().map(String::as_str).collect());
        }
        place.map(EdgeId::new)
    }
}

fn op(op: written::Op) -> Op {
    match op {
        written::Op::Less => Op::Less,
        written::Op::LessOrEqual => Op::LessOrEqual,
        written::Op::Equal => Op::Equal,
        written::Op::NotEqual => Op::NotEqual,
        written::Op::GreaterOrEqual => Op::GreaterOrEqual,
        written::Op::Greater => Op::Greater,
    }
}
