//! What stands around the requests: names of processes and threads, faults, what the timeline tells, and counters from the windows.

use super::{FAULTS, Place, Stage};
use crate::base::id::*;
use crate::base::time::Instant;
use crate::export::spans::Maker;
use crate::observe::recording::Happening;
use crate::policy::app::circuit_breaker::Mode;
use serde_json::{Value as Json, json};
use std::io;

impl<W: io::Write> Stage<'_, W> {
    /// Names, and the order in which they are shown: faults, clients, then each service before its replicas.
    pub(super) fn processes(&mut self) -> io::Result<()> {
        let topology = self.topology;
        self.name_process(FAULTS, "faults")?;
        for client in &topology.clients {
            for caller in client.callers.clone() {
                let maker = Maker::Client(caller);
                self.name_process(self.process(maker), &maker.instance(topology).unwrap_or_default())?;
            }
        }
        for (id, service) in topology.services.iter().enumerate() {
            self.name_process(self.process(Maker::Service(ServiceId::new(id))), &format!("{}, all replicas", service.name))?;
            for replica in service.replicas.clone() {
                let maker = Maker::Replica(ReplicaId(replica));
                self.name_process(self.process(maker), &maker.instance(topology).unwrap_or_default())?;
            }
        }
        // A page shows a thread's number behind its name: `worker 2`.
        for (slice, name) in self.lanes.all() {
            let place = self.place(&slice);
            self.push("M", Instant::START, place, json!({"name": "thread_name", "args": {"name": name}}))?;
            self.push("M", Instant::START, place, json!({"name": "thread_sort_index", "args": {"sort_index": place.1}}))?;
        }
        Ok(())
    }

    fn name_process(&mut self, process: u64, name: &str) -> io::Result<()> {
        self.push("M", Instant::START, (process, 0), json!({"name": "process_name", "args": {"name": name}}))?;
        self.push("M", Instant::START, (process, 0), json!({"name": "process_sort_index", "args": {"sort_index": process}}))
    }

    /// A track for each fault; one that has not ended lasts as long as the run.
    pub(super) fn faults(&mut self) -> io::Result<()> {
        for (number, span) in self.recording.faults.iter().enumerate() {
            let fault = &self.topology.faults[span.fault.index()];
            let id = json!({"local": format!("0x{:x}", number + 1)});
            let begin = json!({"cat": "fault", "name": fault.name, "id2": id, "args": {"does": fault.summary}});
            self.push("b", span.began, (FAULTS, 0), begin)?;
            let until = span.ended.unwrap_or(self.recording.ended);
            self.push("e", until, (FAULTS, 0), json!({"cat": "fault", "name": fault.name, "id2": id}))?;
        }
        Ok(())
    }

    /// Breakers, ejections, replicas that go and come: instants of the process that they happen to.
    pub(super) fn timeline(&mut self) -> io::Result<()> {
        for mark in &self.recording.timeline {
            let replica = |replica| self.process(Maker::Replica(replica));
            let (process, name) = match mark.what {
                Happening::ReplicaDown(id) => (replica(id), "down".to_string()),
                Happening::ReplicaUp(id) => (replica(id), "up".to_string()),
                Happening::Breaker { edge, caller, to, .. } => {
                    let to = match to {
                        Mode::Closed => "closed",
                        Mode::Open => "open",
                        Mode::HalfOpen => "half-open",
                    };
                    (self.caller(caller), format!("breaker to {} {to}", crate::analysis::names::callee_of(self.topology, edge)))
                }
                Happening::Ejection { caller, replica, ejected, .. } => {
                    let does = if ejected { "ejects" } else { "takes back" };
                    (self.caller(caller), format!("{does} {}", crate::analysis::names::replica(self.topology, replica)))
                }
                Happening::CacheFlushed(cache) => (FAULTS, format!("cache {} flushed", self.topology.caches[cache.index()].name)),
                // Faults have tracks; what proxies hear is too much to look at.
                Happening::FaultBegan(_) | Happening::FaultEnded(_) | Happening::Pushed { .. } => continue,
            };
            self.push("i", mark.at, (process, 0), json!({"cat": "timeline", "name": name, "s": "p"}))?;
        }
        Ok(())
    }

    fn caller(&self, caller: u32) -> u64 {
        self.process(Maker::of_caller(self.topology, caller))
    }

    /// One value a window, where the window begins; what is a depth at a window's end stands there.
    pub(super) fn counters(&mut self) -> io::Result<()> {
        let window = self.recording.window.0;
        for (id, record) in self.recording.services.iter().enumerate() {
            let place = (self.process(Maker::Service(ServiceId::new(id))), 0);
            for (number, w) in record.windows.iter().enumerate() {
                let at = Instant(window * number as u64);
                self.count(at, place, "queue length", json!(w.queue))?;
                self.count(at, place, "in flight", json!(w.present))?;
                if w.workers > 0.0 {
                    self.count(at, place, "busy workers", json!(w.busy))?;
                }
            }
        }
        for (queue, record) in self.topology.brokers.queues.iter().zip(&self.recording.queues) {
            let service = self.topology.brokers.brokers[queue.broker as usize].service;
            let place = (self.process(Maker::Service(service)), 0);
            for (number, w) in record.windows.iter().enumerate() {
                let at = Instant(window * (number as u64 + 1));
                self.count(at, place, &format!("{} ready", queue.name), json!(w.ready))?;
                self.count(at, place, &format!("{} unacked", queue.name), json!(w.unacked))?;
            }
        }
        Ok(())
    }

    fn count(&mut self, at: Instant, place: Place, name: &str, value: Json) -> io::Result<()> {
        self.push("C", at, place, json!({"name": name, "args": {"value": value}}))
    }
}
