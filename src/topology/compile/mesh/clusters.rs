//! Clusters (istio `cluster_builder.go`, `cluster_traffic_policy.go`): who is behind a host or its subset, and the
//! DestinationRule that says how to call them.

use super::hosts::Callable;
use super::{Caller, Weaver};
use crate::base::id::*;
use crate::model::mesh::{Blocks, ClientTls, DestinationRule, H2Upgrade, Labels, TlsMode};
use crate::model::spec;
use crate::policy::envoy::connection_pool::{PoolSettings, Protocol};
use crate::policy::envoy::outlier_detection::{Consecutive, LimitRule, OutlierDetection};
use crate::policy::envoy::release::Release;
use crate::policy::envoy::resources::{Defaults, RetryBudget, Thresholds, WrittenLimits};
use crate::topology::mesh::{Cluster, ClusterSource, Tls, View};
use crate::topology::rules::{self, Effective, NoSubset};

impl<'m> Weaver<'_, 'm> {
    /// The cluster of a host (or of a subset of it) for a group of callers; made at its first use.
    pub(super) fn cluster(
        &mut self,
        caller: &Caller<'m>,
        host: usize,
        subset: Option<&str>,
        port: u32,
        site: SiteId,
    ) -> Result<ClusterId, NoSubset> {
        let key = (caller.group, host, subset.map(str::to_string), port);
        if let Some(known) = self.clusters.get(&key) {
            return Ok(*known);
        }
        let callable = &self.hosts.all[host];
        let rules = self.destination_rules_for(callable, caller.namespace, &caller.labels);
        let policy = self.effective(&rules, subset, port)?;
        let hosts = self.replicas_of(host, policy.labels.as_ref());
        let service = self.compiler.topology.sites[site.index()].service;
        let (link, by_zone) = self.compiler.link(caller.group, service);
        let callers = self.compiler.topology.sites[site.index()].callers.clone();
        let path = self.path_of(&rules);
        let pool = self.pool(&policy.blocks, self.hosts.all[host].protocol, &path);
        let outlier = self.outlier(&policy.blocks, &path);
        let (views, tls) = (self.views(&policy.blocks, caller, &hosts, &path), self.tls(policy.blocks.tls.as_ref(), host));
        let callable = &self.hosts.all[host];
        let cluster = Cluster {
            name: format!("outbound|{port}|{}|{}", subset.unwrap_or_default(), callable.host),
            pool,
            views,
            outlier,
            cells: self.mesh.cells,
            tls,
            grpc: callable.protocol == spec::Protocol::Grpc,
            plain: false,
            hash: self.hash(&policy.blocks),
            hosts,
            callers: callers.clone(),
            link,
            by_zone,
            source: ClusterSource { rules, subset: subset.map(str::to_string), port, outlier: policy.outlier, pool: policy.pool },
        };
        let mut earlier = self.made.iter().filter(|(made, _)| *made == key).map(|(_, id)| *id);
        let id = earlier.find(|earlier| self.mesh.clusters[earlier.index()].is_as(&cluster)).unwrap_or_else(|| {
            self.mesh.cells += callers.len() as u32;
            self.mesh.clusters.push(cluster);
            ClusterId::new(self.mesh.clusters.len() - 1)
        });
        self.made.push((key.clone(), id));
        self.clusters.insert(key, id);
        Ok(id)
    }

    fn replicas_of(&self, host: usize, labels: Option<&Labels>) -> Vec<ReplicaId> {
        let has =
            |pod: &super::hosts::Pod| labels.is_none_or(|wanted| wanted.iter().all(|(key, value)| pod.labels.get(key) == Some(value)));
        let pods = self.hosts.all[host].pods.iter().map(|pod| &self.hosts.pods[*pod]).filter(|pod| has(pod));
        pods.flat_map(|pod| self.compiler.topology.services[pod.service.index()].replicas.clone().map(ReplicaId)).collect()
    }

    /// Numbers of the DestinationRules for a host as a namespace sees them.
    pub(super) fn destination_rules_for(&self, callable: &Callable, from: &str, labels: &Labels) -> Vec<usize> {
        rules::destination_rules(self.destination_rules(), &callable.host, &callable.namespace, from, labels)
    }

    /// What these DestinationRules say of a subset and port.
    pub(super) fn effective(&self, numbers: &[usize], subset: Option<&str>, port: u32) -> Result<Effective, NoSubset> {
        let written: Vec<&DestinationRule> = numbers.iter().map(|number| &self.destination_rules()[*number]).collect();
        rules::effective(&written, subset, port)
    }

    /// The path at which what is wrong with the rules of a cluster is told.
    pub(super) fn path_of(&self, numbers: &[usize]) -> String {
        numbers.first().map_or("manifests".to_string(), |number| rules::path_of(&self.destination_rules()[*number].meta, ""))
    }

    pub(super) fn pool(&mut self, blocks: &Blocks, spoken: spec::Protocol, path: &str) -> PoolSettings {
        let written = blocks.connection_pool.as_ref();
        let number = |field: fn(&crate::model::mesh::ConnectionPool) -> &Option<crate::model::mesh::Written<u32>>| {
            written.and_then(|pool| field(pool).as_ref()).map_or(0, |written| written.value)
        };
        let limits = WrittenLimits {
            max_connections: number(|pool| &pool.max_connections),
            max_pending_requests: number(|pool| &pool.max_pending_requests),
            max_requests: number(|pool| &pool.max_requests),
            max_retries: number(|pool| &pool.max_retries),
        };
        let budget = blocks.retry_budget.as_ref();
        let budget = budget.and_then(|b| self.compiler.checked(RetryBudget::new(b.percent(), b.min_retry_concurrency()), path));
        let upgraded = written.and_then(|pool| pool.h2_upgrade.as_ref()).is_some_and(|upgrade| upgrade.value == H2Upgrade::Upgrade);
        let streams = number(|pool| &pool.max_concurrent_streams);
        let protocol = match spoken {
            spec::Protocol::Http1 if !upgraded => Protocol::Http1,
            _ => Protocol::Http2 { max_concurrent_streams: if streams == 0 { u32::MAX >> 1 } else { streams } },
        };
        let settings = PoolSettings::istio(protocol, Thresholds::new(limits, Defaults::Istio, budget));
        let settings = settings.with_max_requests_per_connection(number(|pool| &pool.max_requests_per_connection));
        let settings = match written {
            None => settings,
            Some(pool) => PoolSettings {
                idle_timeout: pool.idle_timeout(),
                connect_timeout: pool.connect_timeout(),
                max_connection_duration: pool.max_connection_duration.as_ref().map(|written| written.value),
                ..settings
            },
        };
        self.compiler.checked(settings.checked(), path).unwrap_or(settings)
    }

    fn outlier(&mut self, blocks: &Blocks, path: &str) -> Option<OutlierDetection> {
        let written = blocks.outlier_detection.as_ref()?;
        let count = |count: Option<u32>| count.map_or(Consecutive::OFF, Consecutive::enforced);
        let detection = OutlierDetection {
            consecutive_5xx: count(written.consecutive_5xx()),
            consecutive_gateway: count(written.consecutive_gateway()),
            consecutive_local_origin: count(written.consecutive_local_origin()),
            split_local_origin: written.split_local_origin,
            error_codes: written.http_error_codes.clone(),
            interval: written.interval(),
            max_ejection_percent: written.max_ejection_percent(),
            limit_rule: if self.release < Release(20) { LimitRule::FirstIsFree } else { LimitRule::WithThisOne },
            ..OutlierDetection::istio()
        };
        self.compiler.checked(detection.with_base_ejection_time(written.base_ejection_time()).validated(), path)
    }

    /// What callers offer, against what the pods ask for. All pods of a host are taken to be like the first.
    fn tls(&mut self, written: Option<&ClientTls>, host: usize) -> Tls {
        let Some(first) = self.hosts.all[host].pods.first().copied() else { return Tls::Plain };
        let (proxy, strict) = (self.hosts.pods[first].proxy, self.is_strict(first));
        let offered = match written.map(|tls| tls.mode.value) {
            Some(TlsMode::Disable) => false,
            Some(TlsMode::Simple | TlsMode::Mutual | TlsMode::IstioMutual) => true,
            None => proxy,
        };
        match (offered, proxy) {
            (true, true) => Tls::Mutual { handshake: self.handshake() },
            (true, false) => Tls::Refused,
            (false, _) if strict => Tls::Refused,
            (false, _) => Tls::Plain,
        }
    }

    fn handshake(&mut self) -> crate::base::dist::Dist {
        let written = self.model().mesh.as_ref().map_or(crate::model::scalar::DistSpec::ZERO, |mesh| mesh.mtls.handshake.clone());
        self.compiler.dist(&written, "mesh.mtls.handshake")
    }

    fn views(&mut self, blocks: &Blocks, caller: &Caller<'m>, hosts: &[ReplicaId], path: &str) -> Vec<View> {
        let topology = &self.compiler.topology;
        let mut zones: Vec<ZoneId> = match caller.group {
            super::Group::Service(service) => {
                topology.services[service.index()].replicas.clone().map(|replica| topology.replicas[replica as usize].zone).collect()
            }
            super::Group::Client(client) => vec![topology.clients[client.index()].zone],
        };
        zones.sort();
        zones.dedup();
        zones.into_iter().map(|zone| self.view(blocks, zone, &caller.labels, hosts, path)).collect()
    }
}
