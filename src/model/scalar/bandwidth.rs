//! Bandwidths: `10Mbps`, `1Gbps`, bits in a second.

use super::{Scalar, ScalarError, number};
use std::fmt;

/// Bits per second, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth(pub u64);

const UNITS: [(&str, u64); 5] = [("Tbps", 1_000_000_000_000), ("Gbps", 1_000_000_000), ("Mbps", 1_000_000), ("kbps", 1_000), ("bps", 1)];

/// Nothing is faster than a byte in a nanosecond's thousandth.
const MOST: u64 = 1_000 * 1_000_000_000_000;

impl Scalar for Bandwidth {
    const FORMAT: &'static str = "bandwidth";
    const MEANING: &'static str = "A bandwidth in bps, kbps, Mbps, Gbps or Tbps: bits per second, by thousands";
    const EXAMPLES: &'static [&'static str] = &["10Mbps", "1Gbps"];

    fn parse(text: &str) -> Result<Bandwidth, ScalarError> {
        if text.starts_with('-') {
            return Err(ScalarError::whole("a bandwidth cannot be negative", text));
        }
        let (digits, unit) = number::split_number(text);
        if digits.is_empty() {
            return Err(ScalarError::whole(format!("`{text}` is not a bandwidth: write a number and its unit, as in `10Mbps`"), text));
        }
        if unit.is_empty() {
            return Err(ScalarError::whole(format!("`{text}` has no unit: write `{text}Mbps` or `{text}kbps`"), text));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(ScalarError::new(of_unit(digits, unit), digits.len(), unit.len()));
        };
        let bits = number::decimal(digits, "a bandwidth")? * *size as f64;
        if bits < 1.0 {
            let way_out = "for a link that lets nothing through use the fault `partition`, for one without a limit leave it out";
            return Err(ScalarError::whole(format!("a bandwidth has to be at least 1bps: {way_out}"), text));
        }
        if bits > MOST as f64 {
            return Err(ScalarError::whole(format!("`{text}` is more than 1000Tbps: leave the bandwidth out for no limit"), text));
        }
        // Both factors are below 2^53; the nearest whole number of bits.
        Ok(Bandwidth((bits + 0.5) as u64))
    }
}

/// What a unit that is none was meant to be.
fn of_unit(digits: &str, unit: &str) -> String {
    let bytes = ["MBps", "MB/s", "GBps", "GB/s", "kBps", "kB/s", "MiB/s", "GiB/s", "KiB/s"].contains(&unit);
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit) || name.eq_ignore_ascii_case(&unit.replace("it/s", "ps")));
    match known {
        _ if bytes => format!("`{unit}` counts bytes: a bandwidth is in bits, eight times as many, as in `80Mbps` for 10 MB/s"),
        Some((name, _)) => format!("`{unit}` is not a unit of bandwidth: write `{digits}{name}`"),
        None => format!("`{unit}` is not a unit of bandwidth: use bps, kbps, Mbps, Gbps or Tbps"),
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = UNITS.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)).unwrap_or(&("bps", 1));
        write!(f, "{}{name}", self.0 / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn bandwidths_are_bits_per_second_by_thousands() {
        for (text, bits) in
            [("10Mbps", 10_000_000), ("1Gbps", 1_000_000_000), ("2.5Gbps", 2_500_000_000), ("9600bps", 9600), ("56kbps", 56_000)]
        {
            assert_eq!(Bandwidth::parse(text), Ok(Bandwidth(bits)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (text, message) in [
            ("10", "`10` has no unit: write `10Mbps` or `10kbps`"),
            ("-1Mbps", "a bandwidth cannot be negative"),
            ("fast", "`fast` is not a bandwidth: write a number and its unit, as in `10Mbps`"),
            ("10mbps", "`mbps` is not a unit of bandwidth: write `10Mbps`"),
            ("10Mbit/s", "`Mbit/s` is not a unit of bandwidth: write `10Mbps`"),
            ("10MB/s", "`MB/s` counts bytes: a bandwidth is in bits, eight times as many, as in `80Mbps` for 10 MB/s"),
            ("10m", "`m` is not a unit of bandwidth: use bps, kbps, Mbps, Gbps or Tbps"),
            ("2000Tbps", "`2000Tbps` is more than 1000Tbps: leave the bandwidth out for no limit"),
        ] {
            assert_eq!(Bandwidth::parse(text).unwrap_err().message, message, "{text}");
        }
        assert!(Bandwidth::parse("0Mbps").unwrap_err().message.starts_with("a bandwidth has to be at least 1bps"));
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(bits in 1..MOST) {
            prop_assert_eq!(Bandwidth::parse(&Bandwidth(bits).to_string()), Ok(Bandwidth(bits)));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = Bandwidth::parse(&text);
        }
    }
}
