//! Whole picks: priorities, panic, localities and policies together, by tables, by statistics and by laws.

use super::*;
use crate::base::stream::{Sequence, Source, Streams};
use crate::base::time::Nanos;
use proptest::prelude::*;

/// One proxy with its view of a cluster.
struct Proxy {
    policy: LoadBalancing,
    hosts: Vec<HostView>,
    balancer: Balancer,
    tables: TableCache,
    random: Sequence,
    now: Instant,
    callers: Vec<(u16, u32)>,
}

fn host(n: u32) -> HostView {
    HostView::healthy(Address { ip: 0x0a00_0001 + n, port: 8080 })
}

fn hosts(n: u32) -> Vec<HostView> {
    (0..n).map(host).collect()
}

impl Proxy {
    fn new(policy: LoadBalancing, hosts: Vec<HostView>) -> Proxy {
        Proxy::seeded(policy, hosts, 1)
    }

    fn seeded(policy: LoadBalancing, hosts: Vec<HostView>, seed: u64) -> Proxy {
        let mut random = Streams::new(seed).sequence("proxy", "balancing");
        let balancer = Balancer::new(random.word());
        let (tables, now, callers) = (TableCache::default(), Instant::from_secs(1000), Vec::new());
        let mut proxy = Proxy { policy: policy.validated().unwrap(), hosts, balancer, tables, random, now, callers };
        proxy.rebuild();
        proxy
    }

    fn rebuild(&mut self) {
        let callers = Callers { own: Some(0), by_locality: &self.callers };
        self.balancer.rebuild(&self.policy, &self.hosts, Around { now: self.now, callers, tables: &mut self.tables });
    }

    fn set_health(&mut self, unhealthy: &[usize]) {
        for (place, host) in self.hosts.iter_mut().enumerate() {
            host.health = if unhealthy.contains(&place) { Health::Unhealthy } else { Health::Healthy };
        }
        self.rebuild();
    }

    fn pick(&mut self) -> Option<u32> {
        let ask = Ask { now: self.now, ..Ask::default() };
        self.balancer.pick(&self.policy, &self.hosts, ask, &mut self.random, |_| false)
    }

    fn pick_key(&mut self, hash: u64, reselections: u32, tried: impl Fn(u32) -> bool) -> Option<u32> {
        let ask = Ask { now: self.now, hash: Some(hash), reselections, ..Ask::default() };
        self.balancer.pick(&self.policy, &self.hosts, ask, &mut self.random, tried)
    }

    fn counts(&mut self, picks: usize) -> Vec<u32> {
        let mut counts = vec![0; self.hosts.len()];
        (0..picks).for_each(|_| counts[self.pick().expect("there is a host") as usize] += 1);
        counts
    }
}

fn round_robin() -> LoadBalancing {
    LoadBalancing::of(Policy::RoundRobin(None))
}

fn random() -> LoadBalancing {
    LoadBalancing::of(Policy::Random)
}

/// Whether each count is within so many standard deviations of its share of independent picks.
fn even(counts: &[u32], shares: &[f64], deviations: f64) -> bool {
    let picks: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let near =
        |(count, share): (&u32, &f64)| (f64::from(*count) - picks * share).abs() <= deviations * (picks * share * (1.0 - share)).sqrt();
    counts.iter().zip(shares).all(near)
}

#[test]
fn random_takes_all_hosts_alike() {
    let counts = Proxy::new(random(), hosts(8)).counts(80_000);
    assert!(even(&counts, &[0.125; 8], 4.0), "{counts:?}");
}

#[test]
fn round_robin_takes_turns_from_a_random_place() {
    let firsts: Vec<u32> = (0..40).map(|seed| Proxy::seeded(round_robin(), hosts(4), seed).pick().unwrap()).collect();
    assert!((0..4).all(|host| firsts.contains(&host)), "{firsts:?}");
    let mut proxy = Proxy::new(round_robin(), hosts(4));
    let first = proxy.pick().unwrap();
    assert!((1..20).all(|turn| proxy.pick() == Some((first + turn) % 4)));
}

