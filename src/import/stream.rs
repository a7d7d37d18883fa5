//! The documents of a manifest file: lists unfolded, each object handed to the reader of its kind, the others noted.

use super::cursor::At;
use super::istio::{destination_rule, envoy_filter, gateway, security, virtual_service};
use super::kubernetes::{http_route, service, workload};
use super::notes::Notes;
use super::{Imported, legacy, meta};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::model::mesh::{Host, Mesh, WorkloadKind};
use crate::model::objects::{self, Change};
use crate::model::source::{SourceId, Sources};
use crate::model::tree::{Node, Path, Segment, Value};
use crate::model::yaml;
use std::collections::BTreeSet;

/// Whether a text is one of manifests and not of a model: some document has both `apiVersion` and `kind`, or is one of a
/// form of Istio before 1.0.
pub fn is_manifest(sources: &Sources, file: SourceId) -> bool {
    let text = sources.text(file);
    let may_be = text.contains("apiVersion") && text.contains("kind") || text.contains("route-rule") || text.contains("destination-policy");
    if !may_be {
        return false;
    }
    let begins =
        |key: &str| text.lines().any(|line| line.trim_start_matches(['{', ' ', '-', '\t']).trim_start_matches('"').starts_with(key));
    // What is no YAML is known by its lines.
    let (documents, _) = yaml::read_stream(sources, file);
    let of_objects = documents.iter().any(|node| node.get("kind").is_some() && node.get("apiVersion").is_some() || is_ancient(node));
    of_objects || documents.is_empty() && begins("apiVersion") && begins("kind")
}

