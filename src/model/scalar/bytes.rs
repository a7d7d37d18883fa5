//! Amounts of data: `4KiB`, `512MiB`, `10MB`.

use super::{Scalar, ScalarError, number};
use std::fmt;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Binary units print back; decimal ones are read only.
const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

impl Bytes {
    pub const fn mebi(count: u64) -> Bytes {
        Bytes(count << 20)
    }
}

impl Scalar for Bytes {
    const FORMAT: &'static str = "bytes";
    const MEANING: &'static str = "An amount of data in B, KiB, MiB, GiB, TiB, kB, MB or GB";
    const EXAMPLES: &'static [&'static str] = &["4KiB", "512MiB"];

    fn parse(text: &str) -> Result<Bytes, ScalarError> {
        let (digits, unit) = number::split_number(text);
        if unit.is_empty() && !digits.is_empty() {
            return Err(ScalarError::whole(format!("`{text}` has no unit: write `{text}B` or `{text}KiB`"), text));
        }
        if text.starts_with('-') {
            return Err(ScalarError::whole("an amount of data cannot be negative", text));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let message = format!("`{unit}` is not a unit of data: use B, KiB, MiB, GiB, TiB, kB, MB or GB");
            return Err(ScalarError::new(message, digits.len(), unit.len()));
        };
        let whole = digits.parse::<u64>().map_err(|_| ScalarError::whole(format!("`{digits}` is not a whole number"), text))?;
        let bytes = whole.checked_mul(*size).ok_or_else(|| ScalarError::whole(format!("`{text}` is too large"), text))?;
        Ok(Bytes(bytes))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = UNITS[..5].iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn amounts_have_units() {
        assert_eq!(Bytes::parse("4KiB"), Ok(Bytes(4096)));
        assert_eq!(Bytes::parse("10MB"), Ok(Bytes(10_000_000)));
        assert_eq!(Bytes::parse("5").unwrap_err().message, "`5` has no unit: write `5B` or `5KiB`");
        assert_eq!(Bytes::mebi(16).to_string(), "16MiB");
        assert_eq!(Bytes::parse("99999999TiB").unwrap_err().message, "`99999999TiB` is too large");
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(bytes: u64) {
            prop_assert_eq!(Bytes::parse(&Bytes(bytes).to_string()), Ok(Bytes(bytes)));
        }
    }
}
