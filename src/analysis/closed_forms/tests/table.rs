//! The whole table of reference figures, row by row, where it is at hand: `$BROWNOUT_SHARED/theory.csv`, or
//! `../shared/theory.csv` beside the crate. Elsewhere the dozen of `known_figures` must do.

use super::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The rows that the formulas of this module answer, by id.
const ANSWERED: [&str; 60] = [
    "A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A12", "A13", "A14", "A15", "A16", "A17", "A18", "A19",
    "A20", "A21", "A22", "A23", "A24", "A25", "A26", "A28", "A29", "A30", "A31", "A32", "A33", "A34", "A35", "A36", "A37", "A38", "A39",
    "A40", "A41", "A42", "A43", "A44", "A45", "A46", "A47", "A48", "A49", "A50", "A51", "A52", "A53", "A54", "A56", "A57", "A60", "B01",
    "B02", "B03", "B04",
];

/// Of these, the models that they do not answer: approximations, sums over two phases, budgets.
const UNANSWERED: [&str; 4] = ["Kingman", "M/H2/1", "closed loop, 1 client", "SRE + 10% per-client retry budget"];

struct Row {
    id: String,
    model: String,
    params: BTreeMap<String, String>,
    metric: String,
    value: f64,
}

impl Row {
    fn new(fields: &csv::StringRecord) -> Row {
        // `lam=0.8;mu=1`, decimals with or without a leading zero; what has no `=` is a remark.
        let params = fields[2].split(';').filter_map(|pair| pair.split_once('='));
        Row {
            id: fields[0].into(),
            model: fields[1].into(),
            params: params.map(|(name, value)| (name.into(), value.into())).collect(),
            metric: fields[3].into(),
            value: fields[4].parse().expect("a number"),
        }
    }

    fn number(&self, name: &str) -> f64 {
        self.params[name].parse().expect("a number")
    }

    fn count(&self, name: &str) -> u32 {
        self.params[name].parse().expect("a count")
    }

    /// 0.99 of `response_p99`, 3 of `P(queue_length>=3)`.
    fn number_after(&self, prefix: &str) -> f64 {
        self.metric.trim_start_matches(prefix).trim_end_matches(')').parse().expect("a number")
    }

    fn percentile(&self, prefix: &str) -> f64 {
        self.number_after(prefix) / 100.0
    }
}

#[test]
fn every_row_of_the_reference_table() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("BROWNOUT_SHARED").map_or(beside, PathBuf::from).join("theory.csv");
    let Ok(mut table) = csv::Reader::from_path(&path) else {
        println!("skipped: there is no {}", path.display());
        return;
    };
    let mut rows = 0;
    let mut wrong = Vec::new();
    for fields in table.records() {
        let row = Row::new(&fields.expect("a row"));
        if !ANSWERED.contains(&row.id.as_str()) || UNANSWERED.iter().any(|model| row.model.starts_with(model)) {
            continue;
        }
        rows += 1;
        let computed = computed(&row);
        let error = if row.value == 0.0 { computed.abs() } else { (computed / row.value - 1.0).abs() };
        if error.is_nan() || error > 1e-6 {
            wrong.push(format!("{} {} {:?} {}: {computed}, not {}", row.id, row.model, row.params, row.metric, row.value));
        }
    }
    println!("{rows} rows of {} agree to 1e-6, {} do not", path.display(), wrong.len());
    assert!(rows >= 441, "only {rows} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn computed(row: &Row) -> f64 {
    match row.id.as_str() {
        "A01" | "A02" | "A03" | "A04" | "A32" | "A33" | "A34" | "A35" | "A44" => single_server(row),
        "A05" | "A06" | "A07" | "A08" | "A09" | "A10" | "A11" | "A12" => many_servers(row),
        "A13" => erlang_b(row.count("c"), row.number("offered_erlangs")),
        "A14" | "A15" | "A16" | "A17" | "A18" | "A45" => bounded(row),
        "A19" | "A20" | "A21" | "A22" | "A23" | "A24" | "A25" | "A26" | "A51" => general_service(row),
        "A28" | "A29" | "A30" | "A31" => general_arrivals(row),
        "A36" | "A37" | "A38" | "A39" | "A40" | "A41" | "A42" | "A43" => patience(row),
        "A46" => rate_limit::accepted(row.number("lam"), row.number("r"), row.count("B")),
        "A47" | "A48" | "A49" | "A50" => networks(row),
        "A52" => closed(row),
        "A53" | "A54" => supermarket(row),
        "A56" | "A57" => spread(row),
        "A60" => bulkheads(row),
        "B01" | "B02" | "B03" | "B04" => retries(row),
        id => unreachable!("{id}"),
    }
}

