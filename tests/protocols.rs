//! What gRPC saves: the model `grpc-or-rest` has the sizes of real encodings, and shows for which messages the rule of thumb
//! of 30 to 50 percent holds.

mod common;

use brownout::analysis::summary::{Summary, summarize};
use brownout::model::scalar::{Bytes, SizeSpec};
use brownout::model::{self, Loaded};
use brownout::policy::wire::{Extra, Framing, Protocol, headers::Names};
use brownout::policy::wire::{FRAME_HEADER, GRPC_PREFIX, LARGEST_FRAME, LARGEST_RECORD, LARGEST_SEGMENT, SEGMENT_HEADERS, SYN, TLS_RECORD};
use brownout::topology::compile::compile;
use brownout::world::{self, Control};
use serde_json::{Value, json};

/// Protobuf's wire format (proto3): a varint of seven bits to a byte, a tag of number and kind, lengths before what has one.
/// What is 0 or empty is left out.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    if value == 0 { Vec::new() } else { [varint(field << 3), varint(value)].concat() }
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    if value.is_empty() { Vec::new() } else { [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat() }
}

/// The example of protobuf's own documentation: field 1 with 150 is `08 96 01`; field 2 with `testing` is nine bytes.
#[test]
fn the_encoder_writes_what_the_documentation_of_protobuf_shows() {
    assert_eq!(number(1, 150), [0x08, 0x96, 0x01]);
    assert_eq!(bytes(2, b"testing"), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
    assert!(number(3, 0).is_empty());
}

/// A client of the model, and its request and answer in both forms.
struct Example {
    client: &'static str,
    json: [Value; 2],
    protobuf: [Vec<u8>; 2],
}

fn order() -> Example {
    let line = |product, quantity| bytes(2, &[number(1, product), number(2, quantity)].concat());
    Example {
        client: "order",
        json: [
            json!({"customerId": 4711, "lines": [{"productId": 1234, "quantity": 2}, {"productId": 87, "quantity": 1}], "currency": "EUR"}),
            json!({"orderId": 918_273, "status": "CONFIRMED", "totalCents": 12_990, "deliveryDays": 3}),
        ],
        protobuf: [
            [number(1, 4711), line(1234, 2), line(87, 1), bytes(3, b"EUR")].concat(),
            [number(1, 918_273), number(2, 2), number(3, 12_990), number(4, 3)].concat(),
        ],
    }
}

fn record() -> Example {
    let words = [
        ("firstName", "Johanna"),
        ("lastName", "Schneider"),
        ("email", "johanna.schneider@example.org"),
        ("street", "Lange Reihe 94"),
        ("postalCode", "20099"),
        ("city", "Hamburg"),
        ("country", "DE"),
    ];
    let mut record = json!({"customerId": 4711, "newsletter": true, "balanceCents": 12_990, "createdAt": 1_716_912_000});
    words.iter().for_each(|(name, word)| record[*name] = json!(word));
    let coded = words.iter().enumerate().flat_map(|(place, (_, word))| bytes(place as u64 + 2, word.as_bytes()));
    let coded = number(1, 4711).into_iter().chain(coded).chain(number(9, 1)).chain(number(10, 12_990)).chain(number(11, 1_716_912_000));
    Example { client: "record", json: [json!({"customerId": 4711}), record], protobuf: [number(1, 4711), coded.collect()] }
}

fn list() -> Example {
    let items = (0..100u64).map(|i| [1000 + 7 * i, 37 * i % 250, i % 12, 199 + 53 * i, 1_716_912_000 + 61 * i]);
    let as_json = |[product, quantity, reserved, price, updated]: [u64; 5]| json!({"productId": product, "quantity": quantity, "reserved": reserved, "priceCents": price, "updatedAt": updated});
    let coded = |item: [u64; 5]| bytes(1, &item.iter().zip(1..).flat_map(|(value, field)| number(field, *value)).collect::<Vec<u8>>());
    Example {
        client: "list",
        json: [json!({"warehouse": 3, "page": 1}), json!({"items": items.clone().map(as_json).collect::<Vec<Value>>()})],
        protobuf: [[number(1, 3), number(2, 1)].concat(), items.flat_map(coded).collect()],
    }
}

fn review() -> Example {
    let text = "The lamp stands well on any desk and its light is warm. ".repeat(360);
    Example {
        client: "review",
        json: [json!({"productId": 1234}), json!({"productId": 1234, "title": "Desk lamp", "text": text})],
        protobuf: [number(1, 1234), [number(1, 1234), bytes(2, b"Desk lamp"), bytes(3, text.as_bytes())].concat()],
    }
}

fn examples() -> [Example; 4] {
    [order(), record(), list(), review()]
}

/// The page for people has the figures of the code.
#[test]
fn the_page_about_messages_says_what_is_counted() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/wire.md")).expect("the page is there");
    let set_up = |tls| Framing::new(Protocol::Grpc, tls, Names { service: "s", endpoint: "e" }, Extra::default()).set_up(false);
    let begins = set_up(false).last_out - SEGMENT_HEADERS;
    for (row, says) in [
        ("HTTP/2, gRPC: frame", format!("{FRAME_HEADER} for each HEADERS and each DATA of at most {LARGEST_FRAME}")),
        ("gRPC: message", format!("{GRPC_PREFIX} before it")),
        ("TLS 1.3: record", format!("{TLS_RECORD} for each of at most {LARGEST_RECORD}")),
        ("TCP/IPv4: segment", format!("{SEGMENT_HEADERS} for each of at most {LARGEST_SEGMENT}")),
        ("connection", format!("{SYN} for a SYN and {SYN} for its answer, {SEGMENT_HEADERS} for the ACK")),
        ("TLS 1.3: handshake", format!("{} for the client's first", set_up(true).hello - SEGMENT_HEADERS)),
        ("TLS 1.3: handshake", format!("{} for the server's", set_up(true).server_flight - 2 * SEGMENT_HEADERS)),
        ("HTTP/2: beginning", format!("client {begins}")),
        ("HTTP/2: beginning", format!("server {}", set_up(false).last_back)),
        ("refusal, reset", SEGMENT_HEADERS.to_string()),
    ] {
        let found = page.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap_or_else(|| panic!("no row {row}"));
        assert!(found.contains(&says), "{row}: {says} in {found}");
    }
}

