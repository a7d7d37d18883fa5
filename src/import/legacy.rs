//! Forms of Istio before 1.0, which no release reads any more: refused, with what to write today.

use super::cursor::At;
use super::notes::Notes;

const KINDS: [(&str, &str); 6] = [
    ("RouteRule", "a VirtualService (`networking.istio.io/v1`): `destination` becomes `hosts`, `precedence` the order of `http`"),
    ("DestinationPolicy", "a DestinationRule (`networking.istio.io/v1`) with a `trafficPolicy`"),
    ("EgressRule", "a ServiceEntry (`networking.istio.io/v1`)"),
    ("IngressRule", "a Gateway and a VirtualService (`networking.istio.io/v1`)"),
    ("route-rule", "a VirtualService (`networking.istio.io/v1`)"),
    ("destination-policy", "a DestinationRule (`networking.istio.io/v1`)"),
];

/// Whether this object is of such a form; then it is told.
pub(super) fn refuse(notes: &mut Notes, object: &At, group: &str, kind: &str) -> bool {
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    let old_group = group == "config.istio.io" && known.is_some();
    if !old_group && !matches!(kind, "route-rule" | "destination-policy") && known.is_none() {
        return false;
    }
    let today = known.map_or("the kinds of `networking.istio.io/v1`", |(_, today)| today);
    notes.error(
        "legacy-kind",
        object,
        format!("a {kind} is a form of Istio before 1.0, which none reads any more"),
        format!("write {today}"),
    );
    true
}
