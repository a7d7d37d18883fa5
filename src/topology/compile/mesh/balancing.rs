//! How hosts are chosen, as callers of one zone see it: the balancer of a DestinationRule, localities and their priorities.

use super::Weaver;
use super::conditions::header_attribute;
use crate::base::id::*;
use crate::model::mesh::{Blocks, HashKey as WrittenKey, HashTable, Labels, LoadBalancer, SimpleBalancer};
use crate::policy::envoy::load_balancing::distribute::{self, Distribute};
use crate::policy::envoy::load_balancing::failover::{self, Failover, Locality};
use crate::policy::envoy::load_balancing::{LeastRequest, LoadBalancing, LocalityRule, Maglev, Policy, RingHash, SlowStart, ZoneAware};
use crate::policy::envoy::release::Release;
use crate::topology::mesh::{HashKey, View};

impl Weaver<'_, '_> {
    pub(super) fn view(&mut self, blocks: &Blocks, zone: ZoneId, caller: &Labels, hosts: &[ReplicaId], path: &str) -> View {
        let written = blocks.load_balancer.as_ref();
        let policy = self.balancer(written);
        let topology = &self.compiler.topology;
        let zone_of = |replica: &ReplicaId| topology.replicas[replica.index()].zone;
        let localities: Vec<u16> = hosts.iter().map(|host| zone_of(host).0 as u16).collect();
        let own = self.locality(zone);
        let of_hosts: Vec<Locality> = hosts.iter().map(|host| self.locality(zone_of(host))).collect();
        let setting = written.and_then(|balancer| balancer.locality.as_ref());
        let enabled = zone.is_some() && setting.is_none_or(|setting| setting.enabled.unwrap_or(true));
        let mut locality = LocalityRule::None;
        let mut priorities = vec![0; hosts.len()];
        if let Some(setting) = setting.filter(|setting| enabled && !setting.distribute.is_empty()) {
            let rules: Vec<Distribute> = setting.distribute.iter().map(distribution).collect();
            let endpoints: Vec<_> = localities.iter().zip(&of_hosts).map(|(id, place)| (*id, place.clone(), 1)).collect();
            if let Some(weights) = distribute::weights(&rules, &own, &endpoints) {
                locality = LocalityRule::Weighted(weights);
            }
        } else if let Some(wanted) = setting.map(|setting| &setting.failover_priority)
            && !wanted.is_empty()
            && setting.is_none_or(|setting| setting.enabled.unwrap_or(true))
            && blocks.outlier_detection.is_some()
        {
            // Labels count before localities, also where neither side has one.
            priorities = self.by_labels(wanted, zone, caller, hosts);
        } else if enabled && blocks.outlier_detection.is_some() {
            // Without outlier detection Istio leaves all endpoints in one priority.
            let written = setting.map_or(&[][..], |setting| &setting.failover);
            let rules: Vec<Failover> = written.iter().map(|f| Failover { from: f.from.clone(), to: f.to.clone() }).collect();
            priorities = of_hosts.iter().map(|place| failover::by_locality(&own, place, &rules)).collect();
            failover::renumber(&mut priorities);
        }
        if let Some(setting) = written.and_then(|balancer| balancer.zone_aware.as_ref()).filter(|setting| setting.enabled) {
            locality = LocalityRule::ZoneAware(ZoneAware { min_cluster_size: setting.min_cluster_size as u32 });
        }
        let panic_threshold = blocks.outlier_detection.as_ref().map_or(50, |detection| detection.min_health_percent());
        let balancing = LoadBalancing { panic_threshold, locality, ..LoadBalancing::of(policy) };
        let checked = self.compiler.checked(balancing.clone().validated(), path);
        View { zone, balancing: checked.unwrap_or(balancing), priorities, localities }
    }

