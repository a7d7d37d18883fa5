//! Which requests are kept. As a collector with tail sampling does, a request may be followed first and be judged when it is over.
//!
//! The tail of a run is what is worth looking at: of every part of the run and every client the slowest requests, one of each way
//! to fail, and the first as what is typical there. So what is kept stays small however long the run is. Where requests are many,
//! only a share of them is followed at all, and the share shrinks as they come, which is the same for every run of the same seed.

use crate::base::id::{ClientId, FaultId};
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::observe::span::{Kept, Trace};

/// What to keep.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Sampling {
    #[default]
    Nothing,
    /// The first of the measured interval, so many.
    First(u32),
    All,
    /// A share of all, in 0..=1, whatever comes of them.
    Share(f64),
    /// Slow, failed and typical requests.
    Tail,
    /// What is offered about the beginning and the end of a fault.
    AroundFault(FaultId),
}

/// What a sampler must know of a run.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    pub clients: usize,
    pub duration: Nanos,
    /// What [`Sampling::AroundFault`] keeps.
    pub around: Vec<(Instant, Instant)>,
}

/// Requests of which all are followed; and how many are before every halving of the share after that. To follow one costs several
/// times what it costs to simulate a cheap one.
const FOLLOWED_AT_FIRST: u64 = 50_000;
const FOLLOWED_BEFORE_HALVING: u64 = 10_000;

/// Ways to fail of which one each is kept, per part.
const MOST_OUTCOMES: usize = 4;

/// The slowest, per part.
const SLOWEST: usize = 2;

#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    /// Of [`Sampling::First`]: how many more.
    wanted: u32,
    /// How many more are followed before the share is halved, and how often it was.
    before_halving: u64,
    halvings: u32,
    shape: Shape,
    parts: usize,
    /// Per client and part of the run.
    tails: Vec<Tail>,
}

/// What is kept of a part of the run.
#[derive(Clone, Debug, Default)]
struct Tail {
    /// Slowest first.
    slow: Vec<(Nanos, u32)>,
    failed: Vec<(Outcome, u32)>,
    typical: Option<u32>,
}

/// What follows from a request's end: as what it is kept, and which one is not kept any more, itself or another.
#[derive(Debug, Default)]
pub struct Verdict {
    pub kept: Option<Kept>,
    pub dropped: Option<u32>,
}

impl Sampler {
    /// Nothing to keep: nothing.
    pub fn new(sampling: &Sampling, shape: Shape) -> Option<Sampler> {
        let wanted = match sampling {
            Sampling::Nothing | Sampling::First(0) => return None,
            Sampling::First(n) => *n,
            _ => 0,
        };
        // Enough parts to tell before, during and after a fault; fewer if there are many clients.
        let parts = (240 / shape.clients.max(1)).clamp(6, 60);
        let tails = vec![Tail::default(); if *sampling == Sampling::Tail { parts * shape.clients } else { 0 }];
        Some(Sampler { sampling: sampling.clone(), wanted, before_halving: FOLLOWED_AT_FIRST, halvings: 0, shape, parts, tails })
    }

    /// Whether a request is followed, and as what.
    pub fn follows(&mut self, request: u64, measured: bool, now: Instant) -> Option<Kept> {
        match &self.sampling {
            Sampling::Nothing => None,
            Sampling::First(_) => {
                let follows = measured && self.wanted > 0;
                self.wanted -= u32::from(follows);
                follows.then_some(Kept::Share)
            }
            Sampling::All => Some(Kept::Share),
            Sampling::Share(share) => (hashed(request) < *share).then_some(Kept::Share),
            Sampling::AroundFault(_) => {
                self.shape.around.iter().any(|(from, until)| (*from..*until).contains(&now)).then_some(Kept::AroundFault)
            }
            Sampling::Tail => {
                let every = 1u64 << self.halvings.min(63);
                if mixed(request) & (every - 1) != 0 {
                    return None;
                }
                self.before_halving -= 1;
                if self.before_halving == 0 {
                    (self.before_halving, self.halvings) = (FOLLOWED_BEFORE_HALVING, self.halvings + 1);
                }
                Some(Kept::Typical)
            }
        }
    }

    fn tail_of(&mut self, client: ClientId, offered: Instant) -> &mut Tail {
        let part = u128::from(offered.0) * self.parts as u128 / u128::from(self.shape.duration.0.max(1));
        &mut self.tails[client.index() * self.parts + (part as usize).min(self.parts - 1)]
    }

    /// A request is over: what of it and of others is kept.
    pub fn decide(&mut self, trace: &Trace, place: u32) -> Verdict {
        let (Sampling::Tail, Some((ended, outcome))) = (&self.sampling, trace.ended) else { return Verdict::default() };
        let kept = |kept| Verdict { kept: Some(kept), dropped: None };
        let took = ended.since(trace.offered);
        let tail = self.tail_of(trace.client, trace.offered);
        let is_full = !outcome.is_failure() && !outcome.is_degraded();
        if !is_full && tail.failed.len() < MOST_OUTCOMES && tail.failed.iter().all(|(seen, _)| *seen != outcome) {
            tail.failed.push((outcome, place));
            return kept(if outcome.is_failure() { Kept::Failed } else { Kept::Degraded });
        }
        if is_full && tail.typical.is_none() {
            tail.typical = Some(place);
            return kept(Kept::Typical);
        }
        let rank = tail.slow.partition_point(|(slower, _)| *slower >= took);
        if rank >= SLOWEST {
            return Verdict { kept: None, dropped: Some(place) };
        }
        tail.slow.insert(rank, (took, place));
        let quicker = if tail.slow.len() > SLOWEST { tail.slow.pop() } else { None };
        Verdict { dropped: quicker.map(|(_, place)| place), ..kept(Kept::Slow) }
    }

    /// Of requests that have no answer when the run ends: which are not kept.
    pub fn surplus<'a>(&mut self, open: &[u32], trace: impl Fn(u32) -> &'a Trace) -> Vec<u32> {
        if self.sampling != Sampling::Tail {
            return Vec::new();
        }
        let mut oldest_first: Vec<u32> = open.to_vec();
        oldest_first.sort_by_key(|place| (trace(*place).offered, trace(*place).number));
        oldest_first.retain(|place| {
            let Trace { client, offered, .. } = trace(*place);
            let tail = self.tail_of(*client, *offered);
            // Nothing was answered so late: the oldest of each part stand for all.
            let is_kept = tail.slow.len() < SLOWEST * 2;
            if is_kept {
                tail.slow.push((Nanos::MAX, *place));
            }
            !is_kept
        });
        oldest_first
    }
}

/// A number that says nothing of the one it is made from (the finalizer of MurmurHash3, public domain).
fn mixed(request: u64) -> u64 {
    let mut x = request ^ request >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

/// In 0..1, as even as a hash is.
fn hashed(request: u64) -> f64 {
    (mixed(request) >> 11) as f64 / (1u64 << 53) as f64
}