#[test]
fn the_turn_of_the_healthy_goes_on_after_a_panic() {
    let policy = LoadBalancing { panic_threshold: 50, ..round_robin() };
    let mut proxy = Proxy::new(policy, hosts(4));
    let start = proxy.balancer.seed();
    for _ in 0..3 {
        proxy.pick();
    }
    proxy.set_health(&[0, 1, 2]);
    assert!(proxy.balancer.levels()[0].in_panic);
    assert_eq!(proxy.pick(), Some((start % 4) as u32), "in panic another turn begins");
    proxy.set_health(&[]);
    assert_eq!(proxy.pick(), Some((start.wrapping_add(3) % 4) as u32));
}

#[test]
fn least_request_favours_the_idle_as_two_choices_do() {
    let mut proxy = Proxy::new(LoadBalancing::istio(), hosts(4));
    for (place, host) in proxy.hosts.iter_mut().enumerate() {
        host.rq_active = place as u32;
    }
    // The k-th emptiest of n is picked unless one of two draws is emptier: ((n-k)^2 - (n-k-1)^2) / n^2.
    let counts = proxy.counts(80_000);
    assert!(even(&counts, &[7.0 / 16.0, 5.0 / 16.0, 3.0 / 16.0, 1.0 / 16.0], 4.0), "{counts:?}");
}

#[test]
fn weights_make_schedules() {
    let mut proxy = Proxy::new(round_robin(), hosts(3));
    for (host, weight) in proxy.hosts.iter_mut().zip([1, 2, 5]) {
        host.weight = weight;
    }
    proxy.rebuild();
    let counts = proxy.counts(8_000);
    assert!(counts.iter().zip([1000u32, 2000, 5000]).all(|(count, share)| count.abs_diff(share) <= 2), "{counts:?}");
    // Idle hosts take turns by weight under least request, busy ones less often.
    proxy.policy = LoadBalancing::istio();
    proxy.hosts[2].rq_active = 4;
    proxy.rebuild();
    let counts = proxy.counts(8_000);
    assert!(counts.iter().zip([2000u32, 4000, 2000]).all(|(count, share)| count.abs_diff(share) <= 2), "{counts:?}");
    // Random does not look at weights.
    proxy.policy = random();
    proxy.rebuild();
    let counts = proxy.counts(30_000);
    assert!(even(&counts, &[1.0 / 3.0; 3], 4.0), "{counts:?}");
}

#[test]
fn a_new_host_warms_up_and_then_all_are_alike() {
    let warm = SlowStart::new(Nanos::from_secs(60));
    for policy in [Policy::RoundRobin(Some(warm)), Policy::LeastRequest(LeastRequest { slow_start: Some(warm), ..LeastRequest::default() })]
    {
        let mut proxy = Proxy::new(LoadBalancing::of(policy), hosts(4));
        let counts = proxy.counts(4000);
        assert!(even(&counts, &[0.25; 4], 4.0), "nobody is new: {counts:?}");
        proxy.hosts[3].since = proxy.now;
        proxy.rebuild();
        // Shares of the new host: 0.1 of 3.1, 0.5 of 3.5, then a quarter.
        for (seconds, share) in [(0, 0.1 / 3.1), (30, 0.5 / 3.5), (61, 0.25)] {
            proxy.now = Instant::from_secs(1000 + seconds);
            // The weights of the schedule are those of each host's last turn.
            proxy.counts(200);
            let count = proxy.counts(4000)[3];
            assert!((f64::from(count) - 4000.0 * share).abs() <= 5.0, "{seconds} s: {count} instead of {}", 4000.0 * share);
        }
    }
}

