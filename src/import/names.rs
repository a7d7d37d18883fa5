//! Names as Istio checks them (istio `pkg/config/validation/agent`, `pkg/config/labels`): DNS labels, wildcard domains, header
//! names, label keys and values; and what short hosts stand for.

use super::cursor::At;
use super::notes::Notes;
use crate::model::mesh::{Host, Labels};

/// A label of a domain name. Istio takes capitals too.
pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|byte| inner(*byte))
}

/// `*`, `*name` or `*-name` besides plain labels: only the first label of a domain may be one.
fn is_wildcard_label(text: &str) -> bool {
    let rest = text.strip_prefix("*-").or(text.strip_prefix('*')).unwrap_or(text);
    text == "*" || text.len() <= 63 && is_dns_label(rest)
}

/// Why a domain is none, if it is none.
pub(super) fn domain_problem(domain: &str) -> Option<String> {
    if domain.is_empty() {
        return Some("a host cannot be empty".to_owned());
    }
    if domain.len() > 255 {
        return Some("a host has at most 255 characters".to_owned());
    }
    let (first, rest) = domain.split_once('.').map_or((domain, None), |(first, rest)| (first, Some(rest)));
    if !is_wildcard_label(first) {
        return Some(label_problem(domain, first));
    }
    let labels: Vec<&str> = rest.map_or_else(Vec::new, |rest| rest.split('.').collect());
    if labels.last().is_some_and(|last| last.parse::<i64>().is_ok()) {
        return Some(format!("`{domain}` is no host: its last part is a number"));
    }
    let last = labels.len().saturating_sub(1);
    // A dot at the end is allowed, as in `istio.io.`.
    let bad = labels.iter().enumerate().find(|(index, label)| !(is_dns_label(label) || label.is_empty() && *index == last));
    bad.map(|(_, label)| label_problem(domain, label))
}

fn label_problem(domain: &str, label: &str) -> String {
    match label.contains('*') {
        true => format!("`{domain}` is no host: `*` can only stand at its beginning"),
        false if label.contains('/') => format!("`{domain}` is no host: it has a `/`"),
        false => format!("`{domain}` is no host: `{label}` is no part of a domain name"),
    }
}

pub(super) fn is_ip(text: &str) -> bool {
    let four = || text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u8>().is_ok());
    let six = || text.contains(':') && text.split(':').count() <= 8 && text.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c));
    four() || six()
}

/// A host as it stands in an object of a namespace, fully qualified: only names without dots, and `name.namespace`,
/// `name.namespace.svc` are those of services.
pub(super) fn qualified(host: &str, namespace: &str) -> Host {
    let labels: Vec<&str> = host.split('.').collect();
    Host(match labels[..] {
        _ if host.is_empty() || host.starts_with('*') || is_ip(host) => host.to_owned(),
        [name] => format!("{name}.{namespace}.svc.cluster.local"),
        [name, of, "svc"] => format!("{name}.{of}.svc.cluster.local"),
        _ => host.strip_suffix('.').unwrap_or(host).to_owned(),
    })
}

/// The characters of a header's name (a token of RFC 9110).
pub(super) fn is_header(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

pub(super) const PSEUDO_HEADERS: [&str; 5] = [":method", ":scheme", ":authority", ":path", ":status"];

/// A label's key: a name, perhaps with a domain before a `/`.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(|prefix| domain_problem(prefix).is_none() && !prefix.starts_with('*')) && is_label_name(name)
}

fn is_label_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(inner)
}

/// Labels that select pods (istio `labels.Instance.Validate`).
pub(super) fn check_labels(notes: &mut Notes, at: &At, labels: &Labels) {
    for (key, value) in labels {
        if !is_label_key(key) {
            notes.error(
                "bad-label",
                at,
                format!("`{key}` is no key of a label"),
                "letters, digits, `-`, `_`, `.`; a domain and `/` may stand before",
            );
        }
        if !value.is_empty() && !is_label_name(value) {
            notes.error("bad-label", at, format!("`{value}` is no value of a label"), "at most 63 letters, digits, `-`, `_`, `.`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_istios() {
        for good in ["orders", "*", "*.com", "*foo.baz", "*-x.baz", "a.b.", "Foo.bar", "orders.shop.svc.cluster.local"] {
            assert_eq!(domain_problem(good), None, "{good}");
        }
        for bad in ["", "foo.*", "default/baz", "a..b", "-a", "a_b", "1.2.3.4", "foo.*.com", "a b"] {
            assert!(domain_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn short_hosts_are_of_the_objects_namespace() {
        for (host, full) in [
            ("orders", "orders.shop.svc.cluster.local"),
            ("orders.other.svc", "orders.other.svc.cluster.local"),
            ("orders.other.svc.cluster.local", "orders.other.svc.cluster.local"),
            ("api.example.com", "api.example.com"),
            ("*.example.com", "*.example.com"),
            ("10.0.0.1", "10.0.0.1"),
            ("*", "*"),
        ] {
            assert_eq!(qualified(host, "shop").0, full, "{host}");
        }
    }
}
