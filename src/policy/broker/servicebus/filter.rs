//! Filters of a topic's subscriptions: which of them get a copy of a message (Azure Service Bus, "Topic filters and actions"). Actions
//! and SQL filters are not here.

/// One rule of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The filter that a new subscription has (`TrueFilter`).
    All,
    /// `FalseFilter`.
    None,
    Correlation(Correlation),
}

/// What a message must have, all of it; case matters.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Correlation {
    /// Its label (`Subject`), if that matters.
    pub label: Option<String>,
    /// Names and values of its properties.
    pub properties: Vec<(String, String)>,
}

impl Filter {
    pub fn matches(&self, label: &str, properties: &[(String, String)]) -> bool {
        match self {
            Filter::All => true,
            Filter::None => false,
            Filter::Correlation(wanted) => {
                wanted.label.as_ref().is_none_or(|wanted| wanted == label)
                    && wanted.properties.iter().all(|wanted| properties.contains(wanted))
            }
        }
    }
}

/// Whether a subscription with these rules gets a message: one copy if any of them matches, and none if it has no rule.
pub fn takes(rules: &[Filter], label: &str, properties: &[(String, String)]) -> bool {
    rules.iter().any(|rule| rule.matches(label, properties))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(text: &str) -> Vec<(String, String)> {
        text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn correlation(label: Option<&str>, wanted: &str) -> Filter {
        Filter::Correlation(Correlation { label: label.map(String::from), properties: properties(wanted) })
    }

    #[test]
    fn a_subscription_takes_what_any_of_its_rules_matches() {
        for (rules, label, has, taken) in [
            (vec![], "order", "", false),
            (vec![Filter::All], "order", "", true),
            (vec![Filter::None], "order", "", false),
            (vec![Filter::None, Filter::All], "order", "", true),
            (vec![correlation(Some("order"), "")], "order", "region=eu", true),
            (vec![correlation(Some("order"), "")], "Order", "", false),
            (vec![correlation(None, "region=eu kind=big")], "", "kind=big region=eu more=1", true),
            (vec![correlation(None, "region=eu kind=big")], "", "region=eu", false),
            (vec![correlation(Some("order"), "region=eu")], "stock", "region=eu", false),
            (vec![correlation(None, "region=us"), correlation(None, "region=eu")], "", "region=eu", true),
        ] {
            assert_eq!(takes(&rules, label, &properties(has)), taken, "{rules:?} {label} {has}");
        }
    }
}
