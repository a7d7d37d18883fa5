//! Exponential and normal draws by the ziggurat (Marsaglia & Tsang 2000): 256 layers of equal area under the density.
//!
//! 98.9 % of draws are one word, one multiplication and one comparison, without a logarithm, and the bits are the same
//! everywhere. The tables are literals; a test derives them again.

use crate::base::math;
use crate::base::stream::Source;
use crate::base::ziggurat_tables::{EXPONENTIAL_F, EXPONENTIAL_X, NORMAL_F, NORMAL_X};

/// Where the lowest layer ends and the tail begins (x[1] of the tables).
const EXPONENTIAL_TAIL: f64 = EXPONENTIAL_X[1];
const NORMAL_TAIL: f64 = NORMAL_X[1];

/// Exponential with mean 1. Bits 0..8 of a word choose the layer, bits 11..64 the place in it.
#[inline]
pub fn exponential<S: Source + ?Sized>(source: &mut S) -> f64 {
    let word = source.word();
    let layer = (word & 0xff) as usize;
    let x = (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64) * EXPONENTIAL_X[layer];
    if x < EXPONENTIAL_X[layer + 1] { x } else { exponential_edge(source, layer, x) }
}

/// Beyond a layer's sure part: the tail below all layers, or the wedge between the layer and the density.
#[cold]
#[inline(never)]
fn exponential_edge<S: Source + ?Sized>(source: &mut S, mut layer: usize, mut x: f64) -> f64 {
    // What lies beyond the tail's start is exponential again: start anew from there.
    let mut start = 0.0;
    loop {
        if layer == 0 {
            start += EXPONENTIAL_TAIL;
        } else if in_wedge(source, layer, &EXPONENTIAL_F, || math::exp(-x)) {
            return start + x;
        }
        let word = source.word();
        layer = (word & 0xff) as usize;
        x = (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64) * EXPONENTIAL_X[layer];
        if x < EXPONENTIAL_X[layer + 1] {
            return start + x;
        }
    }
}

/// Normal with mean 0 and variance 1. Bits 0..8 of a word choose the layer, bits 10..64 the signed place in it.
#[inline]
pub fn normal<S: Source + ?Sized>(source: &mut S) -> f64 {
    let word = source.word();
    let layer = (word & 0xff) as usize;
    let x = signed_unit(word) * NORMAL_X[layer];
    if x.abs() < NORMAL_X[layer + 1] { x } else { normal_edge(source, layer, x) }
}

#[cold]
#[inline(never)]
fn normal_edge<S: Source + ?Sized>(source: &mut S, mut layer: usize, mut x: f64) -> f64 {
    loop {
        if layer == 0 {
            return normal_tail(source).copysign(x);
        }
        if in_wedge(source, layer, &NORMAL_F, || math::exp(-0.5 * x * x)) {
            return x;
        }
        let word = source.word();
        layer = (word & 0xff) as usize;
        x = signed_unit(word) * NORMAL_X[layer];
        if x.abs() < NORMAL_X[layer + 1] {
            return x;
        }
    }
}

/// A normal draw given that it lies beyond the tail's start (Marsaglia 1964).
fn normal_tail<S: Source + ?Sized>(source: &mut S) -> f64 {
    loop {
        let beyond = exponential(source) / NORMAL_TAIL;
        if 2.0 * exponential(source) >= beyond * beyond {
            return NORMAL_TAIL + beyond;
        }
    }
}

/// Whether a point at a random height in the layer lies under the density.
fn in_wedge<S: Source + ?Sized>(source: &mut S, layer: usize, heights: &[f64; 257], density: impl Fn() -> f64) -> bool {
    let height = heights[layer] + source.uniform() * (heights[layer + 1] - heights[layer]);
    height < density()
}

