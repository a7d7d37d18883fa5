//! Distributions made of others: a branch is chosen by one word, then drawn.

use super::Dist;
use crate::base::stream::Source;

/// A branch of a hyperexponential distribution.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Phase {
    pub probability: f64,
    /// Of this and all earlier branches.
    cumulative: f64,
    pub mean: f64,
}

/// A part of a mix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Component {
    pub probability: f64,
    /// Of this and all earlier parts.
    cumulative: f64,
    pub dist: Dist,
}

impl Phase {
    pub fn table(phases: impl Iterator<Item = (f64, f64)>) -> Box<[Phase]> {
        let mut cumulative = 0.0;
        let add = |(probability, mean)| {
            cumulative += probability;
            Phase { probability, cumulative, mean }
        };
        // A branch of no probability would be chosen for the rounding of the last sum.
        phases.filter(|phase| phase.0 > 0.0).map(add).collect()
    }

    pub fn sample<S: Source + ?Sized>(phases: &[Phase], source: &mut S) -> f64 {
        let u = source.uniform();
        let last = phases.len() - 1;
        let chosen = phases[..last].iter().position(|phase| u < phase.cumulative).unwrap_or(last);
        phases[chosen].mean * source.exponential()
    }
}

impl Component {
    /// Weights are divided by the greatest first, so that their sum cannot overflow.
    pub fn table(parts: Vec<(f64, Dist)>, greatest: f64) -> Box<[Component]> {
        let sum: f64 = parts.iter().map(|part| part.0 / greatest).sum();
        let mut cumulative = 0.0;
        let add = |(weight, dist)| {
            let probability = weight / greatest / sum;
            cumulative += probability;
            Component { probability, cumulative, dist }
        };
        parts.into_iter().filter(|part| part.0 > 0.0).map(add).collect()
    }

    pub fn choose<'a, S: Source + ?Sized>(parts: &'a [Component], source: &mut S) -> &'a Dist {
        let u = source.uniform();
        let last = parts.len() - 1;
        let chosen = parts[..last].iter().position(|part| u < part.cumulative).unwrap_or(last);
        &parts[chosen].dist
    }
}
