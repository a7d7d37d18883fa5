//! Retry conditions: which endings of an attempt are worth another one (Envoy `retry_state_impl.cc`), and how Istio reads
//! them (`route/retry/retry.go`).

use crate::base::diagnostic::nearest;
use crate::base::outcome::{Class, Flag, Outcome};
use crate::policy::error::{PolicyError, require};

/// How an attempt ended, as the router sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptResult {
    /// Response headers came.
    Response(Response),
    /// The connection was refused, or not there in time.
    ConnectFailure,
    /// HTTP/2's REFUSED_STREAM: the server says that it has done nothing.
    RefusedStream,
    /// Ended before response headers.
    Reset {
        by: ResetBy,
        request_sent: bool,
    },
    PerTryTimeout,
    /// The route's timeout: it ends the request, not only the attempt.
    GlobalTimeout,
    /// A limit of the cluster was reached.
    Overflow,
    /// There was no host to choose.
    NoHost,
    /// The caller has gone.
    DownstreamGone,
}

/// What the headers of a response tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Response {
    pub status: u16,
    /// `grpc-status`, if it is in the headers, as it is in a response without a body; one in trailers comes too late.
    pub grpc_status: Option<u8>,
    /// It has `x-envoy-ratelimited`.
    pub rate_limited: bool,
    /// It has a header that the policy lists.
    pub retriable_header: bool,
}

/// Who ended a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetBy {
    /// The connection was closed by the upstream.
    ConnectionClosed,
    /// The upstream reset the stream.
    Remote,
    /// This proxy did.
    Local,
    /// This proxy did, since what came was no HTTP.
    ProtocolError,
}

impl Response {
    pub fn status(status: u16) -> Response {
        Response { status, grpc_status: None, rate_limited: false, retriable_header: false }
    }

    /// A gRPC response that consists of its headers.
    pub fn grpc(code: u8) -> Response {
        Response { grpc_status: Some(code), ..Response::status(200) }
    }
}

/// Declares the tokens with their words, in the order in which errors list them.
macro_rules! tokens {
    ($($token:ident = $word:literal),* $(,)?) => {
        /// A word of `retryOn`.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Token { $($token),* }

        impl Token {
            pub const ALL: &[Token] = &[$(Token::$token),*];

            pub fn word(self) -> &'static str {
                match self { $(Token::$token => $word),* }
            }
        }
    };
}

tokens! {
    FiveXx = "5xx",
    GatewayError = "gateway-error",
    Reset = "reset",
    ResetBeforeRequest = "reset-before-request",
    ConnectFailure = "connect-failure",
    Retriable4xx = "retriable-4xx",
    RefusedStream = "refused-stream",
    RetriableStatusCodes = "retriable-status-codes",
    RetriableHeaders = "retriable-headers",
    EnvoyRatelimited = "envoy-ratelimited",
    Http3PostConnectFailure = "http3-post-connect-failure",
    Cancelled = "cancelled",
    DeadlineExceeded = "deadline-exceeded",
    Internal = "internal",
    ResourceExhausted = "resource-exhausted",
    Unavailable = "unavailable",
}

/// A set of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens(u16);

impl Tokens {
    pub fn of(tokens: &[Token]) -> Tokens {
        Tokens(tokens.iter().fold(0, |set, token| set | 1 << *token as u8))
    }

    pub fn contains(self, token: Token) -> bool {
        self.0 >> token as u8 & 1 == 1
    }

    pub fn meets(self, other: Tokens) -> bool {
        self.0 & other.0 != 0
    }

    fn when(self, holds: bool, token: Token) -> Tokens {
        if holds { Tokens(self.0 | Tokens::of(&[token]).0) } else { self }
    }
}

/// As in `retryOn`.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = Token::ALL.iter().filter(|token| self.contains(**token)).map(|token| token.word()).collect();
        f.write_str(&words.join(","))
    }
}

/// On what to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOn {
    pub tokens: Tokens,
    /// For `retriable-status-codes`.
    pub codes: Vec<u16>,
}

/// A `retryOn` that was understood, and what Istio's validation would not let pass although its translation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub on: RetryOn,
    pub tolerated: Vec<PolicyError>,
}

