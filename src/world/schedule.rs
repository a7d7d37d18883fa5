//! When faults begin and end: drawn once, before the run, so that nothing a policy does can move a fault.

use super::keys::{Keys, below};
use crate::base::id::FaultId;
use crate::base::stream::Words;
use crate::base::time::{Instant, Nanos};
use crate::topology::{FaultAction, Lasts, Restart, Topology};

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
            let ended = began + length(topology, keys, FaultId::new(i), count as u64);
            all.push(Occurrence { fault: FaultId::new(i), began, ended });
            count += 1;
            let Some(every) = &fault.every else { break };
            // At least a nanosecond: time goes on.
            began = began + every.sample(&mut keys.faults[i].draw(count as u64, u32::MAX)).max(Nanos(1));
        }
    }
    all
}

fn length(topology: &Topology, keys: &Keys, id: FaultId, count: u64) -> Nanos {
    let fault = &topology.faults[id.index()];
    match (&fault.lasts, &fault.action) {
        (Lasts::Forever, _) => Nanos::MAX,
        (Lasts::Instant, _) => Nanos::ZERO,
        (Lasts::For(dist), _) => dist.sample(&mut keys.faults[id.index()].draw(count, 0)),
        (Lasts::UntilRestarted, FaultAction::Crash { replicas, restart: Restart::After(dist) }) => {
            let away = replicas.iter().map(|replica| dist.sample(&mut restart_draw(topology, keys, id, count, replica.0)));
            away.max().unwrap_or(Nanos::ZERO)
        }
        (Lasts::UntilRestarted, other) => unreachable!("{other:?} restarts nothing"),
    }
}

/// What the restart of a replica draws: keyed by the count of this fault's occurrences and the replica's own name, so that
/// neither another fault nor another service shifts it.
pub(super) fn restart_draw(topology: &Topology, keys: &Keys, fault: FaultId, count: u64, replica: u32) -> Words {
    let service = topology.replicas[replica as usize].service.index();
    let path = below(keys.service_paths[service], replica - topology.services[service].replicas.start);
    keys.faults[fault.index()].draw(count, path)
}
