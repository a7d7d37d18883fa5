//! The command line against what it was not made for: broken files, endless models, directories that cannot be written,
//! readers that leave, users that press Ctrl-C. Asserts how it ends and what it says; never how long it took, but that it ends.

#[path = "../../src/base/cases.rs"]
mod cases;
mod mutations;
mod results;

use assert_cmd::Command;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// Nothing here takes a tenth of this on a quiet machine; what takes longer hangs.
const HANGS: Duration = Duration::from_secs(300);

fn brownout(directory: &Path) -> Command {
    let mut command = Command::cargo_bin("brownout").unwrap();
    command.current_dir(directory).timeout(HANGS);
    command
}

struct Told {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Told {
    fn says(&self, text: &str) -> &Told {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "not told: {text}\n{}\n{}", self.stdout, self.stderr);
        self
    }

    fn exits(&self, code: i32) -> &Told {
        assert_eq!(self.exit, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

fn told(directory: &Path, arguments: &[&str]) -> Told {
    let output = brownout(directory).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is UTF-8");
    Told { exit: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A directory with one file.
fn holding(name: &str, bytes: impl AsRef<[u8]>) -> TempDir {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join(name), bytes).unwrap();
    directory
}

/// What `check` and `run` say of a model.
fn both(model: impl AsRef<[u8]>) -> [Told; 2] {
    let directory = holding("m.yaml", model);
    [told(directory.path(), &["check", "m.yaml"]), told(directory.path(), &["run", "m.yaml", "-q"])]
}

fn refused(model: impl AsRef<[u8]>, message: &str) {
    for told in both(model) {
        told.exits(2).says(message);
    }
}

const SMALL: &str = "duration: 10s\n\
    clients: {c: {target: a.get, arrivals: poisson(10/s)}}\n\
    services: {a: {endpoints: {get: [{work: 1ms}]}}}\n";

fn small() -> TempDir {
    holding("m.yaml", SMALL)
}

// -- files ---------------------------------------------------------------------------------------------------------------

#[test]
fn a_file_of_200_megabytes_is_not_read() {
    let directory = TempDir::new().unwrap();
    let file = std::fs::File::create(directory.path().join("m.yaml")).unwrap();
    file.set_len(200 << 20).unwrap();
    told(directory.path(), &["check", "m.yaml"]).exits(2).says("larger than the limit of 16 MiB");
}

#[test]
fn what_is_no_text_is_refused() {
    refused((0..=255).collect::<Vec<u8>>(), "is not a text");
    refused(b"name: caf\xe9\n", "no UTF-8 at byte 9 (line 1)");
    refused(b"duration: 1s\nname: a\0b\n", "a zero byte at byte 20 (line 2)");
    refused(b"\xff\xfed\0u\0", "save it as UTF-8");
}

#[test]
fn what_holds_no_model_is_refused() {
    refused("", "this file is empty, not a model");
    refused("# nothing\n\n# at all\n", "this file is empty, not a model");
    refused("---\n...\n", "this file is empty, not a model");
    refused("[]", "this is a list, not a model");
    refused("{}", "a model needs the key `duration`");
    refused(format!("{SMALL}---\n{SMALL}"), "a second document begins here");
}

#[test]
fn files_that_are_none_are_refused() {
    let directory = small();
    told(directory.path(), &["run", "nowhere.yaml"]).exits(2).says("cannot read `nowhere.yaml`: No such file");
    told(directory.path(), &["run", "."]).exits(2).says("cannot read `.`: it is a directory");
    told(directory.path(), &["check", "m.yaml", "nowhere.yaml"]).exits(2).says("cannot read `nowhere.yaml`");
    told(directory.path(), &["run", "/dev/zero"]).exits(2).says("larger than the limit of 16 MiB");
    told(directory.path(), &["check", ""]).exits(2).says("a value is required");
}

#[test]
fn bombs_and_towers_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    refused(bomb, "aliases copy more than 100000 values");
    refused(format!("a: {}", "[".repeat(20_000)), "more than 100 lists and maps stand inside each other");
    refused(format!("a: {}", "{a: ".repeat(20_000)), "more than 100 lists and maps stand inside each other");
    let steps = |depth: usize| "[{repeat: {times: 1, steps: ".repeat(depth) + "[]" + &"}}]".repeat(depth);
    let model = |depth| format!("duration: 1s\nservices: {{a: {{endpoints: {{get: {}}}}}}}\n", steps(depth));
    refused(model(90), "inside each other");
}

#[test]
fn words_of_a_hundred_thousand_letters_are_told_in_a_few() {
    for model in [format!("{}: 1\n", "x".repeat(100_000)), format!("duration: {}\n", "9".repeat(100_000)), "x".repeat(100_000)] {
        for told in both(&model) {
            told.exits(2);
            assert!(told.stdout.len() + told.stderr.len() < 500_000);
        }
    }
}

// -- large and endless models --------------------------------------------------------------------------------------------

/// A chain of a hundred thousand services is a model like another.
#[test]
fn a_hundred_thousand_services_are_accepted() {
    let mut model = String::from("duration: 1s\nclients: {c: {target: s0.get, arrivals: constant(5/s)}}\nservices:\n");
    let most = 100_000;
    for i in 0..most {
        model += &format!("  s{i}: {{endpoints: {{get: [{{call: s{}.get}}]}}}}\n", i + 1);
    }
    model += &format!("  s{most}: {{endpoints: {{get: [{{work: 1ms}}]}}}}\n");
    let directory = holding("m.yaml", model);
    told(directory.path(), &["check", "m.yaml"]).exits(0).says("without a timeout");
}

#[test]
fn more_services_than_a_file_may_hold_are_refused() {
    let mut model = String::from("duration: 1s\nservices:\n");
    for i in 0..500_000 {
        model += &format!("  service-{i}: {{endpoints: {{get: [{{work: 1ms}}]}}}}\n");
    }
    let directory = holding("m.yaml", model);
    told(directory.path(), &["check", "m.yaml"]).exits(2).says("larger than the limit of 16 MiB");
}

#[test]
fn choices_in_a_row_are_not_multiplied_out() {
    let choice = "{choose: {a: {steps: [{work: 1ms}]}, b: {steps: [{call: b.get}]}}}";
    let steps = vec![choice; 60].join(", ");
    let model = format!(
        "duration: 1s\nclients: {{c: {{target: a.get, arrivals: constant(5/s)}}}}\n\
         services: {{a: {{endpoints: {{get: [{steps}]}}}}, b: {{endpoints: {{get: [{{work: 1ms}}]}}}}}}\n"
    );
    for told in both(model) {
        told.exits(0);
    }
}

#[test]
fn copies_of_copies_are_not_multiplied_out() {
    let copies = |steps: String| format!("{{parallel: {{times: 10000, branches: [[{steps}]]}}}}");
    let model = SMALL.replace("{work: 1ms}", &copies(copies(copies("{work: 1ms}".into()))));
    let directory = holding("m.yaml", model);
    told(directory.path(), &["check", "m.yaml"]).exits(0);
    told(directory.path(), &["run", "m.yaml", "--max-in-flight", "20000"]).exits(3).says("20000 calls were in flight together");
}

const CYCLE: &str = "duration: 1s\n\
    clients: {c: {target: a.get, arrivals: constant(5/s)}}\n\
    services: {a: {endpoints: {get: [{call: b.get}]}}, b: {endpoints: {get: [{call: a.get}]}}}\n";

#[test]
fn a_cycle_that_nothing_ends_is_refused_before_it_runs() {
    for told in both(CYCLE) {
        told.exits(2).says("error[endless-cycle]").says("`a.get` → `b.get` → `a.get`").says("take one of these calls out");
    }
}

#[test]
fn time_that_stands_still_is_a_limit_with_a_way_out() {
    let again = CYCLE.replace("{call: b.get}", "{choose: {again: {weight: 1e9, steps: [{call: b.get}]}, done: {weight: 1, steps: []}}}");
    let storm = "duration: 1s\n\
        clients: {c: {target: a.get, arrivals: constant(5/s), policy: p}}\n\
        services: {a: {endpoints: {get: [{work: 1ms}]}}}\n\
        policies: {p: {retry: {attempts: unlimited}}}\n\
        faults: {dead: {at: 0s, crash: {service: a}}}\n";
    let loops = SMALL.replace("{work: 1ms}", "{repeat: {times: 1000000, steps: [{repeat: {times: 1000000, steps: []}}]}}");
    for model in [again.as_str(), storm, &loops] {
        let directory = holding("m.yaml", model);
        told(directory.path(), &["check", "m.yaml"]).exits(0);
        let told = told(directory.path(), &["run", "m.yaml", "-q"]);
        told.exits(3).says("1000000 events happened at the single instant").says("simulated time does not advance");
        told.says("help: look for calls or retries that take no time");
    }
}

#[test]
fn a_million_turns_of_nothing_are_done() {
    let model = SMALL.replace("{work: 1ms}", "{repeat: {times: 999999, steps: []}}, {work: 1ms}").replace("10s", "1s");
    let [check, run] = both(model);
    check.exits(0);
    run.exits(0);
}

#[test]
fn limits_are_met_and_told() {
    let directory = small();
    told(directory.path(), &["run", "m.yaml", "--max-events", "10"]).exits(3).says("limit of 10 events").says("--max-events");
    let queues = SMALL.replace("poisson(10/s)", "poisson(1000/s)").replace("1ms", "1h");
    let directory = holding("m.yaml", queues);
    let told = told(directory.path(), &["run", "m.yaml", "--max-in-flight", "100"]);
    told.exits(3).says("100 calls were in flight together").says("add timeouts");
}

// -- flags ---------------------------------------------------------------------------------------------------------------

#[test]
fn every_format_is_what_it_says() {
    let directory = small();
    let of = |format: &str| {
        let told = told(directory.path(), &["run", "m.yaml", "-q", "--format", format]);
        told.exits(0);
        told.stdout
    };
    let json: serde_json::Value = serde_json::from_str(&of("json")).unwrap();
    assert_eq!(json["name"], "m");
    let csv = of("csv");
    let mut reader = csv.lines();
    let columns = reader.next().unwrap().split(',').count();
    assert!(columns > 1 && reader.all(|row| row.split(',').count() >= columns), "{csv}");
    assert!(of("markdown").contains("| "));
    assert!(of("table").contains("Clients"));
    told(directory.path(), &["run", "m.yaml", "--format", "xml"]).exits(2).says("possible values: table, json, csv, markdown");
}

#[test]
fn nothing_is_coloured_where_it_is_not_wanted() {
    let directory = small();
    for (arguments, variable) in [(&["run", "m.yaml"][..], Some("1")), (&["run", "m.yaml", "--no-color"], None)] {
        let mut command = brownout(directory.path());
        command.args(arguments);
        if let Some(value) = variable {
            command.env("NO_COLOR", value);
        }
        let output = command.output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b));
    }
}

#[test]
fn jobs_and_seeds_change_no_byte() {
    let directory = small();
    let of = |jobs: &str| {
        let told = told(directory.path(), &["run", "m.yaml", "-q", "--seeds", "3", "--jobs", jobs, "--format", "json"]);
        told.exits(0);
        told.stdout
    };
    let one = of("1");
    for jobs in ["0", "2", "100000"] {
        assert_eq!(of(jobs), one, "--jobs {jobs}");
    }
    let summary: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(summary["runs"], 3);
    told(directory.path(), &["run", "m.yaml", "--seeds", "0"]).exits(2).says("0 is not in 1..=1000000");
    told(directory.path(), &["run", "m.yaml", "--jobs", "-1"]).exits(2);
    told(directory.path(), &["run", "m.yaml", "--seed", "18446744073709551615", "--seeds", "2", "-q"]).exits(0);
}

#[test]
fn exit_codes_tell_how_it_went() {
    let directory = holding("good.yaml", format!("{SMALL}expect: {{fine: successRate(c) > 50%}}\n"));
    std::fs::write(directory.path().join("bad.yaml"), format!("{SMALL}expect: {{fine: successRate(c) < 50%}}\n")).unwrap();
    told(directory.path(), &["run", "good.yaml"]).exits(0);
    told(directory.path(), &["run", "bad.yaml"]).exits(1).says("✗");
    told(directory.path(), &["run", "bad.yaml", "--seeds", "2"]).exits(1);
    told(directory.path(), &["check", "bad.yaml"]).exits(0);
    told(directory.path(), &["check", "good.yaml", "--set", "services.a.replicas=none"]).exits(2);
    told(directory.path(), &["compare", "good.yaml"]).exits(2).says("no variants to compare");
    told(directory.path(), &["--version"]).exits(0).says("brownout 0");
    told(directory.path(), &["--help"]).exits(0).says("Exit codes");
    told(directory.path(), &[]).exits(2);
    told(directory.path(), &["run"]).exits(2).says("<MODEL>");
}

#[test]
fn commands_of_later_releases_are_refused_by_name() {
    let directory = small();
    for (arguments, word) in [
        (&["sweep", "m.yaml"][..], "sweep"),
        (&["hunt", "m.yaml"], "hunt"),
        (&["import", "istio", "x"], "import"),
        (&["run", "m.yaml", "--shard=1/2"], "--shard"),
    ] {
        told(directory.path(), arguments).exits(2).says(&format!("`{word}` is not of this release")).says("help: ");
    }
    told(directory.path(), &["rnu", "m.yaml"]).exits(2).says("unrecognized subcommand");
}

#[test]
fn settings_reach_into_a_model() {
    let directory = holding(
        "m.yaml",
        "duration: 10s\n\
         clients: {c: {target: shop.prod.get, arrivals: poisson(10/s), policy: guarded}}\n\
         services: {shop.prod: {endpoints: {get: [{work: 1ms}]}}}\n\
         policies: {guarded: {timeout: 1s, retry: {attempts: 3, budget: {percent: 20%}}}}\n\
         faults: {slow-db: {at: 1s, for: 30s, slow: {service: shop.prod, factor: 2}}}\n",
    );
    let sets = [
        "faults.slow-db.for=10s",
        "policies.guarded.retry.budget=null",
        "services.\"shop.prod\".replicas=3",
        "services.\"shop.prod\".endpoints.get[0].work=lognormal(p50: 4ms, p99: 30ms)",
        "clients.c.load=0.5",
    ];
    let mut arguments = vec!["check", "m.yaml", "--resolved"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    let told = told(directory.path(), &arguments);
    told.exits(0);
    for line in [
        "    for: \"10s\"  # --set",
        "      budget: null  # default",
        "    replicas: 3  # --set",
        "          work: \"lognormal(p50: 4ms, p99: 30ms)\"  # --set",
        "    load: 0.5  # --set",
        "      attempts: 3  # m.yaml:4",
    ] {
        assert!(told.stdout.lines().any(|told| told == line), "{line}\n{}", told.stdout);
    }
}

/// What is resolved is all that stdout gets, whatever is found in the model and its variants.
#[test]
fn a_resolved_model_stands_alone_on_stdout() {
    let variants = "policies: {p: {timeout: 1s}}\nvariants: {v: {policies: {q: {timeout: 1s}}, services: {a: {workers: 0}}}}\n";
    let directory = holding("m.yaml", format!("{SMALL}{variants}"));
    let told = told(directory.path(), &["check", "m.yaml", "--resolved"]);
    told.exits(2).says("`a` has no worker");
    std::fs::write(directory.path().join("again.yaml"), &told.stdout).unwrap();
    let again = self::told(directory.path(), &["run", "again.yaml", "-q"]);
    again.exits(0);
    assert!(told.stderr.contains("no call uses the policy `p`"), "{}", told.stderr);
}

/// A pipe is a file too.
#[test]
fn models_are_read_from_a_pipe() {
    let directory = TempDir::new().unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("brownout"))
        .args(["check", "/dev/stdin"])
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(SMALL.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// The gallery's largest model, for what follows.
fn order_system() -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/order-system.yaml")).unwrap()
}
