//! From files to a model: what it extends, the variant asked for, what was set on the command line, all problems at once.
//!
//! Does no I/O: the caller hands in a loader. Order of precedence: what is extended < the file < the variant < `--set`.

use super::mesh::Mesh;
use super::name::quoted;
use super::objects::{self, Change};
use super::overlay;
use super::salvage::{LeftOut, salvage};
use super::source::Sources;
use super::spec::{FaultKind, Model};
use super::tree::{Mapping, Node, Origin, Path, Segment, Value};
use super::validate::validate;
use super::versions;
use super::yaml;
use crate::base::AS_WRITTEN;
use crate::base::diagnostic::{Diagnostic, Diagnostics, Place};
use std::sync::Arc;

/// Hands out the bytes of a file by its name, or says why it cannot.
pub type Loader<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// A model and where every part of it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub model: Model,
    pub variant: Option<String>,
    /// The names of the variants that the file has.
    pub variants: Vec<String>,
    pub sources: Sources,
    /// What the model changes of its manifests' objects.
    pub changes: Vec<Change>,
    /// And what its faults push onto them, by fault.
    pub pushed: Vec<(String, Vec<Change>)>,
    tree: Node,
}

/// What is wrong with a model, and the texts that the places are in.
#[derive(Clone, Debug)]
pub struct Refused {
    pub problems: Diagnostics,
    pub sources: Sources,
    /// The names of the variants, as far as they could be read.
    pub variants: Vec<String>,
    /// What can still be looked at, so that all mistakes are told at once.
    pub rest: Option<Box<Rest>>,
}

/// A model without what is structurally wrong with it.
#[derive(Clone, Debug)]
pub struct Rest {
    pub loaded: Loaded,
    pub left_out: LeftOut,
}

impl Loaded {
    /// Takes in what manifests say. A workload of a service's name and namespace gives its replicas, unless the model does.
    pub fn adopt(&mut self, mesh: Mesh) {
        for workload in &mesh.workloads {
            let name = &workload.meta.name;
            let path = Path::ROOT.key("services").key(name).key("replicas");
            let Some(service) = self.model.services.get_mut(name).filter(|service| service.namespace == workload.meta.namespace) else {
                continue;
            };
            if self.tree.written(&path).is_none() && workload.scales() && workload.replicas.origin != Origin::Default {
                service.replicas = workload.replicas.value;
                let number = Value::Number(workload.replicas.value.to_string());
                self.tree.give(&path, Node { value: number, origin: workload.replicas.origin.clone() });
            }
        }
        self.model.imported = mesh;
    }

    /// Where the value at a path is written, or its nearest ancestor that is.
    pub fn place(&self, path: &str) -> Option<Place> {
        let path = self.as_written(Path::parse(path)?);
        let origin = self.model.imported.origin_of(&path).unwrap_or_else(|| self.tree.origin_of(&path));
        origin.spot().map(|spot| self.sources.place(spot))
    }

    /// Where the value at a path comes from, in words; `default` if it is written nowhere.
    pub fn origin(&self, path: &str) -> String {
        let path = Path::parse(path).map(|path| self.as_written(path));
        let written = path.as_ref().filter(|path| self.tree.written(path).is_some());
        written.map_or_else(|| "default".into(), |path| origin_in_words(&self.sources, self.tree.origin_of(path)))
    }

    /// Where a value stands in the text. A version is a service of its own, `orders/v2`, and written inside of the service.
    fn as_written(&self, path: Path) -> Path {
        if let [Segment::Key(services), Segment::Key(name), ..] = &path.0[..]
            && services == "services"
            && self.tree.written(&Path::ROOT.key(services).key(name)).is_none()
            && let Some((base, version)) = name.split_once('/')
        {
            let inner = Path::ROOT.key(services).key(base).key("versions").key(version);
            return Path(inner.0.into_iter().chain(path.0[2..].iter().cloned()).collect());
        }
        // `deadline: 5s` is short for `deadline: {after: 5s}`.
        if let [before @ .., Segment::Key(deadline), Segment::Key(after)] = &path.0[..]
            && (deadline.as_str(), after.as_str()) == ("deadline", "after")
            && self.tree.written(&path).is_none()
        {
            return Path(before.to_vec()).key(deadline);
        }
        path
    }

