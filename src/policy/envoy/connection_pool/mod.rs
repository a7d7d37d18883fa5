//! Connection pool: which connection carries a request, which request waits, which is refused, and when connections are
//! opened and closed (Envoy `conn_pool_base.cc`, `http1/conn_pool.cc`, `http2/conn_pool.cc`).
//!
//! A pool is what one proxy has to one cluster: its limits count over all hosts of the cluster, its queues and connections
//! are per host, and a request that waits at one host is never served by another's connection. All pools of a world share
//! two tables, so that a connection's number tells its pool, and a pool that nobody uses costs a few words.
//!
//! Requests are *streams*, numbered by whoever asks: small numbers that are used again, such as a slab's. Every stream that
//! is requested ends exactly once: it is overflowed, failed or lost by an answer, or finished or cancelled by its owner.
//! Every connection that an answer opens is closed by an answer.

mod parts;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use parts::{ConnectionState, Place};

use crate::base::id::{ConnectionId, ConnectionPoolId};
use crate::base::slab::Slab;
use crate::base::time::{Instant, Nanos};
use crate::policy::envoy::resources::{Counters, Thresholds};
use crate::policy::error::{PolicyError, require};
use parts::{Connection, Host, NONE, Stream};

/// What the hop to the upstream speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// A connection carries one request at a time.
    Http1,
    /// A connection carries up to so many at a time.
    Http2 { max_concurrent_streams: u32 },
}

/// How a cluster's connections are used. It does not change while a pool lives: a new configuration is a new pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PoolSettings {
    pub thresholds: Thresholds,
    pub protocol: Protocol,
    /// Requests after which a connection is closed; `u32::MAX` for no limit.
    pub max_requests_per_connection: u32,
    /// After which a connection without a request is closed.
    pub idle_timeout: Option<Nanos>,
    /// For TCP and TLS together.
    pub connect_timeout: Nanos,
    /// The age at which a connection is drained.
    pub max_connection_duration: Option<Nanos>,
}

/// How a stream ends, as its owner sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The response was read to its end.
    Complete,
    /// The response was cut or not waited for: any timeout, or a retried response that has a body. HTTP/1.1 cannot go on
    /// with such a connection and closes it; HTTP/2 resets the stream alone.
    Reset,
}

/// Which limit a request ran into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    Pending,
    Requests,
}

/// What a pool wants done, or tells. The order is that of Envoy's own deeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The stream has a connection: the request is sent now, and the per-try timer starts.
    Attach { stream: u32, connection: ConnectionId },
    /// The stream is refused: 503 UO. Never retried, and nobody's fault.
    Overflow { stream: u32, limit: Overflow },
    /// A connection is to be set up; `connected` or `connect_failed` tells how that went.
    Connect { pool: ConnectionPoolId, host: u32, connection: ConnectionId },
    /// The connection for which the stream waited failed: 503 UF.
    Failed { stream: u32 },
    /// The connection on which the stream was is gone: 503 UC.
    Lost { stream: u32, connection: ConnectionId },
    /// The connection is closed, and its number is free: its timers are to be called off.
    Close { connection: ConnectionId },
}

/// Answers go into a buffer that its owner empties and uses again.
pub type Answers = Vec<Answer>;

/// Envoy opens no more connections than this upon one event.
const MOST_OPENED_AT_ONCE: u32 = 3;

/// Most connections of a world.
const MOST_CONNECTIONS: u32 = 1 << 28;

impl PoolSettings {
    /// Istio's defaults: 10 s to connect, idle for an hour at most, no other limit.
    pub fn istio(protocol: Protocol, thresholds: Thresholds) -> PoolSettings {
        PoolSettings {
            thresholds,
            protocol,
            max_requests_per_connection: u32::MAX,
            idle_timeout: Some(Nanos::from_secs(3600)),
            connect_timeout: Nanos::from_secs(10),
            max_connection_duration: None,
        }
    }

