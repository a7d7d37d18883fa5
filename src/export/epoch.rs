//! Where simulated time begins on a calendar, so that tools which know only dates can show a run.

use crate::base::time::Instant;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

/// The date of [`Instant::START`], in nanoseconds since 1970-01-01 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u64);

impl Default for Epoch {
    /// 2026-01-01T00:00:00Z: fixed, so that the same run gives the same bytes on any day.
    fn default() -> Epoch {
        Epoch(1_767_225_600_000_000_000)
    }
}

impl Epoch {
    /// Nanoseconds since 1970-01-01.
    pub fn nanos(self, at: Instant) -> u64 {
        self.0.saturating_add(at.0)
    }

    /// `2026-01-01T00:02:10.004913000Z`
    pub fn rfc3339(self, at: Instant) -> String {
        humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(self.nanos(at))).to_string()
    }
}

impl FromStr for Epoch {
    type Err = String;

    fn from_str(text: &str) -> Result<Epoch, String> {
        let refused = |why: String| format!("{why}; write a date and time in UTC such as 2026-01-01T00:00:00Z, between 1970 and 2500");
        let date = humantime::parse_rfc3339(text).map_err(|error| refused(error.to_string()))?;
        let since = date.duration_since(UNIX_EPOCH).map_err(|_| refused(format!("`{text}` is before 1970")))?;
        // Room for the run itself: dates as nanoseconds in 64 bits end in 2554.
        match u64::try_from(since.as_nanos()) {
            Ok(nanos) if nanos < 16_725_225_600_000_000_000 => Ok(Epoch(nanos)),
            _ => Err(refused(format!("`{text}` is too late"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        let epoch: Epoch = "2024-02-29T12:00:00Z".parse().expect("a date");
        assert_eq!(epoch.rfc3339(Instant(1_500_000_000)), "2024-02-29T12:00:01.500000000Z");
        assert_eq!(Epoch::default().rfc3339(Instant::START), "2026-01-01T00:00:00.000000000Z");
        assert_eq!("2026-01-01T00:00:00Z".parse(), Ok(Epoch::default()));
    }

    #[test]
    fn what_is_no_date_of_ours_is_refused_with_an_example() {
        for bad in ["", "today", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z", "2501-01-01T00:00:00Z", "9999-01-01T00:00:00Z"] {
            let error = bad.parse::<Epoch>().expect_err(bad);
            assert!(error.contains("2026-01-01T00:00:00Z"), "{bad}: {error}");
        }
    }
}
