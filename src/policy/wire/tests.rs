//! Weights held to the examples of the standards, and to texts counted letter by letter.

use super::headers::{Header, Kind, Names};
use super::*;
use crate::base::cases::cases;
use proptest::prelude::*;

const NAMES: Names<'static> = Names { service: "orders", endpoint: "place" };

fn framing(protocol: Protocol, tls: bool) -> Framing {
    Framing::new(protocol, tls, NAMES, Extra::default())
}

/// RFC 7541, appendix C.4 and C.6: strings with their length byte.
#[test]
fn strings_are_as_long_as_in_the_examples_of_the_standard() {
    for (text, coded) in [
        ("www.example.com", 12),
        ("no-cache", 6),
        ("custom-key", 8),
        ("custom-value", 9),
        ("private", 5),
        ("Mon, 21 Oct 2013 20:13:21 GMT", 22),
        ("https://www.example.com", 17),
        ("307", 3),
    ] {
        assert_eq!(hpack::string(text), 1 + coded, "{text}");
    }
}

/// RFC 7541, C.4.1: `:method: GET`, `:scheme: http`, `:path: /` and `:authority: www.example.com` are 17 bytes; the last is 14.
#[test]
fn a_block_is_as_long_as_in_the_examples_of_the_standard() {
    let header = |name, value: &str, kind| Header { name, value: value.to_string(), kind };
    let authority = header(":authority", "www.example.com", Kind::Same);
    assert_eq!((hpack::first(&authority), hpack::later(&authority)), (14, 1));
    let date = header("date", "Mon, 21 Oct 2013 20:13:21 GMT", Kind::Changes);
    // C.6.1 and C.6.3: the date takes 24 bytes each time.
    assert_eq!((hpack::first(&date), hpack::later(&date)), (24, 24));
}

/// The whole text of a request and of its answer, counted by their letters.
#[test]
fn http_1_weighs_what_its_text_weighs() {
    let request = "POST /place HTTP/1.1\r\nhost: orders\r\nuser-agent: Go-http-client/1.1\r\naccept: application/json\r\n\
                   content-type: application/json\r\ncontent-length: 100\r\n\
                   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\ndate: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n";
    let http1 = framing(Protocol::Http1, false);
    for first in [true, false] {
        assert_eq!(http1.request(100, first), request.len() as u64 + 100 + SEGMENT_HEADERS);
        assert_eq!(http1.response(Some(7), first), answer.len() as u64 + 7 + SEGMENT_HEADERS);
        // An error has no body: its length is one digit too.
        assert_eq!(http1.response(None, first), answer.len() as u64 + SEGMENT_HEADERS);
    }
}

/// Byte by byte: frame header 9, indexed :method and :scheme and six more headers as indices, the changed traceparent.
#[test]
fn grpc_sends_an_index_for_what_it_sent_before() {
    let grpc = framing(Protocol::Grpc, false);
    let traceparent = hpack::string("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let later = 9 + 7 + 2 + traceparent + 9 + 5 + 100 + SEGMENT_HEADERS;
    assert_eq!(grpc.request(100, false), later);
    let full = |name: &str, value| 1 + hpack::string(name) + hpack::string(value);
    let first = 9
        + 2
        + (1 + hpack::string("orders"))
        + (1 + hpack::string("/orders/place"))
        + (1 + hpack::string("application/grpc"))
        + (1 + hpack::string("grpc-go/1.60.0"))
        + full("te", "trailers")
        + (1 + hpack::string("traceparent") + traceparent)
        + 9
        + 5
        + 100
        + SEGMENT_HEADERS;
    assert_eq!(grpc.request(100, true), first);
    // Headers 9 + 2, message 9 + 5 + 40, trailers 9 + 1.
    assert_eq!(grpc.response(Some(40), false), 11 + 54 + 10 + SEGMENT_HEADERS);
    assert_eq!(grpc.response(None, false), 9 + 3 + SEGMENT_HEADERS, "a failure is told in the only headers");
}

#[test]
fn large_messages_are_cut_into_frames_records_and_segments() {
    let head = framing(Protocol::Http2, false).request(0, false) - SEGMENT_HEADERS - FRAME_HEADER - hpack::number(0);
    let payload = 40_000;
    let bytes = FRAME_HEADER + head + hpack::number(payload) + payload + 3 * FRAME_HEADER;
    let plain = bytes + SEGMENT_HEADERS * bytes.div_ceil(LARGEST_SEGMENT);
    assert_eq!(framing(Protocol::Http2, false).request(payload, false), plain);
    let sealed = bytes + 3 * TLS_RECORD;
    let sealed = sealed + SEGMENT_HEADERS * sealed.div_ceil(LARGEST_SEGMENT);
    assert_eq!(framing(Protocol::Http2, true).request(payload, false), sealed);
}

#[test]
fn without_a_protocol_a_message_is_its_payload() {
    let raw = Framing::default();
    assert_eq!((raw.request(1000, true), raw.response(Some(5), false), raw.response(None, true)), (1000, 5, 0));
    assert_eq!((raw.set_up(true), raw.reset()), (SetUp::default(), 0));
}

#[test]
fn headers_of_the_application_are_sent_once_where_they_can_be_remembered() {
    let extra = Extra { same: 300, changing: 50 };
    let more = |protocol, first| {
        Framing::new(protocol, false, NAMES, extra).request(0, first)
            - Framing::new(protocol, false, NAMES, Extra::default()).request(0, first)
    };
    assert_eq!([more(Protocol::Http1, true), more(Protocol::Http1, false)], [350, 350]);
    assert_eq!([more(Protocol::Http2, true), more(Protocol::Http2, false)], [350, 51]);
    assert_eq!([more(Protocol::Grpc, true), more(Protocol::Grpc, false)], [350, 51]);
}

#[test]
fn a_connection_costs_tcp_and_tls_and_what_http_2_agrees_on() {
    let plain = framing(Protocol::Http1, false).set_up(false);
    assert_eq!(plain, SetUp { syn: 60, syn_answer: 60, hello: 0, server_flight: 0, last_out: 52, last_back: 0 });
    let tls = framing(Protocol::Grpc, true).set_up(false);
    assert_eq!((tls.hello, tls.server_flight), (300 + 52, 2000 + 104));
    assert_eq!((tls.last_out, tls.last_back), (52 + 58 + 52 + 54 + 22, 30 + 22));
    let mutual = framing(Protocol::Grpc, true).set_up(true);
    assert_eq!(mutual.last_out - tls.last_out, 1800 + 52, "the client's certificate makes a segment more");
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn more_payload_is_never_less_on_the_wire(a in 0u64..1 << 30, b in 0u64..1 << 30, kind in 0..3usize, tls: bool, first: bool) {
        let framing = framing([Protocol::Http1, Protocol::Http2, Protocol::Grpc][kind], tls);
        let (small, large) = (a.min(b), a.max(b));
        prop_assert!(framing.request(small, first) <= framing.request(large, first));
        prop_assert!(framing.response(Some(small), first) <= framing.response(Some(large), first));
        prop_assert!(framing.request(small, false) <= framing.request(small, true));
        prop_assert!(framing.request(small, first) > small);
    }
}
