//! The first screen of a run: three sentences, the verdicts, the golden signals with small curves beside their figures.

use super::Subject;
use super::escape::{Sentence, Text};
use super::run::{self, curve};
use super::series::{Lens, Numbers};
use crate::analysis::summary::{ClientSummary, ServiceSummary};
use crate::analysis::{course, headline, words};
use crate::report::expectations::observed;
use crate::report::golden::or_dash;
use std::io::{self, Write};

/// Points of a small curve.
const CURVE: usize = 60;
/// Rows of services that are shown unfolded; the rest is one click away.
const MOST_ROWS: usize = 30;

pub fn write(subject: &Subject<'_>, to: &mut impl Write) -> io::Result<()> {
    let summary = subject.summary;
    let sentences = headline::of_run(summary);
    writeln!(to, "<div class=\"lead\">")?;
    for sentence in &sentences {
        writeln!(to, "<p>{}</p>", Sentence(sentence))?;
    }
    writeln!(to, "</div>\n<div class=\"pair\">")?;
    expectations(subject, to)?;
    faults(subject, to)?;
    writeln!(to, "</div>")?;
    golden(subject, to)
}

fn expectations(subject: &Subject<'_>, to: &mut impl Write) -> io::Result<()> {
    let all = &subject.summary.expectations;
    let kept = all.values().filter(|verdict| verdict.passed).count();
    if all.is_empty() {
        return writeln!(to, "<section><h3>Expectations</h3><p class=\"muted\">The model expects nothing.</p></section>");
    }
    writeln!(to, "<section><h3>Expectations <span class=\"muted\">{kept} of {} kept</span></h3><ul class=\"verdicts\">", all.0.len())?;
    for (name, verdict) in all.iter() {
        let (class, mark, word) = if verdict.passed { ("good", "✓", "kept") } else { ("bad", "✗", "not kept") };
        let seen = observed(verdict);
        writeln!(
            to,
            "<li class=\"{class}\"><span class=\"mark\" role=\"img\" aria-label=\"{word}\">{mark}</span><span><b>{}</b> <code>{}</code> \
             <span class=\"seen\">{}</span></span></li>",
            Text(name),
            Text(&verdict.text),
            Sentence(seen.trim_matches(['(', ')']))
        )?;
    }
    writeln!(to, "</ul></section>")
}

fn faults(subject: &Subject<'_>, to: &mut impl Write) -> io::Result<()> {
    let end = course::horizon(subject.topology, subject.recording).as_secs_f64();
    let faults = run::faults(subject, end);
    writeln!(to, "<section><h3>Faults</h3>")?;
    if faults.is_empty() {
        return writeln!(to, "<p class=\"muted\">None began.</p></section>");
    }
    writeln!(to, "<ul class=\"faults\">")?;
    for fault in faults.iter().take(12) {
        let times = if fault.times > 1 { format!(", {} times", fault.times) } else { String::new() };
        let when = if fault.until > fault.from {
            format!("{} to {}{times}", words::clock(fault.from), words::clock(fault.until))
        } else {
            format!("{}{times}", words::clock(fault.from))
        };
        writeln!(to, "<li><b>{}</b> <span class=\"when\">{when}</span><br>{}</li>", Text(&fault.name), Sentence(&fault.what))?;
    }
    if faults.len() > 12 {
        writeln!(to, "<li class=\"muted\">and {} more</li>", faults.len() - 12)?;
    }
    writeln!(to, "</ul></section>")
}

fn golden(subject: &Subject<'_>, to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "<section><h3>Golden signals</h3>\n<table class=\"golden\"><thead><tr><th scope=\"col\">Client or service</th>")?;
    for head in ["Traffic", "Errors", "Latency p50 · p95 · p99", "Saturation"] {
        writeln!(to, "<th scope=\"col\">{head}</th>")?;
    }
    writeln!(to, "</tr></thead><tbody>")?;
    let lens = Lens::of(subject.recording, CURVE * 4);
    let mut clients: Vec<usize> = (0..subject.topology.clients.len()).collect();
    let offered = |i: &usize| subject.recording.clients.get(*i).map_or(0, |c| c.offered);
    clients.sort_by_key(|i| std::cmp::Reverse(offered(i)));
    let mut services: Vec<usize> = (0..subject.topology.services.len()).collect();
    if services.len() > MOST_ROWS {
        services.sort_by_key(|i| std::cmp::Reverse(subject.recording.services.get(*i).map_or(0, |s| s.requests)));
    }
    let hidden = clients.len().saturating_sub(MOST_ROWS) + services.len().saturating_sub(MOST_ROWS);
    for i in clients.into_iter().take(MOST_ROWS) {
        client(subject, i, lens, to)?;
    }
    for i in services.into_iter().take(MOST_ROWS) {
        service(subject, i, lens, to)?;
    }
    writeln!(to, "</tbody></table>")?;
    if hidden > 0 {
        writeln!(to, "<p class=\"muted\">{hidden} with less traffic are left out here; <code>summary.json</code> has all.</p>")?;
    }
    writeln!(
        to,
        "<p class=\"note\">Curves are over the whole run, each from zero to its own peak; those of saturation from none to all workers. Figures leave out the warm-up.</p></section>"
    )
}

