//! The grammar of expectations: `metric(selector) op value [during a..b | after fault | while fault]`.
//!
//! Reads the text into plain data; whether a client or fault of that name exists is for compilation to say.

use crate::base::diagnostic::nearest;
use crate::model::scalar::{Duration, Rate, Scalar, ScalarError, Share, decimal, scalar_text};
use std::fmt;

/// What a run has to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As written.
    pub text: String,
    pub metric: Metric,
    pub selector: Selector,
    /// `within:` of `recovers` and `drains`.
    pub within: Option<Duration>,
    /// `after:` of `recovers` and `drains`: the fault.
    pub after: Option<String>,
    /// What the metric has to be; `recovers` and `drains` hold or do not, and have none.
    pub comparison: Option<Comparison>,
    pub range: Range,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    SuccessRate,
    ErrorRate,
    P50,
    P90,
    P95,
    P99,
    P999,
    Mean,
    Max,
    Rate,
    Goodput,
    Utilization,
    QueueLength,
    Amplification,
    Degraded,
    Restarts,
    BlastRadius,
    Recovers,
    Lost,
    Duplicates,
    DeadLettered,
    Lag,
    Age,
    Drains,
    Phantoms,
    Dropped,
}

/// Whose metric it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Of the whole run: `blastRadius()`.
    Everything,
    /// A client, service, broker, queue or fault.
    Name(String),
    /// A call: `gateway.checkout -> orders.place`, or a client in place of the caller.
    Edge { from: String, to: String },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    pub op: Op,
    pub value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Op {
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Op::Less => left < right,
            Op::LessOrEqual => left <= right,
            Op::Equal => left == right,
            Op::NotEqual => left != right,
            Op::GreaterOrEqual => left >= right,
            Op::Greater => left > right,
        }
    }
}

/// A value with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Share(Share),
    Duration(Duration),
    Rate(Rate),
    Number(f64),
}

impl Value {
    /// As figures are kept: shares in 0..=1, seconds, events per second.
    pub fn figure(self) -> f64 {
        match self {
            Value::Share(share) => share.fraction(),
            Value::Duration(duration) => duration.nanos().as_secs_f64(),
            Value::Rate(rate) => rate.hertz(),
            Value::Number(number) => number,
        }
    }
}

/// Over which part of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// After warm-up, to the end.
    Measured,
    /// Literally, warm-up included.
    During { from: Duration, to: Duration },
    /// From the end of a fault on.
    After(String),
    /// While a fault lasts.
    While(String),
}

/// In what a metric is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Share,
    Duration,
    Rate,
    Number,
    /// A number of requests, or a share of them.
    NumberOrShare,
    /// Holds or does not.
    Truth,
}

const METRICS: [(&str, Metric, Unit); 26] = [
    ("successRate", Metric::SuccessRate, Unit::Share),
    ("errorRate", Metric::ErrorRate, Unit::Share),
    ("p50", Metric::P50, Unit::Duration),
    ("p90", Metric::P90, Unit::Duration),
    ("p95", Metric::P95, Unit::Duration),
    ("p99", Metric::P99, Unit::Duration),
    ("p999", Metric::P999, Unit::Duration),
    ("mean", Metric::Mean, Unit::Duration),
    ("max", Metric::Max, Unit::Duration),
    ("rate", Metric::Rate, Unit::Rate),
    ("goodput", Metric::Goodput, Unit::Rate),
    ("utilization", Metric::Utilization, Unit::Share),
    ("queueLength", Metric::QueueLength, Unit::Number),
    ("amplification", Metric::Amplification, Unit::Number),
    ("degraded", Metric::Degraded, Unit::NumberOrShare),
    ("restarts", Metric::Restarts, Unit::Number),
    ("blastRadius", Metric::BlastRadius, Unit::Share),
    ("recovers", Metric::Recovers, Unit::Truth),
    ("lost", Metric::Lost, Unit::Number),
    ("duplicates", Metric::Duplicates, Unit::Number),
    ("deadLettered", Metric::DeadLettered, Unit::Number),
    ("lag", Metric::Lag, Unit::Number),
    ("age", Metric::Age, Unit::Duration),
    ("drains", Metric::Drains, Unit::Truth),
    ("phantoms", Metric::Phantoms, Unit::Number),
    ("dropped", Metric::Dropped, Unit::Number),
];

const OPS: [(&str, Op); 6] =
    [("<=", Op::LessOrEqual), (">=", Op::GreaterOrEqual), ("==", Op::Equal), ("!=", Op::NotEqual), ("<", Op::Less), (">", Op::Greater)];

impl Metric {
    pub fn name(self) -> &'static str {
        METRICS[self as usize].0
    }

    /// Whether it holds or does not, and looks from the end of a fault on.
    fn is_return(self) -> bool {
        matches!(self, Metric::Recovers | Metric::Drains)
    }
}

