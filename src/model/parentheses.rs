//! Lets `lognormal(p50: 4ms, p99: 30ms)` stand in YAML without quotes.
//!
//! YAML would take `: ` and `,` inside the parentheses for structure. They are swapped for characters that mean nothing
//! to YAML before a text is parsed, one for one so that every place stays right, and swapped back in every value.

/// A text with the punctuation inside `name(…)` swapped.
pub struct Protected<'a> {
    original: &'a str,
    swapped: Option<String>,
    colon: char,
    comma: char,
}

impl<'a> Protected<'a> {
    pub fn new(original: &'a str) -> Protected<'a> {
        // Two characters for private use that the text does not use itself.
        let mut unused = ('\u{E000}'..='\u{F8FF}').filter(|c| original.is_ascii() || !original.contains(*c));
        let mut protected = Protected { original, swapped: None, colon: ':', comma: ',' };
        if let (Some(colon), Some(comma)) = (unused.next(), unused.next()) {
            (protected.colon, protected.comma) = (colon, comma);
            protected.swapped = protected.swap();
        }
        protected
    }

    /// A text in which nothing is swapped.
    pub fn nothing(original: &'a str) -> Protected<'a> {
        Protected { original, swapped: None, colon: ':', comma: ',' }
    }

    /// What to parse.
    pub fn text(&self) -> &str {
        self.swapped.as_deref().unwrap_or(self.original)
    }

    /// A value of the parsed text as it was written.
    pub fn restore(&self, value: &str) -> String {
        if value.is_ascii() {
            return value.to_owned();
        }
        value
            .chars()
            .map(|c| {
                if c == self.colon {
                    ':'
                } else if c == self.comma {
                    ','
                } else {
                    c
                }
            })
            .collect()
    }

    fn swap(&self) -> Option<String> {
        let mut swapped = String::new();
        let mut copied = 0;
        let mut from = 0;
        while let Some(open) = self.original[from..].find('(').map(|found| from + found) {
            from = open + 1;
            let named = self.original[..open].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let Some(len) = closing(&self.original[open..]).filter(|_| named) else { continue };
            swapped.push_str(&self.original[copied..open]);
            swapped.extend(self.original[open..open + len].chars().map(|c| match c {
                ':' => self.colon,
                ',' => self.comma,
                other => other,
            }));
            (copied, from) = (open + len, open + len);
        }
        if copied == 0 {
            return None;
        }
        swapped.push_str(&self.original[copied..]);
        Some(swapped)
    }
}

/// Bytes from an opening parenthesis to the one that closes it on the same line. Braces and comments end the search:
/// they are YAML's own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(index + 1),
            ')' => depth -= 1,
            '\n' | '\r' | '{' | '}' | '[' | ']' | '#' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn only_named_parentheses_on_one_line_are_protected() {
        for (text, swaps) in [
            ("a: exp(x: 1, y)", 2),
            ("a: mix(90%: exp(1ms), 10%: 2ms)", 3),
            ("a: (x: 1)", 0),
            ("a: exp(x: 1\n  b: 2)", 0),
            ("a: exp({x: 1})", 0),
            ("{a: exp(1, b: 2}", 0),
        ] {
            let protected = Protected::new(text);
            assert_eq!(protected.text().chars().filter(|c| !c.is_ascii()).count(), swaps, "{text}");
            assert_eq!(protected.restore(protected.text()), text);
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn places_stay_and_values_come_back(text in "[a-c(),: \n\u{E000}µ]{0,60}") {
            let protected = Protected::new(&text);
            prop_assert_eq!(protected.text().chars().count(), text.chars().count());
            prop_assert_eq!(protected.restore(protected.text()), text);
        }
    }
}
