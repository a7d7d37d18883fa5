//! Manifests into the model that names them: as they are, as the model changes them, and as its faults push changes of them.

use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Loaded;
use crate::model::objects::Change;
use crate::model::pushes;
use crate::model::source::SourceId;

/// What proxies are configured by: of other kinds nothing can be pushed to them.
const PUSHED_KINDS: [&str; 5] = ["VirtualService", "DestinationRule", "PeerAuthentication", "HTTPRoute", "EnvoyFilter"];

/// Puts what these files say into the model, for every configuration that there will be; hands out all that is to be said of it.
pub fn adopt(loaded: &mut Loaded, files: &[SourceId]) -> Diagnostics {
    let imported = super::read_changed(&loaded.sources, files, &loaded.changes);
    let mut problems = imported.problems;
    problems.append(super::cross_check(&loaded.sources, &imported.mesh));
    for (fault, changes) in &loaded.pushed {
        problems.list.extend(changes.iter().filter_map(|change| not_pushed(loaded, fault, change)));
    }
    let mut pushed = Vec::new();
    for version in pushes::of(&loaded.model.faults).versions.iter().skip(1) {
        let of = |fault: &String| loaded.pushed.iter().find(|(name, _)| name == fault).map_or(&[][..], |(_, changes)| changes);
        let changes: Vec<Change> = loaded.changes.iter().chain(version.iter().flat_map(of)).cloned().collect();
        let imported = super::read_changed(&loaded.sources, files, &changes);
        let contradictions = super::cross_check(&loaded.sources, &imported.mesh);
        // What is the same in all configurations is told once.
        for problem in imported.problems.list.into_iter().chain(contradictions.list) {
            if !problems.list.contains(&problem) {
                problems.push(problem);
            }
        }
        pushed.push(imported.mesh);
    }
    loaded.adopt(imported.mesh);
    loaded.model.pushed = pushed;
    problems
}

fn not_pushed(loaded: &Loaded, fault: &str, change: &Change) -> Option<Diagnostic> {
    let kind = change.name.split('/').next().unwrap_or_default();
    let place = change.key.spot().map(|spot| loaded.sources.place(spot));
    let path = format!("faults.{fault}.configPush.{:?}", change.name);
    if !crate::model::objects::is_object(&change.name) {
        let message = format!("`{}` is no object of the manifests", change.name);
        let help = "write `Kind/namespace/name: {spec: {…}}`, as in `VirtualService/default/orders: {spec: {…}}`";
        return Some(Diagnostic::error("bad-change", message).at(path).placed(place).help(help));
    }
    if PUSHED_KINDS.contains(&kind) {
        return None;
    }
    let message = format!("`{}` configures no proxy: it cannot be pushed", change.name);
    let help = format!("push one of {}; what else changes belongs under `mesh` or into a variant", PUSHED_KINDS.join(", "));
    Some(Diagnostic::error("bad-change", message).at(path).placed(place).help(help))
}
