//! Sizes through proxies: what sidecars send to each other is counted, and waits for its line.

use super::support::*;
use brownout::policy::wire::headers::Names;
use brownout::policy::wire::{Extra, Framing, Protocol};

/// One request through two sidecars with mutual TLS, links of 10 ms, no other cost.
fn meshed(protocol: &str, sizes: &str, network: &str) -> Ran {
    run(
        &format!(
            "
duration: 20s
clients: {{c: {{target: s.get, arrivals: trace(0s+1s.csv), via: sidecar{sizes}}}}}
services: {{s: {{{protocol} endpoints: {{get: [{{work: 10ms}}]}}}}}}
mesh: {{mtls: {{mode: STRICT, handshake: 2ms}}}}
network: {{default: {{latency: 10ms{network}}}}}"
        ),
        "",
    )
}

#[test]
fn sidecars_send_what_their_protocol_and_mutual_tls_weigh() {
    for (word, protocol) in [("", Protocol::Http1), ("protocol: http2,", Protocol::Http2), ("protocol: grpc,", Protocol::Grpc)] {
        let ran = meshed(word, ", payload: 1000B, response: 3000B", "");
        let framing = Framing::new(protocol, true, Names { service: "s", endpoint: "get" }, Extra::default());
        let set_up = framing.set_up(true);
        let out = set_up.syn + set_up.hello + set_up.last_out + framing.request(1000, true) + framing.request(1000, false);
        let back = set_up.syn_answer
            + set_up.server_flight
            + set_up.last_back
            + framing.response(Some(3000), true)
            + framing.response(Some(3000), false);
        let sent = ran.summary.calls.get("c -> s.get").unwrap().bytes.unwrap();
        assert_eq!((sent.request, sent.response), (out, back), "{word}");
        assert_eq!(ran.told(), meshed(word, "", "").told(), "{word}: sizes alone change no time");
        assert_eq!(ran.told(), ["0+72 200", "1000+30 200"], "{word}");
    }
}

/// 8 kbps is 1 ms for each byte: everything that is waited for takes its size.
#[test]
fn setting_up_waits_for_the_line_as_well() {
    let ran = meshed("", ", payload: 100B", ", bandwidth: 8kbps");
    let framing = Framing::new(Protocol::Http1, true, Names { service: "s", endpoint: "get" }, Extra::default());
    let set_up = framing.set_up(true);
    let waited = set_up.syn + set_up.syn_answer + set_up.hello + set_up.server_flight + set_up.last_out;
    let messages = framing.request(100, true) + framing.response(Some(0), true);
    let first = 72 + waited + messages;
    // The second request comes while the first connection is being set up, opens its own, and takes whichever is ready first.
    assert_eq!(ran.told()[0], format!("0+{first} 200"));
}

/// Whoever speaks plain text to a pod that wants mutual TLS is turned away, with connections of its own as without.
#[test]
fn a_caller_without_a_sidecar_is_reset_by_a_strict_one() {
    for protocol in ["", "protocol: http1,", "protocol: grpc,"] {
        let ran = run(
            &format!(
                "
duration: 5s
clients: {{c: {{target: s.get, arrivals: trace(0s+1s.csv)}}}}
services: {{s: {{{protocol} endpoints: {{get: [{{work: 10ms}}]}}}}}}
mesh: {{mtls: {{mode: STRICT}}}}"
            ),
            "",
        );
        assert_eq!(ran.outcomes(), ["503 UC", "503 UC"], "{protocol}");
    }
}