fn client(subject: &Subject<'_>, i: usize, lens: Lens, to: &mut impl Write) -> io::Result<()> {
    let name = &subject.topology.clients[i].name;
    let Some((_, ClientSummary { offered, degraded, failed, unfinished, rate, latency, .. })) = subject.summary.clients.0.get(i) else {
        return Ok(());
    };
    let windows = subject.recording.clients.get(i).map_or(&[][..], |c| &c.windows);
    row_begins(to, name, "client")?;
    cell(to, "Traffic", &or_dash(*rate, words::rate), (lens.sum(windows, |w| w.offered), lens.points, "blue"))?;
    let lost = (*offered > 0).then(|| (failed + unfinished) as f64 / *offered as f64);
    let fallback = if *degraded > 0 && *offered > 0 {
        format!(" ({} degraded)", words::percent(*degraded as f64 / *offered as f64))
    } else {
        String::new()
    };
    let errors = format!("{}{fallback}", or_dash(lost, words::percent));
    cell(to, "Errors", &errors, (lens.sum(windows, |w| w.failed), lens.points, "red"))?;
    cell(to, "Latency", &quantiles(latency), (lens.latency(windows, |w| w.p95), lens.points, "dark"))?;
    writeln!(to, "<td data-label=\"Saturation\" class=\"muted\">–</td></tr>")
}

fn service(subject: &Subject<'_>, i: usize, lens: Lens, to: &mut impl Write) -> io::Result<()> {
    let service = &subject.topology.services[i];
    let Some((_, ServiceSummary { requests, failed, rejected, rate, latency, utilization, queue_length, .. })) =
        subject.summary.services.0.get(i)
    else {
        return Ok(());
    };
    let windows = subject.recording.services.get(i).map_or(&[][..], |s| &s.windows);
    let kind = if subject.topology.brokers.brokers.iter().any(|b| b.service.index() == i) { "broker" } else { "service" };
    row_begins(to, &service.name, kind)?;
    cell(to, "Traffic", &or_dash(*rate, words::rate), (lens.sum(windows, |w| w.arrived), lens.points, "blue"))?;
    let lost = (*requests > 0).then(|| (failed + rejected) as f64 / *requests as f64);
    let errors = lens.sum(windows, |w| w.failed.saturating_add(w.rejected));
    cell(to, "Errors", &or_dash(lost, words::percent), (errors, lens.points, "red"))?;
    cell(to, "Latency", &quantiles(latency), (lens.latency(windows, |w| w.p95), lens.points, "dark"))?;
    let queue = if queue_length.max > 0 { format!(", {} waiting at most", words::count(queue_length.max)) } else { String::new() };
    let text = utilization.map_or_else(|| format!("no limit{queue}"), |busy| format!("{} busy{queue}", words::percent(busy)));
    let busy = lens.tenths(windows, |w| if w.workers > 0.0 { 100.0 * w.busy / w.workers } else { 0.0 });
    writeln!(to, "<td data-label=\"Saturation\">")?;
    if utilization.is_some() {
        spark(to, &busy, lens.points, "orange", Some(1000.0))?;
    }
    writeln!(to, "<span class=\"figure\">{}</span></td></tr>", Sentence(&text))
}

fn quantiles(latency: &crate::analysis::summary::Latency) -> String {
    [latency.p50, latency.p95, latency.p99].map(|value| or_dash(value, words::span)).join(" · ")
}

fn row_begins(to: &mut impl Write, name: &str, kind: &str) -> io::Result<()> {
    writeln!(to, "<tr><th scope=\"row\"><span class=\"name\">{}</span> <span class=\"kind\">{kind}</span></th>", Text(name))
}

fn cell(to: &mut impl Write, label: &str, figure: &str, (numbers, points, ink): (Numbers, usize, &str)) -> io::Result<()> {
    writeln!(to, "<td data-label=\"{label}\">")?;
    spark(to, &numbers, points, ink, None)?;
    writeln!(to, "<span class=\"figure\">{}</span></td>", Text(figure))
}

/// A curve without axes; `top`: the value at its upper edge, else its own peak.
fn spark(to: &mut impl Write, numbers: &Numbers, points: usize, ink: &str, top: Option<f64>) -> io::Result<()> {
    let values = curve(numbers, points, CURVE);
    let peak = top.unwrap_or_else(|| values.iter().copied().fold(0.0, f64::max));
    write!(to, "<svg class=\"spark {ink}\" viewBox=\"0 0 120 22\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><polyline points=\"")?;
    let last = (values.len().max(2) - 1) as f64;
    for (i, value) in values.iter().enumerate() {
        let height = if peak > 0.0 { (value / peak).min(1.0) } else { 0.0 };
        write!(to, "{}{:.0},{:.1}", if i > 0 { " " } else { "" }, 120.0 * i as f64 / last, 21.0 - 20.0 * height)?;
    }
    writeln!(to, "\"/></svg>")
}
