//! `brownout alerts`: which alerts of real rule files would have fired in a run, when, and how long after the trouble began.
//!
//! Expressions are evaluated by a real Prometheus over the run's `metrics.om`; nothing of PromQL is done here.

mod prometheus;
mod rules;

use super::{Exit, fail, note, print, style};
use crate::analysis::alerts::{self, Returned, Rule};
use crate::analysis::summary::Summary;
use crate::model::scalar::Duration;
use crate::report::Format;
use prometheus::{Prometheus, promtool};
use std::fs::File;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Alerts {
    /// A rule file of Prometheus, or a PrometheusRule object
    rules: PathBuf,
    /// What `run --out` wrote
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// How often rules are evaluated whose group does not say
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    evaluation_interval: Duration,
    /// How to print the result: table, json, csv or markdown
    #[arg(long, default_value = "table", value_parser = Format::NAMES)]
    format: String,
    /// Print without colour
    #[arg(long)]
    no_color: bool,
    /// Print no notes
    #[arg(long, short)]
    quiet: bool,
}

impl Alerts {
    pub(super) fn execute(self) -> Exit {
        match self.replay() {
            Ok(alerts) => {
                let format = self.format.parse().expect("clap has checked the word");
                print(&crate::report::alerts(&alerts, format, style(self.no_color)))
            }
            Err(exit) => exit,
        }
    }

    fn replay(&self) -> Result<alerts::Alerts, Exit> {
        let text = self.text(&self.rules)?;
        let every = self.evaluation_interval.nanos().as_secs_f64();
        let read = rules::read(&text, every.max(1.0));
        let read = read.map_err(|why| fail(&format!("`{}` is no file of rules: {why}", self.rules.display())))?;
        let summary: Summary = serde_json::from_str(&self.text(&self.directory.join("summary.json"))?)
            .map_err(|error| self.not_ours(&format!("its summary.json is not of one run: {error}")))?;
        let metrics = self.directory.join("metrics.om");
        let start = start_of(&metrics).map_err(|error| self.not_ours(&format!("cannot read `{}`: {error}", metrics.display())))?;
        let start = start.ok_or_else(|| self.not_ours("its metrics.om has no samples"))?;
        let aside = Aside::make().map_err(|error| fail(&format!("cannot make a directory for Prometheus: {error}")))?;
        let returned = self.ask(&read, &metrics, &aside.0, (start, summary.duration)).map_err(|why| {
            let help = "`brownout alerts` drives a real Prometheus: install it (Debian: `apt-get install prometheus`), or name its programs in \
                        the variables PROMETHEUS and PROMTOOL";
            fail(&format!("{why}\nhelp: {help}"))
        })?;
        if !self.quiet && read.alerts.is_empty() {
            note("note: the file has no alerting rules");
        }
        Ok(alerts::alerts(&returned, &summary, summary.duration))
    }

    /// What each alerting rule's expression returned.
    fn ask(&self, read: &rules::Rules, metrics: &Path, aside: &Path, (start, lasts): (f64, f64)) -> Result<Asked, String> {
        let plain = aside.join("rules.yml");
        std::fs::write(&plain, &read.plain).map_err(|error| error.to_string())?;
        let (rules, data) = (plain.to_string_lossy(), aside.join("data"));
        promtool(&["check", "rules", &rules]).map_err(|why| format!("promtool refuses `{}`:\n{why}", self.rules.display()))?;
        promtool(&["tsdb", "create-blocks-from", "openmetrics", &metrics.to_string_lossy(), &data.to_string_lossy()])?;
        let span = (start, start + lasts);
        if read.records {
            let every = read.alerts.iter().map(|(rule, _)| rule.every).fold(15.0, f64::min);
            // What it writes is seen by the next to start on it.
            Prometheus::start(aside)?.record(aside, &plain, span, every)?;
        }
        let prometheus = Prometheus::start(aside)?;
        let mut returned = Vec::new();
        for (rule, expression) in &read.alerts {
            let of =
                prometheus.returned(expression, span, rule.every).map_err(|why| format!("the expression of `{}`: {why}", rule.name))?;
            returned.push((rule.clone(), of));
        }
        Ok(returned)
    }

    fn text(&self, file: &Path) -> Result<String, Exit> {
        let read = std::fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()));
        read.map_err(|why| if file.starts_with(&self.directory) { self.not_ours(&why) } else { fail(&why) })
    }

    fn not_ours(&self, why: &str) -> Exit {
        let help = "name a directory that `brownout run MODEL --out DIR` has written";
        fail(&format!("`{}` does not hold a run: {why}\nhelp: {help}", self.directory.display()))
    }
}

/// Rules with what their expressions returned.
type Asked = Vec<(Rule, Vec<Returned>)>;

/// The time of the first sample: pods are scraped from the beginning on.
fn start_of(metrics: &Path) -> io::Result<Option<f64>> {
    // Metrics are larger than any model: line by line.
    for line in io::BufReader::new(File::open(metrics)?).lines() {
        let line = line?;
        if line.starts_with("up{") {
            return Ok(line.rsplit(' ').next().and_then(|stamp| stamp.parse().ok()));
        }
    }
    Ok(None)
}

/// A directory that is gone afterwards.
struct Aside(PathBuf);

impl Aside {
    fn make() -> std::io::Result<Aside> {
        let place = std::env::temp_dir().join(format!("brownout-alerts-{}", std::process::id()));
        std::fs::create_dir_all(&place)?;
        Ok(Aside(place))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
