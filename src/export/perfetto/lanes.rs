//! Threads for what happens at once: whatever overlaps lies on different lanes, and each begins on the lowest that is free.
//!
//! A thread of a Chrome trace holds slices that are disjoint or one within the other. What a replica works on, what it calls, the
//! messages and the permits that it holds are four groups of lanes of its process. A call's attempts and pauses lie within the call,
//! on its lane, unless they overlap each other.

use crate::base::time::Instant;
use crate::export::spans::{ExportedTrace, Maker};
use crate::observe::span::{SpanKind, Trace};
use crate::observe::span_id::Part;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What the lanes of a process hold, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Worker,
    Message,
    Call,
    Permit,
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Group::Worker => "worker",
            Group::Message => "message",
            Group::Call => "call",
            Group::Permit => "permit",
        }
    }
}

/// A slice: where it lies, from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub maker: Maker,
    pub group: Group,
    pub lane: u32,
    pub from: Instant,
    pub until: Instant,
}

/// By the number of a trace and the place in it.
#[derive(Default)]
pub(super) struct Lanes {
    slices: BTreeMap<(u32, u32), Slice>,
    /// How many lanes each group came to.
    used: BTreeMap<(Maker, Group), u32>,
}

/// What wants a lane.
struct Wanted {
    slice: Slice,
    key: (u32, u32),
    /// Places that lie within it.
    within: Vec<(u32, Slice)>,
}

impl Lanes {
    /// Of all traces with what is told of them.
    pub fn of<'t>(traces: impl Iterator<Item = (&'t Trace, ExportedTrace<'t>)>) -> Lanes {
        let mut wanted = Vec::new();
        for (number, (trace, told)) in traces.enumerate() {
            wanted.extend(wishes(number as u32, trace, &told));
        }
        // Longest first where several begin at once, so that what lies within another comes after it.
        wanted.sort_by_key(|w| (w.slice.maker, w.slice.group, w.slice.from, Reverse(w.slice.until), w.key));
        let mut lanes = Lanes::default();
        let mut at = None;
        let mut free = Free::default();
        for Wanted { mut slice, key, within } in wanted {
            if at.replace((slice.maker, slice.group)) != Some((slice.maker, slice.group)) {
                free = Free::default();
            }
            slice.lane = free.take(slice.from, slice.until);
            lanes.slices.insert(key, slice);
            lanes.slices.extend(within.into_iter().map(|(place, inner)| ((key.0, place), Slice { lane: slice.lane, ..inner })));
            let used = lanes.used.entry((slice.maker, slice.group)).or_default();
            *used = (*used).max(slice.lane + 1);
        }
        lanes
    }

    /// The number of a thread of its process, from 1.
    pub fn thread(&self, slice: &Slice) -> u32 {
        let before = self.used.range((slice.maker, Group::Worker)..(slice.maker, slice.group));
        1 + slice.lane + before.map(|(_, lanes)| lanes).sum::<u32>()
    }

    /// One slice of each lane, with what lies there.
    pub fn all(&self) -> Vec<(Slice, &'static str)> {
        let of = |(&(maker, group), &lanes): (&(Maker, Group), &u32)| {
            let slice = move |lane| Slice { maker, group, lane, from: Instant::START, until: Instant::START };
            (0..lanes).map(move |lane| (slice(lane), group.name()))
        };
        self.used.iter().flat_map(of).collect()
    }

    pub fn slice(&self, trace: u32, place: u32) -> Option<Slice> {
        self.slices.get(&(trace, place)).copied()
    }
}

/// Lanes of one group.
#[derive(Default)]
struct Free {
    /// By when they end.
    taken: BinaryHeap<Reverse<(Instant, u32)>>,
    free: BinaryHeap<Reverse<u32>>,
    lanes: u32,
}

impl Free {
    fn take(&mut self, from: Instant, until: Instant) -> u32 {
        while let Some(Reverse((_, lane))) = self.taken.peek().copied().filter(|Reverse((end, _))| *end <= from) {
            self.taken.pop();
            self.free.push(Reverse(lane));
        }
        let lane = self.free.pop().map_or_else(
            || {
                self.lanes += 1;
                self.lanes - 1
            },
            |Reverse(lane)| lane,
        );
        self.taken.push(Reverse((until, lane)));
        lane
    }
}

/// What a trace puts on lanes. What a replica never took up lies on none.
fn wishes(number: u32, trace: &Trace, told: &ExportedTrace<'_>) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut calls: BTreeMap<u32, usize> = BTreeMap::new();
    for span in told.spans.iter().filter(|span| span.part == Part::Itself) {
        let of = &trace.spans[span.place as usize];
        let slice = |group, from| Slice { maker: span.maker, group, lane: 0, from, until: span.ended.max(from) };
        let slice = match of.what {
            SpanKind::Served { started: Some(started), .. } => slice(Group::Worker, started),
            SpanKind::Served { started: None, .. } => continue,
            SpanKind::Permit { .. } => slice(Group::Permit, span.began),
            SpanKind::Delivery { .. } => slice(Group::Message, span.began),
            SpanKind::Call { .. } | SpanKind::Attempt { .. } | SpanKind::Backoff { .. } => slice(Group::Call, span.began),
        };
        let call = of.parent.filter(|_| !matches!(of.what, SpanKind::Call { .. })).and_then(|parent| calls.get(&parent).copied());
        if let Some(call) = call.filter(|call| lies_within(&wanted[*call], slice)) {
            wanted[call].within.push((span.place, slice));
            continue;
        }
        if let SpanKind::Call { .. } = of.what {
            calls.insert(span.place, wanted.len());
        }
        wanted.push(Wanted { slice, key: (number, span.place), within: Vec::new() });
    }
    wanted
}

/// Within the call, and after all that already lies there.
fn lies_within(call: &Wanted, slice: Slice) -> bool {
    let free_from = call.within.iter().map(|(_, inner)| inner.until).max().unwrap_or(call.slice.from);
    slice.maker == call.slice.maker && slice.from >= free_from && slice.until <= call.slice.until
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_lane_is_taken_and_nothing_on_a_lane_overlaps() {
        let mut free = Free::default();
        let at = |from, until| (Instant(from), Instant(until));
        let taken: Vec<u32> = [at(0, 10), at(1, 3), at(2, 4), at(3, 5), at(4, 9), at(10, 11), at(10, 12)]
            .map(|(from, until)| free.take(from, until))
            .to_vec();
        assert_eq!(taken, [0, 1, 2, 1, 2, 0, 1]);
    }

    #[test]
    fn within_a_call_lies_what_its_own_maker_does_after_what_is_there_and_before_its_end() {
        let (caller, other) = (Maker::Client(7), Maker::Client(8));
        let slice = |maker, from, until| Slice { maker, group: Group::Call, lane: 0, from: Instant(from), until: Instant(until) };
        let call = Wanted { slice: slice(caller, 0, 100), key: (0, 0), within: vec![(1, slice(caller, 10, 40))] };
        assert!(lies_within(&call, slice(caller, 40, 100)));
        assert!(!lies_within(&call, slice(caller, 39, 50)), "it overlaps what is there");
        assert!(!lies_within(&call, slice(caller, 40, 101)), "it outlasts the call");
        assert!(!lies_within(&call, slice(other, 40, 50)), "it is done elsewhere");
    }
}
