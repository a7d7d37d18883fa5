//! Names of a model in the order of their indices. Maps of a model are sorted by name, so both follow from each other.

use crate::base::id::*;
use crate::model::scalar::EndpointRef;
use crate::model::spec::Model;
use std::collections::BTreeSet;

pub(super) use crate::model::name::quoted;

pub(super) struct Names<'m> {
    pub services: Vec<&'m str>,
    /// All endpoints as `service.endpoint`, in the order of their ids, with their services.
    pub endpoints: Vec<(&'m str, &'m str)>,
    pub clients: Vec<&'m str>,
    pub policies: Vec<&'m str>,
    pub caches: Vec<&'m str>,
    pub faults: Vec<&'m str>,
    pub zones: Vec<&'m str>,
}

impl<'m> Names<'m> {
    pub fn of(model: &'m Model) -> Names<'m> {
        let mut zones: BTreeSet<&str> = model.services.values().flat_map(|s| s.zones.iter().map(String::as_str)).collect();
        zones.extend(model.clients.values().filter_map(|c| c.zone.as_deref()));
        Names {
            services: model.services.keys().map(String::as_str).collect(),
            endpoints: model.services.iter().flat_map(|(s, spec)| spec.endpoints.keys().map(move |e| (s.as_str(), e.as_str()))).collect(),
            clients: model.clients.keys().map(String::as_str).collect(),
            policies: model.policies.keys().map(String::as_str).collect(),
            caches: model.caches.keys().map(String::as_str).collect(),
            faults: model.faults.keys().map(String::as_str).collect(),
            zones: zones.into_iter().collect(),
        }
    }

    pub fn service(&self, name: &str) -> Option<ServiceId> {
        find(&self.services, name).map(ServiceId::new)
    }

    pub fn endpoint(&self, name: &EndpointRef) -> Option<EndpointId> {
        self.endpoints.binary_search(&(name.service.as_str(), name.endpoint.as_str())).ok().map(EndpointId::new)
    }

    pub fn client(&self, name: &str) -> Option<ClientId> {
        find(&self.clients, name).map(ClientId::new)
    }

    pub fn policy(&self, name: &str) -> Option<PolicyId> {
        find(&self.policies, name).map(PolicyId::new)
    }

    pub fn cache(&self, name: &str) -> Option<CacheId> {
        find(&self.caches, name).map(CacheId::new)
    }

    pub fn fault(&self, name: &str) -> Option<FaultId> {
        find(&self.faults, name).map(FaultId::new)
    }

    pub fn zone(&self, name: &str) -> Option<ZoneId> {
        find(&self.zones, name).map(ZoneId::new)
    }
}

/// The sorted list's place of a name.
fn find(names: &[&str], name: &str) -> Option<usize> {
    names.binary_search(&name).ok()
}