/// Uniform in [-1, 1): a multiple of 2^-53.
#[inline]
fn signed_unit(word: u64) -> f64 {
    ((word as i64) >> 10) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::stream::Streams;

    /// Table of layer edges: x[0] is the width that gives the lowest layer, tail included, the common area; x[256] is 0.
    fn edges(tail: f64, area: f64, density: impl Fn(f64) -> f64, inverse: impl Fn(f64) -> f64) -> [f64; 257] {
        let mut x = [0.0; 257];
        x[0] = area / density(tail);
        x[1] = tail;
        for i in 2..256 {
            x[i] = inverse(area / x[i - 1] + density(x[i - 1]));
        }
        x
    }

    /// The four tables, derived. The tails' starts are those for which the topmost layer ends at density 1 (Doornik 2005).
    #[allow(clippy::excessive_precision)]
    fn derived() -> [(&'static str, [f64; 257]); 4] {
        let tail: f64 = 7.697117470131049720;
        let exponential = edges(tail, (tail + 1.0) * math::exp(-tail), |x| math::exp(-x), |y| -math::ln(y));
        let tail: f64 = 3.654152885361008796;
        let normal_density = |x: f64| math::exp(-0.5 * x * x);
        let area = tail * normal_density(tail) + math::sqrt(std::f64::consts::TAU) * math::normal_tail(tail);
        let normal = edges(tail, area, normal_density, |y| math::sqrt(-2.0 * math::ln(y)));
        [
            ("EXPONENTIAL_X", exponential),
            ("EXPONENTIAL_F", exponential.map(|x| math::exp(-x))),
            ("NORMAL_X", normal),
            ("NORMAL_F", normal.map(normal_density)),
        ]
    }

    #[test]
    fn tables_are_what_the_derivation_gives() {
        let tables = [&EXPONENTIAL_X, &EXPONENTIAL_F, &NORMAL_X, &NORMAL_F];
        for ((name, derived), table) in derived().into_iter().zip(tables) {
            for (i, (derived, literal)) in derived.iter().zip(table).enumerate() {
                assert_eq!(derived.to_bits(), literal.to_bits(), "{name}[{i}]: {derived} against {literal}");
            }
        }
    }

    #[test]
    fn layers_have_equal_areas() {
        for (x, f) in [(&EXPONENTIAL_X, &EXPONENTIAL_F), (&NORMAL_X, &NORMAL_F)] {
            let area = x[0] * f[1];
            for i in 1..256 {
                let layer = x[i] * (f[i + 1] - f[i]);
                assert!((layer / area - 1.0).abs() < 1e-11, "layer {i}: {layer} against {area}");
            }
        }
    }

    const DRAWS: usize = 1_000_000;

    fn sorted(draw: impl Fn(&mut crate::base::stream::Sequence) -> f64) -> Vec<f64> {
        let mut sequence = Streams::new(11).sequence("test", "ziggurat");
        let mut draws: Vec<f64> = (0..DRAWS).map(|_| draw(&mut sequence)).collect();
        draws.sort_unstable_by(f64::total_cmp);
        draws
    }

    /// Kolmogorov and Smirnov's distance times √n: above 2.23 with probability 10^-4.
    fn kolmogorov(draws: &[f64], above: impl Fn(f64) -> f64) -> f64 {
        let n = draws.len() as f64;
        let distance = |(i, x): (usize, &f64)| ((i as f64 + 0.5) / n - (1.0 - above(*x))).abs();
        draws.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
    }

    /// The n-th moment about 0.
    fn moment(draws: &[f64], power: usize) -> f64 {
        draws.iter().map(|x| (0..power).map(|_| x).product::<f64>()).sum::<f64>() / draws.len() as f64
    }

    fn share_above(draws: &[f64], x: f64) -> f64 {
        draws.iter().filter(|draw| **draw > x).count() as f64 / draws.len() as f64
    }

    #[test]
    fn exponential_draws_are_exponential() {
        let draws = sorted(exponential);
        assert!(draws[0] >= 0.0);
        assert!(kolmogorov(&draws, |x| math::exp(-x)) < 2.23);
        // Moments n! with standard error √((2n)! - n!²) / 1000; five of them.
        for (power, exact, error) in [(1, 1.0, 0.001), (2, 2.0, 0.0045), (3, 6.0, 0.0262), (4, 24.0, 0.2)] {
            assert!((moment(&draws, power) - exact).abs() < 5.0 * error, "moment {power}: {}", moment(&draws, power));
        }
        // The tail beyond the layers, reached by starting anew.
        for x in [EXPONENTIAL_TAIL, 9.0] {
            let (found, exact) = (share_above(&draws, x), math::exp(-x));
            assert!((found - exact).abs() < 5.0 * math::sqrt(exact / DRAWS as f64), "above {x}: {found}, not {exact}");
        }
    }

    #[test]
    fn normal_draws_are_normal() {
        let draws = sorted(normal);
        assert!(kolmogorov(&draws, math::normal_tail) < 2.23);
        for (power, exact, error) in [(1, 0.0, 0.001), (2, 1.0, 0.00142), (3, 0.0, 0.0039), (4, 3.0, 0.0098)] {
            assert!((moment(&draws, power) - exact).abs() < 5.0 * error, "moment {power}: {}", moment(&draws, power));
        }
        for x in [3.0, NORMAL_TAIL, 4.2] {
            let exact = math::normal_tail(x);
            let error = math::sqrt(exact / DRAWS as f64);
            let below = share_above(&draws.iter().map(|draw| -draw).collect::<Vec<_>>(), x);
            for found in [share_above(&draws, x), below] {
                assert!((found - exact).abs() < 5.0 * error, "beyond {x}: {found}, not {exact}");
            }
        }
    }
}
