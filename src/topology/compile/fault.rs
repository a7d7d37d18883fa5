//! Faults: which replicas, links and clients each touches.

use super::Compiler;
use super::names::quoted;
use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::model::pushes;
use crate::model::scalar;
use crate::model::spec::{self, FaultKind, ReplicaChoice};
use crate::topology::fault::Blocked;
use crate::topology::{Fault, FaultAction, Lasts, Packets, Restart};

impl Compiler<'_> {
    pub(super) fn faults(&mut self) {
        for (name, fault) in &self.model.faults {
            let path = format!("faults.{}", quoted(name));
            let action = self.action(fault, &path);
            let lasts = match &fault.lasts {
                Some(dist) => Lasts::For(self.dist(dist, &format!("{path}.for"))),
                None if matches!(action, Some(FaultAction::CacheFlush { .. })) => Lasts::Instant,
                None if matches!(action, Some(FaultAction::Crash { restart: Restart::After(_), .. })) => Lasts::UntilRestarted,
                None => Lasts::Forever,
            };
            let every = fault.every.as_ref().map(|every| self.dist(every, &format!("{path}.every")));
            if every.as_ref().is_some_and(|every| every.is_zero()) {
                self.error("endless-fault", "a fault cannot come back every 0s", format!("{path}.every"), "give it a time above 0s");
            }
            let Some(action) = action else { continue };
            if let Some(every) = &every {
                self.overlap(&lasts, every, &action, &path);
            }
            let services = self.touched(&action);
            let clients = if let FaultAction::Spike { client, .. } = action { vec![client] } else { Vec::new() };
            let (name, at, summary) = (name.clone(), fault.at.nanos(), self.summary(&fault.kind));
            let meets = match fault.kind.choice() {
                ReplicaChoice::Count(count) => Some(count),
                ReplicaChoice::All | ReplicaChoice::Listed(_) | ReplicaChoice::Both => None,
            };
            self.topology.faults.push(Fault { name, at, lasts, every, action, meets, services, clients, summary });
        }
    }

    /// A fault that begins again before it has ended would be there twice: slower by the square of its factor.
    fn overlap(&mut self, lasts: &Lasts, every: &Dist, action: &FaultAction, path: &str) {
        let (message, help) = match lasts {
            Lasts::For(dist) if dist.mean() > every.mean() => {
                let [long, often] = [dist, every].map(|dist| Nanos::from_secs_f64(dist.mean()));
                (format!("it lasts {long} and comes back every {often}, before it has ended"), "make `for` shorter than `every`")
            }
            // Replicas that stay dead are other ones each time.
            Lasts::Forever if !matches!(action, FaultAction::Crash { .. }) => (
                "it comes back without having ended: it has no `for`".to_string(),
                "give it a `for` shorter than `every`, or take `every` out",
            ),
            Lasts::For(_) | Lasts::Forever | Lasts::UntilRestarted | Lasts::Instant => return,
        };
        self.error("overlapping-fault", message, format!("{path}.every"), help);
    }

    fn action(&mut self, fault: &spec::Fault, path: &str) -> Option<FaultAction> {
        Some(match &fault.kind {
            FaultKind::Crash(crash) => FaultAction::Crash {
                replicas: self.replicas(&crash.service, crash.choice(), &format!("{path}.crash"))?,
                restart: match &crash.restart {
                    Some(scalar::Restart::Never) => Restart::Never,
                    Some(scalar::Restart::After(dist)) => Restart::After(self.dist(dist, &format!("{path}.crash.restart"))),
                    None if fault.lasts.is_some() => Restart::AtEnd,
                    None => Restart::Never,
                },
                container: crash.container && self.has_sidecar(&crash.service),
            },
            FaultKind::Slow(slow) => {
                FaultAction::Slow { replicas: self.replicas(&slow.service, slow.choice(), &format!("{path}.slow"))?, factor: slow.factor }
            }
            FaultKind::Errors(errors) => self.errors(errors, &format!("{path}.errors"))?,
            FaultKind::Pause(pause) => {
                FaultAction::Pause { replicas: self.replicas(&pause.service, pause.choice(), &format!("{path}.pause"))? }
            }
            FaultKind::Hang(hang) => FaultAction::Hang { replicas: self.replicas(&hang.service, hang.choice(), &format!("{path}.hang"))? },
            FaultKind::CacheFlush(flush) => match self.names.cache(&flush.cache) {
                Some(cache) => FaultAction::CacheFlush { cache },
                None => {
                    self.unknown("cache", "unknown-cache", &flush.cache, format!("{path}.cacheFlush.cache"), self.names.caches.clone());
                    return None;
                }
            },
            FaultKind::Link(link) => self.link_fault(link, &format!("{path}.link"))?,
            FaultKind::Partition(cut) => self.partition(cut, &format!("{path}.partition"))?,
            FaultKind::ZoneOutage(outage) => {
                let Some(zone) = self.names.zone(&outage.zone) else {
                    self.unknown("zone", "unknown-zone", &outage.zone, format!("{path}.zoneOutage.zone"), self.names.zones.clone());
                    return None;
                };
                let replicas =
                    (0..self.topology.replicas.len()).filter(|r| self.topology.replicas[*r].zone == zone).map(ReplicaId::new).collect();
                FaultAction::Crash {
                    replicas,
                    restart: if fault.lasts.is_some() { Restart::AtEnd } else { Restart::Never },
                    container: false,
                }
            }
            FaultKind::Spike(spike) => {
                let Some(client) = self.names.client(&spike.client) else {
                    self.unknown("client", "unknown-client", &spike.client, format!("{path}.spike.client"), self.names.clients.clone());
                    return None;
                };
                if self.model.clients[&spike.client].users.is_some() {
                    let message = format!("`{}` is a closed client: it has no rate to multiply", spike.client);
                    self.error("closed-spike", message, format!("{path}.spike.client"), "use a client with `arrivals`");
                }
                if let Some(scalar::ArrivalsSpec::Trace { .. }) = self.model.clients[&spike.client].arrivals {
                    let message = format!("`{}` follows a trace: it has no rate to multiply", spike.client);
                    self.error("trace-spike", message, format!("{path}.spike.client"), "use a client with `poisson(…)` or `constant(…)`");
                }
                FaultAction::Spike { client, factor: spike.factor }
            }
            FaultKind::BrokerDown(down) => {
                self.broker(&down.broker, &format!("{path}.brokerDown.broker"))?;
                FaultAction::Crash {
                    replicas: self.replicas(&down.broker, down.choice(), &format!("{path}.brokerDown"))?,
                    restart: if fault.lasts.is_some() { Restart::AtEnd } else { Restart::Never },
                    container: false,
                }
            }
            FaultKind::ConsumerStuck(stuck) => self.stuck(stuck, &format!("{path}.consumerStuck"))?,
            FaultKind::DiskFull(full) => FaultAction::DiskFull { broker: self.broker(&full.broker, &format!("{path}.diskFull.broker"))? },
            FaultKind::PoisonMessage(poison) => {
                let queue = self.queue(&poison.queue, &format!("{path}.poisonMessage.queue"))?;
                FaultAction::Poison { queue, share: poison.share.fraction(), most: poison.count.unwrap_or(u32::MAX) }
            }
            FaultKind::ConfigPush(objects) => self.config_push(fault, objects.is_empty(), path)?,
        })
    }

    fn broker(&mut self, name: &str, path: &str) -> Option<u32> {
        let place = self.model.brokers.keys().position(|known| known == name);
        if place.is_none() {
            let known = self.model.brokers.keys().map(String::as_str).collect();
            self.unknown("broker", "unknown-broker", name, path, known);
        }
        place.map(|place| place as u32)
    }

    fn stuck(&mut self, stuck: &spec::ConsumerStuck, path: &str) -> Option<FaultAction> {
        let Some(consumer) = self.topology.brokers.consumers.iter().position(|known| known.name == stuck.consumer) else {
            if !self.model.consumers.contains_key(&stuck.consumer) {
                let known = self.model.consumers.keys().map(String::as_str).collect();
                self.unknown("consumer", "unknown-consumer", &stuck.consumer, format!("{path}.consumer"), known);
            }
            return None;
        };
        let service = self.model.consumers[&stuck.consumer].service.clone();
        Some(FaultAction::ConsumerStuck { consumer: consumer as u32, replicas: self.replicas(&service, stuck.choice(), path)? })
    }

    fn has_sidecar(&self, service: &str) -> bool {
        let inbound = self.names.service(service).and_then(|id| self.topology.mesh.inbound.get(id.index()));
        inbound.is_some_and(|inbound| inbound.proxy)
    }

    /// The replicas of a service that may be met: those listed (from 0), or all, of which so many are drawn when it happens.
    fn replicas(&mut self, service: &str, choice: ReplicaChoice<'_>, path: &str) -> Option<Vec<ReplicaId>> {
        let Some(id) = self.names.service(service) else {
            self.unknown("service", "unknown-service", service, format!("{path}.service"), self.names.services.clone());
            return None;
        };
        let range = self.topology.services[id.index()].replicas.clone();
        let chosen: Vec<u32> = match choice {
            ReplicaChoice::All | ReplicaChoice::Count(_) => range.clone().collect(),
            ReplicaChoice::Listed(list) => list.iter().map(|r| range.start.saturating_add(*r)).collect(),
            ReplicaChoice::Both => {
                let message = "`replicas` and `replica` exclude each other: a fault meets so many replicas, or those that are named";
                self.error("one-of", message, format!("{path}.replica"), "remove one");
                return None;
            }
        };
        if let ReplicaChoice::Count(count) = choice
            && count as usize > range.len()
        {
            let has = if range.len() == 1 { "1 replica".to_string() } else { format!("{} replicas", range.len()) };
            let help = "ask for fewer, or leave `replicas` out to meet all of them";
            self.error("no-such-replica", format!("`{service}` has only {has}, not {count}"), format!("{path}.replicas"), help);
        }
        if let Some(place) = chosen.iter().position(|r| !range.contains(r)) {
            let beyond = chosen[place] - range.start;
            let help = if range.len() == 1 {
                "it has only replica 0".into()
            } else {
                format!("they are numbered 0 to {}", range.len().max(1) - 1)
            };
            self.error("no-such-replica", format!("`{service}` has no replica {beyond}"), format!("{path}.replica[{place}]"), help);
            return None;
        }
        Some(chosen.into_iter().map(ReplicaId).collect())
    }

    fn errors(&mut self, errors: &spec::Errors, path: &str) -> Option<FaultAction> {
        let replicas = self.replicas(&errors.service, errors.choice(), path)?;
        let endpoint = match &errors.endpoint {
            None => EndpointId::NONE,
            Some(name) => {
                let full = scalar::EndpointRef { service: errors.service.clone(), endpoint: name.clone() };
                self.endpoint(&full, &format!("{path}.endpoint"))?
            }
        };
        let mut matches = Vec::new();
        for (name, value) in &errors.matching {
            // An attribute of the same name may belong to several clients: each is a match of its own client's requests.
            let known: Vec<String> = self.topology.attributes.iter().map(|a| a.name.clone()).collect();
            let same: Vec<AttributeId> = (0..known.len()).filter(|i| known[*i] == *name).map(AttributeId::new).collect();
            match same.is_empty() {
                false => matches.push((same, *value)),
                true => {
                    let known = known.iter().map(String::as_str).collect();
                    self.unknown("attribute", "unknown-attribute", name, format!("{path}.match.{}", quoted(name)), known);
                }
            }
        }
        Some(FaultAction::Errors { replicas, endpoint, status: errors.status, share: errors.share.fraction(), matches })
    }

    /// The versions of the configuration that a push leads to, which are known beforehand.
    fn config_push(&mut self, fault: &spec::Fault, is_empty: bool, path: &str) -> Option<FaultAction> {
        let pushes = pushes::of(&self.model.faults);
        let name = self.model.faults.iter().find(|(_, other)| std::ptr::eq(*other, fault)).map(|(name, _)| name)?;
        if is_empty {
            let help = "write what changes, as in `VirtualService/default/orders: {spec: {…}}`";
            self.error("harmless-fault", "this pushes nothing", format!("{path}.configPush"), help);
        }
        if matches!(&fault.lasts, Some(long) if !matches!(long, scalar::DistSpec::Constant(_))) {
            let help = "write a plain duration: which configurations there will be is settled before the run";
            self.error("drawn-push", "how long a configuration holds cannot be drawn", format!("{path}.for"), help);
        }
        if fault.every.is_some() {
            let help = "write one fault for each push";
            self.error("drawn-push", "a configuration is not pushed again and again", format!("{path}.every"), help);
        }
        let (begins, ends) = pushes.of.get(name).copied()?;
        Some(FaultAction::ConfigPush { begins: begins as u16, ends: ends as u16 })
    }

    fn link_fault(&mut self, fault: &spec::LinkFault, path: &str) -> Option<FaultAction> {
        let links = match (&fault.link, &fault.from, &fault.to) {
            (Some(name), None, None) => {
                let links: Vec<LinkId> =
                    self.topology.links.iter().enumerate().filter(|(_, l)| l.name == *name).map(|(i, _)| LinkId::new(i)).collect();
                if links.is_empty() {
                    let known = self.model.network.links.keys().chain(self.model.network.zones.keys()).map(String::as_str).collect();
                    self.unknown("link", "unknown-link", name, format!("{path}.link"), known);
                    return None;
                }
                links
            }
            (None, Some(from), Some(to)) => self.existing_links(from, to, path)?,
            _ => {
                let help = "write `link: NAME` for a link of `network.links`, or `from: …` and `to: …`";
                self.error("which-link", "a link fault needs a `link`, or `from` and `to`", path, help);
                return None;
            }
        };
        let latency = fault.latency.as_ref().map(|l| self.dist(l, &format!("{path}.latency")));
        let loss = fault.loss.map_or(0.0, |loss| loss.fraction());
        let bandwidth = fault.bandwidth.map(|bandwidth| bandwidth.0);
        if latency.is_none() && loss == 0.0 && bandwidth.is_none() {
            let message = "this fault adds neither `latency` nor `loss`, and lowers no `bandwidth`";
            self.error("harmless-fault", message, path, "give it one of them");
        }
        let most = links.iter().filter_map(|link| self.topology.links[link.index()].bandwidth).max();
        if let (Some(lowered), Some(most)) = (bandwidth, most)
            && lowered >= most
            && latency.is_none()
            && loss == 0.0
        {
            let message = format!("a bandwidth of {} is no less than the link has", scalar::Bandwidth(lowered));
            let help = format!("write less than {}", scalar::Bandwidth(most));
            self.error("harmless-fault", message, format!("{path}.bandwidth"), help);
        }
        Some(FaultAction::Link { links, latency, loss, bandwidth })
    }

    /// The links between two parties, or a note that nothing travels there.
    fn existing_links(&mut self, from: &str, to: &str, path: &str) -> Option<Vec<LinkId>> {
        let known = self.party(from, &format!("{path}.from")) & self.party(to, &format!("{path}.to"));
        let links = self.links_between(from, to);
        if known && links.is_empty() {
            let help = "a link exists where a call is written (from the caller to the called service), or under `network.zones`";
            self.error("no-such-link", format!("nothing travels from `{from}` to `{to}`"), path, help);
        }
        (!links.is_empty()).then_some(links)
    }

    fn partition(&mut self, cut: &spec::Partition, path: &str) -> Option<FaultAction> {
        let known = self.party(&cut.from, &format!("{path}.from")) & self.party(&cut.to, &format!("{path}.to"));
        let both = cut.direction == spec::Direction::Both;
        // Requests of `from`'s calls and answers of `to`'s calls travel from `from` to `to`.
        let forward = self.links_between(&cut.from, &cut.to).into_iter().map(|link| (link, Blocked { out: true, back: both }));
        let backward = self.links_between(&cut.to, &cut.from).into_iter().map(|link| (link, Blocked { out: both, back: true }));
        let mut links: Vec<(LinkId, Blocked)> = forward.chain(backward).collect();
        links.sort_by_key(|(link, _)| *link);
        links.dedup_by_key(|(link, _)| *link);
        if known && links.is_empty() {
            let help = "a link exists where a call is written, or under `network.zones`";
            self.error("no-such-link", format!("nothing travels between `{}` and `{}`", cut.from, cut.to), path, help);
        }
        let packets = match cut.packets {
            spec::Packets::Drop => Packets::Drop,
            spec::Packets::Hold => Packets::Hold,
        };
        (!links.is_empty()).then_some(FaultAction::Partition { links, packets })
    }

    fn touched(&self, action: &FaultAction) -> Vec<ServiceId> {
        let of = |replicas: &[ReplicaId]| {
            let mut services: Vec<ServiceId> = replicas.iter().map(|r| self.topology.replicas[r.index()].service).collect();
            services.sort();
            services.dedup();
            services
        };
        match action {
            FaultAction::Crash { replicas, .. } | FaultAction::Slow { replicas, .. } | FaultAction::Errors { replicas, .. } => of(replicas),
            FaultAction::Pause { replicas } | FaultAction::Hang { replicas } => of(replicas),
            FaultAction::CacheFlush { .. } | FaultAction::Link { .. } | FaultAction::Partition { .. } => Vec::new(),
            FaultAction::ConsumerStuck { replicas, .. } => of(replicas),
            FaultAction::DiskFull { broker } => vec![self.topology.brokers.brokers[*broker as usize].service],
            FaultAction::Poison { queue, .. } => {
                let broker = self.topology.brokers.queues[*queue as usize].broker;
                vec![self.topology.brokers.brokers[broker as usize].service]
            }
            FaultAction::Spike { .. } | FaultAction::ConfigPush { .. } => Vec::new(),
        }
    }

    /// The fault in words.
    fn summary(&self, kind: &FaultKind) -> String {
        let does = |choice: ReplicaChoice<'_>, service: &str, one: String, many: String| match choice {
            ReplicaChoice::All | ReplicaChoice::Both => format!("{service} {one}"),
            ReplicaChoice::Count(1) => format!("1 replica of {service} {one}"),
            ReplicaChoice::Count(n) => format!("{n} replicas of {service} {many}"),
            ReplicaChoice::Listed([only]) => format!("replica {only} of {service} {one}"),
            ReplicaChoice::Listed(list) => format!("replicas {} of {service} {many}", listed(list)),
        };
        match kind {
            FaultKind::Crash(f) if f.container && self.has_sidecar(&f.service) => {
                does(f.choice(), &f.service, "crashes behind its sidecar".into(), "crash behind their sidecars".into())
            }
            FaultKind::Crash(f) => does(f.choice(), &f.service, "crashes".into(), "crash".into()),
            FaultKind::Slow(f) => {
                let times = format!("{} times slower", f.factor);
                does(f.choice(), &f.service, format!("becomes {times}"), format!("become {times}"))
            }
            FaultKind::Errors(f) => {
                let (one, many) = (
                    format!("answers {} to {} of its requests", f.status, f.share),
                    format!("answer {} to {} of their requests", f.status, f.share),
                );
                does(f.choice(), &f.service, one, many)
            }
            FaultKind::Pause(f) => does(f.choice(), &f.service, "is paused".into(), "are paused".into()),
            FaultKind::Hang(f) => does(f.choice(), &f.service, "hangs".into(), "hang".into()),
            FaultKind::CacheFlush(f) => format!("cache {} is emptied", f.cache),
            FaultKind::Link(f) => {
                let name = match (&f.link, &f.from, &f.to) {
                    (Some(link), _, _) => link.clone(),
                    (None, Some(from), Some(to)) => format!("{from} -> {to}"),
                    _ => "?".into(),
                };
                let latency = f.latency.as_ref().map(|l| format!("{l} slower"));
                let loss = f.loss.map(|l| format!("loses {l} of its messages"));
                let bandwidth = f.bandwidth.map(|b| format!("carries {b}"));
                format!("link {name} is disturbed ({})", [latency, loss, bandwidth].into_iter().flatten().collect::<Vec<_>>().join(", "))
            }
            FaultKind::Partition(f) => format!("{} and {} are cut off from each other", f.from, f.to),
            FaultKind::ZoneOutage(f) => format!("zone {} goes down", f.zone),
            FaultKind::ConfigPush(objects) => {
                let names: Vec<&str> = objects.keys().map(String::as_str).collect();
                format!("the control plane pushes {}", names.join(", "))
            }
            FaultKind::BrokerDown(f) => does(f.choice(), &f.broker, "goes down".into(), "go down".into()),
            FaultKind::ConsumerStuck(f) => does(f.choice(), &f.consumer, "is stuck".into(), "are stuck".into()),
            FaultKind::DiskFull(f) => format!("{} takes no messages: its disk is full", f.broker),
            FaultKind::PoisonMessage(f) => match f.count {
                Some(1) => format!("a message that nobody can handle comes into {}", f.queue),
                Some(count) => format!("{count} messages that nobody can handle come into {}", f.queue),
                None => format!("{} of the messages into {} cannot be handled", f.share, f.queue),
            },
            FaultKind::Spike(f) => format!("{} sends {} times as many requests", f.client, f.factor),
        }
    }
}

/// `0, 1 and 2`
fn listed(replicas: &[u32]) -> String {
    let (last, first) = replicas.split_last().expect("a choice that lists replicas lists some");
    let first: Vec<String> = first.iter().map(u32::to_string).collect();
    if first.is_empty() { last.to_string() } else { format!("{} and {last}", first.join(", ")) }
}
