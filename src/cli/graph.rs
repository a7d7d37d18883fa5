//! `brownout graph`: the system as a picture, or as text that other tools draw.

use super::read;
use super::{Exit, fail, note, print};
use crate::export;
use crate::report::graph::{self, svg};
use crate::topology::diagram::diagram;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Graph {
    /// The model: a YAML or JSON file
    model: PathBuf,
    /// As a picture (svg), or for Graphviz (dot) or Mermaid (mermaid) [default: what the ending of `-o` says, or else dot]
    #[arg(long, value_parser = ["dot", "mermaid", "svg"])]
    format: Option<String>,
    /// Draw this variant of the model
    #[arg(long)]
    variant: Option<String>,
    /// Set a value of the model, such as `services.orders.replicas=5`; may be given several times
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Graph {
    pub(super) fn execute(self) -> Exit {
        let compiled = match read::compiled(&self.model, &self.set, self.variant.as_deref()) {
            Ok(compiled) => compiled,
            Err(exit) => return exit,
        };
        let bytes = bytes(&compiled.topology, self.format(), self.variant.as_deref());
        let Some(file) = &self.output else { return print(&bytes) };
        match std::fs::write(file, bytes) {
            Ok(()) => {
                note(&format!("the graph is in {}", file.display()));
                Exit::Fine
            }
            Err(error) => fail(&format!("cannot write `{}`: {error}\nhelp: name another file with `-o`", file.display())),
        }
    }

    fn format(&self) -> &str {
        let ending = self.output.as_deref().and_then(|file| file.extension()).and_then(|ending| ending.to_str());
        match (&self.format, ending) {
            (Some(format), _) => format,
            (None, Some("svg")) => "svg",
            (None, Some("mmd" | "mermaid")) => "mermaid",
            (None, _) => "dot",
        }
    }
}

/// The graph of a topology in one of the formats.
pub(super) fn bytes(topology: &crate::topology::Topology, format: &str, variant: Option<&str>) -> String {
    let mut bytes = Vec::new();
    let written = match format {
        "svg" => return svg::text(&graph::picture(topology), &variant.map(|name| format!("variant {name}")).unwrap_or_default()),
        "mermaid" => export::mermaid::write(&diagram(topology), &mut bytes),
        _ => export::dot::write(&diagram(topology), &mut bytes),
    };
    written.expect("memory takes all");
    String::from_utf8(bytes).expect("names are UTF-8")
}
