//! `metrics.om` of a run that is scraped every 10 s, and what a series in it reads.

use brownout::base::time::Nanos;
use brownout::export::epoch::Epoch;
use brownout::export::openmetrics;
use brownout::observe::watch::Wish;
use brownout::observe::watch::sampling::Sampling;
use brownout::topology::Topology;
use brownout::world::{Control, run as run_world};

pub struct Scraped {
    text: String,
}

pub fn scraped(topology: &Topology) -> Scraped {
    let wish = Wish { sampling: Sampling::Nothing, scrape: Some(Nanos::from_secs(10)) };
    let recording = run_world(topology, topology.seed, Control { wish: Some(&wish), ..Control::default() }).expect("no limit is reached");
    let plain = run_world(topology, topology.seed, Control::default()).expect("no limit is reached");
    assert_eq!(recording.fingerprint, plain.fingerprint, "reading changes nothing");
    let mut bytes = Vec::new();
    openmetrics::write(topology, &recording, Epoch::default(), &mut bytes).expect("memory takes all");
    Scraped { text: String::from_utf8(bytes).expect("it is text") }
}

impl Scraped {
    /// What the one series of this name that has all these labels reads, scrape by scrape.
    pub fn read(&self, name: &str, labels: &str) -> Vec<f64> {
        let mut series: Option<&str> = None;
        let mut values = Vec::new();
        for line in self.text.lines().filter(|line| line.starts_with(&format!("{name}{{"))) {
            let (of, rest) = line.rsplit_once("} ").expect("labels, and then a value");
            if labels.split(' ').all(|label| of.contains(label)) {
                assert_eq!(*series.get_or_insert(of), of, "`{labels}` tells one series of {name}");
                values.push(rest.split(' ').next().expect("a value").parse().expect("a number"));
            }
        }
        values
    }

    pub fn has(&self, name: &str) -> bool {
        self.text.contains(&format!("\n# TYPE {name} "))
    }
}
