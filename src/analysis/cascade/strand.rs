//! Which beginning is told, and what of it: episodes of one origin merged into strands, one per place and trouble.

use crate::base::id::FaultId;
use crate::base::time::Instant;
use crate::observe::episode::{Cause, Episode, Place, Trouble};
use crate::observe::recording::Recording;
use crate::topology::Topology;

/// No more steps than this are told.
const MOST_STEPS: usize = 15;
/// A strand with fewer occurrences than the greatest, divided by this, is noise.
const NOISE: u64 = 100;
/// Without a fault, failures of less than one request in so many are told as calm.
const WORTH_TELLING: u64 = 1000;

/// What an episode leads back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    Fault(FaultId),
    /// No fault: more work arrived than could be done in time.
    Load,
}

/// All episodes of one origin at one place with one trouble: a breaker that opens again after a quiet minute is one strand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strand {
    pub place: Place,
    pub trouble: Trouble,
    pub began: Instant,
    pub last: Instant,
    pub count: u64,
    /// What the first occurrence was caused by.
    pub because: Cause,
    /// What most occurrences were caused by, those of its greatest episode.
    pub mainly: Cause,
    /// Occurrences of the greatest episode.
    greatest: u64,
}

/// One origin and its consequences.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub root: Root,
    /// Every strand, in the order in which they began; causes come before their effects.
    pub strands: Vec<Strand>,
    /// By episode: its strand, if it is of this origin.
    pub strand_of: Vec<Option<usize>>,
    /// The strands worth telling, in order of time.
    pub shown: Vec<usize>,
    /// How many are not shown, echoes not counted.
    pub folded: usize,
    /// Failed requests that other origins led to, the worst first.
    pub others: Vec<(Root, u64)>,
}

impl Told {
    pub fn began(&self) -> Instant {
        self.strands.iter().map(|s| s.began).min().unwrap_or(Instant::START)
    }

    /// The strand that a cause belongs to; of an echo, what it echoes.
    pub fn strand_behind(&self, recording: &Recording, cause: Cause) -> Option<usize> {
        let episode = cause.episode()?;
        let strand = self.strand_of.get(episode).copied().flatten()?;
        if !self.is_echo(strand) {
            return Some(strand);
        }
        self.strand_behind(recording, recording.episodes[episode].because).or(Some(strand))
    }

    /// Errors that a caller gets because the callee fails are the same news twice.
    fn is_echo(&self, strand: usize) -> bool {
        let Strand { trouble, because, .. } = self.strands[strand];
        let behind = because.episode().and_then(|episode| self.strand_of.get(episode).copied().flatten());
        trouble == Trouble::ErrorAnswers && behind.is_some_and(|behind| matches!(self.strands[behind].place, Place::Service(_)))
    }

    /// The nearest strand shown on the way back along the causes.
    pub fn shown_behind(&self, recording: &Recording, cause: Cause) -> Option<usize> {
        let mut cause = cause;
        while let Some(episode) = cause.episode() {
            let strand = self.strand_of.get(episode).copied().flatten()?;
            if let Some(step) = self.shown.iter().position(|shown| *shown == strand) {
                return Some(step);
            }
            cause = recording.episodes[episode].because;
        }
        None
    }
}

/// The origin with the worst consequences, or nothing if nothing is worth telling.
pub fn choose(topology: &Topology, recording: &Recording) -> Option<Told> {
    let roots: Vec<Root> = recording.episodes.iter().map(|episode| root_of(recording, episode)).collect();
    let mut known: Vec<Root> = roots.clone();
    known.sort();
    known.dedup();
    let mut weights: Vec<(Root, Weight)> = known.into_iter().map(|root| (root, weigh(recording, &roots, root))).collect();
    weights.retain(|(root, weight)| *root != Root::Load || is_worth_telling(recording, *weight));
    // Stable: of equal ones the fault written first wins, and any fault wins over the load.
    weights.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    let (root, _) = *weights.first()?;
    let others = weights[1..].iter().filter(|(_, weight)| weight.failed > 0).map(|(root, weight)| (*root, weight.failed)).collect();
    let mut told = merge(recording, &roots, root);
    let news: Vec<usize> = (0..told.strands.len()).filter(|&strand| !told.is_echo(strand)).collect();
    told.shown = fold(&told.strands, &news);
    told.folded = news.len() - told.shown.len();
    told.others = others;
    debug_assert!(topology.faults.len() >= told.strands.iter().filter(|s| s.trouble == Trouble::Fault).count());
    Some(told)
}

