//! Sizes and lines: what messages weigh, what waits for what, and what a fault of the bandwidth does.

use super::support::*;
use brownout::policy::wire::headers::Names;
use brownout::policy::wire::{Extra, Framing, Protocol, SetUp};

/// A client `c` with requests at these instants, a service that works 10 ms, links of 10 ms, and 1 Mbps: 1 ms for 125 B.
fn narrow(at: &str, client: &str, service: &str, more: &str) -> Ran {
    run(&format!(
        "
duration: 60s
clients: {{c: {{target: s.get, arrivals: trace({at}.csv), {client}}}}}
services: {{s: {{endpoints: {{get: [{{work: 10ms}}]}}, {service}}}}}
network: {{default: {{latency: 10ms, bandwidth: 1Mbps}}}}
{more}"
    ))
}

fn bytes(ran: &Ran, call: &str) -> (u64, u64) {
    let sent = ran.call(call).bytes.expect("messages have sizes");
    (sent.request, sent.response)
}

#[test]
fn a_message_takes_its_size_by_the_bandwidth_and_then_the_latency() {
    let ran = narrow("0s", "payload: 12500B, response: 25000B", "", "");
    assert_eq!(ran.took("c"), 100.0 + 10.0 + 10.0 + 200.0 + 10.0);
    assert_eq!(bytes(&ran, "c -> s.get"), (12_500, 25_000), "without a protocol a message is its payload");
}

#[test]
fn messages_leave_one_after_the_other_and_each_way_by_its_own_line() {
    let ran = narrow("0s+0s+50ms", "payload: 12500B", "", "");
    assert_eq!(ran.range("c"), (130.0, 280.0), "the third waits for 150 ms: it is sent at 50, and leaves at 300");
    // Answers of 100 ms begin at 30, 60 and 90: the last is through at 330. Had requests been on the same line, nothing would be.
    let ran = narrow("0s+30ms+60ms", "response: 12500B", "", "");
    assert_eq!(ran.range("c"), (130.0, 270.0));
}

#[test]
fn a_line_that_was_idle_owes_nothing() {
    let ran = narrow("0s+10s", "payload: 12500B", "", "");
    assert_eq!(ran.range("c"), (130.0, 130.0));
}

#[test]
fn calls_of_both_ways_share_the_two_directions_between_two_services() {
    let lines = |links: &str| {
        let topology = compiled(&format!(
            "
duration: 1s
clients: {{c: {{target: a.get, arrivals: constant(1/s), payload: 1KiB}}}}
services:
  a: {{zones: [x], endpoints: {{get: [{{call: b.get}}], back: [{{work: 1ms}}]}}}}
  b: {{zones: [y], endpoints: {{get: [{{call: a.back}}]}}}}
network: {{default: {{bandwidth: 1Mbps}}{links}}}"
        ));
        let of = |name: &str| topology.links.iter().filter(|link| link.name == name).map(|link| link.lines).collect::<Vec<_>>();
        [of("a -> b"), of("b -> a"), of("own"), of("x-y")].concat()
    };
    let shared = lines("");
    assert_eq!(shared[0], [shared[1][1], shared[1][0]], "requests of the one go with answers to the other: {shared:?}");
    let named = lines(", links: {own: {from: a, to: b, bandwidth: 2Mbps}}");
    assert!(named[0].iter().all(|line| !named[1].contains(line)), "a link of its own has lines of its own: {named:?}");
    let zones = lines(", zones: {x-y: {bandwidth: 2Mbps}}");
    let (there, back) = (zones[2], zones[3]);
    assert_eq!(there, [back[1], back[0]], "whoever calls whom between two zones: {zones:?}");
}

#[test]
fn callers_of_one_service_have_lines_of_their_own() {
    let ran = run("
duration: 1s
clients:
  c: {target: s.get, arrivals: trace(0s.csv), payload: 12500B}
  d: {target: s.get, arrivals: trace(0s.csv), payload: 12500B}
services: {s: {endpoints: {get: [{work: 10ms}]}}}
network: {default: {bandwidth: 1Mbps}}");
    assert_eq!(ran.all_took(["c", "d"]), [110.0, 110.0]);
}

#[test]
fn a_fault_lowers_the_bandwidth_for_a_time() {
    let fault = "faults: {narrow: {at: 1s, for: 1s, link: {from: c, to: s, bandwidth: 100kbps}}}";
    let ran = narrow("1500ms", "payload: 12500B", "", fault);
    assert_eq!(ran.took("c"), 1030.0, "ten times as long, even beyond the end of the fault");
    for at in ["0s", "3s"] {
        assert_eq!(narrow(at, "payload: 12500B", "", fault).took("c"), 130.0, "{at}");
    }
    // Of a link without a limit, too.
    let ran = run(&format!(
        "{{duration: 9s, clients: {{c: {{target: s.get, arrivals: trace(1500ms.csv), payload: 12500B}}}},
services: {{s: {{endpoints: {{get: [{{work: 10ms}}]}}}}}}, {fault}}}"
    ));
    assert_eq!(ran.took("c"), 1010.0);
}

