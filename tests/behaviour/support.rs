//! Runs a model that stands in a test, and checks what holds for every run.

use brownout::analysis::summary::{CallSummary, ClientSummary, ServiceSummary, Summary, summarize};
use brownout::base::id::*;
use brownout::model;
use brownout::observe::episode::{Cause, Episode, Place, Trouble};
use brownout::observe::recording::{Happening, Recording};
use brownout::policy::app::Mode;
use brownout::topology::Topology;
use brownout::topology::compile::compile;
use brownout::world::{Control, run as run_world};

pub struct Ran {
    pub topology: Topology,
    pub recording: Recording,
    pub summary: Summary,
}

/// The files of all models: `1s+2s.csv` has a row for each part of its name.
fn file(name: &str) -> Result<String, String> {
    let rows = name.strip_suffix(".csv").ok_or("there are only traces")?;
    Ok(rows.replace('+', "\n"))
}

pub fn compiled(yaml: &str) -> Topology {
    let loader = |name: &str| if name == "model.yaml" { Ok(yaml.as_bytes().to_vec()) } else { Err(format!("no file `{name}`")) };
    let loaded = model::read("model.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}", refused.problems));
    compile(&loaded.model, &file).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// What compiling says of a model that cannot run: the codes of its errors.
pub fn refused(yaml: &str) -> Vec<&'static str> {
    let loader = |_: &str| Ok(yaml.as_bytes().to_vec());
    match model::read("model.yaml", &loader, &[], None) {
        Err(refused) => refused.problems.list.iter().map(|d| d.code).collect(),
        Ok(loaded) => compile(&loaded.model, &file).expect_err("refused").list.iter().map(|d| d.code).collect(),
    }
}

/// Runs a model to its end: nothing may be left in flight.
pub fn run(yaml: &str) -> Ran {
    let ran = run_on(yaml);
    let end = ran.topology.duration + ran.topology.drain;
    assert!(ran.recording.ended.0 < end.0, "something is still in flight at the end of the run");
    conserved(&ran, true);
    ran
}

/// Runs a model in which something may never end.
pub fn run_on(yaml: &str) -> Ran {
    let topology = compiled(yaml);
    let recording = run_world(&topology, topology.seed, Control::default()).expect("no limit is reached");
    let again = run_world(&topology, topology.seed, Control::default()).expect("no limit is reached");
    assert_eq!(recording.fingerprint, again.fingerprint, "a run repeats itself");
    let summary = summarize(&topology, &recording, None);
    let ran = Ran { topology, recording, summary };
    conserved(&ran, false);
    ran
}

fn conserved(ran: &Ran, finished: bool) {
    for (name, c) in ran.summary.clients.iter() {
        assert_eq!(c.offered, c.ok + c.degraded + c.failed + c.unfinished, "requests of {name}");
        assert!(!finished || c.unfinished == 0, "{name} has unfinished requests");
    }
    if !finished {
        return;
    }
    for (name, e) in ran.summary.calls.iter() {
        assert_eq!(e.calls + e.retries.app, e.attempts + e.short_circuited, "tries of {name}");
        assert_eq!(e.calls, e.outcomes.iter().map(|(_, n)| n).sum::<u64>(), "outcomes of {name}");
    }
    for (name, s) in ran.summary.services.iter() {
        assert_eq!(s.requests, s.ok + s.failed + s.rejected + s.abandoned, "requests at {name}: {s:?}");
    }
    for (edge, window) in ran.recording.edges.iter().flat_map(|e| e.windows.iter().map(move |w| (e, w))) {
        assert!(window.open < 1 << 20 && window.half_open < 1 << 20, "breakers of {edge:?}");
    }
}

impl Ran {
    pub fn client(&self, name: &str) -> &ClientSummary {
        self.summary.clients.get(name).expect("the client is there")
    }

    pub fn service(&self, name: &str) -> &ServiceSummary {
        self.summary.services.get(name).expect("the service is there")
    }

    pub fn call(&self, name: &str) -> &CallSummary {
        self.summary.calls.get(name).expect("the call is there")
    }

