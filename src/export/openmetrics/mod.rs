//! `metrics.om`: what a Prometheus would have scraped from the system, with the simulated times of its scrapes.
//!
//! OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>): families one after the other, within a family one
//! series after the other, within a series the scrapes in time. Names and labels are those of the components that a user's
//! dashboards and alerts query: Istio's proxies ([`istio`], [`sizes`]) and Envoy ([`envoy`]), Kubernetes and its kubelet ([`kubernetes`]), libraries ([`resilience4j`]), tracing
//! ([`spans`]), brokers ([`brokers`]), and our own for what none of them tells ([`own`]).

mod brokers;
mod envoy;
mod istio;
mod kubernetes;
mod own;
mod resilience4j;
mod sizes;
mod spans;

use super::epoch::Epoch;
use crate::base::time::{Instant, Nanos};
use crate::observe::recording::Recording;
use crate::observe::watch::meters::Telemetry;
use crate::observe::watch::readings::{Figure, Read};
use crate::topology::Topology;
use std::fmt::Write as _;
use std::io;

/// Writes all metrics of a run whose meters were read; nothing but the end if they were not.
pub fn write(topology: &Topology, recording: &Recording, epoch: Epoch, to: impl io::Write) -> io::Result<()> {
    let mut text = Exposition { to, line: String::new() };
    if let Some(telemetry) = &recording.telemetry {
        let scene = Scene { topology, recording, telemetry, times: Times::of(telemetry, recording.window, epoch) };
        istio::write(&scene, &mut text)?;
        sizes::write(&scene, &mut text)?;
        envoy::write(&scene, &mut text)?;
        kubernetes::write(&scene, &mut text)?;
        resilience4j::write(&scene, &mut text)?;
        spans::write(&scene, &mut text)?;
        brokers::write(&scene, &mut text)?;
        own::write(&scene, &mut text)?;
    }
    text.end()
}

/// What the families are made from.
struct Scene<'a> {
    topology: &'a Topology,
    recording: &'a Recording,
    telemetry: &'a Telemetry,
    times: Times,
}

impl Scene<'_> {
    /// What a figure of one thing reads at each scrape; `before` it was first read.
    fn read(&self, (figure, of, part): (Figure, u32, u32), before: u64) -> impl Iterator<Item = u64> {
        self.carried(self.telemetry.readings.of(figure, of, part), before)
    }

    /// What a figure reads at each scrape; `before` it was first read.
    fn carried<'a>(&'a self, reads: &'a [Read], before: u64) -> impl Iterator<Item = u64> + 'a {
        self.carried_from_first(reads).map(move |read| read.unwrap_or(before))
    }

    /// As above; nothing before.
    fn carried_from_first<'a>(&'a self, reads: &'a [Read]) -> impl Iterator<Item = Option<u64>> + 'a {
        let (mut reads, mut now) = (reads.iter().peekable(), None);
        (0..self.times.stamps.len()).map(move |scrape| {
            while let Some((_, value)) = reads.next_if(|(number, _)| *number as usize <= scrape) {
                now = Some(*value);
            }
            now
        })
    }
}

/// When the scrapes were.
struct Times {
    interval: Nanos,
    window: Nanos,
    /// In seconds since 1970, as written.
    stamps: Vec<String>,
}

impl Times {
    fn of(telemetry: &Telemetry, window: Nanos, epoch: Epoch) -> Times {
        let stamp = |number: u64| {
            let nanos = epoch.nanos(Instant(telemetry.interval.0 * number));
            format!("{}.{:03}", nanos / 1_000_000_000, nanos / 1_000_000 % 1000)
        };
        Times { interval: telemetry.interval, window, stamps: (0..u64::from(telemetry.scrapes)).map(stamp).collect() }
    }

    fn at(&self, scrape: usize) -> Instant {
        Instant(self.interval.0 * scrape as u64)
    }

    /// How many windows were over at a scrape.
    fn windows(&self, scrape: usize) -> usize {
        (self.at(scrape).0 / self.window.0) as usize
    }

    /// At each scrape, the sum of a figure over the windows until then.
    fn sums<'a, W>(&'a self, windows: &'a [W], figure: impl Fn(&W) -> f64 + 'a) -> impl Iterator<Item = f64> + 'a {
        let (mut sum, mut next) = (0.0, 0);
        (0..self.stamps.len()).map(move |scrape| {
            let over = self.windows(scrape).min(windows.len());
            sum += windows[next.min(over)..over].iter().map(&figure).sum::<f64>();
            next = over;
            sum
        })
    }

    /// At each scrape, a figure of the latest window that was over; of the first before that.
    fn latest<'a, W>(&'a self, windows: &'a [W], figure: impl Fn(&W) -> f64 + 'a) -> impl Iterator<Item = f64> + 'a {
        (0..self.stamps.len()).map(move |scrape| {
            let place = self.windows(scrape).saturating_sub(1).min(windows.len().saturating_sub(1));
            windows.get(place).map_or(0.0, &figure)
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    /// Of components that keep to other rules than OpenMetrics.
    Unknown,
}

/// Labels as they stand between braces: `a="1",b="2"`.
struct Labels(String);

impl Labels {
    fn new(labels: &[(&str, &str)]) -> Labels {
        let mut text = String::new();
        for (name, value) in labels {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    c => text.push(c),
                }
            }
            text.push('"');
        }
        Labels(text)
    }
}

struct Exposition<W> {
    to: W,
    line: String,
}

impl<W: io::Write> Exposition<W> {
    /// Begins a family. A counter's samples are called `NAME_total`.
    fn family(&mut self, name: &str, kind: Kind, help: &str) -> io::Result<()> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Unknown => "unknown",
        };
        writeln!(self.to, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    /// As above, if there is anything of the family to tell.
    fn family_of<T>(&mut self, what: impl IntoIterator<Item = T>, name: &str, kind: Kind, help: &str) -> io::Result<()> {
        if what.into_iter().next().is_some() { self.family(name, kind, help) } else { Ok(()) }
    }

    /// One value at each scrape.
    fn series(&mut self, sample: &str, labels: &Labels, times: &Times, values: impl Iterator<Item = f64>) -> io::Result<()> {
        for (value, stamp) in values.zip(&times.stamps) {
            self.sample(sample, labels, value, stamp)?;
        }
        Ok(())
    }

    fn sample(&mut self, sample: &str, labels: &Labels, value: f64, stamp: &str) -> io::Result<()> {
        self.line.clear();
        let _ = writeln!(self.line, "{sample}{{{}}} {value} {stamp}", labels.0);
        self.to.write_all(self.line.as_bytes())
    }

    fn bucket(&mut self, sample: &str, labels: &Labels, bound: &str, count: u64, stamp: &str) -> io::Result<()> {
        self.line.clear();
        let _ = writeln!(self.line, "{sample}{{{},le=\"{bound}\"}} {count} {stamp}", labels.0);
        self.to.write_all(self.line.as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.write_all(b"# EOF\n")
    }
}

#[cfg(test)]
mod tests;