fn is_ancient(node: &Node) -> bool {
    node.get("spec").is_some() && matches!(text(node, "type"), "route-rule" | "destination-policy")
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    match node.get(key).map(|node| &node.value) {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

pub(super) struct Reader<'a> {
    sources: &'a Sources,
    notes: Notes<'a>,
    mesh: Mesh,
    kinds: Vec<String>,
    changes: &'a [Change],
    /// Which of the changes have met an object.
    met: Vec<bool>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources, changes: &'a [Change]) -> Reader<'a> {
        let met = vec![false; changes.len()];
        Reader { sources, notes: Notes::new(sources), mesh: Mesh::default(), kinds: Vec::new(), changes, met }
    }

    pub(super) fn take(&mut self, file: SourceId, documents: Vec<Node>, problems: Diagnostics) {
        if let Some(problem) = template(self.sources, file).filter(|_| problems.has_errors()) {
            self.kinds.push("a template".to_owned());
            self.notes.found.push(problem);
            return;
        }
        self.notes.found.append(problems);
        self.notes.files.push(file);
        for document in &documents {
            self.document(document);
        }
    }

    fn document(&mut self, node: &Node) {
        match &node.value {
            Value::Null => {}
            Value::Sequence(list) => list.iter().for_each(|node| self.document(node)),
            _ => self.object(node),
        }
    }

    fn object(&mut self, node: &Node) {
        let kind = text(node, "kind");
        let version = text(node, "apiVersion");
        let at = At::new(node, path(node, kind));
        if is_ancient(node) {
            self.kinds.push(text(node, "type").to_owned());
            legacy::refuse(&mut self.notes, &at, "", text(node, "type"));
            return;
        }
        if kind.is_empty() || version.is_empty() {
            let missing = if kind.is_empty() { "kind" } else { "apiVersion" };
            let message = format!("this is no object of Kubernetes: it has no `{missing}`");
            self.kinds.push("no kind".to_owned());
            self.notes.error("not-a-manifest", &at, message, "a manifest begins with `apiVersion` and `kind`");
            return;
        }
        if kind.ends_with("List") && node.get("items").is_some() {
            let items = at.fields(&mut self.notes).list(&mut self.notes, "items");
            items.iter().filter(|at| !at.is_null()).for_each(|at| self.document(at.node));
            return;
        }
        let Some(node) = self.changed(node, &at.path) else { return };
        let (at, kind, version) = (At::new(&node, at.path), text(&node, "kind"), text(&node, "apiVersion"));
        self.kinds.push(kind.to_owned());
        let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
        if !legacy::refuse(&mut self.notes, &at, group, kind) {
            self.known(&at, group, version, kind);
        }
    }

    /// An object as the model wants it; none if the model takes it out.
    fn changed(&mut self, node: &Node, path: &Path) -> Option<Node> {
        let Some(Segment::Key(name)) = path.0.get(1) else { return Some(node.clone()) };
        let written = node;
        let mut node = node.clone();
        for (place, change) in self.changes.iter().enumerate().filter(|(_, change)| change.name == *name) {
            self.met[place] = true;
            if change.patch.value == Value::Null {
                self.mesh.changed.push((name.clone(), change.patch.clone()));
                return None;
            }
            if change.patch.mapping().is_none() {
                let place = change.patch.origin.spot().map(|spot| self.sources.place(spot));
                let message = format!("what is to change of `{name}` is a map, not {}", change.patch.kind());
                let problem = Diagnostic::error("bad-change", message).at(path.to_string()).placed(place);
                self.notes.found.push(problem.help("write `{spec: {…}}`, or `null` to take the object out"));
                continue;
            }
            let mut misfits = Vec::new();
            node = objects::changed(node, change.patch.clone(), name, &mut misfits);
            for misfit in misfits {
                let place = misfit.origin.spot().map(|spot| self.sources.place(spot));
                let problem = Diagnostic::error("bad-change", misfit.message).at(path.to_string()).placed(place);
                self.notes.found.push(problem.help(misfit.help));
            }
        }
        let difference = objects::difference(written, &node);
        self.mesh.changed.extend(difference.map(|patch| (name.clone(), patch)));
        self.mesh.objects.push((name.clone(), node.clone()));
        Some(node)
    }

    /// Tells the changes of objects that no file has.
    fn unmet(&mut self) {
        for (change, _) in self.changes.iter().zip(&self.met).filter(|(_, met)| !**met) {
            let names = self.mesh.objects.iter().map(|(name, _)| name.as_str());
            let path = Path::ROOT.key("mesh").key(&change.name);
            let place = change.key.spot().map(|spot| self.sources.place(spot));
            let message = format!("the manifests have no object `{}`", change.name);
            let mut problem = Diagnostic::error("unknown-object", message).at(path.to_string()).placed(place);
            problem = problem.did_you_mean(&change.name, names.clone());
            if problem.help.is_none() {
                let listed = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let none = "name the files under `manifests`; an object is called `Kind/namespace/name`".to_owned();
                problem = problem.help(if listed.is_empty() { none } else { format!("there is {listed}") });
            }
            self.notes.found.push(problem);
        }
    }

    fn known(&mut self, at: &At, group: &str, version: &str, kind: &str) {
        match (group, kind) {
            ("networking.istio.io", "VirtualService" | "DestinationRule" | "Gateway" | "ServiceEntry" | "EnvoyFilter") => {
                if self.is_version(at, group, version, &["v1", "v1beta1", "v1alpha3"]) && !self.is_template(at, true) {
                    self.networking(at, kind);
                }
            }
            ("security.istio.io", "PeerAuthentication") => {
                if self.is_version(at, group, version, &["v1", "v1beta1"]) {
                    let meta = meta::read(&mut self.notes, "PeerAuthentication", at);
                    let spec = at.fields(&mut self.notes).get(&mut self.notes, "spec");
                    let read = security::peer_authentication(&mut self.notes, meta, spec.as_ref());
                    self.mesh.peer_authentications.push(read);
                }
            }
            ("gateway.networking.k8s.io", "HTTPRoute" | "Gateway") => {
                if self.is_version(at, group, version, &["v1", "v1beta1", "v1alpha2"]) && !self.is_template(at, true) {
                    self.gateway_api(at, kind);
                }
            }
            ("", "Service") if !self.is_template(at, true) => self.service(at),
            ("apps" | "extensions" | "" | "argoproj.io", _) if workload::kind(group, kind).is_some() => {
                if let Some(kind) = workload::kind(group, kind).filter(|_| !self.is_template(at, false)) {
                    self.workload(at, kind);
                }
            }
            ("", "Service") => {}
            _ => {
                let message = format!("objects of the kind {kind} are not read");
                let help = "nothing has to be done; what they say has no effect";
                self.notes.note_once("skipped-kind", kind.to_owned(), &at.origin(), &at.path, message, help);
            }
        }
    }

    fn is_version(&mut self, at: &At, group: &str, version: &str, known: &[&str]) -> bool {
        let good = known.contains(&version);
        if !good {
            let message = format!("`{group}/{version}` is no version of this kind");
            self.notes.error("unknown-version", at, message, format!("write `apiVersion: {group}/{}`", known[0]));
        }
        good
    }

    /// What a template has still to fill in; of a workload only what is read of it.
    fn is_template(&mut self, at: &At, everything: bool) -> bool {
        let parts = if everything { vec![at.node.get("metadata"), at.node.get("spec")] } else { vec![at.node.get("metadata")] };
        let Some(hole) = parts.into_iter().flatten().find_map(hole) else { return false };
        let at = At::new(hole, at.path.clone());
        let message = "this is a template: `{{ … }}` has still to be filled in";
        self.notes.error("template", &at, message, TEMPLATE_HELP);
        true
    }

    fn networking(&mut self, at: &At, kind: &str) {
        let notes = &mut self.notes;
        let mut fields = at.fields(notes);
        let spec = fields.get(notes, "spec");
        match (kind, spec) {
            ("VirtualService", Some(spec)) => {
                let meta = meta::read(notes, "VirtualService", at);
                self.mesh.virtual_services.push(virtual_service::read(notes, meta, &spec));
            }
            ("DestinationRule", Some(spec)) => {
                let meta = meta::read(notes, "DestinationRule", at);
                self.mesh.destination_rules.push(destination_rule::read(notes, meta, &spec));
            }
            ("Gateway", Some(spec)) => {
                let meta = meta::read(notes, "Gateway", at);
                self.mesh.gateways.push(gateway::read(notes, meta, &spec));
            }
            ("EnvoyFilter", Some(spec)) => {
                let meta = meta::read(notes, "EnvoyFilter", at);
                self.mesh.envoy_filters.push(envoy_filter::read(notes, meta, &spec));
            }
            (_, Some(spec)) => {
                let meta = meta::read(notes, "ServiceEntry", at);
                self.mesh.service_entries.push(gateway::service_entry(notes, meta, &spec));
            }
            (kind, None) => notes.error("missing-field", at, format!("this {kind} has no `spec`"), "write what it is to do"),
        }
    }

    fn gateway_api(&mut self, at: &At, kind: &str) {
        let notes = &mut self.notes;
        let Some(spec) = at.fields(notes).get(notes, "spec") else { return };
        if kind == "HTTPRoute" {
            let meta = meta::read(notes, "HTTPRoute", at);
            self.mesh.virtual_services.extend(http_route::read(notes, meta, &spec));
        } else {
            let meta = meta::read(notes, "Gateway", at);
            self.mesh.gateways.push(http_route::gateway(notes, meta, &spec));
        }
    }

    fn service(&mut self, at: &At) {
        let notes = &mut self.notes;
        let meta = meta::read(notes, "Service", at);
        let spec = at.fields(notes).get(notes, "spec");
        self.mesh.services.push(service::read(notes, meta, spec.as_ref()));
    }

    fn workload(&mut self, at: &At, kind: WorkloadKind) {
        let notes = &mut self.notes;
        let meta = meta::read(notes, workload::name(kind), at);
        self.mesh.workloads.extend(workload::read(notes, meta, kind, at));
    }

    pub(super) fn finish(mut self) -> Imported {
        expand(&mut self.mesh);
        self.unmet();
        Imported { mesh: self.mesh, problems: self.notes.finish(), kinds: self.kinds }
    }
}

const TEMPLATE_HELP: &str = "fill it in first: `helm template …` prints manifests";

/// `mesh."VirtualService/shop/orders"`: the path by which a value of the manifests is told.
fn path(node: &Node, kind: &str) -> Path {
    let metadata = node.get("metadata");
    let of = |key| metadata.map_or("", |node| text(node, key));
    let namespace = if of("namespace").is_empty() { "default" } else { of("namespace") };
    Path(vec![Segment::Key("mesh".to_owned()), Segment::Key(format!("{kind}/{namespace}/{}", of("name")))])
}

/// A text with `{{` in it.
fn hole(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::String(text) => (text.contains("{{") && text.contains("}}")).then_some(node),
        Value::Sequence(list) => list.iter().find_map(hole),
        Value::Mapping(map) => map.iter().find_map(|(key, entry)| (key != "annotations").then(|| hole(&entry.node)).flatten()),
        _ => None,
    }
}