fn single_server(row: &Row) -> f64 {
    let (arrival_rate, service_rate) = (row.number("lam"), row.number("mu"));
    let one = Mm1 { arrival_rate, service_rate };
    let lifo = row.model.contains("LIFO");
    match row.metric.as_str() {
        "utilisation" | "P(wait>0)" => one.utilization(),
        "mean_number_L" => one.mean_number(),
        "mean_wait_Wq" | "mean_wait" => one.mean_wait(),
        "mean_response" if row.model.starts_with("M/D/1-PS") => Mg1::constant(arrival_rate, 1.0 / service_rate).sharing_mean_response(),
        "mean_response_W" | "mean_response" => one.mean_response(),
        "var_response" => one.response_variance(),
        "std_response" => one.sharing_response_deviation(),
        "std_wait" if lifo => one.lifo_wait_deviation(),
        "std_wait" => one.wait_deviation(),
        "P(timeout)" => one.timed_out(row.number("tau")),
        "goodput" => one.goodput_within(row.number("tau")),
        "goodput_rate" => one.lifo_goodput_within(row.number("D")),
        metric if metric.starts_with("response_p") => one.response_quantile(row.percentile("response_p")),
        metric if metric.starts_with("wait_p") && lifo => one.lifo_wait_quantile(row.percentile("wait_p")),
        metric if metric.starts_with("wait_p") => one.wait_quantile(row.percentile("wait_p")),
        _ => f64::NAN,
    }
}

fn many_servers(row: &Row) -> f64 {
    let system = Mmc { arrival_rate: row.number("lam"), service_rate: row.number("mu"), servers: row.count("c") };
    match row.metric.as_str() {
        "utilisation" => system.utilization(),
        "P(wait>0)_ErlangC" => system.waiting_share(),
        "mean_wait_Wq" => system.mean_wait(),
        "mean_response_W" => system.mean_response(),
        "mean_queue_Lq" => system.mean_queue(),
        "P(wait>1/mu)" => system.wait_tail(1.0 / system.service_rate),
        metric if metric.starts_with("response_p") => system.response_quantile(row.percentile("response_p")),
        metric if metric.starts_with("wait_p") => system.wait_quantile(row.percentile("wait_p")),
        _ => f64::NAN,
    }
}

fn bounded(row: &Row) -> f64 {
    let servers = if row.id == "A45" { 1 } else { row.count("c") };
    let system = Mmck { arrival_rate: row.number("lam"), service_rate: row.number("mu"), servers, room: row.count("K") };
    match row.metric.as_str() {
        "P(block)" => system.blocking(),
        "throughput" => system.throughput(),
        "utilisation" => system.utilization(),
        "mean_number_L" => system.mean_number(),
        "mean_response_accepted" => system.mean_response(),
        "P(wait>0|accepted)" => system.waiting_share(),
        "goodput" => system.goodput_within(row.number("D")),
        _ => f64::NAN,
    }
}

fn general_service(row: &Row) -> f64 {
    let arrival_rate = row.number("lam");
    if row.id == "A26" {
        let system = Md1 { arrival_rate, service_time: row.number("D") };
        return match row.metric.as_str() {
            metric if metric.starts_with("response_p") => system.response_quantile(row.percentile("response_p")),
            _ => system.wait_quantile(row.percentile("wait_p")),
        };
    }
    let moments = match row.params.get("service").map_or("", String::as_str) {
        "Det(1)" => Mg1::constant(arrival_rate, 1.0).moments,
        "Lognormal(mean1,scv4)" => Mg1::lognormal(arrival_rate, 1.0, 4.0).moments,
        "Lognormal(mean1,scv1)" => Mg1::lognormal(arrival_rate, 1.0, 1.0).moments,
        // Γ(k + 2) / 2^k.
        "Erlang2(mean1)" => [1.0, 1.5, 3.0],
        "bimodal .999*Exp(mean.1)+.001*Exp(mean10)" => phases([(0.999, 10.0), (0.001, 0.1)]),
        service if service.starts_with("H2 balanced scv9") => phases(balanced(9.0)),
        service if service.starts_with("BoundedPareto") => bounded_pareto(1.5, 0.334, 1_000.0),
        // Who begins when all n branches of the one before have answered: the longest of n exponentials.
        "" if row.id == "A51" => {
            let sum = |power: i32| (1..=row.count("n")).map(|k| 1.0 / math::pow(f64::from(k), f64::from(power))).sum::<f64>();
            [sum(1), sum(1) * sum(1) + sum(2), f64::NAN]
        }
        _ => return f64::NAN,
    };
    let system = Mg1 { arrival_rate, moments };
    match row.metric.as_str() {
        "utilisation" => system.utilization(),
        "mean_wait_Wq" => system.mean_wait(),
        "mean_response_W" | "mean_response" => system.mean_response(),
        "std_wait" => system.wait_deviation(),
        "mean_response_PS" => system.sharing_mean_response(),
        _ => f64::NAN,
    }
}

