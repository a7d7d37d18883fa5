//! What traces and logs say of calls and endpoints, from the steps `span` and the requests' methods and paths.

use super::Compiler;
use super::mesh::{header_attribute, header_values};
use super::names::quoted;
use crate::base::id::*;
use crate::model::scalar::AttributeValue;
use crate::model::spec::{self, Step};
use crate::topology::labels::{Asked, Piece, SpanLabel, Written};
use crate::topology::site::Caller;

impl Compiler<'_> {
    pub(super) fn labels(&mut self) {
        self.asked();
        self.header_texts();
        let mut number = 0;
        for (service, spec) in &self.model.services {
            for (name, steps) in &spec.endpoints {
                let endpoint = EndpointId::new(number);
                number += 1;
                // Most have none, and paths for all steps of a thousand services take their time.
                if !steps.iter().any(has_span) {
                    continue;
                }
                let path = format!("services.{}.endpoints.{}", quoted(service), quoted(name));
                // A consumer's steps run under a permit: these are its own.
                let is_handler = self.model.consumers.get(name).is_some_and(|consumer| consumer.service == *service);
                match steps.as_slice() {
                    [Step::Acquire(spec::AcquireStep { acquire })] if is_handler => {
                        self.span_labels(endpoint, &acquire.steps, &format!("{path}[0].acquire.steps"));
                    }
                    steps => self.span_labels(endpoint, steps, &path),
                }
            }
        }
    }

    /// Methods and paths, where they are written.
    fn asked(&mut self) {
        let asked = |method: &str, path: &str| {
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            Asked { method: method.into(), path: path.into() }
        };
        for (number, site) in self.topology.sites.iter().enumerate() {
            let id = SiteId::new(number);
            let asked = match site.caller {
                Caller::Client(client) => {
                    let client = &self.model.clients[&self.topology.clients[client.index()].name];
                    client.request.as_ref().map(|request| asked(&request.method, &request.path))
                }
                Caller::Endpoint(_) => self.requests.get(&id).map(|request| asked(&request.method, &request.path)),
            };
            self.topology.labels.requests.extend(asked.map(|asked| (id, asked)));
        }
    }

    fn header_texts(&mut self) {
        for (number, attribute) in self.topology.attributes.iter().enumerate() {
            let client = &self.model.clients[&self.topology.clients[attribute.client.index()].name];
            let Some(header) = attribute.name.strip_prefix(&header_attribute("")) else { continue };
            let texts: Vec<String> = header_values(client, header).into_iter().map(|(value, _)| value).collect();
            if !texts.is_empty() {
                self.topology.labels.texts.insert(AttributeId::new(number), texts);
            }
        }
    }

    fn span_labels(&mut self, endpoint: EndpointId, steps: &[Step], path: &str) {
        for (index, step) in steps.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match step {
                Step::Span(spec::SpanStep { span }) => {
                    let label = self.span_label(span, &format!("{path}.span"));
                    if self.topology.labels.spans.insert(endpoint, label).is_some() {
                        let help = "write all attributes into one of them";
                        self.error("second-span", "the endpoint has two steps `span`", path, help);
                    }
                }
                step => self.no_span_inside(step, &path),
            }
        }
    }

    /// What happens only sometimes, or several times, cannot name the one span that the endpoint has.
    fn no_span_inside(&mut self, step: &Step, path: &str) {
        for (inner, steps) in step.inner() {
            for (index, step) in steps.iter().enumerate() {
                let path = format!("{path}.{inner}[{index}]");
                if matches!(step, Step::Span(_)) {
                    let help = "move it among the endpoint's own steps";
                    self.error("span-inside", "`span` names the span of a whole endpoint, and stands inside another step", &path, help);
                }
                self.no_span_inside(step, &path);
            }
        }
    }

    fn span_label(&mut self, span: &spec::SpanLabel, path: &str) -> SpanLabel {
        let mut attributes = Vec::new();
        for (key, value) in &span.attributes {
            let written = match value {
                AttributeValue::Flag(flag) => Written::Flag(*flag),
                AttributeValue::Number(number) => Written::Number(*number),
                AttributeValue::Text(text) => Written::Text(self.pieces(text, &format!("{path}.attributes.{}", quoted(key)))),
            };
            attributes.push((key.clone(), written));
        }
        SpanLabel { name: span.name.clone(), attributes }
    }

    /// `order {request} of {tier}` in its parts. A brace that is not closed is text.
    fn pieces(&mut self, text: &str, path: &str) -> Vec<Piece> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                plain.push('{');
                rest = after;
            } else if let Some((name, after)) = rest.split_once('}') {
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.extend(self.piece(name, path));
                rest = after;
            } else {
                plain.push('{');
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        pieces
    }

    fn piece(&mut self, name: &str, path: &str) -> Option<Piece> {
        if name == "request" {
            return Some(Piece::Request);
        }
        let header = header_attribute(name);
        let attributes = self.topology.attributes.iter().enumerate();
        let named = attributes.filter(|(_, a)| a.name == name || a.name == header).map(|(number, _)| AttributeId::new(number));
        let named: Vec<AttributeId> = named.collect();
        if named.is_empty() {
            let prefix = header_attribute("");
            let known = self.topology.attributes.iter().map(|a| a.name.strip_prefix(&prefix).unwrap_or(&a.name).to_string());
            let known: Vec<String> = known.chain(["request".to_string()]).collect();
            self.unknown("attribute", "unknown-attribute", name, path, known.iter().map(String::as_str).collect());
            return None;
        }
        Some(Piece::Drawn(named))
    }
}

/// Whether a step is a `span`, or has one inside.
fn has_span(step: &Step) -> bool {
    match step {
        Step::Span(_) => true,
        Step::Work(_) | Step::Wait(_) | Step::Call(_) | Step::Publish(_) | Step::Fail(_) => false,
        step => step.inner().iter().any(|(_, steps)| steps.iter().any(has_span)),
    }
}

#[cfg(test)]
mod tests;
