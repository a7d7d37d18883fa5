//! The gallery: every model in `models/` and each of its variants compiles, runs, gives the bytes of its golden summary, and
//! shows what its comment claims.
//!
//! Golden summaries are in `tests/golden/`. After a change that is meant to move figures, look at them again and write them with
//! `BROWNOUT_BLESS=1 cargo test --release --test models`.

mod messaging;
mod watching;

use brownout::analysis::summary::{CallSummary, Summary, summarize};
use brownout::base::math::exp;
use brownout::topology::Topology;
use brownout::topology::check::{Weight, check};
use brownout::{export, model, topology, world};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all models, sorted.
fn gallery() -> Vec<String> {
    let files = std::fs::read_dir(root().join("models")).expect("there are models");
    let paths = files.map(|file| file.expect("can be listed").path()).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    let mut names: Vec<String> = paths.map(|path| path.file_stem().expect("has a name").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A model with a variant applied, and the names of all its variants; panics with every problem.
fn compiled(name: &str, variant: Option<&str>, sets: &[&str]) -> (Topology, Vec<String>) {
    let directory = root().join("models");
    let load = |file: &str| std::fs::read(directory.join(file)).map_err(|error| error.to_string());
    let text = |file: &str| load(file).and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()));
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let read = model::read(&format!("{name}.yaml"), &load, &sets, variant);
    let mut loaded = read.unwrap_or_else(|refused| panic!("{name} {variant:?}: {:?}", refused.problems));
    let manifests = loaded.model.manifests.clone();
    let files = manifests.iter().map(|file| loaded.sources.add(file.as_str(), load(file).unwrap()).expect("it is text"));
    let files: Vec<_> = files.collect();
    let imported = brownout::import::read_changed(&loaded.sources, &files, &loaded.changes);
    assert!(!imported.problems.has_errors(), "{name} {variant:?}: {:?}", imported.problems);
    loaded.adopt(imported.mesh);
    let topology = topology::compile::compile(&loaded.model, &text);
    (topology.unwrap_or_else(|problems| panic!("{name} {variant:?}: {problems:?}")), loaded.variants)
}

fn run_with(name: &str, variant: Option<&str>, seed: Option<u64>, sets: &[&str]) -> Summary {
    let (topology, _) = compiled(name, variant, sets);
    let recording = world::run(&topology, seed.unwrap_or(topology.seed), world::Control::default());
    summarize(&topology, &recording.expect("no limit is reached"), variant)
}

fn run(name: &str, variant: Option<&str>) -> Summary {
    run_with(name, variant, None, &[])
}

/// The model as written, then its variants.
fn all_of(name: &str) -> Vec<Option<String>> {
    std::iter::once(None).chain(compiled(name, None, &[]).1.into_iter().map(Some)).collect()
}

fn passed(summary: &Summary, expectation: &str) -> bool {
    summary.expectations.get(expectation).unwrap_or_else(|| panic!("no expectation {expectation}")).passed
}

fn success(summary: &Summary, client: &str) -> f64 {
    summary.clients.get(client).and_then(|c| c.success_rate).expect("the client asked something")
}

/// What an expectation observed.
fn observed(summary: &Summary, expectation: &str) -> f64 {
    summary.expectations.get(expectation).and_then(|verdict| verdict.observed).unwrap_or_else(|| panic!("nothing observed: {expectation}"))
}

fn call<'s>(summary: &'s Summary, name: &str) -> &'s CallSummary {
    summary.calls.get(name).unwrap_or_else(|| panic!("no call {name}"))
}

/// The codes of what is said of a model before it runs.
fn findings(name: &str, variant: Option<&str>) -> Vec<&'static str> {
    check(&compiled(name, variant, &[]).0).iter().map(|finding| finding.code).collect()
}

fn recovered(summary: &Summary, fault: &str) -> Option<f64> {
    summary.faults.get(fault).expect("the fault is there").recovered
}

