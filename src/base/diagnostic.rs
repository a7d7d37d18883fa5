//! Diagnostics: what is wrong with a text, where, and what to do about it. Collected, never thrown one by one.
//!
//! Owns the plain data and the search for the nearest name; rendering with a snippet needs the texts and lives above.

use serde::Serialize;
use std::fmt;

/// How bad it is. Only errors keep a model from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// A stretch of a line of a file. Lines and columns count from 1, columns and lengths in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub len: u32,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A stable word for the kind of problem: `unknown-key`.
    pub code: &'static str,
    pub message: String,
    /// Where in the model: `services.orders.endpoints.place[2].call`.
    pub path: Option<String>,
    /// Where in the files.
    pub place: Option<Place>,
    /// A way out.
    pub help: Option<String>,
    /// The part of the value at the place that is meant: the fault in an expectation that names it.
    pub part: Option<String>,
    /// Other places that matter, each with what it is.
    pub related: Vec<(String, Place)>,
}

impl Diagnostic {
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity, code, message: message.into(), path: None, place: None, help: None, part: None, related: Vec::new() }
    }

    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, message)
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, message)
    }

    pub fn note(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Note, code, message)
    }

    pub fn at(mut self, path: impl Into<String>) -> Diagnostic {
        self.path = Some(path.into());
        self
    }

    pub fn placed(mut self, place: impl Into<Option<Place>>) -> Diagnostic {
        self.place = place.into();
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Points at this part of the value, not at all of it.
    pub fn part(mut self, part: impl Into<String>) -> Diagnostic {
        self.part = Some(part.into());
        self
    }

    /// Advises the nearest of the names that exist, if one is near.
    pub fn did_you_mean<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        match nearest(name, candidates) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    pub fn related(mut self, label: impl Into<String>, place: impl Into<Option<Place>>) -> Diagnostic {
        if let Some(place) = place.into() {
            self.related.push((label.into(), place));
        }
        self
    }

    /// The flat form that machines read.
    pub fn finding(&self) -> Finding<'_> {
        let place = self.place.as_ref();
        Finding {
            severity: self.severity,
            code: self.code,
            message: &self.message,
            path: self.path.as_deref(),
            file: place.map(|place| place.file.as_str()),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            help: self.help.as_deref(),
        }
    }
}

/// A diagnostic as `--format json` lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding<'a> {
    pub severity: Severity,
    pub code: &'a str,
    pub message: &'a str,
    pub path: Option<&'a str>,
    pub file: Option<&'a str>,
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub help: Option<&'a str>,
}

/// Every problem that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    pub fn append(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
    }

    /// The same with other paths: what was laid out elsewhere is told where it was written.
    pub fn with_paths(mut self, path: impl Fn(String) -> String) -> Diagnostics {
        for diagnostic in &mut self.list {
            diagnostic.path = diagnostic.path.take().map(&path);
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Sorts by file and place, as a person reads; what has no place comes last.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| (a.place.is_none(), &a.place, a.severity).cmp(&(b.place.is_none(), &b.place, b.severity)));
    }

    pub fn findings(&self) -> Vec<Finding<'_>> {
        self.list.iter().map(Diagnostic::finding).collect()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics { list: vec![diagnostic] }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Diagnostics {
        Diagnostics { list: diagnostics.into_iter().collect() }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// One line per problem, without snippets: `model.yaml:3:5: error[unknown-key]: …`.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            if let Some(place) = &diagnostic.place {
                write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
            }
            let severity = format!("{:?}", diagnostic.severity).to_lowercase();
            write!(f, "{severity}[{}]: {}", diagnostic.code, diagnostic.message)?;
            match &diagnostic.help {
                Some(help) => writeln!(f, " ({help})")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

/// Names longer than this are compared by their start only; no real name comes near.
const LONGEST_COMPARED: usize = 64;

/// The candidate that `name` was probably meant to be: differing in case or number alone (`retries` and `retry`), a few typing
/// errors away (Damerau–Levenshtein, at most a third of the letters), or begun or ended alike. Of equally near ones the first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let same = candidate.eq_ignore_ascii_case(name) || singular(name) == singular(candidate);
        let distance = if same { 0 } else { typing_errors(name, candidate) };
        let near = distance <= allowed || alike_at_an_end(name, candidate);
        // A single letter is one error away from every other.
        let tells = name.chars().count() > 1 || distance == 0;
        if near && tells && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// One is the other cut short, with at least four letters in common: `exponential` and `expo`, `failures` and
/// `consecutiveFailures`.
fn alike_at_an_end(name: &str, candidate: &str) -> bool {
    let (name, candidate) = (name.to_ascii_lowercase(), candidate.to_ascii_lowercase());
    let (long, short) = if name.len() > candidate.len() { (name, candidate) } else { (candidate, name) };
    short.len() >= 4 && (long.starts_with(&short) || long.ends_with(&short))
}

/// A word in lower case without the ending of an English plural: `retries` and `retry` are one word, `class` is no plural.
fn singular(word: &str) -> String {
    let word = word.to_ascii_lowercase();
    match (word.strip_suffix("ies"), word.strip_suffix('s')) {
        (Some(stem), _) if stem.len() >= 2 => format!("{stem}y"),
        (_, Some(stem)) if stem.len() >= 2 && !stem.ends_with('s') => stem.to_owned(),
        _ => word,
    }
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn typing_errors(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(LONGEST_COMPARED).collect();
    let b: Vec<char> = b.chars().take(LONGEST_COMPARED).collect();
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_what_a_person_meant() {
        let keys = ["replicas", "workers", "queue", "circuitBreaker", "rateLimit", "retry", "payment"];
        for (name, meant) in [
            ("replica", Some("replicas")),
            ("paymnt", Some("payment")),
            ("circuitbreaker", Some("circuitBreaker")),
            ("wrokers", Some("workers")),
            ("retries", Some("retry")),
            ("Queues", Some("queue")),
            ("breaker", Some("circuitBreaker")),
            ("limit", Some("rateLimit")),
            ("database", None),
            ("q", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, keys), meant, "{name}");
        }
    }

    #[test]
    fn swaps_count_once() {
        assert_eq!(typing_errors("ab", "ba"), 1);
        assert_eq!(typing_errors("kitten", "sitting"), 3);
        assert_eq!(typing_errors("", "abc"), 3);
    }

    #[test]
    fn machines_read_a_flat_form() {
        let place = Place { file: "m.yaml".into(), line: 3, column: 5, len: 4 };
        let finding = Diagnostic::error("unknown-key", "unknown key").placed(place).help("did you mean `x`?");
        let json = serde_json::to_value(finding.finding()).unwrap();
        assert_eq!(json["severity"], "error");
        assert_eq!((json["line"].as_u64(), json["column"].as_u64()), (Some(3), Some(5)));
    }
}