    /// As written, where 0 is no limit.
    pub fn with_max_requests_per_connection(self, written: u32) -> PoolSettings {
        PoolSettings { max_requests_per_connection: if written == 0 { u32::MAX } else { written }, ..self }
    }

    pub fn checked(self) -> Result<PoolSettings, PolicyError> {
        require(self.protocol != Protocol::Http2 { max_concurrent_streams: 0 }, "maxConcurrentStreams", || "must be at least 1".into())?;
        require(self.max_requests_per_connection > 0, "maxRequestsPerConnection", || "must be at least 1".into())?;
        require(self.connect_timeout > Nanos::ZERO, "connectTimeout", || "must be more than 0s".into())?;
        Ok(self)
    }

    /// Streams that a connection can carry at a time.
    fn streams_at_once(&self) -> u32 {
        match self.protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 { max_concurrent_streams } => max_concurrent_streams,
        }
    }

    /// Streams that a new connection can take at once.
    fn capacity(&self) -> u32 {
        self.streams_at_once().min(self.max_requests_per_connection)
    }
}

#[derive(Clone, Debug, Default)]
struct Pool {
    counters: Counters,
    hosts: Vec<Host>,
}

/// All connection pools of a world.
#[derive(Clone, Debug)]
pub struct ConnectionPools {
    pools: Vec<Pool>,
    connections: Slab<Connection>,
    streams: Vec<Stream>,
}

impl Default for ConnectionPools {
    fn default() -> ConnectionPools {
        ConnectionPools { pools: Vec::new(), connections: Slab::new(MOST_CONNECTIONS), streams: Vec::new() }
    }
}

// What can be asked.
impl ConnectionPools {
    /// A pool without hosts and connections; hosts come into being when they are first used.
    pub fn open(&mut self) -> ConnectionPoolId {
        self.pools.push(Pool::default());
        ConnectionPoolId::new(self.pools.len() - 1)
    }

    pub fn counters(&self, pool: ConnectionPoolId) -> &Counters {
        &self.pools[pool.index()].counters
    }

    /// For what is counted elsewhere: retries.
    pub fn counters_mut(&mut self, pool: ConnectionPoolId) -> &mut Counters {
        &mut self.pools[pool.index()].counters
    }

    /// Streams on connections to this host, without those that wait: what least-request balancing compares.
    pub fn active(&self, pool: ConnectionPoolId, host: u32) -> u32 {
        self.host(pool, host).map_or(0, |host| host.active)
    }

    /// Streams that wait for a connection to this host.
    pub fn queued(&self, pool: ConnectionPoolId, host: u32) -> u32 {
        self.host(pool, host).map_or(0, |host| host.queued)
    }

    pub fn place(&self, stream: u32) -> Place {
        self.streams.get(stream as usize).map_or(Place::Nowhere, |stream| stream.place)
    }

    pub fn state(&self, connection: ConnectionId) -> ConnectionState {
        self.connections[connection.0].state
    }

    /// The pool and the host that a connection belongs to.
    pub fn owner(&self, connection: ConnectionId) -> (ConnectionPoolId, u32) {
        let connection = &self.connections[connection.0];
        (connection.pool, connection.host)
    }

    /// Connections of all pools.
    pub fn connections(&self) -> u32 {
        self.connections.len()
    }

    fn host(&self, pool: ConnectionPoolId, host: u32) -> Option<&Host> {
        self.pools[pool.index()].hosts.get(host as usize)
    }
}

// What happens to requests.
impl ConnectionPools {
    /// A request for a host: it gets a connection, waits, or overflows.
    pub fn request(&mut self, settings: &PoolSettings, pool: ConnectionPoolId, host: u32, stream: u32, answers: &mut Answers) {
        self.make_room(pool, host, stream);
        let hosts = &self.pools[pool.index()].hosts;
        let ready = hosts[host as usize].ready;
        if ready != NONE {
            return self.attach(settings, ready, stream, answers);
        }
        let Pool { counters, hosts } = &mut self.pools[pool.index()];
        if !settings.thresholds.admits_pending(counters) {
            return answers.push(Answer::Overflow { stream, limit: Overflow::Pending });
        }
        counters.pending += 1;
        hosts[host as usize].enqueue(&mut self.streams, stream);
        self.streams[stream as usize].place = Place::Queued { pool, host };
        self.open_connections(settings, pool, host, answers);
    }

