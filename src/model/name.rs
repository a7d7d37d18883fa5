//! What may be a name of a service, client, fault and so on, and how names are quoted in paths.

/// Names start with a letter, digit or `_`, and go on with those and `-`, `.`, `/`.
pub fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let ends = !text.ends_with(['.', '/', '-']);
    starts && ends && text.len() <= LONGEST_NAME && text.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c))
}

/// Bytes of the longest name: as long as a DNS name.
pub const LONGEST_NAME: usize = 253;

/// A name as a segment of a path: in quotes if it would be taken apart (`services."orders.prod".replicas`).
pub fn quoted(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-/".contains(c));
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}
