//! A part of a whole, in per cent: `5%`, `0.5%`.

use super::{Scalar, ScalarError, number};
use std::fmt;

/// A share, kept in per cent as it was written.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share {
    pub percent: f64,
}

impl Share {
    pub const NONE: Share = Share { percent: 0.0 };
    pub const ALL: Share = Share { percent: 100.0 };

    pub const fn percent(percent: f64) -> Share {
        Share { percent }
    }

    /// The share as a number in 0..=1.
    pub fn fraction(self) -> f64 {
        self.percent / 100.0
    }
}

impl Scalar for Share {
    const FORMAT: &'static str = "percent";
    const MEANING: &'static str = "A share in per cent, from 0% to 100%";
    const EXAMPLES: &'static [&'static str] = &["5%", "0.5%"];

    fn parse(text: &str) -> Result<Share, ScalarError> {
        let Some(digits) = text.strip_suffix('%') else {
            return Err(ScalarError::whole(without_sign(text), text));
        };
        let percent = number::decimal(digits.trim_end(), "a share")?;
        if percent > 100.0 {
            return Err(ScalarError::whole(format!("`{text}` is more than the whole: a share is at most `100%`"), text));
        }
        Ok(Share { percent })
    }
}

fn without_sign(text: &str) -> String {
    match number::decimal(text, "a share") {
        Ok(number) if number > 0.0 && number < 1.0 => {
            // Thousandths are enough for advice, and hide the noise of 0.07 * 100.
            let percent = (number * 100_000.0).round() / 1000.0;
            format!("`{text}` has no unit: write `{percent}%` (or `{text}%` if that was meant)")
        }
        Ok(_) => format!("`{text}` has no unit: write `{text}%`"),
        Err(_) if text.starts_with('-') => "a share cannot be negative".to_owned(),
        Err(_) => format!("`{text}` is not a share: write it in per cent, as in `5%`"),
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (text, message) in [
            ("0.07", "`0.07` has no unit: write `7%` (or `0.07%` if that was meant)"),
            ("5", "`5` has no unit: write `5%`"),
            ("101%", "`101%` is more than the whole: a share is at most `100%`"),
            ("-1%", "a share cannot be negative"),
            ("half", "`half` is not a share: write it in per cent, as in `5%`"),
            ("%", "`` is not a number, as a share has to be"),
        ] {
            assert_eq!(Share::parse(text).unwrap_err().message, message, "{text}");
        }
        assert_eq!(Share::parse("0.5%").unwrap().fraction(), 0.005);
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(percent in 0.0..=100.0f64) {
            let share = Share { percent };
            prop_assert_eq!(Share::parse(&share.to_string()), Ok(share));
        }
    }
}
