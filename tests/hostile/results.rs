//! Where results go: directories and disks that take nothing, readers that leave, users that press Ctrl-C.

use super::*;
use std::io::Read;

#[test]
fn a_directory_that_cannot_be_written_is_told_before_the_run() {
    let directory = small();
    for out in ["m.yaml", "m.yaml/below", "/proc/x", "/dev/null/x"] {
        let told = told(directory.path(), &["run", "m.yaml", "--out", out]);
        told.exits(2).says(&format!("cannot write to `{out}`")).says("--out");
        assert!(told.stdout.is_empty(), "nothing was run: {}", told.stdout);
    }
}

#[test]
fn artefacts_are_whole_and_replaced() {
    let directory = small();
    for _ in 0..2 {
        told(directory.path(), &["run", "m.yaml", "--out", "out/deep"]).exits(0).says("artefacts are in out/deep");
    }
    let mut names: Vec<String> = files_in(&directory.path().join("out/deep"));
    names.retain(|name| !name.starts_with("charts"));
    let all = [
        "graph.dot",
        "graph.mmd",
        "graph.svg",
        "logs.jsonl",
        "metrics.om",
        "model.resolved.yaml",
        "report.html",
        "requests.csv",
        "series.csv",
        "summary.json",
        "timeline.csv",
        "traces.jaeger.json",
        "traces.otlp.json",
        "traces.perfetto.json",
    ];
    assert_eq!(names, all);
}

#[test]
fn an_artefact_that_cannot_be_written_is_told_and_costs_no_other() {
    let directory = small();
    let out = directory.path().join("out");
    for taken in ["charts/latency.svg", "logs.jsonl", "metrics.om"] {
        std::fs::create_dir_all(out.join(taken).join("somebody's")).unwrap();
    }
    let told = told(directory.path(), &["run", "m.yaml", "--out", "out"]);
    let told = told.exits(2);
    told.says("cannot write `out/logs.jsonl`").says("cannot write `out/metrics.om`").says("cannot write `out/charts/latency.svg`");
    assert_eq!(told.stderr.matches("cannot write").count(), 3, "{}", told.stderr);
    let left = [files_in(&out), files_in(&out.join("charts"))].concat();
    for name in ["report.html", "series.csv", "summary.json", "traces.otlp.json", "latency.png", "traffic.svg"] {
        assert!(left.contains(&name.to_string()), "{name} is missing: {left:?}");
    }
    assert!(!left.iter().any(|name| name.ends_with(".part")), "{left:?}");
    assert_eq!(files_in(&out.join("metrics.om")), ["somebody's"]);
}

fn files_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The program while it runs, with pipes for what it says.
fn started(directory: &Path, arguments: &[&str]) -> std::process::Child {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("brownout"));
    command.args(arguments).current_dir(directory).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let directory = small();
    for arguments in [&["schema"][..], &["check", "m.yaml", "--resolved"], &["run", "m.yaml", "-q"], &["run", "--help"]] {
        let mut child = started(directory.path(), arguments);
        let mut first = [0; 1];
        let mut stdout = child.stdout.take().unwrap();
        let _ = stdout.read(&mut first);
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let directory = small();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("brownout"));
    let output = command.args(["run", "m.yaml", "-q"]).current_dir(directory.path()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}

#[test]
fn ctrl_c_keeps_what_was_finished() {
    let model = SMALL.replace("10s", "300d").replace("10/s", "10000/s").replace("duration", "window: 1h\nduration");
    let directory = holding("m.yaml", model);
    for (arguments, says) in [
        (&["run", "m.yaml", "--out", "out"][..], "interrupted: the figures are of what was finished"),
        (&["run", "m.yaml", "--seeds", "3"], "interrupted"),
    ] {
        let child = started(directory.path(), arguments);
        // Long enough that it runs, whatever else the machine does: it says so in the directory that it opened.
        wait_a_moment();
        let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(interrupt.success());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
    let summary = std::fs::read_to_string(directory.path().join("out/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert!(summary["clients"]["c"]["offered"].as_u64().is_some_and(|offered| offered > 0), "{summary}");
}

#[allow(clippy::disallowed_methods, reason = "a test of a process, not a simulation")]
fn wait_a_moment() {
    std::thread::sleep(Duration::from_secs(2));
}
