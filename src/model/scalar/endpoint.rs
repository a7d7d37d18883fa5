//! An operation of a service, by name: `orders.place`.

use super::{Scalar, ScalarError};
use std::fmt;

/// A service and one of its endpoints. Endpoint names have no dot, so the last dot parts the two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointRef {
    pub service: String,
    pub endpoint: String,
}

impl Scalar for EndpointRef {
    const FORMAT: &'static str = "endpoint";
    const MEANING: &'static str = "An endpoint of a service, written SERVICE.ENDPOINT";
    const EXAMPLES: &'static [&'static str] = &["orders.place"];

    fn parse(text: &str) -> Result<EndpointRef, ScalarError> {
        let Some((service, endpoint)) = text.rsplit_once('.') else {
            return Err(ScalarError::whole(format!("`{text}` names no endpoint: write `SERVICE.ENDPOINT`, as in `{text}.get`"), text));
        };
        if !crate::model::name::is_name(service) || !crate::model::name::is_name(endpoint) {
            return Err(ScalarError::whole(format!("`{text}` is not `SERVICE.ENDPOINT`"), text));
        }
        Ok(EndpointRef { service: service.to_owned(), endpoint: endpoint.to_owned() })
    }
}

impl fmt::Display for EndpointRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_dot_parts_service_and_endpoint() {
        let parsed = EndpointRef::parse("orders.prod.place").unwrap();
        assert_eq!((parsed.service.as_str(), parsed.endpoint.as_str()), ("orders.prod", "place"));
        assert_eq!(parsed.to_string(), "orders.prod.place");
        for text in ["orders", ".place", "orders.", "", "a b.c"] {
            assert!(EndpointRef::parse(text).is_err(), "{text}");
        }
    }
}
