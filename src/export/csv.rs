//! Figures as CSV: one row per path of a summary, an aggregate or a comparison, for spreadsheets and data frames.

use crate::analysis::alerts::Alerts;
use crate::analysis::statistics::Estimate;
use crate::analysis::summary::Summary;
use crate::experiment::aggregate::{Aggregate, Comparison};
use crate::experiment::figures::{Figure, RunFigures};
use crate::experiment::why::Why;
use std::io;

/// `path,value`; empty where there is no value, 1 or 0 for what holds or not.
pub fn summary(summary: &Summary, to: impl io::Write) -> io::Result<()> {
    let mut rows = Rows::new(to, &["path", "value"])?;
    let run = RunFigures::of(summary);
    for (path, figure) in &run.figures {
        rows.row([path.as_str(), &cell(figure.number())])?;
    }
    for (name, passed) in &run.expectations {
        rows.row([&format!("expectations.{}.passed", crate::experiment::figures::quoted(name)), &cell(Figure::Holds(*passed).number())])?;
    }
    rows.end()
}

/// `alert,labels,pending,fired,resolved,fault,toDetect,afterCascade`, in order of time.
pub fn alerts(alerts: &Alerts, to: impl io::Write) -> io::Result<()> {
    let mut rows = Rows::new(to, &["alert", "labels", "pending", "fired", "resolved", "fault", "toDetect", "afterCascade"])?;
    for alert in &alerts.alerts {
        let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let [pending, fired, resolved] = [Some(alert.pending), alert.fired, alert.resolved].map(cell);
        let fault = alert.fault.as_deref().unwrap_or("");
        rows.row([&alert.name, &labels.join(" "), &pending, &fired, &resolved, fault, &cell(alert.to_detect), &cell(alert.after_cascade)])?;
    }
    rows.end()
}

/// `change,set,cost,kept,expectations,served,difference,differenceLo,differenceHi`, the best change first.
pub fn why(why: &Why, to: impl io::Write) -> io::Result<()> {
    let head = ["change", "set", "cost", "kept", "expectations", "served", "difference", "differenceLo", "differenceHi"];
    let mut rows = Rows::new(to, &head)?;
    for tried in &why.tried {
        let cost = serde_json::to_value(tried.cost).ok().and_then(|cost| cost.as_str().map(str::to_string)).unwrap_or_default();
        let (kept, all) = (tried.kept.to_string(), why.expectations.to_string());
        let [_, d, d_lo, d_hi] = cells(&tried.difference);
        rows.row([&tried.change, &tried.set.join("; "), &cost, &kept, &all, &cell(tried.served.mean), &d, &d_lo, &d_hi])?;
    }
    rows.end()
}

/// `path,runs,mean,lo,hi`
pub fn aggregate(aggregate: &Aggregate, to: impl io::Write) -> io::Result<()> {
    let mut rows = Rows::new(to, &["path", "runs", "mean", "lo", "hi"])?;
    for (path, estimate) in all_figures(aggregate) {
        let [n, mean, lo, hi] = cells(&estimate);
        rows.row([&path, &n, &mean, &lo, &hi])?;
    }
    rows.end()
}

/// `variant,path,runs,mean,lo,hi,difference,differenceLo,differenceHi`; the baseline has no differences.
pub fn comparison(comparison: &Comparison, to: impl io::Write) -> io::Result<()> {
    let head = ["variant", "path", "runs", "mean", "lo", "hi", "difference", "differenceLo", "differenceHi"];
    let mut rows = Rows::new(to, &head)?;
    for (variant, own, differences) in comparison.all() {
        for (path, estimate) in all_figures(own) {
            let [n, mean, lo, hi] = cells(&estimate);
            let difference = differences.and_then(|all| all.get(&path)).copied().unwrap_or_default();
            let [_, d, d_lo, d_hi] = cells(&difference);
            rows.row([variant, &path, &n, &mean, &lo, &hi, &d, &d_lo, &d_hi])?;
        }
    }
    rows.end()
}

fn all_figures(aggregate: &Aggregate) -> impl Iterator<Item = (String, Estimate)> {
    let passed = aggregate.expectations.iter().map(|(name, passed)| {
        let estimate = Estimate { n: aggregate.runs, mean: Some(passed.passed), lo: Some(passed.lo), hi: Some(passed.hi) };
        (format!("expectations.{}.passed", crate::experiment::figures::quoted(name)), estimate)
    });
    aggregate.figures.iter().map(|(path, estimate)| (path.to_string(), *estimate)).chain(passed)
}

fn cells(estimate: &Estimate) -> [String; 4] {
    [estimate.n.to_string(), cell(estimate.mean), cell(estimate.lo), cell(estimate.hi)]
}

/// The shortest text that reads back as the same number; empty for none.
pub fn cell(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// CSV with a head, its errors those of what is written to.
pub struct Rows<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Rows<W> {
    pub fn new(to: W, head: &[&str]) -> io::Result<Rows<W>> {
        let mut rows = Rows(csv::Writer::from_writer(to));
        rows.row(head)?;
        Ok(rows)
    }

    pub fn row<I: IntoIterator<Item: AsRef<[u8]>>>(&mut self, cells: I) -> io::Result<()> {
        self.0.write_record(cells).map_err(io::Error::from)
    }

    pub fn end(mut self) -> io::Result<()> {
        self.0.flush()
    }
}
