//! Where chance comes from: streams with a name, so that a draw depends on nothing but who draws it and what for.
//!
//! ChaCha turns (root seed, owner's name, purpose) into a key or a seed. Whoever draws one thing after another (an arrival
//! process) has a [`Sequence`], xoshiro256++ (Blackman & Vigna 2021). Whatever belongs to a request is drawn from a
//! [`StreamKey`] by (request, path), in any order: a SplitMix64 counter (Steele, Lea & Flood 2014) of its own for each draw, so
//! that a sampler that rejects may use any number of words. Adding a service, a policy or an observer therefore moves no
//! other draw, and variants of a model meet the same arrivals and the same service times.
//!
//! The words are part of the format of results: the golden tests below may change only with the major version.

use crate::base::ziggurat;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// All streams of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    root_seed: u64,
}

/// The key of all draws of one owner for one purpose; see [`StreamKey::draw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKey(pub u64);

/// An endless stream of words, drawn one after another: xoshiro256++, 32 bytes of state, period 2^256 - 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    state: [u64; 4],
}

/// The words of one keyed draw: a SplitMix64 counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    counter: u64,
}

impl Streams {
    pub fn new(root_seed: u64) -> Streams {
        Streams { root_seed }
    }

    /// The key for draws that belong to requests.
    pub fn key(&self, owner: &str, purpose: &str) -> StreamKey {
        StreamKey(self.block(owner, purpose)[4])
    }

    /// A stream for draws that follow each other.
    pub fn sequence(&self, owner: &str, purpose: &str) -> Sequence {
        let [a, b, c, d, _] = self.block(owner, purpose);
        Sequence { state: [a, b, c, d] }
    }

    /// The first words of ChaCha12 under the key (seed, owner, purpose, domain): a sequence's seed, then a key.
    fn block(&self, owner: &str, purpose: &str) -> [u64; 5] {
        let words = [self.root_seed, name_hash(owner), name_hash(purpose), u64::from_le_bytes(*b"brownout")];
        let mut seed = [0; 32];
        for (bytes, word) in seed.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut chacha = ChaCha12Rng::from_seed(seed);
        std::array::from_fn(|_| chacha.next_u64())
    }
}

/// 2^64 / golden ratio, SplitMix64's step.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The step between paths. No small multiple of it is a small multiple of [`GOLDEN`]: counters of sibling paths never meet.
const PATH: u64 = 0xd1b5_4a32_d192_ed03;

impl StreamKey {
    /// The draw for `request` at `path`: its place in the tree of calls and attempts, or whatever tells draws of one request apart.
    #[inline]
    pub fn draw(self, request: u64, path: u32) -> Words {
        let of_request = finalise(self.0.wrapping_add(request.wrapping_mul(GOLDEN)));
        // The key enters twice: else two keys that lie whole steps apart would share all their words, some requests later.
        Words { counter: of_request.wrapping_add(self.0).wrapping_add((path as u64).wrapping_mul(PATH)) }
    }
}

/// A source of random words, and what is drawn from words alone. Every method is exact to the precision that it names.
pub trait Source {
    /// The next 64 random bits.
    fn word(&mut self) -> u64;

    /// Uniform in [0, 1): a multiple of 2^-53.
    #[inline]
    fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform among 0..n, `n` above 0: Lemire's multiply-shift (2019) with its rejection, hence exactly uniform.
    #[inline]
    fn below(&mut self, n: u32) -> u32 {
        debug_assert!(n > 0, "nothing lies below 0");
        let mut product = self.word() as u128 * n as u128;
        // One word in 2^32 comes here: the low half tells whether it belongs to the part that does not divide evenly.
        if (product as u64) < n as u64 {
            let uneven = (n as u64).wrapping_neg() % n as u64;
            while (product as u64) < uneven {
                product = self.word() as u128 * n as u128;
            }
        }
        (product >> 64) as u32
    }

    /// True with this probability: never at 0 and below (and for NaN), always at 1 and above.
    #[inline]
    fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Exponential with mean 1.
    #[inline]
    fn exponential(&mut self) -> f64 {
        ziggurat::exponential(self)
    }

    /// Normal with mean 0 and variance 1.
    #[inline]
    fn normal(&mut self) -> f64 {
        ziggurat::normal(self)
    }
}

impl Source for Sequence {
    #[inline]
    fn word(&mut self) -> u64 {
        let s = &mut self.state;
        let word = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        word
    }
}

impl Source for Words {
    #[inline]
    fn word(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(GOLDEN);
        finalise(self.counter)
    }
}

