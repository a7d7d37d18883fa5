//! EnvoyFilter: patches that are merged into outbound routes, for hedging and for where retries go (istio
//! `pilot/pkg/networking/core/envoyfilter/rc_patch.go`). Everything else in one is Envoy's own, and told to be left out.

use crate::import::cursor::At;
use crate::import::notes::Notes;
use crate::model::mesh::{EnvoyFilter, Meta, PatchContext, RoutePatch};

pub(in crate::import) fn read(notes: &mut Notes, meta: Meta, spec: &At) -> EnvoyFilter {
    let mut fields = spec.fields(notes);
    let selector = fields.get(notes, "workloadSelector").map(|at| at.fields(notes).labels(notes, "labels"));
    let patches = fields.list(notes, "configPatches").iter().filter_map(|at| patch(notes, at)).collect();
    fields.ignores(&["priority"]);
    fields.finish(notes);
    EnvoyFilter { meta, selector, patches }
}

/// A patch of routes; of anything else there is nothing to simulate.
fn patch(notes: &mut Notes, at: &At) -> Option<RoutePatch> {
    let mut fields = at.fields(notes);
    let applies = fields.word(notes, "applyTo").unwrap_or_default();
    let matches = fields.get(notes, "match");
    let patch = fields.get(notes, "patch");
    fields.finish(notes);
    let mut of_patch = patch.as_ref()?.fields(notes);
    let operation = of_patch.word(notes, "operation").unwrap_or_default();
    let value = of_patch.get(notes, "value")?;
    if applies != "HTTP_ROUTE" || operation != "MERGE" {
        let thing = format!("a patch of {applies} ({operation})");
        notes.not_simulated(&thing, &at.origin(), &at.path, "only what is merged into an HTTP_ROUTE is");
        return None;
    }
    let (context, virtual_host, route) = matches.map_or((PatchContext::Any, None, None), |at| of_match(notes, &at));
    let mut read = RoutePatch {
        origin: at.origin(),
        context,
        virtual_host,
        route,
        hedge: None,
        previous_priorities: None,
        host_selection_retries: None,
        num_retries: None,
    };
    of_route(notes, &value, &mut read);
    Some(read)
}

fn of_match(notes: &mut Notes, at: &At) -> (PatchContext, Option<String>, Option<String>) {
    let mut fields = at.fields(notes);
    let context = match fields.word(notes, "context").as_deref() {
        Some("SIDECAR_OUTBOUND") => PatchContext::Sidecar,
        Some("GATEWAY") => PatchContext::Gateway,
        _ => PatchContext::Any,
    };
    let configuration = fields.get(notes, "routeConfiguration");
    let host = configuration.and_then(|at| at.fields(notes).get(notes, "vhost"));
    let Some(host) = host else { return (context, None, None) };
    let mut fields = host.fields(notes);
    let name = fields.word(notes, "name");
    let route = fields.get(notes, "route").and_then(|at| at.fields(notes).word(notes, "name"));
    (context, name, route)
}

fn of_route(notes: &mut Notes, value: &At, read: &mut RoutePatch) {
    let mut fields = value.fields(notes);
    let Some(route) = fields.get(notes, "route") else { return };
    let mut fields = route.fields(notes);
    if let Some(hedging) = fields.get(notes, "hedge_policy") {
        let mut inner = hedging.fields(notes);
        read.hedge = inner.bool(notes, "hedge_on_per_try_timeout");
        // In the interface of Envoy, and not implemented by it.
        inner.ignores(&["initial_requests", "additional_request_chance"]);
        inner.finish(notes);
    }
    if let Some(retries) = fields.get(notes, "retry_policy") {
        let mut inner = retries.fields(notes);
        read.num_retries = inner.get(notes, "num_retries").and_then(|at| at.count(notes));
        read.host_selection_retries = inner.get(notes, "host_selection_retry_max_attempts").and_then(|at| at.count(notes));
        read.previous_priorities = inner.get(notes, "retry_priority").and_then(|at| update_frequency(notes, &at));
        if let Some(limited) = inner.get(notes, "rate_limited_retry_back_off") {
            let why = "answers of a model have no headers that say when to come again";
            notes.not_simulated("a rate-limited back-off", &limited.origin(), &limited.path, why);
        }
        let known = ["num_retries", "host_selection_retry_max_attempts", "retry_priority", "rate_limited_retry_back_off"];
        left_out(notes, &retries, &known);
    }
    left_out(notes, &route, &["hedge_policy", "retry_policy"]);
}

/// Tells what else is merged, and not simulated.
fn left_out(notes: &mut Notes, at: &At, known: &[&str]) {
    for (name, at) in at.entries(notes).into_iter().filter(|(name, _)| !known.contains(name)) {
        notes.not_simulated(&format!("`{name}` of an EnvoyFilter"), &at.origin(), &at.path, "only hedging and where retries go is");
    }
}

/// Of `previous_priorities`: after how many tries the priorities that were tried are left out.
fn update_frequency(notes: &mut Notes, at: &At) -> Option<u32> {
    let mut fields = at.fields(notes);
    let name = fields.word(notes, "name").unwrap_or_default();
    let config = fields.get(notes, "typed_config");
    if name != "envoy.retry_priorities.previous_priorities" {
        notes.not_simulated(&format!("the retry priority `{name}`"), &at.origin(), &at.path, "only `previous_priorities` is");
        return None;
    }
    let mut inner = config.as_ref()?.fields(notes);
    inner.ignores(&["@type"]);
    let often = inner.get(notes, "update_frequency").and_then(|at| at.count(notes));
    Some(often.unwrap_or(2).max(1))
}
