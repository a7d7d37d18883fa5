//! Scalars as Go and Kubernetes write them: durations, quantities, IntOrString.

use super::cursor::At;
use super::notes::Notes;
use crate::base::time::Nanos;
use crate::model::mesh::{IntOrName, Quantity, Written};
use crate::model::tree::Value;

const UNITS: [(&str, i128); 8] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// Nanoseconds of a duration as Go's `time.ParseDuration` reads it: an optional sign, then numbers each with a unit.
pub(super) fn go_duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let (unit, nanos) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        total += scaled(number, *nanos)?;
        rest = &after[unit.len()..];
        if total > i64::MAX as i128 {
            return None;
        }
    }
    (!text.is_empty() && text != "-" && text != "+").then_some(sign * total)
}

/// A decimal number times a unit, cut off below one.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 20 {
        return None;
    }
    let mut total = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()? * unit };
    let mut part = unit;
    for digit in fraction.bytes() {
        part /= 10;
        total += i128::from(digit - b'0') * part;
    }
    Some(total)
}

impl At<'_> {
    /// Nanoseconds, of any sign.
    pub(super) fn go_duration(&self, notes: &mut Notes) -> Option<i128> {
        let parsed = match &self.node.value {
            Value::String(text) => go_duration(text),
            _ => None,
        };
        if parsed.is_none() {
            let message = format!("{} is a duration with its unit (h, m, s, ms, us, ns), not {}", self.name(), self.shown());
            let help = match &self.node.value {
                Value::Number(number) => format!("write `{number}s`, if seconds are meant"),
                _ => "write for example `250ms`, `2s` or `1m30s`".to_owned(),
            };
            notes.error("bad-duration", self, message, help);
        }
        parsed
    }

    /// A duration that Istio takes: at least a millisecond, and a whole number of them (`agent.ValidateDuration`).
    pub(super) fn duration(&self, notes: &mut Notes) -> Option<Written<Nanos>> {
        let nanos = self.go_duration(notes)?;
        if nanos < 1_000_000 {
            notes.error("bad-duration", self, format!("{} has to be at least 1ms", self.name()), "write a longer one, or leave it out");
            return None;
        }
        if nanos % 1_000_000 != 0 {
            notes.error("bad-duration", self, format!("{} has to be a whole number of milliseconds", self.name()), "round it");
            return None;
        }
        Some(self.written(Nanos(nanos as u64)))
    }

    /// What a message quotes.
    pub(super) fn shown(&self) -> String {
        match &self.node.value {
            Value::String(text) | Value::Number(text) => format!("`{}`", text.chars().take(60).collect::<String>()),
            Value::Bool(value) => format!("`{value}`"),
            _ => self.node.kind().to_owned(),
        }
    }

    pub(super) fn quantity(&self, notes: &mut Notes) -> Option<Written<Quantity>> {
        let text = match &self.node.value {
            Value::Number(text) | Value::String(text) => text,
            _ => "",
        };
        let quantity = quantity(text);
        if quantity.is_none() {
            let message = format!("{} is a quantity such as `250m`, `1`, `512Mi`, not {}", self.name(), self.shown());
            notes.error("bad-quantity", self, message, "the suffixes are n, u, m, k, M, G, T, P, E and Ki, Mi, Gi, Ti, Pi, Ei");
        }
        quantity.map(|quantity| self.written(quantity))
    }

    /// A number, or a text such as a percentage or the name of a port.
    pub(super) fn int_or_name(&self, notes: &mut Notes) -> Option<IntOrName> {
        match &self.node.value {
            Value::String(text) => Some(IntOrName::Name(text.clone())),
            _ => self.count(notes).map(IntOrName::Int),
        }
    }
}

const SUFFIXES: [(&str, u128); 14] = [
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
    ("Ei", 1000 << 60),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
    ("", 1000),
];

/// A Kubernetes quantity, rounded up to thousandths as the API server does.
pub(super) fn quantity(text: &str) -> Option<Quantity> {
    let tiny = text.strip_suffix('u').map(|number| (number, 1_000)).or(text.strip_suffix('n').map(|number| (number, 1_000_000)));
    if let Some((number, per)) = tiny {
        let whole: u128 = number.parse().ok()?;
        return Some(Quantity { thousandths: whole.div_ceil(per) });
    }
    if let Some((number, exponent)) = text.split_once(['e', 'E']).filter(|(_, exponent)| !exponent.is_empty() && *exponent != "i") {
        let power = 10u128.checked_pow(exponent.parse::<u32>().ok().filter(|power| *power < 19)?)?;
        return thousandths(number, 1000 * power);
    }
    let (suffix, unit) = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix))?;
    thousandths(text.strip_suffix(suffix)?, *unit)
}

fn thousandths(number: &str, unit: u128) -> Option<Quantity> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 15;
    if !digits(whole) || !digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let parsed = |text: &str| if text.is_empty() { Some(0u128) } else { text.parse().ok() };
    let scale = 10u128.pow(fraction.len() as u32);
    let part = (parsed(fraction)? * unit).div_ceil(scale);
    Some(Quantity { thousandths: parsed(whole)?.checked_mul(unit)?.checked_add(part)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, nanos) in [
            ("10s", Some(10_000_000_000)),
            ("0.25s", Some(250_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("250ms", Some(250_000_000)),
            ("1h", Some(3_600_000_000_000)),
            ("3.000000042s", Some(3_000_000_042)),
            ("0s", Some(0)),
            ("-1s", Some(-1_000_000_000)),
            (".5s", Some(500_000_000)),
            ("10", None),
            ("s", None),
            ("", None),
            ("1d", None),
            ("5 s", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(go_duration(text), nanos, "{text}");
        }
    }

    #[test]
    fn quantities_are_kubernetes() {
        for (text, thousandths) in [
            ("250m", Some(250)),
            ("1", Some(1000)),
            ("0.5", Some(500)),
            ("1Gi", Some(1000 << 30)),
            ("64Mi", Some(64 * (1000 << 20))),
            ("2k", Some(2_000_000)),
            ("1e3", Some(1_000_000)),
            ("100n", Some(1)),
            ("1E", Some(1_000_000_000_000_000_000_000)),
            ("abc", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(quantity(text).map(|q| q.thousandths), thousandths, "{text}");
        }
    }
}