    /// A stream on a connection has ended, and its connection may serve the next.
    pub fn finish(&mut self, settings: &PoolSettings, stream: u32, ending: Ending, now: Instant, answers: &mut Answers) {
        let Place::Attached(ConnectionId(index)) = self.place(stream) else { panic!("stream {stream} is on no connection") };
        self.detach(index, stream);
        let Connection { pool, host, state, active, left, .. } = self.connections[index];
        let broken = ending == Ending::Reset && settings.protocol == Protocol::Http1;
        if broken || (state == ConnectionState::Draining && active == 0) {
            self.remove(index, answers);
            return self.open_connections(settings, pool, host, answers);
        }
        if active == 0 {
            self.connections[index].idle_since = now;
        }
        if state == ConnectionState::Busy && left > 0 && active < settings.streams_at_once() {
            self.turn(index, ConnectionState::Ready);
            self.serve(settings, pool, host, answers);
        }
    }

    /// Nobody waits for a stream any more: it leaves the queue, or is reset. A connection that was opened for it is kept.
    pub fn cancel(&mut self, settings: &PoolSettings, stream: u32, now: Instant, answers: &mut Answers) {
        match self.place(stream) {
            Place::Nowhere => {}
            Place::Queued { pool, host } => self.take_from_queue(pool, host, stream),
            Place::Attached(_) => self.finish(settings, stream, Ending::Reset, now, answers),
        }
    }

    fn make_room(&mut self, pool: ConnectionPoolId, host: u32, stream: u32) {
        let hosts = &mut self.pools[pool.index()].hosts;
        if host as usize >= hosts.len() {
            hosts.resize(host as usize + 1, Host::EMPTY);
        }
        if stream as usize >= self.streams.len() {
            self.streams.resize(stream as usize + 1, Stream::NOWHERE);
        }
        assert!(self.streams[stream as usize].place == Place::Nowhere, "stream {stream} is requested while it is in a pool");
    }

    /// Gives a stream to a ready connection, unless too many requests are under way.
    fn attach(&mut self, settings: &PoolSettings, index: u32, stream: u32, answers: &mut Answers) {
        let pool = self.connections[index].pool;
        let Pool { counters, hosts } = &mut self.pools[pool.index()];
        if !settings.thresholds.admits_request(counters) {
            return answers.push(Answer::Overflow { stream, limit: Overflow::Requests });
        }
        let connection = &mut self.connections[index];
        counters.requests += 1;
        hosts[connection.host as usize].active += 1;
        connection.left -= u32::from(connection.left != u32::MAX);
        connection.enter(&mut self.streams, stream);
        self.streams[stream as usize].place = Place::Attached(ConnectionId(index));
        if connection.left == 0 {
            self.turn(index, ConnectionState::Draining);
        } else if connection.active == settings.streams_at_once() {
            self.turn(index, ConnectionState::Busy);
        }
        answers.push(Answer::Attach { stream, connection: ConnectionId(index) });
    }

    fn detach(&mut self, index: u32, stream: u32) {
        let connection = &mut self.connections[index];
        connection.leave(&mut self.streams, stream);
        self.streams[stream as usize].place = Place::Nowhere;
        let Pool { counters, hosts } = &mut self.pools[connection.pool.index()];
        counters.requests -= 1;
        hosts[connection.host as usize].active -= 1;
    }