    /// Gives diagnostics that have only a path their place.
    pub fn placed(&self, mut problems: Diagnostics) -> Diagnostics {
        for problem in &mut problems.list {
            if problem.place.is_none() {
                problem.place = problem.path.as_deref().and_then(|path| self.place(path));
                // A key that is meant itself, as the name of an attribute in a match.
                let path = problem.path.as_deref().and_then(Path::parse).unwrap_or(Path::ROOT);
                if let (Some(Segment::Key(last)), Some(part)) = (path.0.last(), &problem.part)
                    && last == part
                    && let Some(key) = self.tree.key_of(&path)
                {
                    problem.place = key.spot().map(|spot| self.sources.place(spot));
                    continue;
                }
                let narrowed = problem.place.as_ref().zip(problem.part.as_deref()).and_then(|(place, part)| self.narrowed(place, part));
                problem.place = narrowed.or(problem.place.take());
            }
        }
        problems.sort();
        problems
    }

    /// Only the part of the place that this text stands at, if it stands there once.
    fn narrowed(&self, place: &Place, part: &str) -> Option<Place> {
        let line = self.sources.text_of(&place.file)?.lines().nth(place.line.checked_sub(1)? as usize)?;
        let before: usize = line.chars().take(place.column as usize - 1).map(char::len_utf8).sum();
        let len: usize = line[before..].chars().take(place.len as usize).map(char::len_utf8).sum();
        let stretch = &line[before..before + len];
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
        let alone = |at: &usize| !is_word(stretch[..*at].chars().next_back()) && !is_word(stretch[at + part.len()..].chars().next());
        let places: Vec<usize> = stretch.match_indices(part).map(|(at, _)| at).filter(alone).collect();
        let [only] = places[..] else { return None };
        let column = place.column + stretch[..only].chars().count() as u32;
        Some(Place { column, len: part.chars().count() as u32, ..place.clone() })
    }
}

/// Where a value comes from, in words: `file:line`, `variant NAME`, `--set` or `default`.
pub fn origin_in_words(sources: &Sources, origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".into(),
        Origin::File(spot) => {
            let place = sources.place(*spot);
            format!("{}:{}", place.file, place.line)
        }
        Origin::Variant(name, _) => format!("variant {name}"),
        Origin::Set(..) => "--set".into(),
    }
}

/// Files that extend each other no deeper than this.
const DEEPEST_EXTENSION: usize = 32;

/// Reads a model with a variant and settings applied.
pub fn read(main: &str, loader: Loader<'_>, sets: &[String], variant: Option<&str>) -> Result<Loaded, Box<Refused>> {
    let mut sources = Sources::new();
    let mut variants = Vec::new();
    let found = load(&mut sources, main, loader, sets, variant, &mut variants);
    let loaded = |mut model: Model, (tree, changes), sources, variants| {
        if model.name.is_empty() {
            model.name = stem(main).to_owned();
        }
        let pushed = objects::pushed(&tree);
        for (fault, changes) in &pushed {
            if let Some(FaultKind::ConfigPush(push)) = model.faults.get_mut(fault).map(|fault| &mut fault.kind) {
                *push = objects::as_written(changes);
            }
        }
        Loaded { model, variant: variant.map(str::to_string), variants, sources, changes, pushed, tree }
    };
    let (mut problems, rest) = match found {
        Ok(Found { tree, changes, problems }) if problems.is_empty() => match deserialized(&tree) {
            Ok(model) => return Ok(loaded(model, (tree, changes), sources, variants)),
            Err(problem) => (problem, None),
        },
        Ok(Found { tree, changes, problems }) => {
            let left = salvage(&sources, tree, &problems).and_then(|(tree, left_out)| Some((deserialized(&tree).ok()?, tree, left_out)));
            let rest =
                left.map(|(model, tree, left_out)| Rest { loaded: loaded(model, (tree, changes), sources.clone(), Vec::new()), left_out });
            (problems, rest.map(Box::new))
        }
        Err(problems) => (problems, None),
    };
    problems.sort();
    Err(Box::new(Refused { problems, sources, variants, rest }))
}

