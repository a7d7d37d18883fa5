//! Rules that stand in each other's way: two VirtualServices of sidecars for one host.

use super::Cross;
use crate::model::mesh::{ExportTo, Host, VirtualService};

pub(super) fn check(cross: &mut Cross) {
    let mesh = cross.mesh;
    let of_mesh: Vec<&VirtualService> = mesh.virtual_services.iter().filter(|rule| rule.is_for_mesh() && !rule.gateway_api).collect();
    for rule in &of_mesh {
        for host in &rule.hosts {
            let others = of_mesh.iter().filter(|other| !std::ptr::eq(**other, *rule) && are_seen_together(rule, other));
            let same = |other: &&&VirtualService| other.hosts.iter().any(|known| clash(&known.value, &host.value));
            let Some(other) = others.into_iter().find(same) else { continue };
            let message = format!("`{}` is also a host of {}: for sidecars only the older of the two holds", host.value, other.meta.path());
            let place = cross.place(&other.meta.origin);
            let help = "make one of them, or put the rules of one into a delegate".to_owned();
            let warning = cross.warn("duplicate-virtual-service", &rule.meta, &host.origin, message, help);
            warning.related.extend(place.map(|place| ("the other one".to_owned(), place)));
            break;
        }
    }
}

/// A host and a wildcard are told apart: the narrower one wins.
fn clash(a: &Host, b: &Host) -> bool {
    a == b || a.is_wildcard() && b.is_wildcard() && (a.covers(b) || b.covers(a))
}

fn are_seen_together(a: &VirtualService, b: &VirtualService) -> bool {
    let scopes = |rule: &VirtualService| -> Vec<String> {
        let namespace = |to: &ExportTo| match to {
            ExportTo::All => "*".to_owned(),
            ExportTo::Own => rule.meta.namespace.clone(),
            ExportTo::Nobody => "~".to_owned(),
            ExportTo::Namespace(namespace) => namespace.clone(),
        };
        let all: Vec<String> = rule.export_to.iter().map(namespace).collect();
        if all.is_empty() { vec!["*".to_owned()] } else { all }
    };
    let (a, b) = (scopes(a), scopes(b));
    a.iter().any(|one| one == "*") || b.iter().any(|one| one == "*") || a.iter().any(|one| b.contains(one))
}
