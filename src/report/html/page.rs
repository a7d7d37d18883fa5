//! The page from its head to its last script, in the order in which it is read.

use super::data::Data;
use super::escape::{Text, json};
use super::{Subject, compared, first, run, states, stopped};
use crate::analysis::words;
use crate::experiment::aggregate::Comparison;
use std::io::{self, Write};

const UPLOT: &str = include_str!("assets/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("assets/uPlot.min.css");
const STYLE: &str = include_str!("assets/page.css");
const REPLAY: &str = include_str!("assets/replay.html");
const SECTIONS: &str = include_str!("assets/sections.html");

/// In the order in which they build on each other.
const SCRIPTS: [&str; 8] = [
    include_str!("assets/base.js"),
    include_str!("assets/health.js"),
    include_str!("assets/graph.js"),
    include_str!("assets/replay.js"),
    include_str!("assets/charts.js"),
    include_str!("assets/time.js"),
    include_str!("assets/waterfall.js"),
    include_str!("assets/main.js"),
];

/// The page may run the scripts that are written in it, and reach nothing.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

pub fn write(subjects: &[Subject<'_>], comparison: Option<&Comparison>, mut to: impl Write) -> io::Result<()> {
    let Some(subject) = subjects.first() else { return Ok(()) };
    let summary = subject.summary;
    let kind = if subjects.len() > 1 { "comparison" } else { "run" };
    writeln!(to, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(to, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">")?;
    writeln!(
        to,
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">"
    )?;
    writeln!(to, "<title>{} · brownout</title>\n<style>{UPLOT_STYLE}\n{STYLE}</style>\n</head>\n<body>", Text(&summary.name))?;
    writeln!(to, "<a class=\"skip\" href=\"#replay\">Skip to the replay</a>")?;
    head(subjects, comparison, kind, &mut to)?;
    writeln!(to, "<main>")?;
    if let Some(comparison) = comparison {
        compared::write(comparison, &mut to)?;
    }
    if subjects.len() > 1 {
        writeln!(to, "<div id=\"variants\" class=\"variants live\" role=\"group\" aria-label=\"Which variant is shown\"></div>")?;
    }
    for (i, subject) in subjects.iter().enumerate() {
        writeln!(to, "<article class=\"block first\" data-run=\"{i}\"><h2>What happened{}</h2>", of(subjects, subject))?;
        first::write(subject, &mut to)?;
        writeln!(to, "</article>")?;
    }
    write!(to, "{REPLAY}")?;
    if let Some(why) = subject.why {
        stopped::write(why, &mut to)?;
    }
    write!(to, "{SECTIONS}")?;
    writeln!(to, "</main>")?;
    foot(subjects, &mut to)?;
    let data = Data { name: summary.name.clone(), runs: subjects.iter().map(|subject| run::data(subject, subjects.len())).collect() };
    writeln!(to, "<script type=\"application/json\" id=\"data\">{}</script>", json(&data)?)?;
    writeln!(to, "<script>{UPLOT}</script>\n<script>\n(() => {{\n\"use strict\";")?;
    for script in SCRIPTS {
        to.write_all(script.as_bytes())?;
    }
    writeln!(to, "}})();\n</script>\n</body>\n</html>")
}

/// Which variant's, where there are several.
fn of(subjects: &[Subject<'_>], subject: &Subject<'_>) -> String {
    if subjects.len() > 1 { format!(" <span class=\"muted\">with {}</span>", Text(&subject.title())) } else { String::new() }
}

fn head(subjects: &[Subject<'_>], comparison: Option<&Comparison>, kind: &str, to: &mut impl Write) -> io::Result<()> {
    let subject = &subjects[0];
    let summary = subject.summary;
    writeln!(to, "<header><div><p class=\"brand\">brownout <span>· {kind}</span></p><h1>{}</h1>", Text(&summary.name))?;
    if !subject.topology.description.is_empty() {
        writeln!(to, "<p class=\"muted\">{}</p>", Text(&subject.topology.description))?;
    }
    let seeds = comparison.map_or(1, |comparison| comparison.base.seeds.len());
    let mut facts: Vec<(&str, String)> = Vec::new();
    if subjects.len() > 1 {
        facts.push(("variants", subjects.len().to_string()));
    } else {
        facts.push(("variant", subject.variant.unwrap_or("as written").to_string()));
    }
    facts.push(("seed", if seeds > 1 { format!("{} (the first of {seeds})", summary.seed) } else { summary.seed.to_string() }));
    let warm_up = if summary.warm_up > 0.0 { format!(", of it {} warm-up", words::span(summary.warm_up)) } else { String::new() };
    facts.push(("simulated", format!("{}{warm_up}", words::span(summary.duration))));
    facts.push(("fingerprint", summary.fingerprint.clone()));
    if summary.interrupted {
        facts.push(("interrupted", "figures are of what was finished".to_string()));
    }
    writeln!(to, "<dl class=\"facts\">")?;
    for (name, value) in facts {
        writeln!(to, "<div><dt>{name}</dt><dd>{}</dd></div>", Text(&value))?;
    }
    writeln!(
        to,
        "</dl></div><button type=\"button\" id=\"theme\" class=\"live\" aria-label=\"Switch between light and dark\">◐</button></header>"
    )
}

/// What was left out, and what the page is made of.
fn foot(subjects: &[Subject<'_>], to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "<footer>")?;
    for subject in subjects {
        let (_, rows) = states::of_run(subject.topology, subject.recording, 0.0);
        if rows > 0 {
            writeln!(to, "<p>Left out of the breakers and ejections: {rows} more rows{}.</p>", of(subjects, subject))?;
        }
        let marks = subject.recording.left_out;
        if marks > 0 {
            writeln!(
                to,
                "<p>Left out because there were too many: {} marks and episodes{}.</p>",
                words::count(marks),
                of(subjects, subject)
            )?;
        }
    }
    writeln!(
        to,
        "<p>Made by brownout {}; the same model and seed give the same bytes. Charts by uPlot (MIT).</p></footer>",
        env!("CARGO_PKG_VERSION")
    )
}
