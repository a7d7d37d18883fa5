//! What a person sees, as snapshots; and that no line is wider than a terminal.

use super::*;
use crate::analysis::sample;
use crate::analysis::summary::summarize;
use crate::experiment::aggregate::MODEL;
use crate::experiment::figures::RunFigures;
use crate::observe::recording::Recording;
use crate::world::{Control, run as simulate};

fn of(recording: &Recording) -> Summary {
    summarize(&sample::shop(4), recording, None)
}

/// A text as a person gets it, once it is known to fit.
fn shown(text: String) -> String {
    for line in text.lines() {
        assert!(line.chars().count() <= wrap::WIDTH, "{} columns: {line}", line.chars().count());
    }
    text
}

#[test]
fn a_run_that_stays_down() {
    let summary = of(&sample::record::slow_db(None));
    assert_eq!(summary.cascade.metastable, Some(true));
    insta::assert_snapshot!(shown(run(&summary, Format::Table, Style::PLAIN)));
}

#[test]
fn a_run_that_recovers() {
    insta::assert_snapshot!(shown(run(&of(&sample::record::slow_db(Some(98))), Format::Table, Style::PLAIN)));
}

#[test]
fn a_run_in_which_nothing_happens() {
    insta::assert_snapshot!(shown(run(&of(&sample::record::calm()), Format::Table, Style::PLAIN)));
}

#[test]
fn a_load_that_is_too_much_by_itself() {
    let mut recording = sample::record::slow_db(None);
    recording.faults.clear();
    recording.episodes.remove(0);
    for episode in &mut recording.episodes {
        episode.because.0 = episode.because.0.saturating_sub(1);
        episode.mainly = episode.because;
    }
    let summary = of(&recording);
    assert_eq!((summary.cascade.origin.as_deref(), summary.cascade.metastable), (Some("load"), None));
    insta::assert_snapshot!(shown(story::text(&summary.cascade, Style::PLAIN)));
}

#[test]
fn a_run_in_markdown() {
    insta::assert_snapshot!(run(&of(&sample::record::slow_db(Some(98))), Format::Markdown, Style::PLAIN));
}

#[test]
fn long_names_and_large_figures_still_fit() {
    let mut summary = of(&sample::record::slow_db(None));
    for (name, service) in &mut summary.services.0 {
        *name = format!("{name}-of-the-international-branch");
        service.rejected *= 1000;
        service.queue_length.max *= 1_000_000;
    }
    for (name, call) in &mut summary.calls.0 {
        *name = name.replace(" -> ", "-of-the-international-branch -> recommendations-");
        (call.fallbacks, call.retries.app, call.short_circuited) = (1_234_567, 22_345_678, 12_345_678);
    }
    insta::assert_snapshot!(shown(golden::tables(&summary).iter().map(|table| table.text(Style::PLAIN)).collect::<Vec<_>>().join("\n")));
}

/// Three made-up variants over so many seeds: the model collapses in some, one recovers always, one changes nothing.
fn compared(seeds: u64) -> Comparison {
    let run = |variant: usize, seed: u64| {
        let back = [(!seed.is_multiple_of(3)).then_some(110 + seed), Some(95 + seed % 2), (!seed.is_multiple_of(3)).then_some(110 + seed)];
        let mut summary = of(&sample::record::slow_db(back[variant]));
        summary.seed = seed;
        RunFigures::of(&summary)
    };
    let variant = |(i, name): (usize, &str)| (name.to_string(), (1..=seeds).map(|seed| run(i, seed)).collect());
    let variants: Vec<(String, Vec<RunFigures>)> = [MODEL, "budget", "renamed"].into_iter().enumerate().map(variant).collect();
    Comparison::of("order-shop", &variants)
}

#[test]
fn variants_side_by_side() {
    insta::assert_snapshot!(shown(comparison(&compared(10), Format::Table, Style::PLAIN)));
}

#[test]
fn variants_of_one_seed() {
    insta::assert_snapshot!(shown(comparison(&compared(1), Format::Table, Style::PLAIN)));
}

#[test]
fn variants_in_markdown() {
    insta::assert_snapshot!(comparison(&compared(3), Format::Markdown, Style::PLAIN));
}

#[test]
fn the_client_that_asks_most_comes_first() {
    let mut summary = of(&sample::record::slow_db(Some(98)));
    let (_, mut crawler) = summary.clients.0[0].clone();
    crawler.offered = 5;
    summary.clients.0.insert(0, ("a-crawler".into(), crawler));
    let clients: Vec<String> = golden::tables(&summary)[0].rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(clients, ["shoppers", "a-crawler"]);
    let alone = Comparison::of("shop", &[(MODEL.to_string(), vec![RunFigures::of(&summary)])]);
    let titles: Vec<String> = compare::measure::groups(&alone).into_iter().map(|(title, _)| title).collect();
    assert_eq!(titles[..2], ["What shoppers got", "What a-crawler got"]);
}

#[test]
fn a_run_that_was_cut_off_has_no_rate_over_its_whole_duration() {
    let mut summary = of(&sample::record::slow_db(Some(98)));
    summary.interrupted = true;
    assert_eq!(golden::tables(&summary)[0].rows[0][1], words::count(summary.clients.0[0].1.offered));
}

#[test]
fn one_model_over_many_seeds() {
    let mut alone = compared(10);
    alone.variants.0.clear();
    insta::assert_snapshot!(shown(comparison(&alone, Format::Table, Style::PLAIN)));
}

