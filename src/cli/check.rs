//! `brownout check`: what is wrong with models, and what can be said of them without running.

use super::explain::{self, Explain};
use super::manifests::Given;
use super::read::{self, stderr_style};
use super::{Exit, note, print};
use crate::base::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::model::Loaded;
use crate::model::source::Sources;
use crate::report::{Style, diagnostics};
use std::io::IsTerminal;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Check {
    /// Models, and manifests of Istio and Kubernetes: YAML or JSON files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print the model, and what holds of manifests, with every default and where each value comes from
    #[arg(long)]
    resolved: bool,
    /// Say in words what each call to this service, and by it, goes through
    #[arg(long, value_name = "SERVICE", conflicts_with = "resolved")]
    explain: Option<String>,
    /// Check this variant of the model
    #[arg(long)]
    variant: Option<String>,
    /// Set a value of the model, such as `faults.slow-db.for=10s`
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// How to print findings: table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
    /// Print errors and warnings only
    #[arg(long, short)]
    quiet: bool,
    /// Print without colour
    #[arg(long)]
    no_color: bool,
}

/// What was found in one file.
struct Found {
    findings: Diagnostics,
    sources: Sources,
    resolved: Option<String>,
}

impl Check {
    pub(super) fn execute(self) -> Exit {
        let given = Given::read(&self.files);
        let of_kubernetes = given.manifests(&self.files);
        if let Some(service) = &self.explain {
            let colour = !self.no_color && std::io::stdout().is_terminal() && stderr_style().colour;
            let (variant, json) = (self.variant.as_deref(), self.format == "json");
            let explain = Explain { service, sets: &self.set, variant, json, style: Style { colour } };
            return explain.execute(&self.files, &given, &of_kubernetes);
        }
        let models = self.files.iter().filter(|file| !of_kubernetes.contains(file));
        let mut found: Vec<Found> = models.flat_map(|file| self.look(file, &given)).collect();
        if !of_kubernetes.is_empty() {
            // Manifests are looked at together: they are used together.
            let (findings, sources, mesh) = given.check(&of_kubernetes);
            let resolved = (self.resolved && !findings.has_errors()).then(|| explain::alone(&mesh, &sources));
            found.push(Found { findings, sources, resolved });
        }
        if self.quiet {
            found.iter_mut().for_each(|f| f.findings.list.retain(|finding| finding.severity != Severity::Note));
        }
        let refused = found.iter().any(|f| f.findings.has_errors());
        let printed = if self.format == "json" { self.print_json(&found) } else { self.print_text(&found) };
        match (refused, printed) {
            (true, _) => Exit::BadInput,
            (false, printed) => printed,
        }
    }

    /// The model as written, and each of its variants unless one was asked for.
    fn look(&self, file: &std::path::Path, given: &Given) -> Vec<Found> {
        let of = |variant: Option<&str>| match read::try_compiled_from(&|name| given.load(name), file, &self.set, variant) {
            Ok(compiled) => {
                let resolved = self.resolved.then(|| compiled.resolved());
                let variants = compiled.loaded.variants.clone();
                let mut findings = compiled.findings();
                if self.variant.is_none() && variant.is_some() {
                    findings.list.retain(|f| is_of_variant(f, &compiled.loaded));
                }
                (Found { findings, sources: compiled.loaded.sources, resolved }, variants)
            }
            Err(refused) => (Found { findings: refused.problems, sources: refused.sources, resolved: None }, refused.variants),
        };
        let (first, variants) = of(self.variant.as_deref());
        let mut told = first.findings.list.clone();
        let mut all = vec![first];
        if self.variant.is_none() {
            // Of variants only what makes them impossible, and is not wrong with the model itself.
            for name in variants {
                let (mut found, _) = of(Some(&name));
                found.findings.list.retain(|f| !told.contains(f));
                told.extend(found.findings.list.iter().cloned());
                read::of_variant(&mut found.findings, &name);
                found.resolved = None;
                all.push(found);
            }
        }
        all
    }

    fn print_json(&self, found: &[Found]) -> Exit {
        let findings: Vec<_> = found.iter().flat_map(|f| f.findings.findings()).collect();
        let mut text = serde_json::to_string_pretty(&findings).expect("findings are JSON");
        text.push('\n');
        print(&text)
    }

    fn print_text(&self, found: &[Found]) -> Exit {
        let colour = !self.no_color && std::io::stdout().is_terminal() && stderr_style().colour;
        let mut text = String::new();
        let count = |severity| found.iter().flat_map(|f| f.findings.iter()).filter(|f| f.severity == severity).count();
        let counts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
        let told: Vec<String> = counts
            .into_iter()
            .map(|(severity, word)| (count(severity), word))
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
            .collect();
        for found in found {
            // A resolved model is data: what is found goes beside it.
            if self.resolved {
                text.push_str(found.resolved.as_deref().unwrap_or(""));
                let told = diagnostics::text(&found.findings, &found.sources, stderr_style());
                if !told.is_empty() {
                    note(told.trim_end());
                }
            } else {
                text.push_str(&diagnostics::text(&found.findings, &found.sources, Style { colour }));
            }
        }
        let is_silent = self.resolved || self.quiet && told.is_empty();
        if !is_silent {
            let models = self.files.len();
            let files = if models == 1 { self.files[0].display().to_string() } else { format!("{models} files") };
            text.push_str(&format!("{files}: {}\n", if told.is_empty() { "nothing to say against it".into() } else { told.join(", ") }));
        }
        print(&text)
    }
}

/// What is told of a variant: errors, and what its overlay adds and nothing uses, since that may be a misspelt name.
fn is_of_variant(finding: &Diagnostic, loaded: &Loaded) -> bool {
    let added = || finding.path.as_deref().is_some_and(|path| loaded.origin(path).starts_with("variant "));
    finding.severity == Severity::Error || finding.code == "unused" && added()
}
