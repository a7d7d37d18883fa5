//! What Resilience4j tells of its circuit breakers, retries and bulkheads, with the names of its Micrometer module
//! (<https://resilience4j.readme.io/docs/micrometer>).
//!
//! An *instance* of a policy is what Resilience4j keeps by name in one application: of the service that it guards, or of whatever its
//! scope is. State is told per caller (`instance` is the pod); calls are counted over all callers of an application.

use super::istio::{self, Workload};
use super::{Exposition, Kind, Labels, Scene};
use crate::analysis::names;
use crate::base::id::*;
use crate::base::time::Instant;
use crate::observe::watch::meters::{Reporter, Scrape};
use crate::observe::watch::readings::{Figure, Retried};
use crate::policy::app::{CallPolicy, Counted, Scope};
use crate::topology::{Policy, Site, Topology};
use std::collections::BTreeMap;
use std::io;

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let instances = Instance::all(scene.topology);
    breaker_states(scene, &instances, text)?;
    breaker_calls(scene, &instances, text)?;
    breaker_windows(scene, &instances, text)?;
    not_permitted(scene, &instances, text)?;
    retries(scene, &instances, text)?;
    bulkheads(scene, &instances, text)
}

const STATES: [(&str, f64); 3] = [("closed", 0.0), ("open", 1.0), ("half_open", 2.0)];

const RETRIED: [(&str, Retried); 4] = [
    ("successful_without_retry", Retried::SuccessfulWithoutRetry),
    ("successful_with_retry", Retried::SuccessfulWithRetry),
    ("failed_with_retry", Retried::FailedWithRetry),
    ("failed_without_retry", Retried::FailedWithoutRetry),
];

/// A policy of one application, by the name under which its library keeps it.
struct Instance<'a> {
    application: String,
    name: String,
    policy: &'a Policy,
    site: &'a Site,
}

