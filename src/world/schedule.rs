//! When faults begin and end: drawn once, before the run, so that nothing a policy does can move a fault.

use super::keys::Keys;
use crate::base::id::FaultId;
use crate::base::time::{Instant, Nanos};
use crate::topology::{Fault, Lasts, Topology};

/// One time that a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub fault: FaultId,
    pub began: Instant,
    /// `NEVER`: not within the run.
    pub ended: Instant,
}

/// A fault that comes back more often than this in one run is a mistake of the model; later occurrences are left out.
const MOST_OCCURRENCES: usize = 100_000;

/// All occurrences of all faults until the run's last instant, in the order of the faults.
pub(super) fn occurrences(topology: &Topology, keys: &Keys) -> Vec<Occurrence> {
    let last = Instant::START + topology.duration + topology.drain;
    let mut all = Vec::new();
    for (i, fault) in topology.faults.iter().enumerate() {
        let mut began = Instant::START + fault.at;
        let mut count = 0;
        while began <= last && count < MOST_OCCURRENCES {
            let ended = began + length(fault, keys, i, count as u64);
            all.push(Occurrence { fault: FaultId::new(i), began, ended });
            count += 1;
            let Some(every) = &fault.every else { break };
            // At least a nanosecond: time goes on.
            began = began + every.sample(&mut keys.faults[i].draw(count as u64, u32::MAX)).max(Nanos(1));
        }
    }
    all
}

fn length(fault: &Fault, keys: &Keys, place: usize, count: u64) -> Nanos {
    match &fault.lasts {
        Lasts::Forever => Nanos::MAX,
        Lasts::Instant => Nanos::ZERO,
        Lasts::For(dist) => dist.sample(&mut keys.faults[place].draw(count, 0)),
    }
}