/// A tree that could be read, and everything that is wrong with its text and its structure.
struct Found {
    tree: Node,
    changes: Vec<Change>,
    problems: Diagnostics,
}

/// The name of a file without its directory and its ending.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}

fn load(
    sources: &mut Sources,
    main: &str,
    loader: Loader<'_>,
    sets: &[String],
    variant: Option<&str>,
    names: &mut Vec<String>,
) -> Result<Found, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut changes = Vec::new();
    let mut tree = extended(sources, main, loader, &mut Vec::new(), &mut Taken { problems: &mut problems, changes: &mut changes })?;
    let written = tree.origin_of(&Path::ROOT.key("variants")).spot();
    let overlays = take(&mut tree, "variants");
    take(&mut tree, "extends");
    let overlays = match overlays {
        None | Some(Node { value: Value::Null, .. }) => Mapping::new(),
        Some(Node { value: Value::Mapping(mapping), .. }) => mapping,
        Some(other) => {
            let place = other.origin.spot().map(|spot| sources.place(spot));
            let problem = Diagnostic::error("wrong-type", format!("`variants` is a map of overlays by name, not {}", other.kind()));
            return Err(problem.at("variants").placed(place).help("write `variants: {naive: {…}}`").into());
        }
    };
    for (name, entry) in overlays.iter().filter(|(name, _)| name.as_str() == AS_WRITTEN) {
        let message = format!("a variant cannot be called `{name}`: that is what the model as it is written is called");
        let place = entry.key.spot().map(|spot| sources.place(spot));
        let problem = Diagnostic::error("bad-name", message).at(format!("variants.{name}")).placed(place);
        problems.push(problem.help("give the variant another name: comparisons show it beside the model"));
    }
    names.extend(overlays.keys().filter(|name| name.as_str() != AS_WRITTEN).cloned());
    if let Some(name) = variant {
        tree = overlaid(sources, tree, &overlays, name, &mut changes).map_err(|mut problems| {
            for problem in problems.list.iter_mut().filter(|problem| problem.place.is_none() && !overlays.is_empty()) {
                problem.place = written.map(|spot| sources.place(spot));
            }
            problems
        })?;
    }
    let tree = versions::unfold(overlay::set_all(sources, tree, sets, &mut changes)?);
    problems.append(versions::once(validate(sources, &tree)));
    Ok(Found { tree, changes, problems })
}

fn deserialized(tree: &Node) -> Result<Model, Diagnostics> {
    serde_json::from_value::<Model>(tree.to_json()).map_err(|error| {
        // The check before finds what is wrong with its place; this is what it may have missed.
        Diagnostics::from(Diagnostic::error("unreadable", format!("the model cannot be read: {error}")))
    })
}

fn take(tree: &mut Node, key: &str) -> Option<Node> {
    match &mut tree.value {
        Value::Mapping(mapping) => mapping.remove(key).map(|entry| entry.node),
        _ => None,
    }
}

fn overlaid(sources: &Sources, tree: Node, overlays: &Mapping, name: &str, changes: &mut Vec<Change>) -> Result<Node, Diagnostics> {
    let Some(entry) = overlays.get(name) else {
        let names = overlays.keys().map(String::as_str);
        let mut problem = Diagnostic::error("unknown-variant", format!("the model has no variant `{name}`")).did_you_mean(name, names);
        if problem.help.is_none() {
            let known = overlays.keys().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            problem = problem.help(if known.is_empty() { "it has no `variants`".into() } else { format!("there is {known}") });
        }
        return Err(problem.into());
    };
    let patch = entry.node.clone();
    match &patch.value {
        Value::Null => Ok(tree),
        Value::Mapping(_) => {
            let mut patch = overlay::from_variant(patch, &Arc::from(name));
            changes.extend(objects::take(&mut patch));
            Ok(overlay::merge(tree, patch))
        }
        _ => {
            let place = patch.origin.spot().map(|spot| sources.place(spot));
            let message = format!("a variant is an overlay of the model, not {}", patch.kind());
            let path = format!("variants.{}", quoted(name));
            Err(Diagnostic::error("wrong-type", message).at(path).placed(place).help("write what it changes, as a map").into())
        }
    }
}

