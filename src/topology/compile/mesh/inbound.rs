//! The callee's side: what the sidecar of each service does to what comes in.

use super::{ROOT_NAMESPACE, Weaver};
use crate::base::id::*;
use crate::model::mesh::{MtlsMode, PeerAuthentication};
use crate::model::spec::MeshMtls;
use crate::policy::envoy::connection_pool::Protocol;
use crate::topology::mesh::Inbound;

impl Weaver<'_, '_> {
    pub(super) fn inbound(&mut self) {
        self.mesh.inbound = (0..self.hosts.pods.len()).map(|pod| self.inbound_of(pod)).collect();
    }

    /// The connection pool of the DestinationRule holds at the called pods as well, seen from their own namespace; that of a
    /// subset does not.
    fn inbound_of(&mut self, pod: usize) -> Inbound {
        if !self.hosts.pods[pod].proxy {
            return Inbound::NONE;
        }
        let host = self.hosts.of_service(ServiceId::new(pod));
        let callable = &self.hosts.all[host];
        let (port, spoken, namespace) = (callable.port, callable.protocol, callable.namespace.clone());
        let rules = self.destination_rules_for(callable, &namespace, &self.hosts.pods[pod].labels);
        let path = rules.first().map_or("manifests".to_string(), |rule| rule.meta.path());
        let Ok((effective, _)) = self.policy_of(&rules, None, port) else { return Inbound::NONE };
        let settings = self.pool(&effective.blocks, spoken, &path);
        let thresholds = settings.thresholds;
        // To the application one request takes a connection, unless it speaks HTTP/2.
        let in_progress = if settings.protocol == Protocol::Http1 { thresholds.max_connections } else { u32::MAX };
        let waiting = thresholds.max_pending_requests;
        let max_requests = thresholds.max_requests.min(in_progress.saturating_add(waiting));
        Inbound { proxy: true, max_requests, max_in_progress: in_progress, strict: self.is_strict(pod) }
    }

    /// Whether a pod refuses plain text: by the policy that selects it, its namespace's, the mesh's.
    pub(super) fn is_strict(&self, pod: usize) -> bool {
        let pod = &self.hosts.pods[pod];
        if !pod.proxy {
            return false;
        }
        let policies = &self.model().imported.peer_authentications;
        let selects = |policy: &&PeerAuthentication| {
            let selector = policy.selector.as_ref();
            policy.meta.namespace == pod.namespace
                && selector.is_some_and(|s| s.iter().all(|(key, value)| pod.labels.get(key) == Some(value)))
        };
        let wide = |namespace: &str| policies.iter().find(|policy| policy.selector.is_none() && policy.meta.namespace == namespace);
        let chain = [policies.iter().find(selects), wide(&pod.namespace), wide(ROOT_NAMESPACE)];
        let written = chain.into_iter().flatten().find_map(|policy| policy.mode.as_ref());
        match written {
            Some(mode) => mode.value == MtlsMode::Strict,
            None => self.model().mesh.as_ref().is_some_and(|mesh| mesh.mtls.mode == MeshMtls::Strict),
        }
    }
}
