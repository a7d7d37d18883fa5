//! The formulas against figures that were reckoned elsewhere, with other tools and to more digits.

use super::amplification;
use super::choices::Supermarket;
use super::closed_loop::{machine_repair, mean_value_analysis, throughput_bound};
use super::erlang::{erlang_b, erlang_c};
use super::general_arrivals::GiM1;
use super::general_service::{Md1, Mg1};
use super::many_servers::{Mmc, Mmck};
use super::networks::{ForkJoin, Jackson, Tandem, hypoexponential_tail};
use super::patience::{ErlangA, ImpatientMm1};
use super::rate_limit;
use super::single_server::Mm1;
use crate::base::math;

#[track_caller]
fn close(what: &str, computed: f64, expected: f64) {
    let error = if expected == 0.0 { computed.abs() } else { (computed / expected - 1.0).abs() };
    assert!(error <= 1e-6, "{what}: {computed}, not {expected}");
}

/// A telling dozen, so that the formulas are judged wherever the tests run.
#[test]
fn known_figures() {
    let busy = Mm1 { arrival_rate: 0.8, service_rate: 1.0 };
    let ten = Mmc { arrival_rate: 8.0, service_rate: 1.0, servers: 10 };
    let bounded = |room, arrival_rate| Mmck { arrival_rate, service_rate: 1.0, servers: 1, room };
    let lifo = Mm1 { arrival_rate: 1.2, service_rate: 1.0 };
    for (what, computed, expected) in [
        ("M/M/1 response p99", busy.response_quantile(0.99), 23.025_850_93),
        ("M/M/1 wait p95", busy.wait_quantile(0.95), 13.862_943_61),
        ("M/M/10 P(wait)", ten.waiting_share(), 0.409_180_150_8),
        ("M/M/10 response p99", ten.response_quantile(0.99), 4.946_111_328),
        ("Erlang B, 10 servers", erlang_b(10, 8.0), 0.121_661_064_3),
        ("shared pool of 40 with a slow dependency", erlang_b(40, 66.0), 0.413_907_887_7),
        ("M/M/1/10 blocking", bounded(10, 1.2).blocking(), 0.192_586_495_1),
        ("goodput of a queue of 20 in overload", bounded(20, 1.2).goodput_within(10.0), 0.169_694_022_8),
        ("goodput of a queue of 200 in overload", bounded(200, 2.0).goodput_within(10.0), 1.370_648_101e-56),
        ("goodput of LIFO in overload", lifo.lifo_goodput_within(5.0), 0.784_178_490_2),
        ("M/G/1 lognormal wait", Mg1::lognormal(0.8, 1.0, 4.0).mean_wait(), 10.0),
        ("M/D/1 wait p99", Md1 { arrival_rate: 0.9, service_time: 1.0 }.wait_quantile(0.99), 21.898_237_35),
        ("D/M/1 wait", GiM1::constant(0.8, 1.0).mean_wait(), 1.692_730_84),
        (
            "Erlang-A abandonment",
            ErlangA { arrival_rate: 100.0, service_rate: 1.0, abandonment_rate: 0.2, servers: 100 }.abandoned(),
            0.024_646_944_53,
        ),
        ("M/M/1+D abandonment", ImpatientMm1 { arrival_rate: 0.8, service_rate: 1.0, patience: 2.0 }.abandoned(), 0.187_832_074_4),
        ("tandem response p99", Tandem { arrival_rate: 0.8, service_rates: vec![1.0, 1.25, 2.0] }.response_quantile(0.99), 26.872_809_39),
        ("closed loop throughput", mean_value_analysis(50, 10.0, &[0.25]).throughput, 3.925_237_316),
        ("power of two choices", Supermarket { utilization: 0.9, choices: 2 }.mean_response(), 2.614_057_377),
        ("token bucket", rate_limit::accepted(1.2, 1.0, 10), 0.829_089_231_5),
        ("3 layers of 4 attempts", amplification::layered(0.9, &[4, 4, 4]), 9.988_209_815),
    ] {
        close(what, computed, expected);
    }
    assert_eq!(amplification::worst_case(&[4, 4, 4]), 64);
    assert_eq!(amplification::layered(1.0, &[3; 5]), 243.0);
}

