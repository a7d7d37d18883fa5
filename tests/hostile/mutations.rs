//! The gallery's largest model with random edits: it is refused or it runs, and nothing else happens.

use super::cases::cases;
use super::order_system;
use brownout::base::limit::Limits;
use brownout::model;
use brownout::topology::{check, compile::compile};
use brownout::world::{self, Control};
use proptest::prelude::*;

/// What a hand, an editor or a merge does to a file.
#[derive(Clone, Debug)]
enum Edit {
    DropLine(usize),
    DoubleLine(usize),
    SwapLines(usize, usize),
    Cut(usize),
    Insert(usize, String),
    Delete(usize, usize),
    /// Some number becomes another.
    Number(usize, String),
    /// Some word becomes another word of the file.
    Word(usize, usize),
}

fn edits() -> impl Strategy<Value = Edit> {
    let at = || 0usize..100_000;
    let odd = prop_oneof![
        Just("0".to_string()),
        Just("1".into()),
        Just("-1".into()),
        Just("1e9".into()),
        Just("1000000000".into()),
        Just("18446744073709551616".into()),
        Just("0.0000001".into()),
        Just("null".into()),
        Just("unlimited".into()),
        (0u32..100_000).prop_map(|n| n.to_string()),
    ];
    prop_oneof![
        at().prop_map(Edit::DropLine),
        at().prop_map(Edit::DoubleLine),
        (at(), at()).prop_map(|(a, b)| Edit::SwapLines(a, b)),
        at().prop_map(Edit::Cut),
        (at(), "[ -~\n\t\u{e9}\u{1F600}]{1,4}").prop_map(|(at, text)| Edit::Insert(at, text)),
        (at(), 1usize..12).prop_map(|(at, len)| Edit::Delete(at, len)),
        (at(), odd).prop_map(|(at, number)| Edit::Number(at, number)),
        (at(), at()).prop_map(|(a, b)| Edit::Word(a, b)),
    ]
}

fn apply(text: &str, edit: &Edit) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let line = |at: usize| at % lines.len();
    let spot = |at: usize| (0..=at % (text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    match edit {
        Edit::DropLine(at) => {
            let mut lines = lines.clone();
            lines.remove(line(*at));
            lines.join("\n")
        }
        Edit::DoubleLine(at) => {
            let mut lines = lines.clone();
            lines.insert(line(*at), lines[line(*at)]);
            lines.join("\n")
        }
        Edit::SwapLines(a, b) => {
            let mut lines = lines.clone();
            lines.swap(line(*a), line(*b));
            lines.join("\n")
        }
        Edit::Cut(at) => text[..spot(*at)].to_string(),
        Edit::Insert(at, more) => format!("{}{more}{}", &text[..spot(*at)], &text[spot(*at)..]),
        Edit::Delete(at, len) => {
            let from = spot(*at);
            let until = (from + len..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            format!("{}{}", &text[..from], &text[until..])
        }
        Edit::Number(at, number) => replaced(text, *at, number, |c| c.is_ascii_digit() || c == '.'),
        Edit::Word(a, b) => {
            let words = pieces(text, |c| c.is_alphabetic());
            match words.get(b % words.len().max(1)) {
                Some((from, until)) => replaced(text, *a, &text[*from..*until], |c| c.is_alphabetic()),
                None => text.to_string(),
            }
        }
    }
}

fn pieces(text: &str, inside: impl Fn(char) -> bool) -> Vec<(usize, usize)> {
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| inside(*c)) {
        match pieces.last_mut() {
            Some((_, until)) if *until == at => *until = at + c.len_utf8(),
            _ => pieces.push((at, at + c.len_utf8())),
        }
    }
    pieces
}

fn replaced(text: &str, at: usize, with: &str, inside: impl Fn(char) -> bool) -> String {
    let pieces = pieces(text, inside);
    match pieces.get(at % pieces.len().max(1)) {
        Some((from, until)) => format!("{}{with}{}", &text[..*from], &text[*until..]),
        None => text.to_string(),
    }
}

/// Reads, checks, and if it can run, runs for a while.
fn go_through(text: &str) {
    let loader = |_: &str| Ok(text.as_bytes().to_vec());
    let loaded = match model::read("m.yaml", &loader, &[], None) {
        Ok(loaded) => loaded,
        Err(refused) => {
            assert!(refused.problems.has_errors());
            let _ = brownout::report::diagnostics::text(&refused.problems, &refused.sources, Default::default());
            return;
        }
    };
    let Ok(topology) = compile(&loaded.model, &|_| Err("no files here".into())) else { return };
    if check::check(&topology).iter().any(|finding| finding.weight == check::Weight::Error) {
        return;
    }
    let limits = Limits { events: 20_000, ..Limits::default() };
    let _ = world::run(&topology, 1, Control { limits, ..Control::default() });
}

/// A case that takes longer hangs.
const SLOWEST: std::time::Duration = std::time::Duration::from_secs(30);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..cases(300) })]

    #[test]
    #[allow(clippy::disallowed_methods, reason = "it measures the program, not a simulation")]
    fn no_edit_of_a_model_breaks_the_program(edits in proptest::collection::vec(edits(), 1..4)) {
        let text = edits.iter().fold(order_system(), |text, edit| apply(&text, edit));
        let began = std::time::Instant::now();
        go_through(&text);
        prop_assert!(began.elapsed() < SLOWEST, "took {:?}", began.elapsed());
    }
}
