//! Laws that hold for any sequence of requests, endings and broken connections at any pools.

use super::*;
use crate::policy::envoy::resources::{Defaults, WrittenLimits};
use proptest::prelude::*;

const POOLS: usize = 2;
const HOSTS: u32 = 3;
const STREAMS: u32 = 24;

#[derive(Clone, Copy, Debug)]
enum Event {
    Request(usize, u32),
    /// Which of those that connect.
    Connected(usize),
    ConnectFailed(usize),
    /// Which of the streams on a connection.
    Finish(usize, bool),
    /// Which of all streams.
    Cancel(u32),
    /// Which of all connections.
    Close(usize),
    Drain(usize),
    CheckIdle(usize, u64),
    CloseHost(usize, u32),
    DrainHost(usize, u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..POOLS, 0..HOSTS).prop_map(|(pool, host)| Event::Request(pool, host)),
        5 => any::<usize>().prop_map(Event::Connected),
        1 => any::<usize>().prop_map(Event::ConnectFailed),
        5 => (any::<usize>(), any::<bool>()).prop_map(|(which, complete)| Event::Finish(which, complete)),
        2 => (0..STREAMS).prop_map(Event::Cancel),
        1 => any::<usize>().prop_map(Event::Close),
        1 => any::<usize>().prop_map(Event::Drain),
        1 => (any::<usize>(), 0u64..100).prop_map(|(which, seconds)| Event::CheckIdle(which, seconds)),
        1 => (0..POOLS, 0..HOSTS + 1).prop_map(|(pool, host)| Event::CloseHost(pool, host)),
        1 => (0..POOLS, 0..HOSTS + 1).prop_map(|(pool, host)| Event::DrainHost(pool, host)),
    ]
}

fn any_settings() -> impl Strategy<Value = PoolSettings> {
    (0u32..4, 0u32..5, 0u32..6, 0u32..4, 0u32..4).prop_map(
        |(max_connections, max_pending_requests, max_requests, streams, per_connection)| {
            let limits = WrittenLimits { max_connections, max_pending_requests, max_requests, max_retries: 0 };
            let protocol = if streams == 0 { Protocol::Http1 } else { Protocol::Http2 { max_concurrent_streams: streams } };
            let settings = PoolSettings::istio(protocol, Thresholds::new(limits, Defaults::Istio, None));
            PoolSettings { idle_timeout: Some(Nanos::from_secs(50)), ..settings.with_max_requests_per_connection(per_connection) }
        },
    )
}

/// The pools, and what a world would remember of their answers.
struct World {
    pools: ConnectionPools,
    ids: Vec<ConnectionPoolId>,
    settings: PoolSettings,
    /// Streams that were requested and have not ended.
    alive: Vec<u32>,
    /// Connections that were opened and not closed.
    open: Vec<ConnectionId>,
    now: Instant,
}

impl World {
    fn new(settings: PoolSettings) -> World {
        let mut pools = ConnectionPools::default();
        let ids = (0..POOLS).map(|_| pools.open()).collect();
        World { pools, ids, settings, alive: Vec::new(), open: Vec::new(), now: Instant::START }
    }

    fn pick<T: Copy>(which: usize, all: Vec<T>) -> Option<T> {
        (!all.is_empty()).then(|| all[which % all.len()])
    }

    fn connections(&self, wanted: impl Fn(ConnectionState) -> bool) -> Vec<ConnectionId> {
        self.open.iter().copied().filter(|connection| wanted(self.pools.state(*connection))).collect()
    }

    fn attached(&self) -> Vec<u32> {
        self.alive.iter().copied().filter(|stream| matches!(self.pools.place(*stream), Place::Attached(_))).collect()
    }

    /// Does what the event says, if it can be; the answers.
    fn act(&mut self, event: Event) -> Answers {
        let mut answers = Answers::new();
        let settings = self.settings;
        let there = |state| state != ConnectionState::Connecting;
        match event {
            Event::Request(pool, host) => {
                if let Some(stream) = (0..STREAMS).find(|stream| !self.alive.contains(stream)) {
                    self.alive.push(stream);
                    self.pools.request(&settings, self.ids[pool], host, stream, &mut answers);
                }
            }
            Event::Connected(which) => {
                if let Some(connection) = Self::pick(which, self.connections(|state| !there(state))) {
                    self.pools.connected(&settings, connection, self.now, &mut answers);
                }
            }
            Event::ConnectFailed(which) => {
                if let Some(connection) = Self::pick(which, self.connections(|state| !there(state))) {
                    self.pools.connect_failed(connection, &mut answers);
                }
            }
            Event::Finish(which, complete) => {
                if let Some(stream) = Self::pick(which, self.attached()) {
                    self.alive.retain(|other| *other != stream);
                    let ending = if complete { Ending::Complete } else { Ending::Reset };
                    self.pools.finish(&settings, stream, ending, self.now, &mut answers);
                }
            }
            Event::Cancel(stream) => {
                self.alive.retain(|other| *other != stream);
                self.pools.cancel(&settings, stream, self.now, &mut answers);
            }
            Event::Close(which) => {
                if let Some(connection) = Self::pick(which, self.open.clone()) {
                    self.pools.close(&settings, connection, &mut answers);
                }
            }
            Event::Drain(which) => {
                if let Some(connection) = Self::pick(which, self.connections(there)) {
                    self.pools.drain(&settings, connection, &mut answers);
                }
            }
            Event::CheckIdle(which, seconds) => {
                self.now = self.now + Nanos::from_secs(seconds);
                if let Some(connection) = Self::pick(which, self.connections(there)) {
                    let next = self.pools.check_idle(&settings, connection, self.now, &mut answers);
                    assert!(next.is_none_or(|next| next > self.now), "a look back in time");
                }
            }
            Event::CloseHost(pool, host) => self.pools.close_host(&settings, self.ids[pool], host, &mut answers),
            Event::DrainHost(pool, host) => self.pools.drain_host(&settings, self.ids[pool], host, &mut answers),
        }
        answers
    }

