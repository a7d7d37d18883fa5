//! The checker itself can fail: made-up houses with breaches in them, and harmless ones that look like breaches.

use super::source::mark_test_files;
use super::*;

const HOUSE: &[(&str, &[&str])] = &[("cellar", &[]), ("kitchen", &["cellar"]), ("hall", &["kitchen"]), ("attic", &["hall"])];

fn found(path: &str, text: &str) -> Vec<String> {
    forbidden_uses(&Source::new(path, text), HOUSE)
}

#[test]
fn sees_a_room_that_looks_up() {
    assert_eq!(found("src/kitchen/pot.rs", "//! Pot.\nuse crate::attic::Roof;"), ["src/kitchen/pot.rs:2: `kitchen` must not use `attic`"]);
    assert_eq!(found("src/kitchen/pot.rs", "use crate::cellar::Wine; use crate::kitchen::Pan;"), [""; 0]);
}

#[test]
fn sees_a_room_that_reaches_below_what_it_may_use() {
    assert_eq!(found("src/hall/mod.rs", "fn f() -> crate::cellar::Wine {}").len(), 1);
    assert_eq!(found("src/hall/mod.rs", "#[cfg(test)] mod tests { use crate::cellar::Wine; }"), [""; 0]);
    assert_eq!(found("src/hall/mod.rs", "#[cfg(test)] mod tests { use crate::attic::Roof; }").len(), 1);
}

#[test]
fn sees_through_groups_and_long_ways_round() {
    assert_eq!(found("src/cellar/mod.rs", "use crate::{cellar::{Wine, hall}, kitchen::Pan, attic};").len(), 2);
    assert_eq!(found("src/cellar/rack.rs", "use super::super::attic::Roof;").len(), 1);
    assert_eq!(found("src/cellar/mod.rs", "use super::attic::Roof;").len(), 1);
    assert_eq!(found("src/cellar/rack.rs", "use super::attic::Box; mod t { use super::super::Wine; }"), [""; 0]);
}

#[test]
fn does_not_take_words_for_deeds() {
    let harmless = [
        "// use crate::attic;",
        "/* a /* crate::attic */ b */",
        "\"crate::attic\\\" crate::attic\"",
        "r#\"crate::attic\"#",
        "r\"\\\", b\"crate::attic\"",
    ];
    for text in harmless {
        assert_eq!(found("src/cellar/mod.rs", text), [""; 0], "{text}");
        assert_eq!(found("src/cellar/mod.rs", &format!("{text}\nuse crate::attic;")).len(), 1, "{text} hides what follows");
    }
}

#[test]
fn tells_quotes_of_characters_from_lifetimes() {
    assert_eq!(found("src/cellar/mod.rs", "fn f<'a>(c: char) { c == '\"' || c == '\\'' || c == '{' } use crate::attic;").len(), 1);
}

#[test]
fn knows_test_files_by_their_declaration() {
    let mut sources = [
        Source::new("src/hall/mod.rs", "#[cfg(test)] mod sample; mod stairs;"),
        Source::new("src/hall/sample/far.rs", "use crate::cellar::Wine;"),
        Source::new("src/hall/stairs.rs", "use crate::cellar::Wine;"),
    ];
    mark_test_files(&mut sources);
    let counts = sources.map(|source| forbidden_uses(&source, HOUSE).len());
    assert_eq!(counts, [0, 0, 1]);
}

fn banned(path: &str, text: &str, words: &'static str) -> usize {
    let ban = Ban { within: &["src/kitchen"], except: &["src/kitchen/cook"], words, because: "of the smell" };
    breaches(&Source::new(path, text), &ban).len()
}

#[test]
fn sees_words_that_are_banned() {
    assert_eq!(banned("src/kitchen/pot.rs", "let x = y as f64 + 0.5; // f64", "f64"), 2);
    assert_eq!(banned("src/kitchen/pot.rs", "let x = 1..5; x.0 + 0xfe + 10_000; \"f64\"", "f64"), 0);
    assert_eq!(banned("src/kitchen/pot.rs", "let x = 1e9 + 2f32;", "f64"), 2);
    assert_eq!(banned("src/kitchen/pot.rs", "std::time::Instant::now()", "Instant :: now"), 1);
    assert_eq!(banned("src/kitchen/pot.rs", "Instant(3).now()", "Instant :: now"), 0);
    assert_eq!(banned("src/kitchen/cook/mod.rs", "unsafe {}", "unsafe"), 0);
    assert_eq!(banned("src/kitchens/mod.rs", "unsafe {}", "unsafe"), 0);
    assert_eq!(banned("src/kitchen/pot.rs", "#[cfg(test)] fn f() { unsafe {} } fn g() { unsafe {} }", "unsafe"), 1);
}

#[test]
fn sees_long_files_and_files_without_an_opening() {
    let long = Source::new("src/hall/mod.rs", &"\n".repeat(MOST_LINES + 1));
    assert!(too_long(&long, &[]).is_some());
    assert!(too_long(&long, &[("src/hall/mod.rs", "it is the hall")]).is_none());
    assert!(too_long(&Source::new("src/hall/mod.rs", &"\n".repeat(MOST_LINES)), &[]).is_none());
    assert!(without_opening(&Source::new("src/hall/mod.rs", "// The hall.")).is_some());
    assert!(without_opening(&Source::new("src/hall/mod.rs", "//!\n//! The hall.")).is_some());
    assert!(without_opening(&Source::new("src/hall/mod.rs", "//! The hall.")).is_none());
}

#[test]
fn sees_what_is_left_undone() {
    let undone = |text: &str| left_undone(&Source::new("src/hall/mod.rs", text)).len();
    assert_eq!(undone(concat!("// TO", "DO: sweep")), 1);
    assert_eq!(undone(concat!("fn f() { to", "do!() } // TO", "DOS are fine")), 0);
    assert_eq!(undone("#[ignore]\nfn f() {}"), 1);
    assert_eq!(undone("#[ignore = \"takes an hour\"]\nfn f() {}"), 0);
}

#[test]
fn sees_cases_that_chance_draws() {
    let drawn = |text: &str| drawn_by_chance(&Source::new("src/hall/mod.rs", text)).len();
    assert_eq!(drawn("proptest! { #![proptest_config(cases(9))] #[test] fn f(x: u8) {} }"), 0);
    assert_eq!(drawn("proptest! { #![proptest_config(Config { a: None, ..cases(9) })] #[test] fn f(x: u8) {} }"), 0);
    assert_eq!(drawn("proptest! { #[test] fn f(cases: u8) { cases(9) } }"), 1);
    assert_eq!(drawn("proptest! { #![proptest_config(Config::with_cases(9))] #[test] fn f(x: u8) { cases(9) } }"), 1);
}

#[test]
fn reads_rows_of_the_map() {
    assert_eq!(
        row_of_rooms("| `hall/` | where people meet | `cellar`, `kitchen` |"),
        Some(("hall".into(), vec!["cellar".into(), "kitchen".into()]))
    );
    assert_eq!(row_of_rooms("| `cellar/` | wine | nothing |"), Some(("cellar".into(), vec![])));
    assert_eq!(row_of_rooms("| room | what | uses |"), None);
}