    fn take_from_queue(&mut self, pool: ConnectionPoolId, host: u32, stream: u32) {
        let Pool { counters, hosts } = &mut self.pools[pool.index()];
        counters.pending -= 1;
        hosts[host as usize].dequeue(&mut self.streams, stream);
        self.streams[stream as usize].place = Place::Nowhere;
    }

    /// Serves the queue of a host, first come first served, while a connection is ready. Who finds too many requests under
    /// way is refused, though it had waited.
    fn serve(&mut self, settings: &PoolSettings, pool: ConnectionPoolId, host: u32, answers: &mut Answers) {
        loop {
            let Host { first, ready, .. } = self.pools[pool.index()].hosts[host as usize];
            if first == NONE || ready == NONE {
                break;
            }
            self.take_from_queue(pool, host, first);
            self.attach(settings, ready, first, answers);
        }
        self.open_connections(settings, pool, host, answers);
    }
}

// What happens to connections.
impl ConnectionPools {
    /// TCP and TLS are set up.
    pub fn connected(&mut self, settings: &PoolSettings, connection: ConnectionId, now: Instant, answers: &mut Answers) {
        let Connection { pool, host, state, .. } = self.connections[connection.0];
        assert!(state == ConnectionState::Connecting, "{connection:?} connects once");
        self.connections[connection.0].idle_since = now;
        self.pools[pool.index()].hosts[host as usize].connecting -= 1;
        self.turn(connection.0, ConnectionState::Ready);
        self.serve(settings, pool, host, answers);
    }

    /// The connection was refused, or its time to connect is over: everyone who waits for this host fails with it, even
    /// where other connections to it are under way.
    pub fn connect_failed(&mut self, connection: ConnectionId, answers: &mut Answers) {
        let Connection { pool, host, state, .. } = self.connections[connection.0];
        assert!(state == ConnectionState::Connecting, "{connection:?} has connected");
        while self.queued(pool, host) > 0 {
            let first = self.pools[pool.index()].hosts[host as usize].first;
            self.take_from_queue(pool, host, first);
            answers.push(Answer::Failed { stream: first });
        }
        self.remove(connection.0, answers);
    }

    /// The connection broke, whatever it was at. Its streams are lost, the last begun first; who waits gets a new one.
    pub fn close(&mut self, settings: &PoolSettings, connection: ConnectionId, answers: &mut Answers) {
        if self.state(connection) == ConnectionState::Connecting {
            return self.connect_failed(connection, answers);
        }
        let (pool, host) = self.owner(connection);
        self.lose(connection.0, answers);
        self.open_connections(settings, pool, host, answers);
    }

    /// The host is gone, and all connections to it with it, those that connect included.
    pub fn close_host(&mut self, settings: &PoolSettings, pool: ConnectionPoolId, host: u32, answers: &mut Answers) {
        // All of them first: who waits must not be served by one that is gone as well.
        while let Some(index) = self.any_connection(pool, host, |state| state != ConnectionState::Connecting) {
            self.lose(index, answers);
        }
        while let Some(index) = self.any_connection(pool, host, |state| state == ConnectionState::Connecting) {
            self.connect_failed(ConnectionId(index), answers);
        }
        if (host as usize) < self.pools[pool.index()].hosts.len() {
            self.open_connections(settings, pool, host, answers);
        }
    }

    /// The connection takes no new stream, and is closed when its last one ends: it is too old, or the peer asks for it
    /// (`GOAWAY`, `Connection: close`).
    pub fn drain(&mut self, settings: &PoolSettings, connection: ConnectionId, answers: &mut Answers) {
        let Connection { pool, host, state, active, .. } = self.connections[connection.0];
        assert!(state != ConnectionState::Connecting, "{connection:?} is not there yet");
        self.connections[connection.0].left = 0;
        self.turn(connection.0, ConnectionState::Draining);
        if active == 0 {
            self.remove(connection.0, answers);
            self.open_connections(settings, pool, host, answers);
        }
    }