    /// Notes the answers, each of which must concern something that is alive.
    fn note(&mut self, answers: &Answers) -> Result<(), TestCaseError> {
        for answer in answers {
            match *answer {
                Answer::Attach { stream, connection } => {
                    prop_assert!(self.alive.contains(&stream) && self.open.contains(&connection));
                }
                Answer::Overflow { stream, .. } | Answer::Failed { stream } | Answer::Lost { stream, .. } => {
                    prop_assert!(self.alive.contains(&stream), "{answer:?}: a stream ends once");
                    self.alive.retain(|other| *other != stream);
                    prop_assert_eq!(self.pools.place(stream), Place::Nowhere);
                }
                Answer::Connect { connection, .. } => {
                    prop_assert!(!self.open.contains(&connection), "{answer:?}: a number in use");
                    self.open.push(connection);
                }
                Answer::Close { connection } => {
                    prop_assert!(self.open.contains(&connection), "{answer:?}: a connection is closed once");
                    self.open.retain(|other| *other != connection);
                }
            }
        }
        Ok(())
    }

    /// What the counters say is what the places of all streams and connections add up to.
    fn adds_up(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.pools.connections() as usize, self.open.len());
        for pool in &self.ids {
            let mut sum = Counters::default();
            for host in 0..HOSTS {
                let queued = self.alive.iter().filter(|stream| self.pools.place(**stream) == Place::Queued { pool: *pool, host }).count();
                let here: Vec<ConnectionId> = self.open.iter().copied().filter(|open| self.pools.owner(*open) == (*pool, host)).collect();
                let on = |connection| self.alive.iter().filter(|stream| self.pools.place(**stream) == Place::Attached(connection)).count();
                let active: usize = here.iter().map(|connection| on(*connection)).sum();
                prop_assert_eq!(self.pools.queued(*pool, host) as usize, queued);
                prop_assert_eq!(self.pools.active(*pool, host) as usize, active);
                for connection in &here {
                    let (streams, state) = (on(*connection), self.pools.state(*connection));
                    prop_assert!(streams <= self.settings.streams_at_once() as usize, "more streams than slots");
                    prop_assert!(streams == 0 || state != ConnectionState::Connecting);
                    prop_assert!(streams > 0 || state != ConnectionState::Draining, "drained, and still there");
                }
                let waits_for_nothing = queued > 0 && here.is_empty();
                prop_assert!(!waits_for_nothing, "somebody waits and no connection will ever be there");
                let ready = here.iter().any(|connection| self.pools.state(*connection) == ConnectionState::Ready);
                prop_assert!(queued == 0 || !ready, "somebody waits beside a ready connection");
                sum.connections += here.len() as u32;
                sum.pending += queued as u32;
                sum.requests += active as u32;
            }
            prop_assert_eq!(self.pools.counters(*pool), &sum);
            let thresholds = &self.settings.thresholds;
            prop_assert!(sum.pending <= thresholds.max_pending_requests && sum.requests <= thresholds.max_requests);
            prop_assert!(sum.connections <= thresholds.max_connections.saturating_add(HOSTS - 1), "one per host beyond the limit");
        }
        Ok(())
    }
}

fn obeys(settings: PoolSettings, events: &[Event]) -> Result<(), TestCaseError> {
    let mut world = World::new(settings);
    for event in events {
        let before: Vec<Counters> = world.ids.iter().map(|pool| *world.pools.counters(*pool)).collect();
        let answers = world.act(*event);
        if let Event::Request(pool, _) = event {
            let full = !settings.thresholds.admits_pending(&before[*pool]) || !settings.thresholds.admits_request(&before[*pool]);
            let refused = answers.iter().any(|answer| matches!(answer, Answer::Overflow { .. }));
            prop_assert!(!refused || full, "refused below all limits");
        }
        world.note(&answers)?;
        world.adds_up()?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::base::cases::cases(2000))]

    #[test]
    fn nothing_is_lost_counted_twice_or_left_waiting(settings in any_settings(), events in prop::collection::vec(event(), 1..150)) {
        obeys(settings, &events)?;
    }
}