fn assert_near(what: &str, measured: f64, expected: f64, tolerance: f64) {
    assert!((measured - expected).abs() <= tolerance, "{what}: {measured} is not {expected} ± {tolerance}");
}

#[test]
fn every_model_has_a_comment_a_name_and_a_description() {
    assert!(gallery().len() >= 6, "{:?}", gallery());
    for name in gallery() {
        let text = std::fs::read_to_string(root().join("models").join(format!("{name}.yaml"))).expect("can be read");
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        for part in ["What it teaches.", "What to try:", "brownout compare"] {
            assert!(comment.iter().any(|line| line.contains(part)), "the comment of {name} has no `{part}`");
        }
        assert!(text.contains(&format!("\nname: {name}\n")), "{name} goes by another name");
        assert!(text.contains("\ndescription: "), "{name} has no description");
    }
}

#[test]
fn the_readme_knows_every_model() {
    let readme = std::fs::read_to_string(root().join("models/README.md")).expect("models/README.md is there");
    for name in gallery() {
        assert!(readme.contains(&format!("[{name}]({name}.yaml)")), "models/README.md does not name {name}");
    }
}

#[test]
fn every_variant_compiles_without_errors() {
    for name in gallery() {
        for variant in all_of(&name) {
            let (topology, _) = compiled(&name, variant.as_deref(), &[]);
            let errors: Vec<_> = check(&topology).into_iter().filter(|f| f.weight == Weight::Error).collect();
            assert!(errors.is_empty(), "{name} {variant:?}: {errors:?}");
        }
    }
}

/// Figures of rare things differ between a debug and a release build of nothing: the bytes are the same everywhere.
#[test]
fn every_variant_gives_its_golden_summary() {
    let golden = root().join("tests/golden");
    let bless = std::env::var_os("BROWNOUT_BLESS").is_some();
    let mut known: Vec<PathBuf> = Vec::new();
    let mut changed = Vec::new();
    for name in gallery() {
        for variant in all_of(&name) {
            let text = export::json::text(&run(&name, variant.as_deref()));
            let file = golden.join(format!("{name}{}.json", variant.map_or(String::new(), |v| format!(".{v}"))));
            if bless {
                std::fs::create_dir_all(&golden).and_then(|()| std::fs::write(&file, &text)).expect("can be written");
            } else if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
                changed.push(file.clone());
            }
            known.push(file);
        }
    }
    assert!(changed.is_empty(), "these summaries have changed; if that is meant, run with BROWNOUT_BLESS=1: {changed:#?}");
    for file in std::fs::read_dir(&golden).expect("there are golden summaries") {
        let file = file.expect("can be listed").path();
        assert!(known.contains(&file), "{} belongs to no variant", file.display());
    }
}

// -- order-system ----------------------------------------------------------------------------------------------------

#[test]
fn the_order_system_as_written_serves_everybody() {
    let summary = run("order-system", None);
    assert!(summary.expectations.values().all(|verdict| verdict.passed), "{:?}", summary.expectations);
    let shoppers = summary.clients.get("shoppers").expect("there are shoppers");
    assert_eq!((shoppers.failed, shoppers.unfinished), (0, 0));
    // Degraded: an estimate of the stock for every order while the breaker is open, a minute from the first failures on.
    assert!((6_000..9_000).contains(&shoppers.degraded), "{}", shoppers.degraded);
    assert_eq!(summary.calls.get("orders.place -> inventory.reserve").expect("orders reserve").breaker_opened, 3);
}

#[test]
fn without_any_pattern_everything_is_down_and_stays_down() {
    let summary = run("order-system", Some("naive"));
    assert_eq!(summary.cascade.metastable, Some(true));
    assert_eq!(recovered(&summary, "slow-db"), None);
    for hit in ["gateway", "orders", "shoppers"] {
        assert!(summary.cascade.hit.iter().any(|name| name == hit), "{hit} is not among {:?}", summary.cascade.hit);
    }
    // The story goes up tier by tier, each step later than the one below.
    let exhausted: Vec<(&str, f64)> =
        summary.cascade.steps.iter().filter(|s| s.what.contains("workers")).map(|s| (s.who.as_str(), s.at)).collect();
    assert_eq!(exhausted.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["inventory-db", "orders", "gateway"]);
    assert!(exhausted.windows(2).all(|pair| pair[0].1 < pair[1].1), "{exhausted:?}");
    assert!(success(&summary, "shoppers") < 0.5);
}

