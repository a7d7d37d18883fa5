//! A comparison in three sentences: who served its clients best and worst, where a collapse stayed, and who keeps what is expected.

use crate::analysis::words;
use crate::experiment::aggregate::{Aggregate, Comparison, MODEL};
use crate::experiment::figures::keys;

pub fn of(comparison: &Comparison) -> Vec<String> {
    vec![served(comparison), stayed(comparison), kept(comparison)]
}

/// The share of all clients' requests that got a useful answer.
fn share(own: &Aggregate) -> Option<f64> {
    let (mut useful, mut offered) = (0.0, 0.0);
    for (path, estimate) in own.figures.iter() {
        let keys = keys(path);
        let [section, _, figure] = &keys[..] else { continue };
        let mean = estimate.mean.unwrap_or(0.0);
        match (section.as_str(), figure.as_str()) {
            ("clients", "ok" | "degraded") => useful += mean,
            ("clients", "offered") => offered += mean,
            _ => {}
        }
    }
    (offered > 0.0).then(|| useful / offered)
}

fn served(comparison: &Comparison) -> String {
    let all: Vec<(&str, f64)> = comparison.all().filter_map(|(name, own, _)| Some((name, share(own)?))).collect();
    let Some(&(base, own)) = all.first() else { return "No request was offered in the measured time.".to_string() };
    let told = |share: f64| words::percent(share);
    if comparison.variants.is_empty() {
        return format!("Of all requests {} got a useful answer.", told(own));
    }
    // Of equals the first: what was written before is the simpler.
    let best = all.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(&all[0]);
    let worst = all.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(&all[0]);
    if told(best.1) == told(worst.1) {
        return format!("Every variant gave {} of all requests a useful answer.", told(own));
    }
    let mut ends = Vec::new();
    if told(best.1) == told(own) {
        ends.push("no variant does better".to_string());
    } else {
        ends.push(format!("best is {} with {}", best.0, told(best.1)));
    }
    if told(worst.1) == told(own) {
        ends.push("none does worse".to_string());
    } else {
        ends.push(format!("worst is {} with {}", worst.0, told(worst.1)));
    }
    let base = if base == MODEL { "the model as it is" } else { base };
    format!("With {base}, {} of all requests got a useful answer; {}.", told(own), words::all(&ends))
}

/// Where a collapse outlasted what had begun it.
fn stayed(comparison: &Comparison) -> String {
    let of = |own: &Aggregate| own.figures.get("cascade.metastable").filter(|estimate| estimate.n > 0).copied();
    let known: Vec<(&str, f64, usize)> = comparison
        .all()
        .filter_map(|(name, own, _)| {
            let estimate = of(own)?;
            Some((name, estimate.mean? * estimate.n as f64, estimate.n))
        })
        .collect();
    if known.is_empty() {
        return "Whether a collapse outlasts its cause cannot be said: too little was simulated after it.".to_string();
    }
    let once = comparison.base.runs == 1;
    let alone = comparison.variants.is_empty();
    let stuck: Vec<&(&str, f64, usize)> = known.iter().filter(|(_, times, _)| *times > 0.5).collect();
    if stuck.is_empty() {
        return "No collapse outlasted what had begun it.".to_string();
    }
    let is_always = |&&(_, times, runs): &&(&str, f64, usize)| times > runs as f64 - 0.5;
    let always: Vec<String> = stuck.iter().copied().filter(is_always).map(|(name, ..)| name.to_string()).collect();
    let every = match (once, alone) {
        (true, _) => words::all(&always),
        (false, true) => "every run".to_string(),
        (false, false) => format!("every run of {}", words::all(&always)),
    };
    let sometimes = stuck.iter().copied().filter(|one| !is_always(one)).map(|(name, times, runs)| match alone {
        true => format!("{times:.0} of {runs} runs"),
        false => format!("{times:.0} of {runs} runs of {name}"),
    });
    let told: Vec<String> = (!always.is_empty()).then_some(every).into_iter().chain(sometimes).collect();
    let others = match known.len() - stuck.len() {
        0 => "",
        _ if once => ", not with the others",
        _ => ", in none of the others",
    };
    let place = if once && alone {
        ""
    } else if once {
        " with "
    } else {
        " in "
    };
    let told = if once && alone { String::new() } else { words::all(&told) };
    format!("The collapse stayed after its cause had ended (it is metastable){place}{told}{others}.")
}

