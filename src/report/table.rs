//! One table, as text of 80 columns, as Markdown, or as CSV. Names stand left, figures right.

use super::style::Style;
use super::wrap::WIDTH;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

/// Names longer than this take several lines.
const LONG_NAME: usize = 28;
/// Names are not squeezed into less, whatever the figures take.
const LEAST_NAME: usize = 8;

/// A title, a head, and rows whose first cell is a name. A line break within a cell or a head begins a line of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: &str, head: &[&str]) -> Table {
        Table { title: title.to_string(), head: head.iter().map(|cell| cell.to_string()).collect(), rows: Vec::new() }
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

    /// For the terminal: the head underlined, no other lines. Columns stand closer where that is needed to fit; only if
    /// that is not enough, names go over several lines.
    pub fn text(&self, style: Style) -> String {
        let fits = |gap, names| self.lines(gap, names).iter().all(|line| line.chars().count() <= WIDTH);
        let gap = if fits(2, LONG_NAME) { 2 } else { 1 };
        let names = (LEAST_NAME..=LONG_NAME).rev().find(|names| fits(gap, *names)).unwrap_or(LEAST_NAME);
        let title = if self.title.is_empty() { String::new() } else { format!("{}\n", style.strong(&self.title)) };
        format!("{title}{}\n", self.lines(gap, names).join("\n"))
    }

    fn lines(&self, gap: u16, names: usize) -> Vec<String> {
        let rule = LineStyle::none().fill('─').junction('─');
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new().header_separator(rule));
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.head);
        for row in &self.rows {
            table.add_row(row.iter().enumerate().map(|(i, cell)| if i == 0 { broken(cell, names) } else { tight(cell) }));
        }
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding(if i == 0 { (0, 0) } else { (gap, 0) });
            column.set_cell_alignment(if i == 0 { CellAlignment::Left } else { CellAlignment::Right });
        }
        table.lines().map(|line| line.trim_end().to_string()).collect()
    }

    pub fn markdown(&self) -> String {
        let mut text = if self.title.is_empty() { String::new() } else { format!("### {}\n\n", self.title) };
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
        text += &line(self.head.iter().map(|cell| safe(cell)).collect());
        let rule: Vec<&str> = (0..self.head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
        text += &format!("| {} |\n", rule.join(" | "));
        self.rows.iter().for_each(|row| text += &line(row.iter().map(|cell| flat(cell)).collect()));
        text
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

/// A name in lines of at most so many columns: split before its arrow, then after dots and dashes, last anywhere.
fn broken(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return name.to_string();
    }
    let mut lines: Vec<String> = Vec::new();
    for (i, side) in name.split(" -> ").enumerate() {
        let mut line = String::from(if i == 0 { "" } else { "-> " });
        for part in side.split_inclusive(['.', '-', ' ', '/']) {
            if line.chars().count() + part.trim_end().chars().count() > room && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(part);
            while line.trim_end().chars().count() > room {
                let cut = line.char_indices().nth(room).map_or(line.len(), |(at, _)| at);
                let rest = line.split_off(cut);
                lines.push(std::mem::replace(&mut line, rest));
            }
        }
        lines.push(line);
    }
    lines.join("\n")
}