#[test]
fn what_waits_behind_a_narrow_line_fails_because_of_it() {
    let ran = narrow(
        "1500ms+1510ms+2100ms",
        "payload: 12500B, policy: p",
        "",
        "policies: {p: {timeout: 500ms}}\nfaults: {narrow: {at: 1s, for: 1s, link: {from: c, to: s, bandwidth: 100kbps}}}",
    );
    assert_eq!(ran.outcomes("c"), "504 UT: 3", "the third is sent after the fault, behind the two before it");
    assert_eq!(ran.roots_of(brownout::observe::episode::Trouble::Timeouts), [Some("narrow")]);
}

#[test]
fn a_lost_message_takes_the_line_again() {
    let fault = "faults: {lossy: {at: 0s, for: 50ms, link: {from: c, to: s, loss: 100%}}}";
    let ran = narrow("10ms", "payload: 12500B", "", fault);
    // Sent at 10, left at 110; sent again at 310, left at 410, there at 420, answered at 430.
    assert_eq!((ran.took("c"), bytes(&ran, "c -> s.get")), (440.0 - 10.0, (25_000, 0)));
}

#[test]
fn attempts_of_a_call_send_the_same() {
    let ran = narrow(
        "0s",
        "payload: 'lognormal(p50: 1KiB, p99: 1MiB)', policy: p",
        "",
        "policies: {p: {retry: {attempts: 4}}}\nfaults: {bad: {at: 0s, errors: {service: s}}}",
    );
    let (sent, answered) = bytes(&ran, "c -> s.get");
    assert!(sent.is_multiple_of(4) && sent > 0, "{sent}");
    assert_eq!(answered, 0, "a failure has no body");
}

/// What is sent is exactly what the arithmetic of the protocols says: the first request of a connection, and the later ones.
#[test]
fn bytes_are_those_of_the_protocol() {
    for (word, protocol, tls) in [("http1", Protocol::Http1, false), ("http2", Protocol::Http2, true), ("grpc", Protocol::Grpc, true)] {
        let names = Names { service: "s", endpoint: "get" };
        let framing = Framing::new(protocol, tls, names, Extra { same: 200, changing: 30 });
        let ran = run(&format!(
            "
duration: 60s
clients: {{c: {{target: s.get, arrivals: trace(0s+1s+2s.csv), payload: 3000B, response: 40000B}}}}
services: {{s: {{protocol: {word}, connections: {{tls: {tls}}}, endpoints: {{get: [{{work: 10ms}}]}}}}}}
network: {{headers: {{same: 200B, changing: 30B}}}}"
        ));
        let SetUp { syn, syn_answer, hello, server_flight, last_out, last_back } = framing.set_up(false);
        let out = syn + hello + last_out + framing.request(3000, true) + 2 * framing.request(3000, false);
        let back =
            syn_answer + server_flight + last_back + framing.response(Some(40_000), true) + 2 * framing.response(Some(40_000), false);
        assert_eq!(bytes(&ran, "c -> s.get"), (out, back), "{word}");
    }
}

/// Sizes without a bandwidth cost no time: only bytes are there besides.
#[test]
fn sizes_alone_change_no_time() {
    for (protocol, tls) in [("", ""), ("protocol: http1,", ""), ("protocol: grpc,", "connections: {tls: true, handshake: 1ms},")] {
        let model = |sizes: &str| {
            run(&format!(
                "
duration: 20s
clients: {{c: {{target: a.get, arrivals: poisson(50/s){sizes}}}}}
services:
  a: {{workers: 4, {protocol} {tls} endpoints: {{get: [{{work: exp(20ms)}}, {{call: b.get{sizes}}}]}}}}
  b: {{replicas: 2, {protocol} loadBalancing: leastRequest, endpoints: {{get: [{{work: exp(20ms)}}]}}}}
network: {{default: {{latency: exp(1ms), loss: 1%}}}}"
            ))
        };
        let (without, with) = (model(""), model(", payload: exp(2KiB), response: 1KiB"));
        assert_eq!(without.client("c"), with.client("c"), "{protocol}");
        assert!(with.call("a.get -> b.get").bytes.is_some_and(|bytes| bytes.per_call > Some(3000.0)));
        assert!(without.call("a.get -> b.get").bytes.is_none(), "nothing has a size, and nothing is said of it");
    }
}
