//! The command line of brownout; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    brownout::cli::main()
}
