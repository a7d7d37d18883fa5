//! Reads YAML 1.2 (and so JSON) into a tree in which every key and value has its place.
//!
//! Uses the event parser beneath serde-saphyr: its deserializer loses places inside untagged values, and stops at the
//! first duplicate key. Booleans are `true` and `false` only; what aliases copy and how deep things nest is bounded.
//! One thing goes beyond YAML: inside `name(…)` on one line, `: ` and `,` belong to the text, so that
//! `work: lognormal(p50: 4ms, p99: 30ms)` needs no quotes.

use super::parentheses::Protected;
use super::source::{SourceId, Sources, Spot};
use super::tree::{Entry, Mapping, Node, Origin, Value};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, options};
use std::collections::BTreeMap;

/// Nodes of one text, 100,000 services with twenty values each.
pub const MOST_NODES: usize = 4_000_000;
/// Nodes that aliases copy; a bomb of aliases ends here.
pub const MOST_ALIASED_NODES: usize = 100_000;
/// Collections inside each other.
pub const DEEPEST: usize = 100;

/// Reads a text that holds one document, and tells what is wrong with it but does not stop the reading: of a key that is
/// written twice the first counts.
pub fn read_on(sources: &Sources, id: SourceId) -> Result<(Node, Diagnostics), Diagnostics> {
    read_all(sources, id, 0)
}

/// Reads a text that holds one document. An empty one is a null.
pub fn read(sources: &Sources, id: SourceId) -> Result<Node, Diagnostics> {
    read_from(sources, id, 0)
}

/// The same for what follows the first bytes of a one-line text, with columns of the whole text (`--set a.b=VALUE`).
pub fn read_from(sources: &Sources, id: SourceId, start: usize) -> Result<Node, Diagnostics> {
    let (node, found) = read_all(sources, id, start)?;
    if found.is_empty() { Ok(node) } else { Err(found) }
}

fn read_all(sources: &Sources, id: SourceId, start: usize) -> Result<(Node, Diagnostics), Diagnostics> {
    let (before, text) = sources.text(id).split_at(start);
    let protected = Protected::new(text);
    let indent = before.chars().count() as u32;
    Reader::new(sources, id, indent, &protected).document()
}

/// Reads a text of any number of documents, as manifests are, and says what is wrong with it: all documents up to the
/// first that is not YAML. In a manifest nothing goes beyond YAML.
pub fn read_stream(sources: &Sources, id: SourceId) -> (Vec<Node>, Diagnostics) {
    let plain = Protected::nothing(sources.text(id));
    Reader::new(sources, id, 0, &plain).stream()
}

struct Reader<'a> {
    sources: &'a Sources,
    id: SourceId,
    /// Characters before the text on its first line.
    indent: u32,
    protected: &'a Protected<'a>,
    parser: Parser<'a, StrInput<'a>>,
    nodes: usize,
    aliased: usize,
    /// Anchored nodes with how many nodes they hold.
    anchors: BTreeMap<usize, (Node, usize)>,
    /// Lists and maps that are begun and not ended.
    open: Vec<Span>,
    /// Problems that do not stop the reading.
    found: Diagnostics,
}

/// The reading cannot go on.
type Stop = Box<Diagnostic>;
type Next<'a> = (Event<'a>, Span);