#[test]
fn each_pattern_that_is_missing_fails_the_expectation_it_is_there_for() {
    // Besides the timeout, which the bulkhead and the fallback stand in for.
    let broken = [
        ("withoutBreaker", "fast"),
        ("withoutBulkhead", "contained"),
        ("withoutFallback", "served"),
        ("withoutRetries", "smooth"),
        ("aggressiveRetries", "comesBack"),
        ("asWritten", "comesBack"),
        ("naive", "comesBack"),
    ];
    for (variant, expectation) in broken {
        assert!(!passed(&run("order-system", Some(variant)), expectation), "{variant} keeps {expectation}");
    }
    assert!(run("order-system", Some("withoutTimeout")).expectations.values().all(|verdict| verdict.passed));
}

#[test]
fn the_guides_code_trips_on_404_and_not_on_timeouts() {
    let summary = run("order-system", Some("asWritten"));
    let stock = summary.calls.get("orders.place -> inventory.reserve").expect("orders reserve");
    assert!(stock.fallbacks > 1000, "inventory fails: {}", stock.fallbacks);
    assert_eq!(stock.breaker_opened, 0, "and no breaker minds");
    let links = summary.calls.get("gateway.old-link -> catalog.get-removed").expect("the crawler asks");
    assert!(links.breaker_opened >= 3, "404s open every gateway's breaker");
    assert!(!passed(&summary, "calm"), "which turns shoppers away who only browse");
}

// -- retry-storm -----------------------------------------------------------------------------------------------------

#[test]
fn the_retry_storm_stays_and_what_prevents_it_does() {
    for (variant, stays) in [
        (None, true),
        (Some("backoff"), true),
        (Some("noRetry"), false),
        (Some("budget"), false),
        (Some("breaker"), false),
        (Some("halfLoad"), false),
        (Some("boundedQueue"), false),
        (Some("maxWait"), false),
        (Some("cancellation"), false),
        (Some("lifo"), false),
    ] {
        let summary = run("retry-storm", variant);
        assert_eq!(summary.cascade.metastable, Some(stays), "{variant:?}");
        assert_eq!(passed(&summary, "worksAtTheEnd"), !stays, "{variant:?}");
    }
}

#[test]
fn a_short_outage_starts_no_storm_and_a_light_load_sustains_none() {
    for (load, outage, stays) in [(280, "750ms", false), (280, "1500ms", true), (180, "3s", true), (120, "10s", false)] {
        let sets = [format!("clients.app.arrivals=poisson({load}/s)"), format!("faults.outage.for={outage}")];
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        for seed in 1..=3 {
            let summary = run_with("retry-storm", None, Some(seed), &sets);
            assert_eq!(summary.cascade.metastable, Some(stays), "{load}/s, {outage}, seed {seed}");
        }
    }
}

// -- layered-retries -------------------------------------------------------------------------------------------------

#[test]
fn layers_of_retries_multiply_exactly() {
    for (variant, last, factor) in
        [(None, "tier-3", 4), (Some("sre64"), "tier-3", 64), (Some("deep81"), "tier-4", 81), (Some("builders243"), "tier-5", 243)]
    {
        let summary = run("layered-retries", variant);
        let leaf = summary.calls.get(&format!("{last}.get -> database.get")).expect("the last tier asks the database");
        let users = summary.clients.get("users").expect("there are users");
        assert_eq!(users.unfinished, 0);
        assert_eq!(leaf.attempts, factor * users.offered, "{variant:?}");
    }
    let budgets = run("layered-retries", Some("budgets"));
    let leaf = budgets.calls.get("tier-3.get -> database.get").expect("the last tier asks the database");
    assert_near("with budgets", leaf.attempts as f64 / budgets.clients.get("users").expect("users").offered as f64, 1.33, 0.1);
}

