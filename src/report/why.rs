//! What would have stopped it: changes, the best first, with what each does to the share of served requests and to the expectations.

use super::style::Style;
use super::table::Table;
use super::wrap::hanging;
use crate::analysis::statistics::Estimate;
use crate::analysis::words;
use crate::experiment::why::{Cost, Tried, Why};

/// Changes shown; the summary has them all.
const SHOWN: usize = 10;

/// For the terminal.
pub fn text(why: &Why, style: Style) -> String {
    let mut text = table(why).text(style);
    for line in sentences(why, SHOWN) {
        text += &hanging("", &line);
        text.push('\n');
    }
    text
}

pub fn markdown(why: &Why) -> String {
    format!("{}\n{}\n", table(why).markdown(), sentences(why, SHOWN).join(" "))
}

fn table(why: &Why) -> Table {
    let seeds = words::counted(why.runs as u64, "run", "runs");
    let mut table = Table::new(&format!("What would have stopped it ({seeds} each)"), &["change", "served", "difference", "kept"]);
    let kept = |kept: usize| format!("{kept} of {}", why.expectations);
    table.row(["as it is".to_string(), share(&why.served), String::new(), kept(why.kept)]);
    for tried in why.tried.iter().take(SHOWN) {
        table.row([tried.change.clone(), share(&tried.served), difference(&tried.difference), kept(tried.kept)]);
    }
    table
}

pub fn share(estimate: &Estimate) -> String {
    estimate.mean.map_or("-".to_string(), words::percent)
}

/// In points of a hundred, with half the width of the interval.
pub fn difference(estimate: &Estimate) -> String {
    let points = |share: f64| format!("{:.1}", share * 100.0);
    match (estimate.mean, estimate.lo, estimate.hi) {
        (Some(mean), Some(lo), Some(hi)) => {
            let sign = if mean >= 0.0 { "+" } else { "" };
            let star = if estimate.excludes_zero() { "*" } else { "" };
            format!("{sign}{} ±{}{star}", points(mean), points((hi - lo) / 2.0))
        }
        (Some(mean), ..) => format!("{:+.1}", mean * 100.0),
        _ => "-".to_string(),
    }
}

/// What to do about it, in words; so many changes are shown beside them.
pub fn sentences(why: &Why, shown: usize) -> Vec<String> {
    let mut told = vec![match why.cheapest() {
        _ if why.expectations == 0 => {
            "The model expects nothing, so no change is enough: write what has to hold under `expect`.".to_string()
        }
        _ if why.kept == why.expectations => "Every expectation holds as it is.".to_string(),
        Some(tried) => format!("The cheapest change that keeps every expectation: {}{}.", tried.change, how(tried)),
        None => format!("No single change of the {} tried keeps every expectation.", why.tried.len()),
    }];
    if why.tried.len() > shown {
        told.push(format!("Not shown: {} more changes, which do less; `--format json` has them.", why.tried.len() - shown));
    }
    if why.not_possible > 0 {
        told.push(format!("{} could not be tried.", words::counted(why.not_possible as u64, "change", "changes")));
    }
    told
}

/// How to make it, and what it asks for.
fn how(tried: &Tried) -> String {
    let set: Vec<String> = tried.set.iter().map(|set| format!("--set '{set}'")).collect();
    let asks = match tried.cost {
        Cost::Setting | Cost::Variant => "",
        Cost::Answer => "; it asks for an answer that is good enough without the callee",
        Cost::Capacity => "; it asks for more capacity",
    };
    if set.is_empty() { asks.to_string() } else { format!(" ({}){asks}", set.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(mean: f64, half: f64) -> Estimate {
        Estimate { n: 5, mean: Some(mean), lo: Some(mean - half), hi: Some(mean + half) }
    }

    #[test]
    fn the_table_tells_effects_and_the_sentence_how_to_get_them() {
        let tried = |change: &str, kept: usize, cost: Cost| Tried {
            change: change.into(),
            set: vec!["policies.stock.retry=null".into()],
            cost,
            served: estimate(0.97, 0.01),
            difference: estimate(0.47, 0.01),
            kept,
            broken: if kept == 2 { vec![] } else { vec!["fast".into()] },
        };
        let why = Why {
            runs: 5,
            served: estimate(0.5, 0.1),
            kept: 1,
            expectations: 2,
            tried: vec![tried("no retries under `stock`", 2, Cost::Setting), tried("twice the replicas of db (2)", 1, Cost::Capacity)],
            not_possible: 1,
            ..Why::default()
        };
        insta::assert_snapshot!(text(&why, Style::default()));
        let none = Why { tried: vec![], ..why };
        assert!(text(&none, Style::default()).contains("No single change of the 0 tried"));
    }

    fn why(tried: Vec<Tried>, kept: usize, expectations: usize) -> Why {
        Why { runs: 5, kept, expectations, tried, ..Why::default() }
    }

    #[test]
    fn a_star_stands_only_where_the_interval_leaves_out_zero() {
        let told = [estimate(0.02, 0.01), estimate(0.01, 0.02), estimate(-0.02, 0.01), estimate(-0.01, 0.02)].map(|e| difference(&e));
        assert_eq!(told, ["+2.0 ±1.0*", "+1.0 ±2.0", "-2.0 ±1.0*", "-1.0 ±2.0"]);
    }

    #[test]
    fn it_says_how_many_changes_are_not_shown() {
        let of = |tried: usize| sentences(&why(vec![Tried { broken: vec!["fast".into()], ..Tried::default() }; tried], 1, 2), SHOWN);
        assert_eq!(of(SHOWN), ["No single change of the 10 tried keeps every expectation."]);
        assert!(of(SHOWN + 2)[1].starts_with("Not shown: 2 more changes,"), "{:?}", of(SHOWN + 2));
    }

    #[test]
    fn no_change_is_the_answer_where_nothing_is_expected_or_everything_holds() {
        let tried = || vec![Tried { change: "no retries".into(), ..Tried::default() }];
        assert!(sentences(&why(tried(), 0, 0), SHOWN)[0].starts_with("The model expects nothing, so no change is enough"));
        assert_eq!(sentences(&why(tried(), 2, 2), SHOWN), ["Every expectation holds as it is."]);
    }

    #[test]
    fn a_change_that_asks_for_more_than_a_setting_says_for_what() {
        let asks = |cost| how(&Tried { set: vec!["a=1".into()], cost, ..Tried::default() });
        assert_eq!(asks(Cost::Setting), " (--set 'a=1')");
        assert_eq!(asks(Cost::Answer), " (--set 'a=1'); it asks for an answer that is good enough without the callee");
        assert_eq!(asks(Cost::Capacity), " (--set 'a=1'); it asks for more capacity");
    }
}
