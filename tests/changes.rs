//! Values inside manifests that a model, a variant or `--set` changes: they hold, keep their origin, and miss with a way out.

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

const MANIFESTS: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders}
spec:
  hosts: [orders]
  http:
    - name: only
      timeout: 5s
      route: [{destination: {host: orders}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders}
spec:
  host: orders
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 60}
";

const MODEL: &str = "\
duration: 20s
clients: {users: {target: orders.get, arrivals: poisson(10/s), via: sidecar}}
services: {orders: {replicas: 2, endpoints: {get: [{work: 300ms}]}}}
manifests: [istio.yaml]
";

fn holding(model: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("m.yaml"), model).unwrap();
    std::fs::write(directory.path().join("istio.yaml"), MANIFESTS).unwrap();
    directory
}

fn brownout(directory: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::cargo_bin("brownout").unwrap().current_dir(directory).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// What `--explain orders` says of a value: the value and where it comes from.
#[track_caller]
fn value(directory: &Path, arguments: &[&str], name: &str) -> (String, String) {
    let (told, problems, exit) =
        brownout(directory, &[&["check", "m.yaml", "--explain", "orders", "--format", "json"], arguments].concat());
    assert_eq!(exit, Some(0), "{problems}");
    let calls: serde_json::Value = serde_json::from_str(&told).unwrap();
    let hops = calls[0]["through"].as_array().unwrap().iter();
    let values = hops.flat_map(|hop| hop["values"].as_array().unwrap().iter());
    let found = values.into_iter().find(|value| value["name"] == name).unwrap_or_else(|| panic!("no {name}: {told}"));
    (found["value"].as_str().unwrap().to_string(), found["from"].as_str().unwrap().to_string())
}

/// Lines joined: a report breaks them where they are long.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn pair(value: &str, from: &str) -> (String, String) {
    (value.to_string(), from.to_string())
}

#[test]
fn a_setting_beats_a_variant_a_variant_the_model_and_the_model_the_manifest() {
    let patch =
        |timeout: &str| format!("{{mesh: {{VirtualService/default/orders: {{spec: {{http: {{only: {{timeout: {timeout}}}}}}}}}}}}}");
    let variants = format!("variants: {{quick: {}, same: {{}}}}\n", patch("1s"));
    let written = holding(&format!("{MODEL}{variants}"));
    let changed = holding(&format!("{MODEL}{}\n{variants}", patch("2s").trim_start_matches('{').strip_suffix('}').unwrap()));
    let set = "mesh.\"VirtualService/default/orders\".spec.http[0].timeout=7s";
    assert_eq!(value(written.path(), &[], "timeout"), pair("5s", "istio.yaml:8"));
    assert_eq!(value(changed.path(), &[], "timeout"), pair("2s", "m.yaml:5"));
    assert_eq!(value(changed.path(), &["--variant", "same"], "timeout"), pair("2s", "m.yaml:5"));
    assert_eq!(value(changed.path(), &["--variant", "quick"], "timeout"), pair("1s", "variant quick"));
    assert_eq!(value(changed.path(), &["--variant", "quick", "--set", set], "timeout"), pair("7s", "--set"));
}

#[test]
fn null_takes_a_value_or_an_object_away() {
    let directory = holding(MODEL);
    let rule = "mesh.DestinationRule/default/orders";
    let most = format!("{rule}.spec.trafficPolicy.outlierDetection.maxEjectionPercent=null");
    assert_eq!(value(directory.path(), &["--set", &most], "maxEjectionPercent"), pair("10", "default of Envoy"));
    assert_eq!(value(directory.path(), &["--set", &format!("{rule}=null")], "outlierDetection"), pair("none", "default of Istio"));
    let model = format!("{MODEL}variants: {{bare: {{mesh: {{DestinationRule/default/orders: null}}}}}}\n");
    assert_eq!(value(holding(&model).path(), &["--variant", "bare"], "outlierDetection"), pair("none", "default of Istio"));
}

/// What is changed acts: the timeout of 100 ms ends every request of 300 ms.
#[test]
fn what_is_changed_is_what_runs() {
    let directory = holding(&format!("{MODEL}expect: {{fails: errorRate(users) > 99%}}\n"));
    let (_, _, as_written) = brownout(directory.path(), &["run", "m.yaml", "-q"]);
    let set = "mesh.VirtualService/default/orders.spec.http.only.timeout=100ms";
    let (told, problems, changed) = brownout(directory.path(), &["run", "m.yaml", "-q", "--set", set]);
    assert_eq!((as_written, changed), (Some(1), Some(0)), "{told}{problems}");
}

/// The resolved model keeps the changes, and its manifests lie beside it.
#[test]
fn a_resolved_model_runs_alone_with_its_manifests_and_changes() {
    let patch = "{VirtualService/default/orders: {spec: {http: {only: {timeout: 200ms, name: null}}}}}";
    let directory = holding(&format!("{MODEL}variants: {{quick: {{mesh: {patch}}}}}\n"));
    let run = |arguments: &[&str]| {
        let (told, problems, exit) = brownout(directory.path(), arguments);
        assert_eq!(exit, Some(0), "{told}{problems}");
    };
    run(&["run", "m.yaml", "-q", "--variant", "quick", "--out", "one"]);
    run(&["run", "one/model.resolved.yaml", "-q", "--out", "two"]);
    let summary = |of: &str| {
        let text = std::fs::read_to_string(directory.path().join(of).join("summary.json")).unwrap();
        text.replace("\"variant\": \"quick\"", "\"variant\": null")
    };
    assert!(summary("one").contains("504 UT"), "{}", summary("one"));
    assert_eq!(summary("one"), summary("two"));
}

