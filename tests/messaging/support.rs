//! Runs a model of publishers and consumers that stands in a test, and checks what holds of every queue in every run.

use brownout::analysis::expectations::Verdict;
use brownout::analysis::summary::{Summary, summarize};
use brownout::analysis::{expectations, traces};
use brownout::model;
use brownout::observe::recording::{BrokerRecord, QueueRecord, QueueWindow, Recording};
use brownout::observe::watch::Wish;
use brownout::topology::Topology;
use brownout::topology::broker::Rules;
use brownout::topology::compile::compile;
use brownout::world::{Control, run as run_world};

pub struct Ran {
    pub topology: Topology,
    pub recording: Recording,
    pub summary: Summary,
    traces: Vec<traces::RequestTrace>,
}

/// The files of all models: `1s+2s.csv` has a row for each part of its name, `3x1s.csv` three rows of 1s.
fn file(name: &str) -> Result<String, String> {
    let rows = name.strip_suffix(".csv").ok_or("there are only traces")?;
    let several = |row: &str| match row.split_once('x') {
        Some((times, row)) => vec![row.to_owned(); times.parse().expect("a number of rows")],
        None => vec![row.to_owned()],
    };
    Ok(rows.split('+').flat_map(several).collect::<Vec<_>>().join("\n"))
}

pub fn compiled(yaml: &str) -> Topology {
    let loader = |_: &str| Ok(yaml.as_bytes().to_vec());
    let loaded = model::read("model.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}\n{yaml}", refused.problems));
    compile(&loaded.model, &file).unwrap_or_else(|problems| panic!("{problems:#?}\n{yaml}"))
}

/// What is said of a model that cannot run: `code at path`.
pub fn refused(yaml: &str) -> Vec<String> {
    let loader = |_: &str| Ok(yaml.as_bytes().to_vec());
    let problems = match model::read("model.yaml", &loader, &[], None) {
        Err(refused) => refused.problems,
        Ok(loaded) => compile(&loaded.model, &file).expect_err("refused"),
    };
    problems.list.iter().map(|problem| format!("{} at {}", problem.code, problem.path.clone().unwrap_or_default())).collect()
}

/// Runs it twice: the same happens, and of each queue all that came is somewhere.
pub fn run(yaml: &str) -> Ran {
    let topology = compiled(yaml);
    let wish = Wish::first(10_000);
    let traced = || Control { wish: Some(&wish), ..Control::default() };
    let recording = run_world(&topology, topology.seed, traced()).expect("no limit is reached");
    let again = run_world(&topology, topology.seed, Control::default()).expect("no limit is reached");
    assert_eq!(recording.fingerprint, again.fingerprint, "a run repeats itself");
    let summary = summarize(&topology, &recording, None);
    for (queue, record) in topology.brokers.queues.iter().zip(&recording.queues) {
        let gone = record.acked + record.dead_lettered + record.dropped + record.moved + record.lost;
        let left = record.left_ready + record.left_unacked;
        if !queue.rules.is_log() {
            assert_eq!(
                record.published,
                gone + left,
                "messages of {}: acked {}, died {:?}, lost {}",
                queue.name,
                record.acked,
                record.died,
                record.lost
            );
        }
        assert!(record.redelivered <= record.delivered);
    }
    let traces = traces::traces(&topology, &recording);
    Ran { topology, recording, summary, traces }
}

/// A shop whose `order` does these steps when it is asked at these times (`trace` without its brackets); three services that may
/// consume, `worker` of one replica, `pair` of two, and `trio`; and brokers, consumers and what else there is.
pub fn shop(times: &str, steps: &str, rest: &str) -> String {
    format!(
        "
duration: 60s
drain: 10s
window: 100ms
clients: {{c: {{target: shop.order, arrivals: trace({times}.csv)}}}}
services:
  shop: {{endpoints: {{order: {steps}}}}}
  worker: {{endpoints: {{}}}}
  pair: {{replicas: 2, endpoints: {{}}}}
  trio: {{replicas: 3, endpoints: {{}}}}
{rest}"
    )
}