/// The first line of a template, where a text is no YAML for being one.
fn template(sources: &Sources, file: SourceId) -> Option<Diagnostic> {
    let text = sources.text(file);
    let (line, column) = text.lines().enumerate().find_map(|(number, line)| {
        let at = line.find("{{").or_else(|| line.find("{%"))?;
        Some((number as u32 + 1, line[..at].chars().count() as u32 + 1))
    })?;
    let place = crate::base::diagnostic::Place { file: sources.name(file).to_owned(), line, column, len: 2 };
    let message = "this is a template, no manifest: `{{ … }}` has still to be filled in";
    Some(Diagnostic::error("template", message).placed(place).help(TEMPLATE_HELP))
}

/// `name.namespace` is a service where there is such a namespace among the objects; elsewhere it is a host of its own.
fn expand(mesh: &mut Mesh) {
    let of_services = mesh.services.iter().map(|service| service.meta.namespace.clone());
    let of_rules = mesh.virtual_services.iter().map(|rule| rule.meta.namespace.clone());
    let of_destinations = mesh.destination_rules.iter().map(|rule| rule.meta.namespace.clone());
    let of_workloads = mesh.workloads.iter().map(|workload| workload.meta.namespace.clone());
    let mut namespaces: BTreeSet<String> = of_services.chain(of_rules).chain(of_destinations).chain(of_workloads).collect();
    namespaces.insert("istio-system".to_owned());
    let full = |host: &mut Host| {
        if let Some((name, namespace)) = host.0.split_once('.').filter(|(name, of)| !name.starts_with('*') && namespaces.contains(*of)) {
            host.0 = format!("{name}.{namespace}.svc.cluster.local");
        }
    };
    for rule in &mut mesh.virtual_services {
        rule.hosts.iter_mut().for_each(|host| full(&mut host.value));
        rule.destinations_mut().for_each(|destination| full(&mut destination.host.value));
    }
    mesh.destination_rules.iter_mut().for_each(|rule| full(&mut rule.host.value));
}
