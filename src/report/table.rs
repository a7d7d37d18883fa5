//! One table, as text of 80 columns, as Markdown, or as CSV. Names stand left, figures right.

use super::style::Style;
use super::wrap::{WIDTH, hanging};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

/// Names longer than this take several lines.
const LONGEST_NAME: usize = 40;
/// Names are not squeezed into less, whatever the figures take.
const LEAST_NAME: usize = 8;

/// How a name that takes several lines is broken, the least harm first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Break {
    Whole,
    /// Before the arrow of a call.
    AtArrow,
    /// After a dot or a dash, or before a capital within a word.
    AtWord,
    Anywhere,
}

/// What is tried until a table fits: how names may be broken, and the free columns before each figure. Figures stand closer
/// before a name is broken within; only then does a name lose its shape.
const PREFERENCE: [(Break, usize); 9] = [
    (Break::Whole, 3),
    (Break::Whole, 2),
    (Break::AtArrow, 3),
    (Break::AtArrow, 2),
    (Break::Whole, 1),
    (Break::AtArrow, 1),
    (Break::AtWord, 2),
    (Break::AtWord, 1),
    (Break::Anywhere, 2),
];

/// A title, a head, and rows whose first cell is a name. A line break within a cell or a head begins a line of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// A sentence below the table; none if empty.
    pub note: String,
}

impl Table {
    pub fn new(title: &str, head: &[&str]) -> Table {
        Table { title: title.to_string(), head: head.iter().map(|cell| cell.to_string()).collect(), ..Table::default() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
        debug_assert_eq!(self.rows.last().map(Vec::len), Some(self.head.len()), "a cell for every column");
    }

    /// Leaves out columns that say nothing but `0`.
    pub fn without_zeros(mut self, optional: &[usize]) -> Table {
        for &column in optional.iter().rev() {
            if self.rows.iter().all(|row| row[column] == "0") {
                self.head.remove(column);
                self.rows.iter_mut().for_each(|row| drop(row.remove(column)));
            }
        }
        self
    }

    /// For the terminal: the head underlined, no other lines.
    pub fn text(&self, style: Style) -> String {
        let (names, gap) = self.layout();
        let title = if self.title.is_empty() { String::new() } else { format!("{}\n", style.strong(&self.title)) };
        let note = if self.note.is_empty() { String::new() } else { format!("{}\n", hanging("", &self.note)) };
        format!("{title}{}\n{note}", self.lines(gap, names).join("\n"))
    }

    /// The columns that names take, and the free ones before each figure.
    fn layout(&self) -> (usize, usize) {
        let figures: Vec<usize> = (1..self.head.len())
            .map(|i| self.rows.iter().map(|row| widest(&tight(&row[i]))).fold(widest(&self.head[i]), usize::max))
            .collect();
        let names = |room: usize| {
            let broken = self.rows.iter().map(|row| broken(&row[0], room)).map(|(name, worst)| (widest(&name), worst));
            let head = (self.head.first().map_or(0, |cell| widest(cell)), Break::Whole);
            broken.fold(head, |(width, worst), (w, b)| (width.max(w), worst.max(b)))
        };
        let rooms: Vec<(usize, usize, Break)> = (LEAST_NAME..=LONGEST_NAME)
            .rev()
            .map(|room| {
                let (width, worst) = names(room);
                (room, width, worst)
            })
            .collect();
        let room_for = |(allowed, gap): (Break, usize)| {
            let taken: usize = figures.iter().map(|width| gap + width).sum();
            rooms.iter().find(|(_, width, worst)| *worst <= allowed && width + taken <= WIDTH).map(|(room, ..)| (*room, gap))
        };
        PREFERENCE.into_iter().find_map(room_for).unwrap_or((LEAST_NAME, 1))
    }

    fn lines(&self, gap: usize, names: usize) -> Vec<String> {
        let rule = LineStyle::none().fill('─').junction('─');
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new().header_separator(rule));
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.head);
        for row in &self.rows {
            table.add_row(row.iter().enumerate().map(|(i, cell)| if i == 0 { broken(cell, names).0 } else { tight(cell) }));
        }
        for (i, column) in table.column_iter_mut().enumerate() {
            // One column stands between two anyway.
            column.set_padding(if i == 0 { (0, 0) } else { (gap.saturating_sub(1) as u16, 0) });
            column.set_cell_alignment(if i == 0 { CellAlignment::Left } else { CellAlignment::Right });
        }
        table.lines().map(|line| line.trim_end().to_string()).collect()
    }

    pub fn markdown(&self) -> String {
        let mut text = if self.title.is_empty() { String::new() } else { format!("### {}\n\n", self.title) };
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
        // A head that was broken for want of room has its words back.
        text += &line(self.head.iter().map(|cell| safe(&cell.replace("-\n", ""))).collect());
        let rule: Vec<&str> = (0..self.head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
        text += &format!("| {} |\n", rule.join(" | "));
        self.rows.iter().for_each(|row| text += &line(row.iter().map(|cell| flat(cell)).collect()));
        if self.note.is_empty() { text } else { format!("{text}\n{}\n", safe(&self.note)) }
    }
}

