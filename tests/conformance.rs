//! Beside a real Envoy: `conformance/` holds what one did, and this holds brownout to it.
//!
//! The harness is Python's. Without a Python of 3.11 or later these tests say so and pass. With a real Envoy
//! (`conformance/README.md` says how to get one) `cargo test --test conformance -- --ignored` measures again.

use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Python as it is called here, if there is one that is new enough.
fn python() -> Option<&'static str> {
    let fits = |name: &&str| {
        let asked = Command::new(name).args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).output();
        asked.is_ok_and(|answer| answer.status.success())
    };
    let found = ["python3", "python3.11", "python"].into_iter().find(fits);
    if found.is_none() {
        println!("no Python of 3.11 or later: nothing is checked");
    }
    found
}

fn harness(python: &str, arguments: &[&str]) -> Output {
    Command::new(python)
        .arg("conformance/envoy/run.py")
        .args(arguments)
        .current_dir(root())
        .env("BROWNOUT", env!("CARGO_BIN_EXE_brownout"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python can be started")
}

fn told(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn scenarios() -> usize {
    let folders = std::fs::read_dir(root().join("conformance/envoy/scenarios")).expect("there are scenarios");
    folders.filter(|folder| folder.as_ref().expect("can be listed").path().join("scenario.yaml").is_file()).count()
}

#[test]
fn brownout_does_what_a_real_envoy_did() {
    let Some(python) = python() else { return };
    let output = harness(python, &["--skip-envoy", "--read-only"]);
    assert!(output.status.success(), "{}", told(&output));
    let agreeing = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.ends_with("brownout: agrees")).count();
    assert_eq!(agreeing, scenarios(), "{}", told(&output));
}

/// What it says of a scenario is what the record says: a record that is changed is found out.
#[test]
fn a_record_that_says_something_else_is_found_out() {
    let Some(python) = python() else { return };
    let check = "
import sys
sys.path.insert(0, 'conformance/envoy')
import copy, json, brownout, compare, judge, scenario
read = scenario.read('retry-exhausted')
recorded = json.load(open('conformance/results/envoy/retry-exhausted.json'))
other = brownout.run(read)
differences = lambda record: compare.against(record, other, read.compare, read.judge)
assert differences(recorded) == [], differences(recorded)
changed = copy.deepcopy(recorded)
changed['requests'][0]['outcome'] = '503 UO'
assert [type(p) for p in differences(changed)] == [str], differences(changed)
changed = copy.deepcopy(recorded)
changed['requests'][0]['latency'] += 1
assert [type(p) for p in differences(changed)] == [judge.Late], differences(changed)
";
    let output = Command::new(python)
        .args(["-c", check])
        .current_dir(root())
        .env("BROWNOUT", env!("CARGO_BIN_EXE_brownout"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python can be started");
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
#[ignore = "needs a real Envoy and two minutes of a machine that does little else"]
fn a_real_envoy_does_again_what_is_recorded() {
    let Some(python) = python() else { return };
    let output = harness(python, &["--short", "--check"]);
    if output.status.code() == Some(2) {
        println!("{}: nothing is checked", told(&output));
        return;
    }
    assert!(output.status.success(), "{}", told(&output));
}
