//! The figures of one run as a flat list, each by its path in `summary.json`: what means, differences and sweeps work on.
//!
//! A path is the keys on the way, joined by dots; a key that is no plain word (`503 UO`, `a.b -> c.d`) stands in double
//! quotes, so that a path reads back without doubt: `calls."gateway.checkout -> orders.place".amplification`.

use crate::analysis::summary::Summary;
use serde_json::Value;

/// What a figure was in one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    Number(f64),
    /// Something that holds or not; over many runs its mean is a share.
    Holds(bool),
    /// Had no value in this run.
    Nothing,
}

impl Figure {
    pub fn number(self) -> Option<f64> {
        match self {
            Figure::Number(number) => Some(number),
            Figure::Holds(holds) => Some(f64::from(holds)),
            Figure::Nothing => None,
        }
    }
}

/// What is kept of one run in an experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunFigures {
    pub seed: u64,
    /// In the order of the summary.
    pub figures: Vec<(String, Figure)>,
    pub expectations: Vec<(String, bool)>,
}

impl RunFigures {
    pub fn of(summary: &Summary) -> RunFigures {
        let mut figures = Vec::new();
        if let Ok(Value::Object(root)) = serde_json::to_value(summary) {
            // What identifies a run is no figure of it.
            let identity = ["name", "variant", "seed", "duration", "warmUp", "fingerprint", "interrupted"];
            for (key, value) in root.iter().filter(|(key, _)| !identity.contains(&key.as_str())) {
                flatten(quoted(key), value, &mut figures);
            }
        }
        let expectations = summary.expectations.iter().map(|(name, verdict)| (name.to_string(), verdict.passed)).collect();
        RunFigures { seed: summary.seed, figures, expectations }
    }
}

/// Counts by outcome are listed only where they occurred.
pub fn is_outcome(path: &str) -> bool {
    path.contains(".outcomes.")
}

fn flatten(path: String, value: &Value, into: &mut Vec<(String, Figure)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(format!("{path}.{}", quoted(key)), value, into)),
        // How much of a story was folded away says nothing of the system.
        Value::Number(_) if path == "cascade.more" => {}
        Value::Number(number) => into.push((path, number.as_f64().map_or(Figure::Nothing, Figure::Number))),
        // Whether an expectation passed is counted apart.
        Value::Bool(_) if path.starts_with("expectations.") => {}
        Value::Bool(holds) => into.push((path, Figure::Holds(*holds))),
        Value::Null if path != "cascade.origin" => into.push((path, Figure::Nothing)),
        // Words and lists (the steps of a cascade) have no mean.
        Value::Null | Value::String(_) | Value::Array(_) => {}
    }
}

/// A key of a path: bare if it is a plain word, else in double quotes with `\"` for a quote.
pub fn quoted(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    if plain { key.to_string() } else { format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// The keys of a path: the reverse of joining [`quoted`] ones.
pub fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut within = false;
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        let last = keys.last_mut().expect("never empty");
        match c {
            '"' => within = !within,
            '\\' if within => last.extend(chars.next()),
            '.' if !within => keys.push(String::new()),
            _ => last.push(c),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_without_doubt() {
        for names in [vec!["clients", "shoppers", "p99"], vec!["calls", "a.b -> c.d", "retries"], vec!["x", "say \"hi\"\\", "503 UO", ""]] {
            let path = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(".");
            assert_eq!(keys(&path), names, "{path}");
        }
        assert_eq!(quoted("orders-db"), "orders-db");
    }
}
