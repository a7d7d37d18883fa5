//! Draws against exact distributions, mean and variance against draws, and the promise of the same bits for ever.

use super::*;
use crate::base::cases::cases;
use crate::base::math;
use crate::base::stream::{Sequence, Streams, mix};
use proptest::prelude::*;
use statrs::function::gamma::gamma_lr;

const DRAWS: usize = 400_000;
/// So many standard errors may a figure be off: by chance once in two million.
const ERRORS: f64 = 5.0;

fn ms(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

/// A continuous distribution with its exact cumulative function, of nanoseconds.
struct Case {
    name: &'static str,
    dist: Dist,
    below: Box<dyn Fn(f64) -> f64>,
}

fn case(name: &'static str, dist: Result<Dist, DistError>, below: impl Fn(f64) -> f64 + 'static) -> Case {
    Case { name, dist: dist.expect(name), below: Box::new(below) }
}

fn normal_below(x: f64) -> f64 {
    math::normal_tail(-x)
}

fn lognormal_below(mu: f64, sigma: f64) -> impl Fn(f64) -> f64 {
    move |x| if x > 0.0 { normal_below((math::ln(x) - mu) / sigma) } else { 0.0 }
}

fn gamma_below(shape: f64, mean: f64) -> impl Fn(f64) -> f64 {
    move |x| if x > 0.0 { gamma_lr(shape, x * shape / mean) } else { 0.0 }
}

fn exponential_below(x: f64, mean: f64) -> f64 {
    -math::exp_m1(-x / mean)
}

/// Every continuous distribution, written as its textbook has it.
fn continuous() -> Vec<Case> {
    let sigma_of_quantiles = math::ln(8.0) / 2.326_347_874_040_841;
    let sigma_of_moments = math::sqrt(math::ln(1.0 + 0.25));
    vec![
        case("exponential", Dist::exponential(ms(20)), |x| exponential_below(x, 2e7)),
        case("uniform", Dist::uniform(ms(10), ms(30)), |x| (x - 1e7) / 2e7),
        case("normal", Dist::normal(ms(50), ms(10)), |x| normal_below((x - 5e7) / 1e7)),
        case("lognormal by quantiles", Dist::lognormal_quantiles(ms(10), ms(80)), lognormal_below(math::ln(1e7), sigma_of_quantiles)),
        case(
            "lognormal by moments",
            Dist::lognormal_moments(ms(20), 0.5),
            lognormal_below(math::ln(2e7) - math::ln(1.25) / 2.0, sigma_of_moments),
        ),
        case("gamma, shape 4", Dist::gamma(ms(20), 0.5), gamma_below(4.0, 2e7)),
        case("gamma, shape 0.25", Dist::gamma(ms(20), 2.0), gamma_below(0.25, 2e7)),
        case("erlang 3", Dist::erlang(3, ms(20)), gamma_below(3.0, 2e7)),
        case("erlang 20", Dist::erlang(20, ms(20)), gamma_below(20.0, 2e7)),
        case("hyperexponential", Dist::hyperexponential(&[(0.9, ms(5)), (0.0, ms(9)), (0.1, ms(100))]), |x| {
            0.9 * exponential_below(x, 5e6) + 0.1 * exponential_below(x, 1e8)
        }),
        case("hyperexponential, balanced", Dist::hyperexponential_balanced(ms(20), 2.0), |x| {
            let p = (1.0 + math::sqrt(3.0 / 5.0)) / 2.0;
            p * exponential_below(x, 1e7 / p) + (1.0 - p) * exponential_below(x, 1e7 / (1.0 - p))
        }),
        case("pareto", Dist::pareto(ms(10), 9.0), |x| 1.0 - math::pow(1e7 / x.max(1e7), 9.0)),
        case("pareto, bounded", Dist::pareto_bounded(ms(10), ms(1000), 1.0), |x| (1.0 - 1e7 / x) / 0.99),
        case("pareto, bounded, alpha 1.5", Dist::pareto_bounded(ms(10), ms(1000), 1.5), |x| (1.0 - math::pow(1e7 / x, 1.5)) / 0.999),
        case("weibull 0.7", Dist::weibull(0.7, ms(20)), |x| -math::exp_m1(-math::pow(x / 2e7, 0.7))),
        case("weibull 3", Dist::weibull(3.0, ms(20)), |x| -math::exp_m1(-math::pow(x / 2e7, 3.0))),
        case("piecewise", Dist::piecewise(&[(0.0, ms(10)), (0.5, ms(20)), (0.9, ms(100)), (1.0, ms(400))]), |x| match x {
            ..2e7 => (x - 1e7) / 2e7,
            ..1e8 => 0.5 + (x - 2e7) / 2e8,
            _ => 0.9 + (x - 1e8) / 3e9,
        }),
        case("mix", Dist::mix(vec![(3.0, Dist::uniform(ms(0), ms(10)).unwrap()), (1.0, Dist::exponential(ms(40)).unwrap())]), |x| {
            0.75 * (x / 1e7).min(1.0) + 0.25 * exponential_below(x, 4e7)
        }),
    ]
}

/// Distributions with jumps, which have no density to compare.
fn with_jumps() -> Vec<(&'static str, Dist)> {
    vec![
        ("constant", Dist::constant(ms(5))),
        ("normal, often cut", Dist::normal(ms(10), ms(20)).unwrap()),
        ("normal, half cut", Dist::normal(ms(0), ms(20)).unwrap()),
        ("empirical", Dist::empirical(vec![ms(7), ms(1), ms(1), ms(40)]).unwrap()),
        ("piecewise with an atom", Dist::piecewise(&[(0.0, ms(5)), (0.5, ms(5)), (1.0, ms(9))]).unwrap()),
        ("mix with a constant", Dist::mix(vec![(0.9, Dist::constant(ms(1))), (0.1, Dist::constant(ms(100)))]).unwrap()),
    ]
}

fn source(name: &str) -> Sequence {
    Streams::new(2024).sequence("test", name)
}

fn draws(name: &str, dist: &Dist) -> Vec<f64> {
    let mut source = source(name);
    (0..DRAWS).map(|_| dist.sample(&mut source).0 as f64).collect()
}

#[test]
fn draws_follow_the_exact_distribution() {
    for Case { name, dist, below } in continuous() {
        let mut draws = draws(name, &dist);
        draws.sort_unstable_by(f64::total_cmp);
        let n = DRAWS as f64;
        // A draw of x stands for what lies between x - 0.5 and x + 0.5; near 0 a spread-out distribution has much there.
        let groups = draws.chunk_by(|a, b| a == b).scan(0, |rank, group| {
            *rank += group.len();
            Some((*rank as f64 / n, group[0]))
        });
        let distance = groups.map(|(share, x)| (share - below(x + 0.5)).abs()).fold(0.0, f64::max);
        // Kolmogorov and Smirnov: above 2.23 once in ten thousand.
        assert!(distance * n.sqrt() < 2.23, "{name}: {}", distance * n.sqrt());
        for q in [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999] {
            let x = draws[(q * n) as usize];
            let (least, most) = (below(x - 0.5), below(x + 0.5));
            let error = ERRORS * math::sqrt(q * (1.0 - q) / n);
            assert!(least - error < q && q < most + error, "{name}: the quantile {q} is that of {least}..{most}");
        }
    }
}

#[test]
fn mean_and_variance_are_those_of_the_draws() {
    let continuous = continuous().into_iter().map(|case| (case.name, case.dist));
    for (name, dist) in continuous.chain(with_jumps()) {
        let draws = draws(name, &dist);
        let n = DRAWS as f64;
        let (mean, variance) = (dist.mean() * 1e9, dist.variance() * 1e18);
        let found = draws.iter().sum::<f64>() / n;
        // Half a nanosecond for the rounding of constants.
        assert!((found - mean).abs() < ERRORS * math::sqrt(variance / n) + 0.5, "{name}: mean {found}, not {mean}");
        let squares = || draws.iter().map(|x| (x - mean) * (x - mean));
        let found = squares().sum::<f64>() / n;
        let fourth = squares().map(|square| square * square).sum::<f64>() / n;
        let error = math::sqrt((fourth - found * found).max(0.0) / n);
        assert!((found - variance).abs() <= ERRORS * error, "{name}: variance {found}, not {variance}");
    }
}

#[test]
fn mean_and_variance_are_as_documented() {
    let close = |found: f64, exact: f64, what: &str| assert!((found / exact - 1.0).abs() < 1e-9, "{what}: {found}, not {exact}");
    for cv in [0.1, 0.7, 1.0, 1.5, 3.0, 20.0] {
        for (name, dist) in [("lognormal", Dist::lognormal_moments(ms(20), cv)), ("gamma", Dist::gamma(ms(20), cv))] {
            let dist = dist.unwrap();
            close(dist.mean(), 0.02, name);
            close(dist.variance(), 4e-4 * cv * cv, name);
        }
        if let Ok(dist) = Dist::hyperexponential_balanced(ms(20), cv) {
            close(dist.mean(), 0.02, "hyperexponential");
            close(dist.variance(), 4e-4 * cv * cv, "hyperexponential");
        }
    }
    let pareto = |alpha| Dist::pareto(ms(10), alpha).unwrap();
    close(pareto(3.0).mean(), 0.015, "pareto");
    close(pareto(3.0).variance(), 0.75e-4, "pareto");
    assert_eq!([pareto(1.0).mean(), pareto(2.0).variance(), pareto(0.5).variance()], [f64::INFINITY; 3]);
    assert!(pareto(2.0).mean().is_finite());
    // A cut far from the mean changes nothing, and nothing cancels.
    let normal = Dist::normal(Nanos::from_secs(1), Nanos(10)).unwrap();
    close(normal.mean(), 1.0, "normal");
    close(normal.variance(), 1e-16, "normal");
    // Half of a normal variable: mean sd·φ(0), variance sd²·(1/2 - φ(0)²).
    let half = Dist::normal(Nanos::ZERO, ms(1000)).unwrap();
    close(half.mean(), 0.398_942_280_401_432_7, "half normal");
    close(half.variance(), 0.5 - 0.5 / std::f64::consts::PI, "half normal");
    let infinite = Dist::mix(vec![(1.0, pareto(0.5)), (1.0, Dist::constant(ms(1)))]).unwrap();
    assert_eq!((infinite.mean(), infinite.variance()), (f64::INFINITY, f64::INFINITY));
}

#[test]
fn neighbouring_bounds_are_no_trouble() {
    for lo in [1, 1_000_000, 1 << 54] {
        let dist = Dist::pareto_bounded(Nanos(lo), Nanos(lo + 1), 1.5).unwrap();
        assert!((dist.mean() * 1e9 / (lo as f64 + 0.5) - 1.0).abs() < 0.1 && dist.variance() >= 0.0, "{lo}: {}", dist.mean());
        let drawn = dist.sample(&mut source("neighbours")).0;
        assert!(drawn.abs_diff(lo) <= 1 + lo / (1 << 52), "{drawn}");
    }
}

#[test]
fn a_distribution_is_small() {
    assert_eq!(size_of::<Dist>(), 24);
}

#[test]
fn parameters_at_a_border_give_the_simpler_distribution() {
    let exponential = Dist::exponential(ms(20)).unwrap();
    assert_eq!(Dist::gamma(ms(20), 1.0).unwrap(), exponential);
    assert_eq!(Dist::erlang(1, ms(20)).unwrap(), exponential);
    assert_eq!(Dist::weibull(1.0, ms(20)).unwrap(), exponential);
    assert_eq!(Dist::hyperexponential_balanced(ms(20), 1.0).unwrap(), exponential);
    let constant = Dist::constant(ms(20));
    assert_eq!(Dist::gamma(ms(20), 0.0).unwrap(), constant);
    assert_eq!(Dist::lognormal_moments(ms(20), 0.0).unwrap(), constant);
    assert_eq!(Dist::normal(ms(20), Nanos::ZERO).unwrap(), constant);
    assert_eq!(Dist::uniform(ms(20), ms(20)).unwrap(), constant);
}

#[test]
fn bounds_are_known_where_there_are_any() {
    let exponential = Dist::exponential(ms(20)).unwrap();
    for (dist, bound) in [
        (Dist::constant(ms(5)), Some(ms(5))),
        (Dist::constant(Nanos::MAX), Some(LONGEST_DRAW)),
        (Dist::uniform(ms(5), ms(9)).unwrap(), Some(ms(9))),
        (Dist::pareto_bounded(ms(5), ms(9), 2.0).unwrap(), Some(ms(9))),
        (Dist::piecewise(&[(0.0, ms(1)), (1.0, ms(8))]).unwrap(), Some(ms(8))),
        (Dist::empirical(vec![ms(7), ms(3)]).unwrap(), Some(ms(7))),
        (Dist::mix(vec![(1.0, Dist::constant(ms(3))), (1.0, Dist::constant(ms(2)))]).unwrap(), Some(ms(3))),
        (Dist::mix(vec![(1.0, Dist::constant(ms(3))), (1.0, exponential.clone())]).unwrap(), None),
        (exponential, None),
    ] {
        assert_eq!(dist.max_bound(), bound, "{dist:?}");
    }
    assert!(Dist::constant(Nanos::ZERO).is_zero());
    assert!(Dist::empirical(vec![Nanos::ZERO]).unwrap().is_zero());
    assert!(!Dist::normal(Nanos::ZERO, ms(1)).unwrap().is_zero());
}

#[test]
fn errors_say_what_is_wrong_in_the_words_of_the_model() {
    let one = |dist: Result<Dist, DistError>| dist.unwrap_err().to_string();
    for (message, expected) in [
        (one(Dist::exponential(ms(0))), "mean must be above 0"),
        (one(Dist::uniform(ms(9), ms(2))), "max (2ms) must not be below min (9ms)"),
        (one(Dist::lognormal_quantiles(ms(30), ms(10))), "p99 (10ms) must be above p50 (30ms)"),
        (one(Dist::lognormal_moments(ms(30), -1.0)), "cv must be from 0 to 1000, not -1"),
        (one(Dist::gamma(ms(30), f64::NAN)), "cv must be from 0 to 1000, not NaN"),
        (one(Dist::erlang(0, ms(30))), "k must be above 0"),
        (one(Dist::hyperexponential(&[])), "a hyperexponential distribution needs at least one branch"),
        (one(Dist::hyperexponential(&[(0.5, ms(1)), (0.25, ms(9))])), "the probabilities must sum to 1, not 0.75"),
        (one(Dist::hyperexponential_balanced(ms(1), 0.5)), "cv must be from 1 to 1000, not 0.5"),
        (one(Dist::pareto(ms(1), 0.0)), "alpha must be from 0.01 to 1000, not 0"),
        (one(Dist::pareto_bounded(ms(5), ms(5), 1.0)), "max (5ms) must be above min (5ms)"),
        (one(Dist::weibull(f64::INFINITY, ms(5))), "shape must be from 0.05 to 1000, not inf"),
        (one(Dist::piecewise(&[(0.0, ms(1))])), "a piecewise distribution needs at least two points"),
        (one(Dist::piecewise(&[(0.5, ms(1)), (1.0, ms(2))])), "the first point must have probability 0 and the last 1, not 0.5 and 1"),
        (
            one(Dist::piecewise(&[(0.0, ms(1)), (0.5, ms(1)), (0.5, ms(2)), (1.0, ms(2))])),
            "the probabilities of the points must rise: 0.5 does not follow 0.5",
        ),
        (one(Dist::piecewise(&[(0.0, ms(2)), (1.0, ms(1))])), "the values of the points must not fall: 1ms does not follow 2ms"),
        (one(Dist::mix(vec![(-1.0, Dist::constant(ms(1)))])), "a weight must be 0 or more, not -1"),
        (one(Dist::mix(vec![(0.0, Dist::constant(ms(1)))])), "one weight must be above 0"),
        (one(Dist::empirical(vec![])), "an empirical distribution needs at least one value (and fewer than 2^32)"),
        (Zipf::new(-1.0, 10).unwrap_err().to_string(), "s must be from 0 to 50, not -1"),
        (Zipf::new(1.0, 0).unwrap_err().to_string(), "n must be from 1 to 1125899906842624, not 0"),
    ] {
        assert_eq!(message, expected);
    }
}

#[test]
fn draws_are_those_of_the_first_release() {
    let continuous = continuous().into_iter().map(|case| (case.name, case.dist));
    let found: Vec<(&str, u64, u64)> = continuous
        .chain(with_jumps())
        .map(|(name, dist)| {
            let mut source = source("golden");
            let first = dist.sample(&mut source).0;
            (name, first, (0..2000).fold(0, |hash, _| mix(hash, dist.sample(&mut source).0)))
        })
        .collect();
    let golden = [
        ("exponential", 4446399, 1826971135534929325),
        ("uniform", 13209797, 113702671942638441),
        ("normal", 54411364, 6742931883105475668),
        ("lognormal by quantiles", 14833700, 2222426704053737145),
        ("lognormal by moments", 22033078, 13659078684448245097),
        ("gamma, shape 4", 22889531, 2452252092434446810),
        ("gamma, shape 0.25", 102293455, 6763610999156879809),
        ("erlang 3", 12319799, 15765091336720878743),
        ("erlang 20", 21688564, 15658014889095648304),
        ("hyperexponential", 8008512, 16654245744306653395),
        ("hyperexponential, balanced", 18051452, 7192679839184795186),
        ("pareto", 10250098, 15205524516260586683),
        ("pareto, bounded", 12489709, 6357177322720446451),
        ("pareto, bounded, alpha 1.5", 11597603, 17717390419436015746),
        ("weibull 0.7", 2334221, 17550299168123406784),
        ("weibull 3", 12115913, 154779309753637907),
        ("piecewise", 13209797, 14476226005659787057),
        ("mix", 5390527, 16922054809557670862),
        ("constant", 5000000, 3157802321779709049),
        ("normal, often cut", 18822729, 843170465021251416),
        ("normal, half cut", 8822729, 17259923504511228684),
        ("empirical", 1000000, 1786322532007536945),
        ("piecewise with an atom", 5000000, 12116071870691936904),
        ("mix with a constant", 1000000, 9838062507012710733),
    ];
    assert_eq!(found, golden);
}

/// Spans from a nanosecond to for ever.
fn span() -> impl Strategy<Value = Nanos> + Clone {
    (0u32..64, any::<u64>()).prop_map(|(shift, bits)| Nanos((bits >> shift).max(1)))
}

fn simple() -> impl Strategy<Value = Dist> {
    let ordered = (span(), span()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let ratio = prop_oneof![0.0..=3.0f64, 0.0..=1000.0f64];
    let alpha = prop_oneof![0.01..=3.0f64, 0.01..=1000.0f64];
    prop_oneof![
        span().prop_map(Dist::constant),
        span().prop_map(|mean| Dist::exponential(mean).unwrap()),
        ordered.clone().prop_map(|(lo, hi)| Dist::uniform(lo, hi).unwrap()),
        (span(), span()).prop_map(|(mean, sd)| Dist::normal(mean, sd).unwrap()),
        ordered.clone().prop_filter_map("equal", |(p50, p99)| Dist::lognormal_quantiles(p50, p99).ok()),
        (span(), ratio.clone()).prop_map(|(mean, cv)| Dist::lognormal_moments(mean, cv).unwrap()),
        (span(), ratio.clone()).prop_map(|(mean, cv)| Dist::gamma(mean, cv).unwrap()),
        (span(), 1u32..).prop_map(|(mean, k)| Dist::erlang(k, mean).unwrap()),
        (span(), 1.0..=1000.0f64).prop_map(|(mean, cv)| Dist::hyperexponential_balanced(mean, cv).unwrap()),
        (span(), span(), 0.0..=1.0f64).prop_map(|(a, b, p)| Dist::hyperexponential(&[(p, a), (1.0 - p, b)]).unwrap()),
        (span(), alpha.clone()).prop_map(|(scale, alpha)| Dist::pareto(scale, alpha).unwrap()),
        (ordered.clone(), alpha).prop_filter_map("equal", |((lo, hi), alpha)| Dist::pareto_bounded(lo, hi, alpha).ok()),
        (span(), prop_oneof![0.05..=3.0f64, 0.05..=1000.0f64]).prop_map(|(scale, shape)| Dist::weibull(shape, scale).unwrap()),
        (ordered, 1e-300..1.0f64).prop_map(|((lo, hi), p)| Dist::piecewise(&[(0.0, Nanos(0)), (p, lo), (1.0, hi)]).unwrap()),
        prop::collection::vec(span(), 1..20).prop_map(|values| Dist::empirical(values).unwrap()),
    ]
}

fn any_dist() -> impl Strategy<Value = Dist> {
    let weight = prop_oneof![Just(0.0), Just(f64::MAX), Just(f64::MIN_POSITIVE), 0.0..10.0f64];
    let mixed = prop::collection::vec((weight, simple()), 1..5).prop_filter_map("no weight", |parts| Dist::mix(parts).ok());
    prop_oneof![9 => simple(), 1 => mixed]
}

proptest! {
    #![proptest_config(cases(2000))]
    #[test]
    fn any_valid_parameters_draw_within_the_bounds(dist in any_dist(), seed in any::<u64>()) {
        let mut source = Streams::new(seed).sequence("test", "any");
        let bound = dist.max_bound().unwrap_or(LONGEST_DRAW);
        prop_assert!(bound <= LONGEST_DRAW);
        for _ in 0..50 {
            prop_assert!(dist.sample(&mut source) <= bound);
        }
        prop_assert!(dist.mean() >= 0.0 && dist.variance() >= 0.0, "{} {}", dist.mean(), dist.variance());
        let mut twin = Streams::new(seed).sequence("test", "any");
        prop_assert_eq!(dist.sample(&mut twin), dist.clone().sample(&mut Streams::new(seed).sequence("test", "any")));
    }
}
