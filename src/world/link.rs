//! Messages on their way: latency, loss with TCP's retransmissions, partitions.
//!
//! A lost message is sent again after 200 ms, 400 ms, …; after seven losses the attempt fails: nobody accepted the request, or
//! the connection was reset if it was the answer. A partition that drops packets is a loss of every one; one that holds
//! them delivers all when it ends.

use super::World;
use super::event::Kind;
use super::hot::{HotSite, Sends};
use super::keys::Purpose;
use super::state::{Job, JobState, NOBODY};
use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::stream::{Source, Words};
use crate::base::time::Nanos;
use crate::observe::episode::Cause;
use crate::topology::Topology;
use crate::topology::fault::{Blocked, Packets};
use crate::topology::site::{RETRANSMISSIONS, RETRANSMIT_AFTER};

/// What faults have done to links; nothing is looked at while `disturbed` is 0.
pub(super) struct Links {
    /// A message takes what its link's latency says and no more: what every message asks.
    plain: bool,
    /// Some link loses messages by itself, messages have sizes, or a fault on a link is in progress.
    rough: bool,
    always_rough: bool,
    /// Faults on links in progress.
    disturbed: u32,
    /// `(link, occurrence, what)`, in the order in which they began.
    faults: Vec<(LinkId, u32, Disturbance)>,
    /// Messages that a partition holds: job, and whether it is the answer.
    held: Vec<(LinkId, u32, bool)>,
}

#[derive(Clone)]
struct Disturbance {
    cause: Cause,
    latency: Option<Dist>,
    loss: f64,
    bandwidth: Option<u64>,
    blocked: Blocked,
    hold: bool,
}

impl Links {
    pub fn new(topology: &Topology) -> Links {
        let rough = topology.wire.is_on() || topology.links.iter().any(|link| link.loss > 0.0);
        let mut links = Links { plain: true, rough, always_rough: rough, disturbed: 0, faults: Vec::new(), held: Vec::new() };
        links.find_plain(topology);
        links
    }

    fn find_plain(&mut self, topology: &Topology) {
        self.plain = !self.rough && topology.mesh.is_empty() && topology.brokers.consumers.is_empty();
    }
}

/// What a message meets.
struct Weather {
    extra: Nanos,
    lost: bool,
    held: bool,
    cause: Cause,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Out,
    Back,
}

