//! What connection pools are made of: connections and streams in lists that are linked through their entries, so that
//! nothing is allocated once the tables have grown. No decision is made here.

use crate::base::id::{ConnectionId, ConnectionPoolId};
use crate::base::slab::{Recycle, Slab};
use crate::base::time::Instant;

/// No connection, or no stream.
pub(super) const NONE: u32 = u32::MAX;

/// What a connection is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// TCP and TLS are being set up.
    Connecting,
    /// Can take another stream.
    Ready,
    /// Has as many streams as it can have at a time.
    Busy,
    /// Takes no more streams, and is closed when the last one has ended.
    Draining,
}

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub pool: ConnectionPoolId,
    pub host: u32,
    pub state: ConnectionState,
    /// Streams on it.
    pub active: u32,
    /// Streams that it may still begin in its life.
    pub left: u32,
    /// The stream that began last.
    pub streams: u32,
    pub idle_since: Instant,
    pub previous: u32,
    pub next: u32,
}

impl Recycle for Connection {
    fn set_next_free(&mut self, next: u32) {
        self.next = next;
    }
    fn next_free(&self) -> u32 {
        self.next
    }
}

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In no pool.
    Nowhere,
    /// Waits for a connection to this host.
    Queued { pool: ConnectionPoolId, host: u32 },
    /// Is on this connection.
    Attached(ConnectionId),
}

/// An entry per stream, in the host's queue or in the connection's list.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub place: Place,
    pub previous: u32,
    pub next: u32,
}

impl Stream {
    pub const NOWHERE: Stream = Stream { place: Place::Nowhere, previous: NONE, next: NONE };
}

/// What a pool holds of one host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// The queue's first and last stream.
    pub first: u32,
    pub last: u32,
    pub queued: u32,
    /// Streams on its connections, those in the queue left out.
    pub active: u32,
    /// The connection that became ready last.
    pub ready: u32,
    /// Any other connection: connecting, busy or draining.
    pub rest: u32,
    pub connecting: u32,
}

impl Host {
    pub const EMPTY: Host = Host { first: NONE, last: NONE, queued: 0, active: 0, ready: NONE, rest: NONE, connecting: 0 };

    pub fn has_connection(&self) -> bool {
        self.ready != NONE || self.rest != NONE
    }

    fn list_of(&mut self, state: ConnectionState) -> &mut u32 {
        match state {
            ConnectionState::Ready => &mut self.ready,
            ConnectionState::Connecting | ConnectionState::Busy | ConnectionState::Draining => &mut self.rest,
        }
    }

    /// Puts a stream last in the queue.
    pub fn enqueue(&mut self, streams: &mut [Stream], stream: u32) {
        streams[stream as usize].previous = self.last;
        streams[stream as usize].next = NONE;
        match self.last {
            NONE => self.first = stream,
            last => streams[last as usize].next = stream,
        }
        self.last = stream;
        self.queued += 1;
    }

    /// Takes a stream out of the queue, wherever it stands.
    pub fn dequeue(&mut self, streams: &mut [Stream], stream: u32) {
        let Stream { previous, next, .. } = streams[stream as usize];
        match previous {
            NONE => self.first = next,
            previous => streams[previous as usize].next = next,
        }
        match next {
            NONE => self.last = previous,
            next => streams[next as usize].previous = previous,
        }
        self.queued -= 1;
    }

    /// Puts a connection first in the list of its state.
    pub fn link(&mut self, connections: &mut Slab<Connection>, connection: u32) {
        let list = self.list_of(connections[connection].state);
        let next = std::mem::replace(list, connection);
        connections[connection].previous = NONE;
        connections[connection].next = next;
        if next != NONE {
            connections[next].previous = connection;
        }
    }

    /// Takes a connection out of the list of its state.
    pub fn unlink(&mut self, connections: &mut Slab<Connection>, connection: u32) {
        let Connection { previous, next, state, .. } = connections[connection];
        match previous {
            NONE => *self.list_of(state) = next,
            previous => connections[previous].next = next,
        }
        if next != NONE {
            connections[next].previous = previous;
        }
    }

    /// Changes a connection's state, and its list if that is another: first in its new one.
    pub fn turn(&mut self, connections: &mut Slab<Connection>, connection: u32, state: ConnectionState) {
        let moves = (connections[connection].state == ConnectionState::Ready) != (state == ConnectionState::Ready);
        if moves {
            self.unlink(connections, connection);
        }
        connections[connection].state = state;
        if moves {
            self.link(connections, connection);
        }
    }
}

impl Connection {
    /// Puts a stream first in the connection's list.
    pub fn enter(&mut self, streams: &mut [Stream], stream: u32) {
        streams[stream as usize].previous = NONE;
        streams[stream as usize].next = self.streams;
        if self.streams != NONE {
            streams[self.streams as usize].previous = stream;
        }
        self.streams = stream;
        self.active += 1;
    }

    /// Takes a stream out of the connection's list.
    pub fn leave(&mut self, streams: &mut [Stream], stream: u32) {
        let Stream { previous, next, .. } = streams[stream as usize];
        match previous {
            NONE => self.streams = next,
            previous => streams[previous as usize].next = next,
        }
        if next != NONE {
            streams[next as usize].previous = previous;
        }
        self.active -= 1;
    }
}
