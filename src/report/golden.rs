//! The golden signals of a run: what clients got, how services and queues did, and what calls cost.

use super::queues;
use super::table::Table;
use crate::analysis::summary::{CallSummary, ClientSummary, ServiceSummary, Summary};
use crate::analysis::words;

/// The tables that have rows.
pub fn tables(summary: &Summary) -> Vec<Table> {
    let all = [clients(summary), services(summary), queues::messages(summary), queues::waiting(summary), calls(summary)];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn clients(summary: &Summary) -> Table {
    let head = ["client", "offered", "goodput", "success", "degraded", "unfinished", "p50", "p95", "p99"];
    let mut table = Table::new("Clients", &head);
    // How long a run was that somebody ended early is not known here: it gets counts.
    let seconds = if summary.interrupted { 0.0 } else { summary.duration - summary.warm_up };
    // The client that the model is about comes first.
    let mut clients: Vec<(&str, &ClientSummary)> = summary.clients.iter().collect();
    clients.sort_by(|(a, x), (b, y)| y.offered.cmp(&x.offered).then(a.cmp(b)));
    for (name, client) in clients {
        let ClientSummary { offered, degraded, unfinished, goodput, success_rate, latency, .. } = client;
        table.row([
            name.to_string(),
            if seconds > 0.0 { words::rate(*offered as f64 / seconds) } else { words::count(*offered) },
            or_dash(*goodput, words::rate),
            or_dash(*success_rate, words::percent),
            words::count(*degraded),
            words::count(*unfinished),
            or_dash(latency.p50, words::span),
            or_dash(latency.p95, words::span),
            or_dash(latency.p99, words::span),
        ]);
    }
    table.without_zeros(&[4, 5])
}

fn services(summary: &Summary) -> Table {
    let head = ["service", "answers", "success", "refused", "p50", "p95", "p99", "busy", "mean\nqueue", "max\nqueue"];
    let mut table = Table::new("Services", &head);
    for (name, service) in summary.services.iter() {
        let ServiceSummary { requests, ok, rejected, rate, latency, utilization, queue_length, .. } = service;
        let success = (*requests > 0).then(|| *ok as f64 / *requests as f64);
        table.row([
            name.to_string(),
            or_dash(*rate, words::rate),
            or_dash(success, words::percent),
            words::count(*rejected),
            or_dash(latency.p50, words::span),
            or_dash(latency.p95, words::span),
            or_dash(latency.p99, words::span),
            or_dash(*utilization, words::percent),
            or_dash(queue_length.mean, words::number),
            words::count(queue_length.max),
        ]);
    }
    table.note = queues::told(summary);
    table.without_zeros(&[3])
}

fn calls(summary: &Summary) -> Table {
    let head = ["call", "calls", "attempts\nper call", "retries", "cut\nshort", "breaker\nopened", "fall-\nbacks", "sent\nper call", "p99"];
    let mut table = Table::new("Calls", &head);
    // What a broker could be asked, and was not, is no news.
    for (name, call) in summary.calls.iter().filter(|(name, call)| call.calls > 0 || !queues::is_own(summary, name)) {
        let CallSummary { calls, amplification, retries, short_circuited, breaker_opened, fallbacks, bytes, latency, .. } = call;
        table.row([
            name.to_string(),
            words::count(*calls),
            or_dash(*amplification, words::times),
            words::count(retries.app + retries.mesh),
            words::count(*short_circuited),
            words::count(*breaker_opened),
            words::count(*fallbacks),
            bytes.map_or_else(|| "0".to_string(), |bytes| or_dash(bytes.per_call, words::bytes)),
            or_dash(latency.p99, words::span),
        ]);
    }
    table.without_zeros(&[3, 4, 5, 6, 7])
}

pub fn or_dash(value: Option<f64>, word: fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_string(), word)
}
