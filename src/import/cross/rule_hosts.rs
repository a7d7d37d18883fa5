//! DestinationRules whose host is not the one that a VirtualService sends to, though they seem to be made for each other.

use super::{Cross, is_seen, viewers};
use crate::base::diagnostic::nearest;
use crate::import::cross::hosts::full_name;
use crate::model::mesh::{Destination, DestinationRule, Host, VirtualService};
use crate::model::name::quoted;

pub(super) fn check(cross: &mut Cross) {
    let mesh = cross.mesh;
    for rule in mesh.destination_rules.iter().filter(|rule| !rule.host.value.is_wildcard() && !rule.host.value.0.is_empty()) {
        if is_used(cross, rule) {
            continue;
        }
        let destinations = mesh.virtual_services.iter().flat_map(|service| service.destinations().map(move |to| (service, to)));
        let Some((service, to)) = destinations.into_iter().find(|(service, to)| is_meant(cross, rule, service, to)) else { continue };
        let host = &to.host.value;
        let message = format!(
            "{} is for `{}`, and {} sends to `{host}`: its subsets and policies change nothing there",
            rule.meta.path(),
            rule.host.value,
            service.meta.path()
        );
        let place = cross.place(&to.host.origin);
        let warning = cross.warn("rule-host-differs", &rule.meta, &rule.host.origin, message, format!("write `host: {host}`"));
        warning.related.extend(place.map(|place| ("requests go to this host".to_owned(), place)));
    }
}

/// Something among the files is called by the rule's host, or that it is nothing is told already.
fn is_used(cross: &Cross, rule: &DestinationRule) -> bool {
    let (mesh, host) = (cross.mesh, &rule.host.value);
    let path = format!("mesh.{}", quoted(&rule.meta.path()));
    let told = cross.found.iter().any(|known| known.code == "unknown-rule-host" && known.path.as_deref() == Some(&path));
    let served = mesh.services.iter().any(|service| full_name(service) == *host);
    let entered = mesh.service_entries.iter().flat_map(|entry| &entry.hosts).any(|known| known.value.covers(host));
    let called = |service: &VirtualService| {
        service.destinations().any(|to| to.host.value == *host) || service.hosts.iter().any(|known| known.value == *host)
    };
    told || served || entered || mesh.virtual_services.iter().any(called)
}

/// The two objects are called alike and the destination asks for a subset that only this rule has, or it has no rule of its
/// own and nearly the same name as the rule's host.
fn is_meant(cross: &Cross, rule: &DestinationRule, service: &VirtualService, to: &Destination) -> bool {
    let host = &to.host.value;
    let from = viewers(service);
    let sees = |other: &&DestinationRule| from.iter().all(|from| is_seen(&other.export_to, &other.meta.namespace, from));
    let mut of_host = cross.mesh.destination_rules.iter().filter(|other| other.host.value.covers(host)).filter(sees);
    match &to.subset {
        Some(subset) => {
            let has = |rule: &DestinationRule| rule.subsets.iter().any(|known| known.name.value == subset.value);
            let pair = (&rule.meta.name, &rule.meta.namespace) == (&service.meta.name, &service.meta.namespace);
            has(rule) && !of_host.any(has) && (pair || alike(&rule.host.value, host))
        }
        None => of_host.next().is_none() && alike(&rule.host.value, host),
    }
}

/// The first parts of the names are the same or a few letters away from each other.
fn alike(a: &Host, b: &Host) -> bool {
    let first = |host: &Host| host.0.split('.').next().unwrap_or_default().to_owned();
    let (a, b) = (first(a), first(b));
    let close = a.len().abs_diff(b.len()) <= 2;
    a == b || close && nearest(&a, [b.as_str()]).is_some()
}
