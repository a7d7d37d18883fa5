//! The call syntax that distributions, keys and arrivals share: `name(value, key: value, other(…))`.
//!
//! Reads a text into terms with places; knows nothing of what a name means.

use super::ScalarError;

/// A word, or a name with arguments in parentheses.
#[derive(Clone, Debug)]
pub struct Term<'a> {
    /// The word, or the name before the parenthesis.
    pub word: &'a str,
    pub at: usize,
    /// The whole term as written.
    pub text: &'a str,
    pub args: Option<Vec<Arg<'a>>>,
}

/// A key and where it stands.
pub type Key<'a> = (&'a str, usize);

/// An argument with the key that was written before it, if any.
#[derive(Clone, Debug)]
pub struct Arg<'a> {
    pub key: Option<Key<'a>>,
    pub value: Term<'a>,
}

/// Terms inside terms; a `mix` of `mix`es needs two.
const DEEPEST: usize = 16;

impl<'a> Term<'a> {
    pub fn parse(text: &'a str) -> Result<Term<'a>, ScalarError> {
        let mut reader = Reader { text, at: 0 };
        let term = reader.term(0)?;
        match reader.rest() {
            "" => Ok(term),
            ":" => Err(ScalarError::new("`:` stands only between a parameter and its value, inside parentheses", reader.at, 1)),
            rest => Err(ScalarError::new(format!("nothing may follow here, found `{rest}`"), reader.at, rest.len())),
        }
    }

    /// The arguments of `name(…)`, with the name for messages.
    pub fn arguments(self) -> Result<Args<'a>, ScalarError> {
        match self.args {
            Some(list) => Ok(Args { name: self.word, at: self.at, len: self.text.len(), list }),
            None => {
                Err(ScalarError::new(format!("`{0}` needs its parameters in parentheses: `{0}(…)`", self.word), self.at, self.text.len()))
            }
        }
    }

    /// Parses the whole term as a scalar, with errors placed in the outer text.
    pub fn scalar<T>(&self, parse: impl FnOnce(&str) -> Result<T, ScalarError>) -> Result<T, ScalarError> {
        parse(self.text).map_err(|error| error.shifted(self.at))
    }

    /// A file name: a bare word or a text in quotes.
    pub fn file(&self) -> Result<String, ScalarError> {
        let name = self.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(self.text);
        if name.is_empty() || self.args.is_some() {
            return Err(ScalarError::new("the name of a CSV file is due here", self.at, self.text.len()));
        }
        Ok(name.to_owned())
    }
}

/// Prints a file name so that [`Term::file`] reads it back.
pub fn quoted_file(name: &str) -> String {
    if name.contains(['(', ')', ',', ':', ' ']) { format!("\"{name}\"") } else { name.to_owned() }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Everything up to the next punctuation, or a text in quotes.
    fn word(&mut self) -> Result<(&'a str, usize), ScalarError> {
        self.skip_spaces();
        let (start, rest) = (self.at, self.rest());
        if let Some(quoted) = rest.strip_prefix('"') {
            let Some(len) = quoted.find('"') else {
                return Err(ScalarError::new("this quote is never closed", start, 1));
            };
            self.at += len + 2;
            return Ok((&self.text[start..self.at], start));
        }
        let len = rest.find(['(', ')', ',', ':']).unwrap_or(rest.len());
        self.at += len;
        Ok((rest[..len].trim_end(), start))
    }

    fn term(&mut self, depth: usize) -> Result<Term<'a>, ScalarError> {
        let (word, at) = self.word()?;
        self.skip_spaces();
        if !self.rest().starts_with('(') {
            return if word.is_empty() { Err(self.missing()) } else { Ok(Term { word, at, text: word, args: None }) };
        }
        if depth >= DEEPEST {
            return Err(ScalarError::new(format!("more than {DEEPEST} parentheses inside each other"), self.at, 1));
        }
        let open = self.at;
        self.at += 1;
        let args = self.args(open, depth)?;
        let text = &self.text[at..self.at];
        self.skip_spaces();
        Ok(Term { word, at, text, args: Some(args) })
    }

    fn args(&mut self, open: usize, depth: usize) -> Result<Vec<Arg<'a>>, ScalarError> {
        let mut args = Vec::new();
        self.skip_spaces();
        if self.eat(')') {
            return Ok(args);
        }
        loop {
            args.push(self.arg(depth)?);
            self.skip_spaces();
            if self.eat(')') {
                return Ok(args);
            }
            if !self.eat(',') {
                return Err(match self.rest() {
                    "" => ScalarError::new("this parenthesis is never closed", open, 1),
                    rest => ScalarError::new(format!("a `,` or `)` is due here, found `{rest}`"), self.at, rest.len()),
                });
            }
        }
    }

    fn arg(&mut self, depth: usize) -> Result<Arg<'a>, ScalarError> {
        let before = self.at;
        let (word, at) = self.word()?;
        self.skip_spaces();
        if !word.is_empty() && self.eat(':') {
            return Ok(Arg { key: Some((word, at)), value: self.term(depth + 1)? });
        }
        self.at = before;
        Ok(Arg { key: None, value: self.term(depth + 1)? })
    }

    fn missing(&self) -> ScalarError {
        match self.rest().chars().next() {
            None => ScalarError::new("a value is missing at the end", self.text.len(), 0),
            Some(found) => ScalarError::new(format!("a value is missing before `{found}`"), self.at, found.len_utf8()),
        }
    }
}

