//! The architecture, held: which room may use which, what a room never mentions, how long a file may be.
//!
//! `ARCHITECTURE.md` says it to people; this test says it to whoever forgets. It reads the sources as tokens (comments,
//! strings and test code told apart), so that a word in a sentence is not a breach.

mod source;
mod the_checker;

use source::{Source, all_code, rooms_on_disk, root};
use std::fs;

/// The rooms, lowest floor first, and what the code of each may use. A room's tests may use anything below it.
///
/// An arrow that is missing here is a statement: the engine knows no service, a policy cannot schedule, observers cannot
/// touch, the world never sees a model, analysis runs nothing.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("policy", &["base"]),
    ("engine", &["base"]),
    ("model", &["base"]),
    ("import", &["base", "model"]),
    ("topology", &["base", "policy", "model"]),
    ("observe", &["base", "policy", "topology"]),
    ("world", &["base", "policy", "engine", "topology", "observe"]),
    ("analysis", &["base", "policy", "topology", "observe"]),
    ("experiment", &["base", "topology", "observe", "world", "analysis"]),
    ("export", &["base", "policy", "topology", "observe", "analysis", "experiment"]),
    ("report", &["base", "model", "topology", "observe", "analysis", "experiment", "export"]),
    ("cli", &["base", "model", "import", "topology", "observe", "world", "analysis", "experiment", "export", "report"]),
];

/// Words that code (tests excepted) under one of the paths must not contain.
struct Ban {
    within: &'static [&'static str],
    except: &'static [&'static str],
    /// A sequence of tokens, blanks between them. A literal such as `0.5` counts as `f64`.
    words: &'static str,
    because: &'static str,
}

const BANS: &[Ban] = &[
    Ban { within: &["src/engine"], except: &[], words: "f64", because: "the order of events is decided by integers" },
    Ban { within: &["src/engine"], except: &[], words: "f32", because: "the order of events is decided by integers" },
    Ban { within: &["src/engine"], except: &[], words: "String", because: "the engine knows slots, not names" },
    Ban { within: &["src/engine"], except: &[], words: "str", because: "the engine knows slots, not names" },
    Ban { within: &["src/world"], except: &[], words: "String", because: "what runs knows ids, not names" },
    Ban {
        within: &["src/world"],
        except: &["src/world/keys.rs", "src/world/run.rs"],
        words: ". name",
        because: "names are read once, where random streams are derived from them, and never while the world runs",
    },
    Ban { within: &["src"], except: &["src/cli"], words: "HashMap", because: "its order of iteration is random" },
    Ban { within: &["src"], except: &["src/cli"], words: "HashSet", because: "its order of iteration is random" },
    Ban { within: &["src"], except: &["src/cli"], words: "SystemTime", because: "a result must not depend on when it was made" },
    Ban { within: &["src"], except: &["src/cli"], words: "Instant :: now", because: "a result must not depend on when it was made" },
    Ban { within: &["src"], except: &["src/cli"], words: "std :: fs", because: "only the command line reads and writes" },
    Ban { within: &["src"], except: &["src/cli"], words: "std :: env", because: "only the command line reads and writes" },
    Ban { within: &["src"], except: &["src/cli"], words: "std :: net", because: "only the command line reads and writes" },
    Ban { within: &["src"], except: &["src/cli"], words: "println !", because: "only the command line reads and writes" },
    Ban { within: &["src"], except: &["src/cli"], words: "eprintln !", because: "only the command line reads and writes" },
    Ban { within: &["src"], except: &[], words: "unsafe", because: "nothing here is worth undefined behaviour" },
];

/// Lines a file may have.
const MOST_LINES: usize = 500;

/// Files that are longer, each with its reason. An entry for a file that is not, is itself a breach.
const LONG_FILES: &[(&str, &str)] = &[];

#[test]
fn rooms_use_only_what_is_below_them() {
    for (floor, (room, uses)) in ROOMS.iter().enumerate() {
        for used in *uses {
            let below = ROOMS[..floor].iter().any(|(other, _)| other == used);
            assert!(below, "the table of rooms is wrong: `{used}` is not below `{room}`");
        }
    }
    let on_disk = rooms_on_disk();
    for room in &on_disk {
        assert!(ROOMS.iter().any(|(name, _)| name == room), "src/{room} has no floor yet: add it to ROOMS and to ARCHITECTURE.md");
    }
    assert_no(ROOMS.iter().filter(|(name, _)| !on_disk.contains(*name)).map(|(name, _)| format!("src/{name} is in ROOMS but not there")));
    let sources = Source::read_all("src");
    assert_no(sources.iter().flat_map(|source| forbidden_uses(source, ROOMS)));
}

#[test]
fn rooms_do_not_mention_what_they_must_not_know() {
    let sources = Source::read_all("src");
    assert_no(sources.iter().flat_map(|source| BANS.iter().flat_map(|ban| breaches(source, ban))));
}

#[test]
fn files_are_short_enough_to_be_read_in_one_go() {
    let sources = Source::read_all("src");
    assert_no(sources.iter().filter_map(|source| too_long(source, LONG_FILES)));
    let needless = LONG_FILES.iter().filter(|(path, _)| !sources.iter().any(|s| s.path == *path && s.lines() > MOST_LINES));
    assert_no(needless.map(|(path, _)| format!("{path} needs no exception from {MOST_LINES} lines (any more)")));
}