/// The moments of one of two exponentials, by probability and rate.
fn phases(phases: [(f64, f64); 2]) -> [f64; 3] {
    let moment = |k: f64, factorial: f64| phases.iter().map(|(p, rate)| p * factorial / math::pow(*rate, k)).sum();
    [moment(1.0, 1.0), moment(2.0, 2.0), moment(3.0, 6.0)]
}

/// Two exponentials of mean 1 together, each of which brings half of it: probabilities and rates.
fn balanced(scv: f64) -> [(f64, f64); 2] {
    let p = (1.0 + ((scv - 1.0) / (scv + 1.0)).sqrt()) / 2.0;
    [(p, 2.0 * p), (1.0 - p, 2.0 * (1.0 - p))]
}

/// α lo^α (hi^{k-α} - lo^{k-α}) / ((k - α) (1 - (lo/hi)^α)).
fn bounded_pareto(alpha: f64, lo: f64, hi: f64) -> [f64; 3] {
    let scale = alpha * math::pow(lo, alpha) / (1.0 - math::pow(lo / hi, alpha));
    [1.0, 2.0, 3.0].map(|k| scale * (math::pow(hi, k - alpha) - math::pow(lo, k - alpha)) / (k - alpha))
}

/// Many servers behind one balancer; or all of them at once, the first answer counts.
fn spread(row: &Row) -> f64 {
    if row.id == "A57" {
        return Mm1 { arrival_rate: row.number("lam"), service_rate: row.number("n") * row.number("mu") }.mean_response();
    }
    let (load, service_rate, servers) = (row.number("rho"), row.number("mu"), row.count("N"));
    match row.model.split(' ').next() {
        Some("Random") => Mm1 { arrival_rate: load * service_rate, service_rate }.mean_response(),
        Some("Round") => GiM1::erlang(servers, load * service_rate, service_rate).mean_response(),
        Some("Central") => Mmc { arrival_rate: load * service_rate * f64::from(servers), service_rate, servers }.mean_response(),
        _ => f64::NAN,
    }
}

fn general_arrivals(row: &Row) -> f64 {
    let (arrival_rate, service_rate) = (row.number("lam"), row.number("mu"));
    let system = match row.params["arrivals"].as_str() {
        "Det" => GiM1::constant(arrival_rate, service_rate),
        "Erlang2" => GiM1::erlang(2, arrival_rate, service_rate),
        "H2 balanced scv4" => {
            let gaps = balanced(4.0).map(|(p, rate)| (p, rate * arrival_rate));
            GiM1::new(arrival_rate, service_rate, |s| gaps.iter().map(|(p, rate)| p * rate / (rate + s)).sum())
        }
        _ => return f64::NAN,
    };
    match row.metric.as_str() {
        "sigma=P(wait>0)" => system.waiting_share(),
        "mean_wait_Wq" => system.mean_wait(),
        "response_p99" => system.response_quantile(0.99),
        _ => f64::NAN,
    }
}

fn patience(row: &Row) -> f64 {
    let (arrival_rate, service_rate) = (row.number("lam"), row.number("mu"));
    if row.params.contains_key("patience_on_wait") {
        let system = ImpatientMm1 { arrival_rate, service_rate, patience: row.number("patience_on_wait") };
        return match row.metric.as_str() {
            "P(abandon)" => system.abandoned(),
            "utilisation" => system.utilization(),
            "throughput_served" => system.throughput(),
            _ => f64::NAN,
        };
    }
    let system = ErlangA { arrival_rate, service_rate, abandonment_rate: row.number("theta"), servers: row.count("c") };
    match row.metric.as_str() {
        "P(wait>0)" => system.waiting_share(),
        "P(abandon)" => system.abandoned(),
        "mean_wait_all" => system.mean_wait(),
        "throughput_served" => system.throughput(),
        _ => f64::NAN,
    }
}

