//! The sources as tokens: words, numbers and marks, without comments and texts, and what of them is test code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

pub struct Source {
    /// From the crate's root, with `/`.
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
}

pub struct Token {
    pub line: usize,
    pub text: String,
    pub in_test: bool,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn rooms_on_disk() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("src")).expect("src is there").map(|entry| entry.expect("src can be listed"));
    entries.filter(|e| e.path().is_dir()).map(|e| e.file_name().into_string().expect("a room has a plain name")).collect()
}

pub fn all_code() -> Vec<Source> {
    ["src", "tests", "benches", "examples"].into_iter().flat_map(Source::read_all).collect()
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let mut tokens = tokens(text);
        mark_tests(&mut tokens);
        Source { path: path.to_string(), text: text.to_string(), tokens }
    }

    /// All Rust files below a folder of the crate, in the order of their paths.
    pub fn read_all(folder: &str) -> Vec<Source> {
        let mut sources = Vec::new();
        let mut folders = vec![folder.to_string()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
            for entry in entries {
                let entry = entry.expect("the folder can be listed");
                let path = format!("{folder}/{}", entry.file_name().into_string().expect("a plain name"));
                // A peer's project has its own rules, and its own build folder.
                if entry.path().is_dir() && path != "benches/peers" {
                    folders.push(path);
                } else if path.ends_with(".rs") {
                    sources.push(Source::new(&path, &fs::read_to_string(entry.path()).expect("the file can be read")));
                }
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        mark_test_files(&mut sources);
        sources
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// `world` for `src/world/link.rs`; none for `src/lib.rs` and what is not in `src`.
    pub fn room(&self) -> Option<&str> {
        let (room, _) = self.path.strip_prefix("src/")?.split_once('/')?;
        Some(room)
    }

    /// Where the modules that this file declares lie: `src/world` for `src/world/mod.rs` and for `src/world.rs`.
    fn folder(&self) -> &str {
        let path = self.path.trim_end_matches(".rs");
        ["/mod", "/lib", "/main"].iter().find_map(|root| path.strip_suffix(root)).unwrap_or(path)
    }

    /// What is named from the crate's root (`crate::engine::…`, `crate::{base::…, model}`, `super::super::policy`): line,
    /// name, and whether by test code.
    pub fn rooms_named(&self) -> Vec<(usize, String, bool)> {
        let text = |at: usize| self.tokens.get(at).map_or("", |t| t.text.as_str());
        let depth = self.folder().split('/').count() - 1;
        let mut named = Vec::new();
        for at in 0..self.tokens.len() {
            let after = match text(at) {
                "crate" if text(at + 1) == "::" => at + 2,
                "super" if text(at.wrapping_sub(1)) != "::" => {
                    let mut supers = 1;
                    while text(at + 2 * supers) == "super" {
                        supers += 1;
                    }
                    // Too few to leave the room. (Within an inline module one more is needed; then the name is no room's.)
                    if supers < depth {
                        continue;
                    }
                    at + 2 * supers
                }
                _ => continue,
            };
            let names = if text(after) == "{" { group_heads(&self.tokens, after) } else { vec![after] };
            for place in names.into_iter().filter(|place| *place < self.tokens.len()) {
                let Token { line, text, in_test } = &self.tokens[place];
                named.push((*line, text.clone(), *in_test));
            }
        }
        named
    }
}

/// The first token of each part of a group `{a::b, c::{d, e}}` that opens at `open`.
fn group_heads(tokens: &[Token], open: usize) -> Vec<usize> {
    let (mut depth, mut heads) = (0, Vec::new());
    for at in open..tokens.len() {
        match tokens[at].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        let begins = matches!(tokens[at].text.as_str(), "{" | ",") && depth == 1;
        if begins && tokens.get(at + 1).is_some_and(|next| next.text != "}") {
            heads.push(at + 1);
        }
    }
    heads
}

/// Rust as far as it is needed here: words, numbers (any float as `f64`), `::` and single marks; no comments, no texts.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let is = |at: usize, c: char| chars.get(at) == Some(&c);
    let in_word = |at: usize| chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let (mut tokens, mut line, mut at) = (Vec::new(), 1, 0);
    while at < chars.len() {
        let begin = at;
        let mut token = None;
        match chars[at] {
            '/' if is(at + 1, '/') => at = (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len()),
            '/' if is(at + 1, '*') => at = after_comment(&chars, at),
            '"' => at = after_text(&chars, at, None),
            'r' | 'b' if let Some(after) = after_prefixed_text(&chars, at) => at = after,
            '\'' if is(at + 1, '\\') => at = (at + 3..chars.len()).find(|i| chars[*i] == '\'').unwrap_or(chars.len()) + 1,
            '\'' if is(at + 2, '\'') => at += 3,
            c if c.is_ascii_digit() => {
                let hex = c == '0' && is(at + 1, 'x');
                while in_word(at) || (is(at, '.') && chars.get(at + 1).is_some_and(char::is_ascii_digit)) {
                    at += 1;
                }
                let number: String = chars[begin..at].iter().collect();
                let float = !hex && (number.contains(['.', 'e']) || number.ends_with("f64") || number.ends_with("f32"));
                token = Some(if float { "f64".to_string() } else { number });
            }
            _ if in_word(at) => {
                while in_word(at) {
                    at += 1;
                }
                token = Some(chars[begin..at].iter().collect());
            }
            ':' if is(at + 1, ':') => {
                at += 2;
                token = Some("::".to_string());
            }
            c => {
                at += 1;
                token = (!c.is_whitespace()).then(|| c.to_string());
            }
        }
        tokens.extend(token.map(|text| Token { line, text, in_test: false }));
        line += chars[begin..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn after_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// `from` is the opening quote; a raw text has no escapes, and as many hashes after its closing quote as before it.
fn after_text(chars: &[char], from: usize, raw: Option<usize>) -> usize {
    let hashes = raw.unwrap_or(0);
    let mut at = from + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' if raw.is_none() => at += 1,
            '"' if chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes => return at + 1 + hashes,
            _ => {}
        }
        at += 1;
    }
    chars.len()
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`.
fn after_prefixed_text(chars: &[char], from: usize) -> Option<usize> {
    let raw = chars[from] == 'r' || chars.get(from + 1) == Some(&'r');
    let prefix = chars[from..].iter().take(2).take_while(|c| matches!(c, 'r' | 'b')).count();
    let hashes = chars[from + prefix..].iter().take_while(|c| **c == '#').count();
    let quote = from + prefix + hashes;
    let opens = chars.get(quote) == Some(&'"') && (raw || hashes == 0);
    opens.then(|| after_text(chars, quote, raw.then_some(hashes)))
}

/// Marks the items that `#[cfg(test)]` stands before.
fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at < tokens.len() {
        if !begins_test(tokens, at) {
            at += 1;
            continue;
        }
        let mut depth = 0;
        let mut end = at + 7;
        while end < tokens.len() {
            match tokens[end].text.as_str() {
                "{" | "[" | "(" => depth += 1,
                "}" | "]" | ")" => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(tokens[end].text.as_str(), "}" | ";") {
                break;
            }
            end += 1;
        }
        let end = (end + 1).min(tokens.len());
        tokens[at..end].iter_mut().for_each(|t| t.in_test = true);
        at = end;
    }
}

fn begins_test(tokens: &[Token], at: usize) -> bool {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    tokens.len() >= at + attribute.len() && tokens[at..].iter().zip(attribute).all(|(token, text)| token.text == text)
}

/// A file that is a module under `#[cfg(test)]`, or below one, is test code as a whole.
pub fn mark_test_files(sources: &mut [Source]) {
    let mut modules = Vec::new();
    for source in sources.iter() {
        for three in source.tokens.windows(3) {
            if three[0].in_test && three[0].text == "mod" && three[2].text == ";" {
                modules.push(format!("{}/{}", source.folder(), three[1].text));
            }
        }
    }
    for source in sources {
        let below = |module: &String| source.path == format!("{module}.rs") || source.path.starts_with(&format!("{module}/"));
        if modules.iter().any(below) {
            source.tokens.iter_mut().for_each(|t| t.in_test = true);
        }
    }
}
