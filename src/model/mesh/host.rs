//! Host names as Istio compares them: fully qualified by the namespace of the object that names them.

use std::fmt;

/// A fully qualified host (`orders.shop.svc.cluster.local`), a wildcard (`*.example.com`, `*`), or a name outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(pub String);

/// The suffix of services inside the cluster, unless the mesh is told otherwise.
const CLUSTER: &str = ".svc.cluster.local";

impl Host {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with('*')
    }

    /// Name and namespace of the Kubernetes service of this host.
    pub fn service(&self) -> Option<(&str, &str)> {
        let (name, namespace) = self.0.strip_suffix(CLUSTER)?.split_once('.')?;
        (!name.is_empty() && !name.starts_with('*') && !namespace.contains('.')).then_some((name, namespace))
    }

    /// Whether every host that `other` names is one of these (`*.a.b` covers `x.a.b` and `*.x.a.b`).
    pub fn covers(&self, other: &Host) -> bool {
        match self.0.strip_prefix('*') {
            None => self == other,
            Some(suffix) => self == other || other.0.trim_start_matches('*').ends_with(suffix),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_what_ends_alike() {
        let covers = |a: &str, b: &str| Host(a.into()).covers(&Host(b.into()));
        assert!(covers("*", "orders.shop.svc.cluster.local"));
        assert!(covers("*.example.com", "a.example.com"));
        assert!(covers("*.example.com", "*.a.example.com"));
        assert!(!covers("*.a.example.com", "*.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("a.b", "c.b"));
    }

    #[test]
    fn hosts_of_the_cluster_have_a_service() {
        assert_eq!(Host("orders.shop.svc.cluster.local".into()).service(), Some(("orders", "shop")));
        assert_eq!(Host("*.shop.svc.cluster.local".into()).service(), None);
        assert_eq!(Host("example.com".into()).service(), None);
    }
}
