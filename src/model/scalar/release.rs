//! Words of the mesh: a release of Istio (`1.24`), and the proxy that a client calls through (`shop/ingress`).

use super::{Scalar, ScalarError};
use std::fmt;

/// A release of Istio, which decides what its defaults are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    pub major: u32,
    pub minor: u32,
}

impl Release {
    pub const fn new(major: u32, minor: u32) -> Release {
        Release { major, minor }
    }
}

impl Scalar for Release {
    const FORMAT: &'static str = "release";
    const MEANING: &'static str = "A release of Istio from 1.10 on, in quotes (`1.30` without them would be the number 1.3)";
    const EXAMPLES: &'static [&'static str] = &["\"1.24\""];

    fn parse(text: &str) -> Result<Release, ScalarError> {
        let mut parts = text.split('.').map(str::parse::<u32>);
        let (major, minor) = match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
            _ => return Err(ScalarError::whole(format!("`{text}` is no release of Istio: write for example `\"1.24\"`"), text)),
        };
        if major != 1 || minor < 10 {
            let message = format!("`{text}` is no release from 1.10 on; `\"1.30\"` needs its quotes, to be no number");
            return Err(ScalarError::whole(message, text));
        }
        Ok(Release { major, minor })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The Envoy, if any, that a client calls through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Via {
    #[default]
    None,
    /// One of its own, as a service of the mesh has.
    Sidecar,
    Gateway {
        namespace: String,
        name: String,
    },
}

impl Scalar for Via {
    const FORMAT: &'static str = "via";
    const MEANING: &'static str = "The Envoy that calls go through: `none`, `sidecar`, or a gateway as NAMESPACE/NAME";
    const EXAMPLES: &'static [&'static str] = &["sidecar", "shop/ingress"];

    fn parse(text: &str) -> Result<Via, ScalarError> {
        match (text, text.split_once('/')) {
            ("none", _) => Ok(Via::None),
            ("sidecar", _) => Ok(Via::Sidecar),
            (_, Some((namespace, name))) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Via::Gateway { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(ScalarError::whole(format!("`{text}` is neither `none`, nor `sidecar`, nor NAMESPACE/GATEWAY"), text)),
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Via::None => f.write_str("none"),
            Via::Sidecar => f.write_str("sidecar"),
            Via::Gateway { namespace, name } => write!(f, "{namespace}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_mesh_read_and_print_back() {
        for text in ["1.24", "1.10"] {
            assert_eq!(Release::parse(text).unwrap().to_string(), text);
        }
        for text in ["1.3", "latest", "2.0", ""] {
            assert!(Release::parse(text).is_err(), "{text}");
        }
        for text in ["none", "sidecar", "shop/ingress"] {
            assert_eq!(Via::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "/x", "x/", "a/b/c", "gateway"] {
            assert!(Via::parse(text).is_err(), "{text}");
        }
    }
}
