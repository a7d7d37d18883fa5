use crate::support::*;
#[test]
fn look_at_files() {
    let Some(dir) = std::env::var_os("LOOK") else { return };
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for f in files {
        let yaml = std::fs::read_to_string(&f).unwrap();
        println!("== {}", f.display());
        if f.to_string_lossy().contains("refused") { 
            match std::panic::catch_unwind(|| refused(&yaml)) { Ok(r) => println!("  {r:?}"), Err(_) => println!("  NOT REFUSED") }
            continue;
        }
        let Ok(ran) = std::panic::catch_unwind(|| run(&yaml)) else { println!("  PANIC"); continue };
        for q in &ran.topology.brokers.queues { println!("  {}: {}", q.name, ran.counts(&q.name)); }
        let t = ran.told();
        println!("  {:?}", &t[..t.len().min(14)]);
        for c in &ran.topology.brokers.consumers { let d = ran.deliveries(&c.name); println!("  {}: {} {:?}", c.name, d.len(), &d[..d.len().min(16)]); }
        println!("  {:?}", ran.recording.brokers);
        for (n, c) in ran.summary.calls.iter() { println!("  {n}: {} {:?} {:?}", c.calls, c.outcomes.iter().map(|(o, n)| format!("{o}: {n}")).collect::<Vec<_>>(), c.latency.max); }
        for v in ran.verdicts() { println!("  {:?}", v); }
    }
}
