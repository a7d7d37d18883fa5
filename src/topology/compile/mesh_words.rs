//! What is wrong with a mesh's words as such: versions within versions, and headers whose values are no whole.

use super::Compiler;
use super::names::quoted;
use crate::base::id::SiteId;
use crate::model::spec::{HeaderValue, Model};

impl Compiler<'_> {
    pub(super) fn mesh_words(&mut self) {
        let model = self.model;
        self.header_shares(model);
        self.nested_versions(model);
    }

    fn nested_versions(&mut self, model: &Model) {
        for (name, service) in &model.services {
            for (version, _) in service.versions.iter().filter(|(_, version)| !version.versions.is_empty()) {
                let path = format!("services.{}.versions.{}.versions", quoted(name), quoted(version));
                self.error("unknown-key", "a version has no versions of its own", path, "write them beside it");
            }
        }
    }

    /// Only a proxy knows that a service has versions: whoever calls without one would reach the first alone.
    pub(super) fn versions_need_proxies(&mut self) {
        let has_versions = |name: &str| self.model.services.get(name).is_some_and(|service| !service.versions.is_empty());
        let unproxied = self.topology.sites.iter().enumerate().filter(|(place, site)| {
            let proxied = self.topology.mesh.proxied(SiteId::new(*place)).is_some();
            !proxied && has_versions(&self.topology.services[site.service.index()].name)
        });
        let calls = unproxied.map(|(_, site)| (self.topology.services[site.service.index()].name.clone(), site.path_in_model.clone()));
        for (service, path) in calls.collect::<Vec<_>>() {
            let message = format!("`{service}` has versions, and whoever calls it here has no proxy to choose among them");
            let help = "give the model a `mesh`, the calling service its sidecar, and a client `via: sidecar`";
            self.error("versions-without-proxy", message, path, help);
        }
    }

    /// The values of a header are a whole.
    fn header_shares(&mut self, model: &Model) {
        for (name, client) in &model.clients {
            for (header, value) in client.request.iter().flat_map(|request| &request.headers) {
                let HeaderValue::Mix(mix) = value else { continue };
                let total: f64 = mix.values().map(|share| share.fraction()).sum();
                if (total - 1.0).abs() > 1e-9 {
                    let message = format!("the shares of `{header}` add up to {} %, not 100 %", (total * 1e8).round() / 1e6);
                    let path = format!("clients.{}.request.headers.{}", quoted(name), quoted(header));
                    self.error("shares", message, path, "make them add up to 100 %");
                }
            }
        }
    }
}
