//! Decimal numbers in scalars: digits with an optional fraction and exponent, finite, never negative.

use super::ScalarError;

/// Splits a text into the number it starts with and the rest (a unit).
pub fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// Parses a whole text as a number; `what` names it in errors ("a rate").
pub fn decimal(text: &str, what: &str) -> Result<f64, ScalarError> {
    if text.starts_with('-') {
        return Err(ScalarError::whole(format!("{what} cannot be negative"), text));
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let parsed = if numeric { text.parse::<f64>().ok() } else { None };
    match parsed {
        Some(number) if number.is_finite() => Ok(number),
        Some(_) => Err(ScalarError::whole(format!("`{text}` is too large for {what}"), text)),
        None => Err(ScalarError::whole(format!("`{text}` is not a number, as {what} has to be"), text)),
    }
}

/// A number above zero.
pub fn positive(text: &str, what: &str) -> Result<f64, ScalarError> {
    match decimal(text, what)? {
        0.0 => Err(ScalarError::whole(format!("{what} has to be above 0"), text)),
        number => Ok(number),
    }
}

/// A whole number of at least one.
pub fn count(text: &str, what: &str) -> Result<u64, ScalarError> {
    if text.starts_with('-') {
        return Err(ScalarError::whole(format!("{what} cannot be negative"), text));
    }
    match text.parse::<u64>() {
        Ok(0) => Err(ScalarError::whole(format!("{what} has to be at least 1"), text)),
        Ok(count) => Ok(count),
        Err(_) => Err(ScalarError::whole(format!("`{text}` is not a whole number, as {what} has to be"), text)),
    }
}
