//! Rules of manifests that no call of the model goes by, since their host is not that of the service that they seem to mean.

use super::{Finding, Weight};
use crate::base::diagnostic::nearest;
use crate::model::mesh::{Host, Meta};
use crate::model::spec::Model;
use crate::topology::rules::path_of;

/// VirtualServices of sidecars and DestinationRules whose hosts are not there, where one of the model's is near.
pub fn bindings(model: &Model) -> Vec<Finding> {
    let mesh = &model.imported;
    let of_model = model.services.iter().filter(|(name, _)| !name.contains('/'));
    let own: Vec<(&str, Host)> = of_model.map(|(name, service)| (name.as_str(), host(name, &service.namespace))).collect();
    let known = |wanted: &Host| {
        let services = mesh.services.iter().map(|service| host(&service.meta.name, &service.meta.namespace));
        own.iter().map(|(_, host)| host.clone()).chain(services).any(|host| wanted.covers(&host))
    };
    let mut findings = Vec::new();
    for rule in mesh.virtual_services.iter().filter(|rule| rule.is_for_mesh() && !rule.hosts.is_empty()) {
        if !rule.hosts.iter().any(|host| known(&host.value)) {
            findings.extend(finding(&rule.meta, &rule.hosts[0].value, &own, "spec.hosts[0]"));
        }
    }
    for rule in mesh.destination_rules.iter().filter(|rule| !known(&rule.host.value)) {
        findings.extend(finding(&rule.meta, &rule.host.value, &own, "spec.host"));
    }
    findings
}

fn host(name: &str, namespace: &str) -> Host {
    Host(format!("{name}.{namespace}.svc.cluster.local"))
}

fn finding(meta: &Meta, wanted: &Host, own: &[(&str, Host)], inside: &str) -> Option<Finding> {
    let (first, namespace) = wanted.service().unwrap_or((wanted.as_str(), ""));
    let (name, near) = match own.iter().find(|(name, _)| *name == first) {
        Some(same) => same,
        None => {
            let name = nearest(first, own.iter().map(|(name, _)| *name))?;
            own.iter().find(|(known, _)| *known == name)?
        }
    };
    let help = match (*name == first, namespace) {
        (true, "") => format!("name the service: `{near}`"),
        (true, namespace) => format!("give the service `namespace: {namespace}`, or the rule the namespace of the service"),
        (false, _) => format!("did you mean `{name}`?"),
    };
    let message = format!("no call goes by {}: it is for `{wanted}`, and the model has `{near}`", meta.path());
    Some(Finding { weight: Weight::Warning, code: "unbound-rule", message, path: path_of(meta, inside), help })
}
