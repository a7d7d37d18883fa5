//! What the README and the page on messages show works as it is pasted, and what it points at is there.

use assert_cmd::Command;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The block of code that has this line.
fn block<'a>(readme: &'a str, line: &str) -> &'a str {
    let mut blocks = readme.split("```").skip(1).step_by(2);
    let block = blocks.find(|block| block.lines().any(|l| l.starts_with(line))).unwrap_or_else(|| panic!("no block with {line}"));
    block.split_once('\n').unwrap().1
}

fn brownout(model: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::write(directory.path().join("shop.yaml"), model).unwrap();
    let output = Command::cargo_bin("brownout").unwrap().current_dir(directory.path()).args(arguments).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn the_model_runs_as_pasted() {
    let readme = readme();
    let model = block(&readme, "# shop.yaml");
    assert_eq!(brownout(model, &["check", "shop.yaml"]), ("shop.yaml: nothing to say against it\n".to_string(), Some(0)));
    let (told, exit) = brownout(model, &["run", "shop.yaml", "-q"]);
    assert_eq!(exit, Some(0), "{told}");
    assert!(told.contains("slow-db: db becomes 10 times slower, for 20 s"), "{told}");
    let (told, exit) = brownout(model, &["compare", "shop.yaml", "-q", "--seeds", "2"]);
    assert_eq!(exit, Some(0), "{told}");
    assert!(told.contains("Which variant changed what") && told.contains("naive"), "{told}");
}

#[test]
fn the_story_is_told_as_shown() {
    let readme = readme();
    let shown = block(&readme, "   130.0 s  slow-db");
    let arguments = ["run", "models/order-system.yaml", "--variant", "asWritten", "-q"];
    let output = Command::cargo_bin("brownout").unwrap().current_dir(root()).args(arguments).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    for line in shown.lines() {
        assert!(told.lines().any(|other| other == line), "not told: {line}");
    }
}

#[test]
fn the_mistake_is_told_as_shown() {
    let readme = readme();
    let shown = block(&readme, "error[unknown-key]");
    let model = block(&readme, "# shop.yaml").replace("replicas: 2", "replica: 2");
    let (told, _) = brownout(&model, &["check", "shop.yaml"]);
    let lines = |text: &str| text.lines().map(|line| line.trim().to_string()).collect::<Vec<_>>();
    let (told, shown) = (lines(&told), lines(shown));
    assert_eq!(told[..shown.len()], shown[..]);
}

#[test]
fn what_it_points_at_is_there() {
    let readme = readme();
    let targets = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).filter(|target| !target.starts_with("http"));
    for target in targets.filter(|target| !target.ends_with(".svg")) {
        assert!(root().join(target).exists(), "{target}");
    }
}

#[test]
fn the_models_of_the_page_on_messages_run_as_pasted() {
    let page = std::fs::read_to_string(root().join("docs/messaging.md")).unwrap();
    for name in ["# reply.yaml", "# saga.yaml"] {
        let model = block(&page, name);
        assert_eq!(brownout(model, &["check", "shop.yaml"]), ("shop.yaml: nothing to say against it\n".to_string(), Some(0)), "{name}");
        let (told, exit) = brownout(model, &["run", "shop.yaml", "-q"]);
        assert_eq!(exit, Some(0), "{told}");
    }
}
