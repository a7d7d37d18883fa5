//! Variants side by side: the figures with their paired differences and intervals, and how each expectation fared.

use super::escape::{Sentence, Text};
use crate::experiment::aggregate::Comparison;
use crate::report::compare;
use crate::report::table::Table;
use std::io::{self, Write};

pub fn write(comparison: &Comparison, to: &mut impl Write) -> io::Result<()> {
    let told = compare::told(comparison);
    let title = if comparison.variants.is_empty() { "All seeds together" } else { "Variants side by side" };
    writeln!(to, "<section id=\"compared\" class=\"block\"><h2>{title}</h2>\n<div class=\"lead\">")?;
    for sentence in compare::headline::of(comparison) {
        writeln!(to, "<p>{}</p>", Sentence(&sentence))?;
    }
    writeln!(to, "</div>\n<p class=\"muted\">{}</p>", Text(&told.heading))?;
    if !told.sentences.is_empty() {
        writeln!(to, "<ul class=\"plain\">")?;
        for sentence in &told.sentences {
            writeln!(to, "<li>{}</li>", Sentence(sentence))?;
        }
        writeln!(to, "</ul>")?;
    }
    for table in &told.tables {
        self::table(table, to)?;
    }
    writeln!(to, "<p class=\"note\">{}</p></section>", Text(&told.legend))
}

/// A table whose cells may have a second line: the difference.
fn table(table: &Table, to: &mut impl Write) -> io::Result<()> {
    writeln!(
        to,
        "<h3>{}</h3><div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{0}\"><table class=\"side\"><thead><tr>",
        Text(&table.title)
    )?;
    for head in &table.head {
        writeln!(to, "<th scope=\"col\">{}</th>", Text(&head.replace('\n', " ")))?;
    }
    writeln!(to, "</tr></thead><tbody>")?;
    for row in &table.rows {
        write!(to, "<tr>")?;
        for (i, cell) in row.iter().enumerate() {
            let (value, below) = cell.split_once('\n').unwrap_or((cell, ""));
            let class = if below.contains('*') { " class=\"sure\"" } else { "" };
            let mark = match value {
                "✓" => " class=\"good\"",
                "✗" => " class=\"bad\"",
                _ if held(value) == Some(true) => " class=\"good\"",
                _ if held(value) == Some(false) => " class=\"bad\"",
                _ => class,
            };
            if i == 0 {
                write!(to, "<th scope=\"row\">{}</th>", Text(value))?;
            } else if below.is_empty() {
                write!(to, "<td{mark}>{}</td>", Text(value))?;
            } else {
                write!(to, "<td{class}>{}<br><small>{}</small></td>", Text(value), Text(below))?;
            }
        }
        writeln!(to, "</tr>")?;
    }
    writeln!(to, "</tbody></table></div>")?;
    if !table.note.is_empty() {
        writeln!(to, "<p class=\"muted\">{}</p>", Text(&table.note))?;
    }
    Ok(())
}

/// `3/3` of the runs, or none of them.
fn held(value: &str) -> Option<bool> {
    let (part, whole) = value.split_once('/')?;
    match (part.parse::<u32>().ok()?, whole.parse::<u32>().ok()?) {
        (part, whole) if part == whole => Some(true),
        (0, _) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_marked_by_what_it_says() {
        assert_eq!(["3/3", "0/3", "2/3", "-"].map(held), [Some(true), Some(false), None, None]);
        let mut side = Table::new("Expectations", &["of", "one", "other"]);
        side.row(["<calm>".to_string(), "3/3".into(), "0/3".into()]);
        side.row(["goodput".to_string(), "10/s\n+2.0 ±1.0*".into(), "9/s\n+0.1 ±1.0".into()]);
        side.note = "a note".into();
        let mut page = Vec::new();
        table(&side, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for told in [
            "<th scope=\"row\">&lt;calm&gt;</th><td class=\"good\">3/3</td><td class=\"bad\">0/3</td>",
            "<td class=\"sure\">10/s<br><small>+2.0 ±1.0*</small></td><td>9/s<br><small>+0.1 ±1.0</small></td>",
            "<p class=\"muted\">a note</p>",
        ] {
            assert!(page.contains(told), "{told} in {page}");
        }
    }
}
