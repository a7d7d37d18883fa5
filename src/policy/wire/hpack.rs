//! HPACK: bytes of a header in a block (RFC 7541), for an encoder that puts every header into its table, as Go's does.

use super::headers::{Header, Kind};

/// Headers of the static table that calls have in full.
const WHOLE: [(&str, &str); 3] = [(":method", "POST"), (":scheme", "http"), (":status", "200")];
/// Names of the static table; an index below 63 is one byte.
const NAMES: [&str; 8] = [":authority", ":path", ":status", "accept", "content-length", "content-type", "date", "user-agent"];

/// The first time on a connection.
pub fn first(header: &Header<'_>) -> u64 {
    if WHOLE.contains(&(header.name, header.value.as_str())) {
        return 1;
    }
    let name = if NAMES.contains(&header.name) { 1 } else { 1 + string(header.name) };
    match header.kind {
        Kind::Length => name,
        Kind::Line | Kind::Same | Kind::Changes => name + string(&header.value),
    }
}

/// Every later time: an index of one byte; a changed value in full, behind the index of its name, which takes two bytes in the
/// dynamic table.
pub fn later(header: &Header<'_>) -> u64 {
    let name = if NAMES.contains(&header.name) { 1 } else { 2 };
    match header.kind {
        Kind::Line | Kind::Same => 1,
        Kind::Changes => name + string(&header.value),
        Kind::Length => name,
    }
}

/// A length as a value: digits take 5 or 6 bits, counted as 6.
pub fn number(number: u64) -> u64 {
    1 + (6 * super::digits(number)).div_ceil(8)
}

/// A string literal: its length, and Huffman's code or the text, whichever is shorter. All are below 127 bytes but long names.
pub fn string(text: &str) -> u64 {
    let coded = text.bytes().map(bits).sum::<u64>().div_ceil(8).min(text.len() as u64);
    let length = if coded < 127 { 1 } else { 2 };
    length + coded
}

/// Length of the code of a character (RFC 7541, appendix B). Characters that no name or header here has count as the rarest
/// printable ones.
fn bits(byte: u8) -> u64 {
    match byte {
        b'0'..=b'2' | b'a' | b'c' | b'e' | b'i' | b'o' | b's' | b't' => 5,
        b' ' | b'%' | b'-' | b'.' | b'/' | b'3'..=b'9' | b'=' | b'A' | b'_' => 6,
        b'b' | b'd' | b'f' | b'g' | b'h' | b'l' | b'm' | b'n' | b'p' | b'r' | b'u' => 6,
        b':' | b'B'..=b'W' | b'Y' | b'j' | b'k' | b'q' | b'v'..=b'z' => 7,
        b'&' | b'*' | b',' | b';' | b'X' | b'Z' => 8,
        b'!' | b'"' | b'(' | b')' | b'?' => 10,
        b'\'' | b'+' | b'|' => 11,
        b'#' | b'>' => 12,
        b'$' | b'@' | b'[' | b']' | b'~' => 13,
        b'^' | b'}' => 14,
        b'<' | b'`' | b'{' => 15,
        _ => 28,
    }
}
