//! What a scraper reads of proxies, as it stands at its instants, and what only it wants counted.

use super::super::World;
use crate::base::outcome::Outcome;
use crate::observe::watch::readings::{Figure, Readings};
use crate::world::state::NOBODY;

impl World<'_> {
    /// Of every proxy that has sent anything to a cluster.
    pub(in crate::world) fn read_proxies(&self, readings: &mut Readings) {
        for cluster in self.topology.mesh.clusters.iter().filter(|cluster| !cluster.plain) {
            for number in cluster.cells..cluster.cells + cluster.callers.len() as u32 {
                let cell = self.proxies.cells[number as usize].as_ref();
                // What a pod knew is gone with it; before it sends anything there is nothing to tell.
                if cell.is_none() && !readings.is_known(Figure::ClusterConnections, number) {
                    continue;
                }
                let counters = cell.map(|cell| *self.proxies.pools.counters(cell.pool)).unwrap_or_default();
                let thresholds = &cluster.pool.thresholds;
                readings.set(Figure::ClusterConnections, number, 0, u64::from(counters.connections));
                readings.set(Figure::ClusterPending, number, 0, u64::from(counters.pending));
                readings.set(Figure::ClusterRequests, number, 0, u64::from(counters.requests));
                readings.set(Figure::ConnectionsOpen, number, 0, u64::from(!thresholds.admits_connection(&counters)));
                readings.set(Figure::PendingOpen, number, 0, u64::from(!thresholds.admits_pending(&counters)));
                readings.set(Figure::RequestsOpen, number, 0, u64::from(!thresholds.admits_request(&counters)));
                if cluster.outlier.is_some() {
                    readings.set(Figure::HostsEjected, number, 0, cell.map_or(0, |cell| u64::from(cell.ejected_now())));
                }
            }
        }
    }

    /// A stream is answered: its cluster is charged with the code, if it was sent to one.
    #[inline(never)]
    pub(super) fn watch_reply(&mut self, stream: u32, outcome: Outcome) {
        let call = self.proxies.streams[stream].call;
        if self.proxies.streams[stream].tries > 0 && !self.is_plain(stream) {
            self.count_at_cluster(stream, Figure::UpstreamAnswers, u32::from(outcome.status));
        }
        if call != NOBODY {
            self.watch_leaves_proxy(call, outcome);
        }
    }

    /// A stream will be tried again.
    #[cold]
    #[inline(never)]
    pub(super) fn meter_retry(&mut self, stream: u32) {
        self.count_at_cluster(stream, Figure::UpstreamRetries, 0);
    }

    fn count_at_cluster(&mut self, stream: u32, figure: Figure, part: u32) {
        let (_, cell) = self.cluster_of(stream);
        if let Some(meters) = &mut self.recorder.watch.meters {
            meters.readings.count(figure, cell, part);
        }
    }
}
