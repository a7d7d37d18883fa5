//! The texts that a model was read from, by name: what places and snippets refer to.
//!
//! Reads no file: the command line does, and hands the bytes in.

use crate::base::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::model::scalar::Bytes;

/// Bytes of one text, unless a caller allows more.
pub const LARGEST_SOURCE: Bytes = Bytes::mebi(16);

/// One of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A stretch of a line of a text. Lines and columns count from 1, columns and lengths in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub source: SourceId,
    pub line: u32,
    pub column: u32,
    pub len: u32,
}

/// Named texts.
#[derive(Clone, Debug)]
pub struct Sources {
    list: Vec<Source>,
    largest: Bytes,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

impl Default for Sources {
    fn default() -> Sources {
        Sources::with_largest(LARGEST_SOURCE)
    }
}

impl Sources {
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Refuses texts of more bytes than this.
    pub fn with_largest(largest: Bytes) -> Sources {
        Sources { list: Vec::new(), largest }
    }

    /// Takes a text in. Refuses what is too large and what is not text.
    pub fn add(&mut self, name: impl Into<String>, bytes: Vec<u8>) -> Result<SourceId, Diagnostics> {
        let name = name.into();
        if bytes.len() as u64 > self.largest.0 {
            let message = format!("`{name}` has {} bytes, more than the {} that a file may have", bytes.len(), self.largest);
            return Err(Diagnostic::error("file-too-large", message).help("split it with `extends`, or raise the limit").into());
        }
        let text = String::from_utf8(bytes).map_err(|error| not_text(&name, error.as_bytes(), error.utf8_error().valid_up_to()))?;
        if let Some(at) = text.bytes().position(|byte| byte == 0) {
            return Err(not_text(&name, text.as_bytes(), at));
        }
        let id = SourceId(u32::try_from(self.list.len()).expect("fewer than 2^32 files"));
        self.list.push(Source { name, text });
        Ok(id)
    }

    pub fn name(&self, id: SourceId) -> &str {
        &self.list[id.0 as usize].name
    }

    pub fn text(&self, id: SourceId) -> &str {
        &self.list[id.0 as usize].text
    }

    /// The text of this name, the latest if there are several.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.list.iter().rev().find(|source| source.name == name).map(|source| source.text.as_str())
    }

    pub fn place(&self, spot: Spot) -> Place {
        Place { file: self.name(spot.source).to_owned(), line: spot.line, column: spot.column, len: spot.len }
    }
}

fn not_text(name: &str, bytes: &[u8], at: usize) -> Diagnostics {
    let zero = bytes.get(at) == Some(&0);
    let what = if zero { "a zero byte" } else { "no UTF-8" };
    let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    let help = match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "it looks like UTF-16: save it as UTF-8",
        _ => "a model is a YAML or JSON text in UTF-8",
    };
    Diagnostic::error("not-text", format!("`{name}` is not a text: {what} at byte {at} (line {line})")).help(help).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_with_its_name() {
        let mut sources = Sources::with_largest(Bytes(10));
        for (bytes, message) in [
            (&b"a: \xff"[..], "`m.yaml` is not a text: no UTF-8 at byte 3 (line 1)"),
            (b"a\nb\0", "`m.yaml` is not a text: a zero byte at byte 3 (line 2)"),
            (b"0123456789a", "`m.yaml` has 11 bytes, more than the 10B that a file may have"),
        ] {
            assert_eq!(sources.add("m.yaml", bytes.to_vec()).unwrap_err().list[0].message, message);
        }
        let id = sources.add("m.yaml", b"a: 1".to_vec()).unwrap();
        assert_eq!((sources.name(id), sources.text(id)), ("m.yaml", "a: 1"));
    }
}
