//! The command line: reads files, compiles, runs, writes. The only room that does I/O, looks at a clock, or ends the process.
//!
//! Data goes to stdout, progress and notes to stderr. Exit codes: 0 fine, 1 an expectation failed, 2 bad input, 3 a limit was
//! reached while running, 130 interrupted (what was finished is written).

mod alerts;
mod artefacts;
mod check;
mod compare;
mod explain;
mod glob;
mod graph;
mod manifests;
mod output;
mod read;
mod report;
mod run;
mod schema;
mod watch;
mod why;

use crate::model::COMMAND_WORDS;
use crate::report::{Format, Style};
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Fine = 0,
    ExpectationFailed = 1,
    BadInput = 2,
    LimitReached = 3,
    Interrupted = 130,
}

/// Simulates microservice systems: how a failure cascades, and what each resilience pattern changes.
#[derive(Parser)]
#[command(name = "brownout", version, max_term_width = 80, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  brownout run models/order-system.yaml
      one run: golden signals, the cascade told, expectations
  brownout run models/order-system.yaml --variant naive
      the same without its patterns
  brownout run MODEL --set faults.slow-db.for=10s --out DIR
      another value, and all artefacts in DIR
  brownout compare models/order-system.yaml
      what each pattern changes, on the same seeds
  brownout check MODEL
      what can be said without running it
  brownout check MODEL --explain orders
      what each call to `orders` goes through, and where that is written
  brownout graph MODEL -o graph.svg
      who calls whom, under which policies

Exit codes: 0 fine, 1 an expectation failed (with `compare`: one of the model as
it is written), 2 bad input, 3 a limit was reached, 130 interrupted (what was
finished is written).";

const COMPARE_EXITS: &str = "Exit code 1 says that an expectation of the model as it is written has failed
with some seed. Variants are there to fail: that one does is a result, which the
table shows, and changes no exit code.";

#[derive(Subcommand)]
enum Command {
    /// Run a model: golden signals, the cascade told in words, expectations with ✓/✗
    Run(run::Run),
    /// Run the variants of a model on the same seeds: paired differences with intervals
    #[command(after_help = COMPARE_EXITS)]
    Compare(compare::Compare),
    /// Make the report and the charts of a run or a comparison anew, from the directory of its artefacts
    Report(report::Report),
    /// Validate models and tell what can be said without running them
    Check(check::Check),
    /// Draw a model: who calls whom, with the policies on the arrows
    Graph(graph::Graph),
    /// Evaluate Prometheus alerting rules over a run: which alerts fire, when, and how late
    Alerts(alerts::Alerts),
    /// Print the JSON Schema of models, for editors
    Schema(schema::Schema),
}

/// What every command that runs a model takes.
#[derive(Args)]
struct Common {
    /// The model: a YAML or JSON file
    model: PathBuf,
    /// The first seed [default: the model's]
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Set a value of the model, such as `faults.slow-db.for=10s`; may be given several times
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Runs side by side [default: one per core]
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    jobs: usize,
    /// Write all artefacts into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result: table, json, csv or markdown
    #[arg(long, default_value = "table", value_parser = Format::NAMES)]
    format: String,
    /// Print no notes and no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print without colour
    #[arg(long)]
    no_color: bool,
    /// Stop a run after so many events (exit 3)
    #[arg(long, value_name = "N")]
    max_events: Option<u64>,
    /// Stop a run with more calls than this in flight (exit 3)
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u32>,
}

impl Common {
    fn format(&self) -> Format {
        self.format.parse().expect("clap has checked the word")
    }

    fn style(&self) -> Style {
        style(self.no_color)
    }

    fn limits(&self) -> crate::base::limit::Limits {
        let default = crate::base::limit::Limits::default();
        crate::base::limit::Limits {
            events: self.max_events.unwrap_or(default.events),
            in_flight: self.max_in_flight.unwrap_or(default.in_flight).min(crate::base::limit::MOST_IN_FLIGHT),
            ..default
        }
    }
}

/// Long chains of calls are followed by recursion when a model is checked; only what is used of this is ever taken.
const STACK: usize = 1 << 30;

/// Runs the command line and gives the process's exit code.
pub fn main() -> ExitCode {
    match std::thread::Builder::new().stack_size(STACK).spawn(execute) {
        Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        Err(_) => execute(),
    }
}

fn execute() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let exit = match cli.command {
        Command::Run(command) => command.execute(),
        Command::Compare(command) => command.execute(),
        Command::Report(command) => command.execute(),
        Command::Check(command) => command.execute(),
        Command::Graph(command) => command.execute(),
        Command::Alerts(command) => command.execute(),
        Command::Schema(command) => command.execute(),
    };
    ExitCode::from(exit as u8)
}

/// A command line that cannot be read, or one that asks for help.
fn refused(error: &clap::Error) -> ExitCode {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let word = match error.kind() {
        ErrorKind::InvalidSubcommand => error.get(ContextKind::InvalidSubcommand),
        ErrorKind::UnknownArgument => error.get(ContextKind::InvalidArg),
        _ => None,
    };
    if let Some(ContextValue::String(word)) = word
        && let Some((word, instead)) = COMMAND_WORDS.iter().find(|(known, _)| known == word)
    {
        return ExitCode::from(fail(&format!("`{word}` is not of this release\nhelp: {instead}")) as u8);
    }
    // Help and version are data: they go to stdout, and a reader that has gone is no error.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { Exit::BadInput as u8 } else { Exit::Fine as u8 })
}

/// How data is printed: with colour only for somebody who looks at it and wants it.
fn style(no_color: bool) -> Style {
    let wanted = !no_color && std::env::var_os("NO_COLOR").is_none();
    Style { colour: wanted && std::io::stdout().is_terminal() }
}

/// Prints data. A reader that has gone (`| head`) is no error; a full disk is.
fn print(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Fine,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => fail(&format!("cannot write to standard output: {error}")),
    }
}

/// Prints a note to stderr.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints an error that has no place in a file.
fn fail(text: &str) -> Exit {
    note(&format!("error: {text}"));
    Exit::BadInput
}
