//! Other people's manifests: every YAML file of a corpus is read without a crash and in bounded time, every refusal has a place,
//! and what Istio itself says of its own test cases is what is said here.
//!
//! The corpus is no part of this repository. It stands beside the checkout, or where `BROWNOUT_CORPUS` says; without it
//! these tests say so and pass.

mod common;

use brownout::base::diagnostic::{Diagnostics, Severity};
use brownout::import::{Imported, read};
use brownout::model::source::Sources;
use brownout::model::tree::{Path as TreePath, Segment};
use common::corpus;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One file may take this long in a build that is not optimised.
const LONGEST: Duration = Duration::from_secs(10);

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, found);
        } else if [".yaml", ".yml", ".yaml.golden", ".yml.golden"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn import(name: &str, bytes: Vec<u8>) -> Imported {
    let mut sources = Sources::new();
    match sources.add(name, bytes) {
        Ok(file) => read(&sources, &[file]),
        Err(problems) => Imported { problems, ..Imported::default() },
    }
}

fn errors(problems: &Diagnostics) -> Vec<String> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| format!("{}: {}", problem.code, problem.message)).collect()
}

/// Read, refused, told of, by kind.
#[derive(Default)]
struct Row {
    read: usize,
    refused: usize,
    told: usize,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is our own time that is bounded")]
fn every_file_is_read_or_refused_with_a_place() {
    let Some(root) = corpus() else { return };
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let mut table: BTreeMap<String, Row> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, PathBuf::new());
    for path in &paths {
        let began = Instant::now();
        let imported = import(&path.to_string_lossy(), std::fs::read(path).unwrap());
        let took = began.elapsed();
        assert!(took < LONGEST, "{}: {took:?}", path.display());
        slowest = slowest.max((took, path.clone()));
        for problem in imported.problems.iter().filter(|problem| problem.severity == Severity::Error) {
            let placed = problem.place.as_ref().is_some_and(|place| place.line > 0 && place.column > 0);
            assert!(placed || problem.code == "not-text", "{}: {} has no place", path.display(), problem.message);
            assert!(problem.help.is_some() || problem.code == "yaml-syntax", "{}: {} has no way out", path.display(), problem.message);
        }
        for kind in &imported.kinds {
            table.entry(kind.clone()).or_default().read += 1;
        }
        count(&mut table, &imported.problems);
    }
    println!("{} files, the slowest in {:?}: {}", paths.len(), slowest.0, slowest.1.display());
    println!("{:32} {:>6} {:>8} {:>6}", "kind", "read", "refused", "told");
    for (kind, row) in &table {
        println!("{kind:32} {:>6} {:>8} {:>6}", row.read, row.refused, row.told);
    }
}

/// Objects with errors, and those with something else to say.
fn count(table: &mut BTreeMap<String, Row>, problems: &Diagnostics) {
    let mut objects: BTreeMap<String, bool> = BTreeMap::new();
    for problem in problems.iter() {
        let object = match problem.path.as_deref().and_then(TreePath::parse).unwrap_or(TreePath::ROOT).0.get(1) {
            Some(Segment::Key(object)) => object.clone(),
            _ => "(the file)/".to_owned(),
        };
        *objects.entry(object).or_default() |= problem.severity == Severity::Error;
    }
    for (object, refused) in objects {
        let kind = object.split('/').next().unwrap_or("").to_owned();
        let kind = if kind.is_empty() { "no kind".to_owned() } else { kind };
        let row = table.entry(kind).or_default();
        if refused { row.refused += 1 } else { row.told += 1 }
    }
}

