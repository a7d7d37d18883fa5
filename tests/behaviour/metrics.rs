//! What a scraper reads of policies and messages: exactly what the run did until then.

#[path = "../common/scraped.rs"]
mod reader;

use crate::support::compiled;
use reader::Scraped;

fn scraped(yaml: &str) -> Scraped {
    reader::scraped(&compiled(yaml))
}

/// A client that calls `s.get` with a policy.
fn calling(at: &str, steps: &str, policy: &str) -> Scraped {
    scraped(&format!(
        "
duration: 60s
clients: {{c: {{target: s.get, arrivals: trace({at}.csv), policy: p}}}}
services:
  s: {{endpoints: {{get: {steps}}}}}
policies: {{p: {{{policy}}}}}"
    ))
}

const FAILS: &str = "[{fail: {}}]";

#[test]
fn calls_leave_a_retry_in_one_of_four_ways() {
    let retries = |at: &str, steps: &str, policy: &str| {
        let ran = calling(at, steps, policy);
        ["successful_without_retry", "successful_with_retry", "failed_with_retry", "failed_without_retry"]
            .map(|kind| ran.read("resilience4j_retry_calls_total", &format!("name=\"s\" kind=\"{kind}\"")).last().copied().unwrap_or(-1.0))
    };
    let three = "retry: {attempts: 3, backoff: {initial: 10ms}}";
    assert_eq!(retries("1s+2s", "[{work: 1ms}]", three), [2.0, 0.0, 0.0, 0.0]);
    assert_eq!(retries("1s+2s", FAILS, three), [0.0, 0.0, 2.0, 0.0]);
    let of_timeouts = "retry: {attempts: 3, on: [timeout], backoff: {initial: 10ms}}";
    assert_eq!(retries("1s+2s", FAILS, of_timeouts), [0.0, 0.0, 0.0, 2.0], "no reason to try again");
    // The bulkhead inside refuses the second, whose retry finds room.
    let room = "retry: {attempts: 3, on: [bulkheadFull], backoff: {initial: 100ms}}, bulkhead: {maxConcurrent: 1}";
    assert_eq!(retries("1s+1.01s", "[{work: 50ms}]", room), [1.0, 1.0, 0.0, 0.0]);
    // What the deadline outside gives up has not left the retry, and a fallback outside changes nothing of how it did.
    let given_up = "deadline: 120ms, retry: {attempts: 9, backoff: {initial: 50ms}}";
    assert_eq!(retries("1s", FAILS, given_up), [0.0, 0.0, 0.0, 0.0]);
    assert_eq!(retries("1s", FAILS, &format!("{three}, fallback: {{value: none}}")), [0.0, 0.0, 1.0, 0.0]);
    assert!(!calling("1s", FAILS, "timeout: 1s").has("resilience4j_retry_calls"));
}