impl<'a> Reader<'a> {
    fn new(sources: &'a Sources, id: SourceId, indent: u32, protected: &'a Protected<'a>) -> Reader<'a> {
        let limits = options! { flow_nesting_limit: DEEPEST, block_nesting_limit: DEEPEST, emit_comments: false };
        let parser = Parser::new_from_str_with_options(protected.text(), limits);
        Reader {
            sources,
            id,
            indent,
            protected,
            parser,
            nodes: 0,
            aliased: 0,
            anchors: BTreeMap::new(),
            open: Vec::new(),
            found: Diagnostics::new(),
        }
    }

    fn stream(mut self) -> (Vec<Node>, Diagnostics) {
        let mut documents = Vec::new();
        loop {
            match self.next() {
                Ok((Event::StreamEnd, _)) => return (documents, self.found),
                Ok((Event::StreamStart | Event::DocumentStart(..), _)) => {}
                Ok((Event::DocumentEnd, _)) => self.anchors.clear(),
                event => match event.and_then(|event| self.value(event)) {
                    Ok(node) => documents.push(node),
                    Err(stop) => {
                        self.found.push(*stop);
                        return (documents, self.found);
                    }
                },
            }
        }
    }

    fn document(mut self) -> Result<(Node, Diagnostics), Diagnostics> {
        match self.only_document() {
            Ok(node) => Ok((node, self.found)),
            Err(stop) => {
                self.found.push(*stop);
                Err(self.found)
            }
        }
    }

    fn only_document(&mut self) -> Result<Node, Stop> {
        let mut document = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, span) => return Ok(document.unwrap_or_else(|| self.node(Value::Null, span))),
                (Event::DocumentStart(..), span) if document.is_some() => {
                    let stop = self.problem("several-documents", "a second document begins here: a model is one document", span);
                    return Err(Box::new(stop.help("put each model in a file of its own; one can build on another with `extends`")));
                }
                (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                event => document = Some(self.value(event)?),
            }
        }
    }

    fn next(&mut self) -> Result<Next<'a>, Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Box::new(self.syntax_error(&error))),
            None => Err(Box::new(Diagnostic::error("yaml-syntax", "the text ends in the middle of a value"))),
        }
    }

    fn value(&mut self, (event, span): Next<'a>) -> Result<Node, Stop> {
        let before = self.nodes;
        let anchor = event.anchor_id();
        self.refuse_custom_tag(&event, span);
        let as_text = event.tag().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let value = match event {
            Event::Scalar(text, style, ..) => {
                let text = self.protected.restore(&text);
                if style == ScalarStyle::Plain && !as_text { plain(text) } else { Value::String(text) }
            }
            Event::SequenceStart(..) => self.inside(span, Reader::sequence)?,
            Event::MappingStart(..) => self.inside(span, Reader::entries)?,
            Event::Alias(id) => return self.alias(id, span),
            _ => return Err(Box::new(self.problem("yaml-syntax", "a value is due here", span))),
        };
        self.count(1, span)?;
        let node = self.node(value, span);
        if let Some(id) = anchor {
            self.anchors.insert(id, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn refuse_custom_tag(&mut self, event: &Event, span: Span) {
        if let Some(tag) = event.tag().filter(|tag| !tag.is_yaml_core_schema()) {
            let tag = tag.original();
            let message = format!("the tag `{tag}` means nothing in a model");
            // The parser tells where the value begins; the tag stands before it.
            let line = self.line(span.start.line());
            let before: String = line.chars().take(span.start.col() + tag.chars().count()).collect();
            let column = before.rfind(&tag).map_or(span.start.col(), |byte| before[..byte].chars().count());
            let spot = self.at(span.start.line(), column, tag.chars().count());
            let problem = Diagnostic::error("unknown-tag", message).placed(self.sources.place(spot));
            self.found.push(problem.help("remove it; a text that looks like something else stands in quotes"));
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Stop> {
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(Box::new(self.problem("yaml-syntax", "this alias stands inside the value that it names", span)));
        };
        self.aliased += size;
        if self.aliased > MOST_ALIASED_NODES {
            let message = format!("aliases copy more than {MOST_ALIASED_NODES} values up to here");
            return Err(Box::new(self.problem("too-many-aliases", &message, span).help("write the values out, or use fewer aliases")));
        }
        let (node, size) = (node.clone(), *size);
        self.count(size, span)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let message = format!("the model has more than {MOST_NODES} values up to here");
            return Err(Box::new(self.problem("too-many-values", &message, span)));
        }
        Ok(())
    }

    /// Reads a list or a map that begins here.
    fn inside(&mut self, span: Span, read: fn(&mut Self) -> Result<Value, Stop>) -> Result<Value, Stop> {
        self.open.push(span);
        let value = read(self)?;
        self.open.pop();
        Ok(value)
    }

    fn sequence(&mut self) -> Result<Value, Stop> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(list)),
                event => list.push(self.value(event)?),
            }
        }
    }

    fn entries(&mut self) -> Result<Value, Stop> {
        let mut mapping = Mapping::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.key((event, span))?;
            let next = self.next()?;
            let node = self.value(next)?;
            if is_plain && key == "<<" {
                merged.push((node, span));
                continue;
            }
            self.insert(&mut mapping, key, node, span);
        }
        for (node, span) in merged {
            self.merge_key(&mut mapping, node, span);
        }
        Ok(Value::Mapping(mapping))
    }

    fn key(&mut self, (event, span): Next<'a>) -> Result<String, Stop> {
        let text = match self.value((event, span))?.value {
            Value::String(text) | Value::Number(text) => text,
            Value::Bool(value) => value.to_string(),
            Value::Null => {
                self.found.push(self.problem("bad-key", "a key is missing before `:`", span));
                String::new()
            }
            Value::Sequence(_) | Value::Mapping(_) => {
                let problem = self.problem("bad-key", "a key has to be a text, not a list or a map", span);
                let is_template = self.line(span.start.line()).contains("{{");
                self.found.push(if is_template { problem.help(TEMPLATE_HELP) } else { problem });
                format!("?{}", span.start.line())
            }
        };
        Ok(text)
    }

    fn insert(&mut self, mapping: &mut Mapping, key: String, node: Node, span: Span) {
        if let Some(first) = mapping.get(&key) {
            let place = first.key.spot().map(|spot| self.sources.place(spot));
            let twice = self.problem("duplicate-key", &format!("the key `{key}` is written twice in this map"), span);
            self.found.push(twice.related("first written here", place).help("remove or rename one of the two"));
            return;
        }
        let origin = Origin::File(self.spot(span));
        mapping.insert(key, Entry { key: origin, node });
    }

    /// `<<: *defaults` takes over what the map does not say itself; of several maps the first says more.
    fn merge_key(&mut self, mapping: &mut Mapping, node: Node, span: Span) {
        match node.value {
            Value::Mapping(defaults) => {
                for (key, entry) in defaults {
                    mapping.entry(key).or_insert(entry);
                }
            }
            Value::Sequence(list) => list.into_iter().for_each(|node| self.merge_key(mapping, node, span)),
            _ => self.found.push(self.problem("bad-key", "`<<` takes a map, or a list of maps", span)),
        }
    }

    fn node(&self, value: Value, span: Span) -> Node {
        Node { value, origin: Origin::File(self.spot(span)) }
    }

    fn spot(&self, span: Span) -> Spot {
        let len = if span.start.line() == span.end.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        self.at(span.start.line(), span.start.col(), len.max(1))
    }

    fn at(&self, line: usize, column: usize, len: usize) -> Spot {
        let indent = if line == 1 { self.indent } else { 0 };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Spot { source: self.id, line: number(line), column: number(column) + indent + 1, len: number(len) }
    }

    fn problem(&self, code: &'static str, message: &str, span: Span) -> Diagnostic {
        Diagnostic::error(code, message).placed(self.sources.place(self.spot(span)))
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let spot = self.at(error.marker().line(), error.marker().col(), 1);
        let line = self.line(error.marker().line());
        if error.info().contains("recursion limit") {
            let message = format!("more than {DEEPEST} lists and maps stand inside each other up to here");
            let problem = Diagnostic::error("too-deep", message).placed(self.sources.place(spot));
            return problem.help("is a bracket closed that was opened?");
        }
        let message = format!("this is not YAML: {}", error.info());
        let mut diagnostic = Diagnostic::error("yaml-syntax", message).placed(self.sources.place(spot));
        if let Some(open) = self.open.iter().rev().find(|open| self.opens_a_bracket(open)) {
            let place = self.sources.place(self.at(open.start.line(), open.start.col(), 1));
            diagnostic = diagnostic.related("this is still open", place);
        }
        let conflict = self.sources.text(self.id).lines().any(|line| line.starts_with("<<<<<<< "));
        match line {
            _ if conflict => diagnostic.help("is this a merge conflict? settle it first"),
            _ if line.trim_start_matches(' ').starts_with('\t') => diagnostic.help("indent with spaces: YAML allows no tabs there"),
            _ if line.contains("{{") || line.contains("{%") => diagnostic.help(TEMPLATE_HELP),
            _ => diagnostic,
        }
    }

    fn opens_a_bracket(&self, span: &Span) -> bool {
        self.line(span.start.line()).chars().nth(span.start.col()).is_some_and(|c| c == '[' || c == '{')
    }

    /// A line of the text, counted from 1.
    fn line(&self, line: usize) -> &'a str {
        self.sources.text(self.id).lines().nth(line.saturating_sub(1)).unwrap_or("")
    }
}

const TEMPLATE_HELP: &str = "is this a template? fill it in first";

/// What an unquoted scalar is: YAML's core schema, with numbers in plain digits.
fn plain(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(&text) {
            Some(digits) => Value::Number(digits),
            None => Value::String(text),
        },
    }
}

fn number(text: &str) -> Option<String> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'));
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16).map(|number| number.to_string());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8).map(|number| number.to_string());
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = digits.trim_start_matches('0');
        return Some(format!("{sign}{}", if digits.is_empty() { "0" } else { digits }));
    }
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let float: f64 = if numeric { digits.parse().ok()? } else { return None };
    float.is_finite().then(|| format!("{sign}{float}"))
}

#[cfg(test)]
mod tests;
