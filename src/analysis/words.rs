//! How figures read to a person: `24.1 ms`, `199/s`, `99.2 %`, `×3.9`, `12.3k`. Three significant digits, no more.

/// Seconds as a span: `250 us`, `24.1 ms`, `2 s`, `3m 20s`.
pub fn span(seconds: f64) -> String {
    let size = seconds.abs();
    match size {
        _ if size == 0.0 => "0 s".to_string(),
        _ if size < 0.000_999_5 => format!("{} us", three(seconds * 1e6)),
        _ if size < 0.999_5 => format!("{} ms", three(seconds * 1e3)),
        _ if size < 119.95 => format!("{} s", three(seconds)),
        _ => minutes(seconds),
    }
}

fn minutes(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs().round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes, rest) {
        (0, _, 0) => format!("{sign}{minutes}m"),
        (0, _, _) => format!("{sign}{minutes}m {rest:02}s"),
        (_, 0, _) => format!("{sign}{hours}h"),
        _ => format!("{sign}{hours}h {minutes:02}m"),
    }
}

/// A point of simulated time, always in seconds: `61.2 s`, `90 s`.
pub fn clock(seconds: f64) -> String {
    format!("{} s", trimmed(&format!("{seconds:.1}")))
}

/// `199/s`
pub fn rate(per_second: f64) -> String {
    format!("{}/s", number(per_second))
}

/// A share in 0..=1: `99.2 %`; the last digits before 0 and 100 are kept, so that `99.97 %` never reads as all.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let to_edge = percent.abs().min((100.0 - percent).abs());
    let text = match to_edge {
        _ if to_edge == 0.0 || percent > 999.5 => format!("{percent:.0}"),
        _ if to_edge < 0.005 => format!("{percent:.4}"),
        _ if to_edge < 0.095 => format!("{percent:.2}"),
        _ => format!("{percent:.1}"),
    };
    format!("{} %", trimmed(&text))
}

/// `×3.91`
pub fn times(factor: f64) -> String {
    format!("×{factor:.2}")
}

/// A count in full up to 9999: `412`, `12.3k`, `4.5M`.
pub fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..999_500 => format!("{}k", three(count as f64 / 1e3)),
        999_500..999_500_000 => format!("{}M", three(count as f64 / 1e6)),
        _ => format!("{}G", three(count as f64 / 1e9)),
    }
}

/// An amount of data, in the units of the language: `412 B`, `12.3 KiB`, `4.5 MiB`.
pub fn bytes(bytes: f64) -> String {
    let size = bytes.abs();
    match size {
        _ if size < 999.5 => format!("{bytes:.0} B"),
        _ if size < 999.5 * 1024.0 => format!("{} KiB", three(bytes / 1024.0)),
        _ if size < 999.5 * 1_048_576.0 => format!("{} MiB", three(bytes / 1_048_576.0)),
        _ => format!("{} GiB", three(bytes / 1_073_741_824.0)),
    }
}

/// `1 request`, `412 requests`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Any other figure, in three significant digits: `0.0213`, `3.9`, `412`, `12.3k`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 9999.5 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    three(value)
}

/// Names in a row, the first six of them: `a, b and c`.
pub fn list(names: &[String]) -> String {
    const SHOWN: usize = 6;
    match names {
        _ if names.len() > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN),
        _ => all(names),
    }
}

/// Every one of the names: `a, b and c`.
pub fn all(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// Three significant digits without exponent or trailing zeros; integers keep all of theirs.
fn three(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if size >= 99.95 => return format!("{value:.0}"),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.9995 => format!("{value:.2}"),
        _ if size >= 0.0995 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    };
    trimmed(&text)
}

fn trimmed(text: &str) -> String {
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if text == "-0" { "0".to_string() } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_take_the_unit_that_reads_best() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_25, "250 us"),
            (0.024_123, "24.1 ms"),
            (0.9996, "1 s"),
            (2.0, "2 s"),
            (1.234, "1.23 s"),
            (61.24, "61.2 s"),
            (200.0, "3m 20s"),
            (-0.0241, "-24.1 ms"),
            (7260.0, "2h 01m"),
            (3600.0, "1h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn nearly_all_is_never_printed_as_all() {
        for (share, text) in [
            (1.0, "100 %"),
            (0.992, "99.2 %"),
            (0.9997, "99.97 %"),
            (0.0, "0 %"),
            (0.0004, "0.04 %"),
            (0.999_99, "99.999 %"),
            (0.5, "50 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn counts_and_rates_are_short() {
        for (n, text) in [(0, "0"), (9999, "9999"), (12_345, "12.3k"), (4_500_000, "4.5M"), (999_999, "1M")] {
            assert_eq!(count(n), text);
        }
        for (value, text) in [(199.2, "199/s"), (0.5, "0.5/s"), (12_345.0, "12.3k/s"), (3.916, "3.92/s")] {
            assert_eq!(rate(value), text);
        }
        assert_eq!(number(-0.000_01), "0");
        assert_eq!(number(-12_345.0), "-12.3k");
        assert_eq!(counted(1, "call", "calls"), "1 call");
    }

    #[test]
    fn amounts_of_data_take_the_units_of_the_language() {
        for (size, text) in
            [(0.0, "0 B"), (412.4, "412 B"), (12_595.0, "12.3 KiB"), (-1024.0, "-1 KiB"), (4.5e6, "4.29 MiB"), (2e9, "1.86 GiB")]
        {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn lists_of_names_end_with_and() {
        let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        assert_eq!(list(&names), "a, b and c");
        assert_eq!(list(&names[..1]), "a");
    }
}