impl RetryOn {
    /// Istio's default: what has certainly not been processed, and gRPC's wish to be called again.
    pub fn istio(retry_503: bool) -> RetryOn {
        let tokens = [Token::ConnectFailure, Token::RefusedStream, Token::Unavailable, Token::Cancelled, Token::RetriableStatusCodes];
        RetryOn { tokens: Tokens::of(&tokens), codes: if retry_503 { vec![503] } else { Vec::new() } }
    }

    /// What a Gateway API `retry` with these codes becomes.
    pub fn gateway_api(codes: &[u16]) -> RetryOn {
        let tokens = Tokens::of(&[Token::ConnectFailure, Token::RefusedStream, Token::Unavailable, Token::Cancelled]);
        RetryOn { tokens: tokens.when(!codes.is_empty(), Token::RetriableStatusCodes), codes: codes.to_vec() }
    }

    /// Reads `retryOn`: words and status codes with commas between them.
    pub fn parse(text: &str) -> Result<Read, PolicyError> {
        let mut on = RetryOn { tokens: Tokens::default(), codes: Vec::new() };
        let mut tolerated = Vec::new();
        for written in text.split(',') {
            let word = written.trim();
            if word != written || word.is_empty() {
                let problem = if word.is_empty() { "has an empty entry" } else { "has blanks beside a comma" };
                tolerated.push(PolicyError::new("retryOn", format!("{problem}, which Istio's validation refuses")));
            }
            if word.is_empty() {
                continue;
            }
            match word.parse::<u16>() {
                Ok(code) => {
                    require(is_known_status(code), "retryOn", || format!("has {code}, which is no status of HTTP"))?;
                    on.codes.push(code);
                }
                Err(_) => on.tokens = on.tokens.when(true, token(word)?),
            }
        }
        on.tokens = on.tokens.when(!on.codes.is_empty(), Token::RetriableStatusCodes);
        Ok(Read { on, tolerated })
    }

    /// Whether an attempt that ended so is worth another one.
    #[inline]
    pub fn wants(&self, result: AttemptResult) -> bool {
        self.tokens.meets(result.tokens(&self.codes))
    }
}

fn token(word: &str) -> Result<Token, PolicyError> {
    if let Some(token) = Token::ALL.iter().find(|token| token.word() == word) {
        return Ok(*token);
    }
    let words = Token::ALL.iter().map(|token| token.word());
    let advice = match nearest(word, words.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", words.collect::<Vec<_>>().join(", ")),
    };
    Err(PolicyError::new("retryOn", format!("has `{word}`, which is no condition of Envoy's: {advice}")))
}

/// The statuses that Go's `net/http` has a text for, since Istio asks it.
fn is_known_status(code: u16) -> bool {
    matches!(code, 100..=103 | 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=418 | 421..=426 | 428 | 429 | 431 | 451 | 500..=508 | 510 | 511)
}

impl AttemptResult {
    /// The tokens that an attempt which ended so meets, with these retriable status codes.
    pub fn tokens(self, codes: &[u16]) -> Tokens {
        const RESET: [Token; 3] = [Token::Reset, Token::FiveXx, Token::GatewayError];
        match self {
            AttemptResult::Response(response) => response.tokens(codes),
            AttemptResult::ConnectFailure => Tokens::of(&RESET).when(true, Token::ConnectFailure).when(true, Token::ResetBeforeRequest),
            AttemptResult::RefusedStream => Tokens::of(&RESET).when(true, Token::RefusedStream),
            AttemptResult::Reset { request_sent, .. } => Tokens::of(&RESET).when(!request_sent, Token::ResetBeforeRequest),
            AttemptResult::PerTryTimeout => Tokens::of(&RESET),
            AttemptResult::GlobalTimeout | AttemptResult::Overflow | AttemptResult::NoHost | AttemptResult::DownstreamGone => {
                Tokens::default()
            }
        }
    }

