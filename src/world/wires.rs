//! Lines: what a message weighs, and how long it waits for those before it and takes to leave.
//!
//! A line is one direction of a link. It carries one message at a time, first come first served, each for its size ÷
//! bandwidth in whole nanoseconds (rounded up); then the message travels for the link's latency. All that is kept is until
//! when a line is taken, so that no event is needed. A message that is lost has taken the line all the same.

use super::World;
use super::keys::Purpose;
use super::link::Way;
use super::state::*;
use crate::base::id::*;
use crate::base::outcome::Class;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::Cause;
use crate::topology::Topology;

/// All lines of a run.
pub(super) struct Lines {
    /// Whether messages have sizes.
    pub on: bool,
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
struct Line {
    free_at: Instant,
    /// The fault that slowed what is on it, until it is free.
    cause: Cause,
}

/// Longer than any run.
const NEVER_LEAVES: u128 = 1 << 62;

impl Lines {
    pub fn new(topology: &Topology) -> Lines {
        let free = Line { free_at: Instant::START, cause: Cause::NONE };
        Lines { on: topology.wire.is_on(), lines: vec![free; topology.wire.lines as usize] }
    }
}

/// How long so many bytes take at so many bits per second, in whole nanoseconds.
fn transmission(bytes: u64, bits_per_second: u64) -> Nanos {
    let nanos = (u128::from(bytes) * 8_000_000_000).div_ceil(u128::from(bits_per_second));
    Nanos(nanos.min(NEVER_LEAVES) as u64)
}

impl World<'_> {
    /// Puts a job's message on its line: how long it takes until its last bit has left.
    pub(super) fn leave_by_line(&mut self, job: u32, site: u32, way: Way, link: LinkId) -> Nanos {
        let bytes = self.bytes_of(job, site, way);
        let place = &self.topology.sites[site as usize];
        let (edge, of_pair) = (place.edge, place.link);
        let (delay, cause) = self.put_on_line(edge, (link, of_pair), way == Way::Back, bytes);
        if cause.is_some() {
            self.jobs[job].cause = cause;
        }
        delay
    }

    /// Puts a message on a line: how long it takes until its last bit has left, and the fault that it waits for.
    pub(super) fn put_on_line(&mut self, edge: EdgeId, (link, of_pair): (LinkId, LinkId), back: bool, bytes: u64) -> (Nanos, Cause) {
        let now = self.now();
        self.recorder.sent(edge, back, bytes, now);
        let known = &self.topology.links[link.index()];
        let (lowered, cause) = self.lowered_bandwidth(link, of_pair);
        let Some(bandwidth) = known.bandwidth.into_iter().chain(lowered).min() else { return (Nanos::ZERO, Cause::NONE) };
        let line = &mut self.lines.lines[known.lines[usize::from(back)] as usize];
        if line.free_at <= now {
            (line.free_at, line.cause) = (now, Cause::NONE);
        }
        line.free_at = line.free_at + transmission(bytes, bandwidth);
        line.cause = cause.or(line.cause);
        (line.free_at.since(now), line.cause)
    }

    /// What a job's message weighs. The attempts of a call send the same.
    fn bytes_of(&self, job: u32, site: u32, way: Way) -> u64 {
        let Job { request, outcome, marks, .. } = self.jobs[job];
        let message = &self.topology.wire.messages[site as usize];
        let first = marks & mark::FIRST != 0;
        let path = self.path_of_call(job);
        match way {
            Way::Out => {
                let payload = message.payload.sample(&mut self.keys.call(site, request, path, Purpose::Payload));
                message.framing.request(payload.0, first)
            }
            Way::Back if matches!(outcome.class, Class::ConnectFailure | Class::Reset) => message.framing.reset(),
            Way::Back if outcome.is_failure() => message.framing.response(None, first),
            Way::Back => {
                let payload = message.response.sample(&mut self.keys.call(site, request, path, Purpose::Response));
                message.framing.response(Some(payload.0), first)
            }
        }
    }

    /// The place of the call that a job belongs to, whichever of its attempts it is. Where nobody waits for the job any more,
    /// which happens to what is lost and sent again, its own place has to do.
    fn path_of_call(&self, job: u32) -> u32 {
        let Job { call, path, .. } = self.jobs[job];
        if call == NOBODY {
            return path;
        }
        let Call { holds, parent, path, .. } = self.calls[call];
        if holds & hold::PARENT == hold::OF_UPSTREAM { self.path_of_upstream(parent) } else { path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_bits_by_the_bandwidth_in_whole_nanoseconds() {
        for (bytes, bandwidth, nanos) in
            [(125, 1_000_000, 1_000_000), (0, 1, 0), (1, 8_000_000_000, 1), (1, 3, 2_666_666_667), (1 << 30, 10_000_000_000, 858_993_460)]
        {
            assert_eq!(transmission(bytes, bandwidth), Nanos(nanos), "{bytes} B at {bandwidth} bps");
        }
        assert_eq!(transmission(u64::MAX, 1), Nanos(1 << 62));
    }
}