fn root_of(recording: &Recording, episode: &Episode) -> Root {
    let beginning = episode.root.episode().and_then(|i| recording.episodes.get(i)).unwrap_or(episode);
    match beginning.place {
        Place::Fault(fault) => Root::Fault(fault),
        Place::Service(_) | Place::Edge(_) | Place::Client(_) => Root::Load,
    }
}

/// How bad the consequences of an origin are: failed requests first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    failed: u64,
    occurrences: u64,
}

fn weigh(recording: &Recording, roots: &[Root], root: Root) -> Weight {
    let mut weight = Weight::default();
    for (episode, _) in recording.episodes.iter().zip(roots).filter(|(_, of)| **of == root) {
        match episode.trouble {
            Trouble::Fault => {}
            Trouble::RequestsFail => weight.failed += episode.count,
            _ => weight.occurrences += episode.count,
        }
    }
    weight
}

fn is_worth_telling(recording: &Recording, weight: Weight) -> bool {
    let offered: u64 = recording.clients.iter().flat_map(|c| &c.windows).map(|w| u64::from(w.offered)).sum();
    weight.failed * WORTH_TELLING >= offered.max(1) || weight.occurrences * NOISE >= offered.max(1)
}

fn merge(recording: &Recording, roots: &[Root], root: Root) -> Told {
    let mut strands: Vec<Strand> = Vec::new();
    let mut strand_of = Vec::with_capacity(recording.episodes.len());
    for (episode, of) in recording.episodes.iter().zip(roots) {
        if *of != root {
            strand_of.push(None);
            continue;
        }
        let known = strands.iter().position(|s| s.place == episode.place && s.trouble == episode.trouble);
        strand_of.push(Some(known.unwrap_or(strands.len())));
        match known {
            Some(known) => {
                let strand = &mut strands[known];
                strand.count += episode.count;
                strand.last = strand.last.max(episode.last);
                if episode.count > strand.greatest {
                    (strand.mainly, strand.greatest) = (episode.mainly, episode.count);
                }
            }
            None => strands.push(Strand {
                place: episode.place,
                trouble: episode.trouble,
                began: episode.began,
                last: episode.last,
                count: episode.count,
                because: episode.because,
                mainly: episode.mainly,
                greatest: episode.count,
            }),
        }
    }
    Told { root, strands, strand_of, shown: Vec::new(), folded: 0, others: Vec::new() }
}

/// The strands worth telling: not noise, and the weightiest of those if there are too many.
fn fold(strands: &[Strand], news: &[usize]) -> Vec<usize> {
    let greatest = strands.iter().filter(|s| s.trouble != Trouble::Fault).map(|s| s.count).max().unwrap_or(0);
    let mut shown: Vec<usize> = news.iter().copied().filter(|&i| importance(&strands[i]) * NOISE >= greatest).collect();
    shown.sort_by_key(|&i| std::cmp::Reverse(importance(&strands[i])));
    shown.truncate(MOST_STEPS);
    // Strands are numbered in the order in which they began, so that a cause stays before its effect at the same instant.
    shown.sort_by_key(|&i| (strands[i].began, i));
    shown
}

/// The beginning, the end and the breakers are told however rare they are; the others by their count.
fn importance(strand: &Strand) -> u64 {
    const ALWAYS: u64 = u64::MAX / NOISE;
    match strand.trouble {
        Trouble::Fault => ALWAYS,
        Trouble::RequestsFail => ALWAYS - 1,
        Trouble::BreakerOpened | Trouble::HostsEjected => ALWAYS - 2,
        Trouble::WorkersExhausted
        | Trouble::QueueFull
        | Trouble::QueueExpired
        | Trouble::RateLimited
        | Trouble::Failing
        | Trouble::Timeouts
        | Trouble::Deadlines
        | Trouble::ConnectFailures
        | Trouble::Resets
        | Trouble::ErrorAnswers
        | Trouble::Retries
        | Trouble::BulkheadFull
        | Trouble::NoHost
        | Trouble::PoolOverflow
        | Trouble::Fallbacks => strand.count.min(ALWAYS - 3),
    }
}