#[test]
fn hosts_that_join_together_are_not_slowed() {
    let warm = SlowStart::new(Nanos::from_secs(60));
    let mut fresh = hosts(4);
    fresh.iter_mut().for_each(|host| host.since = Instant::from_secs(1000));
    let counts = Proxy::new(LoadBalancing::of(Policy::RoundRobin(Some(warm))), fresh).counts(4000);
    assert!(counts.iter().all(|count| count.abs_diff(1000) <= 1), "{counts:?}");
}

#[test]
fn six_of_ten_ejected_is_panic_at_50_and_four_hosts_at_0() {
    for (threshold, used) in [(50, 10), (0, 4)] {
        let mut proxy = Proxy::new(LoadBalancing { panic_threshold: threshold, ..random() }, hosts(10));
        proxy.set_health(&[0, 1, 2, 3, 4, 5]);
        assert_eq!((proxy.balancer.levels()[0].health, proxy.balancer.levels()[0].in_panic), (56, threshold == 50));
        assert_eq!(proxy.counts(2000).iter().filter(|count| **count > 0).count(), used);
    }
}

#[test]
fn with_all_ejected_there_is_nobody_or_everybody() {
    let mut strict = Proxy::new(LoadBalancing { panic_threshold: 0, ..LoadBalancing::istio() }, hosts(2));
    strict.set_health(&[0, 1]);
    assert_eq!(strict.pick(), None);
    let mut panic = Proxy::new(LoadBalancing::istio(), hosts(2));
    panic.set_health(&[0, 1]);
    assert!(panic.counts(100).iter().all(|count| *count > 20));
    assert_eq!(Proxy::new(LoadBalancing::istio(), Vec::new()).pick(), None);
    let mut gone = hosts(2);
    gone.iter_mut().for_each(|host| host.health = Health::Absent);
    assert_eq!(Proxy::new(LoadBalancing::istio(), gone).pick(), None);
}

#[test]
fn traffic_spills_to_the_next_priority() {
    let mut list = hosts(20);
    list[10..].iter_mut().for_each(|host| host.priority = 1);
    let mut proxy = Proxy::new(random(), list);
    assert!(proxy.counts(2000)[10..].iter().all(|count| *count == 0));
    proxy.set_health(&[0, 1, 2, 3, 4]);
    let counts = proxy.counts(20_000);
    let first: u32 = counts[..10].iter().sum();
    assert!(even(&[first, 20_000 - first], &[0.7, 0.3], 4.0), "{first}");
    // A retry that leaves out the first priority.
    let ask = Ask { priorities_tried: 1, ..Ask::default() };
    let picks = (0..100).map(|_| proxy.balancer.pick(&proxy.policy, &proxy.hosts, ask, &mut proxy.random, |_| false));
    assert!(picks.into_iter().all(|pick| pick.is_some_and(|host| host >= 10)));
}

#[test]
fn a_retry_looks_for_another_host_so_often_and_no_more() {
    let mut proxy = Proxy::new(round_robin(), hosts(3));
    for (reselections, asked) in [(0, 0), (1, 1), (5, 5)] {
        let count = std::cell::Cell::new(0);
        let refuse_all = |_| {
            count.set(count.get() + 1);
            true
        };
        assert!(proxy.pick_key(0, reselections, refuse_all).is_some(), "the last one is taken");
        assert_eq!(count.get(), asked);
    }
    for _ in 0..10 {
        assert_ne!(proxy.pick_key(0, 5, |host| host == 1), Some(1));
    }
}