    /// What the caller sees if this was the last attempt.
    pub fn outcome(self) -> Outcome {
        match self {
            AttemptResult::Response(response) => Outcome::answered(response.status),
            AttemptResult::ConnectFailure => Outcome::CONNECT_FAILURE,
            AttemptResult::RefusedStream => Outcome::new(503, Class::Reset, Flag::UR),
            AttemptResult::Reset { by, .. } => match by {
                ResetBy::ConnectionClosed => Outcome::RESET,
                ResetBy::Remote => Outcome::new(503, Class::Reset, Flag::UR),
                ResetBy::Local => Outcome::new(503, Class::Reset, Flag::LR),
                ResetBy::ProtocolError => Outcome::new(502, Class::Reset, Flag::UPE),
            },
            AttemptResult::PerTryTimeout => Outcome::TIMEOUT,
            AttemptResult::GlobalTimeout => Outcome::DEADLINE,
            AttemptResult::Overflow => Outcome::BULKHEAD_FULL,
            AttemptResult::NoHost => Outcome::new(503, Class::ConnectFailure, Flag::UH),
            AttemptResult::DownstreamGone => Outcome::GIVEN_UP,
        }
    }
}

impl Response {
    fn tokens(self, codes: &[u16]) -> Tokens {
        if self.rate_limited {
            // Another Envoy has refused it on purpose: nothing but the word for that retries it.
            return Tokens::of(&[Token::EnvoyRatelimited]);
        }
        Tokens::default()
            .when((500..600).contains(&self.status), Token::FiveXx)
            .when((502..=504).contains(&self.status), Token::GatewayError)
            .when(self.status == 409, Token::Retriable4xx)
            .when(codes.contains(&self.status), Token::RetriableStatusCodes)
            .when(self.retriable_header, Token::RetriableHeaders)
            .when(self.grpc_status == Some(1), Token::Cancelled)
            .when(self.grpc_status == Some(4), Token::DeadlineExceeded)
            .when(self.grpc_status == Some(8), Token::ResourceExhausted)
            .when(self.grpc_status == Some(13), Token::Internal)
            .when(self.grpc_status == Some(14), Token::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> AttemptResult {
        AttemptResult::Response(Response::status(status))
    }

    fn reset(by: ResetBy, request_sent: bool) -> AttemptResult {
        AttemptResult::Reset { by, request_sent }
    }

    #[test]
    fn each_ending_meets_its_tokens_and_no_others() {
        let limited = |status| AttemptResult::Response(Response { rate_limited: true, ..Response::status(status) });
        let header = AttemptResult::Response(Response { retriable_header: true, ..Response::status(200) });
        let grpc = |code| AttemptResult::Response(Response::grpc(code));
        for (result, tokens) in [
            (status(500), "5xx"),
            (status(599), "5xx"),
            (status(501), "5xx"),
            (status(502), "5xx,gateway-error"),
            (status(503), "5xx,gateway-error"),
            (status(504), "5xx,gateway-error,retriable-status-codes"),
            (status(418), "retriable-status-codes"),
            (status(409), "retriable-4xx"),
            (status(404), ""),
            (status(200), ""),
            (header, "retriable-headers"),
            (grpc(0), ""),
            (grpc(1), "cancelled"),
            (grpc(4), "deadline-exceeded"),
            (grpc(13), "internal"),
            (grpc(8), "resource-exhausted"),
            (grpc(14), "unavailable"),
            (grpc(2), ""),
            (limited(503), "envoy-ratelimited"),
            (limited(504), "envoy-ratelimited"),
            (AttemptResult::ConnectFailure, "5xx,gateway-error,reset,reset-before-request,connect-failure"),
            (AttemptResult::RefusedStream, "5xx,gateway-error,reset,refused-stream"),
            (reset(ResetBy::ConnectionClosed, true), "5xx,gateway-error,reset"),
            (reset(ResetBy::ConnectionClosed, false), "5xx,gateway-error,reset,reset-before-request"),
            (reset(ResetBy::ProtocolError, true), "5xx,gateway-error,reset"),
            (AttemptResult::PerTryTimeout, "5xx,gateway-error,reset"),
            (AttemptResult::Overflow, ""),
            (AttemptResult::NoHost, ""),
            (AttemptResult::GlobalTimeout, ""),
            (AttemptResult::DownstreamGone, ""),
        ] {
            assert_eq!(format!("{:?}", result.tokens(&[418, 504])), tokens, "{result:?}");
        }
    }

    #[test]
    fn each_ending_is_told_to_the_caller_as_envoy_does() {
        for (result, told) in [
            (status(200), "200"),
            (status(503), "503"),
            (AttemptResult::ConnectFailure, "503 UF"),
            (reset(ResetBy::ConnectionClosed, true), "503 UC"),
            (reset(ResetBy::Remote, true), "503 UR"),
            (AttemptResult::RefusedStream, "503 UR"),
            (reset(ResetBy::Local, true), "503 LR"),
            (reset(ResetBy::ProtocolError, true), "502 UPE"),
            (AttemptResult::Overflow, "503 UO"),
            (AttemptResult::NoHost, "503 UH"),
            (AttemptResult::GlobalTimeout, "504 UT"),
            (AttemptResult::PerTryTimeout, "504 UT"),
            (AttemptResult::DownstreamGone, "499 DC"),
        ] {
            assert_eq!(result.outcome().to_string(), told, "{result:?}");
        }
    }

    #[test]
    fn words_and_codes_are_told_apart() {
        for (text, tokens, codes) in [
            ("503", "retriable-status-codes", &[503][..]),
            ("503,connect-failure,418", "connect-failure,retriable-status-codes", &[503, 418]),
            ("5xx", "5xx", &[]),
            ("retriable-status-codes", "retriable-status-codes", &[]),
            ("gateway-error,reset,retriable-4xx", "gateway-error,reset,retriable-4xx", &[]),
        ] {
            let read = RetryOn::parse(text).unwrap();
            assert_eq!((format!("{:?}", read.on.tokens).as_str(), read.on.codes.as_slice()), (tokens, codes), "{text}");
            assert_eq!(read.tolerated, []);
        }
        for token in Token::ALL {
            assert_eq!(RetryOn::parse(token.word()).unwrap().on.tokens, Tokens::of(&[*token]));
        }
    }

    #[test]
    fn codes_alone_replace_the_default_and_with_it_connect_failures() {
        let on = RetryOn::parse("503").unwrap().on;
        assert!(on.wants(status(503)) && !on.wants(status(502)));
        assert!(!on.wants(AttemptResult::ConnectFailure));
    }

    #[test]
    fn blanks_are_tolerated_and_told() {
        let read = RetryOn::parse("5xx, reset,").unwrap();
        assert_eq!(read.on.tokens, Tokens::of(&[Token::FiveXx, Token::Reset]));
        let told: Vec<String> = read.tolerated.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`retryOn` has blanks beside a comma, which Istio's validation refuses",
                "`retryOn` has an empty entry, which Istio's validation refuses"
            ]
        );
    }

