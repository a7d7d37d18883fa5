//! What the command line promises of ordinary use: what it prints where, and what it writes.

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

/// Stdout, stderr and the exit code of a command in a directory.
fn brownout(directory: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::cargo_bin("brownout").unwrap().current_dir(directory).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn holding(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

const SHOP: &str = "duration: 10s
clients: {c: {target: shop.buy, arrivals: poisson(20/s)}}
services: {shop: {workers: 2, endpoints: {buy: [{work: 5ms}, {call: db.query}]}}, db: {endpoints: {query: [{work: 1ms}]}}}
variants: {slow: {services: {db: {endpoints: {query: [{work: 2ms}]}}}}}
";

#[test]
fn a_resolved_model_runs_alone_with_the_files_that_it_names() {
    let model = "duration: 10s
clients: {c: {target: a.get, arrivals: trace(data/arrivals.csv)}}
services: {a: {workers: 1, endpoints: {get: [{work: empirical(work.csv)}]}}}
variants: {wide: {services: {a: {workers: 2}}}}
";
    let directory = holding(&[("m.yaml", model), ("data/arrivals.csv", "time\n0.5\n1\n1.01\n4\n"), ("work.csv", "20ms\n30ms\n90ms\n")]);
    let run = |arguments: &[&str]| {
        let (_, told, exit) = brownout(directory.path(), arguments);
        assert_eq!(exit, Some(0), "{told}");
    };
    run(&["run", "m.yaml", "--out", "one"]);
    run(&["run", "one/model.resolved.yaml", "--out", "two"]);
    let summary = |of: &str| std::fs::read_to_string(directory.path().join(of).join("summary.json")).unwrap();
    assert!(summary("one").contains("\"offered\": 4"), "{}", summary("one"));
    assert_eq!(summary("one"), summary("two"));
    run(&["compare", "m.yaml", "--seeds", "1", "--out", "both"]);
    run(&["run", "both/wide/model.resolved.yaml"]);
}

#[test]
fn only_the_charts_that_are_named_are_written_and_an_unknown_name_is_refused_before_the_run() {
    let directory = holding(&[("m.yaml", SHOP)]);
    let drawn = |command: &str, charts: &str| {
        let (_, told, exit) = brownout(directory.path(), &[command, "m.yaml", "--seed", "1", "--out", "out", "--charts", charts]);
        assert_eq!(exit, Some(0), "{told}");
        let files = std::fs::read_dir(directory.path().join("out/charts")).map(|files| files.map(|f| f.unwrap().file_name()).collect());
        let mut files: Vec<_> = files.unwrap_or_default();
        files.sort();
        std::fs::remove_dir_all(directory.path().join("out")).unwrap();
        files
    };
    let heat_map = ["latency-heat-map.png", "latency-heat-map.svg", "traffic.png", "traffic.svg"];
    assert_eq!(drawn("run", "traffic,latency-heat-map"), heat_map);
    assert_eq!(drawn("run", "none"), [""; 0]);
    assert_eq!(drawn("compare", "compare-differences"), ["compare-differences.png", "compare-differences.svg"]);
    let (_, told, exit) = brownout(directory.path(), &["run", "m.yaml", "--out", "out", "--charts", "latncy"]);
    assert_eq!(exit, Some(2), "{told}");
    assert!(told.contains("there is no chart `latncy`") && told.contains("latency-heat-map"), "{told}");
    assert!(!directory.path().join("out").exists(), "nothing is written");
}

#[test]
fn a_report_can_be_made_anew_and_is_the_same() {
    let directory = holding(&[("m.yaml", SHOP)]);
    let fine = |arguments: &[&str]| {
        let (_, told, exit) = brownout(directory.path(), arguments);
        assert_eq!(exit, Some(0), "{told}");
    };
    fine(&["run", "m.yaml", "--variant", "slow", "--seed", "3", "--out", "one"]);
    fine(&["run", "m.yaml", "--seeds", "2", "--out", "many"]);
    fine(&["compare", "m.yaml", "--seeds", "2", "--out", "both"]);
    for of in ["one", "many", "both"] {
        let report = directory.path().join(of).join("report.html");
        let first = std::fs::read(&report).unwrap();
        std::fs::remove_file(&report).unwrap();
        std::fs::remove_dir_all(directory.path().join(of).join("charts")).unwrap();
        fine(&["report", of]);
        assert!(std::fs::read(&report).unwrap() == first, "{of}: other bytes");
        assert!(directory.path().join(of).join("charts").is_dir(), "{of}: the charts too");
    }
}

#[test]
fn a_report_is_not_made_of_another_run_than_the_one_that_lies_there() {
    let directory = holding(&[("m.yaml", SHOP), ("empty/x", "")]);
    brownout(directory.path(), &["run", "m.yaml", "--out", "one"]);
    let model = directory.path().join("one/model.resolved.yaml");
    let report = directory.path().join("one/report.html");
    let (text, first) = (std::fs::read_to_string(&model).unwrap(), std::fs::read(&report).unwrap());
    let other = text.replace("5ms", "6ms");
    assert_ne!(text, other);
    std::fs::write(&model, other).unwrap();
    let (_, told, exit) = brownout(directory.path(), &["report", "one"]);
    assert_eq!(exit, Some(2));
    assert!(told.contains("is of another run than the model beside it gives today\nhelp: "), "{told}");
    assert!(std::fs::read(&report).unwrap() == first, "what was there is untouched");
    let (_, told, exit) = brownout(directory.path(), &["report", "empty"]);
    assert_eq!(exit, Some(2));
    assert!(told.contains("`empty` does not hold a run") && told.contains("help: name a directory that"), "{told}");
}

#[test]
fn notes_are_for_people_and_can_be_left_out() {
    let directory = holding(&[("m.yaml", SHOP)]);
    let (_, told, _) = brownout(directory.path(), &["run", "m.yaml"]);
    assert_eq!(told, "note: 1 thing in this model deserves a look: `brownout check` tells\n");
    let (data, told, _) = brownout(directory.path(), &["run", "m.yaml", "--quiet"]);
    assert!(!data.is_empty() && told.is_empty(), "{told}");
    let (all, _, _) = brownout(directory.path(), &["check", "m.yaml"]);
    let (fewer, _, exit) = brownout(directory.path(), &["check", "-q", "m.yaml"]);
    assert!(all.contains("note[unbounded-queue]") && all.contains("warning[no-timeout]"), "{all}");
    assert!(!fewer.contains("note[") && fewer.contains("warning[no-timeout]"), "{fewer}");
    assert_eq!(exit, Some(0));
}

#[test]
fn help_fits_a_terminal() {
    for arguments in [&["--help"][..], &["run", "--help"], &["compare", "--help"], &["check", "--help"], &["schema", "--help"]] {
        let (help, _, exit) = brownout(Path::new("."), arguments);
        assert_eq!(exit, Some(0));
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn a_number_that_cannot_be_is_told_as_such() {
    for flag in ["--seed", "--seeds", "--jobs"] {
        let (_, told, exit) = brownout(Path::new("."), &["run", "m.yaml", flag, "-1"]);
        assert!(told.contains(&format!("invalid value '-1' for '{flag}")), "{told}");
        assert_eq!(exit, Some(2));
    }
}

#[test]
fn a_mistake_of_a_variant_names_the_variant() {
    let model =
        format!("{SHOP}expect: {{fast: p99(c) < 1s}}\n").replace("variants: {", "variants: {bad: {clients: {c: {target: shop.sell}}}, ");
    let directory = holding(&[("m.yaml", &model)]);
    for command in ["check", "compare"] {
        let (data, told, exit) = brownout(directory.path(), &[command, "m.yaml"]);
        assert_eq!(exit, Some(2));
        assert!(format!("{data}{told}").contains("`shop` has no endpoint `sell` (in variant `bad`)"), "{data}{told}");
    }
}

/// The verdict is on the model as it is written; that a variant fails is a result.
#[test]
fn comparisons_exit_with_1_if_the_model_as_written_fails() {
    let with = |limit: &str| {
        let changed = "expect: {fast: p99(c) < LIMIT}\n".replace("LIMIT", limit);
        let directory = holding(&[("m.yaml", &format!("{SHOP}{changed}").replace("[{work: 2ms}]", "[{work: 2s}]"))]);
        let (told, _, exit) = brownout(directory.path(), &["compare", "m.yaml", "-q", "--seeds", "2"]);
        (exit, told)
    };
    let (exit, told) = with("1s");
    assert_eq!(exit, Some(0), "only the variant `slow` fails: {told}");
    let (exit, told) = with("2ms");
    assert_eq!(exit, Some(1), "{told}");
    let (help, _, _) = brownout(Path::new("."), &["compare", "--help"]);
    assert!(help.contains("Exit code 1") && help.contains("as it is written has failed"), "{help}");
}

/// It would be mistaken for the model as it is written, which stands beside its variants under this name.
#[test]
fn a_variant_called_model_is_refused() {
    let directory = holding(&[("m.yaml", &SHOP.replace("slow:", "model:"))]);
    for command in ["compare", "run", "check"] {
        let (data, told, exit) = brownout(directory.path(), &[command, "m.yaml"]);
        assert_eq!(exit, Some(2));
        assert!(format!("{data}{told}").contains("error[bad-name]: a variant cannot be called `model`"), "{data}{told}");
    }
    let named = holding(&[("m.yaml", SHOP)]);
    let (_, told, exit) = brownout(named.path(), &["compare", "m.yaml", "-q", "--seeds", "1", "--variants", "model,slow"]);
    assert_eq!(exit, Some(0), "the model itself may be asked for: {told}");
}

/// The database is slow for 10 s; with a timeout that is too long and no queue bound everything waits for it.
const SLOW: &str = "duration: 60s
clients: {c: {target: shop.buy, arrivals: constant(50/s), policy: p}}
policies: {p: {timeout: 2s, retry: {attempts: 3, backoff: {initial: 100ms}}}, q: {timeout: 10s}}
services: {shop: {workers: 8, endpoints: {buy: [{work: 1ms}, {call: db.query, policy: q}]}}, db: {workers: 4, endpoints: {query: [{work: 10ms}]}}}
faults: {slow-db: {at: 20s, for: 10s, slow: {service: db, factor: 100}}}
expect: {served: successRate(c) >= 99%}
variants: {steady: {faults: {slow-db: null}}}
";

#[test]
fn why_tries_changes_and_tells_the_cheapest_that_keeps_everything() {
    let directory = holding(&[("m.yaml", SLOW)]);
    let (printed, told, exit) = brownout(directory.path(), &["run", "m.yaml", "--why=2", "--out", "out"]);
    assert_eq!(exit, Some(1), "the model as it is fails: {told}");
    assert!(printed.contains("What would have stopped it (2 runs each)"), "{printed}");
    let why: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(directory.path().join("out/why.json")).unwrap()).unwrap();
    let tried = why["tried"].as_array().unwrap();
    let change =
        |words: &str| tried.iter().find(|t| t["change"].as_str().unwrap().contains(words)).unwrap_or_else(|| panic!("{words}: {why:#}"));
    assert_eq!(change("variant `steady`")["kept"], 1, "without the fault nothing fails");
    // The same change by hand has the same effect: the figures are of real runs.
    let by_hand = change("no retries under `p`");
    let set = format!("--set={}", by_hand["set"][0].as_str().unwrap());
    let (summary, _, _) = brownout(directory.path(), &["run", "m.yaml", &set, "--seeds", "2", "--format", "json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let (served, tried) =
        (summary["figures"]["clients.c.successRate"]["mean"].as_f64().unwrap(), by_hand["served"]["mean"].as_f64().unwrap());
    assert!((served - tried).abs() < 1e-12, "{served} and {tried}");
}

#[test]
fn requests_to_follow_are_chosen_by_words_that_are_explained() {
    let directory = holding(&[("m.yaml", SLOW)]);
    let sampled = |sample: &str| {
        let (_, told, exit) = brownout(directory.path(), &["run", "m.yaml", "--out", "out", "--sample", sample]);
        let rows = std::fs::read_to_string(directory.path().join("out/requests.csv")).map_or(0, |text| text.lines().count() - 1);
        (exit, told, rows)
    };
    assert_eq!((sampled("all").2, sampled("none").2), (2999, 0));
    assert!((100..600).contains(&sampled("head:10%").2));
    assert_eq!(sampled("around:slow-db").2, 300, "1 s before to 2 s after its beginning and its end");
    let (exit, told, _) = sampled("around:fast-db");
    assert!(exit == Some(2) && told.contains("its faults are slow-db"), "{told}");
    let (exit, told, _) = sampled("head:2");
    assert!(exit == Some(2) && told.contains("head:1%"), "{told}");
}

#[test]
fn tables_are_written_as_parquet_where_that_is_wanted() {
    let directory = holding(&[("m.yaml", SHOP)]);
    let (_, told, exit) = brownout(directory.path(), &["run", "m.yaml", "--out", "out", "--tables", "parquet"]);
    assert_eq!(exit, Some(0), "{told}");
    let there = |name: &str| directory.path().join("out").join(name).exists();
    assert!(there("series.parquet") && there("requests.parquet") && !there("series.csv") && !there("requests.csv"));
}

const RULES: &str = "groups:
- name: a
  interval: 5s
  rules:
  - {record: shop:failed, expr: 'sum(rate(istio_requests_total{reporter=\"source\",source_workload=\"c\",response_code!=\"200\"}[10s]))'}
  - {alert: Failing, expr: 'shop:failed > 0', for: 5s, labels: {severity: page}}
  - {alert: DbGone, expr: 'up{service=\"db\"} == 0'}
";

#[test]
fn alerts_are_evaluated_by_a_real_prometheus() {
    let directory =
        holding(&[("m.yaml", SLOW), ("rules.yaml", RULES), ("bad.yaml", "groups: [{name: a, rules: [{alert: A, expr: 'sum('}]}]")]);
    brownout(directory.path(), &["run", "m.yaml", "--out", "out", "--scrape", "1s"]);
    let without = Command::cargo_bin("brownout")
        .unwrap()
        .current_dir(directory.path())
        .env("PROMTOOL", "/no/such")
        .args(["alerts", "rules.yaml", "out"])
        .output();
    let without = without.unwrap();
    assert!(
        without.status.code() == Some(2)
            && String::from_utf8_lossy(&without.stderr).contains("help: `brownout alerts` drives a real Prometheus")
    );
    let (_, told, exit) = brownout(directory.path(), &["alerts", "rules.yaml", "nowhere"]);
    assert!(exit == Some(2) && told.contains("does not hold a run"), "{told}");
    if std::process::Command::new("promtool").arg("--version").output().is_err() {
        println!("left out: there is no Prometheus here");
        return;
    }
    let (printed, told, exit) = brownout(directory.path(), &["alerts", "rules.yaml", "out", "--format", "json"]);
    assert_eq!(exit, Some(0), "{told}");
    let alerts: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let first = &alerts["alerts"][0];
    assert_eq!(
        (&first["name"], &first["fault"], &first["labels"]["severity"]),
        (&"Failing".into(), &"slow-db".into(), &"page".into()),
        "{alerts:#}"
    );
    let fired = first["fired"].as_f64().unwrap();
    assert!((25.0..50.0).contains(&fired) && first["toDetect"].as_f64() == Some(fired - 20.0), "{alerts:#}");
    assert_eq!(alerts["silent"], serde_json::json!(["DbGone"]));
    let (_, told, exit) = brownout(directory.path(), &["alerts", "bad.yaml", "out"]);
    assert!(exit == Some(2) && told.contains("promtool refuses `bad.yaml`"), "{told}");
}
