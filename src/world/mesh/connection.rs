//! Connections of proxies, and of callers that keep some without one: how long it takes to set one up, when it is refused, and when it is closed for its age or idleness.
//!
//! TCP takes a round trip, TLS 1.3 another and some computing. A host that is down refuses at once; one that is cut off does
//! not answer, and the connect timeout decides. A lost SYN is sent again after 1 s, 2 s, … (Linux).

use super::super::World;
use super::super::event::Kind;
use super::super::keys::Purpose;
use super::super::state::NOBODY;
use super::CallOff;
use crate::base::id::*;
use crate::base::time::{Instant, Nanos};
use crate::engine::AlarmId;
use crate::observe::episode::Cause;
use crate::policy::envoy::connection_pool::{Answer, ConnectionState, Place};
use crate::policy::wire::SetUp;
use crate::topology::mesh::Tls;

/// Linux's initial time to wait for the answer to a SYN; it doubles.
const SYN_AGAIN_AFTER: Nanos = Nanos::from_secs(1);

/// What the world knows of a pool's connection.
#[derive(Clone, Copy)]
pub(super) struct Connection {
    cell: u32,
    /// Which connection of its cell, for random draws.
    number: u64,
    /// The next step of setting it up; later, the look whether it is idle or old.
    step: AlarmId,
    /// The connect timeout; later, its age.
    limit: AlarmId,
    syns: u32,
    /// Of setting up: 2 and 3 are those of TLS.
    leg: u8,
    /// It has carried a request.
    used: bool,
    /// What is to blame if it cannot be set up.
    cause: Cause,
}

impl Connection {
    const NONE: Connection =
        Connection { cell: NOBODY, number: 0, step: AlarmId::NONE, limit: AlarmId::NONE, syns: 0, leg: 0, used: false, cause: Cause::NONE };
}

