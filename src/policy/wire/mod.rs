//! Weight of messages: how many bytes travel for a payload, by protocol (RFC 9112, RFC 9113, RFC 7541, gRPC over HTTP/2,
//! RFC 8446, RFC 9293). Pure arithmetic: when a connection is new, and what its line does with the bytes, is the world's.
//!
//! | what | bytes | source and reason |
//! |---|---|---|
//! | headers | those of [`headers`], with the names of the called service and endpoint | the least that clients and servers send |
//! | HTTP/1.1 | every header as text, each time | RFC 9112: it has no compression of headers |
//! | HTTP/2, gRPC | HPACK: in full on a connection's first request, one byte for each that is the same afterwards | RFC 7541; [`hpack`] |
//! | frame | 9 for each HEADERS and each DATA of at most 16384 | RFC 9113, sections 4.1 and 4.2 |
//! | gRPC | 5 before the message, and trailers behind the answer | gRPC over HTTP/2: length-prefixed messages |
//! | TLS 1.3 | 22 for each record of at most 16384: header 5, type 1, tag 16 | RFC 8446, sections 5.1 and 5.2 |
//! | TCP/IPv4 | 52 for each segment of at most 1448: 20 + 20 + 12 for timestamps, of an MTU of 1500 | RFC 9293, RFC 7323 |
//! | connection | SYN and its answer 60 each, an ACK 52 | as Linux sends them, with 20 bytes of options |
//! | handshake | 300, 2000 back, then 58, or 1858 with a certificate of the client | round figures for chains of two P-256 certificates |
//! | HTTP/2's beginning | preface 24, SETTINGS of two values 21, its acknowledgement 9 | RFC 9113, sections 3.4 and 6.5 |
//!
//! Left out: bare acknowledgements of TCP, WINDOW_UPDATE and PING of HTTP/2, and what Ethernet adds.

pub mod headers;
pub mod hpack;

use headers::{Header, Names};

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
    Grpc,
}

/// A header of HTTP/2 and the largest piece of a message that one frame carries, unless its receiver allows more.
pub const FRAME_HEADER: u64 = 9;
pub const LARGEST_FRAME: u64 = 16_384;
/// Before each gRPC message: whether it is compressed, and its length.
pub const GRPC_PREFIX: u64 = 5;
/// What a record of TLS 1.3 adds, and the most that it carries.
pub const TLS_RECORD: u64 = 22;
pub const LARGEST_RECORD: u64 = 16_384;
/// Headers of IPv4 and TCP with timestamps, and the most that a segment carries beside them.
pub const SEGMENT_HEADERS: u64 = 52;
pub const LARGEST_SEGMENT: u64 = 1_448;
/// A SYN, and its answer.
pub const SYN: u64 = 60;

const CLIENT_HELLO: u64 = 300;
const SERVER_FLIGHT: u64 = 2_000;
const CLIENT_CERTIFICATE: u64 = 1_800;
const FINISHED: u64 = 58;
const PREFACE: u64 = 24;
const SETTINGS: u64 = FRAME_HEADER + 2 * 6;

/// Headers that an application sends beside those of its protocol, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The same in all requests of a connection.
    pub same: u64,
    /// Other ones in each request.
    pub changing: u64,
}

/// Bytes of headers: in a connection's first message, and in each later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    first: u64,
    later: u64,
}

impl Head {
    fn of(self, first: bool) -> u64 {
        if first { self.first } else { self.later }
    }
}

/// How the messages of a call are wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// `None`: it is not known what goes around a payload, and it is taken to be nothing.
    protocol: Option<Protocol>,
    tls: bool,
    request: Head,
    response: Head,
    trailers: Head,
}

/// What setting a connection up sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetUp {
    pub syn: u64,
    pub syn_answer: u64,
    /// Of TLS; 0 without.
    pub hello: u64,
    pub server_flight: u64,
    /// What each side sends at its end, without being waited for.
    pub last_out: u64,
    pub last_back: u64,
}

impl Framing {
    /// Of the calls to an endpoint.
    pub fn new(protocol: Protocol, tls: bool, names: Names<'_>, extra: Extra) -> Framing {
        let [request, response, trailers] = headers::of(protocol, names).map(|list| head(protocol, &list));
        let added = match protocol {
            Protocol::Http1 => Head { first: extra.same + extra.changing, later: extra.same + extra.changing },
            // One byte of an index stands for what was sent before.
            Protocol::Http2 | Protocol::Grpc => {
                Head { first: extra.same + extra.changing, later: u64::from(extra.same > 0) + extra.changing }
            }
        };
        let request = Head { first: request.first + added.first, later: request.later + added.later };
        Framing { protocol: Some(protocol), tls, request, response, trailers }
    }