#[test]
fn keys_stay_where_they_are_and_move_on_when_refused() {
    for policy in [Policy::RingHash(RingHash::default()), Policy::Maglev(Maglev { table_size: 1021 })] {
        let mut proxy = Proxy::new(LoadBalancing::of(policy), hosts(5));
        let mut counts = [0u32; 5];
        for key in 0..2000u64 {
            let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let home = proxy.pick_key(hash, 0, |_| false).unwrap();
            assert_eq!(proxy.pick_key(hash, 0, |_| false), Some(home));
            assert_eq!(proxy.pick_key(hash, 0, |host| host == home), Some(home), "without reselections a retry stays");
            counts[home as usize] += 1;
        }
        assert!(counts.iter().all(|count| (200..700).contains(count)), "{counts:?}");
        let moved = (0..200u64).filter(|key| proxy.pick_key(key << 56, 5, |host| host == 2) == Some(2)).count();
        assert!(moved <= 2, "five further places rarely are all of one host: {moved}");
        let keyless = proxy.counts(2000);
        assert!(keyless.iter().all(|count| *count > 200), "without a key any host: {keyless:?}");
        proxy.set_health(&[2]);
        assert!((0..200u64).all(|key| proxy.pick_key(key << 56, 0, |_| false) != Some(2)));
    }
}

#[test]
fn localities_take_turns_by_weight_and_availability() {
    let mut list = hosts(20);
    list[10..].iter_mut().for_each(|host| host.locality = 1);
    list.push(HostView { locality: 2, ..host(20) });
    let weights = vec![LocalityWeight { locality: 0, weight: 80 }, LocalityWeight { locality: 1, weight: 20 }];
    let policy = LoadBalancing { locality: LocalityRule::Weighted(weights), panic_threshold: 0, ..LoadBalancing::istio() };
    let mut proxy = Proxy::new(policy, list);
    let share = |counts: &[u32]| counts[..10].iter().sum::<u32>();
    let counts = proxy.counts(10_000);
    assert_eq!(counts[20], 0, "a locality without a weight gets nothing");
    assert!(share(&counts).abs_diff(8000) <= 2, "{counts:?}");
    // Half of the first is gone: 80 x 0.7 = 56 against 20.
    proxy.set_health(&[0, 1, 2, 3, 4]);
    let counts = proxy.counts(7_600);
    assert!(share(&counts).abs_diff(5600) <= 2, "{counts:?}");
    proxy.set_health(&(0..10).collect::<Vec<_>>());
    assert_eq!(share(&proxy.counts(100)), 0);
    proxy.set_health(&(0..20).collect::<Vec<_>>());
    assert_eq!(proxy.pick(), None, "not even the locality that is healthy: it has no weight");
}

#[test]
fn zones_keep_what_they_can_serve() {
    let mut list = hosts(8);
    list[2..].iter_mut().for_each(|host| host.locality = 1);
    let policy = LoadBalancing { locality: LocalityRule::ZoneAware(ZoneAware::default()), ..random() };
    let mut proxy = Proxy::new(policy, list);
    assert!(even(&proxy.counts(8000), &[0.125; 8], 4.0), "nobody knows where the callers are");
    proxy.callers = vec![(0, 5), (1, 5)];
    proxy.rebuild();
    // A quarter of the hosts for half of the callers: half of the traffic stays, the rest is the other zone's.
    let counts = proxy.counts(8000);
    assert!(even(&counts, &[0.25, 0.25, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 12.0], 4.0), "{counts:?}");
    proxy.callers = vec![(0, 1), (1, 9)];
    proxy.rebuild();
    assert_eq!(proxy.counts(500)[2..].iter().sum::<u32>(), 0, "a tenth of the callers stays at home");
}

#[test]
fn a_host_view_is_small_and_so_is_a_balancer() {
    assert!(size_of::<HostView>() <= 40, "{}", size_of::<HostView>());
    assert!(size_of::<Balancer>() <= 96, "{}", size_of::<Balancer>());
}

#[test]
fn addresses_are_written_as_usual() {
    assert_eq!(Address { ip: 0x0a00_0307, port: 8080 }.to_string(), "10.0.3.7:8080");
}

