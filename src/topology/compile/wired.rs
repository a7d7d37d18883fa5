//! What the language has and the compiler does not use yet. This is the one place where it is refused: a key is lifted by
//! deleting its line.

use super::Compiler;
use super::names::quoted;
use crate::model::scalar::Via;
use crate::model::spec::{Branch, Client, HeaderValue, Model, Protocol, Service, Step};

impl Compiler<'_> {
    pub(super) fn not_wired(&mut self) {
        let model = self.model;
        let mut keys: Vec<(String, &str)> = Vec::new();
        keys.extend(model.mesh.is_some().then(|| ("mesh".to_owned(), "mesh")));
        keys.extend((!model.manifests.is_empty()).then(|| ("manifests".to_owned(), "manifests")));
        for (name, service) in &model.services {
            of_service(&mut keys, &format!("services.{}", quoted(name)), service);
        }
        for (name, client) in &model.clients {
            of_client(&mut keys, &format!("clients.{}", quoted(name)), client);
        }
        for (path, key) in keys {
            let message = format!("`{key}` is read, but not simulated yet");
            self.error("not-yet-implemented", message, path, "remove it to run the model without it");
        }
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

fn of_service(keys: &mut Vec<(String, &str)>, path: &str, service: &Service) {
    let written = [
        ("labels", !service.labels.is_empty()),
        ("namespace", service.namespace != "default"),
        ("versions", !service.versions.is_empty()),
        ("sidecar", service.sidecar.is_some()),
        ("protocol", service.protocol != Protocol::Http1),
        ("port", service.port.is_some()),
    ];
    keys.extend(written.into_iter().filter(|(_, is)| *is).map(|(key, _)| (format!("{path}.{key}"), key)));
    for (name, steps) in &service.endpoints {
        of_steps(keys, &format!("{path}.endpoints.{}", quoted(name)), steps);
    }
}

fn of_client(keys: &mut Vec<(String, &str)>, path: &str, client: &Client) {
    let written = [("via", client.via != Via::None), ("request", client.request.is_some())];
    keys.extend(written.into_iter().filter(|(_, is)| *is).map(|(key, _)| (format!("{path}.{key}"), key)));
}

fn of_steps(keys: &mut Vec<(String, &str)>, path: &str, steps: &[Step]) {
    for (index, step) in steps.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match step {
            Step::Call(call) => keys.extend(call.request.is_some().then(|| (format!("{path}.request"), "request"))),
            Step::Parallel(step) => {
                for (index, branch) in step.parallel.branches.iter().enumerate() {
                    of_steps(keys, &format!("{path}.parallel.branches[{index}]"), branch);
                }
            }
            Step::Choose(step) => {
                for (name, branch) in &step.choose {
                    let Branch { steps, .. } = branch;
                    of_steps(keys, &format!("{path}.choose.{}.steps", quoted(name)), steps);
                }
            }
            Step::Repeat(step) => of_steps(keys, &format!("{path}.repeat.steps"), &step.repeat.steps),
            Step::Cache(step) => of_steps(keys, &format!("{path}.cache.onMiss"), &step.cache.on_miss),
            Step::Acquire(step) => of_steps(keys, &format!("{path}.acquire.steps"), &step.acquire.steps),
            Step::Spawn(step) => of_steps(keys, &format!("{path}.spawn.steps"), &step.spawn.steps),
            Step::Work(_) | Step::Wait(_) | Step::Fail(_) => {}
        }
    }
}