impl Ran {
    fn number(&self, queue: &str) -> usize {
        let known = self.topology.brokers.queues.iter().position(|known| known.name == queue);
        known.unwrap_or_else(|| panic!("no queue {queue}"))
    }

    pub fn queue(&self, name: &str) -> &QueueRecord {
        &self.recording.queues[self.number(name)]
    }

    pub fn broker(&self) -> &BrokerRecord {
        &self.recording.brokers[0]
    }

    /// What happened in a queue, without what did not: `published 3, delivered 4, redelivered 1, acked 3`.
    pub fn counts(&self, queue: &str) -> String {
        let record = self.queue(queue);
        let all = [
            ("published", record.published),
            ("known", record.known),
            ("refused", record.refused),
            ("delivered", record.delivered),
            ("redelivered", record.redelivered),
            ("acked", record.acked),
            ("rejected", record.died[0]),
            ("expired", record.died[1]),
            ("maxlen", record.died[2]),
            ("limit", record.died[3]),
            ("dead", record.dead_lettered),
            ("dropped", record.dropped),
            ("moved", record.moved),
            ("lost", record.lost),
            ("duplicates", record.duplicates),
            ("rebalances", record.rebalances),
            ("ready", record.left_ready),
            ("unacked", record.left_unacked),
        ];
        let there = all.iter().filter(|(_, count)| *count > 0);
        there.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    }

    /// How a queue stood at the end of the window (of 100 ms) that ends then: ready and in consumers' hands.
    pub fn depth(&self, queue: &str, ms: usize) -> (u64, u64) {
        let QueueWindow { ready, unacked, .. } = self.queue(queue).windows[ms / 100 - 1];
        (ready, unacked)
    }

    /// All tries to bring a message to this consumer, in the order in which they were sent: `request: from-to outcome` in
    /// milliseconds, with the host in front if it has more than one; an end that is not known is `?`.
    pub fn deliveries(&self, consumer: &str) -> Vec<String> {
        let ending = format!(".{consumer}");
        let ms = |seconds: f64| format!("{}", (seconds * 1e6).round() / 1e3);
        let mut all = Vec::new();
        for trace in &self.traces {
            for attempt in trace.attempts.iter().filter(|attempt| attempt.call.contains(" for ") && attempt.call.ends_with(&ending)) {
                let host =
                    attempt.host.as_deref().filter(|host| !host.starts_with("worker")).map_or(String::new(), |host| format!("{host} "));
                let ended = attempt.ended.map_or("?".to_owned(), ms);
                let outcome = attempt.outcome.as_deref().unwrap_or("?");
                all.push((attempt.sent, format!("{host}{}: {}-{ended} {outcome}", trace.number, ms(attempt.sent))));
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.into_iter().map(|(_, told)| told).collect()
    }

    /// `offered+took outcome` of every request of the clients, in milliseconds.
    pub fn told(&self) -> Vec<String> {
        let ms = |seconds: f64| (seconds * 1e6).round() / 1e3;
        let told = |trace: &traces::RequestTrace| match (&trace.outcome, trace.ended) {
            (Some(outcome), Some(ended)) => format!("{}+{} {outcome}", ms(trace.offered), ms(ended - trace.offered)),
            _ => format!("{}+? ?", ms(trace.offered)),
        };
        self.traces.iter().map(told).collect()
    }

    /// `200: 3, 503: 1`
    pub fn outcomes(&self, client: &str) -> String {
        let client = self.summary.clients.get(client).expect("the client is there");
        client.outcomes.iter().map(|(outcome, n)| format!("{outcome}: {n}")).collect::<Vec<_>>().join(", ")
    }

    pub fn verdicts(&self) -> Vec<(String, Verdict)> {
        let all = expectations::evaluate(&self.topology, &self.recording, &self.summary);
        all.iter().map(|(name, verdict)| (name.to_owned(), verdict.clone())).collect()
    }

    /// Whether it is a group of Kafka or a topic.
    pub fn is_log(&self, queue: &str) -> bool {
        !matches!(self.topology.brokers.queues[self.number(queue)].rules, Rules::Rabbitmq(_) | Rules::Sqs(_) | Rules::ServiceBus(_))
    }
}