#[test]
fn a_breakers_window_is_read_as_it_stands_and_an_open_one_keeps_what_opened_it() {
    let window = "circuitBreaker: {slidingWindow: {size: 10, minimumNumberOfCalls: 4, failureRateThreshold: 50%, waitDurationInOpenState: 15s, permittedNumberOfCallsInHalfOpenState: 2}}";
    let ran = calling("1s+2s+11s+12s+13s+35s", FAILS, window);
    let of = |figure: &str, labels: &str| ran.read(&format!("resilience4j_circuitbreaker_{figure}"), &format!("name=\"s\" {labels}"));
    // Scrapes at 0, 10, …, 60 s: it opens at 12 s, refuses at 13 s, and lets the call at 35 s through on trial.
    assert_eq!(of("failure_rate", ""), [-1.0, -1.0, 100.0, 100.0, -1.0, -1.0, -1.0]);
    assert_eq!(of("buffered_calls", "kind=\"failed\""), [0.0, 2.0, 4.0, 4.0, 1.0, 1.0, 1.0]);
    assert_eq!(of("buffered_calls", "kind=\"successful\""), [0.0; 7]);
    assert_eq!(of("max_buffered_calls", ""), [10.0, 10.0, 10.0, 10.0, 2.0, 2.0, 2.0]);
    assert_eq!(of("not_permitted_calls_total", ""), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(of("state", "state=\"open\""), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(of("state", "state=\"half_open\""), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn a_window_of_time_forgets_without_being_asked() {
    let window = "circuitBreaker: {slidingWindow: {type: time, size: 15, minimumNumberOfCalls: 2}}";
    let ran = calling("1s+2s+8s+40s", "[{work: 1ms}]", window);
    let of = |figure: &str, labels: &str| ran.read(&format!("resilience4j_circuitbreaker_{figure}"), labels);
    assert_eq!(of("buffered_calls", "kind=\"successful\"")[..5], [0.0, 3.0, 1.0, 0.0, 0.0]);
    assert_eq!(of("failure_rate", "name=\"s\"")[..5], [-1.0, 0.0, -1.0, -1.0, -1.0]);
    assert!(!ran.has("resilience4j_circuitbreaker_max_buffered_calls"), "any number of calls may come in 15 s");
    let in_a_row = calling("1s", FAILS, "circuitBreaker: {consecutiveFailures: 3}");
    assert!(in_a_row.has("resilience4j_circuitbreaker_state") && !in_a_row.has("resilience4j_circuitbreaker_failure_rate"));
}

#[test]
fn permits_of_a_bulkhead_are_read_while_they_are_taken() {
    let ran = calling("5s+6s+7s", "[{work: 10s}]", "bulkhead: {maxConcurrent: 2}");
    assert_eq!(ran.read("resilience4j_bulkhead_available_concurrent_calls", "name=\"s\"")[..4], [2.0, 0.0, 2.0, 2.0]);
    assert_eq!(ran.read("resilience4j_bulkhead_max_allowed_concurrent_calls", "name=\"s\"")[..2], [2.0, 2.0]);
}

#[test]
fn two_endpoints_that_share_a_breaker_are_one_instance_and_two_policies_are_two() {
    let ran = scraped(
        "
duration: 30s
clients: {c: {target: a.go, arrivals: trace(1s+2s+3s.csv)}}
services:
  a:
    replicas: 1
    endpoints: {go: [{call: s.get, policy: p}, {call: s.put, policy: p}, {call: s.get, policy: q}]}
  s: {endpoints: {get: [{work: 1ms}], put: [{work: 1ms}]}}
policies:
  p: {circuitBreaker: {slidingWindow: {minimumNumberOfCalls: 5}}}
  q: {circuitBreaker: {slidingWindow: {minimumNumberOfCalls: 5}}}",
    );
    let rate = |name: &str| ran.read("resilience4j_circuitbreaker_failure_rate", &format!("instance=\"a-0\" name=\"{name}\""));
    assert_eq!(rate("s (p)")[..2], [-1.0, 0.0], "six calls");
    assert_eq!(rate("s (q)")[..2], [-1.0, -1.0], "three");
}

#[test]
fn a_process_that_dies_takes_what_its_breaker_knew_with_it() {
    let ran = scraped(
        "
duration: 40s
clients: {c: {target: a.go, arrivals: trace(1s+2s+3s.csv)}}
services:
  a: {endpoints: {go: [{call: s.get, policy: p}]}}
  s: {endpoints: {get: [{work: 1ms}]}}
policies: {p: {circuitBreaker: {slidingWindow: {size: 10}}}}
faults: {f: {crash: {service: a, restart: after(1s)}, at: 15s}}",
    );
    let buffered = ran.read("resilience4j_circuitbreaker_buffered_calls", "kind=\"successful\"");
    assert_eq!(buffered[..4], [0.0, 3.0, 0.0, 0.0]);
}

#[test]
fn sizes_are_those_of_the_model_and_there_are_none_where_it_says_nothing() {
    let model = |sizes: &str, steps: &str| {
        scraped(&format!(
            "
duration: 20s
clients: {{c: {{target: s.get, arrivals: trace(1s+2s+3s.csv){sizes}}}}}
services: {{s: {{endpoints: {{get: {steps}}}}}}}"
        ))
    };
    let ran = model(", payload: 700B, response: 20kB", "[{work: 1ms}]");
    let read = |name: &str, more: &str| ran.read(&format!("istio_{name}"), &format!("reporter=\"source\" {more}")).last().copied();
    assert_eq!([read("request_bytes_sum", ""), read("request_bytes_count", "")], [Some(2100.0), Some(3.0)]);
    assert_eq!([read("request_bytes_bucket", "le=\"500\""), read("request_bytes_bucket", "le=\"1000\"")], [Some(0.0), Some(3.0)]);
    assert_eq!(read("response_bytes_sum", ""), Some(60_000.0));
    let failed = model(", payload: 700B, response: 20kB", FAILS);
    assert_eq!(failed.read("istio_response_bytes_sum", "reporter=\"source\"").last(), Some(&0.0), "a failure has no body");
    assert!(!model("", "[{work: 1ms}]").has("istio_request_bytes"));
    assert!(!model(", payload: \"uniform(1B, 9B)\"", "[{work: 1ms}]").has("istio_request_bytes"), "drawn sizes are not told");
}
