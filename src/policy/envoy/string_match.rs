//! String matching: whether a value fits `exact`, `prefix` or `regex` (Istio `StringMatch`, Envoy `matchers.cc`).
//!
//! Regular expressions are RE2's and must match the whole value. They run on the `regex` crate, which is RE2's heir; what
//! differs is translated: `\d`, `\w`, `\s`, `\b` are ASCII, and a brace or bracket that repeats or opens nothing is itself.

use crate::policy::error::PolicyError;
use regex::bytes::{Regex, RegexBuilder};

/// A pattern for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringMatch {
    Exact(String),
    /// The value begins so.
    Prefix(String),
    /// The path is this, or goes on below it with a slash (Gateway API's `PathPrefix`).
    PathPrefix(String),
    Regex(Pattern),
}

/// A regular expression for the whole of a value.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    compiled: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.written == other.written
    }
}

impl Eq for Pattern {}

/// Presence, or a pattern: what a header or a query parameter is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueMatch {
    /// Any value will do (`{}`, or the regex `*`).
    Present,
    Is(StringMatch),
}

impl ValueMatch {
    /// Whether this value will do; none is an absent header or parameter.
    pub fn accepts(&self, value: Option<&str>) -> bool {
        match self {
            ValueMatch::Present => value.is_some(),
            ValueMatch::Is(pattern) => value.is_some_and(|value| pattern.matches(value)),
        }
    }
}

impl StringMatch {
    pub fn regex(written: &str) -> Result<StringMatch, PolicyError> {
        Pattern::new(written).map(StringMatch::Regex)
    }

    /// A Gateway API path prefix; a slash at its end means nothing.
    pub fn path_prefix(written: &str) -> StringMatch {
        match written.trim_end_matches('/') {
            "" => StringMatch::Prefix("/".into()),
            path => StringMatch::PathPrefix(path.into()),
        }
    }

    pub fn matches(&self, value: &str) -> bool {
        self.matches_case(value, false)
    }

    /// The case of letters may be ignored by all but regular expressions.
    pub fn matches_case(&self, value: &str, ignore_case: bool) -> bool {
        match self {
            StringMatch::Exact(text) => value.len() == text.len() && begins(value, text, ignore_case),
            StringMatch::Prefix(text) => begins(value, text, ignore_case),
            StringMatch::PathPrefix(text) => {
                begins(value, text, ignore_case) && matches!(value.as_bytes().get(text.len()), None | Some(b'/'))
            }
            StringMatch::Regex(pattern) => pattern.matches(value),
        }
    }

    /// Whether as the condition on a path it lets every path pass, in Istio's eyes.
    pub(super) fn is_any_path(&self) -> bool {
        match self {
            StringMatch::Exact(_) => false,
            StringMatch::Prefix(text) | StringMatch::PathPrefix(text) => text == "/",
            StringMatch::Regex(pattern) => pattern.written == ".*",
        }
    }
}

fn begins(value: &str, text: &str, ignore_case: bool) -> bool {
    let (value, text) = (value.as_bytes(), text.as_bytes());
    value.get(..text.len()).is_some_and(|start| if ignore_case { start.eq_ignore_ascii_case(text) } else { start == text })
}

impl Pattern {
    pub fn new(written: &str) -> Result<Pattern, PolicyError> {
        let refuse = |problem: &str| PolicyError::new("regex", format!("`{written}` is not valid: {problem}"));
        if let Some(flag) = foreign_flag(written) {
            return Err(refuse(&format!("RE2 has no flag `{flag}`")));
        }
        let alone = translated(written);
        // ASCII classes first, as in RE2; `\p{…}` exists only where letters are Unicode's. Compiled alone as well, so that no
        // parenthesis of the pattern closes ours.
        let build = |unicode| {
            RegexBuilder::new(&alone).unicode(unicode).build()?;
            RegexBuilder::new(&format!(r"\A(?:{alone})\z")).unicode(unicode).build()
        };
        let compiled = build(false).or_else(|_| build(true)).map_err(|error| refuse(last_line(&error.to_string())))?;
        Ok(Pattern { written: written.to_string(), compiled })
    }

    pub fn matches(&self, value: &str) -> bool {
        self.compiled.is_match(value.as_bytes())
    }
}

/// The sentence at the end of the regex crate's drawing.
fn last_line(error: &str) -> &str {
    error.lines().last().unwrap_or(error).trim_start_matches("error: ")
}

/// A flag of a group, such as `x` in `(?x)`, that the crate knows and RE2 does not.
fn foreign_flag(pattern: &str) -> Option<char> {
    pattern.match_indices("(?").filter(|(at, _)| !pattern[..*at].ends_with('\\')).find_map(|(at, _)| {
        let (flags, _) = pattern[at + 2..].split_once([':', ')'])?;
        let is_flags = flags.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        flags.chars().find(|flag| is_flags && !"imsU-".contains(*flag))
    })
}