    /// Bytes on the wire of a request with this payload; `first` on its connection.
    pub fn request(&self, payload: u64, first: bool) -> u64 {
        self.on_the_wire(self.message(payload, self.request.of(first), 0))
    }

    /// Bytes on the wire of an answer; one that tells of a failure has no body.
    pub fn response(&self, payload: Option<u64>, first: bool) -> u64 {
        self.on_the_wire(self.answer(payload, first))
    }

    /// Bytes of a request as a proxy counts them: what TLS and TCP add is beneath it. Not the first of its connection.
    pub fn request_in_proxy(&self, payload: u64) -> u64 {
        self.message(payload, self.request.later, 0)
    }

    /// Likewise of an answer.
    pub fn response_in_proxy(&self, payload: Option<u64>) -> u64 {
        self.answer(payload, false)
    }

    /// A connection that is refused or reset: a segment without data.
    pub fn reset(&self) -> u64 {
        if self.protocol.is_some() { SEGMENT_HEADERS } else { 0 }
    }

    fn answer(&self, payload: Option<u64>, first: bool) -> u64 {
        let trailers = if self.protocol == Some(Protocol::Grpc) { FRAME_HEADER + self.trailers.of(first) } else { 0 };
        match payload {
            // gRPC puts the status of a failure into the only headers that it sends.
            None if self.protocol == Some(Protocol::Grpc) => FRAME_HEADER + self.response.of(first) + self.trailers.of(first),
            None => self.message(0, self.response.of(first), 0),
            Some(payload) => self.message(payload, self.response.of(first), trailers),
        }
    }

    /// Before TLS and TCP.
    fn message(&self, payload: u64, head: u64, behind: u64) -> u64 {
        match self.protocol {
            None => payload,
            Some(Protocol::Http1) => head + digits(payload) + payload,
            Some(Protocol::Http2) => FRAME_HEADER + head + hpack::number(payload) + frames(payload),
            Some(Protocol::Grpc) => FRAME_HEADER + head + frames(GRPC_PREFIX + payload) + behind,
        }
    }

    fn on_the_wire(&self, bytes: u64) -> u64 {
        if self.protocol.is_some() { on_the_wire(bytes, self.tls) } else { bytes }
    }

    /// What is sent before the first request of a connection; `mutual` if the client shows a certificate.
    pub fn set_up(&self, mutual: bool) -> SetUp {
        let Some(protocol) = self.protocol else { return SetUp::default() };
        let (hello, server_flight, finished) = match self.tls {
            true => (CLIENT_HELLO, SERVER_FLIGHT, FINISHED + if mutual { CLIENT_CERTIFICATE } else { 0 }),
            false => (0, 0, 0),
        };
        let (begin, agree) = match protocol {
            Protocol::Http1 => (0, 0),
            Protocol::Http2 | Protocol::Grpc => (PREFACE + SETTINGS + FRAME_HEADER, SETTINGS + FRAME_HEADER),
        };
        SetUp {
            syn: SYN,
            syn_answer: SYN,
            hello: segments(hello),
            server_flight: segments(server_flight),
            last_out: SEGMENT_HEADERS + segments(finished) + records(begin, self.tls),
            last_back: records(agree, self.tls),
        }
    }
}

/// Text of HTTP/1.1, or HPACK.
fn head(protocol: Protocol, headers: &[Header<'_>]) -> Head {
    match protocol {
        Protocol::Http1 => {
            let text = headers.iter().map(Header::text).sum::<u64>();
            // The empty line.
            let whole = if headers.is_empty() { 0 } else { text + 2 };
            Head { first: whole, later: whole }
        }
        Protocol::Http2 | Protocol::Grpc => {
            Head { first: headers.iter().map(|h| hpack::first(h)).sum(), later: headers.iter().map(|h| hpack::later(h)).sum() }
        }
    }
}

/// A body in DATA frames; none without a body.
fn frames(bytes: u64) -> u64 {
    bytes + FRAME_HEADER * bytes.div_ceil(LARGEST_FRAME)
}

fn on_the_wire(bytes: u64, tls: bool) -> u64 {
    segments(if tls { bytes + TLS_RECORD * bytes.div_ceil(LARGEST_RECORD) } else { bytes })
}

fn records(bytes: u64, tls: bool) -> u64 {
    // Goes along with other data: no segment of its own.
    if tls && bytes > 0 { bytes + TLS_RECORD } else { bytes }
}

fn segments(bytes: u64) -> u64 {
    bytes + SEGMENT_HEADERS * bytes.div_ceil(LARGEST_SEGMENT)
}

fn digits(number: u64) -> u64 {
    u64::from(number.checked_ilog10().unwrap_or(0)) + 1
}

#[cfg(test)]
mod tests;
