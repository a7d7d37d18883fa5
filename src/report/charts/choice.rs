//! Which charts are wanted (`--charts`).

use super::Chart;
use std::str::FromStr;

/// All of them, or those with these names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    #[default]
    All,
    Named(Vec<String>),
}

/// The charts of a run, then those of a comparison.
const NAMES: [&str; 21] = [
    "latency",
    "latency-bands",
    "latency-heat-map",
    "latency-percentiles",
    "traffic",
    "load-goodput",
    "blast-radius",
    "services-queue",
    "services-utilization",
    "services-latency",
    "messages-waiting",
    "breakers",
    "retries",
    "amplification",
    "compare-goodput",
    "compare-success",
    "compare-p99",
    "compare-queue",
    "compare-messages",
    "compare-attempts",
    "compare-differences",
];

impl Choice {
    pub fn of(&self, charts: Vec<Chart>) -> Vec<Chart> {
        match self {
            Choice::All => charts,
            Choice::Named(names) => charts.into_iter().filter(|chart| names.contains(&chart.file_stem)).collect(),
        }
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Choice, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        match words[..] {
            ["all"] => return Ok(Choice::All),
            ["none"] => return Ok(Choice::Named(Vec::new())),
            _ => {}
        }
        match words.iter().find(|word| !NAMES.contains(word)) {
            None if !words.is_empty() => Ok(Choice::Named(words.into_iter().map(str::to_owned).collect())),
            None => Err(format!("name charts, `all` or `none`; there are {}", NAMES.join(", "))),
            Some(word) => Err(format!("there is no chart `{word}`; there are {}; or write `all` or `none` alone", NAMES.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(stem: &str) -> Chart {
        Chart { file_stem: stem.to_owned(), ..Chart::default() }
    }

    #[test]
    fn charts_are_chosen_by_name_and_unknown_names_are_refused_with_the_list() {
        let all = || NAMES.map(chart).to_vec();
        let stems = |text: &str| text.parse::<Choice>().map(|choice| choice.of(all()).into_iter().map(|c| c.file_stem).collect::<Vec<_>>());
        assert_eq!(stems("all").unwrap().len(), NAMES.len());
        assert_eq!(stems("none").unwrap(), Vec::<String>::new());
        assert_eq!(stems("retries, latency").unwrap(), ["latency", "retries"]);
        for refused in ["latncy", "latency,all", "", ","] {
            assert!(stems(refused).unwrap_err().contains("latency-bands, latency-heat-map, latency-percentiles"), "{refused}");
        }
    }
}