    /// Priorities by the labels that an endpoint shares with its caller; where both are counts among them, as Istio labels pods.
    fn by_labels(&self, wanted: &[(String, Option<String>)], zone: ZoneId, caller: &Labels, hosts: &[ReplicaId]) -> Vec<u8> {
        let wanted: Vec<String> = wanted
            .iter()
            .map(|(key, value)| [Some(key), value.as_ref()].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("="))
            .collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let labelled = |labels: &Labels, zone: ZoneId| {
            let Locality { region, zone, sub_zone } = self.locality(zone);
            let places =
                [("topology.kubernetes.io/region", region), ("topology.kubernetes.io/zone", zone), ("topology.istio.io/subzone", sub_zone)];
            let places = places.into_iter().filter(|(_, place)| !place.is_empty()).map(|(key, place)| (key.to_string(), place));
            labels.clone().into_iter().chain(places).collect::<Labels>()
        };
        let own = labelled(caller, zone);
        let of_host = |host: &ReplicaId| {
            let replica = &self.compiler.topology.replicas[host.index()];
            let its = labelled(&self.hosts.pod(replica.service).labels, replica.zone);
            failover::by_labels(&wanted, |label| own.get(label).map(String::as_str), |label| its.get(label).map(String::as_str))
        };
        let mut priorities: Vec<u8> = hosts.iter().map(of_host).collect();
        failover::renumber(&mut priorities);
        priorities
    }

    fn balancer(&self, written: Option<&LoadBalancer>) -> Policy {
        let slow_start = written.and_then(|balancer| balancer.warmup.as_ref()).map(|warmup| SlowStart {
            min_weight_percent: warmup.minimum_percent,
            aggression: warmup.aggression,
            ..SlowStart::new(warmup.duration)
        });
        if let Some(hash) = written.and_then(|balancer| balancer.consistent_hash.as_ref()) {
            return match hash.table {
                HashTable::Ring { minimum } => Policy::RingHash(RingHash { min_size: minimum, ..RingHash::default() }),
                HashTable::Maglev { size } => Policy::Maglev(Maglev { table_size: u32::try_from(size).unwrap_or(u32::MAX) }),
            };
        }
        let default = if self.release < Release(14) { SimpleBalancer::RoundRobin } else { SimpleBalancer::LeastRequest };
        match written.and_then(|balancer| balancer.simple.as_ref()).map_or(default, |simple| simple.value) {
            SimpleBalancer::RoundRobin => Policy::RoundRobin(slow_start),
            SimpleBalancer::LeastRequest => Policy::LeastRequest(LeastRequest { slow_start, ..LeastRequest::default() }),
            SimpleBalancer::Random | SimpleBalancer::Passthrough => Policy::Random,
        }
    }

    /// `region/zone`; a name without a slash is a zone of no region.
    fn locality(&self, zone: ZoneId) -> Locality {
        if zone.is_none() {
            return Locality::new("", "", "");
        }
        let parts: Vec<&str> = self.compiler.topology.zones[zone.index()].split('/').collect();
        match parts[..] {
            [zone] => Locality::new("", zone, ""),
            [region, zone] => Locality::new(region, zone, ""),
            [region, zone, sub_zone, ..] => Locality::new(region, zone, sub_zone),
            [] => Locality::new("", "", ""),
        }
    }

    /// What requests are hashed by. A cookie stands for whoever sends it: the caller.
    pub(super) fn hash(&self, blocks: &Blocks) -> Option<HashKey> {
        let hash = blocks.load_balancer.as_ref()?.consistent_hash.as_ref()?;
        Some(match &hash.key {
            WrittenKey::Header(name) | WrittenKey::Cookie { name, ttl: None } | WrittenKey::Query(name) => {
                let wanted = header_attribute(name);
                let attributes = self.compiler.topology.attributes.iter().enumerate().filter(|(_, a)| a.name == wanted);
                HashKey::Attributes(attributes.map(|(place, _)| AttributeId::new(place)).collect())
            }
            WrittenKey::SourceIp | WrittenKey::Cookie { ttl: Some(_), .. } => HashKey::Caller,
        })
    }
}

fn distribution(written: &crate::model::mesh::Distribute) -> Distribute {
    Distribute { from: written.from.clone(), to: written.to.iter().map(|share| (share.locality.clone(), share.percent.value)).collect() }
}
