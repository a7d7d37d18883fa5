//! What expectations read as, and what is said of those that do not.

use super::*;
use crate::base::cases::cases;
use proptest::prelude::*;

#[test]
fn expectations_of_the_language_read() {
    let parsed = Expectation::parse("successRate(shoppers) >= 99% during 0s..60s").unwrap();
    assert_eq!(parsed.metric, Metric::SuccessRate);
    assert_eq!(parsed.selector, Selector::Name("shoppers".into()));
    assert_eq!(parsed.comparison, Some(Comparison { op: Op::GreaterOrEqual, value: Value::Share(Share::percent(99.0)) }));
    assert_eq!(parsed.range, Range::During { from: Duration::ZERO, to: Duration::from_secs(60) });

    let parsed = Expectation::parse("recovers(shoppers, within: 30s, after: slow-db)").unwrap();
    assert_eq!((parsed.within, parsed.after.as_deref()), (Some(Duration::from_secs(30)), Some("slow-db")));

    let parsed = Expectation::parse("amplification(gateway.checkout->orders.place)<1.5").unwrap();
    assert_eq!(parsed.selector, Selector::Edge { from: "gateway.checkout".into(), to: "orders.place".into() });

    for text in ["p99(shoppers) < 800ms while slow-db", "blastRadius() < 50%", "degraded(shoppers) == 0", "goodput(x) > 150/s after f"] {
        assert_eq!(Expectation::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn the_table_of_metrics_is_in_the_order_of_the_type() {
    for (index, (name, metric, _)) in METRICS.iter().enumerate() {
        assert_eq!((*metric as usize, metric.name()), (index, *name));
    }
    for (_, metric, _) in METRICS {
        assert!(Expectation::parse(example(metric)).is_ok(), "{metric:?}");
    }
}

#[test]
fn nonsense_is_refused_with_a_place_and_a_way_out() {
    for (text, message, at) in [
        ("p98(shoppers) < 1s", "there is no metric `p98`: did you mean `p90`?", 0),
        ("sucessRate(shoppers) >= 99%", "there is no metric `sucessRate`: did you mean `successRate`?", 0),
        ("p99(shoppers) < 800", "`800` has no unit: write `800s` or `800ms`", 16),
        ("successRate(shoppers) > 0.99", "`0.99` has no unit: write `99%` (or `0.99%` if that was meant)", 24),
        ("successRate(shoppers) 99%", "one of < <= == != >= > is due here, found `99%`: write it like `successRate(shoppers) >= 99%`", 22),
        ("p99 shoppers < 1s", "`(` is due here, found `shoppers < 1s`: write it like `p99(shoppers) < 800ms`", 4),
        ("p99(shoppers) < 1s before x", "`during FROM..TO`, `after FAULT`, `while FAULT` or nothing is due here, found `before x`", 19),
        ("p99(shoppers) < 1s during 9s..3s", "the range ends before it begins, at 9s", 30),
        (
            "drains(order-events.billing)",
            "`drains` needs `within` and `after`: write it like `drains(order-events.billing, within: 60s, after: slow-db)`",
            0,
        ),
        (
            "amplification(orders) < 2",
            "amplification is of a call, from caller to callee: write it like `amplification(gateway.checkout -> orders.place) < 1.5`",
            14,
        ),
        ("", "a metric is due here, the text ends: write it like `p99(shoppers) < 800ms`", 0),
    ] {
        let error = Expectation::parse(text).unwrap_err();
        assert_eq!((error.message.as_str(), error.at), (message, at), "{text}");
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_text_panics(text in "(p99|recovers|amplification)?[a-z(),:<>=. 0-9%µ-]{0,30}") {
        let _ = Expectation::parse(&text);
    }
}