impl World<'_> {
    /// The link between a caller and a replica.
    pub(super) fn link_between(&self, caller: u32, replica: ReplicaId, link: LinkId, by_zone: bool) -> LinkId {
        let from = match self.topology.replicas.get(caller as usize) {
            Some(replica) => replica.zone,
            None => self.topology.clients.iter().find(|c| c.callers.contains(&caller)).map_or(ZoneId::NONE, |client| client.zone),
        };
        let to = self.topology.replicas[replica.index()].zone;
        if !by_zone || from.is_none() || to.is_none() || self.topology.zone_links.is_empty() {
            return link;
        }
        let between = self.topology.zone_links[from.index() * self.topology.zones.len() + to.index()];
        if between.is_some() { between } else { link }
    }

    /// What one leg of setting a connection up meets: whether it is lost, by how much it is late, and why.
    pub(super) fn weather_of_connection(&self, link: LinkId, back: bool, words: &mut Words) -> (bool, Nanos, Cause) {
        let loss = self.topology.links[link.index()].loss;
        let (mut lost, mut extra, mut cause) = (loss > 0.0 && words.chance(loss), Nanos::ZERO, Cause::NONE);
        for (_, _, fault) in self.links.faults.iter().filter(|(on, ..)| *on == link) {
            // What a partition holds counts as lost: it is sent again until it gets through.
            let blocked = if back { fault.blocked.back } else { fault.blocked.out };
            let hit = blocked || (fault.loss > 0.0 && words.chance(fault.loss));
            lost |= hit;
            if let Some(latency) = &fault.latency {
                extra += latency.sample(words);
            }
            if hit || fault.latency.is_some() {
                cause = fault.cause;
            }
        }
        (lost, extra, cause)
    }

    #[cold]
    fn link_by_zone(&self, job: u32, site: u32) -> LinkId {
        let call = self.jobs[job].call;
        let site = &self.topology.sites[site as usize];
        if call == NOBODY {
            return site.link;
        }
        let from = self.zone_of_caller(self.caller_of(call), site.caller);
        let to = self.topology.replicas[self.jobs[job].replica as usize].zone;
        if from.is_none() || to.is_none() {
            return site.link;
        }
        let between = self.topology.zone_links[from.index() * self.topology.zones.len() + to.index()];
        if between.is_some() { between } else { site.link }
    }

    fn zone_of_caller(&self, caller: u32, kind: crate::topology::site::Caller) -> ZoneId {
        match kind {
            crate::topology::site::Caller::Client(client) => self.topology.clients[client.index()].zone,
            crate::topology::site::Caller::Endpoint(_) => self.topology.replicas[caller as usize].zone,
        }
    }

    /// Sends a job's request (again). If its caller has gone meanwhile it is delivered all the same: the bytes are TCP's.
    #[inline(always)]
    pub(super) fn send_request(&mut self, job: u32) {
        let Job { next: site, request, path, .. } = self.jobs[job];
        let hot = self.sites[site as usize];
        self.transmit(job, site, &hot, request, path, Way::Out);
    }

    /// Sends a job's answer (again).
    #[inline(always)]
    pub(super) fn send_answer(&mut self, job: u32) {
        let Job { call, request, path, .. } = self.jobs[job];
        if call == NOBODY {
            return self.free_job(job);
        }
        let site = self.calls[call].site;
        let hot = self.sites[site as usize];
        self.transmit(job, site, &hot, request, path, Way::Back);
    }

    /// Sends a job, whose site, request and path these are, one way or the other.
    #[inline(always)]
    pub(super) fn transmit(&mut self, job: u32, site: u32, hot: &HotSite, request: u64, path: u32, way: Way) {
        let link = if hot.by_zone { self.link_by_zone(job, site) } else { hot.link };
        let latency = &self.topology.links[link.index()].latency;
        let (arrival, purpose) = match way {
            Way::Out => (Kind::JobArrives, Purpose::LinkOut),
            Way::Back => (Kind::AnswerArrives, Purpose::LinkBack),
        };
        let after = latency.sample(&mut hot.key.draw(request, path.wrapping_add(purpose as u32)));
        if self.links.plain {
            return self.calendar.schedule_in(after, arrival as u8, job);
        }
        self.transmit_specially(job, site, hot, way, link, after);
    }

    /// As above where proxies or brokers are on the way, or links are not what they are by themselves.
    #[inline(never)]
    fn transmit_specially(&mut self, job: u32, site: u32, hot: &HotSite, way: Way, link: LinkId, after: Nanos) {
        let mut after = after;
        let arrival = if way == Way::Out { Kind::JobArrives } else { Kind::AnswerArrives };
        if self.proxies.on {
            after += self.proxies_on_the_way(job, site, way == Way::Back);
        }
        if hot.sends == Sends::Pinned {
            match self.in_order(job, after, way == Way::Back) {
                Some(in_turn) => after = in_turn,
                None => return self.calendar.schedule_in(Nanos::ZERO, arrival as u8, job),
            }
        }
        if self.links.rough {
            return self.transmit_roughly(job, site, way, link, after);
        }
        self.calendar.schedule_in(after, arrival as u8, job);
    }

    /// As above where messages may be lost, held or late, or have sizes.
    #[cold]
    fn transmit_roughly(&mut self, job: u32, site: u32, way: Way, link: LinkId, after: Nanos) {
        let (arrival, again, purpose) = match way {
            Way::Out => (Kind::JobArrives, Kind::RequestSentAgain, Purpose::LossOut),
            Way::Back => (Kind::AnswerArrives, Kind::AnswerSentAgain, Purpose::LossBack),
        };
        let Job { request, path, pending: tries, .. } = self.jobs[job];
        let path = path.wrapping_add(tries.wrapping_mul(0x9e37_79b9));
        let loss = self.topology.links[link.index()].loss;
        let weather = self.weather(link, (site, request, path), way, loss, purpose);
        if weather.cause.is_some() {
            self.jobs[job].cause = weather.cause;
        }
        if weather.held {
            self.links.held.push((link, job, way == Way::Back));
            return;
        }
        let leaving = if self.lines.on { self.leave_by_line(job, site, way, link) } else { Nanos::ZERO };
        if weather.lost {
            return self.lost(job, again, way, leaving);
        }
        self.calendar.schedule_in(leaving + after + weather.extra, arrival as u8, job);
    }

    fn lost(&mut self, job: u32, again: Kind, way: Way, leaving: Nanos) {
        let tries = self.jobs[job].pending;
        self.jobs[job].pending = tries + 1;
        if tries < u32::from(RETRANSMISSIONS) {
            return self.calendar.schedule_in(leaving + Nanos(RETRANSMIT_AFTER.0 << tries), again as u8, job);
        }
        if self.jobs[job].call == NOBODY {
            return self.free_job(job);
        }
        // TCP gives up: the caller learns of it without another message.
        let outcome = if way == Way::Out { Outcome::CONNECT_FAILURE } else { Outcome::RESET };
        self.jobs[job].outcome = outcome;
        self.jobs[job].state = JobState::Answering;
        self.calendar.schedule_in(Nanos::ZERO, Kind::AnswerArrives as u8, job);
    }

    fn weather(&self, link: LinkId, (site, request, path): (u32, u64, u32), way: Way, loss: f64, purpose: Purpose) -> Weather {
        let mut weather = Weather { extra: Nanos::ZERO, lost: false, held: false, cause: Cause::NONE };
        let mut words = self.keys.call(site, request, path, purpose);
        weather.lost = loss > 0.0 && words.chance(loss);
        // What lies between two zones also lies between the two services: a fault of either is met.
        let of_pair = self.topology.sites[site as usize].link;
        for (on, occurrence, fault) in &self.links.faults {
            if *on != link && *on != of_pair {
                continue;
            }
            let blocked = if way == Way::Out { fault.blocked.out } else { fault.blocked.back };
            let hit = (blocked && !fault.hold) || (fault.loss > 0.0 && words.chance(fault.loss));
            weather.lost |= hit;
            weather.held |= blocked && fault.hold;
            if let Some(extra) = &fault.latency {
                weather.extra += extra.sample(&mut self.keys.call(
                    site,
                    request,
                    path.wrapping_add(occurrence.wrapping_mul(0x85eb)),
                    Purpose::LinkFault,
                ));
            }
            if hit || blocked || fault.latency.is_some() {
                weather.cause = fault.cause;
            }
        }
        weather
    }

    /// The least that faults have left of a link's bandwidth, if one has lowered it, and which.
    pub(super) fn lowered_bandwidth(&self, link: LinkId, of_pair: LinkId) -> (Option<u64>, Cause) {
        let met = self.links.faults.iter().filter(|(on, ..)| *on == link || *on == of_pair);
        let least = met.filter_map(|(_, _, fault)| Some((fault.bandwidth?, fault.cause))).min_by_key(|(bandwidth, _)| *bandwidth);
        least.map_or((None, Cause::NONE), |(bandwidth, cause)| (Some(bandwidth), cause))
    }

    /// A lost message is sent again.
    #[cold]
    pub(super) fn send_again(&mut self, job: u32, answer: bool) {
        if answer { self.send_answer(job) } else { self.send_request(job) }
    }

    pub(super) fn disturb_links(
        &mut self,
        occurrence: u32,
        links: &[LinkId],
        (latency, loss, bandwidth): (Option<Dist>, f64, Option<u64>),
        cause: Cause,
    ) {
        let clear = Blocked { out: false, back: false };
        for &link in links {
            let disturbance = Disturbance { cause, latency: latency.clone(), loss, bandwidth, blocked: clear, hold: false };
            self.links.faults.push((link, occurrence, disturbance));
        }
        self.links.disturbed += 1;
        self.links.rough = true;
        self.links.plain = false;
    }

    pub(super) fn partition_links(&mut self, occurrence: u32, links: &[(LinkId, Blocked)], packets: Packets, cause: Cause) {
        for &(link, blocked) in links {
            let hold = packets == Packets::Hold;
            self.links.faults.push((link, occurrence, Disturbance { cause, latency: None, loss: 0.0, bandwidth: None, blocked, hold }));
        }
        self.links.disturbed += 1;
        self.links.rough = true;
        self.links.plain = false;
    }

    /// Whether a partition keeps messages of a link from getting through, one way or the other.
    pub(super) fn is_blocked(&self, link: LinkId) -> bool {
        self.links.faults.iter().any(|(on, _, fault)| *on == link && (fault.blocked.out || fault.blocked.back))
    }

    /// The fault is over; what it held is sent on its way, in the order in which it was held.
    pub(super) fn calm_links(&mut self, occurrence: u32) {
        self.links.faults.retain(|(_, by, _)| *by != occurrence);
        self.links.disturbed -= 1;
        self.links.rough = self.links.always_rough || self.links.disturbed > 0;
        self.links.find_plain(self.topology);
        for (_, job, back) in std::mem::take(&mut self.links.held) {
            // Another partition may hold it still; then it is held again.
            self.send_again(job, back);
        }
    }
}