impl World<'_> {
    pub(super) fn begin_connecting(&mut self, id: ClusterId, cell: u32, _host: u32, connection: ConnectionId) {
        let settings = &self.topology.mesh.clusters[id.index()].pool;
        let state = self.proxies.cells[cell as usize].as_mut().expect("a cell that is used has been prepared");
        state.opened += 1;
        let number = state.opened;
        let place = connection.index();
        if self.proxies.connections.len() <= place {
            self.proxies.connections.resize(place + 1, Connection::NONE);
        }
        let limit = self.calendar.set_alarm(self.now() + settings.connect_timeout, Kind::ConnectTimeoutFires as u8, connection.0);
        self.proxies.connections[place] = Connection { cell, number, limit, ..Connection::NONE };
        self.send_syn(connection.0);
    }

    /// One way between the caller and the host, and what it meets.
    fn way(&self, connection: u32, purpose: Purpose, leg: u32) -> (Nanos, bool, Cause) {
        let Connection { cell, number, syns, .. } = self.proxies.connections[connection as usize];
        let (id, caller) = (self.cell(cell).cluster, self.cell(cell).caller);
        let cluster = &self.topology.mesh.clusters[id.index()];
        let host = self.proxies.pools.owner(ConnectionId(connection)).1;
        let link = self.link_between(caller, cluster.hosts[host as usize], cluster.link, cluster.by_zone);
        let count = number << 8 | u64::from((syns << 3 | leg) & 0xff);
        let mut words = self.proxies.draw(id, caller - cluster.callers.start, count, purpose);
        let latency = self.topology.links[link.index()].latency.sample(&mut words);
        let (lost, extra, cause) = self.weather_of_connection(link, leg % 2 == 1, &mut words);
        (latency + extra, lost, cause)
    }

    fn send_syn(&mut self, connection: u32) {
        let (out, lost_out, cause) = self.way(connection, Purpose::LinkOut, 0);
        let entry = &mut self.proxies.connections[connection as usize];
        entry.cause = cause.or(entry.cause);
        let now = self.now() + self.leave_to_set_up(connection, false, |set_up| set_up.syn);
        let entry = &mut self.proxies.connections[connection as usize];
        if lost_out {
            let again = Nanos(SYN_AGAIN_AFTER.0 << entry.syns.min(16));
            entry.syns += 1;
            entry.step = self.calendar.set_alarm(now + again, Kind::SynSentAgain as u8, connection);
            return;
        }
        entry.step = self.calendar.set_alarm(now + out, Kind::SynArrives as u8, connection);
    }

    pub(in crate::world) fn syn_sent_again(&mut self, connection: u32) {
        self.proxies.connections[connection as usize].step = AlarmId::NONE;
        self.send_syn(connection);
    }

    /// At the host: it accepts, or there is nobody.
    pub(in crate::world) fn syn_arrives(&mut self, connection: u32) {
        self.proxies.connections[connection as usize].step = AlarmId::NONE;
        let Connection { cell, .. } = self.proxies.connections[connection as usize];
        let cluster = &self.topology.mesh.clusters[self.cell(cell).cluster.index()];
        let host = self.proxies.pools.owner(ConnectionId(connection)).1;
        let replica = cluster.hosts[host as usize].0 as usize;
        let (back, lost, cause) = self.way(connection, Purpose::LinkBack, 1);
        // A sidecar listens whatever its application does.
        let up = self.replicas[replica].pod;
        let down = if up { Cause::NONE } else { self.replicas[replica].fault_cause };
        let now = self.now() + self.leave_to_set_up(connection, true, |set_up| set_up.syn_answer);
        let entry = &mut self.proxies.connections[connection as usize];
        entry.cause = down.or(cause).or(entry.cause);
        if lost {
            let again = Nanos(SYN_AGAIN_AFTER.0 << entry.syns.min(16));
            entry.syns += 1;
            entry.step = self.calendar.set_alarm(now + again, Kind::SynSentAgain as u8, connection);
            return;
        }
        if !up {
            entry.step = self.calendar.set_alarm(now + back, Kind::ConnectRefused as u8, connection);
            return;
        }
        if self.lines.on && matches!(cluster.tls, Tls::Mutual { .. }) {
            let entry = &mut self.proxies.connections[connection as usize];
            entry.leg = 2;
            entry.step = self.calendar.set_alarm(now + back, Kind::TlsGoesOn as u8, connection);
            return;
        }
        let tls = match &cluster.tls {
            Tls::Plain | Tls::Refused => Nanos::ZERO,
            Tls::Mutual { handshake } => {
                let (out, ..) = self.way(connection, Purpose::LinkOut, 2);
                let (home, ..) = self.way(connection, Purpose::LinkBack, 3);
                let number = self.proxies.connections[connection as usize].number;
                let (id, caller) = (self.cell(cell).cluster, self.cell(cell).caller);
                let mut words = self.proxies.draw(id, caller - cluster.callers.start, number, Purpose::Handshake);
                out + home + handshake.sample(&mut words)
            }
        };
        self.proxies.connections[connection as usize].step = self.calendar.set_alarm(now + back + tls, Kind::Connected as u8, connection);
    }

    /// Where messages have sizes those of TLS leave by their lines, each when its turn comes: the client's, then the server's.
    pub(in crate::world) fn tls_goes_on(&mut self, connection: u32) {
        self.proxies.connections[connection as usize].step = AlarmId::NONE;
        let Connection { cell, leg, number, .. } = self.proxies.connections[connection as usize];
        let (id, caller) = (self.cell(cell).cluster, self.cell(cell).caller);
        let cluster = &self.topology.mesh.clusters[id.index()];
        let is_answer = leg == 3;
        let purpose = if is_answer { Purpose::LinkBack } else { Purpose::LinkOut };
        let (travels, ..) = self.way(connection, purpose, u32::from(leg));
        let leaving = self.leave_to_set_up(connection, is_answer, |set_up| if is_answer { set_up.server_flight } else { set_up.hello });
        let (next, computing) = match &cluster.tls {
            Tls::Mutual { handshake } if is_answer => {
                let mut words = self.proxies.draw(id, caller - cluster.callers.start, number, Purpose::Handshake);
                (Kind::Connected, handshake.sample(&mut words))
            }
            _ => (Kind::TlsGoesOn, Nanos::ZERO),
        };
        let step = self.calendar.set_alarm(self.now() + leaving + travels + computing, next as u8, connection);
        let entry = &mut self.proxies.connections[connection as usize];
        (entry.leg, entry.step) = (leg + 1, step);
    }

    /// Puts what sets a connection up on its line; how long that takes to leave.
    fn leave_to_set_up(&mut self, connection: u32, back: bool, bytes: impl Fn(&SetUp) -> u64) -> Nanos {
        if !self.lines.on {
            return Nanos::ZERO;
        }
        let Connection { cell, .. } = self.proxies.connections[connection as usize];
        let (id, caller, edge) = (self.cell(cell).cluster, self.cell(cell).caller, self.cell(cell).edge);
        let cluster = &self.topology.mesh.clusters[id.index()];
        let host = self.proxies.pools.owner(ConnectionId(connection)).1;
        let link = self.link_between(caller, cluster.hosts[host as usize], cluster.link, cluster.by_zone);
        let (leaving, cause) = self.put_on_line(edge, (link, cluster.link), back, bytes(&self.topology.wire.set_ups[id.index()]));
        let entry = &mut self.proxies.connections[connection as usize];
        entry.cause = cause.or(entry.cause);
        leaving
    }

    /// Whether a request is the first on its connection.
    pub(super) fn begins_its_connection(&mut self, upstream: u32) -> bool {
        let Place::Attached(connection) = self.proxies.pools.place(upstream) else { return false };
        !std::mem::replace(&mut self.proxies.connections[connection.index()].used, true)
    }

    pub(in crate::world) fn connected(&mut self, connection: u32) {
        // What ends the setting up goes along with the first messages.
        self.leave_to_set_up(connection, false, |set_up| set_up.last_out);
        self.leave_to_set_up(connection, true, |set_up| set_up.last_back);
        let now = self.now();
        let Connection { cell, mut limit, .. } = self.proxies.connections[connection as usize];
        CallOff::call_off(&mut self.calendar, &mut limit);
        let id = self.cell(cell).cluster;
        let settings = &self.topology.mesh.clusters[id.index()].pool;
        let step = settings.idle_timeout.map_or(AlarmId::NONE, |idle| self.look_at(now + idle, Kind::IdleCheck, connection));
        let limit = settings.max_connection_duration.map_or(AlarmId::NONE, |age| self.look_at(now + age, Kind::ConnectionAges, connection));
        let entry = &mut self.proxies.connections[connection as usize];
        (entry.step, entry.limit) = (step, limit);
        let mut answers = std::mem::take(&mut self.proxies.answers);
        self.proxies.pools.connected(settings, ConnectionId(connection), now, &mut answers);
        self.heed(id, cell, answers);
    }

    /// Plans a look at a connection, unless the run is over by then.
    fn look_at(&mut self, at: Instant, kind: Kind, connection: u32) -> AlarmId {
        let end = Instant::START + self.topology.duration + self.topology.drain;
        if at > end { AlarmId::NONE } else { self.calendar.set_alarm(at, kind as u8, connection) }
    }

    pub(in crate::world) fn connect_refused(&mut self, connection: u32) {
        self.proxies.connections[connection as usize].step = AlarmId::NONE;
        self.connection_fails(connection);
    }

    pub(in crate::world) fn connect_timeout_fires(&mut self, connection: u32) {
        self.proxies.connections[connection as usize].limit = AlarmId::NONE;
        self.connection_fails(connection);
    }

    fn connection_fails(&mut self, connection: u32) {
        let Connection { cell, cause, .. } = self.proxies.connections[connection as usize];
        let id = self.cell(cell).cluster;
        let mut answers = std::mem::take(&mut self.proxies.answers);
        self.proxies.pools.connect_failed(ConnectionId(connection), &mut answers);
        if cause.is_some() {
            for answer in &answers {
                if let Answer::Failed { stream } = answer {
                    let stream = self.proxies.upstreams[*stream].stream;
                    self.proxies.streams[stream].cause = cause;
                }
            }
        }
        self.heed(id, cell, answers);
    }

    /// The server closes a connection upon the first plain text: the news takes a round trip.
    pub(super) fn be_refused(&mut self, upstream: u32) {
        let Place::Attached(connection) = self.proxies.pools.place(upstream) else { return };
        let (out, _, _) = self.way(connection.0, Purpose::LinkOut, 4);
        let (back, _, _) = self.way(connection.0, Purpose::LinkBack, 5);
        let now = self.now();
        let entry = &mut self.proxies.connections[connection.index()];
        CallOff::call_off(&mut self.calendar, &mut entry.limit);
        entry.limit = self.calendar.set_alarm(now + out + back, Kind::ConnectionBreaks as u8, connection.0);
    }

    pub(in crate::world) fn connection_breaks(&mut self, connection: u32) {
        let Connection { cell, .. } = self.proxies.connections[connection as usize];
        self.proxies.connections[connection as usize].limit = AlarmId::NONE;
        let id = self.cell(cell).cluster;
        let settings = &self.topology.mesh.clusters[id.index()].pool;
        let mut answers = std::mem::take(&mut self.proxies.answers);
        self.proxies.pools.close(settings, ConnectionId(connection), &mut answers);
        self.heed(id, cell, answers);
    }

    pub(in crate::world) fn idle_check(&mut self, connection: u32) {
        let now = self.now();
        let Connection { cell, .. } = self.proxies.connections[connection as usize];
        self.proxies.connections[connection as usize].step = AlarmId::NONE;
        let id = self.cell(cell).cluster;
        let settings = &self.topology.mesh.clusters[id.index()].pool;
        let mut answers = std::mem::take(&mut self.proxies.answers);
        if let Some(next) = self.proxies.pools.check_idle(settings, ConnectionId(connection), now, &mut answers) {
            self.proxies.connections[connection as usize].step = self.look_at(next, Kind::IdleCheck, connection);
        }
        self.heed(id, cell, answers);
    }

    pub(in crate::world) fn connection_ages(&mut self, connection: u32) {
        let Connection { cell, .. } = self.proxies.connections[connection as usize];
        self.proxies.connections[connection as usize].limit = AlarmId::NONE;
        debug_assert!(self.proxies.pools.state(ConnectionId(connection)) != ConnectionState::Connecting);
        let id = self.cell(cell).cluster;
        let settings = &self.topology.mesh.clusters[id.index()].pool;
        let mut answers = std::mem::take(&mut self.proxies.answers);
        self.proxies.pools.drain(settings, ConnectionId(connection), &mut answers);
        self.heed(id, cell, answers);
    }

    pub(super) fn connection_closed(&mut self, connection: ConnectionId) {
        let mut entry = std::mem::replace(&mut self.proxies.connections[connection.index()], Connection::NONE);
        CallOff::call_off(&mut self.calendar, &mut entry.step);
        CallOff::call_off(&mut self.calendar, &mut entry.limit);
    }
}