fn loaded(variant: Option<&str>) -> Loaded {
    let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/grpc-or-rest.yaml"));
    let text = text.expect("the model is there");
    let loader = |_: &str| Ok(text.clone());
    model::read("grpc-or-rest.yaml", &loader, &[], variant).unwrap_or_else(|refused| panic!("{:#?}", refused.problems))
}

#[test]
fn the_payloads_of_the_model_are_those_of_real_encodings() {
    for (variant, binary) in [(None, false), (Some("restOverHttp2"), false), (Some("grpc"), true)] {
        let model = loaded(variant).model;
        for example in examples() {
            let [payload, response] = match binary {
                true => example.protobuf.map(|message| message.len()),
                false => example.json.map(|message| serde_json::to_string(&message).unwrap().len()),
            };
            let client = &model.clients[example.client];
            let size = |bytes: usize| Some(SizeSpec::Constant(Bytes(bytes as u64)));
            assert_eq!((client.payload, client.response), (size(payload), size(response)), "{} {variant:?}", example.client);
        }
    }
}

fn run(variant: Option<&str>) -> Summary {
    let topology = compile(&loaded(variant).model, &|_| Err("no files".into())).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let recording = world::run(&topology, topology.seed, Control::default()).expect("no limit is reached");
    summarize(&topology, &recording, variant)
}

/// What gRPC saves of the bytes on the wire, and of the median and the 99th percentile of the latency, as shares.
fn saved(rest: &Summary, grpc: &Summary, client: &str) -> [f64; 3] {
    let of = |summary: &Summary| {
        let call = summary.calls.get(&format!("{client} -> shop.{client}")).expect("the call is there");
        let latency = &summary.clients.get(client).expect("the client is there").latency;
        [call.bytes.and_then(|bytes| bytes.per_call), latency.p50, latency.p99].map(|figure| figure.expect("it has a value"))
    };
    let (before, after) = (of(rest), of(grpc));
    [0, 1, 2].map(|figure| 1.0 - after[figure] / before[figure])
}

/// The rule of thumb holds for messages of a few hundred bytes, against REST over HTTP/2; it says too little of lists of
/// numbers, and far too much of text.
#[test]
fn grpc_saves_by_the_kind_of_message() {
    let (http1, http2, grpc) = (run(None), run(Some("restOverHttp2")), run(Some("grpc")));
    for (client, against_http1, against_http2) in [
        ("order", 0.45..0.70, 0.30..0.50),
        ("record", 0.45..0.70, 0.30..0.50),
        ("list", 0.70..0.85, 0.70..0.85),
        ("review", 0.0..0.03, 0.0..0.02),
    ] {
        let (by_http1, by_http2) = (saved(&http1, &grpc, client), saved(&http2, &grpc, client));
        println!("{client}: of bytes, p50 and p99 {by_http1:.3?} against HTTP/1.1, {by_http2:.3?} against HTTP/2");
        assert!(against_http1.contains(&by_http1[0]), "{client} against HTTP/1.1: {by_http1:?}");
        assert!(against_http2.contains(&by_http2[0]), "{client} against HTTP/2: {by_http2:?}");
    }
    // Time: what is shorter leaves sooner and waits less; of a small message nearly all is the link's latency.
    let [_, p50, p99] = saved(&http1, &grpc, "list");
    assert!(p50 > 0.30 && p99 > p50, "the list is faster, most of all where it queues: {p50} {p99}");
    assert!(saved(&http1, &grpc, "order")[1] < 0.1, "an order takes its round trip");
    assert!(saved(&http2, &grpc, "review")[1].abs() < 0.03, "a review takes as long");
}