fn kept(comparison: &Comparison) -> String {
    let total = comparison.base.expectations.iter().count();
    if total == 0 {
        return "The model expects nothing, so figures alone tell good from bad.".to_string();
    }
    let every = if comparison.base.runs > 1 { " in every run" } else { "" };
    let count = |own: &Aggregate| own.expectations.values().filter(|passed| passed.passed >= 1.0).count();
    let all: Vec<(&str, usize)> = comparison.all().map(|(name, own, _)| (name, count(own))).collect();
    let expectations = words::counted(total as u64, "expectation", "expectations");
    if comparison.variants.is_empty() {
        return format!("{} of {expectations} held{every}.", all[0].1);
    }
    let keepers: Vec<String> = all.iter().filter(|(_, kept)| *kept == total).map(|(name, _)| name.to_string()).collect();
    let most = all.iter().map(|(_, kept)| *kept).max().unwrap_or(0);
    match keepers.len() {
        0 if most == 0 => format!("No variant keeps any of {expectations}{every}."),
        0 => {
            let best: Vec<String> = all.iter().filter(|(_, kept)| *kept == most).map(|(name, _)| name.to_string()).collect();
            format!("No variant keeps all of {expectations}{every}; {} with {most} of them comes closest.", words::all(&best))
        }
        n if n == all.len() => {
            format!("Every variant keeps {}{every}.", if total == 1 { "the expectation".into() } else { format!("all {expectations}") })
        }
        _ => {
            let kept = if total == 1 { "The one expectation is".to_string() } else { format!("All {expectations} are") };
            format!("{kept} kept{every} only with {}.", words::all(&keepers))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::Estimate;
    use crate::experiment::aggregate::{Compared, Passed};

    fn aggregate(ok: f64, stays: f64, kept: [f64; 2]) -> Aggregate {
        let mean = |value: f64| Estimate { n: 5, mean: Some(value), lo: None, hi: None };
        let figures = [
            ("clients.\"a b\".offered", 100.0),
            ("clients.\"a b\".ok", ok),
            ("clients.\"a b\".degraded", 5.0),
            ("services.db.ok", 7.0),
            ("cascade.metastable", stays),
        ];
        Aggregate {
            runs: 5,
            seeds: vec![1, 2, 3, 4, 5],
            figures: figures.into_iter().map(|(path, value)| (path.to_string(), mean(value))).collect(),
            expectations: ["fast", "calm"]
                .into_iter()
                .zip(kept)
                .map(|(n, passed)| (n.into(), Passed { passed, ..Passed::default() }))
                .collect(),
        }
    }

    #[test]
    fn three_sentences_tell_the_best_the_worst_what_stayed_and_who_keeps_all() {
        let stays = |share| aggregate(20.0, share, [0.0, 0.4]);
        let variants =
            [("naive", stays(0.8)), ("stormy", stays(1.0)), ("worse", stays(1.0)), ("breaker", aggregate(92.0, 0.0, [1.0, 1.0]))];
        let mut comparison = Comparison {
            name: "shop".into(),
            baseline: "model".into(),
            base: aggregate(85.0, 0.0, [1.0, 0.8]),
            variants: variants.into_iter().map(|(n, own)| (n.to_string(), Compared { own, ..Compared::default() })).collect(),
        };
        assert_eq!(
            of(&comparison),
            [
                "With the model as it is, 90 % of all requests got a useful answer; best is breaker with 97 % and worst is naive with 25 %.",
                "The collapse stayed after its cause had ended (it is metastable) in every run of stormy and worse and 4 of 5 runs of naive, in none of the others.",
                "All 2 expectations are kept in every run only with breaker.",
            ]
        );
        comparison.variants = Default::default();
        assert_eq!(
            of(&comparison),
            [
                "Of all requests 90 % got a useful answer.",
                "No collapse outlasted what had begun it.",
                "1 of 2 expectations held in every run."
            ]
        );
    }
}
