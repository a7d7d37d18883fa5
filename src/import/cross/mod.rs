//! What is contradictory among manifests that are used together (as istio `pkg/config/analysis/analyzers` tells it).
//!
//! All of it is a warning: Istio admits every object by itself. What could only be told with the whole cluster at hand is
//! told where there is something of its kind among the files: hosts where there are Services, gateways where there are some.

mod gateways;
mod hosts;
mod rule_hosts;
mod rules;
mod subsets;

use crate::base::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::model::mesh::{ExportTo, Mesh, Meta, VirtualService};
use crate::model::name::quoted;
use crate::model::source::Sources;
use crate::model::tree::Origin;

pub(super) fn check(sources: &Sources, mesh: &Mesh) -> Diagnostics {
    let mut cross = Cross { sources, mesh, found: Diagnostics::new() };
    hosts::check(&mut cross);
    subsets::check(&mut cross);
    rules::check(&mut cross);
    rule_hosts::check(&mut cross);
    gateways::check(&mut cross);
    cross.found
}

struct Cross<'a> {
    sources: &'a Sources,
    mesh: &'a Mesh,
    found: Diagnostics,
}

impl Cross<'_> {
    fn place(&self, origin: &Origin) -> Option<Place> {
        origin.spot().map(|spot| self.sources.place(spot))
    }

    fn warn(&mut self, code: &'static str, meta: &Meta, origin: &Origin, message: String, help: String) -> &mut Diagnostic {
        let path = format!("mesh.{}", quoted(&meta.path()));
        let place = self.place(origin);
        self.found.push(Diagnostic::warning(code, message).at(path).placed(place).help(help));
        self.found.list.last_mut().expect("one was pushed")
    }
}

/// Whether an object of this namespace is seen in that one.
fn is_seen(export_to: &[ExportTo], own: &str, from: &str) -> bool {
    export_to.is_empty()
        || export_to.iter().any(|to| match to {
            ExportTo::All => true,
            ExportTo::Own => own == from,
            ExportTo::Nobody => false,
            ExportTo::Namespace(namespace) => namespace == from,
        })
}

/// The namespaces from which a rule's destinations have to be seen.
fn viewers(rule: &VirtualService) -> Vec<&str> {
    let own = rule.meta.namespace.as_str();
    let named = rule.export_to.iter().map(|to| match to {
        ExportTo::Namespace(namespace) => namespace.as_str(),
        ExportTo::All | ExportTo::Own | ExportTo::Nobody => own,
    });
    let mut all: Vec<&str> = named.collect();
    if all.is_empty() {
        all.push(own);
    }
    all
}