// -- thread-pool-exhaustion ------------------------------------------------------------------------------------------

#[test]
fn threads_run_out_tier_by_tier() {
    let summary = run("thread-pool-exhaustion", None);
    let exhausted: Vec<&str> = summary.cascade.steps.iter().filter(|s| s.what.contains("workers")).map(|s| s.who.as_str()).collect();
    assert_eq!(exhausted, ["index", "catalog", "web"]);
    for (variant, up) in
        [(None, false), (Some("moreWorkers"), false), (Some("timeout"), true), (Some("bulkhead"), true), (Some("cancellation"), true)]
    {
        assert_eq!(passed(&run("thread-pool-exhaustion", variant), "homeStaysUp"), up, "{variant:?}");
    }
}

// -- timeouts --------------------------------------------------------------------------------------------------------

/// M/M/1: without cancellation every request is served, and its response time is exponential. If whoever has waited D gives up
/// its place, the virtual wait has the density P0 λ e^{-(µ-λ)x} below D; who is served is late if his own service is too long.
#[test]
fn late_answers_are_as_many_as_queueing_theory_says() {
    let success_of = |variant| success(&run_with("timeouts", variant, None, &["duration=60m"]), "callers");
    assert_near("M/M/1", 1.0 - success_of(None), exp(-1.0), 0.03);
    for (variant, rate) in [("dropWaiting", 0.9_f64), ("overloadDropWaiting", 1.2)] {
        // Per service time, with a patience of ten. In time: waits x < 10, then serves for at most 10 - x.
        let patience = 10.0_f64;
        let decay = |x: f64| exp(-(1.0 - rate) * x);
        let idle = 1.0 / (1.0 + rate * (1.0 - decay(patience)) / (1.0 - rate) + rate * decay(patience));
        let in_time = |x: f64| 1.0 - exp(-(patience - x));
        let steps = 100_000;
        let dx = patience / f64::from(steps);
        let waiting: f64 = (0..steps).map(|i| (f64::from(i) + 0.5) * dx).map(|x| rate * decay(x) * in_time(x) * dx).sum();
        assert_near(variant, success_of(Some(variant)), idle * (in_time(0.0) + waiting), 0.02);
    }
    assert!(success_of(Some("overload")) < 0.01);
    assert!(success_of(Some("overloadStopAtOnce")) > success_of(Some("overloadDropWaiting")));
}

// -- online-boutique -------------------------------------------------------------------------------------------------

#[test]
fn one_small_service_takes_the_shop_down_and_a_fallback_saves_it() {
    let crash = run("online-boutique", Some("currencyCrash"));
    assert!(success(&crash, "shoppers") < 0.85);
    assert!(success(&run("online-boutique", Some("pricesInDollars")), "shoppers") > 0.999);
    assert!(success(&run("online-boutique", Some("cachedCatalogue")), "shoppers") > 0.999);
    let slow = run("online-boutique", None);
    assert!(slow.cascade.hit.iter().any(|name| name == "recommendationservice"), "{:?}", slow.cascade.hit);
    assert!(success(&run("online-boutique", Some("timeouts")), "shoppers") < success(&slow, "shoppers"));
}

// -- order-mesh ------------------------------------------------------------------------------------------------------

#[test]
fn the_guides_own_yaml_neither_retries_nor_ejects() {
    let summary = run("order-mesh", None);
    let place = call(&summary, "gateway.checkout -> order-service.place");
    assert_eq!((place.retries.mesh, place.ejections), (0, 0));
    assert_near("one bad pod of three", observed(&summary, "bad"), 0.3, 0.06);
    let ejecting = run("order-mesh", Some("ejecting"));
    assert!(call(&ejecting, "gateway.checkout -> order-service.place").ejections > 0);
    assert!(success(&ejecting, "shoppers") > 0.999);
    let retrying = run("order-mesh", Some("retrying"));
    assert!(call(&retrying, "gateway.checkout -> order-service.place").retries.mesh > 1000);
    assert_eq!(success(&retrying, "shoppers"), 1.0);
}