#[test]
fn nonsense_is_refused_in_words() {
    let refused = |policy: LoadBalancing| policy.validated().unwrap_err().to_string();
    let panic = LoadBalancing { panic_threshold: 101, ..random() };
    assert_eq!(refused(panic), "`minHealthPercent` must be between 0 and 100, not 101");
    let none = LoadBalancing { overprovisioning: 0, ..random() };
    assert_eq!(refused(none), "`overprovisioningFactor` must be between 1 and 100000, not 0");
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let warm = SlowStart { aggression: 2.0, ..SlowStart::new(Nanos::from_secs(100)) };
    prop_oneof![
        Just(Policy::Random),
        Just(Policy::RoundRobin(None)),
        Just(Policy::RoundRobin(Some(warm))),
        Just(Policy::LeastRequest(LeastRequest::default())),
        Just(Policy::LeastRequest(LeastRequest { selection: Selection::FullScan, bias: 1.5, slow_start: Some(warm) })),
        Just(Policy::RingHash(RingHash { min_size: 16, max_size: 64 })),
        Just(Policy::Maglev(Maglev { table_size: 31 })),
    ]
}

fn any_locality() -> impl Strategy<Value = LocalityRule> {
    let weight = |(locality, weight)| LocalityWeight { locality, weight };
    prop_oneof![
        Just(LocalityRule::None),
        Just(LocalityRule::ZoneAware(ZoneAware { min_cluster_size: 2 })),
        prop::collection::vec((0u16..3, 0u32..50), 0..4).prop_map(move |all| LocalityRule::Weighted(all.into_iter().map(weight).collect())),
    ]
}

fn any_host() -> impl Strategy<Value = HostView> {
    let health = prop_oneof![3 => Just(Health::Healthy), 1 => Just(Health::Unhealthy), 1 => Just(Health::Absent)];
    (health, 0u8..3, 0u16..3, 0u32..4, 0u32..5, 900u64..=1000).prop_map(|(health, priority, locality, weight, rq_active, since)| HostView {
        health,
        priority,
        locality,
        weight,
        rq_active,
        since: Instant::from_secs(since),
        address: Address::default(),
    })
}

proptest! {
    #![proptest_config(crate::base::cases::cases(512))]

    #[test]
    fn a_pick_is_eligible_and_there_is_one_if_anyone_is(
        policy in any_policy(),
        locality in any_locality(),
        panic_threshold in prop_oneof![Just(0u32), 0u32..=100],
        views in prop::collection::vec(any_host(), 0..12),
        seed: u64,
        tried: u16,
        priorities_tried in 0u32..8,
    ) {
        let placed = |(n, view): (usize, HostView)| HostView { address: host(n as u32).address, ..view };
        let views: Vec<HostView> = views.into_iter().enumerate().map(placed).collect();
        let rule = LoadBalancing { policy, locality, panic_threshold, ..LoadBalancing::istio() };
        let weighted = matches!(rule.locality, LocalityRule::Weighted(_));
        let mut proxy = Proxy::seeded(rule, views, seed);
        proxy.callers = vec![(0, 3), (2, 4)];
        proxy.rebuild();
        let levels = proxy.balancer.levels().to_vec();
        prop_assert_eq!(levels.iter().map(|level| level.load).sum::<u32>(), 100);
        for n in 0..30 {
            let ask = Ask { now: proxy.now, hash: (n % 2 == 0).then_some(n * 0x0123_4567_89ab_cdef), reselections: 3, priorities_tried };
            let pick = proxy.balancer.pick(&proxy.policy, &proxy.hosts, ask, &mut proxy.random, |host| tried >> host & 1 == 1);
            match pick {
                Some(place) => {
                    let host = proxy.hosts[place as usize];
                    prop_assert!(host.is_present());
                    prop_assert!(host.is_healthy() || levels[usize::from(host.priority)].in_panic);
                }
                None => {
                    let nobody = proxy.hosts.iter().all(|host| !host.is_healthy());
                    // A locality without healthy hosts can be drawn when rounding leaves no zone any capacity.
                    let zones = matches!(proxy.policy.locality, LocalityRule::ZoneAware(_));
                    prop_assert!(nobody || weighted || zones, "{:?}", proxy.hosts);
                }
            }
        }
    }
}
