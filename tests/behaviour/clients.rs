//! Clients: when requests come, and to whom.

use super::support::*;

fn client(client: &str) -> Ran {
    run(&format!(
        "{{duration: 30s, clients: {{c: {{{client}}}}}, services: {{s: {{endpoints: {{get: [{{work: 10ms}}], other: []}}}}}}, policies: {{p: {{circuitBreaker: {{consecutiveFailures: 2}}}}}}}}"
    ))
}

#[test]
fn a_profile_steps_and_ramps() {
    let ran = client("target: s.get, arrivals: constant(10/s), profile: [{at: 10s, rate: 30/s, ramp: 10s}, {at: 25s, rate: 0/s}]");
    // 100, then 200 along the ramp, then 150.
    let offered: Vec<u32> = ran.recording.clients[0].windows.iter().map(|w| w.offered).collect();
    assert_eq!(offered[..10].iter().sum::<u32>(), 99 + u32::from(offered[10] == 0));
    assert!((449..=450).contains(&ran.client("c").offered), "{}", ran.client("c").offered);
    assert!((29..=31).contains(&offered[22]) && offered[26] == 0, "{offered:?}");
}

#[test]
fn load_scales_rates_and_users() {
    assert_eq!(client("target: s.get, arrivals: constant(10/s), load: 2").client("c").offered, 599);
    // A user asks every 100 ms: after 90 ms of thought and 10 ms of work, from 90 ms on.
    assert_eq!(client("target: s.get, users: 3, thinkTime: 90ms").client("c").offered, 3 * 300);
    assert_eq!(client("target: s.get, users: 3, load: 2, thinkTime: 90ms").client("c").offered, 6 * 300);
}

#[test]
fn a_mix_goes_by_share() {
    let ran = client("target: {s.get: 20%, s.other: 80%}, arrivals: constant(100/s)");
    let get = ran.call("c -> s.get").calls;
    assert!((get as f64 - 600.0).abs() < 4.0 * 22.0, "{get}");
    assert_eq!(get + ran.call("c -> s.other").calls, 2999);
}

#[test]
fn a_user_stops_after_so_many_good_answers() {
    let ran = client("target: s.get, users: 4, thinkTime: 1s, stop: {ok: 5}");
    assert_eq!(ran.client("c").ok, 20);
}

/// The contract counts what is ok; what a fallback answers is degraded.
#[test]
fn degraded_answers_do_not_let_a_user_stop() {
    let ran = run("
duration: 30s
clients: {c: {target: s.get, users: 1, thinkTime: 1s, stop: {ok: 3}, policy: p}}
services: {s: {endpoints: {get: [{work: 10ms}]}}}
policies: {p: {fallback: {value: empty}}}
faults: {bad: {at: 0s, for: 10s, errors: {service: s}}}");
    let c = ran.client("c");
    assert_eq!(c.ok, 3);
    assert!((9..=10).contains(&c.degraded), "{}", c.degraded);
}

#[test]
fn a_load_that_leaves_no_user_is_refused() {
    let model = |users: &str| {
        format!("{{duration: 1s, clients: {{c: {{target: s.get, {users}}}}}, services: {{s: {{endpoints: {{get: [{{work: 1ms}}]}}}}}}}}")
    };
    assert_eq!(refused(&model("users: 3, load: 0.1")), ["no-users"]);
    assert_eq!(compiled(&model("users: 3, load: 0.2")).clients.len(), 1, "0.6 users are one");
    assert_eq!(compiled(&model("users: 3, load: 0")).clients.len(), 1, "a load of 0 is meant");
}

#[test]
fn instances_keep_policy_state_of_their_own() {
    let ran = run("
duration: 100s
clients: {c: {target: s.get, arrivals: constant(10/s), instances: 4, policy: p}}
services: {s: {endpoints: {get: [{fail: {}}]}}}
policies: {p: {circuitBreaker: {consecutiveFailures: 2, openFor: 1000s}}}");
    assert_eq!((ran.service("s").requests, ran.call("c -> s.get").breaker_opened), (8, 4));
}

#[test]
fn a_trace_is_followed_and_cannot_be_multiplied() {
    let ran = client("target: s.get, arrivals: trace(3s+1s+1s+29.999s+30s+99s.csv)");
    assert_eq!(ran.client("c").offered, 4);
    let spiked = "{duration: 1s, clients: {c: {target: s.get, arrivals: trace(0s.csv)}}, services: {s: {endpoints: {get: []}}}, faults: {x: {at: 0s, spike: {client: c, factor: 2}}}}";
    assert_eq!(refused(spiked), ["trace-spike"]);
}

#[test]
fn modulated_arrivals_have_their_mean_rate() {
    let ran = run(
        "{duration: 2000s, clients: {c: {target: s.get, arrivals: \"mmpp(10/s for 2s, 50/s for 1s)\"}}, services: {s: {endpoints: {get: []}}}}",
    );
    let mean = ran.client("c").offered as f64 / 2000.0;
    assert!((mean / (70.0 / 3.0) - 1.0).abs() < 0.08, "{mean}");
}

#[test]
fn a_spike_multiplies_the_rate_while_it_lasts() {
    let ran = run("
duration: 30s
clients: {c: {target: s.get, arrivals: constant(10/s)}}
services: {s: {endpoints: {get: []}}}
faults: {x: {at: 10s, for: 10s, spike: {client: c, factor: 3}}, y: {at: 15s, for: 2s, spike: {client: c, factor: 2}}}");
    assert!((559..=561).contains(&ran.client("c").offered), "{}", ran.client("c").offered);
}
