//! Round robin: in turn (Envoy's ROUND_ROBIN, where all weights are equal and no host is in slow start).
//!
//! Each proxy begins at a random place, so that many callers are not in step; the turn goes on when the hosts change.

/// A place among `hosts` (at least 1); the turn moves on.
#[inline]
pub fn pick(turn: &mut u64, hosts: u32) -> u32 {
    let place = *turn % u64::from(hosts);
    *turn = turn.wrapping_add(1);
    place as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_goes_on_when_hosts_change() {
        let mut turn = 7;
        let picks: Vec<u32> = [3, 3, 3, 2, 2, 5].iter().map(|hosts| pick(&mut turn, *hosts)).collect();
        assert_eq!(picks, [1, 2, 0, 0, 1, 2]);
        let mut last = u64::MAX;
        assert_eq!([pick(&mut last, 4), pick(&mut last, 4)], [3, 0]);
    }
}