/// The state of one caller's library for an instance: its place, and its labels.
type Cell = (u32, [(&'static str, String); 3]);

impl<'a> Instance<'a> {
    /// By the first of their cells.
    fn all(topology: &'a Topology) -> BTreeMap<u32, Instance<'a>> {
        let mut instances = BTreeMap::new();
        for site in topology.sites.iter().filter(|site| site.policy.is_some()) {
            let policy = &topology.policies[site.policy.index()];
            let name = match policy.rules.scope {
                Scope::Endpoint => topology.endpoints[site.callee.index()].full_name.clone(),
                Scope::Policy => policy.name.clone(),
                Scope::Service | Scope::Replica | Scope::Key(_) => topology.services[site.service.index()].name.clone(),
            };
            let made = || Instance { application: Workload::calling(topology, site.edge).name, name, policy, site };
            instances.entry(site.cells).or_insert_with(made);
        }
        // Two policies for the same service are two instances.
        let mut known: BTreeMap<(String, String), u32> = BTreeMap::new();
        instances.values().for_each(|of| *known.entry((of.application.clone(), of.name.clone())).or_default() += 1);
        for of in instances.values_mut().filter(|of| known[&(of.application.clone(), of.name.clone())] > 1) {
            of.name = format!("{} ({})", of.name, of.policy.name);
        }
        instances
    }

    /// The state of its callers; where there is one for each replica or key, of those that `figure` was read of.
    fn cells(&self, scene: &Scene, figure: Figure) -> Vec<Cell> {
        let Site { cells, stride, service, ref callers, .. } = *self.site;
        let known = |cell: &u32| stride == 1 || scene.telemetry.readings.is_known(figure, *cell);
        let labelled = |cell: u32| {
            let (caller, within) = ((cell - cells) / stride, (cell - cells) % stride);
            let instance = names::caller(scene.topology, callers.start + caller).replace('/', "-");
            let name = match self.policy.rules.scope {
                Scope::Service | Scope::Endpoint | Scope::Policy => self.name.clone(),
                Scope::Replica => {
                    let first = scene.topology.services[service.index()].replicas.start;
                    self.name.replacen(
                        &scene.topology.services[service.index()].name,
                        &names::replica(scene.topology, ReplicaId(first + within)),
                        1,
                    )
                }
                Scope::Key(attribute) => {
                    format!("{} {}={}", self.name, scene.topology.attributes[attribute.index()].name, within + 1)
                }
            };
            (cell, [("application", self.application.clone()), ("instance", instance), ("name", name)])
        };
        (cells..cells + callers.len() as u32 * stride).filter(known).map(labelled).collect()
    }

    fn labels(&self, kind: &str) -> Labels {
        Labels::new(&[("application", &self.application), ("instance", &self.application), ("name", &self.name), ("kind", kind)])
    }
}

fn of_cell(labels: &[(&'static str, String); 3], more: &[(&str, &str)]) -> Labels {
    let own = labels.iter().map(|(label, value)| (*label, value.as_str()));
    Labels::new(&own.chain(more.iter().copied()).collect::<Vec<_>>())
}

/// All cells of the instances that have this policy.
fn cells_of(scene: &Scene, instances: &BTreeMap<u32, Instance>, figure: Figure, has: fn(&CallPolicy) -> bool) -> Vec<(u32, Cell)> {
    let having = instances.iter().filter(|(_, of)| has(&of.policy.rules));
    having.flat_map(|(first, of)| of.cells(scene, figure).into_iter().map(|cell| (*first, cell))).collect()
}

fn breaker_states<W: io::Write>(scene: &Scene, instances: &BTreeMap<u32, Instance>, text: &mut Exposition<W>) -> io::Result<()> {
    let cells = cells_of(scene, instances, Figure::BreakerMode, |rules| rules.breaker.is_some());
    let name = "resilience4j_circuitbreaker_state";
    text.family_of(&cells, name, Kind::Gauge, "Whether the circuit breaker is in this state.")?;
    for (_, (cell, labels)) in &cells {
        let modes: Vec<u64> = scene.read((Figure::BreakerMode, *cell, 0), 0).collect();
        for (state, wanted) in STATES {
            let values = modes.iter().map(|mode| f64::from(*mode as f64 == wanted));
            text.series(name, &of_cell(labels, &[("state", state)]), &scene.times, values)?;
        }
    }
    Ok(())
}

/// What passed the breakers: attempts, by how they ended.
fn breaker_calls<W: io::Write>(scene: &Scene, instances: &BTreeMap<u32, Instance>, text: &mut Exposition<W>) -> io::Result<()> {
    let topology = scene.topology;
    let guard = |edge: EdgeId| {
        let sites = topology.edges[edge.index()].sites.iter().map(|site| &topology.sites[site.index()]);
        sites.filter(|site| site.policy.is_some()).map(|site| &instances[&site.cells]).find(|of| of.policy.rules.breaker.is_some())
    };
    let mut by_labels: BTreeMap<String, Vec<Option<Scrape>>> = BTreeMap::new();
    for counters in scene.telemetry.counters.iter().filter(|c| c.reporter == Reporter::Source) {
        let Some(instance) = guard(counters.edge) else { continue };
        let labels = instance.labels(if counters.outcome.is_failure() { "failed" } else { "successful" });
        istio::add(by_labels.entry(labels.0).or_default(), counters, scene.telemetry.scrapes);
    }
    // Micrometer's timer, of which only the sum and the count are published.
    let name = "resilience4j_circuitbreaker_calls_seconds";
    text.family_of(by_labels.keys(), name, Kind::Summary, "Calls that the circuit breaker let pass.")?;
    for (labels, scrapes) in by_labels {
        let labels = Labels(labels);
        for (scrape, stamp) in scrapes.iter().zip(&scene.times.stamps) {
            let Some(scrape) = scrape else { continue };
            text.sample(&format!("{name}_count"), &labels, scrape.requests as f64, stamp)?;
            text.sample(&format!("{name}_sum"), &labels, scrape.nanos as f64 / 1e9, stamp)?;
        }
    }
    Ok(())
}

/// A figure of a breaker's window: its name, what it means, its label, and its value; none where there is no such thing.
type OfWindow = (&'static str, &'static str, Option<&'static str>, fn(&Counted) -> Option<f64>);

const WINDOW: [OfWindow; 6] = [
    ("failure_rate", "Failed calls in percent; -1 with too few calls.", None, |c| Some(rate(c, c.failed))),
    ("slow_call_rate", "Slow calls in percent; -1 with too few calls.", None, |c| Some(rate(c, c.slow))),
    ("buffered_calls", "Calls in the breaker's window.", Some("failed"), |c| Some(f64::from(c.failed))),
    ("buffered_calls", "Calls in the breaker's window.", Some("successful"), |c| Some(f64::from(c.calls - c.failed))),
    ("slow_calls", "Slow calls in the breaker's window.", None, |c| Some(f64::from(c.slow))),
    ("max_buffered_calls", "Most calls that the breaker's window holds.", None, |c| c.most.map(f64::from)),
];

fn rate(counted: &Counted, of: u32) -> f64 {
    if counted.calls < counted.minimum.max(1) { -1.0 } else { f64::from(of) * 100.0 / f64::from(counted.calls) }
}

/// What breakers go by. Those that count failures in a row have no window to tell of.
fn breaker_windows<W: io::Write>(scene: &Scene, instances: &BTreeMap<u32, Instance>, text: &mut Exposition<W>) -> io::Result<()> {
    let has = |rules: &CallPolicy| rules.breaker.as_ref().is_some_and(|b| b.counted(&b.start(), Instant::START).is_some());
    let cells = cells_of(scene, instances, Figure::BreakerMode, has);
    let read: Vec<(&Cell, Vec<Counted>)> = cells.iter().map(|(first, cell)| (cell, counted(scene, &instances[first], cell.0))).collect();
    let mut begun = "";
    for (short, help, kind, value) in WINDOW {
        let told = read.iter().filter(|(_, counted)| counted.iter().any(|c| value(c).is_some())).collect::<Vec<_>>();
        let name = format!("resilience4j_circuitbreaker_{short}");
        if begun != short {
            text.family_of(&told, &name, Kind::Gauge, help)?;
        }
        begun = short;
        for ((_, labels), counted) in told {
            let labels = of_cell(labels, &kind.map(|kind| ("kind", kind)).into_iter().collect::<Vec<_>>());
            text.series(&name, &labels, &scene.times, counted.iter().map(|c| value(c).unwrap_or(0.0)))?;
        }
    }
    Ok(())
}

/// A breaker's window at each scrape.
fn counted(scene: &Scene, instance: &Instance, cell: u32) -> Vec<Counted> {
    let unused = instance.policy.rules.breaker.as_ref().and_then(|b| b.counted(&b.start(), Instant::START));
    let unused = unused.expect("only breakers with a window are asked");
    let figure = |figure, before: u32| scene.read((figure, cell, 0), u64::from(before)).map(|n| n as u32);
    let calls = figure(Figure::BreakerResults, 0);
    let parts = figure(Figure::BreakerFailures, 0).zip(figure(Figure::BreakerSlow, 0));
    let limits = figure(Figure::BreakerMinimum, unused.minimum).zip(figure(Figure::BreakerMost, unused.most.unwrap_or(0)));
    let made = |((calls, (failed, slow)), (minimum, most)): ((u32, (u32, u32)), (u32, u32))| {
        let most = (most > 0 && unused.most.is_some()).then_some(most);
        Counted { calls, failed, slow, minimum, most }
    };
    calls.zip(parts).zip(limits).map(made).collect()
}

fn not_permitted<W: io::Write>(scene: &Scene, instances: &BTreeMap<u32, Instance>, text: &mut Exposition<W>) -> io::Result<()> {
    let cells = cells_of(scene, instances, Figure::BreakerMode, |rules| rules.breaker.is_some());
    let name = "resilience4j_circuitbreaker_not_permitted_calls";
    text.family_of(&cells, name, Kind::Counter, "Calls that the circuit breaker refused.")?;
    for (_, (cell, labels)) in &cells {
        let refused = scene.read((Figure::NotPermitted, *cell, 0), 0).map(|n| n as f64);
        text.series(&format!("{name}_total"), &of_cell(labels, &[("kind", "not_permitted")]), &scene.times, refused)?;
    }
    Ok(())
}

fn retries<W: io::Write>(scene: &Scene, instances: &BTreeMap<u32, Instance>, text: &mut Exposition<W>) -> io::Result<()> {
    let retrying: Vec<(&u32, &Instance)> = instances.iter().filter(|(_, of)| of.policy.rules.retry.is_some()).collect();
    let name = "resilience4j_retry_calls";
    text.family_of(&retrying, name, Kind::Counter, "Calls, by how they left the retry.")?;
    for (first, instance) in retrying {
        for (kind, how) in RETRIED {
            let counted = scene.read((Figure::RetryCalls, *first, how as u32), 0).map(|n| n as f64);
            text.series(&format!("{name}_total"), &instance.labels(kind), &scene.times, counted)?;
        }
    }
    Ok(())
}

fn bulkheads<W: io::Write>(scene: &Scene, instances: &BTreeMap<u32, Instance>, text: &mut Exposition<W>) -> io::Result<()> {
    let cells = cells_of(scene, instances, Figure::BulkheadTaken, |rules| rules.bulkhead.is_some());
    let limit = |first: &u32| instances[first].policy.rules.bulkhead.as_ref().map_or(0, |bulkhead| u64::from(bulkhead.max_concurrent));
    let name = "resilience4j_bulkhead_available_concurrent_calls";
    text.family_of(&cells, name, Kind::Gauge, "Permits that are free.")?;
    for (first, (cell, labels)) in &cells {
        let taken = scene.read((Figure::BulkheadTaken, *cell, 0), 0);
        text.series(name, &of_cell(labels, &[]), &scene.times, taken.map(|taken| (limit(first) - taken) as f64))?;
    }
    let name = "resilience4j_bulkhead_max_allowed_concurrent_calls";
    text.family_of(&cells, name, Kind::Gauge, "Permits that there are.")?;
    for (first, (_, labels)) in &cells {
        text.series(name, &of_cell(labels, &[]), &scene.times, scene.times.stamps.iter().map(|_| limit(first) as f64))?;
    }
    Ok(())
}
