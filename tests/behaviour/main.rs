//! What a model promises, through the whole product: text in, recording and summary out. Times and counts are exact,
//! since distributions are constant and requests come at given instants.

mod clients;
mod steps;
mod support;
