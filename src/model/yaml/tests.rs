//! What is refused and where, what is kept, and how long a hostile text may take.

use super::*;

fn read_text(text: &str) -> Result<Node, Diagnostics> {
    let mut sources = Sources::new();
    let id = sources.add("m.yaml", text.as_bytes().to_vec()).unwrap();
    read(&sources, id)
}

fn first(text: &str) -> (String, u32, u32) {
    let found = read_text(text).unwrap_err();
    let place = found.list[0].place.clone().expect("a place");
    (format!("{}: {}", found.list[0].code, found.list[0].message), place.line, place.column)
}

#[test]
fn every_key_and_value_has_its_place() {
    let tree = read_text("a: 1\nb:\n  - x\n  - {c: \"two\"}\n").unwrap();
    let spot = |path: &str| tree.origin_of(&super::super::tree::Path::parse(path).unwrap()).spot().unwrap();
    let place = |path: &str| (spot(path).line, spot(path).column, spot(path).len);
    assert_eq!(place("a"), (1, 4, 1));
    assert_eq!(place("b"), (2, 1, 1));
    assert_eq!(place("b[0]"), (3, 5, 1));
    assert_eq!(place("b[1].c"), (4, 9, 5));
    assert_eq!(place("b[1].c.d.e"), (4, 9, 5), "the nearest ancestor");
}

#[test]
fn only_true_and_false_are_booleans_and_units_stay_text() {
    let tree = read_text("{a: no, b: on, c: true, d: 0644, e: 5ms, f: 1e3, g: -2, h: 0x10, i: ~, j: .inf, k: \"5\", l: !!str 5}").unwrap();
    let json = tree.to_json();
    let expected = serde_json::json!(
        {"a": "no", "b": "on", "c": true, "d": 644, "e": "5ms", "f": 1000, "g": -2, "h": 16, "j": ".inf", "k": "5", "l": "5"});
    assert_eq!(json, expected);
}

#[test]
fn json_is_yaml() {
    let tree = read_text("{\"services\": {\"a\": {\"replicas\": 3}}, \"x\": [1, null, true]}").unwrap();
    assert_eq!(tree.to_json(), serde_json::json!({"services": {"a": {"replicas": 3}}, "x": [1, null, true]}));
}

#[test]
fn parentheses_need_no_quotes() {
    let text = "work: lognormal(p50: 4ms, p99: 30ms)\ncache: {keys: zipf(s: 1.0, n: 100), capacity: 5}\nlist: [{work: exp(1ms)}, mix(90%: exp(1ms), 10%: 5ms)]";
    let json = read_text(text).unwrap().to_json();
    assert_eq!(json["work"], "lognormal(p50: 4ms, p99: 30ms)");
    assert_eq!(json["cache"], serde_json::json!({"keys": "zipf(s: 1.0, n: 100)", "capacity": 5}));
    assert_eq!(json["list"][1], "mix(90%: exp(1ms), 10%: 5ms)");
}

#[test]
fn aliases_and_merge_keys_are_understood() {
    let json = read_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n").unwrap().to_json();
    assert_eq!(json["b"], serde_json::json!({"x": 1, "y": 3}));
    assert_eq!(json["c"], json["a"]);
}

#[test]
fn broken_texts_are_refused_with_a_place() {
    for (text, code, line, column) in [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key: the key `a` is written twice in this map", 3, 1),
        ("a:\n\t- x\n", "yaml-syntax", 2, 2),
        ("a: [1, 2\nb: 3\n", "yaml-syntax", 2, 2),
        ("a: 'x\n", "yaml-syntax", 1, 4),
        ("a: 1\n---\nb: 2\n", "several-documents", 2, 1),
        ("a: !secret x\n", "unknown-tag: the tag `!secret` means nothing in a model", 1, 4),
        ("a: *nowhere\n", "yaml-syntax", 1, 4),
        ("? [1]\n: 2\n", "bad-key", 1, 3),
        ("<<: 5\n", "bad-key", 1, 1),
    ] {
        let (message, at_line, at_column) = first(text);
        assert!(message.starts_with(code), "{text:?}: {message}");
        assert_eq!((at_line, at_column), (line, column), "{text:?}: {message}");
    }
}

#[test]
fn all_duplicate_keys_are_reported_with_both_places() {
    let found = read_text("a: 1\na: 2\nb: {c: 1, c: 2}\n").unwrap_err();
    let pairs: Vec<_> = found.iter().map(|d| (d.place.as_ref().unwrap().line, d.related[0].1.line)).collect();
    assert_eq!(pairs, [(2, 1), (3, 3)]);
}

#[test]
fn bombs_and_towers_end_soon() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let copies = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{copies}]\n");
    }
    let began = cpu_milliseconds();
    assert!(first(&bomb).0.starts_with("too-many-aliases"), "{:?}", first(&bomb));
    for tower in ["[".repeat(20_000), "{a: ".repeat(20_000), "- ".repeat(20_000)] {
        assert!(read_text(&tower).is_err());
    }
    assert!(cpu_milliseconds() - began < 1000, "took {} ms", cpu_milliseconds() - began);
}

/// Time of this process's processors, which does not depend on what else the machine does.
fn cpu_milliseconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10
}

#[test]
fn a_text_without_content_is_a_null() {
    for text in ["", "# only a comment\n", "---\n"] {
        assert_eq!(read_text(text).unwrap().value, Value::Null, "{text:?}");
    }
}