/// SplitMix64's finaliser (Stafford's variant 13): every bit of the argument moves every bit of the result.
#[inline]
const fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Two words to one; the order matters.
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    finalise(finalise(a.wrapping_add(GOLDEN)).wrapping_add(b).wrapping_add(GOLDEN))
}

/// A name's hash, the same in every build and version: FNV-1a of its UTF-8 bytes, finalised.
pub const fn name_hash(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    finalise(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &mut impl Source, n: usize) -> Vec<u64> {
        (0..n).map(|_| source.word()).collect()
    }

    #[test]
    fn sequence_is_xoshiro256_plus_plus() {
        // From the authors' implementation, https://prng.di.unimi.it/xoshiro256plusplus.c, with the state 1, 2, 3, 4.
        let mut sequence = Sequence { state: [1, 2, 3, 4] };
        let published = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205, 9973669472204895162];
        assert_eq!(words(&mut sequence, 6), published);
    }

    #[test]
    fn words_are_splitmix64() {
        // From the author's implementation, https://prng.di.unimi.it/splitmix64.c, with the state 1234567.
        let mut draw = Words { counter: 1234567 };
        let published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];
        assert_eq!(words(&mut draw, 5), published);
    }

    /// Word `nth` (from 0) of the draw.
    fn nth(mut draw: Words, nth: usize) -> u64 {
        draw.counter = draw.counter.wrapping_add(GOLDEN.wrapping_mul(nth as u64));
        draw.word()
    }

    fn unit(word: u64) -> f64 {
        (word >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Correlation times √n, about a standard normal variable if the two are independent.
    fn correlation_z(pairs: impl Iterator<Item = (u64, u64)>) -> f64 {
        let (mut n, mut sum) = (0.0, 0.0);
        for (a, b) in pairs {
            n += 1.0;
            sum += (unit(a) - 0.5) * (unit(b) - 0.5) * 12.0;
        }
        sum / f64::sqrt(n)
    }

    /// How far chi-square of the leading bytes is from its mean, in standard deviations.
    fn chi_square_z(words: impl Iterator<Item = u64>) -> f64 {
        let mut counts = [0u64; 256];
        words.for_each(|word| counts[(word >> 56) as usize] += 1);
        let expected = counts.iter().sum::<u64>() as f64 / 256.0;
        let chi_square: f64 = counts.iter().map(|count| (*count as f64 - expected) * (*count as f64 - expected) / expected).sum();
        (chi_square - 255.0) / f64::sqrt(2.0 * 255.0)
    }

    /// Keys as a model has them, and one that is small.
    fn keys() -> [StreamKey; 4] {
        let streams = Streams::new(1);
        [streams.key("cart", "service time"), streams.key("cart", "retry jitter"), streams.key("payment", "service time"), StreamKey(0)]
    }

    #[test]
    fn words_are_those_of_the_first_release() {
        let streams = Streams::new(42);
        let mut sequence = streams.sequence("checkout", "arrivals");
        let key = streams.key("checkout", "arrivals");
        let found = [
            name_hash(""),
            name_hash("checkout"),
            mix(1, 2),
            key.0,
            nth(key.draw(0, 0), 0),
            nth(key.draw(7, 3), 0),
            nth(key.draw(7, 3), 1),
            nth(key.draw(u64::MAX, u32::MAX), 0),
            sequence.word(),
            sequence.word(),
        ];
        let golden = [
            17665956581633026203,
            515878789929431076,
            13608149317741381227,
            6500404071175019759,
            1116725327796403702,
            13590786617909127976,
            11931581455662783734,
            17405959283131342962,
            13652352307516219207,
            3801865771509929967,
        ];
        assert_eq!(found, golden);
    }

    #[test]
    fn names_and_seeds_separate_streams() {
        let streams = Streams::new(1);
        let mut keys = vec![streams.key("ab", "c"), streams.key("a", "bc"), streams.key("c", "ab"), Streams::new(2).key("ab", "c")];
        keys.extend((0..1000).map(|i| streams.key(&format!("service{i}"), "work")));
        let mut words: Vec<u64> = keys.iter().map(|key| key.0).collect();
        words.push(streams.sequence("ab", "c").word());
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), keys.len() + 1);
    }

    #[test]
    fn an_owner_draws_the_same_whoever_else_draws() {
        let alone = Streams::new(3);
        let crowded = Streams::new(3);
        let mut stranger = crowded.sequence("newcomer", "arrivals");
        words(&mut stranger, 10);
        nth(crowded.key("newcomer", "work").draw(1, 1), 3);
        assert_eq!(words(&mut alone.sequence("a", "x"), 5), words(&mut crowded.sequence("a", "x"), 5));
        assert_eq!(alone.key("a", "x").draw(9, 2), crowded.key("a", "x").draw(9, 2));
    }

    #[test]
    fn paths_of_a_request_never_share_a_word() {
        // Counters meet where difference·PATH = steps·GOLDEN (mod 2^64): for so few steps, no difference of paths is that.
        let inverse = (0..6).fold(PATH, |x, _| x.wrapping_mul(2u64.wrapping_sub(PATH.wrapping_mul(x))));
        assert_eq!(inverse.wrapping_mul(PATH), 1);
        for steps in 1..100_000u64 {
            let difference = steps.wrapping_mul(GOLDEN).wrapping_mul(inverse) as i64;
            assert!(difference.unsigned_abs() > u32::MAX as u64, "{difference} paths are {steps} words");
        }
    }

    #[test]
    fn draws_of_consecutive_requests_and_paths_are_even() {
        for key in keys() {
            for place in 0..3 {
                let by_request = chi_square_z((0..200_000).map(|request| nth(key.draw(request, 0), place)));
                let by_path = chi_square_z((0..200_000).map(|path| nth(key.draw(1, path), place)));
                let by_both = chi_square_z((0..200_000u32).map(|i| nth(key.draw(i as u64 / 16, i % 16), place)));
                for z in [by_request, by_path, by_both] {
                    assert!(z.abs() < 4.5, "{key:?}, word {place}: {z} standard deviations");
                }
            }
        }
    }

    #[test]
    fn draws_of_neighbours_are_independent() {
        const N: u64 = 200_000;
        for key in keys() {
            for lag in [1, 2, 16, 1024] {
                let requests = correlation_z((0..N).map(|r| (nth(key.draw(r, 0), 0), nth(key.draw(r + lag, 0), 0))));
                let paths = correlation_z((0..N as u32).map(|p| (nth(key.draw(5, p), 0), nth(key.draw(5, p + lag as u32), 0))));
                let attempts = correlation_z((0..N).map(|r| (nth(key.draw(r, 0), 0), nth(key.draw(r, lag as u32), 0))));
                let places = correlation_z((0..N).map(|r| (nth(key.draw(r, 0), 0), nth(key.draw(r + lag - 1, 0), 1))));
                for z in [requests, paths, attempts, places] {
                    assert!(z.abs() < 4.5, "{key:?}, lag {lag}: {z} standard errors");
                }
            }
        }
        let [work, jitter, other, _] = keys();
        for (a, b) in [(work, jitter), (work, other), (work, StreamKey(work.0 + 1)), (work, StreamKey(work.0.wrapping_add(GOLDEN)))] {
            let z = correlation_z((0..N).map(|r| (nth(a.draw(r, 0), 0), nth(b.draw(r, 0), 0))));
            assert!(z.abs() < 4.5, "{a:?} and {b:?}: {z} standard errors");
        }
    }

    #[test]
    fn every_bit_of_request_and_path_moves_half_the_word() {
        let key = keys()[0];
        let moved = |a: Words, b: Words| (nth(a, 0) ^ nth(b, 0)).count_ones();
        for bit in 0..64 {
            let total: u32 = (0..1000).map(|request| moved(key.draw(request, 0), key.draw(request ^ 1 << bit, 0))).sum();
            assert!((31_000..33_000).contains(&total), "request bit {bit}: {total} of 64000");
        }
        for bit in 0..32 {
            let total: u32 = (0..1000).map(|request| moved(key.draw(request, 0), key.draw(request, 1 << bit))).sum();
            assert!((31_000..33_000).contains(&total), "path bit {bit}: {total} of 64000");
        }
    }

    #[test]
    fn uniform_lies_in_its_half_open_interval() {
        struct Stuck(u64);
        impl Source for Stuck {
            fn word(&mut self) -> u64 {
                self.0
            }
        }
        assert_eq!(Stuck(0).uniform(), 0.0);
        assert_eq!(Stuck(u64::MAX).uniform(), 1.0 - f64::EPSILON / 2.0);
        assert_eq!(Stuck(u64::MAX).below(7), 6);
        assert!(!Stuck(0).chance(0.0));
        assert!(Stuck(u64::MAX).chance(1.0));
        assert!(!Stuck(0).chance(f64::NAN));
    }

    #[test]
    fn below_is_even() {
        let mut sequence = Streams::new(5).sequence("test", "below");
        let mut counts = [0; 7];
        (0..700_000).for_each(|_| counts[sequence.below(7) as usize] += 1);
        for count in counts {
            // Standard deviation 293.
            assert!((98_600..101_400).contains(&count), "{counts:?}");
        }
        assert!((0..100).all(|_| sequence.below(1) == 0));
    }
}
