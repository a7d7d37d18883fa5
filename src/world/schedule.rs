//! When faults begin and end: drawn once, before the run, so that nothing a policy does can move a fault.

use super::keys::{Keys, below};
use crate::base::dist::Dist;
use crate::base::id::{FaultId, ReplicaId};
use crate::base::stream::{Source, Words};
use crate::base::time::{Instant, Nanos};
use crate::topology::{Fault, FaultAction, Lasts, Restart, Topology};

/// One time that a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub fault: FaultId,
    /// How often the fault has happened before.
    pub count: u32,
    pub began: Instant,
    /// `NEVER`: not within the run.
    pub ended: Instant,
}

/// A fault that comes back more often than this in one run is a mistake of the model; later occurrences are left out.
const MOST_OCCURRENCES: u32 = 100_000;

/// All occurrences of all faults until the run's last instant, in the order of the faults.
pub(super) fn occurrences(topology: &Topology, keys: &Keys) -> Vec<Occurrence> {
    let last = Instant::START + topology.duration + topology.drain;
    let mut all = Vec::new();
    for (i, fault) in topology.faults.iter().enumerate() {
        let mut began = Instant::START + fault.at;
        let mut count = 0;
        while began <= last && count < MOST_OCCURRENCES {
            let happening = Occurrence { fault: FaultId::new(i), count, began, ended: Instant::NEVER };
            all.push(Occurrence { ended: began + length(fault, keys, topology, happening), ..happening });
            count += 1;
            let Some(every) = &fault.every else { break };
            // At least a nanosecond: time goes on.
            began = began + every.sample(&mut keys.faults[i].draw(u64::from(count), u32::MAX)).max(Nanos(1));
        }
    }
    all
}

fn length(fault: &Fault, keys: &Keys, topology: &Topology, happening: Occurrence) -> Nanos {
    match (&fault.lasts, &fault.action) {
        // Without a time of its own a crash is over when the last replica is back.
        (Lasts::UntilRestarted, FaultAction::Crash { replicas, restart: Restart::After(dist), .. }) => {
            let met = met(topology, keys, happening, replicas);
            met.iter().map(|replica| restart_after(topology, keys, happening, *replica, dist)).max().unwrap_or(Nanos::MAX)
        }
        (Lasts::Forever | Lasts::UntilRestarted, _) => Nanos::MAX,
        (Lasts::Instant, _) => Nanos::ZERO,
        (Lasts::For(dist), _) => dist.sample(&mut keys.faults[happening.fault.index()].draw(u64::from(happening.count), 0)),
    }
}

/// The replicas that a fault meets this time: all of these, or so many of them, drawn.
pub(super) fn met(topology: &Topology, keys: &Keys, happening: Occurrence, among: &[ReplicaId]) -> Vec<ReplicaId> {
    let Some(count) = topology.faults[happening.fault.index()].meets else { return among.to_vec() };
    let lot = |replica: &ReplicaId| draw(topology, keys, happening, *replica, 1).word();
    let mut drawn: Vec<(u64, ReplicaId)> = among.iter().map(|replica| (lot(replica), *replica)).collect();
    drawn.sort_unstable();
    let mut met: Vec<ReplicaId> = drawn.into_iter().take(count as usize).map(|(_, replica)| replica).collect();
    met.sort_unstable();
    met
}

/// How long after a crash a replica is back.
pub(super) fn restart_after(topology: &Topology, keys: &Keys, happening: Occurrence, replica: ReplicaId, dist: &Dist) -> Nanos {
    dist.sample(&mut draw(topology, keys, happening, replica, 0))
}

/// What a replica draws at one time of a fault: keyed by the fault's own count and the replica's own name, so that neither
/// another fault nor another service or replica shifts it.
fn draw(topology: &Topology, keys: &Keys, happening: Occurrence, replica: ReplicaId, purpose: u32) -> Words {
    let service = topology.replicas[replica.index()].service;
    let path = below(keys.service_paths[service.index()], replica.0 - topology.services[service.index()].replicas.start);
    // What restarts draw stands at the path itself.
    let path = if purpose == 0 { path } else { below(path, purpose) };
    keys.faults[happening.fault.index()].draw(u64::from(happening.count), path)
}