// -- panic-mode ------------------------------------------------------------------------------------------------------

#[test]
fn panic_mode_hides_ejections_and_saves_a_pod_that_could_not_bear_all() {
    for (variant, served, tolerance) in [
        (None, 0.25, 0.02),
        (Some("noPanic"), 0.98, 0.02),
        (Some("halfAtMost"), 0.5, 0.02),
        (Some("busy"), 0.25, 0.02),
        (Some("busyNoPanic"), 0.0, 0.15),
        (Some("busyHalfAtMost"), 0.5, 0.03),
    ] {
        let summary = run("panic-mode", variant);
        assert!(passed(&summary, "calm"), "{variant:?}");
        assert_near(&format!("{variant:?}"), observed(&summary, "aQuarter"), served, tolerance);
        assert!(call(&summary, "shop.buy -> stock.look").ejections >= 2, "the detector does its work: {variant:?}");
    }
    // Nobody is left: the last pod is ejected for its refusals.
    let outcomes = |variant| call(&run("panic-mode", Some(variant)), "shop.buy -> stock.look").outcomes.get("503 UH").copied();
    assert!(outcomes("busyNoPanic") > Some(10_000), "{:?}", outcomes("busyNoPanic"));
    assert_eq!(outcomes("busy"), None);
}

#[test]
fn a_pod_that_is_overrun_because_others_are_ejected_is_put_down_to_what_ejected_them() {
    let cascade = run("panic-mode", Some("busyNoPanic")).cascade;
    assert_eq!(cascade.origin.as_deref(), Some("bad-pods"));
    for words in ["all 6 workers", "find no host"] {
        let step = cascade.steps.iter().find(|step| step.what.contains(words)).unwrap_or_else(|| panic!("no step says `{words}`"));
        assert!(step.because.as_ref().is_some_and(|because| because.contains("eject")), "{step:?}");
    }
}

// -- double-retries --------------------------------------------------------------------------------------------------

#[test]
fn retries_of_application_and_sidecar_multiply_exactly() {
    for (variant, factor) in [
        (None, 9),
        (Some("applicationOnly"), 3),
        (Some("meshOnly"), 3),
        (Some("neither"), 1),
        (Some("istio124Defaults"), 3),
        (Some("istio123Defaults"), 9),
    ] {
        let summary = run("double-retries", variant);
        let charge = call(&summary, "shop.order -> payment.charge");
        let orders = summary.clients.get("orders").expect("there are orders");
        assert_eq!((orders.unfinished, orders.offered), (0, 599));
        assert_eq!(charge.attempts, factor * orders.offered, "{variant:?}");
        assert_eq!(charge.retries.app + charge.retries.mesh, (factor - 1) * orders.offered, "{variant:?}");
    }
    assert!(findings("double-retries", None).contains(&"double-retries"));
    assert!(!findings("double-retries", Some("applicationOnly")).contains(&"double-retries"));
}

#[test]
fn what_fails_by_chance_is_worth_a_retry_and_more_tries_reach_more() {
    // Of tries that fail with probability 1/2, n reach 1 - 2^-n of the calls, and take 2 (1 - 2^-n) on average.
    for (variant, tries) in [("flaky", 9), ("flakyMeshOnly", 3)] {
        let summary = run_with("double-retries", Some(variant), None, &["duration=30m"]);
        let reached = 1.0 - 1.0 / f64::from(1_u32 << tries);
        assert_near(variant, success(&summary, "orders"), reached, 0.01);
        let amplification = call(&summary, "shop.order -> payment.charge").amplification.expect("there are calls");
        assert_near(variant, amplification, 2.0 * reached, 0.03);
    }
}

// -- ejection-limit --------------------------------------------------------------------------------------------------