    /// The host has left the cluster, or the cluster its configuration: idle connections are closed, the others drained.
    /// Who waits is still served by what is being set up.
    pub fn drain_host(&mut self, settings: &PoolSettings, pool: ConnectionPoolId, host: u32, answers: &mut Answers) {
        while let Some(index) = self.any_connection(pool, host, |state| matches!(state, ConnectionState::Ready | ConnectionState::Busy)) {
            self.drain(settings, ConnectionId(index), answers);
        }
    }

    /// Called when a connection may have been idle for too long: first a timeout after it connected, then when the answer
    /// says. It is closed, or the next moment to look is returned.
    pub fn check_idle(
        &mut self,
        settings: &PoolSettings,
        connection: ConnectionId,
        now: Instant,
        answers: &mut Answers,
    ) -> Option<Instant> {
        let timeout = settings.idle_timeout?;
        let Connection { active, idle_since, .. } = self.connections[connection.0];
        if active > 0 {
            return Some(now + timeout);
        }
        if idle_since + timeout > now {
            return Some(idle_since + timeout);
        }
        self.remove(connection.0, answers);
        None
    }

    /// Opens as many connections as the queue needs beyond those that are being set up. Where the limit of connections is
    /// reached, one is opened all the same if the host has none: or its queue would wait for ever.
    fn open_connections(&mut self, settings: &PoolSettings, pool: ConnectionPoolId, host: u32, answers: &mut Answers) {
        for _ in 0..MOST_OPENED_AT_ONCE {
            let Pool { counters, hosts } = &mut self.pools[pool.index()];
            let entry = &mut hosts[host as usize];
            let expected = u64::from(entry.connecting) * u64::from(settings.capacity());
            if u64::from(entry.queued) <= expected || (!settings.thresholds.admits_connection(counters) && entry.has_connection()) {
                return;
            }
            counters.connections += 1;
            entry.connecting += 1;
            let connection = Connection {
                pool,
                host,
                state: ConnectionState::Connecting,
                active: 0,
                left: settings.max_requests_per_connection,
                streams: NONE,
                idle_since: Instant::START,
                previous: NONE,
                next: NONE,
            };
            let index = self.connections.insert(connection).expect("fewer connections than a world can have");
            entry.link(&mut self.connections, index);
            answers.push(Answer::Connect { pool, host, connection: ConnectionId(index) });
        }
    }

    fn any_connection(&self, pool: ConnectionPoolId, host: u32, wanted: impl Fn(ConnectionState) -> bool) -> Option<u32> {
        let host = self.host(pool, host)?;
        [host.ready, host.rest].into_iter().find_map(|list| {
            let mut index = list;
            while index != NONE && !wanted(self.connections[index].state) {
                index = self.connections[index].next;
            }
            (index != NONE).then_some(index)
        })
    }

    /// Ends the streams of a connection, and the connection.
    fn lose(&mut self, index: u32, answers: &mut Answers) {
        while self.connections[index].streams != NONE {
            let stream = self.connections[index].streams;
            self.detach(index, stream);
            answers.push(Answer::Lost { stream, connection: ConnectionId(index) });
        }
        self.remove(index, answers);
    }

    fn turn(&mut self, index: u32, state: ConnectionState) {
        let Connection { pool, host, .. } = self.connections[index];
        self.pools[pool.index()].hosts[host as usize].turn(&mut self.connections, index, state);
    }

    /// Forgets a connection without streams.
    fn remove(&mut self, index: u32, answers: &mut Answers) {
        let Connection { pool, host, state, active, .. } = self.connections[index];
        debug_assert_eq!(active, 0, "streams end before their connection");
        let Pool { counters, hosts } = &mut self.pools[pool.index()];
        counters.connections -= 1;
        let entry = &mut hosts[host as usize];
        entry.connecting -= u32::from(state == ConnectionState::Connecting);
        entry.unlink(&mut self.connections, index);
        self.connections.remove(index);
        answers.push(Answer::Close { connection: ConnectionId(index) });
    }
}
