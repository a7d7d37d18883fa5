//! Random: any of the hosts, each as likely (Envoy's RANDOM). Weights are not looked at.

/// A place among `hosts` (at least 1).
#[inline]
pub fn pick(hosts: u32, word: u64) -> u32 {
    (word % u64::from(hosts)) as u32
}