#[test]
fn ten_percent_of_three_pods_is_nobody() {
    let errors = |variant| observed(&run("ejection-limit", variant), "ejected");
    let ejections = |variant| call(&run("ejection-limit", variant), "web.page -> catalog.get").ejections;
    for variant in [None, Some("thirtyThree")] {
        assert_eq!(ejections(variant), 0, "{variant:?}");
        assert_near(&format!("{variant:?}"), errors(variant), 1.0 / 3.0, 0.01);
        assert!(findings("ejection-limit", variant).contains(&"ejects-nobody"), "{variant:?}");
    }
    for variant in ["thirtyFour", "tenPods", "istio119", "sixtySevenTwoBad"] {
        assert!(ejections(Some(variant)) >= 2, "{variant}: out, and out again when it is back");
        assert!(errors(Some(variant)) < 0.04, "{variant}: {}", errors(Some(variant)));
        assert!(!findings("ejection-limit", Some(variant)).contains(&"ejects-nobody"), "{variant}");
    }
    assert_near("one of two bad pods stays in", errors(Some("fiftyTwoBad")), 0.5, 0.02);
}

// -- sidecar-pools ---------------------------------------------------------------------------------------------------

#[test]
fn a_limit_lets_in_as_many_times_itself_as_there_are_sidecars() {
    let most = |variant| run("sidecar-pools", variant).services.get("search").expect("there is a search").in_flight.max;
    for (variant, callers_times_limit) in
        [(None, 5 * 100), (Some("divided"), 5 * 20), (Some("tenCallers"), 10 * 100), (Some("atThePod"), 100)]
    {
        assert_eq!(most(variant), callers_times_limit, "{variant:?}");
    }
    assert!(most(Some("timeout")) > 500, "what nobody waits for is still worked on");
    assert!(findings("sidecar-pools", None).contains(&"pools-beyond-workers"));
    assert!(!findings("sidecar-pools", Some("divided")).contains(&"pools-beyond-workers"));
    for (variant, fast, served) in
        [(None, false, true), (Some("divided"), true, true), (Some("timeout"), true, false), (Some("dividedTimeout"), true, true)]
    {
        let summary = run("sidecar-pools", variant);
        assert!(passed(&summary, "calm"), "{variant:?}");
        assert_eq!((passed(&summary, "fast"), passed(&summary, "served")), (fast, served), "{variant:?}");
    }
}

#[test]
fn refused_calls_are_put_down_to_what_holds_the_places() {
    let cascade = run("sidecar-pools", None).cascade;
    assert_eq!(cascade.origin.as_deref(), Some("slow"));
    let refused = cascade.steps.iter().find(|step| step.what.contains("overflow")).expect("calls are refused");
    assert!(refused.because.is_some(), "{refused:?}");
}

// -- bookinfo --------------------------------------------------------------------------------------------------------

#[test]
fn an_outer_timeout_that_is_too_short_shows_for_the_one_user_who_is_delayed() {
    let seconds = |summary: &Summary, client: &str| summary.clients.get(client).and_then(|c| c.latency.p50).expect("answered");
    let degraded = |summary: &Summary, client: &str| summary.clients.get(client).expect("is there").degraded;
    let delayed = run("bookinfo", None);
    assert_near("3 s and 3 s", seconds(&delayed, "jason"), 6.0, 0.1);
    let jason = delayed.clients.get("jason").expect("he reads");
    assert_eq!(jason.degraded, jason.offered, "he never sees reviews");
    assert!(seconds(&delayed, "visitors") < 0.05 && degraded(&delayed, "visitors") == 0);
    let mended = run("bookinfo", Some("jasonDelayV3"));
    assert_near("2.5 s without stars", seconds(&mended, "jason"), 2.5, 0.1);
    assert_eq!(call(&mended, "productpage.page -> reviews.get").fallbacks, 0);
    let aborted = run("bookinfo", Some("jasonAbort"));
    assert_eq!(degraded(&aborted, "jason"), aborted.clients.get("jason").expect("he reads").offered);
    assert_eq!(degraded(&aborted, "visitors"), 0);
}
