//! When alerts fire: what a rule's expression returned at each evaluation, and how Prometheus turns that into pending and firing
//! alerts (`for`, `keep_firing_for`); and how long after the trouble began that was.

use super::summary::Summary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An alerting rule as far as it concerns time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    pub name: String,
    /// Seconds that the expression must hold before the alert fires, and that it goes on firing without it.
    pub hold: f64,
    pub keep: f64,
    /// Seconds between evaluations.
    pub every: f64,
    /// Labels that the rule adds.
    pub labels: BTreeMap<String, String>,
}

/// A series that the expression returned: its labels, and the evaluations (from 0) at which it was there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Returned {
    pub labels: BTreeMap<String, String>,
    pub at: Vec<usize>,
}

/// An alert that was pending or fired, in seconds of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub pending: f64,
    /// `null`: it went away before `for` was over.
    pub fired: Option<f64>,
    /// `null`: it was there at the end.
    pub resolved: Option<f64>,
    /// The fault that had begun last when it became pending, if any had.
    pub fault: Option<String>,
    /// Seconds from that fault's beginning to its firing: the time to detect.
    pub to_detect: Option<f64>,
    /// Seconds from the first step of the cascade that is not a fault to its firing; negative: before the cascade.
    pub after_cascade: Option<f64>,
}

/// What the rules of a file made of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alerts {
    /// In order of time.
    pub alerts: Vec<Alert>,
    /// Rules whose expression never returned anything.
    pub silent: Vec<String>,
    /// When the cascade began, seconds: its first step that is not a fault.
    pub cascade: Option<f64>,
}

/// The alerts of one rule from what its expression returned.
pub fn alerts_of(rule: &Rule, returned: &[Returned], summary: &Summary) -> Vec<Alert> {
    let cascade = cascade_began(summary);
    let mut alerts = Vec::new();
    for Returned { labels, at } in returned {
        let mut labels = labels.clone();
        labels.remove("__name__");
        labels.extend(rule.labels.clone());
        for (first, last) in stretches(at, rule) {
            let (pending, gone) = (first as f64 * rule.every, (last + 1) as f64 * rule.every);
            // It fires at the first evaluation at which it has held for long enough.
            let fires = (rule.hold / rule.every).ceil() as usize;
            let fired = (first + fires <= last).then(|| (first + fires) as f64 * rule.every);
            let kept = if fired.is_some() { rule.keep } else { 0.0 };
            let fault = fault_before(summary, pending);
            alerts.push(Alert {
                name: rule.name.clone(),
                labels: labels.clone(),
                pending,
                fired,
                resolved: Some(gone + kept),
                to_detect: fired.and_then(|fired| Some(fired - fault.as_ref()?.1)),
                fault: fault.map(|(name, _)| name),
                after_cascade: fired.and_then(|fired| Some(fired - cascade?)),
            });
        }
    }
    alerts
}

/// All rules' alerts in order of time; what was there at the last evaluation is not resolved.
pub fn alerts(rules: &[(Rule, Vec<Returned>)], summary: &Summary, end: f64) -> Alerts {
    let mut alerts: Vec<Alert> = rules.iter().flat_map(|(rule, returned)| alerts_of(rule, returned, summary)).collect();
    for alert in &mut alerts {
        alert.resolved = alert.resolved.filter(|resolved| *resolved <= end);
    }
    let when = |alert: &Alert| alert.fired.unwrap_or(alert.pending);
    alerts.sort_by(|a, b| when(a).total_cmp(&when(b)).then_with(|| (&a.name, &a.labels).cmp(&(&b.name, &b.labels))));
    let silent = rules.iter().filter(|(_, returned)| returned.iter().all(|r| r.at.is_empty()));
    Alerts { alerts, silent: silent.map(|(rule, _)| rule.name.clone()).collect(), cascade: cascade_began(summary) }
}

/// Runs of evaluations one after the other. While an alert goes on firing without its expression, its coming back is no new alert.
fn stretches(at: &[usize], rule: &Rule) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = Vec::new();
    let bridge = (rule.keep / rule.every).floor() as usize;
    let hold = (rule.hold / rule.every).ceil() as usize;
    for &one in at {
        match all.last_mut() {
            Some((first, last)) if one == *last + 1 || (*first + hold <= *last && one <= *last + 1 + bridge) => *last = one,
            _ => all.push((one, one)),
        }
    }
    all
}

fn cascade_began(summary: &Summary) -> Option<f64> {
    let fault = |who: &str| summary.faults.get(who).is_some();
    summary.cascade.steps.iter().find(|step| !fault(&step.who)).map(|step| step.at)
}

