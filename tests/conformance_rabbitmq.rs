//! Beside a real RabbitMQ: `conformance/rabbitmq/` holds scenarios and what a real broker did in them, step by step, and this plays
//! the same scenarios on the pure policies and holds them to it.
//!
//! With a real RabbitMQ (`conformance/rabbitmq/README.md` says how to get one) `conformance/rabbitmq/run.py` asks it again.

#[path = "conformance_rabbitmq/broker.rs"]
mod broker;

use broker::Broker;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance/rabbitmq").join(name)
}

fn names(of: &str) -> Vec<String> {
    let files = fs::read_dir(folder(of)).expect("the folder is there").map(|file| file.expect("can be listed").path());
    let json = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut names: Vec<String> = json.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn read(of: &str, name: &str) -> Value {
    let path = folder(of).join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the policies do differently from the record, step by step.
fn differences(scenario: &Value, record: &Value) -> Vec<String> {
    let steps = scenario["steps"].as_array().expect("a scenario has steps");
    let recorded = record["steps"].as_array().expect("a record has steps");
    assert_eq!(steps.len(), recorded.len(), "the scenario has changed since it was recorded");
    let mut broker = Broker::new(record["broker"].as_str().expect("a record names its broker"));
    let mut found = Vec::new();
    for (number, (step, was)) in steps.iter().zip(recorded).enumerate() {
        assert_eq!(*step, was["step"], "step {} has changed since it was recorded", number + 1);
        let seen = broker.take(step);
        if seen != was["seen"] {
            found.push(format!("step {} {step}:\n      RabbitMQ {}\n      brownout {seen}", number + 1, was["seen"]));
        }
    }
    found
}

#[test]
fn the_policies_do_what_a_real_rabbitmq_did() {
    let mut problems = Vec::new();
    for name in names("scenarios") {
        let found = differences(&read("scenarios", &name), &read("records", &name));
        problems.extend(found.first().map(|first| format!("{name}: {} steps differ; {first}", found.len())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_scenario_is_recorded_and_every_record_has_its_scenario() {
    assert_eq!(names("scenarios"), names("records"));
    assert!(names("scenarios").len() > 60);
}

/// What this test says of a scenario is what the record says: a record that is changed is found out, whatever is changed in it.
#[test]
fn a_record_that_says_something_else_is_found_out() {
    let mut changed = 0;
    for name in names("scenarios") {
        let (scenario, record) = (read("scenarios", &name), read("records", &name));
        for number in 0..record["steps"].as_array().unwrap().len() {
            let mut other = record.clone();
            if change(&mut other["steps"][number]["seen"]) {
                changed += 1;
                assert!(!differences(&scenario, &other).is_empty(), "{name}, step {}: {}", number + 1, other["steps"][number]);
            }
        }
    }
    assert!(changed > 300, "only {changed} changes were tried");
}

/// Changes the first thing of an observation that can be another; false if nothing was seen.
fn change(seen: &mut Value) -> bool {
    match seen {
        Value::Bool(yes) => *yes = !*yes,
        Value::Number(number) => *seen = (number.as_u64().unwrap() + 1).into(),
        Value::String(text) => text.push('~'),
        Value::Array(items) if items.is_empty() => items.push("something".into()),
        Value::Array(items) => return items.iter_mut().any(change),
        Value::Object(fields) => return fields.values_mut().any(change),
        Value::Null => return false,
    }
    true
}
