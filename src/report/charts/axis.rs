//! Axes: which span of values is shown, where its ticks are, and how a figure is written with its unit.

use super::{Panel, Range};
use crate::base::math;

/// What values are, and so how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Durations in seconds: `250 ms`.
    Seconds,
    /// `120/s`
    PerSecond,
    /// Shares of one: `80 %`.
    Share,
    /// `1.5k`
    Count,
    /// Multiples: `×2.5`.
    Times,
}

/// From value to place, and back for a few.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    pub log: bool,
    pub ticks: Vec<Tick>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub at: f64,
    pub label: String,
}

/// Beyond this a logarithmic axis says more than a linear one.
const WIDE: f64 = 50.0;

/// A logarithmic axis goes no further down: what is smaller is as good as nothing.
const WIDEST: f64 = 1e5;

/// Larger values are drawn at the edge.
const LARGEST: f64 = 1e30;

impl Axis {
    /// The vertical axis of a panel, with room for so many ticks.
    pub fn of_values(panel: &Panel, room: usize) -> Axis {
        let (mut least, mut most) = (f64::INFINITY, 0.0);
        let mut least_positive = f64::INFINITY;
        for value in panel.values().map(|v| v.min(LARGEST)) {
            least = value.min(least);
            most = value.max(most);
            least_positive = if value > 0.0 { value.min(least_positive) } else { least_positive };
        }
        match panel.range {
            Range::FromZero => Axis::linear(0.0, most, panel.unit, room),
            Range::AtLeast(height) => Axis::linear(0.0, most.max(height), panel.unit, room),
            Range::Share => Axis::linear(share_axis_start(least), most.max(1.0), panel.unit, room),
            Range::LogIfWide if most > least_positive * WIDE => Axis::log(least_positive, most, panel.unit, room),
            Range::Log if most > least_positive * 1.5 => Axis::log(least_positive, most, panel.unit, room),
            Range::LogIfWide | Range::Log => Axis::linear(0.0, most, panel.unit, room),
        }
    }

    /// Time from the start of the run to `until` seconds, with room for so many ticks.
    pub fn of_time(until: f64, room: usize) -> Axis {
        const STEPS: [f64; 15] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0];
        let high = if until > 0.0 { until.min(LARGEST) } else { 1.0 };
        let least = high / room.max(1) as f64;
        let step = STEPS.into_iter().find(|step| *step >= least && high >= 2.0).unwrap_or_else(|| one_two_five(least));
        let ticks = multiples(0.0, high, step).map(|at| Tick { at, label: time_label(at, step, high) }).collect();
        Axis { low: 0.0, high, log: false, ticks }
    }

    /// From zero to a value that is not a time.
    pub fn of_amounts(most: f64, unit: Unit, room: usize) -> Axis {
        Axis::linear(0.0, most.min(LARGEST), unit, room)
    }

    /// Differences on both sides of zero, which is always among them.
    pub fn of_differences((low, high): (f64, f64), unit: Unit, room: usize) -> Axis {
        let (low, high) = (low.clamp(-LARGEST, 0.0), high.clamp(0.0, LARGEST));
        let step = one_two_five(if high > low { (high - low) / room.max(2) as f64 } else { 1.0 });
        let (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil().max(1.0) * step);
        let label = |at: f64| {
            let size = unit.on_axis(at.abs(), step, high.max(-low));
            // Of two shares the difference is in percentage points, not in percent.
            let size = size.trim_end_matches(" %");
            match at {
                at if at.abs() < step / 2.0 => "0".to_owned(),
                at if at < 0.0 => format!("−{size}"),
                _ => format!("+{size}"),
            }
        };
        let ticks = multiples(low, high, step).map(|at| Tick { at, label: label(at) }).collect();
        Axis { low, high, log: false, ticks }
    }

    /// With ticks at given places.
    pub fn with_ticks(high: f64, ticks: Vec<Tick>) -> Axis {
        Axis { low: 0.0, high, log: false, ticks }
    }

    fn linear(low: f64, most: f64, unit: Unit, room: usize) -> Axis {
        let most = if most > low { most } else { low + 1.0 };
        let step = one_two_five((most - low) / room.max(2) as f64);
        let high = low + ((most - low) / step - 1e-9).ceil() * step;
        let ticks = multiples(low, high, step).map(|at| Tick { at, label: unit.on_axis(at, step, high) }).collect();
        Axis { low, high, log: false, ticks }
    }

    fn log(least: f64, most: f64, unit: Unit, room: usize) -> Axis {
        let (low, high) = (rung_below(least.max(most / WIDEST)), one_two_five(most));
        let decades = decade(low)..=decade(high);
        let rungs = |mantissas: &[f64], every: usize| -> Vec<f64> {
            let powers = decades.clone().step_by(every).map(|d| math::pow(10.0, f64::from(d)));
            powers.flat_map(|p| mantissas.iter().map(move |m| m * p)).filter(|v| *v >= low * 0.999 && *v <= high * 1.001).collect()
        };
        let all = (0..)
            .map(|i| match i {
                0 => rungs(&[1.0, 2.0, 5.0], 1),
                1 => rungs(&[1.0, 3.0], 1),
                _ => rungs(&[1.0], i - 1),
            })
            .find(|ticks| ticks.len() <= room.max(2))
            .expect("steps of enough decades leave one tick");
        let ticks = all.into_iter().map(|at| Tick { at, label: unit.written(at) }).collect();
        Axis { low, high, log: true, ticks }
    }

    /// Where a value lies, from 0 (the lower end) to 1; beyond the ends, at the ends.
    pub fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            math::ln(value.max(self.low) / self.low) / math::ln(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }
}

