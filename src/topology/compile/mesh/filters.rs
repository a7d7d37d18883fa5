//! EnvoyFilters: what they merge into the routes of the proxies that they are for.

use super::{Caller, Weaver};
use crate::model::mesh::{EnvoyFilter, PatchContext, RoutePatch};
use crate::topology::mesh::Rule;
use crate::topology::rules::ROOT_NAMESPACE;

impl<'m> Weaver<'_, 'm> {
    /// A rule for a host with all patches that are for it, those of the root namespace first.
    pub(super) fn patched(&self, mut rule: Rule, host: usize, port: u32, caller: &Caller<'m>) -> Rule {
        let filters = || self.imported.envoy_filters.iter().filter(|filter| is_for(filter, caller));
        let in_root = |filter: &&EnvoyFilter| filter.meta.namespace == ROOT_NAMESPACE;
        let virtual_host = format!("{}:{port}", self.hosts.all[host].host);
        let is_meant = |patch: &&RoutePatch| {
            let context = match patch.context {
                PatchContext::Any => true,
                PatchContext::Sidecar => caller.gateway.is_none(),
                PatchContext::Gateway => caller.gateway.is_some(),
            };
            context
                && patch.virtual_host.as_ref().is_none_or(|name| *name == virtual_host)
                && patch.route.as_ref().is_none_or(|name| *name == rule.name)
        };
        let patches: Vec<&RoutePatch> = filters()
            .filter(in_root)
            .chain(filters().filter(|filter| !in_root(filter)))
            .flat_map(|filter| &filter.patches)
            .filter(is_meant)
            .collect();
        // Without a policy of retries there is nothing to hedge with: Envoy then waits on.
        let Some(retry) = &mut rule.retry else { return rule };
        for patch in patches {
            retry.hedges = patch.hedge.unwrap_or(retry.hedges);
            retry.previous_priorities = patch.previous_priorities.or(retry.previous_priorities);
            retry.host_selection_retries = patch.host_selection_retries.unwrap_or(retry.host_selection_retries);
            retry.num_retries = patch.num_retries.unwrap_or(retry.num_retries);
        }
        rule
    }
}

fn is_for(filter: &EnvoyFilter, caller: &Caller<'_>) -> bool {
    let here = filter.meta.namespace == ROOT_NAMESPACE || filter.meta.namespace == caller.namespace;
    let selected = filter.selector.as_ref().is_none_or(|wanted| wanted.iter().all(|(key, value)| caller.labels.get(key) == Some(value)));
    here && selected
}