#[test]
fn colour_says_nothing_that_words_do_not() {
    let summary = of(&sample::record::slow_db(None));
    let plain = run(&summary, Format::Table, Style::PLAIN);
    let coloured = run(&summary, Format::Table, Style { colour: true });
    assert_ne!(plain, coloured);
    let mut bare = String::new();
    for (i, part) in coloured.split("\x1b[").enumerate() {
        bare += if i == 0 { part } else { part.split_once('m').unwrap().1 };
    }
    assert_eq!(bare, plain);
}

#[test]
fn a_real_run_tells_its_cascade_and_fits() {
    let topology = sample::shop(4);
    let recording = simulate(&topology, 42, Control::default()).unwrap();
    let summary = summarize(&topology, &recording, None);
    assert_eq!(summary.cascade.origin.as_deref(), Some("slow-db"));
    assert!(summary.cascade.steps.len() > 4, "{:?}", summary.cascade.steps);
    for (i, step) in summary.cascade.steps.iter().enumerate().skip(1) {
        assert!(step.cause.is_some_and(|cause| cause < i), "step {i} follows from an earlier one: {step:?}");
    }
    let text = shown(run(&summary, Format::Table, Style::PLAIN));
    if std::env::var_os("LOOK").is_some() {
        println!("{text}");
    }
}

/// Two variants, each of one run.
fn two(change: impl Fn(&mut crate::analysis::summary::ClientSummary)) -> String {
    let before = of(&sample::record::slow_db(Some(98)));
    let mut after = before.clone();
    change(&mut after.clients.0[0].1);
    let run = |summary: &Summary| vec![RunFigures::of(summary)];
    let compared = Comparison::of("shop", &[(MODEL.to_string(), run(&before)), ("other".to_string(), run(&after))]);
    shown(comparison(&compared, Format::Table, Style::PLAIN))
}

#[test]
fn more_answers_of_a_greater_load_are_no_merit() {
    let goodput = |offered: u64| {
        let text = two(|client| {
            client.goodput = client.goodput.map(|rate| rate * 3.0);
            client.offered *= offered;
        });
        text.contains("other is better: goodput")
    };
    assert!(goodput(1) && !goodput(3));
}

#[test]
fn answers_that_something_stood_in_for_are_counted_and_not_judged() {
    assert!(!two(|_| {}).contains("degraded"));
    let text = two(|client| client.degraded = 1234);
    assert!(text.contains("degraded") && text.contains("1234") && !text.contains("goodput"), "{text}");
    assert!(text.contains("other: no difference"), "{text}");
}

fn shipped() -> Summary {
    summarize(&sample::shipping::topology(), &sample::shipping::recording(), None)
}

#[test]
fn a_run_with_a_broker() {
    insta::assert_snapshot!(shown(run(&shipped(), Format::Table, Style::PLAIN)));
}

#[test]
fn queues_in_which_everything_happens_still_fit() {
    let mut summary = shipped();
    for (name, queue) in &mut summary.brokers.0 {
        *name = name.replace("shipping", "shipping-of-the-international-branch");
        (queue.refused, queue.redelivered, queue.dropped, queue.moved) = (12_345_678, 22_345_678, 32_345_678, 42_345_678);
        (queue.lost, queue.duplicates, queue.age.max) = (52_345_678, 62_345_678, 123_456.0);
    }
    let tables = [queues::messages(&summary), queues::waiting(&summary)];
    insta::assert_snapshot!(shown(tables.map(|table| table.text(Style::PLAIN)).join("\n")));
}

#[test]
fn calls_that_only_a_broker_offers_are_shown_if_somebody_made_them() {
    let called = |callee: &str, calls: u64| {
        let mut summary = shipped();
        summary.calls.0[0].0 = format!("orders.place -> {callee}");
        summary.calls.0[0].1.calls = calls;
        let tables = golden::tables(&summary);
        tables.last().unwrap().rows.iter().any(|row| row[0].ends_with(callee))
    };
    assert!(called("shipping.connect", 1) && called("shipping.replies", 1));
    assert!(!called("shipping.connect", 0) && !called("shipping.replies", 0));
    assert!(called("shipping.order.created", 0) && called("orders-db.connect", 0), "the model has these calls");
}

#[test]
fn variants_with_a_broker_are_compared_by_its_messages() {
    let run = |lost: u64, waiting: u64| {
        let mut summary = shipped();
        (summary.brokers.0[0].1.lost, summary.brokers.0[1].1.lag.max) = (lost, waiting);
        vec![RunFigures::of(&summary)]
    };
    let compared = Comparison::of("shop", &[(MODEL.to_string(), run(0, 400)), ("transient".to_string(), run(93, 300))]);
    let text = shown(comparison(&compared, Format::Table, Style::PLAIN));
    assert!(text.contains("What became of messages in shipping\n"), "{text}");
    assert!(text.contains("Messages in shipping.parcels\n"), "more waited in the other, which nobody consumes: {text}");
    assert!(!text.contains("duplicates"), "there were none: {text}");
    let better = "transient is better: most messages that waited (shipping.parcels) 300 (was 400)";
    let told = format!("{better}; but worse: messages lost (shipping) 93 (was 0).");
    assert!(text.replace('\n', " ").contains(&told), "{text}");
}