/// The fault that began last until then, and when.
fn fault_before(summary: &Summary, at: f64) -> Option<(String, f64)> {
    let began = summary.faults.iter().filter_map(|(name, fault)| Some((name.to_string(), fault.began?)));
    began.filter(|(_, began)| *began <= at).max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cascade::{Cascade, Step};
    use crate::analysis::summary::FaultSummary;

    fn summary() -> Summary {
        let fault = FaultSummary { began: Some(60.0), ended: Some(90.0), recovered: None };
        let step = |at: f64, who: &str| Step { at, who: who.into(), ..Step::default() };
        Summary {
            faults: [("slow-db".to_string(), fault)].into_iter().collect(),
            cascade: Cascade { steps: vec![step(60.0, "slow-db"), step(62.0, "orders")], ..Cascade::default() },
            ..Summary::default()
        }
    }

    fn rule(hold: f64, keep: f64) -> Rule {
        Rule { name: "Errors".into(), hold, keep, every: 15.0, labels: [("severity".to_string(), "page".to_string())].into() }
    }

    fn returned(at: &[usize]) -> Vec<Returned> {
        vec![Returned { labels: [("service".to_string(), "orders".to_string())].into(), at: at.to_vec() }]
    }

    #[test]
    fn an_alert_fires_once_its_expression_has_held_for_long_enough() {
        // (for, there at evaluations, fired, resolved)
        for (hold, at, fired, resolved) in [
            (0.0, &[5, 6][..], Some(75.0), 105.0),
            (60.0, &[5, 6, 7, 8, 9], Some(135.0), 150.0),
            (60.0, &[5, 6, 7, 8], None, 135.0),
            // 50 s are over at the fourth evaluation after the first.
            (50.0, &[5, 6, 7, 8, 9, 10], Some(135.0), 165.0),
        ] {
            let alerts = alerts_of(&rule(hold, 0.0), &returned(at), &summary());
            let [alert] = &alerts[..] else { panic!("one alert: {alerts:?}") };
            assert_eq!((alert.pending, alert.fired, alert.resolved), (75.0, fired, Some(resolved)), "{hold} {at:?}");
        }
    }

    #[test]
    fn a_gap_begins_a_new_alert_unless_it_goes_on_firing_meanwhile() {
        let gap = returned(&[5, 6, 9, 10]);
        let pending = |rule: &Rule| alerts_of(rule, &gap, &summary()).iter().map(|a| a.pending).collect::<Vec<_>>();
        assert_eq!(pending(&rule(0.0, 0.0)), [75.0, 135.0]);
        assert_eq!(pending(&rule(0.0, 60.0)), [75.0]);
        assert_eq!(pending(&rule(30.0, 60.0)), [75.0, 135.0], "what has not fired does not go on firing");
    }

    #[test]
    fn times_are_counted_from_the_fault_and_from_the_cascade() {
        let alerts = alerts(&[(rule(0.0, 0.0), returned(&[2, 5])), (rule(0.0, 0.0), vec![])], &summary(), 300.0);
        let told: Vec<_> = alerts.alerts.iter().map(|a| (a.fault.clone(), a.to_detect, a.after_cascade)).collect();
        assert_eq!(told, [(None, None, Some(-32.0)), (Some("slow-db".into()), Some(15.0), Some(13.0))]);
        assert_eq!((alerts.silent.len(), alerts.cascade), (1, Some(62.0)));
        assert_eq!(alerts.alerts[0].labels.len(), 2, "the rule's labels are added");
    }

    #[test]
    fn what_is_there_at_the_end_is_not_resolved() {
        let alerts = alerts(&[(rule(0.0, 0.0), returned(&[19, 20]))], &summary(), 300.0);
        assert_eq!(alerts.alerts[0].resolved, None);
    }

    #[test]
    fn the_time_to_detect_counts_from_the_fault_that_had_begun_last() {
        let mut summary = summary();
        let late = |began| FaultSummary { began: Some(began), ended: None, recovered: None };
        summary.faults =
            [("slow-db".to_string(), late(60.0)), ("cut".to_string(), late(70.0)), ("after".to_string(), late(80.0))].into_iter().collect();
        let alerts = alerts_of(&rule(0.0, 0.0), &returned(&[5]), &summary);
        assert_eq!((alerts[0].fault.as_deref(), alerts[0].to_detect), (Some("cut"), Some(5.0)));
    }

    #[test]
    fn an_alert_that_goes_on_firing_is_resolved_when_that_is_over() {
        let resolved =
            |keep, at: &[usize]| alerts_of(&rule(0.0, keep), &returned(at), &summary()).iter().map(|a| a.resolved).collect::<Vec<_>>();
        assert_eq!(resolved(60.0, &[5, 6]), [Some(165.0)], "105 s without, 60 s more with");
        assert_eq!(resolved(30.0, &[5, 8]), [Some(165.0)], "back before it was over");
        assert_eq!(resolved(30.0, &[5, 9]).len(), 2, "back after it was over");
    }

    #[test]
    fn alerts_stand_in_the_order_in_which_they_fired_under_their_labels_without_the_metrics_name() {
        let of = |name: &str, hold| Rule { name: name.into(), ..rule(hold, 0.0) };
        let metric = |at: &[usize]| {
            let labels = [("__name__".to_string(), "x".to_string())].into();
            vec![Returned { labels, at: at.to_vec() }]
        };
        let rules =
            [(of("slow", 60.0), metric(&[5, 6, 7, 8, 9])), (of("quick", 0.0), metric(&[7])), (of("after-both", 0.0), metric(&[15]))];
        let all = alerts(&rules, &summary(), 600.0);
        let names: Vec<&str> = all.alerts.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["quick", "slow", "after-both"], "the slow one was pending first and fires later; names decide nothing");
        assert!(all.alerts.iter().all(|a| !a.labels.contains_key("__name__")));
    }
}
