//! What a person reads of manifests: `brownout check` on every file of `tests/manifests`, as it is printed; and what a model
//! makes of the manifests that it names.

use assert_cmd::Command;
use std::path::{Path, PathBuf};

fn manifests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/manifests")
}

fn check(directory: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::cargo_bin("brownout").unwrap().current_dir(directory).arg("check").args(arguments).output().unwrap();
    (String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn every_manifest_is_judged_with_places_and_ways_out() {
    let refused = ["refused.yaml", "ancient.yaml", "template.yaml", "json.json"];
    let mut files: Vec<String> = std::fs::read_dir(manifests())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".json"))
        .collect();
    files.sort();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        for file in &files {
            let (told, exit) = check(&manifests(), &[file]);
            assert_eq!(exit, Some(if refused.contains(&file.as_str()) { 2 } else { 0 }), "{file}: {told}");
            insta::assert_snapshot!(format!("manifest-{}", file.rsplit_once('.').unwrap().0), told);
        }
    });
}

#[test]
fn machines_get_the_same_with_places() {
    let (told, exit) = check(&manifests(), &["json.json", "--format", "json"]);
    assert_eq!(exit, Some(2));
    let findings: serde_json::Value = serde_json::from_str(&told).unwrap();
    let first = &findings[0];
    assert_eq!((first["code"].as_str(), first["file"].as_str(), first["line"].as_u64()), (Some("empty-block"), Some("json.json"), Some(1)));
    assert!(first["help"].is_string() && first["column"].is_number() && first["severity"] == "error");
}

/// Files that are given together are used together.
#[test]
fn what_another_file_has_is_not_missing() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "rule.yaml",
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\n\
         spec: {hosts: [a], http: [{route: [{destination: {host: a, subset: v1}}]}]}\n",
    );
    write(
        "subsets.yaml",
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: a, subsets: [{name: v1}]}\n",
    );
    assert!(check(directory.path(), &["rule.yaml"]).0.contains("unknown-subset"));
    let (told, exit) = check(directory.path(), &["rule.yaml", "subsets.yaml"]);
    assert_eq!((told.as_str(), exit), ("2 files: nothing to say against it\n", Some(0)));
}

const MODEL: &str = "\
duration: 10s
clients: {users: {target: orders.get, arrivals: poisson(10/s)}}
services: {orders: {endpoints: {get: [{work: 1ms}]}}}
";

#[test]
fn a_pattern_without_files_is_told() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("model.yaml"), format!("{MODEL}manifests: [istio/*.yaml]\n")).unwrap();
    let (told, exit) = check(directory.path(), &["model.yaml"]);
    assert_eq!(exit, Some(2));
    assert!(told.contains("error[no-manifest]: `istio/*.yaml` stands for no file") && told.contains("model.yaml:4:13"), "{told}");
}

#[test]
fn a_model_reads_its_manifests_from_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("istio")).unwrap();
    std::fs::write(directory.path().join("model.yaml"), format!("{MODEL}manifests: [istio/*.yaml]\n")).unwrap();
    std::fs::write(
        directory.path().join("istio/a.yaml"),
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: ''}\n",
    )
    .unwrap();
    let name = directory.path().join("model.yaml");
    let (told, _) = check(Path::new("/"), &[&name.to_string_lossy()]);
    assert!(told.contains("error[bad-host]") && told.contains("istio/a.yaml:4:"), "{told}");
}

/// `helm template … | brownout check /dev/stdin`
#[cfg(unix)]
#[test]
fn manifests_are_read_from_a_pipe() {
    let text = std::fs::read(manifests().join("order-service.yaml")).unwrap();
    let output = Command::cargo_bin("brownout").unwrap().args(["check", "/dev/stdin"]).write_stdin(text).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "/dev/stdin: nothing to say against it\n");
}
