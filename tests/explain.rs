//! What `brownout check --explain SERVICE` says: every value that a call meets, in its order, with where it is written.

use assert_cmd::Command;

fn check(arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::cargo_bin("brownout").unwrap().current_dir(env!("CARGO_MANIFEST_DIR")).arg("check").args(arguments).output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// What is said of a service; lines fit a terminal.
#[track_caller]
fn explained(arguments: &[&str]) -> String {
    let (told, problems, exit) = check(arguments);
    assert_eq!((problems.as_str(), exit), ("", Some(0)), "{told}");
    for line in told.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    told
}

#[test]
fn a_call_through_a_mesh_is_told_step_by_step_with_places() {
    insta::assert_snapshot!(explained(&["models/order-mesh.yaml", "--explain", "order-service"]));
}

#[test]
fn policies_of_the_application_are_told_in_their_order() {
    insta::assert_snapshot!(explained(&["models/order-system.yaml", "--explain", "inventory"]));
}

#[test]
fn manifests_by_themselves_are_told_for_a_host() {
    insta::assert_snapshot!(explained(&["tests/manifests/order-service.yaml", "--explain", "orders"]));
}

#[test]
fn gateways_zones_faults_and_mirrors_are_told() {
    insta::assert_snapshot!(explained(&["tests/explained/model.yaml", "--explain", "reviews"]));
}

/// A variant's and a setting's values are told as such.
#[test]
fn values_say_which_variant_or_setting_they_come_from() {
    let told = explained(&[
        "models/order-system.yaml",
        "--explain",
        "inventory",
        "--variant",
        "aggressiveRetries",
        "--set",
        "services.inventory.workers=7",
    ]);
    let has = |name: &str, from: &str| told.lines().any(|line| line.trim_start().starts_with(name) && line.ends_with(from));
    assert!(has("attempts: ", "variant aggressiveRetries"), "{told}");
    assert!(has("workers: 7 ", "--set") || has("for a call)", "--set"), "{told}");
}

#[test]
fn an_unknown_service_names_the_nearest() {
    for (file, near) in [("models/order-mesh.yaml", "order-service"), ("tests/manifests/order-service.yaml", "orders")] {
        let (told, problems, exit) = check(&[file, "--explain", &near.replacen("der", "dr", 1)]);
        assert_eq!((told.as_str(), exit), ("", Some(2)));
        assert!(problems.starts_with("error[unknown-service]:"), "{problems}");
        assert!(problems.contains(&format!("did you mean `{near}`?")), "{problems}");
    }
}

#[test]
fn machines_get_the_same_as_json() {
    let (told, _, exit) = check(&["models/order-mesh.yaml", "--explain", "orders-db", "--format", "json"]);
    assert_eq!(exit, Some(0));
    let calls: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(calls[0]["call"], "order-service.place -> orders-db.insert, order-service/v2.place -> orders-db.insert");
    let model = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/models/order-mesh.yaml")).unwrap();
    let line = model.lines().position(|line| line.trim_start().starts_with("orders-db:")).unwrap();
    let place = format!("models/order-mesh.yaml:{}", line + 1);
    let last = calls[0]["through"].as_array().unwrap().last().unwrap();
    let workers = last["values"].as_array().unwrap().iter().find(|value| value["name"] == "workers").unwrap();
    assert_eq!((workers["value"].as_str(), workers["from"].as_str()), (Some("50"), Some(place.as_str())));
}

/// `--resolved` tells the values of manifests, each default with whose it is, beside a model that reads back.
#[test]
fn resolved_models_tell_what_holds_of_their_manifests() {
    let (told, _, exit) = check(&["models/order-mesh.yaml", "--resolved"]);
    assert_eq!(exit, Some(0));
    let (_, of_manifests) = told.split_once("# What holds of the manifests").unwrap();
    insta::assert_snapshot!(of_manifests);
    let (alone, _, exit) = check(&["models/istio/order-service.yaml", "--resolved"]);
    assert_eq!(exit, Some(0));
    assert!(alone.ends_with(of_manifests), "{alone}");
}
