//! Lines of at most 80 columns: words are kept whole, figures keep their units, later lines hang under the first.

/// The width that every report keeps to.
pub const WIDTH: usize = 80;

/// `lead` before the first line, as many spaces before the others.
pub fn hanging(lead: &str, text: &str) -> String {
    within(lead, lead.chars().count(), text, WIDTH)
}

/// The same with so many spaces before the later lines, and lines no wider than this.
pub fn within(lead: &str, hang: usize, text: &str, width: usize) -> String {
    let indent = " ".repeat(hang);
    let mut lines: Vec<String> = vec![lead.to_string()];
    let mut begun = false;
    for word in whole_words(text) {
        let line = lines.last_mut().expect("never empty");
        if begun && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{indent}{word}"));
            continue;
        }
        if begun {
            line.push(' ');
        }
        line.push_str(&word);
        begun = true;
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Words as they may begin a line: a unit stays with its figure.
fn whole_words(text: &str) -> Vec<String> {
    const UNITS: [&str; 4] = ["%", "s", "ms", "us"];
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches(|c: char| ",.;:)".contains(c));
        match words.last_mut() {
            Some(figure) if UNITS.contains(&bare) && figure.ends_with(|c: char| c.is_ascii_digit()) => {
                figure.push(' ');
                figure.push_str(word);
            }
            _ => words.push(word.to_string()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_hang_under_the_first() {
        let text = hanging("  1.0 s  ", &"word ".repeat(30));
        assert_eq!(text.lines().map(|line| line.chars().count()).max(), Some(78));
        assert!(text.lines().nth(1).unwrap().starts_with("         word"), "{text}");
        assert_eq!(hanging("a: ", ""), "a:");
        let units = hanging("", &format!("{} goodput is 0 % of it, 3 s later.", "word ".repeat(14)));
        assert!(units.lines().nth(1).unwrap().starts_with("0 % of it, 3 s later."), "{units}");
        assert!(hanging("", &"x".repeat(100)).lines().count() == 1, "a word is never broken");
    }
}
