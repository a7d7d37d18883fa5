//! A real Prometheus on what a run's metrics say: promtool fills its storage, and asks it.

use crate::analysis::alerts::Returned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a Prometheus may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that ends with this value.
pub struct Prometheus {
    server: Child,
    url: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The program by this name, or by what the environment variable says, runs here.
fn program(name: &str) -> Command {
    let named = std::env::var_os(name.to_uppercase());
    Command::new(named.unwrap_or_else(|| name.into()))
}

/// What promtool printed, or what it said was wrong.
pub fn promtool(arguments: &[&str]) -> Result<String, String> {
    let ran = program("promtool").args(arguments).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = ran.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "promtool is not here".to_string(),
        _ => format!("promtool does not run: {error}"),
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if status.success() { Ok(text(&stdout)) } else { Err(format!("{}\n{}", text(&stdout), text(&stderr)).trim().to_string()) }
}

impl Prometheus {
    /// Starts one on the data in a directory.
    pub fn start(directory: &Path) -> Result<Prometheus, String> {
        let config = directory.join("prometheus.yml");
        std::fs::write(&config, "global: {}\n").map_err(|error| error.to_string())?;
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(|error| error.to_string())?.port();
        let server = program("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg("--storage.tsdb.retention.time=200y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--log.level=error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("prometheus does not start: {error}"))?;
        let mut started = Prometheus { server, url: format!("http://127.0.0.1:{port}") };
        #[expect(clippy::disallowed_methods, reason = "another process is waited for; nothing is simulated meanwhile")]
        let begun = Instant::now();
        while promtool(&["query", "instant", &started.url, "vector(1)"]).is_err() {
            if let Ok(Some(status)) = started.server.try_wait() {
                return Err(format!("prometheus has ended at once ({status})"));
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("prometheus is not ready after {} s", PATIENCE.as_secs()));
            }
            #[expect(clippy::disallowed_methods, reason = "as above")]
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(started)
    }

    /// Fills the results of recording rules in, for a time that is past. They count after a restart.
    pub fn record(&self, directory: &Path, rules: &Path, (from, until): (f64, f64), every: f64) -> Result<(), String> {
        let every = format!("--eval-interval={}ms", (every * 1e3) as u64);
        let (from, until) = (format!("--start={from}"), format!("--end={until}"));
        let (output, url) = (format!("--output-dir={}", directory.join("data").display()), format!("--url={}", self.url));
        let rules = rules.to_string_lossy();
        promtool(&["tsdb", "create-blocks-from", "rules", &from, &until, &every, &output, &url, &rules]).map(drop)
    }

    /// At which evaluations an expression returned what, from one time to another (seconds since 1970).
    pub fn returned(&self, expression: &str, (from, until): (f64, f64), every: f64) -> Result<Vec<Returned>, String> {
        let (start, end, step) = (format!("--start={from}"), format!("--end={until}"), format!("--step={}ms", (every * 1e3) as u64));
        let answer = promtool(&["query", "range", "--format=json", &start, &end, &step, &self.url, expression])?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("promtool's answer is no JSON: {error}"))?;
        let series = answer.as_array().ok_or("promtool's answer is no list of series")?;
        Ok(series.iter().map(|series| one(series, from, every)).collect())
    }
}

fn one(series: &Value, from: f64, every: f64) -> Returned {
    let labels = series["metric"].as_object().into_iter().flatten();
    let labels: BTreeMap<String, String> = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or("").to_string())).collect();
    let values = series["values"].as_array().into_iter().flatten();
    let at = values.filter_map(|value| Some(((value[0].as_f64()? - from) / every).round() as usize)).collect();
    Returned { labels, at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_promtool_answers_is_read_as_evaluations() {
        let series =
            serde_json::json!({"metric": {"service": "orders"}, "values": [[1767225600, "1"], [1767225615, "0.5"], [1767225645.0, "2"]]});
        let returned = one(&series, 1_767_225_600.0, 15.0);
        assert_eq!((returned.at, returned.labels["service"].as_str()), (vec![0, 1, 3], "orders"));
    }
}
