//! Which ids a followed request and its spans bear in traces and logs: hashes of the seed, the client's name, the request's number
//! and the span's place. So one request has the same ids in every artefact, in every variant of a model, and on every machine.

use crate::base::stream::{Source, StreamKey, Streams};
use std::fmt;

/// Sixteen bytes, never all zero: W3C Trace Context forbids that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TraceId(pub u128);

/// Eight bytes, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SpanId(pub u64);

/// The ids of one client's requests.
#[derive(Clone, Copy, Debug)]
pub struct Ids(StreamKey);

impl Ids {
    pub fn new(seed: u64, client: &str) -> Ids {
        Ids(Streams::new(seed).key(client, "trace ids"))
    }

    /// Of the request of this number.
    pub fn trace(self, number: u64) -> TraceId {
        let mut words = self.0.draw(number, 0);
        let (high, low) = (words.word(), words.word());
        TraceId((u128::from(high) << 64 | u128::from(low)).max(1))
    }

    /// Of the span at this place of the request, or of what is told beside it.
    pub fn span(self, number: u64, place: u32, part: Part) -> SpanId {
        let path = (place << 1 | part as u32).wrapping_add(1);
        SpanId(self.0.draw(number, path).word().max(1))
    }
}

/// What of a span of the simulation is told: some are told as two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Part {
    Itself = 0,
    /// Its time in a queue.
    Queue = 1,
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_those_of_the_first_release() {
        let ids = Ids::new(42, "shoppers");
        let text = format!("{} {}", ids.trace(0), ids.span(0, 3, Part::Queue));
        assert_eq!(text, "28ed4e9420cead88abfbeacc14a4b1da 6bbba231b78be9b0");
    }

    #[test]
    fn seed_client_number_place_and_part_all_tell_ids_apart() {
        let mut spans = BTreeSet::new();
        let mut traces = BTreeSet::new();
        for (seed, client) in [(1, "a"), (2, "a"), (1, "b")] {
            let ids = Ids::new(seed, client);
            for number in 0..50 {
                traces.insert(ids.trace(number));
                for place in 0..50 {
                    spans.extend([Part::Itself, Part::Queue].map(|part| ids.span(number, place, part)));
                }
            }
        }
        assert_eq!((traces.len(), spans.len()), (150, 15_000));
    }
}
