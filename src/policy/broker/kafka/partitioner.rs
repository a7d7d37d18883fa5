//! Which partition a record goes to: by the hash of its key, or without a key, one for a whole batch (Apache Kafka documentation,
//! "Producer Configs", `partitioner.class`; the sticky partitioner is KIP-480).

/// MurmurHash2 of 32 bits by Austin Appleby (public domain), with the seed that Kafka's producers use.
pub fn murmur2(key: &[u8]) -> u32 {
    const MIX: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let mut hash = SEED ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(MIX);
        k = (k ^ (k >> 24)).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ k;
    }
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

/// The partition of a key. `partitions`: how many there are, at least 1.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// A producer's partition for records without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    partitions: u32,
    current: u32,
}

impl Sticky {
    /// `word`: a uniform random number, which chooses the first partition.
    pub fn new(partitions: u32, word: u32) -> Sticky {
        Sticky { partitions, current: word % partitions }
    }

    /// Where the present batch goes.
    pub fn partition(&self) -> u32 {
        self.current
    }

    /// The batch is full or has lingered long enough: the next one goes elsewhere. `word`: a uniform random number, which chooses among
    /// the other partitions that have a leader; without any, the partition stays.
    pub fn batch_ends(&mut self, word: u32, has_leader: impl Fn(u32) -> bool) {
        let others = || (0..self.partitions).filter(|other| *other != self.current && has_leader(*other));
        let count = others().count() as u32;
        if count > 0 {
            self.current = others().nth((word % count) as usize).unwrap_or(self.current);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own test of its hash.
    #[test]
    fn keys_hash_as_kafkas_producers_hash_them() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn a_key_selects_its_partition_by_the_hash_without_its_sign() {
        // -973932308 without its sign bit is 1173551340.
        for (key, partitions, partition) in [("21", 7, 1_173_551_340 % 7), ("abc", 10, 7), ("abc", 1, 0)] {
            assert_eq!(partition_of(key.as_bytes(), partitions), partition, "{key}");
        }
    }

    #[test]
    fn records_without_a_key_fill_one_partition_for_a_batch_then_another() {
        let mut sticky = Sticky::new(3, 4);
        assert_eq!(sticky.partition(), 1);
        for (word, partition) in [(0, 0), (0, 1), (1, 2), (3, 1)] {
            sticky.batch_ends(word, |_| true);
            assert_eq!(sticky.partition(), partition);
        }
        sticky.batch_ends(0, |partition| partition == 2);
        assert_eq!(sticky.partition(), 2, "only a partition with a leader is chosen");
        sticky.batch_ends(0, |_| false);
        assert_eq!(sticky.partition(), 2, "without another, it stays");
    }

    #[test]
    fn the_only_partition_stays() {
        let mut sticky = Sticky::new(1, 9);
        sticky.batch_ends(5, |_| true);
        assert_eq!(sticky.partition(), 0);
    }
}
