//! The mesh, through the whole product: a model and real Istio YAML in, what callers and hosts saw out. The cases are the
//! worked examples of how Envoy behaves under Istio's policies; times are exact, since work is constant.

mod cost;
mod endpoints;
mod faults;
mod findings;
mod hedging;
mod hosts;
mod outliers;
mod pools;
mod pushes;
mod retries;
mod routing;
mod scraped;
mod sizes;
mod support;
mod worked_examples;
