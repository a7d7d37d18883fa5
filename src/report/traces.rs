//! Requests attempt by attempt, for the terminal: one line for each try, its times counted from when the request was offered.

use super::style::Style;
use super::wrap::WIDTH;
use crate::analysis::traces::{AttemptTrace, RequestTrace};
use crate::analysis::words;

/// Columns of a line's figures: when it was sent, how long it took, how it ended.
const FIGURES: usize = 38;

/// For the terminal; nothing if no request was followed.
pub fn text(traces: &[RequestTrace], style: Style) -> String {
    if traces.is_empty() {
        return String::new();
    }
    let requests = traces.iter().map(|trace| request(trace, style)).collect::<Vec<_>>().join("\n");
    format!("{}\n{requests}", style.strong("Requests, attempt by attempt (sent after, took, ended)"))
}

fn request(trace: &RequestTrace, style: Style) -> String {
    let RequestTrace { client, number, offered, ended, outcome, attempts } = trace;
    let end = match (ended, outcome) {
        (Some(ended), Some(outcome)) => format!("{outcome} after {}", words::span(ended - offered)),
        _ => "still in flight at the end".to_string(),
    };
    let mut text = format!("{} at {offered:.3} s: {end}\n", style.strong(&format!("{client} #{number}")));
    for attempt in attempts {
        text += &line(attempt, *offered);
    }
    text
}

fn line(attempt: &AttemptTrace, offered: f64) -> String {
    let AttemptTrace { call, host, sent, ended, outcome } = attempt;
    let took = ended.map_or("-".to_string(), |ended| words::span(ended - sent));
    let took = if host.is_some() { took } else { "not sent".to_string() };
    let figures = format!("{:>10}  {took:>10}  {:<12}", words::span(sent - offered), outcome.as_deref().unwrap_or("-"));
    let to = host.as_deref().map_or(String::new(), |host| format!(" @ {host}"));
    let names = format!("{call}{to}");
    if FIGURES + names.chars().count() <= WIDTH {
        return format!("{figures}  {names}\n");
    }
    // Too long for one line: the callee goes below its caller.
    match names.split_once(" -> ") {
        Some((from, rest)) => format!("{figures}  {from}\n{:FIGURES$}-> {rest}\n", ""),
        None => format!("{figures}  {names}\n"),
    }
}

/// As a Markdown table per request.
pub fn markdown(traces: &[RequestTrace]) -> String {
    let mut text = String::new();
    for trace in traces {
        let ended = trace.outcome.as_deref().unwrap_or("still in flight");
        text += &format!("### {} #{} at {:.3} s: {ended}\n\n", trace.client, trace.number, trace.offered);
        text += "| call | host | sent | took | ended |\n| --- | --- | ---: | ---: | --- |\n";
        for attempt in &trace.attempts {
            let took = attempt.ended.map_or("-".to_string(), |ended| words::span(ended - attempt.sent));
            let (host, outcome) = (attempt.host.as_deref().unwrap_or("not sent"), attempt.outcome.as_deref().unwrap_or("-"));
            text += &format!("| {} | {host} | {} | {took} | {outcome} |\n", attempt.call, words::span(attempt.sent - trace.offered));
        }
        text.push('\n');
    }
    text
}