#[test]
fn changes_that_meet_nothing_are_errors_that_name_the_nearest() {
    let directory = holding(MODEL);
    for (set, code, told) in [
        ("mesh.DestinationRule/default/ordres.spec.host=a", "unknown-object", "did you mean `DestinationRule/default/orders`?"),
        ("mesh.Destinationrule/default/orders.spec.host=a", "unknown-object", "did you mean `DestinationRule/default/orders`?"),
        ("mesh.VirtualService/default/orders.spec.http[3].timeout=1s", "bad-change", "has 1 entry, counted from 0: there is no `3`"),
        ("mesh.VirtualService/default/orders.spec.http.onyl.timeout=1s", "bad-change", "did you mean `only`?"),
        ("mesh.VirtualService/default/orders.spec.http[0].timeot=1s", "unknown-field", "did you mean `timeout`?"),
        ("mesh.VirtualService/default/orders.spec.http[0].timeout=fast", "bad-duration", "--set:1:"),
        ("mesh.DestinationRule/default/orders=5", "bad-change", "is a map, not a number"),
        ("mesh.DestinationRule/default/orders.spec.host={}", "wrong-type", "--set:1:"),
    ] {
        let (data, problems, exit) = brownout(directory.path(), &["run", "m.yaml", "--set", set]);
        assert_eq!((data.as_str(), exit), ("", Some(2)), "{set}: {problems}");
        assert!(problems.contains(&format!("error[{code}]")) && flat(&problems).contains(told), "{set}: {problems}");
    }
    let without = holding(&MODEL.replace("manifests: [istio.yaml]\n", "mesh: {DestinationRule/default/orders: null}\n"));
    let (told, _, exit) = brownout(without.path(), &["check", "m.yaml"]);
    assert_eq!(exit, Some(2));
    assert!(told.contains("name the files under `manifests`"), "{told}");
}

/// The place of what a variant does wrong is in the variant.
#[test]
fn a_mistake_in_a_variant_is_shown_where_it_is_written() {
    let model = format!("{MODEL}variants:\n  far: {{mesh: {{DestinationRule/default/orderz: {{spec: {{host: a}}}}}}}}\n");
    let (told, _, exit) = brownout(holding(&model).path(), &["check", "m.yaml"]);
    assert_eq!(exit, Some(2));
    assert!(told.contains("error[unknown-object]") && flat(&told).contains("(in variant `far`)") && told.contains("m.yaml:6:16"), "{told}");
}

const PUSH: &str = "faults: {push: {at: 5s, configPush: {OBJECT}}}\n";

fn with_push(object: &str) -> TempDir {
    holding(&format!("{MODEL}{}", PUSH.replace("OBJECT", object)))
}

#[test]
fn what_cannot_be_pushed_is_told_with_its_place_and_a_way_out() {
    for (object, told, way) in [
        ("VirtualService/default/oders: {spec: {}}", "oders", "did you mean `VirtualService/default/orders`?"),
        ("Deployment/default/orders: {spec: {}}", "`Deployment/default/orders` configures no proxy", "push one of VirtualService"),
        ("orders: {spec: {}}", "`orders` is no object of the manifests", "Kind/namespace/name"),
        ("VirtualService/default/orders: {spec: {http: {7: {timeout: 1s}}}}", "there is no `7`", "there is `only`"),
        ("VirtualService/default/orders: {spec: {http: {0: {timeout: fast}}}}", "fast", "m.yaml:5"),
        ("", "this pushes nothing", "write what changes"),
    ] {
        let directory = with_push(object);
        let (_, problems, exit) = brownout(directory.path(), &["run", "m.yaml"]);
        let problems = flat(&problems);
        assert_eq!(exit, Some(2), "{object}: {problems}");
        assert!(problems.contains(told) && problems.contains(way) && problems.contains("m.yaml:5"), "{object}: {problems}");
    }
}

#[test]
fn when_configurations_hold_is_settled_before_a_run() {
    for (words, told) in [("for: exp(3s), ", "cannot be drawn"), ("for: 1s, every: 5s, ", "not pushed again and again")] {
        let fault = format!("faults: {{push: {{at: 5s, {words}configPush: {{VirtualService/default/orders: null}}}}}}\n");
        let directory = holding(&format!("{MODEL}{fault}"));
        let (_, problems, exit) = brownout(directory.path(), &["run", "m.yaml"]);
        assert_eq!(exit, Some(2), "{problems}");
        assert!(flat(&problems).contains(told), "{problems}");
    }
}

#[test]
fn a_model_that_pushes_resolves_to_one_that_runs_alike() {
    let objects = "VirtualService/default/orders: {spec: {http: {only: {timeout: null, retries: {attempts: 0}}}}}, DestinationRule/default/orders: null";
    let directory = with_push(objects);
    let (summary, problems, exit) = brownout(directory.path(), &["run", "m.yaml", "--format", "json", "--out", "out"]);
    assert_eq!(exit, Some(0), "{problems}");
    let (again, problems, exit) = brownout(&directory.path().join("out"), &["run", "model.resolved.yaml", "--format", "json"]);
    assert_eq!(exit, Some(0), "{problems}");
    let fingerprint = |summary: &str| serde_json::from_str::<serde_json::Value>(summary).unwrap()["fingerprint"].clone();
    assert_eq!(fingerprint(&summary), fingerprint(&again));
    let resolved = std::fs::read_to_string(directory.path().join("out/model.resolved.yaml")).unwrap();
    assert!(resolved.contains("timeout: null") && resolved.contains("DestinationRule/default/orders: null"), "{resolved}");
    let timeline = std::fs::read_to_string(directory.path().join("out/timeline.csv")).unwrap();
    assert!(timeline.contains("goes by the new configuration"), "{timeline}");
}