/// A case of Istio's unit tests: a part of an object, and whether it is valid.
fn wrapped(applies_to: &str, value: &Value) -> Value {
    let host = json!({"destination": {"host": "foo.baz"}});
    let route = |part: Value| {
        let mut rule = json!({"route": [host]});
        rule.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        rule
    };
    let virtual_service = |rule: Value| json!({"hosts": ["foo.bar"], "http": [rule]});
    let policy = |part: Value| json!({"host": "reviews", "trafficPolicy": part});
    let (kind, spec) = match applies_to {
        "VirtualService.spec" => ("VirtualService", value.clone()),
        "DestinationRule.spec" => ("DestinationRule", value.clone()),
        "http[]" | "http[] (root: has delegate)" => ("VirtualService", virtual_service(value.clone())),
        "http[] (delegate)" => ("VirtualService", json!({"http": [value]})),
        "http[].redirect" if value.is_null() => ("VirtualService", virtual_service(route(json!({})))),
        "http[].redirect" => ("VirtualService", virtual_service(json!({"redirect": value}))),
        "http[].directResponse" => ("VirtualService", virtual_service(json!({"directResponse": value}))),
        "http[].fault.abort" | "http[].fault.delay" if value.is_null() => ("VirtualService", virtual_service(route(json!({})))),
        "http[].fault.abort" => ("VirtualService", virtual_service(route(json!({"fault": {"abort": value}})))),
        "http[].fault.delay" => ("VirtualService", virtual_service(route(json!({"fault": {"delay": value}})))),
        "http[].rewrite.uriRegexRewrite" => {
            ("VirtualService", virtual_service(route(json!({"rewrite": {"uriRegexRewrite": value, "authority": "a.b"}}))))
        }
        "http[].route[].destination" => ("VirtualService", virtual_service(json!({"route": [{"destination": value}]}))),
        "http[].route" => ("VirtualService", virtual_service(json!({"route": value}))),
        "tcp[].route" => ("VirtualService", json!({"hosts": ["foo.bar"], "tcp": [{"route": value}]})),
        "DestinationRule.spec.trafficPolicy" => ("DestinationRule", policy(value.clone())),
        other => match (other.strip_prefix("http[]."), other.strip_prefix("DestinationRule.spec.trafficPolicy.")) {
            (Some(field), _) => ("VirtualService", virtual_service(route(json!({field: value})))),
            (_, Some(field)) => ("DestinationRule", policy(json!({field: value}))),
            _ => panic!("{other}"),
        },
    };
    json!({"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": "case", "namespace": "default"}, "spec": spec})
}

/// Cases in which we part from Istio, and why.
const UNIT_CASES_APART: &[(&str, &str)] = &[];

#[test]
fn istios_unit_cases_of_validation_are_judged_alike() {
    let Some(root) = corpus() else { return };
    let cases: Vec<Value> = labels(&root.join("istio/derived/validation_unit_cases.shared.json"));
    let mut apart = Vec::new();
    for case in &cases {
        let document = wrapped(case["applies_to"].as_str().unwrap(), &case["value"]);
        let imported = import("case.yaml", serde_json::to_vec_pretty(&document).unwrap());
        let found = errors(&imported.problems);
        if found.is_empty() != case["valid"].as_bool().unwrap() {
            let name = case["name"].as_str().unwrap();
            let known = UNIT_CASES_APART.iter().any(|(known, _)| *known == name);
            apart.push((known, format!("{}: {name}: {} {found:?}", case["test"], case["value"])));
        }
    }
    println!("{} cases, {} judged otherwise", cases.len(), apart.len());
    apart.iter().for_each(|(_, case)| println!("  {case}"));
    let unknown: Vec<&String> = apart.iter().filter(|(known, _)| !known).map(|(_, case)| case).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(apart.len() * 20 <= cases.len(), "{} of {} apart", apart.len(), cases.len());
}

fn labels(path: &Path) -> Vec<Value> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Err(error) => {
            println!("{}: {error}: nothing is checked", path.display());
            Vec::new()
        }
    }
}