/// What is gathered while files are read.
struct Taken<'a> {
    problems: &'a mut Diagnostics,
    /// Of the manifests' objects, those of the file that is extended first.
    changes: &'a mut Vec<Change>,
}

/// The tree of a file merged onto what it extends.
fn extended(
    sources: &mut Sources,
    file: &str,
    loader: Loader<'_>,
    chain: &mut Vec<String>,
    taken: &mut Taken,
) -> Result<Node, Diagnostics> {
    let bytes = loader(file).map_err(|why| Diagnostics::from(Diagnostic::error("unreadable-file", why)))?;
    let id = sources.add(file, bytes)?;
    let (mut tree, problems) = yaml::read_on(sources, id)?;
    taken.problems.append(problems);
    let own = objects::take(&mut tree);
    let Some(base) = tree.get("extends").filter(|node| node.value != Value::Null) else {
        taken.changes.extend(own);
        return Ok(tree);
    };
    let place = base.origin.spot().map(|spot| sources.place(spot));
    let refuse = |code, message: String, help: &str| -> Diagnostics {
        Diagnostic::error(code, message).at("extends").placed(place.clone()).help(help).into()
    };
    let Value::String(name) = &base.value else {
        return Err(refuse("wrong-type", format!("`extends` names a file, not {}", base.kind()), "write `extends: base.yaml`"));
    };
    let target = beside(file, name);
    chain.push(file.to_string());
    if chain.contains(&target) {
        let circle = chain.iter().chain([&target]).cloned().collect::<Vec<_>>().join("` extends `");
        return Err(refuse("endless-extends", format!("`{circle}`: this never ends"), "take one of these `extends` out"));
    }
    if chain.len() > DEEPEST_EXTENSION {
        let message = format!("more than {DEEPEST_EXTENSION} files extend each other up to here");
        return Err(refuse("endless-extends", message, "join some of them"));
    }
    if let Err(why) = loader(&target) {
        return Err(refuse("unreadable-file", why, "name a file relative to this one"));
    }
    let below = extended(sources, &target, loader, chain, taken)?;
    taken.changes.extend(own);
    Ok(overlay::merge(below, tree))
}

/// A file's name relative to the directory of another.
fn beside(file: &str, name: &str) -> String {
    let joined = match file.rsplit_once('/') {
        Some((directory, _)) if !name.starts_with('/') => format!("{directory}/{name}"),
        _ => name.to_string(),
    };
    // `a/../b.yaml` is `b.yaml`, so that a file has one name however it is reached.
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match (part, parts.last()) {
            (".", _) => {}
            ("..", Some(before)) if *before != ".." && !before.is_empty() => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_name_however_it_is_reached() {
        for (file, name, target) in [
            ("m.yaml", "b.yaml", "b.yaml"),
            ("a/m.yaml", "b.yaml", "a/b.yaml"),
            ("a/m.yaml", "../b.yaml", "b.yaml"),
            ("a/m.yaml", "./c/../b.yaml", "a/b.yaml"),
            ("../m.yaml", "../b.yaml", "../../b.yaml"),
            ("/a/m.yaml", "b.yaml", "/a/b.yaml"),
            ("a/m.yaml", "/b.yaml", "/b.yaml"),
        ] {
            assert_eq!(beside(file, name), target, "{file} + {name}");
        }
    }

    #[test]
    fn a_model_without_a_name_has_that_of_its_file() {
        for (file, name) in [("a/shop.yaml", "shop"), ("shop.v2.json", "shop.v2"), (".yaml", ".yaml"), ("shop", "shop")] {
            assert_eq!(stem(file), name);
        }
    }
}