fn networks(row: &Row) -> f64 {
    match (row.id.as_str(), row.metric.as_str()) {
        ("A47", metric) => {
            let tandem = Tandem { arrival_rate: 0.8, service_rates: vec![1.0, 1.25, 2.0] };
            if metric == "mean_response" { tandem.mean_response() } else { tandem.response_quantile(row.percentile("response_p")) }
        }
        ("A48", metric) => {
            let (arrival_rate, service_rate) = (row.number("lam"), row.number("mu"));
            let feedback =
                Jackson { arrivals: vec![arrival_rate], service_rates: vec![service_rate], routing: vec![vec![row.number("p")]] };
            if metric == "utilisation" { feedback.utilizations().unwrap()[0] } else { feedback.mean_response().unwrap() }
        }
        ("A49", metric) => {
            let system = Jackson {
                arrivals: vec![10.0, 0.0, 0.0, 0.0],
                service_rates: vec![15.0, 8.0, 6.0, 9.0],
                routing: vec![vec![0.0, 0.6, 0.4, 0.0], vec![0.0, 0.0, 0.0, 0.5], vec![0.0, 0.0, 0.0, 1.0], vec![0.0; 4]],
            };
            if metric == "utilisation_DB" { system.utilizations().unwrap()[3] } else { system.mean_response().unwrap() }
        }
        (_, metric) => {
            let branches = if row.params.contains_key("n") { row.count("n") } else { 2 };
            let system = ForkJoin { arrival_rate: row.number("lam"), service_rate: row.number("mu"), branches };
            match metric {
                "mean_response" | "mean_response_approx" => system.mean_response(),
                "mean_response_upper" => system.mean_response_at_most(),
                "mean_response_lower" => system.mean_response_at_least(),
                _ => f64::NAN,
            }
        }
    }
}

fn closed(row: &Row) -> f64 {
    let demands = row.params["demands"].trim_matches(['[', ']']).split(", ").map(|demand| demand.parse().expect("a number"));
    let demands: Vec<f64> = demands.collect();
    let (users, think_time) = (row.count("N"), row.number("Z"));
    let figures = mean_value_analysis(users, think_time, &demands);
    match row.metric.as_str() {
        "throughput_X" => figures.throughput,
        "mean_response_R" => figures.mean_response,
        "utilisation_station1" => figures.utilizations[0],
        "X_upper_bound" => throughput_bound(users, think_time, &demands),
        _ => f64::NAN,
    }
}

fn supermarket(row: &Row) -> f64 {
    let system = Supermarket { utilization: row.number("rho"), choices: row.count("d") };
    if row.metric == "mean_response" { system.mean_response() } else { system.at_least(row.number_after("P(queue_length>=") as u32) }
}

/// 60 calls a second to A, 0.1 s each, and 60 to B; a pool of 40 for both, or 20 each.
fn bulkheads(row: &Row) -> f64 {
    let latency = row.params["B_latency"].split_once('s').expect("seconds").0.parse::<f64>().expect("a number");
    let (to_a, to_b) = (60.0 * 0.1, 60.0 * latency);
    match row.metric.as_str() {
        "P(reject)_both_classes" => erlang_b(40, to_a + to_b),
        "P(reject)_A" => erlang_b(20, to_a),
        "P(reject)_B" => erlang_b(20, to_b),
        _ => f64::NAN,
    }
}

fn retries(row: &Row) -> f64 {
    if row.id == "B02" {
        return amplification::worst_case(&vec![row.count("attempts_per_layer"); row.count("layers") as usize]) as f64;
    }
    if row.id == "B04" {
        return amplification::attempts(row.number("reject_prob"), 3);
    }
    let failure = row.number("p");
    match row.metric.as_str() {
        "bottom_attempts_per_request" => amplification::layered(failure, &[4, 4, 4]),
        "load_multiplier" => amplification::attempts(failure, row.count("attempts")),
        "final_failure" => amplification::failure_after(failure, row.count("attempts")),
        _ => f64::NAN,
    }
}
