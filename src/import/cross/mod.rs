//! What is contradictory among manifests that are used together (as istio `pkg/config/analysis` tells it).

use crate::base::diagnostic::Diagnostics;
use crate::model::mesh::Mesh;
use crate::model::source::Sources;

pub(super) fn check(_sources: &Sources, _mesh: &Mesh) -> Diagnostics {
    Diagnostics::new()
}