    #[test]
    fn unknown_words_and_codes_are_refused_with_the_nearest_word() {
        for (text, message) in [
            ("5xx,conect-failure", "`retryOn` has `conect-failure`, which is no condition of Envoy's: did you mean `connect-failure`?"),
            ("gateway-errors", "`retryOn` has `gateway-errors`, which is no condition of Envoy's: did you mean `gateway-error`?"),
            ("599", "`retryOn` has 599, which is no status of HTTP"),
            ("0", "`retryOn` has 0, which is no status of HTTP"),
        ] {
            assert_eq!(RetryOn::parse(text).unwrap_err().to_string(), message);
        }
        let refused = RetryOn::parse("%").unwrap_err().to_string();
        assert!(refused.contains("there are 5xx, gateway-error, reset,"), "{refused}");
    }

    #[test]
    fn defaults_retry_what_was_not_processed() {
        for (result, before_1_24, now) in [
            (status(503), true, false),
            (status(500), false, false),
            (AttemptResult::ConnectFailure, true, true),
            (AttemptResult::RefusedStream, true, true),
            (AttemptResult::Response(Response::grpc(14)), true, true),
            (AttemptResult::Response(Response::grpc(13)), false, false),
            (AttemptResult::PerTryTimeout, false, false),
            (reset(ResetBy::ConnectionClosed, false), false, false),
        ] {
            assert_eq!((RetryOn::istio(true).wants(result), RetryOn::istio(false).wants(result)), (before_1_24, now), "{result:?}");
        }
        assert!(RetryOn::gateway_api(&[500]).wants(status(500)) && !RetryOn::gateway_api(&[]).wants(status(500)));
    }
}
