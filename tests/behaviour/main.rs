//! What a model promises, through the whole product: text in, recording and summary out. Times and counts are exact,
//! since distributions are constant and requests come at given instants.

#[path = "../../src/base/cases.rs"]
mod cases;
mod causes;
mod clients;
mod connections;
mod faults;
mod heat;
mod metrics;
mod policies;
mod services;
mod soak;
mod steps;
mod support;
mod traces;
mod wires;