#[test]
fn formulas_agree_where_systems_do() {
    let one = Mm1 { arrival_rate: 0.7, service_rate: 1.3 };
    let c = Mmc { arrival_rate: 0.7, service_rate: 1.3, servers: 1 };
    close("M/M/1 = M/M/c", c.response_quantile(0.9), one.response_quantile(0.9));
    let exponential = GiM1::new(0.7, 1.3, |s| 0.7 / (0.7 + s));
    close("M/M/1 = GI/M/1", exponential.mean_wait(), one.mean_wait());
    close("one phase", GiM1::erlang(1, 0.7, 1.3).mean_wait(), one.mean_wait());
    let exponential = Mg1 { arrival_rate: 0.7, moments: [1.0 / 1.3, 2.0 / 1.3 / 1.3, 6.0 / 1.3 / 1.3 / 1.3] };
    close("M/M/1 = M/G/1", exponential.wait_deviation(), one.wait_deviation());
    let patient = ImpatientMm1 { arrival_rate: 0.7, service_rate: 1.3, patience: 1e3 };
    close("M/M/1 = M/M/1+D", patient.utilization(), one.utilization());
    let loss = Mmck { arrival_rate: 8.0, service_rate: 1.0, servers: 10, room: 10 };
    close("Erlang B = M/M/c/c", loss.blocking(), erlang_b(10, 8.0));
    let roomy = Mmck { arrival_rate: 8.0, service_rate: 1.0, servers: 10, room: 400 };
    close("Erlang C = M/M/c/K", roomy.waiting_share(), erlang_c(10, 8.0));
    let mva = mean_value_analysis(20, 3.0, &[0.2]);
    close("MVA = machine repair", machine_repair(20, 3.0, 1, 0.2).mean_response, mva.mean_response);
    let tandem = Jackson { arrivals: vec![0.8, 0.0], service_rates: vec![1.0, 1.5], routing: vec![vec![0.0, 1.0], vec![0.0, 0.0]] };
    let known = Tandem { arrival_rate: 0.8, service_rates: vec![1.0, 1.5] }.mean_response();
    close("Jackson = tandem", tandem.mean_response().unwrap(), known);
    close("equal phases", hypoexponential_tail(&[2.0, 2.0], 1.5), math::exp(-3.0) * 4.0);
    close("one choice", Supermarket { utilization: 0.9, choices: 1 }.at_least(3), 0.729);
}

#[test]
fn without_a_steady_state_waits_are_infinite() {
    let one = Mm1 { arrival_rate: 2.0, service_rate: 1.0 };
    let c = Mmc { arrival_rate: 2.0, service_rate: 1.0, servers: 2 };
    let tandem = Tandem { arrival_rate: 2.0, service_rates: vec![3.0, 1.0] };
    let trap = Jackson { arrivals: vec![1.0], service_rates: vec![9.0], routing: vec![vec![1.0]] };
    for wait in [
        one.mean_wait(),
        one.mean_response(),
        one.response_quantile(0.5),
        one.wait_quantile(0.5),
        one.wait_deviation(),
        one.lifo_wait_deviation(),
        one.lifo_wait_quantile(0.5),
        one.sharing_response_deviation(),
        c.mean_wait(),
        c.response_quantile(0.5),
        c.wait_quantile(0.5),
        Mg1::constant(1.0, 1.0).mean_wait(),
        Md1 { arrival_rate: 1.0, service_time: 1.0 }.wait_quantile(0.5),
        GiM1::constant(2.0, 1.0).mean_wait(),
        tandem.mean_response(),
        tandem.response_quantile(0.5),
        Supermarket { utilization: 1.0, choices: 2 }.mean_response(),
    ] {
        assert_eq!(wait, f64::INFINITY);
    }
    assert_eq!((one.timed_out(5.0), one.goodput_within(5.0)), (1.0, 0.0));
    assert_eq!(trap.flows(), None, "who enters never leaves");
    assert_eq!(rate_limit::accepted(2.0, 1.0, 1_000_000), 0.5, "a large bucket lets the rate through");
}

#[test]
fn idle_and_extreme_systems_are_no_trouble() {
    close("no arrivals", Mm1 { arrival_rate: 0.0, service_rate: 2.0 }.wait_quantile(0.99), 0.0);
    close("no load", Supermarket { utilization: 0.0, choices: 2 }.mean_response(), 1.0);
    close("no calls", rate_limit::accepted(0.0, 1.0, 5), 1.0);
    close("no tokens", rate_limit::accepted(1.0, 1.0, 0), 0.0);
    close("a bucket never empty", rate_limit::accepted(0.5, 1.0, 1_000_000), 1.0);
    close("a burst of a day", rate_limit::accepted(1.0, 1.0, 86_400), 1.0 - 1.0 / (2.0 * 86_400.0 - 1.0 / 3.0));
    close("a queue longer than numbers", Mmck { arrival_rate: 2.0, service_rate: 1.0, servers: 1, room: 5_000 }.blocking(), 0.5);
    close("ten thousand servers", erlang_b(10_000, 5_000.0), 0.0);
    close("1 - e^-1000 of the answers", Mm1 { arrival_rate: 1.0, service_rate: 1_001.0 }.goodput_within(1.0), 1.0);
    let slow_exit = Tandem { arrival_rate: 1.0, service_rates: vec![10_000.0, 2.0] };
    // Of Exp(1) after about 0.1 ms: ln 100, and that.
    close("the slow one decides", slow_exit.response_quantile(0.99), 4.605_170_186 + 1.0 / 9_999.0);
}

mod table;