impl Scalar for Expectation {
    const FORMAT: &'static str = "expectation";
    const MEANING: &'static str = "METRIC(SELECTOR) OP VALUE, then nothing, `during FROM..TO`, `after FAULT` or `while FAULT`; \
        or recovers(CLIENT, within: DURATION, after: FAULT), drains(QUEUE, within: DURATION, after: FAULT)";
    const EXAMPLES: &'static [&'static str] =
        &["successRate(shoppers) >= 99% during 0s..60s", "p99(shoppers) < 800ms", "recovers(shoppers, within: 30s, after: slow-db)"];

    fn parse(text: &str) -> Result<Expectation, ScalarError> {
        Reader { text, at: 0 }.expectation()
    }
}

scalar_text!(Expectation);

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What stands between the parentheses.
struct Subject {
    selector: Selector,
    within: Option<Duration>,
    after: Option<String>,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn expectation(mut self) -> Result<Expectation, ScalarError> {
        let (metric, unit) = self.metric()?;
        let subject = self.subject(metric)?;
        let comparison = if unit == Unit::Truth { None } else { Some(self.comparison(metric, unit)?) };
        let range = self.range(metric)?;
        let Subject { selector, within, after } = subject;
        Ok(Expectation { text: self.text.to_owned(), metric, selector, within, after, comparison, range })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, wanted: &str) -> bool {
        self.skip_spaces();
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn demand(&mut self, wanted: &str, example: &str) -> Result<(), ScalarError> {
        if self.eat(wanted) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{wanted}`"), example))
    }

    fn unexpected(&self, wanted: &str, example: &str) -> ScalarError {
        let found = self.rest();
        let found_text = if found.is_empty() { "the text ends".to_owned() } else { format!("found `{found}`") };
        ScalarError::new(format!("{wanted} is due here, {found_text}: write it like `{example}`"), self.at, found.len())
    }

    /// Letters, digits and what names, numbers and units are made of; stops before `..` and `->`.
    fn word(&mut self) -> (&'a str, usize) {
        self.skip_spaces();
        let (start, rest) = (self.at, self.rest());
        let inside = |(index, c): (usize, char)| {
            let stops = rest[index..].starts_with("..") || rest[index..].starts_with("->");
            !stops && (c.is_alphanumeric() || "_-./%".contains(c))
        };
        let len = rest.char_indices().find(|&found| !inside(found)).map_or(rest.len(), |(index, _)| index);
        self.at += len;
        (&rest[..len], start)
    }

    fn metric(&mut self) -> Result<(Metric, Unit), ScalarError> {
        let (name, at) = self.word();
        if let Some((_, metric, unit)) = METRICS.iter().find(|(known, ..)| *known == name) {
            return Ok((*metric, *unit));
        }
        let fail = |message: String| Err(ScalarError::new(message, at, name.len()));
        if name.is_empty() {
            return Err(self.unexpected("a metric", "p99(shoppers) < 800ms"));
        }
        let names = METRICS.iter().map(|(known, ..)| *known);
        match nearest(name, names.clone()) {
            Some(near) => fail(format!("there is no metric `{name}`: did you mean `{near}`?")),
            None => fail(format!("there is no metric `{name}`: the metrics are {}", names.collect::<Vec<_>>().join(", "))),
        }
    }

    fn subject(&mut self, metric: Metric) -> Result<Subject, ScalarError> {
        let example = example(metric);
        self.demand("(", example)?;
        let mut subject = Subject { selector: self.selector(metric)?, within: None, after: None };
        while self.eat(",") {
            self.argument(metric, &mut subject)?;
        }
        self.demand(")", example)?;
        if metric.is_return() && (subject.within.is_none() || subject.after.is_none()) {
            let message = format!("`{}` needs `within` and `after`: write it like `{example}`", metric.name());
            return Err(ScalarError::new(message, 0, self.at));
        }
        Ok(subject)
    }

    fn selector(&mut self, metric: Metric) -> Result<Selector, ScalarError> {
        let (name, at) = self.word();
        if name.is_empty() && metric == Metric::BlastRadius {
            return Ok(Selector::Everything);
        }
        if name.is_empty() {
            return Err(self.unexpected("a client, a service or a call", example(metric)));
        }
        if !self.eat("->") {
            if metric == Metric::Amplification {
                let message = format!("amplification is of a call, from caller to callee: write it like `{}`", example(metric));
                return Err(ScalarError::new(message, at, name.len()));
            }
            return Ok(Selector::Name(name.to_owned()));
        }
        let (to, to_at) = self.word();
        if !to.contains('.') {
            let message = "the called endpoint is due here, written SERVICE.ENDPOINT";
            return Err(ScalarError::new(message, to_at, to.len()));
        }
        Ok(Selector::Edge { from: name.to_owned(), to: to.to_owned() })
    }

    fn argument(&mut self, metric: Metric, subject: &mut Subject) -> Result<(), ScalarError> {
        let (key, at) = self.word();
        if !metric.is_return() || !["within", "after"].contains(&key) {
            let message = match metric.is_return() {
                true => format!("`{}` has no parameter `{key}`: it takes `within` and `after`", metric.name()),
                false => format!("`{}` takes one selector and nothing else", metric.name()),
            };
            return Err(ScalarError::new(message, at, key.len()));
        }
        self.demand(":", example(metric))?;
        let (value, value_at) = self.word();
        if key == "within" {
            subject.within = Some(Duration::parse(value).map_err(|error| error.shifted(value_at))?);
        } else {
            subject.after = Some(self.fault(value, value_at)?);
        }
        Ok(())
    }

    fn fault(&self, name: &str, at: usize) -> Result<String, ScalarError> {
        if name.is_empty() {
            return Err(ScalarError::new("the name of a fault is due here", at, 0));
        }
        Ok(name.to_owned())
    }

    fn comparison(&mut self, metric: Metric, unit: Unit) -> Result<Comparison, ScalarError> {
        let Some((_, op)) = OPS.iter().find(|(sign, _)| self.eat(sign)) else {
            return Err(self.unexpected("one of < <= == != >= >", example(metric)));
        };
        let (text, at) = self.word();
        if text.is_empty() {
            return Err(self.unexpected("a value", example(metric)));
        }
        let value = parse_value(text, unit).map_err(|error| error.shifted(at))?;
        Ok(Comparison { op: *op, value })
    }

    fn range(&mut self, metric: Metric) -> Result<Range, ScalarError> {
        let (word, at) = self.word();
        let range = match word {
            "" if self.rest().is_empty() => return Ok(Range::Measured),
            "during" => self.during()?,
            "after" => self.word_of_fault().map(Range::After)?,
            "while" => self.word_of_fault().map(Range::While)?,
            _ => {
                let rest = &self.text[at..];
                let message = format!("`during FROM..TO`, `after FAULT`, `while FAULT` or nothing is due here, found `{rest}`");
                return Err(ScalarError::new(message, at, rest.len()));
            }
        };
        if metric.is_return() {
            let message = format!("`{}` looks from its fault on: it takes no range", metric.name());
            return Err(ScalarError::new(message, at, self.at - at));
        }
        self.skip_spaces();
        match self.rest() {
            "" => Ok(range),
            rest => Err(ScalarError::new(format!("nothing may follow here, found `{rest}`"), self.at, rest.len())),
        }
    }

    fn word_of_fault(&mut self) -> Result<String, ScalarError> {
        let (name, at) = self.word();
        self.fault(name, at)
    }

    fn during(&mut self) -> Result<Range, ScalarError> {
        let example = "successRate(shoppers) >= 99% during 0s..60s";
        let (from, from_at) = self.word();
        let from = Duration::parse(from).map_err(|error| error.shifted(from_at))?;
        self.demand("..", example)?;
        let (to, to_at) = self.word();
        let end = Duration::parse(to).map_err(|error| error.shifted(to_at))?;
        if end <= from {
            return Err(ScalarError::new(format!("the range ends before it begins, at {from}"), to_at, to.len()));
        }
        Ok(Range::During { from, to: end })
    }
}

fn parse_value(text: &str, unit: Unit) -> Result<Value, ScalarError> {
    match unit {
        Unit::Share => Share::parse(text).map(Value::Share),
        Unit::Duration => Duration::parse(text).map(Value::Duration),
        Unit::Rate => Rate::parse(text).map(Value::Rate),
        Unit::NumberOrShare if text.ends_with('%') => Share::parse(text).map(Value::Share),
        Unit::Number | Unit::NumberOrShare => decimal(text, "this metric").map(Value::Number),
        Unit::Truth => unreachable!("what holds or does not is not compared"),
    }
}

fn example(metric: Metric) -> &'static str {
    match metric {
        Metric::SuccessRate => "successRate(shoppers) >= 99%",
        Metric::ErrorRate => "errorRate(shoppers) < 1%",
        Metric::Mean | Metric::Max | Metric::P50 | Metric::P90 | Metric::P95 | Metric::P99 | Metric::P999 => "p99(shoppers) < 800ms",
        Metric::Rate | Metric::Goodput => "goodput(shoppers) > 150/s",
        Metric::Utilization => "utilization(orders) < 80%",
        Metric::QueueLength => "queueLength(orders) < 10",
        Metric::Amplification => "amplification(gateway.checkout -> orders.place) < 1.5",
        Metric::Degraded => "degraded(shoppers) < 5%",
        Metric::Restarts => "restarts(orders) == 0",
        Metric::BlastRadius => "blastRadius() < 50%",
        Metric::Recovers => "recovers(shoppers, within: 30s, after: slow-db)",
        Metric::Lost => "lost(order-events) == 0",
        Metric::Duplicates => "duplicates(order-events.billing) < 10",
        Metric::DeadLettered => "deadLettered(order-events.billing) == 0",
        Metric::Lag => "lag(order-events.billing) < 1000",
        Metric::Age => "age(order-events.billing) < 30s",
        Metric::Dropped => "dropped(order-events.billing) == 0",
        Metric::Phantoms => "phantoms(order-events) == 0",
        Metric::Drains => "drains(order-events.billing, within: 60s, after: slow-db)",
    }
}

#[cfg(test)]
mod tests;
