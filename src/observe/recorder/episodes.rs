//! Faults, marks of the timeline, and what went wrong because of what.

use super::*;
use crate::observe::episode::*;

impl Recorder {
    pub fn mark(&mut self, at: Instant, what: Happening) {
        if self.recording.timeline.len() < MOST_MARKS {
            self.recording.timeline.push(Mark { at, what });
        } else {
            self.recording.left_out += 1;
        }
    }

    /// A fault begins; `adds_load` if it makes more requests, so that these carry it on.
    pub fn fault_began(&mut self, fault: FaultId, at: Instant, adds_load: bool) -> Cause {
        self.recording.faults.push(FaultSpan { fault, began: at, ended: None });
        self.mark(at, Happening::FaultBegan(fault));
        let Some(episode) = self.episodes.begin(Place::Fault(fault), Trouble::Fault, at, Cause::NONE) else { return Cause::NONE };
        if adds_load {
            self.episodes.list[episode.0 as usize - 1].load = episode;
        }
        episode
    }

    /// The occurrence that began at `began` ends.
    pub fn fault_ended(&mut self, fault: FaultId, began: Instant, at: Instant) {
        if let Some(span) = self.recording.faults.iter_mut().rev().find(|s| s.fault == fault && s.began == began) {
            span.ended = Some(at);
        }
        self.mark(at, Happening::FaultEnded(fault));
    }

    /// Something went wrong somewhere because of `because`: the episode it belongs to, which is the cause of what follows.
    pub fn trouble(&mut self, place: Place, trouble: Trouble, at: Instant, because: Cause) -> Cause {
        match self.episodes.note(place, trouble, at, because) {
            Some(episode) => episode,
            None => {
                self.recording.left_out += 1;
                because
            }
        }
    }

    /// The nearest episode in a chain of causes that puts load on those it calls: a spike, retries, a fallback. What merely
    /// slowed a caller down does not travel to whom it calls next.
    #[inline]
    pub fn load_behind(&self, cause: Cause) -> Cause {
        cause.episode().map_or(Cause::NONE, |e| self.episodes.list[e].load)
    }

    /// The nearest episode in a chain of causes that is somewhere else: what a place refused is no reason to refuse more.
    pub fn elsewhere(&self, place: Place, cause: Cause) -> Cause {
        let mut cause = cause;
        while let Some(episode) = cause.episode().map(|e| &self.episodes.list[e]).filter(|episode| episode.place == place) {
            cause = episode.because;
        }
        cause
    }
}

/// The episodes that are open, found by place, trouble and root.
pub(super) struct Open {
    pub(super) list: Vec<Episode>,
    /// Per place and trouble: `(root, episode)`, few per entry.
    current: Vec<Vec<(Cause, Cause)>>,
    services: usize,
    edges: usize,
}

impl Open {
    pub(super) fn new(services: usize, edges: usize, clients: usize) -> Open {
        Open { list: Vec::new(), current: vec![Vec::new(); (services + edges + clients) * Trouble::COUNT], services, edges }
    }

    fn row(&self, place: Place) -> usize {
        match place {
            Place::Service(service) => service.index(),
            Place::Edge(edge) => self.services + edge.index(),
            Place::Client(client) => self.services + self.edges + client.index(),
            Place::Fault(_) => unreachable!("a fault begins, it is not noted"),
        }
    }

    fn note(&mut self, place: Place, trouble: Trouble, at: Instant, because: Cause) -> Option<Cause> {
        let root = because.episode().map_or(Cause::NONE, |e| self.list[e].root);
        let row = self.row(place) * Trouble::COUNT + trouble as usize;
        if let Some(&(_, known)) = self.current[row].iter().find(|entry| entry.0 == root) {
            let episode = &mut self.list[known.0 as usize - 1];
            if at.since(episode.last) <= QUIET {
                episode.again(at, because);
                return Some(known);
            }
        }
        let new = self.begin(place, trouble, at, because)?;
        let entries = &mut self.current[row];
        match entries.iter_mut().find(|entry| entry.0 == root) {
            Some(entry) => entry.1 = new,
            None => entries.push((root, new)),
        }
        Some(new)
    }

    fn begin(&mut self, place: Place, trouble: Trouble, at: Instant, because: Cause) -> Option<Cause> {
        if self.list.len() >= MOST_EPISODES {
            return None;
        }
        let new = Cause(self.list.len() as u16 + 1);
        let root = because.episode().map_or(new, |e| self.list[e].root);
        let load = match trouble {
            Trouble::Retries | Trouble::Fallbacks => new,
            _ => because.episode().map_or(Cause::NONE, |e| self.list[e].load),
        };
        self.list.push(Episode { place, trouble, began: at, last: at, count: 1, because, mainly: because, lead: 1, root, load });
        Some(new)
    }
}
