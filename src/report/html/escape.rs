//! Text of a model inside HTML: whatever a name contains, it is shown and never obeyed.

use serde::Serialize;
use std::fmt;

/// Writes a text so that it is text between tags and within a quoted attribute.
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (before, special) = rest.split_at(at);
            f.write_str(before)?;
            f.write_str(match special.as_bytes()[0] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &special[1..];
        }
        f.write_str(rest)
    }
}

/// Writes a sentence of ours as text: with arrows, and with figures that no line's end parts from their units.
pub struct Sentence<'a>(pub &'a str);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrows = self.0.replace(" -> ", " → ");
        let mut words = arrows.split(' ');
        let mut before = words.next().unwrap_or("");
        let mut text = before.to_string();
        for word in words {
            let is_unit =
                matches!(word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '%'), "%" | "ms" | "us" | "s" | "min" | "h");
            let joins = is_unit && before.ends_with(|c: char| c.is_ascii_digit());
            text.push(if joins { '\u{a0}' } else { ' ' });
            text.push_str(word);
            before = word;
        }
        Text(&text).fmt(f)
    }
}

/// JSON that may stand inside of a `script` element: no end of one, and no beginning of a comment, can be in it.
pub fn json(value: &impl Serialize) -> std::io::Result<String> {
    Ok(serde_json::to_string(value)?.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stay_with_their_units_and_names_as_they_are() {
        let sentence = Sentence("shoppers -> a & b: 30 % (was 77.9 ms), at 160 s, after 3 s. of 10 services").to_string();
        assert_eq!(sentence, "shoppers → a &amp; b: 30\u{a0}% (was 77.9\u{a0}ms), at 160\u{a0}s, after 3\u{a0}s. of 10 services");
        assert_eq!(Sentence("one  s % of").to_string(), "one  s % of");
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        assert_eq!(
            Text("<script>alert('1')</script> \"é\"&").to_string(),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &quot;é&quot;&amp;"
        );
        let hostile = "</script><!-- \u{2028}\"";
        let text = json(&hostile).unwrap();
        assert!(!text.contains('<') && !text.contains('\u{2028}'), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile, "and it reads back as it was");
    }
}