/// The arguments of one call, taken one after the other; what is left over is an error.
pub struct Args<'a> {
    pub name: &'a str,
    pub at: usize,
    pub len: usize,
    pub list: Vec<Arg<'a>>,
}

impl<'a> Args<'a> {
    /// Whether an argument was written with this key.
    pub fn has(&self, key: &str) -> bool {
        self.list.iter().any(|arg| arg.key.is_some_and(|(written, _)| written == key))
    }

    /// Whether no argument has a key.
    pub fn are_positional(&self) -> bool {
        self.list.iter().all(|arg| arg.key.is_none())
    }

    /// The values of these parameters: all by key, or all by position in this order.
    pub fn values<const N: usize>(mut self, keys: [&'a str; N]) -> Result<[Term<'a>; N], ScalarError> {
        if self.are_positional() {
            if self.list.len() > N {
                let extra = &self.list[N].value;
                let takes = if N == 1 { "one value" } else { "these values" };
                let message = format!("`{}` takes {takes} ({}), this is one more", self.name, keys.join(", "));
                return Err(ScalarError::new(message, extra.at, extra.text.len()));
            }
            for (arg, key) in self.list.iter_mut().zip(keys) {
                arg.key = Some((key, arg.value.at));
            }
        }
        self.named(keys)
    }

    /// The values of these parameters, each written with its key.
    pub fn named<const N: usize>(self, keys: [&'a str; N]) -> Result<[Term<'a>; N], ScalarError> {
        let mut found: [Option<Term<'a>>; N] = std::array::from_fn(|_| None);
        for arg in self.list {
            let Some((key, at)) = arg.key else {
                let message = format!("name this value: `{}` takes {}", self.name, listed(&keys));
                return Err(ScalarError::new(message, arg.value.at, arg.value.text.len()));
            };
            let Some(position) = keys.iter().position(|wanted| *wanted == key) else {
                let message = format!("`{}` has no parameter `{key}`: it takes {}", self.name, listed(&keys));
                return Err(ScalarError::new(message, at, key.len()));
            };
            if found[position].replace(arg.value).is_some() {
                return Err(ScalarError::new(format!("`{key}` is written twice"), at, key.len()));
            }
        }
        if let Some(missing) = keys.iter().zip(&found).find(|(_, value)| value.is_none()) {
            let message = format!("`{}` needs `{}`: it takes {}", self.name, missing.0, listed(&keys));
            return Err(ScalarError::new(message, self.at, self.len));
        }
        Ok(found.map(|value| value.expect("no key is missing")))
    }

    /// Every argument as (key, value), where each has to have a key: `90%: 1ms, 10%: 10ms`.
    pub fn pairs(self) -> Result<Vec<(Key<'a>, Term<'a>)>, ScalarError> {
        if self.list.is_empty() {
            return Err(ScalarError::new(format!("`{}` needs at least one entry", self.name), self.at, self.len));
        }
        let pair = |arg: Arg<'a>| match arg.key {
            Some(key) => Ok((key, arg.value)),
            None => {
                let message = format!("write a share before it: `10%: {}`", arg.value.text);
                Err(ScalarError::new(message, arg.value.at, arg.value.text.len()))
            }
        };
        self.list.into_iter().map(pair).collect()
    }
}

fn listed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn broken_syntax_has_a_place() {
        for (text, message, at) in [
            ("exp(2ms", "this parenthesis is never closed", 3),
            ("exp(2ms))", "nothing may follow here, found `)`", 8),
            ("exp(,)", "a value is missing before `,`", 4),
            ("", "a value is missing at the end", 0),
            ("a(b: )", "a value is missing before `)`", 5),
            ("a(b c(d) e)", "a `,` or `)` is due here, found `e)`", 9),
            ("a(\"b)", "this quote is never closed", 2),
        ] {
            let error = Term::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.at), (message, at), "{text}");
        }
        assert!(Term::parse(&"a(".repeat(10_000)).is_err(), "depth is bounded");
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn no_text_panics(text in "[a-z(),: µ\"%]{0,40}") {
            let _ = Term::parse(&text);
        }
    }
}