/// A message of an analyzer, and the codes under which we say it.
type Message = (&'static str, &'static [&'static str]);

/// What each analyzer of Istio says.
const ANALYZERS: &[(&str, &[Message])] = &[
    (
        "virtualservice.ConflictingMeshGatewayHostsAnalyzer",
        &[("ConflictingMeshGatewayVirtualServiceHosts", &["duplicate-virtual-service"])],
    ),
    (
        "virtualservice.DestinationHostAnalyzer",
        &[
            ("ReferencedResourceNotFound", &["unknown-host", "unknown-port", "missing-field"]),
            ("VirtualServiceDestinationPortSelectorRequired", &["port-required"]),
        ],
    ),
    ("virtualservice.DestinationRuleAnalyzer", &[("ReferencedResourceNotFound", &["unknown-subset"])]),
    (
        "virtualservice.GatewayAnalyzer",
        &[("ReferencedResourceNotFound", &["unknown-gateway"]), ("VirtualServiceHostNotFoundInGateway", &["host-not-in-gateway"])],
    ),
    (
        "destinationrule.CaCertificateAnalyzer",
        &[
            ("NoServerCertificateVerificationDestinationLevel", &["unverified-server"]),
            ("NoServerCertificateVerificationPortLevel", &["unverified-server"]),
        ],
    ),
    ("destinationrule.PodNotSelectedAnalyzer", &[("DestinationRuleSubsetNotSelectPods", &["empty-subset"])]),
];

/// Expectations in which we part from Istio's analyzers, and why.
const ANALYSES_APART: &[(&str, &str)] = &[];

/// `VirtualService default/reviews` or `VirtualService reviews` as the path of a finding has it.
fn object(resource: &str) -> String {
    let (kind, name) = resource.split_once(' ').unwrap_or((resource, ""));
    let name = if name.contains('/') { name.to_owned() } else { format!("default/{name}") };
    format!("{kind}/{name}")
}

#[test]
fn istios_analyses_of_virtual_services_and_destination_rules_are_ours() {
    let Some(root) = corpus() else { return };
    let expectations = labels(&root.join("istio/derived/analyzer_expectations.shared.json"));
    let (mut cases, mut apart) = (0, Vec::new());
    for expectation in &expectations {
        let analyzer = expectation["analyzer"].as_str().unwrap();
        let Some((_, messages)) = ANALYZERS.iter().find(|(name, _)| *name == analyzer) else { continue };
        cases += 1;
        let mut sources = Sources::new();
        let mut ids = Vec::new();
        for file in expectation["inputFiles"].as_array().unwrap() {
            let path = root.join("istio/pkg/config/analysis/analyzers").join(file.as_str().unwrap());
            ids.extend(std::fs::read(&path).ok().and_then(|bytes| sources.add(path.to_string_lossy(), bytes).ok()));
        }
        let imported = read(&sources, &ids);
        let mut problems = imported.problems;
        problems.append(brownout::import::cross_check(&sources, &imported.mesh));
        let codes: Vec<&str> = messages.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let told = problems.iter().filter(|problem| codes.contains(&problem.code)).map(|problem| {
            let path = TreePath::parse(problem.path.as_deref().unwrap_or("")).unwrap_or(TreePath::ROOT);
            let object = match path.0.get(1) {
                Some(Segment::Key(object)) => object.clone(),
                _ => String::new(),
            };
            let message = messages.iter().find(|(_, codes)| codes.contains(&problem.code)).map_or("", |(message, _)| message);
            (generic(message), object)
        });
        let expected = expectation["expected"].as_array().unwrap().iter();
        let wanted = expected.map(|one| (generic(one["message"].as_str().unwrap()), object(one["resource"].as_str().unwrap())));
        let (mut told, mut wanted): (Vec<_>, Vec<_>) = (told.collect(), wanted.collect());
        told.sort();
        wanted.sort();
        if told != wanted {
            let name = expectation["name"].as_str().unwrap();
            let known = ANALYSES_APART.iter().any(|(known, _)| *known == name);
            apart.push((known, format!("{name}: {told:#?} instead of {wanted:#?}")));
        }
    }
    println!("{cases} expectations, {} otherwise", apart.len());
    apart.iter().for_each(|(_, case)| println!("  {case}"));
    let unknown: Vec<&String> = apart.iter().filter(|(known, _)| !known).map(|(_, case)| case).collect();
    assert!(unknown.is_empty());
    assert!(apart.len() * 20 <= cases, "{} of {cases} apart", apart.len());
}

/// One code of ours stands for both of these.
fn generic(message: &str) -> String {
    message.trim_end_matches("DestinationLevel").trim_end_matches("PortLevel").to_owned()
}

/// Files that Istio's own schema refuses when it is checked strictly, and the others: the index of the corpus says which.
#[test]
fn istios_schema_and_we_agree_on_the_files_of_the_index() {
    let Some(root) = corpus() else { return };
    let Ok(index) = std::fs::read_to_string(root.join("INDEX.shared.md")) else { return };
    let lines = index.lines().filter_map(|line| line.strip_prefix("- ")?.split_once(" — "));
    let concerns = |what: &str| ["VirtualService", "DestinationRule"].iter().any(|kind| what.contains(kind));
    let (mut files, mut apart) = (0, Vec::new());
    for (file, what) in lines.filter(|(_, what)| concerns(what) && !what.contains("template") && !what.contains("unparsable")) {
        let Ok(bytes) = std::fs::read(root.join(file)) else { continue };
        let imported = import(file, bytes);
        let of_kind = |path: Option<&str>| path.is_some_and(|path| path.contains("VirtualService/") || path.contains("DestinationRule/"));
        // A field that is not there is an error to a strict schema.
        let refused = imported.problems.iter().any(|problem| {
            let strict = problem.severity == Severity::Error || problem.code == "unknown-field";
            strict && of_kind(problem.path.as_deref())
        });
        files += 1;
        // The schema knows fewer rules than the webhook, so only what it refuses is compared.
        if what.contains("crd:ERR") && !refused {
            apart.push(format!("{file}: {what}"));
        }
    }
    println!("{files} files, {} that the schema refuses and we do not", apart.len());
    apart.iter().for_each(|file| println!("  {file}"));
    assert!(apart.iter().all(|file| SCHEMA_APART.iter().any(|(known, _)| file.starts_with(known))));
}

/// Files that the schema refuses and we read, and why.
const SCHEMA_APART: &[(&str, &str)] = &[(
    "istio/pilot/pkg/config/kube/gateway/testdata/",
    "what Istio has converted from the Gateway API is marked so, and its webhook lets a destination there lead nowhere",
)];
