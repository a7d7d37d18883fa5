//! Order: which policy is outside which. What a breaker counts, and whether a retry passes it again, depends on it; the
//! default is Resilience4j's and Polly's, where each attempt passes the breaker.

use crate::policy::error::PolicyError;
use std::fmt;

/// One kind of policy around a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    Fallback,
    Deadline,
    Retry,
    CircuitBreaker,
    Bulkhead,
    RateLimit,
    Timeout,
}

/// Outermost first.
pub const DEFAULT: [Layer; 7] =
    [Layer::Fallback, Layer::Deadline, Layer::Retry, Layer::CircuitBreaker, Layer::Bulkhead, Layer::RateLimit, Layer::Timeout];

impl Layer {
    /// The word that the model language uses.
    pub fn word(self) -> &'static str {
        match self {
            Layer::Fallback => "fallback",
            Layer::Deadline => "deadline",
            Layer::Retry => "retry",
            Layer::CircuitBreaker => "circuitBreaker",
            Layer::Bulkhead => "bulkhead",
            Layer::RateLimit => "rateLimit",
            Layer::Timeout => "timeout",
        }
    }

    fn from_word(word: &str) -> Result<Layer, PolicyError> {
        DEFAULT.into_iter().find(|layer| layer.word() == word).ok_or_else(|| {
            let near = DEFAULT.into_iter().min_by_key(|layer| distance(word, layer.word())).expect("there are layers");
            let hint = if distance(word, near.word()) <= 1 + word.len() / 3 {
                format!("did you mean `{near}`?")
            } else {
                format!("it may name {}", list(&DEFAULT))
            };
            PolicyError::new("order", format!("names `{word}`, which is no policy; {hint}"))
        })
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The configured layers in the order that the words give, outermost first; or everything that is wrong with the words.
/// A layer that is named but not configured is left out: one order may serve many policies.
pub fn parse(words: &[&str], configured: &[Layer]) -> Result<Vec<Layer>, Vec<PolicyError>> {
    let mut named: Vec<Layer> = Vec::new();
    let mut problems = Vec::new();
    for word in words {
        match Layer::from_word(word) {
            Ok(layer) if named.contains(&layer) => problems.push(PolicyError::new("order", format!("names `{layer}` twice"))),
            Ok(layer) => named.push(layer),
            Err(problem) => problems.push(problem),
        }
    }
    let missing: Vec<Layer> = configured.iter().copied().filter(|layer| !named.contains(layer)).collect();
    // A misspelt word would be reported a second time as a missing one.
    if problems.is_empty() && !missing.is_empty() {
        problems.push(PolicyError::new("order", format!("leaves out {}, which this policy configures", list(&missing))));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    named.retain(|layer| configured.contains(layer));
    Ok(named)
}

fn list(layers: &[Layer]) -> String {
    layers.iter().map(|layer| format!("`{layer}`")).collect::<Vec<_>>().join(", ")
}

/// How many letters must be changed, added or left out to get from one word to the other, case aside (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::Layer::*;
    use super::*;

    #[test]
    fn an_order_keeps_what_is_configured() {
        assert_eq!(parse(&["circuitBreaker", "fallback", "timeout"], &[Fallback, CircuitBreaker]), Ok(vec![CircuitBreaker, Fallback]));
        assert_eq!(parse(&DEFAULT.map(Layer::word), &DEFAULT), Ok(DEFAULT.to_vec()));
        assert_eq!(parse(&[], &[]), Ok(vec![]));
    }

    #[test]
    fn all_problems_are_told_at_once() {
        for (words, messages) in [
            (
                &["circuitbreaker", "retry", "retry"][..],
                &["`order` names `circuitbreaker`, which is no policy; did you mean `circuitBreaker`?", "`order` names `retry` twice"][..],
            ),
            (&["retires"], &["`order` names `retires`, which is no policy; did you mean `retry`?"]),
            (
                &["xylophone"],
                &[
                    "`order` names `xylophone`, which is no policy; it may name `fallback`, `deadline`, `retry`, `circuitBreaker`, `bulkhead`, `rateLimit`, `timeout`",
                ],
            ),
            (&["retry"], &["`order` leaves out `fallback`, `timeout`, which this policy configures"]),
        ] {
            let problems = parse(words, &[Fallback, Retry, Timeout]).unwrap_err();
            assert_eq!(problems.iter().map(PolicyError::to_string).collect::<Vec<_>>(), messages);
        }
    }

    #[test]
    fn words_are_as_far_apart_as_their_letters() {
        for (a, b, expected) in
            [("retry", "retry", 0), ("Retry", "retry", 0), ("retyr", "retry", 2), ("", "abc", 3), ("timout", "timeout", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