/// RE2's syntax in the crate's: RE2 takes `{` literally where it does not repeat, and `[` inside of brackets.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    // Characters since the opening of a bracket, which tell whether `]` is its first member.
    let mut class: Option<usize> = None;
    while let Some(head) = rest.chars().next() {
        let taken = match head {
            '\\' => escape_len(rest),
            '[' if class.is_some() && rest.starts_with("[:") => rest.find(":]").map_or(1, |end| end + 2),
            _ => head.len_utf8(),
        };
        let (token, after) = rest.split_at(taken);
        if (token == "[" && class.is_some()) || (token == "{" && class.is_none() && !repeats(rest)) {
            out.push('\\');
        }
        out.push_str(token);
        class = match (class, token) {
            (None, "[") => Some(0),
            (Some(0), "^") => Some(0),
            (Some(members), "]") if members > 0 => None,
            (Some(members), _) => Some(members + 1),
            (None, _) => None,
        };
        rest = after;
    }
    out
}

/// The length of an escape at the start of `text`, with the braces of `\p{…}` and `\x{…}`.
fn escape_len(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    let Some((at, escaped)) = chars.next() else { return text.len() };
    let end = at + escaped.len_utf8();
    let braces = matches!(escaped, 'p' | 'P' | 'x') && text[end..].starts_with('{');
    if braces { text[end..].find('}').map_or(end, |close| end + close + 1) } else { end }
}

/// Whether the brace at the start of `text` is a repetition: `{2}`, `{2,}`, `{2,5}`.
fn repeats(text: &str) -> bool {
    let Some(close) = text.find('}') else { return false };
    let (least, most) = text[1..close].split_once(',').unwrap_or((&text[1..close], ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> StringMatch {
        StringMatch::regex(pattern).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn exact_and_prefix_compare_as_they_say() {
        let exact = StringMatch::Exact("/api".into());
        let prefix = StringMatch::Prefix("/api".into());
        let segments = StringMatch::path_prefix("/api/");
        for (value, by_exact, by_prefix, by_segments) in [
            ("/api", true, true, true),
            ("/api/", false, true, true),
            ("/api/v1", false, true, true),
            ("/apifoo", false, true, false),
            ("/ap", false, false, false),
            ("", false, false, false),
            ("/API", false, false, false),
            ("/äpi", false, false, false),
        ] {
            assert_eq!(
                [exact.matches(value), prefix.matches(value), segments.matches(value)],
                [by_exact, by_prefix, by_segments],
                "{value}"
            );
        }
        assert!(StringMatch::path_prefix("/").matches("/anything"));
    }

    #[test]
    fn case_is_ignored_when_asked_but_not_by_regular_expressions() {
        for (pattern, value, matched) in [
            (StringMatch::Exact("/Api".into()), "/aPI", true),
            (StringMatch::Prefix("/Api".into()), "/aPIs", true),
            (StringMatch::path_prefix("/Api"), "/aPI/x", true),
            (regex("/Api"), "/api", false),
            (regex("(?i)/Api"), "/api", true),
        ] {
            assert_eq!(pattern.matches_case(value, true), matched, "{pattern:?}");
            assert!(!pattern.matches(value) || matches!(pattern, StringMatch::Regex(_)));
        }
    }

    #[test]
    fn a_regex_must_match_the_whole_value() {
        for (pattern, value, matched) in [
            ("/api", "/api/v1", false),
            ("/api.*", "/api/v1", true),
            ("a|b", "ab", false),
            ("a|bc", "bc", true),
            ("^a$", "a", true),
            ("", "", true),
            (".*", "any thing", true),
            ("^(.*?;)?(user=jason)(;.*)?$", "x=1;user=jason;y=2", true),
            (r"\d+", "123", true),
            (r"\d", "٣", false),
            (r"\p{Greek}", "α", true),
            ("a.c", "a\nc", false),
            ("a", "a\n", false),
            ("(?s)a.c", "a\nc", true),
            (r"a\(?x\)?", "ax", true),
            ("(?i:A)b", "ab", true),
            ("(?P<letter>a)", "a", true),
            // What the crate would take otherwise, and RE2 takes literally.
            ("/users/{id}", "/users/{id}", true),
            ("a{2}", "aa", true),
            ("a{1,2}", "aa", true),
            ("a{,2}", "a{,2}", true),
            ("[[]", "[", true),
            ("[]a]+", "]a", true),
            ("[^]a]", "b", true),
            ("[[:digit:]x]+", "1x", true),
            (r"\x{61}\[", "a[", true),
        ] {
            assert_eq!(regex(pattern).matches(value), matched, "{pattern} on {value:?}");
        }
    }

    #[test]
    fn a_regex_that_is_none_is_refused() {
        for (pattern, message) in [
            ("a(", "`regex` `a(` is not valid: unclosed group"),
            ("a)|(b", "`regex` `a)|(b` is not valid: unopened group"),
            ("(?x)a # all", "`regex` `(?x)a # all` is not valid: RE2 has no flag `x`"),
            ("*", "`regex` `*` is not valid: repetition operator missing expression"),
            ("a(?=b)", "`regex` `a(?=b)` is not valid: look-around, including look-ahead and look-behind, is not supported"),
        ] {
            assert_eq!(StringMatch::regex(pattern).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn presence_asks_for_a_value_and_for_nothing_else() {
        assert_eq!([None, Some(""), Some("x")].map(|value| ValueMatch::Present.accepts(value)), [false, true, true]);
        let is = ValueMatch::Is(StringMatch::Exact("x".into()));
        assert_eq!([None, Some(""), Some("x")].map(|value| is.accepts(value)), [false, false, true]);
    }
}
