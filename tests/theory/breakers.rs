//! Circuit breakers under independent failures: how soon they open, and how often without need.

use crate::common::run_yaml;
use crate::replicate::{absolute, relative};

promises! {
    /// F01: until n failures in a row, (1 - p^n) / (p^n (1 - p)) calls are made. Each of 2000 callers has its own breaker;
    /// 5 % are four standard errors at p = 1/2.
    fn a_breaker_of_five_failures_in_a_row_opens_after_the_known_number_of_calls() {
        for (failure, calls, exact) in [(100, 10, 5.0), (90, 100, 6.935_088), (70, 250, 16.499_673), (50, 900, 62.0)] {
            // Closed users, so that every caller makes as many calls: one a second.
            let (_, recording, _) = run_yaml(
                &format!(
                    "
duration: {calls}.5s
window: 1000s
clients: {{users: {{target: server.get, users: 2000, instances: 2000, thinkTime: 1s, policy: guarded}}}}
policies: {{guarded: {{circuitBreaker: {{consecutiveFailures: 5, openFor: 10h}}}}}}
services: {{server: {{endpoints: {{get: [{{fail: {{share: {failure}%}}}}]}}}}}}"
                ),
                1,
            );
            let edge = &recording.edges[0];
            assert_eq!(edge.calls, 2000 * calls);
            // One caller in a million is not through by then at p = 1/2.
            assert_eq!(edge.breaker_opened, 2000, "at {failure} %");
            relative("calls until it opens", edge.attempts as f64 / 2000.0, exact, if failure == 100 { 0.0 } else { 0.05 });
        }
    }

    /// F03: the share of callers whose first full window has at least half failures: a binomial tail. Of 10 000 callers; 0.01
    /// is more than two standard errors.
    fn a_breaker_with_a_window_of_calls_trips_by_chance_as_often_as_it_should() {
        for (window, failure, exact) in [(100, 45, 0.182_728), (100, 50, 0.539_795), (20, 30, 0.047_962)] {
            let (_, recording, _) = run_yaml(
                &format!(
                    "
duration: {window}.5s
window: 1000s
clients: {{users: {{target: server.get, users: 10000, instances: 10000, thinkTime: 1s, policy: guarded}}}}
policies:
  guarded: {{circuitBreaker: {{slidingWindow: {{size: {window}, minimumNumberOfCalls: {window}, failureRateThreshold: 50%}}}}}}
services: {{server: {{endpoints: {{get: [{{fail: {{share: {failure}%}}}}]}}}}}}"
                ),
                1,
            );
            assert_eq!(recording.edges[0].calls, 10_000 * window);
            absolute("P(opens)", recording.edges[0].breaker_opened as f64 / 10_000.0, exact, 0.01);
        }
    }
}
