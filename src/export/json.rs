//! `summary.json` and `figures.json`: indented, in the order of the model, floats in their shortest exact form.

use serde::Serialize;
use std::io;

/// Any summary, aggregate or comparison as JSON with a newline at the end.
pub fn write(value: &impl Serialize, mut to: impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut to, value)?;
    to.write_all(b"\n")
}

/// The same as text.
pub fn text(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    // Neither writing to memory nor these types (string keys, finite numbers) can fail.
    write(value, &mut bytes).expect("plain values have a JSON form");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}
