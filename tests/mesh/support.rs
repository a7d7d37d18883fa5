//! Runs a model with manifests that stand in a test.

use brownout::analysis::summary::{Summary, summarize};
use brownout::analysis::traces::{EjectionTrace, RequestTrace, ejections, traces};
use brownout::import;
use brownout::model;
use brownout::observe::recording::Recording;
use brownout::observe::watch::Wish;
use brownout::topology::Topology;
use brownout::topology::compile::compile;
use brownout::world::{Control, run as run_world};

pub struct Ran {
    pub summary: Summary,
    pub traces: Vec<RequestTrace>,
    pub ejections: Vec<EjectionTrace>,
    pub recording: Recording,
}

/// The files of all models: `1s+2s.csv` has a row for each part of its name.
fn file(name: &str) -> Result<String, String> {
    let rows = name.strip_suffix(".csv").ok_or("there are only traces")?;
    Ok(rows.replace('+', "\n"))
}

pub fn compiled(yaml: &str, manifests: &str) -> Topology {
    loaded(yaml, manifests).1
}

pub fn loaded(yaml: &str, manifests: &str) -> (model::Loaded, Topology) {
    let loader = |name: &str| if name == "model.yaml" { Ok(yaml.as_bytes().to_vec()) } else { Err(format!("no file `{name}`")) };
    let mut loaded = model::read("model.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}", refused.problems));
    let id = loaded.sources.add("istio.yaml", manifests.as_bytes().to_vec()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let problems = import::adopt(&mut loaded, &[id]);
    assert!(!problems.has_errors(), "{problems:#?}");
    let topology = compile(&loaded.model, &file).unwrap_or_else(|problems| panic!("{problems:#?}"));
    (loaded, topology)
}

/// The codes of what keeps a model from compiling.
pub fn refused(yaml: &str) -> Vec<&'static str> {
    let loader = |_: &str| Ok(yaml.as_bytes().to_vec());
    let loaded = model::read("model.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}", refused.problems));
    compile(&loaded.model, &file).expect_err("refused").list.iter().map(|problem| problem.code).collect()
}

/// What a run without any manifest comes to.
pub fn summary(yaml: &str) -> Summary {
    let topology = compiled(yaml, "");
    summarize(&topology, &run_world(&topology, topology.seed, Control::default()).expect("no limit is reached"), None)
}

/// Runs it twice: the same happens.
pub fn run(yaml: &str, manifests: &str) -> Ran {
    let topology = compiled(yaml, manifests);
    let wish = Wish::first(10_000);
    let control = || Control { wish: Some(&wish), ..Control::default() };
    let recording = run_world(&topology, topology.seed, control()).expect("no limit is reached");
    let again = run_world(&topology, topology.seed, control()).expect("no limit is reached");
    assert_eq!(recording.fingerprint, again.fingerprint, "a run repeats itself");
    let summary = summarize(&topology, &recording, None);
    for (name, c) in summary.clients.iter() {
        assert_eq!(c.offered, c.ok + c.degraded + c.failed, "all requests of {name} have ended");
    }
    for (name, e) in summary.calls.iter() {
        assert_eq!(e.calls + e.retries.app + e.retries.mesh, e.attempts + e.short_circuited, "tries of {name}");
    }
    for (name, s) in summary.services.iter() {
        assert_eq!(s.requests, s.ok + s.failed + s.rejected + s.abandoned, "requests at {name}: {s:?}");
    }
    Ran { summary, traces: traces(&topology, &recording), ejections: ejections(&topology, &recording), recording }
}

impl Ran {
    /// `offered+took outcome` of every request, in milliseconds: `1000+30 503 URX`.
    pub fn told(&self) -> Vec<String> {
        let ms = |seconds: f64| (seconds * 1e3).round();
        let told = |t: &RequestTrace| {
            let (ended, outcome) = (t.ended.expect("it has ended"), t.outcome.clone().expect("it has ended"));
            format!("{}+{} {outcome}", ms(t.offered), ms(ended - t.offered))
        };
        self.traces.iter().map(told).collect()
    }

    /// Outcomes alone.
    pub fn outcomes(&self) -> Vec<String> {
        self.traces.iter().map(|t| t.outcome.clone().expect("it has ended")).collect()
    }

    /// Attempts that were sent, of one request: `host sent-ended outcome`, in milliseconds after it was offered.
    pub fn attempts(&self, request: usize) -> Vec<String> {
        let t = &self.traces[request];
        let after = |at: f64| ((at - t.offered) * 1e3).round();
        let sent = t.attempts.iter().filter_map(|a| Some((a.host.clone()?, a)));
        sent.map(|(host, a)| format!("{host} {}-{} {}", after(a.sent), after(a.ended.unwrap()), a.outcome.clone().unwrap())).collect()
    }

    /// Ejections and returns: `at host out|back`, in milliseconds.
    pub fn ejected(&self) -> Vec<String> {
        let way = |ejected| if ejected { "out" } else { "back" };
        self.ejections.iter().map(|e| format!("{} {} {}", (e.at * 1e3).round(), e.host, way(e.ejected))).collect()
    }
}

/// A client with a proxy that calls `echo.get` at these times, and the service with these steps.
pub fn echo(times: &str, rest: &str) -> String {
    format!("duration: 10m\nclients: {{caller: {{target: echo.get, arrivals: trace({times}.csv), via: sidecar}}}}\nmesh: {{}}\n{rest}")
}

/// The same where pods that are gone stay listed as endpoints.
pub fn listed(model: String) -> String {
    model.replace("mesh: {}", "mesh: {push: {endpoints: false}}")
}

/// A VirtualService for `echo` with these words in its only route, and a DestinationRule with this traffic policy, if there is one.
pub fn istio(route: &str, policy: &str) -> String {
    let comma = if route.is_empty() { "" } else { ", " };
    let rule = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: echo}}\nspec:\n  hosts: [echo]\n  http:\n  - {{route: [{{destination: {{host: echo}}}}]{comma}{route}}}\n"
    );
    if policy.is_empty() {
        return rule;
    }
    format!(
        "{rule}---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: echo}}\nspec:\n  host: echo\n  trafficPolicy: {{{policy}}}\n"
    )
}
