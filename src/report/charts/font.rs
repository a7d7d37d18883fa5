//! The one font of all charts, compiled in: text is measured and set alike on a machine that has none.

use plotters::style::{FontFamily, FontStyle, TextStyle, register_font};
use std::sync::Once;

/// What a viewer of an SVG may use: the font itself, or one with the same widths, or what it has.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Ascent and descent of DejaVu Sans, in ems: what plotters' bitmap text takes a size to mean.
pub const EMS_PER_LINE: f64 = 2384.0 / 2048.0;

/// Size of an em in half pixels, and weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    pub em: i32,
    pub bold: bool,
}

pub const TITLE: Face = Face { em: 32, bold: true };
pub const HEADING: Face = Face { em: 22, bold: true };
pub const LABEL: Face = Face { em: 21, bold: false };
pub const SMALL: Face = Face { em: 19, bold: false };

/// The font at a size in plotters' sense.
pub fn style(bold: bool, size: f64) -> TextStyle<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())] {
            assert!(register_font(FAMILY, style, bytes).is_ok(), "the font that is compiled in can be read");
        }
    });
    let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
    TextStyle::from((FontFamily::Name(FAMILY), size, weight))
}

/// Width of a text in half pixels.
pub fn width(text: &str, face: Face) -> i32 {
    let ((from, _), (to, _)) = style(face.bold, f64::from(face.em) * EMS_PER_LINE).font.layout_box(text).expect("the font is registered");
    to.saturating_sub(from)
}

/// The text, or as much of its beginning and end as fits: names often differ in their last letters.
pub fn fitted(text: &str, face: Face, room: i32) -> String {
    let text = clean(text);
    if width(&text, face) <= room {
        return text;
    }
    let chars: Vec<char> = text.chars().collect();
    let shorter = |kept: usize| -> String {
        let (head, tail) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
        head.iter().chain(&['…']).chain(tail).collect()
    };
    (0..chars.len()).rev().map(shorter).find(|s| width(s, face) <= room).unwrap_or_default()
}

/// Names come from models: what could not stand in an XML file, or would turn the reading direction, is replaced. A text
/// that no line has room for is cut.
pub fn clean(text: &str) -> String {
    const LONGEST: usize = 400;
    let harmless = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}' => '\u{FFFD}',
        c if c.is_control() => '\u{FFFD}',
        c => c,
    };
    text.chars().take(LONGEST).map(harmless).collect()
}

/// Words filled into lines of at most so many half pixels.
pub fn wrapped(text: &str, face: Face, room: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split(' ').filter(|w| !w.is_empty()) {
        let longer = lines.last().map(|line| format!("{line} {word}")).filter(|l| width(l, face) <= room);
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) => *line = longer,
            _ => lines.push(fitted(word, face, room)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_to_the_room_they_have() {
        let name = "a-service-with-a-very-long-name";
        let cut = fitted(name, LABEL, 200);
        assert!(cut.contains('…') && cut.ends_with("name") && width(&cut, LABEL) <= 200, "{cut}");
        assert_eq!(fitted("db", LABEL, 200), "db");
        assert_eq!(fitted(name, LABEL, 0), "");
    }

    #[test]
    fn words_fill_lines_and_none_is_lost() {
        let text = "one two three four five six seven eight nine ten";
        let lines = wrapped(text, SMALL, 200);
        assert!(lines.len() > 1 && lines.iter().all(|l| width(l, SMALL) <= 200));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn control_characters_do_not_reach_a_file() {
        assert_eq!(clean("a\u{0}b\nc\u{202E}"), "a\u{FFFD}b c\u{FFFD}");
    }
}
