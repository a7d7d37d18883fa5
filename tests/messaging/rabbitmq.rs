use crate::support::*;

fn rabbit(times: &str, publish: &str, queues: &str, consumers: &str, rest: &str) -> Ran {
    run(&shop(times, &format!("[{{publish: {{to: {publish}}}}}]"), &format!("brokers: {{b: {{kind: rabbitmq, queues: {{{queues}}}}}}}\nconsumers: {{{consumers}}}\n{rest}")))
}
fn look(what: &str, ran: &Ran, consumers: &[&str]) {
    println!("== {what}");
    for q in &ran.topology.brokers.queues { println!("  {}: {}", q.name, ran.counts(&q.name)); }
    println!("  {:?}", ran.told());
    for c in consumers { println!("  {c}: {:?}", ran.deliveries(c)); }
}
const W: &str = "w: {service: worker, from: b.q, steps: [{work: 100ms}]}";

#[test]
fn explore() {
    let r = rabbit("4x0s", "b.q", "q: {}", "w: {service: pair, from: b.q, prefetch: 1, steps: [{work: 100ms}]}", "");
    look("prefetch 1 pair", &r, &["w"]);
    let r = rabbit("1s", "b.q", "q: {preload: 10}", "w: {service: pair, from: b.q, steps: [{work: 100ms}]}", "");
    look("no prefetch", &r, &["w"]);
    println!("{:?} {:?}", r.depth("b.q", 100), r.queue("b.q").latency.max());
    let r = rabbit("1s", "b.q, confirm: true", "q: {}", W, "network: {default: {latency: 500us}}\nfaults: {p: {at: 0s, poisonMessage: {queue: b.q}}}");
    println!("== requeue {} {:?}", r.counts("b.q"), &r.deliveries("w")[..3]);
    let r = rabbit("1s", "b.q", "q: {}", "w: {service: worker, from: b.q, steps: [{work: 100ms}, {fail: {}}], onError: {nack: {requeue: false}}}", "");
    look("no requeue", &r, &["w"]);
    let r = rabbit("1s", "b.q", "q: {deadLetter: dead}, dead: {}", "w: {service: worker, from: b.q, steps: [{work: 100ms}, {fail: {}}], onError: {reject: {requeue: false}}}", "");
    look("dead", &r, &["w"]);
    let r = rabbit("1s+2s", "b.q", "q: {messageTtl: 5s, deadLetter: dead}, dead: {}", "", "");
    look("ttl", &r, &[]);
    let r = rabbit("1s+2s+3s", "b.q, confirm: true", "q: {maxLength: 2, deadLetter: dead}, dead: {}", "", "");
    look("drophead", &r, &[]);
    let r = rabbit("1s+2s+3s", "b.q, confirm: true", "q: {maxLength: 2, overflow: rejectPublish, deadLetter: dead}, dead: {}", "", "");
    look("reject publish", &r, &[]);
    let r = rabbit("1s+2s+3s", "b.q", "q: {maxLength: 2, overflow: rejectPublish, deadLetter: dead}, dead: {}", "", "expect: {l: lost(b) == 1}");
    look("reject publish forgotten", &r, &[]);
    println!("{:?}", r.verdicts());
    let r = rabbit("1s+2s+3s", "b.q, confirm: true", "q: {maxLength: 2, overflow: rejectPublishDlx, deadLetter: dead}, dead: {}", "", "");
    look("reject publish dlx", &r, &[]);
    let r = rabbit("1s", "b.q", "q: {type: quorum, deliveryLimit: 2, deadLetter: dead}, dead: {}", "w: {service: worker, from: b.q, steps: [{work: 100ms}, {fail: {}}]}", "");
    look("limit", &r, &["w"]);
    let r = rabbit("1s", "b.q", "q: {deadLetter: wait}, wait: {messageTtl: 5s, deadLetter: q}", "w: {service: worker, from: b.q, steps: [{work: 100ms}, {fail: {}}], onError: {reject: {requeue: false}}}", "");
    look("delayed retry", &r, &["w"]);
    let r = rabbit("1s", "b.q", "q: {messageTtl: 5s, deadLetter: r}, r: {messageTtl: 5s, deadLetter: q}", "", "");
    look("cycle", &r, &[]);
    let r = rabbit("1s+2s+2s+2s", "b.q", "q: {}", "hi: {service: worker, from: b.q, priority: 5, prefetch: 1, steps: [{work: 100ms}]}, lo: {service: pair, from: b.q, prefetch: 1, steps: [{work: 100ms}]}", "");
    look("prio", &r, &["hi", "lo"]);
    let r = rabbit("1s+1050ms+2s+3s+4s+12s", "b.q", "q: {singleActiveConsumer: true}", "w: {service: pair, from: b.q, prefetch: 1, steps: [{work: 100ms}]}", "faults: {down: {at: 2050ms, for: 5s, crash: {service: pair, replica: [0]}}}");
    look("single active", &r, &["w"]);
    let r = rabbit("3x1s", "b.q", "q: {}", "w: {service: worker, from: b.q, autoAck: true, steps: [{work: 100ms}]}", "faults: {down: {at: 1150ms, for: 1s, crash: {service: worker}}}");
    look("autoack", &r, &["w"]);
    let r = rabbit("3x1s", "b.q", "q: {}", W, "faults: {down: {at: 1150ms, for: 1s, crash: {service: worker}}}");
    look("crash", &r, &["w"]);
    let r = rabbit("1s", "b.q", "q: {}", "w: {service: worker, from: b.q, steps: [{work: 100ms}]}", "network: {default: {latency: 10ms}}\nfaults: {down: {at: 1125ms, for: 1s, crash: {service: worker}}}");
    look("crash after handling", &r, &["w"]);
    for (durable, persistent) in [(true, true), (true, false), (false, true)] {
        let r = run(&shop("1s", &format!("[{{publish: {{to: b.q, confirm: true, persistent: {persistent}}}}}]"), &format!("brokers: {{b: {{kind: rabbitmq, durable: {durable}, queues: {{q: {{}}}}}}}}\nfaults: {{down: {{at: 2s, for: 1s, brokerDown: {{broker: b}}}}}}")));
        look(&format!("restart {durable} {persistent}"), &r, &[]);
    }
    let r = run(&shop("1s+3s+5s+9s+11s", "[{publish: {to: b.q, confirm: true}}]", "brokers: {b: {kind: rabbitmq, nodes: 3, queues: {q: {type: quorum}}}}\nconsumers: {w: {service: worker, from: b.q, steps: [{work: 100ms}]}}\nfaults: {one: {at: 2s, for: 6s, brokerDown: {broker: b, node: [0]}}, two: {at: 4s, for: 4s, brokerDown: {broker: b, node: [1]}}}"));
    look("quorum", &r, &["w"]);
    let r = run(&shop("1s", "[{publish: {to: b, key: nobody, mandatory: true, confirm: true}}]", "brokers: {b: {kind: rabbitmq, queues: {q: {bind: [some]}}}}"));
    look("mandatory", &r, &["w"]);
    println!("{:?}", r.broker());
    let ask = |rest: &str| run(&shop("1s", "[{publish: {to: b.q, awaitReply: {timeout: 500ms}}}]", &format!("network: {{default: {{latency: 10ms}}}}\nbrokers: {{b: {{kind: rabbitmq, queues: {{q: {{}}}}}}}}\n{rest}")));
    let r = ask(&format!("consumers: {{{W}}}"));
    look("reply", &r, &["w"]);
    let r = ask("consumers: {w: {service: worker, from: b.q, steps: [{work: 600ms}]}}");
    look("late reply", &r, &["w"]);
    println!("{:?}", r.broker());
    let r = ask(&format!("consumers: {{{W}}}\nfaults: {{down: {{at: 1050ms, for: 1s, crash: {{service: shop}}}}}}"));
    look("asker crashed", &r, &["w"]);
    println!("{:?}", r.broker());
    let r = rabbit("2x1s+2s+9s", "b.q", "q: {}", "w: {service: worker, from: b.q, prefetch: 1, steps: [{work: 100ms}]}", "faults: {cut: {at: 1050ms, for: 3s, partition: {from: b, to: worker, packets: drop}}}");
    look("partition drop", &r, &["w"]);
    let r = rabbit("2x1s+2s+9s", "b.q", "q: {}", "w: {service: worker, from: b.q, prefetch: 1, steps: [{work: 100ms}]}", "faults: {cut: {at: 1050ms, for: 3s, partition: {from: b, to: worker, packets: hold}}}");
    look("partition hold", &r, &["w"]);
    let r = run(&shop("1s+7001ms", "[{publish: {to: b.q, confirm: true}}]", "brokers: {b: {kind: rabbitmq, connect: 100ms, workers: 1, queues: {q: {}}}}\nconsumers: {w: {service: trio, from: b.q, steps: [{work: 100ms}]}}\nfaults: {down: {at: 2s, for: 1s, brokerDown: {broker: b}}}"));
    look("storm", &r, &["w"]);
}
