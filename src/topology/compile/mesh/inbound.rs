//! The callee's side: what the sidecar of each service does to what comes in.

use super::Weaver;
use crate::base::id::*;
use crate::model::mesh::{MtlsMode, PeerAuthentication, Written};
use crate::model::spec::{self, MeshMtls};
use crate::policy::envoy::connection_pool::Protocol;
use crate::policy::envoy::retry::{AttemptResult, BackOff, RetryPolicy};
use crate::topology::mesh::{Inbound, InboundSource};
use crate::topology::rules::ROOT_NAMESPACE;

impl Weaver<'_, '_> {
    /// By service.
    pub(super) fn inbound(&mut self) -> (Vec<Inbound>, Vec<InboundSource>) {
        (0..self.hosts.pods.len()).map(|pod| self.inbound_of(pod)).unzip()
    }

    /// The connection pool of the DestinationRule holds at the called pods as well, seen from their own namespace; that of a
    /// subset does not.
    fn inbound_of(&mut self, pod: usize) -> (Inbound, InboundSource) {
        if !self.hosts.pods[pod].proxy {
            return (Inbound::NONE, InboundSource::default());
        }
        let host = self.hosts.of_service(ServiceId::new(pod));
        let callable = &self.hosts.all[host];
        let (port, spoken, namespace) = (callable.port, callable.protocol, callable.namespace.clone());
        let rules = self.destination_rules_for(callable, &namespace, &self.hosts.pods[pod].labels);
        let path = self.path_of(&rules);
        let effective = self.effective(&rules, None, port).unwrap_or_default();
        let settings = self.pool(&effective.blocks, spoken, &path);
        let thresholds = settings.thresholds;
        // To the application one request takes a connection, unless it speaks HTTP/2.
        let in_progress = if settings.protocol == Protocol::Http1 { thresholds.max_connections } else { u32::MAX };
        let waiting = thresholds.max_pending_requests;
        let max_requests = thresholds.max_requests.min(in_progress.saturating_add(waiting));
        let mtls = self.peer_authentication(pod).cloned();
        // A closed port is a failure to connect: asked of the policy, since it is no matter of course that it covers that.
        let policy = RetryPolicy::inbound(self.release, spoken == spec::Protocol::Grpc);
        let policy = policy.filter(|policy| policy.on.wants(AttemptResult::ConnectFailure));
        let inbound = Inbound {
            proxy: true,
            max_requests,
            max_in_progress: in_progress,
            strict: self.is_strict(pod),
            retries: policy.as_ref().map_or(0, |policy| policy.num_retries),
            back_off: policy.map_or(BackOff::DEFAULT, |policy| policy.back_off),
        };
        (inbound, InboundSource { rules, port, mtls })
    }

    /// Whether a pod refuses plain text: by the policy that selects it, its namespace's, the mesh's.
    pub(super) fn is_strict(&self, pod: usize) -> bool {
        if !self.hosts.pods[pod].proxy {
            return false;
        }
        match self.peer_authentication(pod) {
            Some(mode) => mode.value == MtlsMode::Strict,
            None => self.model().mesh.as_ref().is_some_and(|mesh| mesh.mtls.mode == MeshMtls::Strict),
        }
    }

    /// The mode that holds for a pod, if a PeerAuthentication says one.
    fn peer_authentication(&self, pod: usize) -> Option<&Written<MtlsMode>> {
        let pod = &self.hosts.pods[pod];
        let policies = &self.imported.peer_authentications;
        let selects = |policy: &&PeerAuthentication| {
            let selector = policy.selector.as_ref();
            policy.meta.namespace == pod.namespace
                && selector.is_some_and(|s| s.iter().all(|(key, value)| pod.labels.get(key) == Some(value)))
        };
        let wide = |namespace: &str| policies.iter().find(|policy| policy.selector.is_none() && policy.meta.namespace == namespace);
        let chain = [policies.iter().find(selects), wide(&pod.namespace), wide(ROOT_NAMESPACE)];
        chain.into_iter().flatten().find_map(|policy| policy.mode.as_ref())
    }
}
