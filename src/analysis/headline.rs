//! What happened in three sentences: what clients got, what began it, and what came of it.

use super::cascade::Cascade;
use super::summary::Summary;
use super::words;

/// Three sentences of one run.
pub fn of_run(summary: &Summary) -> Vec<String> {
    vec![got(summary), began(summary), came_of_it(&summary.cascade)]
}

/// All clients together; the latency is that of the client with the most requests.
fn got(summary: &Summary) -> String {
    let sum = |of: fn(&super::summary::ClientSummary) -> u64| summary.clients.values().map(of).sum::<u64>();
    let (offered, ok, degraded, failed, unfinished) =
        (sum(|c| c.offered), sum(|c| c.ok), sum(|c| c.degraded), sum(|c| c.failed), sum(|c| c.unfinished));
    if offered == 0 {
        return "No request was offered in the measured time.".to_string();
    }
    let share = |part: u64| words::percent(part as f64 / offered as f64);
    let mut ends = vec![format!("{} were answered in full", share(ok))];
    if degraded > 0 {
        ends.push(format!("{} by a fallback", share(degraded)));
    }
    ends.push(if failed == 0 { "none failed".to_string() } else { format!("{} failed ({})", share(failed), words::count(failed)) });
    if unfinished > 0 {
        ends.push(format!("{} got no answer before the end", words::count(unfinished)));
    }
    let largest = summary.clients.iter().max_by(|a, b| a.1.offered.cmp(&b.1.offered).then_with(|| b.0.cmp(a.0)));
    let slow = largest
        .and_then(|(name, client)| Some(format!("; one in a hundred of {name} took longer than {}", words::span(client.latency.p99?))));
    let length = if summary.interrupted {
        "until it was stopped".to_string()
    } else {
        format!("in {}", words::span(summary.duration - summary.warm_up))
    };
    format!("Of {} {length}, {}{}.", words::counted(offered, "request", "requests"), words::all(&ends), slow.unwrap_or_default())
}

fn began(summary: &Summary) -> String {
    let Cascade { origin, steps, more, .. } = &summary.cascade;
    let begun = summary.faults.values().filter(|fault| fault.began.is_some()).count();
    let (Some(origin), Some(first)) = (origin, steps.first()) else {
        return match begun {
            0 => "No fault began, and nothing went wrong that is worth telling.".to_string(),
            1 => "One fault began, and nothing followed from it that is worth telling.".to_string(),
            n => format!("{n} faults began, and nothing followed from them that is worth telling."),
        };
    };
    let more = (steps.len() - 1 + more) as u64;
    let by_load = origin == "load";
    let next = steps.get(1).map(|next| format!(", first at {} {} later", next.who, words::span((next.at - first.at).max(0.0))));
    let followed = match more {
        0 => "nothing else followed".to_string(),
        _ => format!("{} followed{}", words::counted(more, "trouble", "troubles"), next.unwrap_or_default()),
    };
    let alone = if by_load { " though no fault is behind it: the load alone was too much" } else { "" };
    format!("It began at {} with {}: {}{alone}; {followed}.", words::clock(first.at), first.who, first.what)
}

fn came_of_it(cascade: &Cascade) -> String {
    let told: Vec<&str> = cascade.verdict.iter().map(|sentence| sentence.trim().trim_end_matches('.')).collect();
    if told.is_empty() { "What came of it is unknown.".to_string() } else { format!("{}.", told.join(". ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::analysis::summary::summarize;
    use crate::observe::recording::Recording;

    #[test]
    fn three_sentences_tell_what_clients_got_what_began_it_and_what_came_of_it() {
        let summary = summarize(&sample::shop(4), &sample::record::slow_db(Some(98)), None);
        let [got, began, came] = of_run(&summary).try_into().unwrap();
        assert!(got.starts_with("Of ") && got.contains("were answered in full") && got.contains("failed"), "{got}");
        assert!(began.starts_with("It began at 60 s with slow-db: ") && began.contains(" followed, first at "), "{began}");
        assert!(came.contains("It reached") && came.ends_with('.') && !came.ends_with(".."), "{came}");
    }

    #[test]
    fn a_run_in_which_nothing_was_offered_says_so() {
        let summary = summarize(&sample::shop(4), &Recording::default(), None);
        assert_eq!(of_run(&summary)[0], "No request was offered in the measured time.");
        assert_eq!(of_run(&summary)[1], "No fault began, and nothing went wrong that is worth telling.");
    }

    use crate::analysis::summary::{ClientSummary, FaultSummary, Latency};

    /// Two clients, the smaller one slower.
    fn busy() -> Summary {
        let latency = |p99| Latency { p95: Some(0.001), p99: Some(p99), ..Latency::default() };
        let large = ClientSummary {
            offered: 900,
            ok: 700,
            degraded: 100,
            failed: 90,
            unfinished: 10,
            latency: latency(2.0),
            ..ClientSummary::default()
        };
        let small = ClientSummary { offered: 100, ok: 100, latency: latency(9.0), ..ClientSummary::default() };
        Summary {
            duration: 180.0,
            warm_up: 20.0,
            clients: [("small".to_string(), small), ("large".to_string(), large)].into_iter().collect(),
            ..Summary::default()
        }
    }

    #[test]
    fn requests_are_told_by_how_they_ended_over_the_measured_time() {
        let ended = "80 % were answered in full, 10 % by a fallback, 9 % failed (90) and 10 got no answer before the end";
        let slow = "one in a hundred of large took longer than 2 s";
        assert_eq!(got(&busy()), format!("Of 1000 requests in 2m 40s, {ended}; {slow}."));
        let interrupted = Summary { interrupted: true, ..busy() };
        assert!(got(&interrupted).starts_with("Of 1000 requests until it was stopped, "), "{}", got(&interrupted));
    }

    #[test]
    fn what_followed_is_counted_with_what_is_not_shown_and_timed_from_the_beginning() {
        let mut summary = summarize(&sample::shop(4), &sample::record::slow_db(Some(98)), None);
        let shown = summary.cascade.steps.len() - 1;
        summary.cascade.more = 5;
        (summary.cascade.steps[0].at, summary.cascade.steps[1].at) = (60.0, 62.0);
        let told = began(&summary);
        let expected = format!("; {} troubles followed, first at {} 2 s later.", shown + 5, summary.cascade.steps[1].who);
        assert!(told.ends_with(&expected) && !told.contains("no fault is behind it"), "{told}");
        summary.cascade.origin = Some("load".into());
        assert!(began(&summary).contains("though no fault is behind it: the load alone was too much"), "{}", began(&summary));
    }

    #[test]
    fn a_fault_that_never_began_is_not_said_to_have_begun() {
        let fault = |began| FaultSummary { began, ended: None, recovered: None };
        let faults = [("a".to_string(), fault(Some(1.0))), ("b".to_string(), fault(None))].into_iter().collect();
        assert!(began(&Summary { faults, ..Summary::default() }).starts_with("One fault began, and nothing followed"));
    }
}
