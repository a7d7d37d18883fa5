//! What traces and logs say of calls and endpoints beside their names: nothing that runs reads it.
//!
//! Attributes of a request need no record: what is drawn for it is a function of the seed, the client and the request's number,
//! so whoever tells of the request draws it again.

use super::{Attribute, Keys, Topology};
use crate::base::id::*;
use crate::base::stream::{Source, StreamKey, Streams, name_hash};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// Of endpoints that the model says something of.
    pub spans: BTreeMap<EndpointId, SpanLabel>,
    /// Of calls that say what they look like.
    pub requests: BTreeMap<SiteId, Asked>,
    /// The values of headers, in the order of their numbers; other attributes are their numbers.
    pub texts: BTreeMap<AttributeId, Vec<String>>,
}

/// A method, and a path without its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub path: String,
}

/// What an endpoint's span is called, and what is attached to it, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanLabel {
    pub name: Option<String>,
    pub attributes: Vec<(String, Written)>,
}

/// An attribute's value, as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Flag(bool),
    Number(f64),
    Text(Vec<Piece>),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Plain(String),
    /// The request's number among its client's.
    Request,
    /// What its client draws; of several clients each has its own.
    Drawn(Vec<AttributeId>),
}

/// An attribute's value for one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
}

impl Keys {
    /// The key that is drawn: 1, 2, …
    pub fn draw(&self, source: &mut impl Source) -> u64 {
        match self {
            Keys::Zipf(zipf) => zipf.sample(source),
            Keys::Uniform(n) => 1 + ((source.word() as u128 * *n as u128) >> 64) as u64,
            Keys::Weighted(shares) => {
                let drawn = source.uniform();
                1 + shares.partition_point(|share| *share <= drawn).min(shares.len() - 1) as u64
            }
        }
    }
}

/// What the numbers of a client's requests begin with: 24 bits of its name. The name and not its place in the model, because
/// draws are keyed by it: another client must not shift them.
pub fn signature(client: &str) -> u32 {
    name_hash(client) as u32 >> 8
}

/// The number by which a request's draws are keyed: its client's signature above, its count in the lower 40 bits.
pub fn request_number(signature: u32, count: u64) -> u64 {
    u64::from(signature) << 40 | count
}

impl Topology {
    /// What an attribute's values are drawn from.
    pub fn attribute_stream(&self, attribute: AttributeId, streams: Streams) -> StreamKey {
        let attribute = &self.attributes[attribute.index()];
        streams.key(&self.clients[attribute.client.index()].name, &format!("attribute {}", attribute.name))
    }

    /// The attribute's value for its client's request of this count: the header's text, or the number drawn.
    pub fn attribute_value(&self, attribute: AttributeId, seed: u64, count: u64) -> Value {
        let Attribute { client, values, .. } = &self.attributes[attribute.index()];
        let request = request_number(signature(&self.clients[client.index()].name), count);
        let drawn = values.draw(&mut self.attribute_stream(attribute, Streams::new(seed)).draw(request, 0));
        let text = self.labels.texts.get(&attribute).and_then(|texts| texts.get(drawn as usize - 1));
        text.map_or(Value::Whole(drawn as i64), |text| Value::Text(text.clone()))
    }

    /// What the model attaches to an endpoint's span, for a request of this client; what its client does not draw is left out.
    pub fn span_attributes(&self, endpoint: EndpointId, client: ClientId, seed: u64, count: u64) -> Vec<(&str, Value)> {
        let Some(label) = self.labels.spans.get(&endpoint) else { return Vec::new() };
        let of = |written: &Written| match written {
            Written::Flag(flag) => Some(Value::Flag(*flag)),
            Written::Number(number) => Some(whole(*number).map_or(Value::Number(*number), Value::Whole)),
            Written::Text(pieces) => self.text(pieces, client, seed, count),
        };
        label.attributes.iter().filter_map(|(key, written)| Some((key.as_str(), of(written)?))).collect()
    }

    fn text(&self, pieces: &[Piece], client: ClientId, seed: u64, count: u64) -> Option<Value> {
        let value = |piece: &Piece| match piece {
            Piece::Plain(text) => Some(Value::Text(text.clone())),
            Piece::Request => Some(Value::Whole(count as i64)),
            Piece::Drawn(attributes) => {
                let own = attributes.iter().find(|attribute| self.attributes[attribute.index()].client == client)?;
                Some(self.attribute_value(*own, seed, count))
            }
        };
        let [only] = pieces else {
            let values: Option<Vec<String>> = pieces.iter().map(|piece| Some(value(piece)?.to_string())).collect();
            return Some(Value::Text(values?.concat()));
        };
        value(only)
    }
}

fn whole(number: f64) -> Option<i64> {
    (number == number.trunc() && number.abs() < 9e15).then_some(number as i64)
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Flag(flag) => flag.fmt(f),
            Value::Whole(number) => number.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Text(text) => f.write_str(text),
        }
    }
}
