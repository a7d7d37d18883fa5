//! Progress and Ctrl-C: what a person at a terminal sees and does while runs go on. Changes nothing in them.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Set by the first Ctrl-C; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static LISTENING: OnceLock<()> = OnceLock::new();

/// Listens to Ctrl-C from now on.
pub(super) fn interrupted() -> &'static AtomicBool {
    LISTENING.get_or_init(|| {
        let listening = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
        if let Err(error) = listening {
            super::note(&format!("note: cannot listen to Ctrl-C ({error}); it will end the run without results"));
        }
    });
    &INTERRUPTED
}

/// A bar on stderr over so many simulated nanoseconds; nothing if nobody watches.
pub(super) fn bar(total: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    // Short runs are over before anybody reads a bar: it appears with the first steady tick.
    let bar = ProgressBar::with_draw_target(Some(total / 1_000_000), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} % of simulated time, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
