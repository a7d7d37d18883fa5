//! Headers that each protocol sends with a call: the least that clients and servers of a JSON API, and of gRPC, do send.
//!
//! Trace context (W3C) is among them, as it is in any mesh or instrumented service, and because it is what HPACK cannot shorten.
//! An access token or cookies are not: `network.headers` adds them.

use super::Protocol;

/// By what names an endpoint is called.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    pub service: &'a str,
    pub endpoint: &'a str,
}

/// A header with a value as it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub name: &'a str,
    pub value: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first line of HTTP/1.1.
    Line,
    /// The same in all messages of a connection.
    Same,
    /// Another one in each.
    Changes,
    /// The length of the body: its digits are counted when the body is known.
    Length,
}

/// The example of the recommendation, as long as any.
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// The form of every date of HTTP (RFC 9110).
const DATE: &str = "Tue, 15 Nov 1994 08:12:31 GMT";

impl Header<'_> {
    /// As a line of HTTP/1.1; the digits of a length left out.
    pub fn text(&self) -> u64 {
        let bytes = match self.kind {
            Kind::Line => self.value.len() + 2,
            Kind::Same | Kind::Changes | Kind::Length => self.name.len() + 2 + self.value.len() + 2,
        };
        bytes as u64
    }
}

/// Headers of the request, of the answer, and behind the answer.
pub fn of(protocol: Protocol, names: Names<'_>) -> [Vec<Header<'static>>; 3] {
    let Names { service, endpoint } = names;
    let line = |value: String| Header { name: "", value, kind: Kind::Line };
    let same = |name: &'static str, value: &str| Header { name, value: value.to_string(), kind: Kind::Same };
    let changes = |name: &'static str, value: &str| Header { name, value: value.to_string(), kind: Kind::Changes };
    let length = || Header { name: "content-length", value: String::new(), kind: Kind::Length };
    let json = "application/json";
    match protocol {
        Protocol::Http1 => [
            vec![
                line(format!("POST /{endpoint} HTTP/1.1")),
                same("host", service),
                same("user-agent", "Go-http-client/1.1"),
                same("accept", json),
                same("content-type", json),
                length(),
                changes("traceparent", TRACEPARENT),
            ],
            vec![line("HTTP/1.1 200 OK".to_string()), same("content-type", json), length(), changes("date", DATE)],
            Vec::new(),
        ],
        Protocol::Http2 => [
            vec![
                same(":method", "POST"),
                same(":scheme", "http"),
                same(":authority", service),
                same(":path", &format!("/{endpoint}")),
                same("user-agent", "Go-http-client/2.0"),
                same("accept", json),
                same("content-type", json),
                length(),
                changes("traceparent", TRACEPARENT),
            ],
            vec![same(":status", "200"), same("content-type", json), length(), changes("date", DATE)],
            Vec::new(),
        ],
        Protocol::Grpc => [
            vec![
                same(":method", "POST"),
                same(":scheme", "http"),
                same(":authority", service),
                same(":path", &format!("/{service}/{endpoint}")),
                same("content-type", "application/grpc"),
                same("user-agent", "grpc-go/1.60.0"),
                same("te", "trailers"),
                changes("traceparent", TRACEPARENT),
            ],
            vec![same(":status", "200"), same("content-type", "application/grpc")],
            vec![same("grpc-status", "0")],
        ],
    }
}