    fn client_id(&self, name: &str) -> usize {
        self.topology.clients.iter().position(|c| c.name == name).expect("the client is there")
    }

    pub fn service_id(&self, name: &str) -> usize {
        self.topology.services.iter().position(|c| c.name == name).expect("the service is there")
    }

    /// Milliseconds that a client's only request took.
    pub fn took(&self, client: &str) -> f64 {
        let latency = &self.recording.clients[self.client_id(client)].latency;
        assert_eq!(latency.count(), 1, "{client} has one completed request");
        latency.max().unwrap() as f64 / 1e6
    }

    /// The same for several clients.
    pub fn all_took<const N: usize>(&self, clients: [&str; N]) -> [f64; N] {
        clients.map(|client| self.took(client))
    }

    /// Shortest and longest latency of a client, milliseconds.
    pub fn range(&self, client: &str) -> (f64, f64) {
        let latency = &self.recording.clients[self.client_id(client)].latency;
        (latency.min().unwrap() as f64 / 1e6, latency.max().unwrap() as f64 / 1e6)
    }

    /// `200: 3, 503 UO: 1`
    pub fn outcomes(&self, client: &str) -> String {
        listed(self.client(client).outcomes.iter())
    }

    pub fn call_outcomes(&self, call: &str) -> String {
        listed(self.call(call).outcomes.iter())
    }

    /// Worker-milliseconds held at a service.
    pub fn busy(&self, service: &str) -> f64 {
        self.recording.services[self.service_id(service)].busy as f64 / 1e6
    }

    /// Milliseconds at which the breakers of a call changed, and to what.
    pub fn breaker(&self, call: &str) -> Vec<(f64, Mode)> {
        let of = |edge: &EdgeId| self.topology.edges[edge.index()].name == call;
        let change = |mark: &brownout::observe::recording::Mark| match mark.what {
            Happening::Breaker { edge, to, .. } if of(&edge) => Some((mark.at.0 as f64 / 1e6, to)),
            _ => None,
        };
        self.recording.timeline.iter().filter_map(change).collect()
    }

    /// Milliseconds at which replicas went down or came up.
    pub fn replicas(&self) -> Vec<(f64, u32, bool)> {
        let change = |mark: &brownout::observe::recording::Mark| match mark.what {
            Happening::ReplicaDown(r) => Some((mark.at.0 as f64 / 1e6, r.0, false)),
            Happening::ReplicaUp(r) => Some((mark.at.0 as f64 / 1e6, r.0, true)),
            _ => None,
        };
        self.recording.timeline.iter().filter_map(change).collect()
    }

    /// Milliseconds at which occurrences of a fault began and ended.
    pub fn spans(&self, fault: &str) -> Vec<(f64, Option<f64>)> {
        let ms = |at: brownout::base::time::Instant| at.0 as f64 / 1e6;
        let of = |f: FaultId| self.topology.faults[f.index()].name == fault;
        self.recording.faults.iter().filter(|s| of(s.fault)).map(|s| (ms(s.began), s.ended.map(ms))).collect()
    }

    pub fn episodes(&self) -> &[Episode] {
        &self.recording.episodes
    }

    /// The name of the fault that a cause leads back to.
    pub fn root(&self, cause: Cause) -> Option<&str> {
        let root = self.episodes()[cause.episode()?].root;
        match self.episodes()[root.episode()?].place {
            Place::Fault(fault) => Some(&self.topology.faults[fault.index()].name),
            _ => None,
        }
    }

    /// The faults behind the episodes of this trouble.
    pub fn roots_of(&self, trouble: Trouble) -> Vec<Option<&str>> {
        let of = |(i, e): (usize, &Episode)| (e.trouble == trouble).then(|| self.root(Cause(i as u16 + 1)));
        let mut roots: Vec<_> = self.episodes().iter().enumerate().filter_map(of).collect();
        roots.sort();
        roots.dedup();
        roots
    }
}

fn listed<'a>(outcomes: impl Iterator<Item = (&'a str, &'a u64)>) -> String {
    outcomes.map(|(outcome, n)| format!("{outcome}: {n}")).collect::<Vec<_>>().join(", ")
}