#[test]
fn files_begin_by_saying_what_they_decide() {
    assert_no(all_code().iter().filter_map(without_opening));
}

#[test]
fn nothing_is_left_undone_silently() {
    assert_no(all_code().iter().flat_map(left_undone));
}

/// A change is judged by what it changed, not by the cases that chance drew this time.
#[test]
fn random_cases_are_the_same_every_time() {
    assert_no(all_code().iter().flat_map(drawn_by_chance));
}

/// The table of rooms in `ARCHITECTURE.md` is this one: rows such as ``| `policy` | … | `base` |`` in the same order.
#[test]
fn the_map_shows_the_same_rooms() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let shown: Vec<(String, Vec<String>)> = text.lines().filter_map(row_of_rooms).collect();
    let held: Vec<(String, Vec<String>)> =
        ROOMS.iter().map(|(room, uses)| (room.to_string(), uses.iter().map(|u| u.to_string()).collect())).collect();
    assert_eq!(shown, held, "ARCHITECTURE.md's table of rooms (left) and the one held here (right) differ");
}

// -- what is checked -------------------------------------------------------------------------------------------------

/// Uses of a room by another that its row does not list; by test code, of one that is not below it.
fn forbidden_uses(source: &Source, rooms: &[(&str, &[&str])]) -> Vec<String> {
    let Some(room) = source.room() else { return Vec::new() };
    let Some(floor) = rooms.iter().position(|(name, _)| *name == room) else { return Vec::new() };
    let below: Vec<&str> = rooms[..floor].iter().map(|(name, _)| *name).collect();
    let mut found = Vec::new();
    for (line, used, in_test) in source.rooms_named() {
        let allowed = if in_test { &below[..] } else { rooms[floor].1 };
        if used != room && rooms.iter().any(|(name, _)| *name == used) && !allowed.contains(&used.as_str()) {
            found.push(format!("{}:{line}: `{room}` must not use `{used}`", source.path));
        }
    }
    found
}

fn breaches(source: &Source, ban: &Ban) -> Vec<String> {
    let lies_in = |paths: &[&str]| paths.iter().any(|p| source.path == *p || source.path.starts_with(&format!("{p}/")));
    if !lies_in(ban.within) || lies_in(ban.except) {
        return Vec::new();
    }
    let words: Vec<&str> = ban.words.split(' ').collect();
    let windows = source.tokens.windows(words.len());
    let found = windows.filter(|w| !w[0].in_test && w.iter().zip(&words).all(|(token, word)| token.text == *word));
    found.map(|w| format!("{}:{}: `{}`: {}", source.path, w[0].line, ban.words.replace(' ', ""), ban.because)).collect()
}

fn too_long(source: &Source, exceptions: &[(&str, &str)]) -> Option<String> {
    let excused = exceptions.iter().any(|(path, _)| *path == source.path);
    (source.lines() > MOST_LINES && !excused).then(|| format!("{}: {} lines, {MOST_LINES} are the most", source.path, source.lines()))
}

fn without_opening(source: &Source) -> Option<String> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|sentence| !sentence.trim().is_empty());
    (!says).then(|| format!("{}:1: begins without a `//!` line that says what the file is about", source.path))
}

/// Notes to oneself, and tests that are switched off without a word why.
fn left_undone(source: &Source) -> Vec<String> {
    // Written in two parts, so that this file passes its own test.
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let word = |line: &str, note: &str| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == note);
    let lines = source.text.lines().enumerate();
    let noted = lines.filter(|(_, line)| notes.iter().any(|note| word(line, note)));
    let mut found: Vec<String> =
        noted.map(|(n, _)| format!("{}:{}: a note to oneself: do it, or say why not", source.path, n + 1)).collect();
    for four in source.tokens.windows(4) {
        if four.iter().map(|t| t.text.as_str()).eq(["#", "[", "ignore", "]"]) {
            found.push(format!("{}:{}: a test is ignored without a reason", source.path, four[0].line));
        }
    }
    found
}

/// Blocks of properties that do not begin with `#![proptest_config(… cases(N) …)]`.
fn drawn_by_chance(source: &Source) -> Vec<String> {
    let words = |tokens: &[source::Token]| tokens.iter().map(|t| t.text.clone()).collect::<Vec<_>>();
    let mut found = Vec::new();
    for (at, three) in source.tokens.windows(3).enumerate() {
        if words(three) != ["proptest", "!", "{"] {
            continue;
        }
        let first = words(source.tokens[at + 3..].split(|t| t.text == "]").next().unwrap_or_default());
        let settled = first.starts_with(&["#", "!", "[", "proptest_config"].map(String::from));
        if !settled || !first.windows(2).any(|two| two == ["cases", "("]) {
            found.push(format!("{}:{}: random cases: settle them with `base::cases`", source.path, three[0].line));
        }
    }
    found
}

fn row_of_rooms(line: &str) -> Option<(String, Vec<String>)> {
    let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let [room, _, uses, ""] = cells[..] else { return None };
    let room = room.strip_prefix('`')?.strip_suffix("/`")?;
    let uses = uses.split(", ").filter_map(|used| used.strip_prefix('`')?.strip_suffix('`')).map(str::to_string);
    Some((room.to_string(), uses.collect()))
}

fn assert_no(breaches: impl IntoIterator<Item = String>) {
    let breaches: Vec<String> = breaches.into_iter().collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}
