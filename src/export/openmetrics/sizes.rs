//! Istio's sizes of requests and answers, of models that say what messages weigh.
//!
//! A proxy counts what travels on its downstream's stream: headers, framing and body, but nothing of TLS and TCP (istio/proxy,
//! `istio_stats.cc`: the bytes of `getDownstreamBytesMeter`). Where all calls of an edge weigh the same, their sizes follow from how many
//! there were; where sizes are drawn, or differ from call to call of an edge, they are not told.

use super::istio::{self, Series};
use super::{Exposition, Kind, Labels, Scene};
use crate::base::id::EdgeId;
use crate::base::outcome::{Class, Outcome};
use crate::observe::watch::meters::{BOUNDS_MS, BUCKETS, Counters, Scrape, is_left};
use crate::topology::Topology;
use crate::topology::wire::Message;
use std::collections::BTreeMap;
use std::io;

/// What the messages of an edge weigh.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sizes {
    request: u64,
    answer: u64,
    failure: u64,
}

impl Sizes {
    fn of(topology: &Topology, edge: EdgeId) -> Option<Sizes> {
        let mut sizes = topology.edges[edge.index()].sites.iter().map(|site| Sizes::of_message(topology.wire.messages.get(site.index())?));
        let first = sizes.next()??;
        sizes.all(|other| other == Some(first)).then_some(first)
    }

    fn of_message(message: &Message) -> Option<Sizes> {
        let (payload, response) = (message.payload.only_value()?.0, message.response.only_value()?.0);
        Some(Sizes {
            request: message.framing.request_in_proxy(payload),
            answer: message.framing.response_in_proxy(Some(response)),
            failure: message.framing.response_in_proxy(None),
        })
    }

    fn response(self, outcome: Outcome) -> u64 {
        match outcome.class {
            // Nobody has answered.
            _ if is_left(outcome) => 0,
            Class::Reset | Class::ConnectFailure => 0,
            _ if outcome.is_failure() => self.failure,
            _ => self.answer,
        }
    }
}

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    if !scene.topology.wire.is_on() {
        return Ok(());
    }
    let requests = series(scene, |sizes, _| sizes.request);
    family(scene, text, "istio_request_bytes", "Size of requests, headers included.", &requests)?;
    let responses = series(scene, Sizes::response);
    family(scene, text, "istio_response_bytes", "Size of answers, headers included.", &responses)
}

fn family<W: io::Write>(scene: &Scene, text: &mut Exposition<W>, name: &str, help: &str, series: &[Series]) -> io::Result<()> {
    text.family_of(series, name, Kind::Histogram, help)?;
    istio::histogram(name, series, scene, text)
}

fn series(scene: &Scene, bytes: impl Fn(Sizes, Outcome) -> u64) -> Vec<Series> {
    let mut by_labels: BTreeMap<String, Vec<Option<Scrape>>> = BTreeMap::new();
    for counters in &scene.telemetry.counters {
        let Some(sizes) = Sizes::of(scene.topology, counters.edge) else { continue };
        let weighed = weighed(counters, bytes(sizes, counters.outcome));
        istio::add(by_labels.entry(istio::labels(scene.topology, counters).0).or_default(), &weighed, scene.telemetry.scrapes);
    }
    by_labels.into_iter().map(|(labels, scrapes)| (Labels(labels), scrapes)).collect()
}

/// The same requests by what each of them weighs. Envoy's bounds are the same numbers for bytes as for milliseconds, so here a byte
/// stands where a millisecond does.
fn weighed(counters: &Counters, bytes: u64) -> Counters {
    let bucket = BOUNDS_MS.partition_point(|bound| *bound < bytes as f64);
    let weigh = |scrape: &Scrape| {
        let mut buckets = [0; BUCKETS];
        buckets[bucket] = scrape.requests;
        Scrape { nanos: u128::from(scrape.requests) * u128::from(bytes) * 1_000_000, buckets, ..*scrape }
    };
    Counters { scrapes: counters.scrapes.iter().map(weigh).collect(), ..counters.clone() }
}
