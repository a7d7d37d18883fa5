//! Tables as Parquet, for those too large for CSV: `series.parquet` and `requests.parquet` have the columns of the CSV files, with types.
//!
//! Rows are gathered into groups and written as these fill up, so that a long table streams. Nothing of the writer's version or time is
//! noted: the same rows give the same bytes.

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io;
use std::sync::Arc;

/// Rows of a group.
const GROUP: usize = 1 << 18;

/// What a column holds; any of its cells may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Number,
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Text(&'a str),
    Number(f64),
    Count(i64),
    Empty,
}

impl<'a> Cell<'a> {
    /// A cell as it stands in a CSV file.
    pub fn read(kind: Type, text: &'a str) -> Cell<'a> {
        match kind {
            _ if text.is_empty() => Cell::Empty,
            Type::Text => Cell::Text(text),
            Type::Number => text.parse().map_or(Cell::Empty, Cell::Number),
            Type::Count => text.parse().map_or(Cell::Empty, Cell::Count),
        }
    }
}

enum Values {
    Text(Vec<ByteArray>),
    Number(Vec<f64>),
    Count(Vec<i64>),
}

struct Column {
    values: Values,
    /// Per row: 1 if there is a value.
    present: Vec<i16>,
}

impl Column {
    fn new(kind: Type) -> Column {
        let values = match kind {
            Type::Text => Values::Text(Vec::new()),
            Type::Number => Values::Number(Vec::new()),
            Type::Count => Values::Count(Vec::new()),
        };
        Column { values, present: Vec::new() }
    }

    fn push(&mut self, cell: Cell<'_>) {
        let there = match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => {
                values.push(ByteArray::from(text));
                true
            }
            (Values::Number(values), Cell::Number(number)) => {
                values.push(number);
                true
            }
            (Values::Count(values), Cell::Count(count)) => {
                values.push(count);
                true
            }
            (_, cell) => {
                debug_assert_eq!(cell, Cell::Empty, "a cell is of its column's type");
                false
            }
        };
        self.present.push(i16::from(there));
    }
}

/// A table that is being written.
pub struct Rows<W: io::Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Column>,
}

impl<W: io::Write + Send> Rows<W> {
    pub fn new(to: W, columns: &[(&str, Type)]) -> io::Result<Rows<W>> {
        let field = |(name, kind): &(&str, Type)| {
            let kind = match kind {
                Type::Text => return format!("optional binary {} (UTF8);", plain(name)),
                Type::Number => "double",
                Type::Count => "int64",
            };
            format!("optional {kind} {};", plain(name))
        };
        let schema = format!("message table {{ {} }}", columns.iter().map(field).collect::<String>());
        let schema = Arc::new(parse_message_type(&schema).map_err(failed)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("brownout".into()).build();
        let writer = SerializedFileWriter::new(to, schema, Arc::new(properties)).map_err(failed)?;
        Ok(Rows { writer, columns: columns.iter().map(|(_, kind)| Column::new(*kind)).collect() })
    }

    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> io::Result<()> {
        self.columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        if self.columns.first().is_some_and(|column| column.present.len() >= GROUP) { self.group() } else { Ok(()) }
    }

    fn group(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for Column { values, present } in &mut self.columns {
            let Some(mut column) = group.next_column().map_err(failed)? else { break };
            let levels = Some(&present[..]);
            match values {
                Values::Text(values) => column.typed::<ByteArrayType>().write_batch(values, levels, None),
                Values::Number(values) => column.typed::<DoubleType>().write_batch(values, levels, None),
                Values::Count(values) => column.typed::<Int64Type>().write_batch(values, levels, None),
            }
            .map_err(failed)?;
            column.close().map_err(failed)?;
            match values {
                Values::Text(values) => values.clear(),
                Values::Number(values) => values.clear(),
                Values::Count(values) => values.clear(),
            }
            present.clear();
        }
        group.close().map_err(failed)?;
        Ok(())
    }

    pub fn end(mut self) -> io::Result<()> {
        if self.columns.iter().any(|column| !column.present.is_empty()) {
            self.group()?;
        }
        self.writer.close().map_err(failed)?;
        Ok(())
    }
}

/// A name as the schema's grammar takes it.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' }).collect()
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn table() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rows = Rows::new(&mut bytes, &[("name", Type::Text), ("value", Type::Number), ("number", Type::Count)]).expect("a table");
        for number in 0..GROUP as i64 + 5 {
            let value = if number == 3 { Cell::Empty } else { Cell::Number(number as f64 / 2.0) };
            rows.row([Cell::Text("<orders>"), value, Cell::Count(number)]).expect("memory takes all");
        }
        rows.end().expect("memory takes all");
        bytes
    }

    #[test]
    fn what_is_written_reads_back_over_several_groups() {
        let reader = SerializedFileReader::new(bytes::Bytes::from(table())).expect("it is Parquet");
        assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (2, GROUP as i64 + 5));
        let rows: Vec<_> = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
        assert_eq!((rows[7].get_string(0).expect("text").as_str(), rows[7].get_double(1).expect("a number")), ("<orders>", 3.5));
        assert!(rows[3].get_double(1).is_err(), "nothing was there");
        assert_eq!(rows[GROUP + 4].get_long(2).expect("a count"), GROUP as i64 + 4);
    }

    #[test]
    fn the_same_rows_give_the_same_bytes() {
        assert_eq!(table(), table());
    }

    #[test]
    fn a_full_disk_is_told_as_what_it_is() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let told = Rows::new(Full, &[("a", Type::Text)]).and_then(Rows::end);
        assert_eq!(told.expect_err("nothing can be written").kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_cell_of_a_csv_file_is_read_as_its_columns_type_and_an_empty_one_is_none() {
        for kind in [Type::Text, Type::Number, Type::Count] {
            assert_eq!(Cell::read(kind, ""), Cell::Empty);
        }
        assert_eq!(Cell::read(Type::Text, "7"), Cell::Text("7"));
        assert_eq!((Cell::read(Type::Number, "7.5"), Cell::read(Type::Count, "7")), (Cell::Number(7.5), Cell::Count(7)));
    }
}
