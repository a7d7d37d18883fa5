//! Alerts in order of time: when each was pending, fired and was over, and how long that took from the fault and from the cascade.

use super::style::Style;
use super::table::Table;
use super::wrap::hanging;
use crate::analysis::alerts::{Alert, Alerts};
use crate::analysis::words;

/// For the terminal.
pub fn text(alerts: &Alerts, style: Style) -> String {
    let mut text = if alerts.alerts.is_empty() { String::new() } else { table(alerts).text(style) + "\n" };
    for line in sentences(alerts) {
        text += &hanging("", &line);
        text.push('\n');
    }
    text
}

pub fn markdown(alerts: &Alerts) -> String {
    let table = if alerts.alerts.is_empty() { String::new() } else { table(alerts).markdown() + "\n" };
    format!("{table}{}\n", sentences(alerts).join(" "))
}

fn table(alerts: &Alerts) -> Table {
    let mut table = Table::new("Alerts", &["alert", "pending", "fires", "resolved", "after the\nfault", "after the\ncascade"]);
    for alert in &alerts.alerts {
        let at = |seconds: Option<f64>, none: &str| seconds.map_or(none.to_string(), words::clock);
        let after = |seconds: Option<f64>| seconds.map_or("-".to_string(), signed);
        table.row([
            name(alert),
            words::clock(alert.pending),
            at(alert.fired, "never"),
            at(alert.resolved, "-"),
            after(alert.to_detect),
            after(alert.after_cascade),
        ]);
    }
    table
}

/// `Errors service=orders`: what tells it from others of its rule.
fn name(alert: &Alert) -> String {
    let labels: Vec<String> =
        alert.labels.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value}")).collect();
    if labels.is_empty() { alert.name.clone() } else { format!("{} {}", alert.name, labels.join(" ")) }
}

fn signed(seconds: f64) -> String {
    if seconds < 0.0 { format!("-{}", words::span(-seconds)) } else { words::span(seconds) }
}

fn sentences(alerts: &Alerts) -> Vec<String> {
    let fired = || alerts.alerts.iter().filter(|alert| alert.fired.is_some());
    let mut told = Vec::new();
    match (fired().next(), alerts.cascade) {
        (None, Some(cascade)) => told.push(format!("Nothing fires, though the cascade began at {}.", words::clock(cascade))),
        (None, None) => told.push("Nothing fires.".to_string()),
        (Some(first), _) => {
            let detects = first.to_detect.map_or(String::new(), |after| {
                format!(", {} after {} began", signed(after), first.fault.as_deref().unwrap_or("the fault"))
            });
            told.push(format!("The first to fire is {} at {}{detects}.", first.name, words::clock(first.fired.unwrap_or_default())));
        }
    }
    let early: Vec<&str> = fired().filter(|alert| alert.fault.is_none()).map(|alert| alert.name.as_str()).collect();
    if !early.is_empty() {
        told.push(format!("Before any fault: {}.", early.join(", ")));
    }
    if !alerts.silent.is_empty() {
        told.push(format!("Never even pending: {}.", alerts.silent.join(", ")));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_told_with_their_times() {
        let alert = |name: &str, pending: f64, fired: Option<f64>| Alert {
            name: name.into(),
            labels: [("service".to_string(), "orders".to_string())].into(),
            pending,
            fired,
            resolved: Some(240.0),
            fault: Some("slow-db".into()),
            to_detect: fired.map(|at| at - 130.0),
            after_cascade: fired.map(|at| at - 131.5),
        };
        let alerts = Alerts {
            alerts: vec![alert("HighErrorRate", 150.0, Some(210.0)), alert("SlowP99", 165.0, None)],
            silent: vec!["PodDown".into()],
            cascade: Some(131.5),
        };
        insta::assert_snapshot!(text(&alerts, Style::default()));
        assert!(text(&Alerts { cascade: Some(5.0), ..Alerts::default() }, Style::default()).contains("Nothing fires, though"));
    }

    #[test]
    fn an_alert_before_the_cascade_is_so_long_before_it_and_one_before_any_fault_is_named() {
        let alert = |name: &str, fired: f64, fault: Option<&str>, to_detect| Alert {
            name: name.into(),
            labels: Default::default(),
            pending: fired,
            fired: Some(fired),
            resolved: None,
            fault: fault.map(str::to_string),
            to_detect,
            after_cascade: Some(fired - 131.5),
        };
        let alerts = vec![alert("Restless", 20.0, None, None), alert("Early", 125.0, Some("slow-db"), Some(5.0))];
        let told = text(&Alerts { alerts, silent: vec![], cascade: Some(131.5) }, Style::default());
        let row = |name: &str| told.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(row("Restless"), "Restless 20s 20s - - -112s");
        assert_eq!(row("Early"), "Early 125s 125s - 5s -6.5s");
        assert!(told.contains("Before any fault: Restless.") && !told.contains("Never even pending"), "{told}");
    }
}
