//! Queues of brokers: what became of their messages, and how long these waited.

use super::golden::or_dash;
use super::table::Table;
use crate::analysis::summary::{QueueSummary, Summary};
use crate::analysis::words;

/// The endpoints that every broker has, whether anybody uses them or not.
const OWN: [&str; 2] = ["connect", "replies"];

/// Counts add up: published is acknowledged, given up to another queue or to none, moved, lost, or left.
pub fn messages(summary: &Summary) -> Table {
    let head = [
        "queue",
        "pub-\nlished",
        "re-\nfused",
        "redeli-\nvered",
        "acked",
        "dead\nletters",
        "drop-\nped",
        "moved",
        "lost",
        "left",
        "dupli-\ncates",
    ];
    let mut table = Table::new("Queues", &head);
    for (name, queue) in queues(summary) {
        let QueueSummary { published, refused, redelivered, acked, dead_lettered, dropped, moved, lost, left, duplicates, .. } = queue;
        let counts = [published, refused, redelivered, acked, dead_lettered, dropped, moved, lost, left, duplicates];
        table.row(std::iter::once(name.to_string()).chain(counts.map(|n| words::count(*n))));
    }
    let mut notes: Vec<String> = brokers(summary).filter_map(|(name, broker)| besides(name, broker)).collect();
    if summary.warm_up > 0.0 {
        notes.insert(0, "Counts are of the whole run, warm-up included.".to_string());
    }
    table.note = notes.join(" ");
    table.without_zeros(&[2, 3, 5, 6, 7, 8, 9, 10])
}

/// How many waited, for how long, and how long it took until they were acknowledged.
pub fn waiting(summary: &Summary) -> Table {
    let head = ["queue", "mean\nwaiting", "max\nwaiting", "mean\nunacked", "oldest", "p50 until\nacked", "p99 until\nacked"];
    let mut table = Table::new("Messages in queues", &head);
    for (name, queue) in queues(summary) {
        let QueueSummary { lag, unacked, age, latency, .. } = queue;
        table.row([
            name.to_string(),
            or_dash(lag.mean, words::number),
            words::count(lag.max),
            or_dash(*unacked, words::number),
            words::span(age.max),
            or_dash(latency.p50, words::span),
            or_dash(latency.p99, words::span),
        ]);
    }
    table
}

/// Which of the services are brokers, in a sentence; none if there are none.
pub fn told(summary: &Summary) -> String {
    let names: Vec<String> = brokers(summary).map(|(name, _)| name.to_string()).collect();
    match names.len() {
        0 => String::new(),
        1 => format!("{} is a broker: it answers those who publish, connect or reply.", names[0]),
        _ => format!("{} are brokers: they answer those who publish, connect or reply.", words::all(&names)),
    }
}

/// A call that no model writes, to what every broker has.
pub fn is_own(summary: &Summary, call: &str) -> bool {
    let Some((_, callee)) = call.split_once(" -> ") else { return false };
    brokers(summary)
        .any(|(name, _)| callee.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).is_some_and(|own| OWN.contains(&own)))
}

/// `order-events: 12 messages that no queue wanted, 3 replies that nobody waited for.`
fn besides(name: &str, broker: &QueueSummary) -> Option<String> {
    let unroutable =
        broker.unroutable.filter(|n| *n > 0).map(|n| format!("{} that no queue wanted", words::counted(n, "message", "messages")));
    let unclaimed = broker.unclaimed_replies.filter(|n| *n > 0);
    let unclaimed = unclaimed.map(|n| format!("{} that nobody waited for", words::counted(n, "reply", "replies")));
    let both: Vec<String> = [unroutable, unclaimed].into_iter().flatten().collect();
    (!both.is_empty()).then(|| format!("{name}: {}.", both.join(", ")))
}

/// Only brokers know of messages that reached no queue.
fn brokers(summary: &Summary) -> impl Iterator<Item = (&str, &QueueSummary)> {
    summary.brokers.iter().filter(|(_, one)| one.unroutable.is_some())
}

fn queues(summary: &Summary) -> impl Iterator<Item = (&str, &QueueSummary)> {
    summary.brokers.iter().filter(|(_, one)| one.unroutable.is_none())
}
