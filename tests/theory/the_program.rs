//! What the program prints is what these tests read: a model file goes in, and the same summary comes out.

use crate::common::run_yaml;
use assert_cmd::Command;
use brownout::export;

#[test]
fn the_program_prints_the_summary_that_these_tests_compare() {
    let yaml = "
duration: 1000s
warmUp: 100s
clients: {users: {target: server.get, arrivals: poisson(0.8/s)}}
services: {server: {workers: 1, endpoints: {get: [{work: exp(1s)}]}}}
";
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("model.yaml"), yaml).unwrap();
    let mut program = Command::cargo_bin("brownout").unwrap();
    program.current_dir(directory.path()).args(["run", "model.yaml", "--seed", "7", "--format", "json", "--quiet"]);
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), export::json::text(&run_yaml(yaml, 7).2));
}
