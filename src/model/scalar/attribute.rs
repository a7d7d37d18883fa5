//! The value of a span's attribute: true or false, a number, or a text with what belongs to the request in braces.

use super::{Scalar, ScalarError};
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    Flag(bool),
    Number(f64),
    Text(String),
}

impl Scalar for AttributeValue {
    const FORMAT: &'static str = "attribute";
    const MEANING: &'static str = "A value of a span's attribute: true or false, a number, or a text; in braces, {request} is the request's number among its client's, another name what the client draws as the attribute, or sends as the header, of that name; {{ is a brace";
    const EXAMPLES: &'static [&'static str] = &["select", "{request}", "order {request} of {tier}", "99.99", "true"];

    /// A number is what prints as it was written: `007` and `1e3` are texts.
    fn parse(text: &str) -> Result<AttributeValue, ScalarError> {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && number.to_string() == text);
        Ok(match (text, number) {
            ("true", _) => AttributeValue::Flag(true),
            ("false", _) => AttributeValue::Flag(false),
            (_, Some(number)) => AttributeValue::Number(number),
            _ => AttributeValue::Text(text.to_owned()),
        })
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeValue::Flag(flag) => flag.fmt(f),
            AttributeValue::Number(number) => number.fmt(f),
            AttributeValue::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prints_as_it_is_written_is_a_number_and_everything_reads_back() {
        for (text, value) in [
            ("true", AttributeValue::Flag(true)),
            ("99.99", AttributeValue::Number(99.99)),
            ("-3", AttributeValue::Number(-3.0)),
            ("007", AttributeValue::Text("007".into())),
            ("1e3", AttributeValue::Text("1e3".into())),
            ("NaN", AttributeValue::Text("NaN".into())),
            ("", AttributeValue::Text(String::new())),
            ("{request}", AttributeValue::Text("{request}".into())),
        ] {
            assert_eq!(AttributeValue::parse(text), Ok(value.clone()), "{text}");
            assert_eq!(AttributeValue::parse(&value.to_string()), Ok(value), "{text}");
        }
    }
}
