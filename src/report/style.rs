//! Colour, or none: what is good, bad, important and secondary. Without colour every text is plain and says the same.

/// Whether to colour; whoever prints knows if a person's terminal is at the other end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
}

impl Style {
    pub const PLAIN: Style = Style { colour: false };

    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Line by line, so that a pager that shows a part colours nothing else.
    fn paint(self, code: &str, text: &str) -> String {
        if !self.colour {
            return text.to_string();
        }
        text.split('\n').map(|line| format!("\x1b[{code}m{line}\x1b[0m")).collect::<Vec<_>>().join("\n")
    }
}
