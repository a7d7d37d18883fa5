//! What a person reads who made a mistake: `brownout check` on every file of `tests/mistakes`, as it is printed.
//!
//! Each file is one mistake that people make, or a few that are made together. Its first line may add arguments:
//! `# brownout check --set …`.

use assert_cmd::Command;
use std::path::PathBuf;

fn mistakes() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")
}

/// Arguments in the first line of a file.
fn arguments(text: &str) -> Vec<String> {
    let first = text.lines().next().unwrap_or("");
    let words = first.strip_prefix("# brownout check ").unwrap_or("");
    words.split_whitespace().map(str::to_owned).collect()
}

fn check(file: &str, arguments: &[String]) -> (String, Option<i32>) {
    let output = Command::cargo_bin("brownout").unwrap().current_dir(mistakes()).arg("check").arg(file).args(arguments).output().unwrap();
    assert!(output.stderr.is_empty(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_way_out() {
    let mut files: Vec<String> = std::fs::read_dir(mistakes())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".json"))
        .collect();
    files.sort();
    assert!(files.len() > 50, "{}", files.len());
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        for file in &files {
            let text = std::fs::read_to_string(mistakes().join(file)).unwrap();
            let (told, exit) = check(file, &arguments(&text));
            assert_eq!(exit, Some(if file.starts_with("mild-") { 0 } else { 2 }), "{file}: {told}");
            let widest = told.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= 100, "{file}: {widest} columns\n{told}");
            insta::assert_snapshot!(file.rsplit_once('.').unwrap().0, told);
        }
    });
}

/// All that is wrong is told in one go: as many problems as mistakes were made.
#[test]
fn several_mistakes_are_told_at_once() {
    for (file, problems) in
        [("several-at-once.yaml", 7), ("several-names-at-once.yaml", 4), ("all-kinds-at-once.yaml", 9), ("later-keys.yaml", 7)]
    {
        let (told, _) = check(file, &[]);
        assert!(told.ends_with(&format!("{file}: {problems} errors\n")), "{told}");
    }
}

/// Machines get the same findings with their places.
#[test]
fn findings_are_json_for_machines() {
    let (told, exit) = check("unknown-key.yaml", &["--format".into(), "json".into()]);
    assert_eq!(exit, Some(2));
    let findings: serde_json::Value = serde_json::from_str(&told).unwrap();
    let expected = serde_json::json!([{
        "severity": "error",
        "code": "unknown-key",
        "message": "a service has no key `replica`",
        "path": "services.shop.replica",
        "file": "unknown-key.yaml",
        "line": 6,
        "column": 5,
        "help": "did you mean `replicas`?",
    }]);
    assert_eq!(findings, expected);
}
