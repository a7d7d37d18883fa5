//! Rule files as Prometheus reads them, and the rules of a `PrometheusRule` object of its operator.
//!
//! Whether they are right is for promtool to say; read here is only what a replay needs of them.

use crate::analysis::alerts::Rule;
use crate::model::scalar::Duration;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Groups of rules; of an object of Kubernetes they are its `spec`.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    groups: Vec<Group>,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    interval: Option<String>,
    #[serde(default)]
    rules: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    alert: Option<String>,
    record: Option<String>,
    expr: serde_json::Value,
    #[serde(rename = "for")]
    hold: Option<String>,
    keep_firing_for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Rules {
    /// Alerting rules with their expressions.
    pub alerts: Vec<(Rule, String)>,
    /// There are recording rules, which alerts may build on.
    pub records: bool,
    /// The text as Prometheus itself reads it.
    pub plain: String,
}

/// Reads a file; evaluation every so many seconds where a group does not say otherwise.
pub fn read(text: &str, every: f64) -> Result<Rules, String> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let is_object = file.spec.is_some();
    let groups = file.spec.map_or(file.groups, |spec| spec.groups);
    if groups.is_empty() {
        return Err("it has no `groups` of rules".to_string());
    }
    let mut rules = Rules { plain: if is_object { spec_of(text)? } else { text.to_string() }, ..Rules::default() };
    for group in groups {
        let every = group.interval.as_deref().map(seconds).transpose()?.unwrap_or(every);
        for written in group.rules {
            rules.records |= written.record.is_some();
            let Some(name) = written.alert else { continue };
            let time = |text: Option<&str>| text.map(seconds).transpose().map(Option::unwrap_or_default);
            let (hold, keep) = (time(written.hold.as_deref())?, time(written.keep_firing_for.as_deref())?);
            // `expr: 1` is a number in YAML, and an expression all the same.
            let expression = written.expr.as_str().map_or_else(|| written.expr.to_string(), str::to_string);
            rules.alerts.push((Rule { name, hold, keep, every, labels: written.labels }, expression));
        }
    }
    Ok(rules)
}

/// The object's `spec` as a document of its own. JSON is YAML.
fn spec_of(text: &str) -> Result<String, String> {
    let object: serde_json::Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    Ok(object["spec"].to_string())
}

/// `5m`, `1h30m`; Prometheus also knows weeks and years, which no run lasts.
fn seconds(text: &str) -> Result<f64, String> {
    if text == "0" {
        return Ok(0.0);
    }
    let duration = text.parse::<Duration>().map_err(|error| format!("`{text}` is no duration: {error}"))?;
    Ok(duration.nanos().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "
groups:
- name: a
  interval: 30s
  rules:
  - {record: job:errors, expr: 'sum(rate(x[1m]))'}
  - alert: Errors
    expr: job:errors > 0.05
    for: 1m30s
    labels: {severity: page}
- name: b
  rules: [{alert: Always, expr: 1}]
";

    #[test]
    fn groups_and_their_intervals_are_read() {
        let rules = read(RULES, 15.0).expect("it is a rule file");
        assert!(rules.records && rules.plain == RULES);
        let told: Vec<_> = rules.alerts.iter().map(|(r, e)| (r.name.as_str(), r.hold, r.every, e.as_str())).collect();
        assert_eq!(told, [("Errors", 90.0, 30.0, "job:errors > 0.05"), ("Always", 0.0, 15.0, "1")]);
    }

    #[test]
    fn an_object_of_the_operator_is_taken_apart() {
        let indented = RULES.replace('\n', "\n  ");
        let rules = read(&format!("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:{indented}"), 15.0).expect("it is one");
        assert_eq!(rules.alerts.len(), 2);
        assert!(rules.plain.starts_with("{\"groups\":"));
    }

    #[test]
    fn what_holds_no_rules_is_refused() {
        assert!(read("a: 1", 15.0).unwrap_err().contains("no `groups`"));
        assert!(read("groups: [{rules: [{alert: a, expr: x, for: soon}]}]", 15.0).unwrap_err().contains("`soon` is no duration"));
        assert!(read("{", 15.0).is_err());
    }

    #[test]
    fn how_long_an_alert_goes_on_firing_and_its_labels_are_read() {
        let text = "groups: [{rules: [{alert: a, expr: x, keep_firing_for: 5m, labels: {severity: page}}]}]";
        let rules = read(text, 15.0).expect("it is a rule file");
        let (rule, _) = &rules.alerts[0];
        assert_eq!((rule.keep, rule.labels["severity"].as_str()), (300.0, "page"));
    }
}
