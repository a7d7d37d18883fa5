//! The replicas of a partition: who leads, who is in sync, and how far each has copied (Apache Kafka documentation, "Replication").
//!
//! Followers that keep up are all alike, so that one number serves them; only who is behind has one of his own.

use crate::base::time::{Instant, Nanos};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replica {
    pub node: u32,
    pub up: bool,
    pub in_sync: bool,
    pub behind: Option<Behind>,
}

/// A replica that does not keep up, because it is away, was away, or has no leader to copy from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    /// It has what lies before this offset.
    pub end: u64,
    /// When it keeps up again.
    pub caught_up: Instant,
    /// When it is no longer counted as in sync, if it has not caught up.
    pub leaves: Instant,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leadership {
    /// The replica at this place.
    Held(usize),
    /// Until the election; `former` has led.
    Electing { former: usize, at: Instant },
    /// Nobody who might lead is up.
    Vacant { former: usize },
}

#[derive(Clone, Debug)]
pub(super) struct Replicas {
    /// In the order of preference.
    all: Vec<Replica>,
    leadership: Leadership,
    /// Counts the leaders.
    epoch: u32,
}

impl Replicas {
    /// On these nodes, the first of which leads.
    pub fn new(nodes: impl Iterator<Item = u32>) -> Replicas {
        let all = nodes.map(|node| Replica { node, up: true, in_sync: true, behind: None }).collect();
        Replicas { all, leadership: Leadership::Held(0), epoch: 0 }
    }

    pub fn leader(&self) -> Option<u32> {
        match self.leadership {
            Leadership::Held(place) => Some(self.all[place].node),
            Leadership::Electing { .. } | Leadership::Vacant { .. } => None,
        }
    }

    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    pub fn election_at(&self) -> Instant {
        match self.leadership {
            Leadership::Electing { at, .. } => at,
            Leadership::Held(_) | Leadership::Vacant { .. } => Instant::NEVER,
        }
    }

    pub fn in_sync(&self) -> impl Iterator<Item = u32> + '_ {
        self.all.iter().filter(|replica| replica.in_sync).map(|replica| replica.node)
    }

    /// Followers that writes wait for.
    pub fn awaited(&self) -> impl Iterator<Item = &Replica> {
        let leads = |place| self.leadership == Leadership::Held(place);
        self.all.iter().enumerate().filter(move |(place, replica)| replica.in_sync && !leads(*place)).map(|(_, replica)| replica)
    }

    /// A node goes. `end`: of the log; `copied`: of followers that keep up. Answers whether the partition has a part in that.
    pub fn down(&mut self, node: u32, end: u64, copied: u64, now: Instant, lag_max: Nanos, election: Nanos) -> bool {
        let Some(place) = self.all.iter().position(|replica| replica.node == node && replica.up) else { return false };
        self.all[place].up = false;
        if self.leadership != Leadership::Held(place) {
            let led = matches!(self.leadership, Leadership::Held(_));
            let leaves = if led { now + lag_max } else { Instant::NEVER };
            let behind = self.all[place].behind.get_or_insert(Behind { end: copied, caught_up: Instant::NEVER, leaves });
            behind.caught_up = Instant::NEVER;
            return true;
        }
        // Without a leader nobody copies, and nobody can be too slow.
        for (other, replica) in self.all.iter_mut().enumerate() {
            let has = if other == place { end } else { replica.behind.map_or(copied, |behind| behind.end) };
            replica.behind = Some(Behind { end: has, caught_up: Instant::NEVER, leaves: Instant::NEVER });
        }
        self.leadership = Leadership::Electing { former: place, at: now + election };
        true
    }

    /// A node returns, with what it had. Where nobody could lead, it may.
    pub fn up(&mut self, node: u32, now: Instant, catch_up: Nanos) {
        let Some(replica) = self.all.iter_mut().find(|replica| replica.node == node && !replica.up) else { return };
        replica.up = true;
        match self.leadership {
            Leadership::Held(_) => {
                if let Some(behind) = &mut replica.behind {
                    behind.caught_up = now + catch_up;
                }
            }
            Leadership::Electing { .. } => {}
            Leadership::Vacant { former } => self.leadership = Leadership::Electing { former, at: now },
        }
    }

    /// Chooses the next leader, if one is to be chosen now: the first that is in sync; the former one last, for its session has ended;
    /// and if lost records are allowed for, who is there. Returns the new leader's node and where its log ends.
    pub fn elect(&mut self, unclean: bool) -> Option<(u32, u64)> {
        let former = match self.leadership {
            Leadership::Electing { former, .. } | Leadership::Vacant { former } => former,
            Leadership::Held(_) => return None,
        };
        self.leadership = Leadership::Vacant { former };
        let able = |place: &usize| self.all[*place].up && self.all[*place].in_sync;
        let clean = (0..self.all.len()).find(|place| *place != former && able(place)).or(Some(former).filter(able));
        let any = || (0..self.all.len()).find(|place| unclean && self.all[*place].up);
        let place = clean.or_else(any)?;
        if clean.is_none() {
            self.all.iter_mut().for_each(|replica| replica.in_sync = false);
        }
        self.leadership = Leadership::Held(place);
        self.epoch += 1;
        let chosen = &mut self.all[place];
        chosen.in_sync = true;
        let end = chosen.behind.take().map_or(0, |behind| behind.end);
        Some((chosen.node, end))
    }

    /// Followers begin to copy from a new leader whose log ends here.
    pub fn follow(&mut self, end: u64, now: Instant, lag_max: Nanos, catch_up: Nanos) {
        let Leadership::Held(leader) = self.leadership else { return };
        for (place, replica) in self.all.iter_mut().enumerate() {
            let Some(behind) = &mut replica.behind else { continue };
            if place == leader {
                continue;
            }
            if replica.up && replica.in_sync && behind.end >= end {
                replica.behind = None;
                continue;
            }
            behind.end = behind.end.min(end);
            behind.caught_up = if replica.up { now + catch_up } else { Instant::NEVER };
            behind.leaves = now + lag_max;
        }
    }

    /// The former leader, which the election has passed over, must copy before it counts again.
    pub fn demote(&mut self, former: u32) {
        let leader = self.leader();
        if let Some(replica) = self.all.iter_mut().find(|replica| replica.node == former && leader != Some(former)) {
            replica.in_sync = false;
        }
    }

    pub fn former(&self) -> Option<u32> {
        match self.leadership {
            Leadership::Electing { former, .. } | Leadership::Vacant { former } => Some(self.all[former].node),
            Leadership::Held(_) => None,
        }
    }

    /// Who has caught up is in sync, and who has been behind for too long is not. Answers whether somebody has caught up.
    pub fn pass(&mut self, now: Instant) -> bool {
        let mut joined = false;
        for replica in &mut self.all {
            let Some(behind) = replica.behind else { continue };
            if behind.leaves <= now.min(behind.caught_up) {
                replica.in_sync = false;
            }
            if behind.caught_up <= now {
                (replica.behind, replica.in_sync) = (None, true);
                joined = true;
            }
        }
        joined
    }

    /// When that happens next.
    pub fn passes_at(&self) -> Instant {
        let times = self.all.iter().filter_map(|replica| {
            let behind = replica.behind.as_ref()?;
            Some(if replica.in_sync { behind.caught_up.min(behind.leaves) } else { behind.caught_up })
        });
        times.min().unwrap_or(Instant::NEVER)
    }
}