/// Shares are shown from zero, unless all of them are in the uppermost tenth or hundredth.
fn share_axis_start(least: f64) -> f64 {
    match least {
        l if (0.99..1.0).contains(&l) => 0.99,
        l if l >= 0.9 && l.is_finite() => 0.9,
        _ => 0.0,
    }
}

/// The power of ten at or below a positive number; that of the smallest number for zero.
fn decade(x: f64) -> i32 {
    (math::log10(x.max(f64::MIN_POSITIVE)) + 1e-9).floor() as i32
}

/// The smallest of 1, 2, 5, 10, 20, 50 … that is not below a positive number.
fn one_two_five(x: f64) -> f64 {
    let power = math::pow(10.0, f64::from(decade(x)));
    [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|rung| *rung >= x * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// The largest of 1, 2, 5, 10, 20, 50 … that is not above a positive number.
fn rung_below(x: f64) -> f64 {
    let power = math::pow(10.0, f64::from(decade(x)));
    [5.0, 2.0].into_iter().map(|m| m * power).find(|rung| *rung <= x * (1.0 + 1e-9)).unwrap_or(power)
}

/// `low`, `low + step` … up to `high`.
fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    const MOST: usize = 100;
    let count = ((high - low) / step + 1e-6).floor().max(0.0);
    (0..=MOST.min(count as usize)).map(move |i| low + i as f64 * step)
}

/// Seconds for short runs; minutes or hours as on a clock otherwise.
fn time_label(at: f64, step: f64, until: f64) -> String {
    if step < 1.0 {
        return Unit::Seconds.on_axis(at, step, until);
    }
    let seconds = at.round() as u64;
    match until {
        u if u <= 600.0 => format!("{seconds} s"),
        u if u < 3600.0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        u if u < 360_000.0 => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        _ => format!("{} h", significant(at / 3600.0)),
    }
}

impl Unit {
    /// A figure with three significant digits and its unit.
    pub fn written(self, value: f64) -> String {
        let (factor, suffix) = self.scale(value.abs());
        self.with_suffix(&significant(value * factor), suffix)
    }

    /// A tick's label: as many digits as the distance of ticks needs, all in the unit that suits the largest.
    fn on_axis(self, value: f64, step: f64, largest: f64) -> String {
        let (factor, suffix) = self.scale(largest.abs());
        let decimals = usize::try_from(-decade(step * factor)).unwrap_or(0).min(9);
        if value == 0.0 {
            return self.with_suffix("0", if matches!(self, Unit::Count) { "" } else { suffix });
        }
        let scaled = value * factor;
        if scaled.abs() >= 1e6 {
            self.with_suffix(&significant(scaled), suffix)
        } else {
            self.with_suffix(&format!("{scaled:.decimals$}"), suffix)
        }
    }

    /// What to multiply with, and what to write behind, for values of this size.
    fn scale(self, size: f64) -> (f64, &'static str) {
        match self {
            Unit::Seconds => match size {
                s if s >= 1.0 || s == 0.0 => (1.0, "s"),
                s if s >= 1e-3 => (1e3, "ms"),
                s if s >= 1e-6 => (1e6, "µs"),
                _ => (1e9, "ns"),
            },
            Unit::Share => (100.0, "%"),
            Unit::Times => (1.0, ""),
            Unit::PerSecond | Unit::Count => match size {
                s if s >= 1e10 => (1e-9, "G"),
                s if s >= 1e7 => (1e-6, "M"),
                s if s >= 1e4 => (1e-3, "k"),
                _ => (1.0, ""),
            },
        }
    }

    fn with_suffix(self, number: &str, suffix: &str) -> String {
        match self {
            Unit::Seconds | Unit::Share => format!("{number} {suffix}"),
            Unit::PerSecond => format!("{number}{suffix}/s"),
            Unit::Count => format!("{number}{suffix}"),
            Unit::Times => format!("×{number}"),
        }
    }
}

/// Three significant digits without trailing zeros; powers of ten where a number would be longer than a word.
fn significant(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.0e}");
    }
    let decimals = usize::try_from(2 - decade(size)).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(unit: Unit, range: Range, values: &[f64]) -> Vec<String> {
        let series = vec![super::super::Series::line("", super::super::palette::P50, 1.0, values.to_vec())];
        let panel = Panel { title: String::new(), note: String::new(), unit, range, series };
        Axis::of_values(&panel, 5).ticks.into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn ticks_are_round_and_carry_their_unit() {
        for (unit, range, values, expected) in [
            (Unit::Seconds, Range::FromZero, [0.1, 0.43], "0 ms|100 ms|200 ms|300 ms|400 ms|500 ms"),
            (Unit::Seconds, Range::LogIfWide, [0.01, 2.0], "10 ms|30 ms|100 ms|300 ms|1 s"),
            (Unit::Count, Range::LogIfWide, [0.5, 9e6], "1000|100k|10M"),
            (Unit::PerSecond, Range::FromZero, [0.0, 480.0], "0/s|100/s|200/s|300/s|400/s|500/s"),
            (Unit::Count, Range::FromZero, [0.0, 41_000.0], "0|10k|20k|30k|40k|50k"),
            (Unit::Share, Range::Share, [0.2, 1.0], "0 %|20 %|40 %|60 %|80 %|100 %"),
            (Unit::Share, Range::Share, [0.93, 1.0], "90 %|92 %|94 %|96 %|98 %|100 %"),
            (Unit::Share, Range::Share, [0.995, 0.999], "99.0 %|99.2 %|99.4 %|99.6 %|99.8 %|100.0 %"),
            (Unit::Times, Range::AtLeast(2.0), [1.0, 1.2], "×0|×0.5|×1.0|×1.5|×2.0"),
            (Unit::Count, Range::FromZero, [0.0, 0.0], "0|0.2|0.4|0.6|0.8|1.0"),
        ] {
            assert_eq!(labels(unit, range, &values).join("|"), expected);
        }
    }

    #[test]
    fn time_is_written_as_on_a_clock_once_it_is_long() {
        let of = |until| Axis::of_time(until, 4).ticks.into_iter().map(|t| t.label).collect::<Vec<_>>().join("|");
        assert_eq!(of(180.0), "0 s|60 s|120 s|180 s");
        assert_eq!(of(0.4), "0 ms|100 ms|200 ms|300 ms|400 ms");
        assert_eq!(of(1200.0), "0:00|5:00|10:00|15:00|20:00");
        assert_eq!(of(7200.0), "0:00:00|0:30:00|1:00:00|1:30:00|2:00:00");
    }

    #[test]
    fn figures_have_three_digits() {
        for (unit, value, text) in [
            (Unit::Seconds, 0.012_34, "12.3 ms"),
            (Unit::Seconds, 75.0, "75 s"),
            (Unit::Seconds, 3e-7, "300 ns"),
            (Unit::Share, 0.999, "99.9 %"),
            (Unit::PerSecond, 12_345.0, "12.3k/s"),
            (Unit::Count, 1e300, "1e291G"),
            (Unit::Times, 2.5, "×2.5"),
            (Unit::Count, f64::NAN, "0"),
        ] {
            assert_eq!(unit.written(value), text);
        }
    }

    #[test]
    fn any_values_make_an_axis_with_few_ticks() {
        for values in [[0.0, 1e300], [1e-300, 1.0], [f64::NAN, f64::INFINITY], [-5.0, -1.0], [5e-324, 5e-324], [1.0, 1.0]] {
            for range in [Range::FromZero, Range::Share, Range::LogIfWide, Range::AtLeast(1.0)] {
                let labels = labels(Unit::Seconds, range, &values);
                assert!((1..=7).contains(&labels.len()), "{values:?} {range:?} {labels:?}");
            }
        }
    }
}
