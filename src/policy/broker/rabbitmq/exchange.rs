//! Exchanges: which queues get a copy of a message (RabbitMQ, "Exchanges").

use super::topic::TopicPattern;

/// A binding of an exchange: to which queue, and for which messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding<Q> {
    pub queue: Q,
    pub condition: Condition,
}

/// What a binding asks of a message; one exchange's bindings are all of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A direct exchange: the routing key is this one.
    Key(String),
    /// A topic exchange.
    Topic(TopicPattern),
    /// A fan-out exchange: always.
    Always,
    /// A headers exchange: all of these headers have these values, or any of them has.
    Headers { headers: Vec<(String, String)>, all: bool },
}

impl Condition {
    pub fn holds(&self, key: &str, headers: &[(String, String)]) -> bool {
        match self {
            Condition::Key(wanted) => wanted == key,
            Condition::Topic(pattern) => pattern.matches(key),
            Condition::Always => true,
            Condition::Headers { headers: wanted, all: true } => asked(wanted).all(|header| headers.contains(header)),
            Condition::Headers { headers: wanted, all: false } => asked(wanted).any(|header| headers.contains(header)),
        }
    }
}

/// Headers whose names begin with `x-` are no condition.
fn asked(headers: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
    headers.iter().filter(|(name, _)| !name.starts_with("x-"))
}

/// The queues that get a copy, each one only, in the order of the bindings.
pub fn route<Q: Copy + PartialEq>(bindings: &[Binding<Q>], key: &str, headers: &[(String, String)]) -> Vec<Q> {
    let mut queues = Vec::new();
    for binding in bindings.iter().filter(|binding| binding.condition.holds(key, headers)) {
        if !queues.contains(&binding.queue) {
            queues.push(binding.queue);
        }
    }
    queues
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_string(), value.to_string())
    }

    fn bound(queue: u32, condition: Condition) -> Binding<u32> {
        Binding { queue, condition }
    }

    #[test]
    fn each_kind_of_exchange_asks_for_something_else() {
        let topic = |pattern: &str| Condition::Topic(TopicPattern::new(pattern).unwrap());
        let both = vec![header("format", "pdf"), header("type", "report")];
        let cases = [
            (vec![bound(1, Condition::Key("a".into())), bound(2, Condition::Key("b".into()))], "b", vec![], vec![2]),
            (vec![bound(1, Condition::Always), bound(2, Condition::Always)], "whatever", vec![], vec![1, 2]),
            (
                vec![bound(1, topic("order.*")), bound(2, topic("order.created")), bound(3, topic("stock.#"))],
                "order.created",
                vec![],
                vec![1, 2],
            ),
            (vec![bound(1, Condition::Headers { headers: both.clone(), all: true })], "", vec![header("format", "pdf")], vec![]),
            (vec![bound(1, Condition::Headers { headers: both.clone(), all: true })], "", both.clone(), vec![1]),
            (vec![bound(1, Condition::Headers { headers: both.clone(), all: false })], "", vec![header("format", "pdf")], vec![1]),
            (vec![bound(1, Condition::Headers { headers: both, all: false })], "", vec![header("format", "zip")], vec![]),
        ];
        for (bindings, key, headers, queues) in cases {
            assert_eq!(route(&bindings, key, &headers), queues, "{bindings:?} {key} {headers:?}");
        }
    }

    #[test]
    fn headers_that_begin_with_x_are_no_condition() {
        let wanted = vec![header("format", "pdf"), header("x-kind", "new")];
        let only = vec![header("x-kind", "new")];
        for (headers, all, sent, holds) in [
            (&wanted, true, "format", true),
            (&wanted, false, "x-kind", false),
            (&only, true, "format", true),
            (&only, false, "x-kind", false),
        ] {
            let value = if sent == "format" { "pdf" } else { "new" };
            let condition = Condition::Headers { headers: headers.clone(), all };
            assert_eq!(condition.holds("", &[header(sent, value)]), holds, "{condition:?} {sent}");
        }
    }

    #[test]
    fn a_queue_gets_one_copy_however_many_of_its_bindings_match() {
        let topic = |pattern: &str| Condition::Topic(TopicPattern::new(pattern).unwrap());
        let bindings = [bound(7, topic("#")), bound(7, topic("order.*")), bound(8, topic("order.*"))];
        assert_eq!(route(&bindings, "order.paid", &[]), [7, 8]);
    }
}
