use brownout::model::spec::Model;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut src = brownout::model::source::Sources::new();
    let id = src.add(path.clone(), text.into_bytes()).unwrap_or_else(|d| panic!("{:?}", d.list));
    let mut v = brownout::model::yaml::read(&src, id).unwrap_or_else(|d| panic!("{:?}", d.list)).to_json();
    let o = v.as_object_mut().unwrap();
    o.remove("variants");
    o.remove("extends");
    let model: Model = serde_json::from_value(v).unwrap();
    let t = match brownout::topology::compile::compile(&model, &|f| Err(format!("no {f}"))) {
        Ok(t) => t,
        Err(d) => {
            for x in d.iter() {
                println!("{} {} at {:?} help {:?}", x.code, x.message, x.path, x.help);
            }
            return;
        }
    };
    for f in brownout::topology::check::check(&t) {
        println!("{:?} {} {} [{}] = {}", f.weight, f.code, f.message, f.path, f.help);
    }
    let r = match brownout::world::run(&t, model.seed, Default::default()) {
        Ok(r) => r,
        Err(s) => {
            println!("LIMIT {}", s.limit);
            *s.recording
        }
    };
    println!("events {} fp {:x} ended {}", r.events, r.fingerprint, r.ended);
    for (c, s) in r.clients.iter().zip(&t.clients) {
        println!(
            "client {} offered {} ok {} degraded {} failed {} mean {:?} p50 {:?} p99 {:?} {:?}",
            s.name,
            c.offered,
            c.ok,
            c.degraded,
            c.failed,
            c.latency.mean(),
            c.latency.quantile(0.5),
            c.latency.quantile(0.99),
            c.outcomes
        );
    }
    let secs = r.measured.as_secs_f64();
    for (c, s) in r.services.iter().zip(&t.services) {
        println!(
            "service {} req {} ok {} failed {} rej {} aband {} mean {:?} wait {:?} util {:.4} L {:.3} Lq {:.3} qmax {}",
            s.name,
            c.requests,
            c.ok,
            c.failed,
            c.rejected,
            c.abandoned,
            c.latency.mean(),
            c.wait.mean(),
            c.busy as f64 / c.alive as f64,
            c.present as f64 / 1e9 / secs,
            c.queued as f64 / 1e9 / secs,
            c.queue_max
        );
    }
    for (c, s) in r.edges.iter().zip(&t.edges) {
        println!(
            "edge {} calls {} att {} retr {} short {} fb {} opened {} {:?}",
            s.name, c.calls, c.attempts, c.retries, c.short_circuited, c.fallbacks, c.breaker_opened, c.outcomes
        );
    }
    for f in &r.faults {
        println!("fault {:?}", f);
    }
    for (i, e) in r.episodes.iter().enumerate() {
        if i < 60 {
            println!(
                "ep {} {:?} {:?} began {} last {} x{} because {} root {}",
                i + 1,
                e.place,
                e.trouble,
                e.began,
                e.last,
                e.count,
                e.because.0,
                e.root.0
            );
        }
    }
    for m in r.timeline.iter().take(30) {
        println!("{:?}", m);
    }
    println!("windows goodput: {:?}", r.clients[0].windows.iter().map(|w| w.ok + w.degraded).collect::<Vec<_>>());
}