/// What would end a Markdown cell, escaped.
fn safe(cell: &str) -> String {
    cell.replace('|', "\\|").replace('*', "\\*")
}

/// One line: what stands below a value stands beside it in parentheses.
fn flat(cell: &str) -> String {
    match safe(cell).split_once('\n') {
        Some((value, below)) if !below.trim().is_empty() => format!("{value} ({})", below.trim()),
        Some((value, _)) => value.to_string(),
        None => safe(cell),
    }
}

/// Figures in columns need no space before their unit: `99.2%`.
fn tight(cell: &str) -> String {
    cell.split('\n')
        .map(|line| line.replace(" %", "%").replace(" us", "us").replace(" ms", "ms").replace(" s", "s"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The longest line of a cell.
fn widest(cell: &str) -> usize {
    cell.split('\n').map(|line| line.chars().count()).max().unwrap_or(0)
}

/// A name in lines of at most so many columns, and how it had to be broken for that.
fn broken(name: &str, room: usize) -> (String, Break) {
    if name.chars().count() <= room {
        return (name.to_string(), Break::Whole);
    }
    let mut worst = Break::Whole;
    let mut lines: Vec<String> = Vec::new();
    for (i, side) in name.split(" -> ").enumerate() {
        let mut line = String::from(if i == 0 { "" } else { "-> " });
        worst = worst.max(if i == 0 { Break::Whole } else { Break::AtArrow });
        for part in words(side) {
            if line.chars().count() + part.trim_end().chars().count() > room && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                worst = worst.max(Break::AtWord);
            }
            line.push_str(part);
            while line.trim_end().chars().count() > room {
                let cut = line.char_indices().nth(room).map_or(line.len(), |(at, _)| at);
                let rest = line.split_off(cut);
                lines.push(std::mem::replace(&mut line, rest));
                worst = Break::Anywhere;
            }
        }
        lines.push(line);
    }
    (lines.join("\n"), worst)
}

/// The parts of a name that may stand on lines of their own: `without`, `Retries`.
fn words(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut before = ' ';
    for (at, c) in name.char_indices() {
        let hump = c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit());
        if at > begin && (hump || ['.', '-', ' ', '/', '_'].contains(&before)) {
            parts.push(&name[begin..at]);
            begin = at;
        }
        before = c;
    }
    parts.push(&name[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one figure, so wide that so many columns are left for names.
    fn names(left: usize, names: &[&str]) -> String {
        let mut table = Table::new("", &["name", "figure"]);
        names.iter().for_each(|name| table.row([name.to_string(), "9".repeat(WIDTH - left - 1)]));
        table.text(Style::PLAIN).lines().skip(2).map(|line| line.trim_end_matches('9').trim_end().to_string() + "\n").collect()
    }

    #[test]
    fn a_name_is_whole_if_the_width_allows() {
        assert_eq!(names(17, &["aggressiveRetries"]), "aggressiveRetries\n", "figures stand closer for it");
        assert_eq!(names(21, &["a.place -> b.reserve"]), "a.place -> b.reserve\n");
    }

    #[test]
    fn a_name_that_must_be_broken_keeps_its_words() {
        assert_eq!(names(14, &["aggressiveRetries", "naive"]), "aggressive\nRetries\nnaive\n");
        assert_eq!(names(12, &["catalog-database"]), "catalog-\ndatabase\n");
        assert_eq!(names(14, &["a.place -> b.reserve"]), "a.place\n-> b.reserve\n");
        assert_eq!(names(8, &["incomprehensible"]), "incompre\nhensible\n");
    }
}
