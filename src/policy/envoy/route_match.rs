//! Route matching: whether a request fits a rule's `match` (Istio `HTTPMatchRequest`, `route.go`; Envoy `config_impl.cc`),
//! and whether a rule lets no later one have anything.
//!
//! What depends on headers alone can be asked by itself, for each condition and value, since a model draws headers from a
//! few values and a compiler wants to know beforehand which of them fit.

use crate::policy::envoy::string_match::{StringMatch, ValueMatch};

/// A request as a route sees it.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    pub method: &'a str,
    pub scheme: &'a str,
    pub authority: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// What follows the question mark, undecoded.
    pub query: &'a str,
    /// The value of a header, its name in lower case.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
}

/// A condition on one header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderCondition {
    name: String,
    value: ValueMatch,
    /// From `withoutHeaders`: holds where the value does not fit, or is not there.
    inverted: bool,
}

/// A condition on one parameter of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryCondition {
    pub name: String,
    pub value: ValueMatch,
}

/// One entry of a rule's `match`: all of its conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RequestMatch {
    pub uri: Option<StringMatch>,
    /// For `exact` and `prefix` of the uri.
    pub ignore_uri_case: bool,
    pub scheme: Option<StringMatch>,
    pub method: Option<StringMatch>,
    pub authority: Option<StringMatch>,
    pub headers: Vec<HeaderCondition>,
    pub query: Vec<QueryCondition>,
}

/// A rule's `match`: one of its entries must fit; without entries every request does.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RouteMatch {
    pub any_of: Vec<RequestMatch>,
}

impl HeaderCondition {
    /// From `headers`. None for a pseudo-header (`:method` …): they have fields of their own, and are ignored here.
    pub fn with(name: &str, value: ValueMatch) -> Option<HeaderCondition> {
        HeaderCondition::new(name, value, false)
    }

    /// From `withoutHeaders`.
    pub fn without(name: &str, value: ValueMatch) -> Option<HeaderCondition> {
        HeaderCondition::new(name, value, true)
    }

    fn new(name: &str, value: ValueMatch, inverted: bool) -> Option<HeaderCondition> {
        (!name.starts_with(':')).then(|| HeaderCondition { name: name.to_ascii_lowercase(), value, inverted })
    }

    /// The header that is asked for, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the condition holds for this value of the header; none where a request does not have it.
    pub fn holds(&self, value: Option<&str>) -> bool {
        self.value.accepts(value) != self.inverted
    }
}

impl QueryCondition {
    /// The first parameter of that name counts; one without `=` has the empty value.
    pub fn holds(&self, query: &str) -> bool {
        let mut parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let value = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (name == self.name).then_some(value)
        });
        self.value.accepts(value)
    }
}

impl RequestMatch {
    /// Whether everything but the headers fits.
    pub fn fits_apart_from_headers(&self, request: &RequestView) -> bool {
        let fits = |pattern: &Option<StringMatch>, value: &str| pattern.as_ref().is_none_or(|pattern| pattern.matches(value));
        self.uri.as_ref().is_none_or(|uri| uri.matches_case(request.path, self.ignore_uri_case))
            && fits(&self.method, request.method)
            && fits(&self.scheme, request.scheme)
            && fits(&self.authority, request.authority)
            && self.query.iter().all(|condition| condition.holds(request.query))
    }

    pub fn fits(&self, request: &RequestView) -> bool {
        self.fits_apart_from_headers(request) && self.headers.iter().all(|condition| condition.holds((request.header)(condition.name())))
    }

    /// Whether it takes every request in Istio's eyes: any path, and no condition beside it.
    pub fn is_catch_all(&self) -> bool {
        let no_header = self.headers.is_empty() && self.method.is_none() && self.scheme.is_none() && self.authority.is_none();
        no_header && self.query.is_empty() && self.uri.as_ref().is_none_or(StringMatch::is_any_path)
    }
}

impl RouteMatch {
    pub fn fits(&self, request: &RequestView) -> bool {
        self.any_of.is_empty() || self.any_of.iter().any(|entry| entry.fits(request))
    }

    /// Rules after one that takes everything are unreachable, and Istio does not generate them.
    pub fn is_catch_all(&self) -> bool {
        self.any_of.is_empty() || self.any_of.iter().any(RequestMatch::is_catch_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_HEADERS: &dyn Fn(&str) -> Option<&'static str> = &|_| None;
    const ORDERS: RequestView<'static> =
        RequestView { method: "GET", scheme: "http", authority: "orders:8080", path: "/Orders/7", query: "a=1&b&c=", header: NO_HEADERS };

    fn exact(text: &str) -> StringMatch {
        StringMatch::Exact(text.into())
    }

    fn prefix(text: &str) -> StringMatch {
        StringMatch::Prefix(text.into())
    }

    fn regex(text: &str) -> StringMatch {
        StringMatch::regex(text).unwrap()
    }

    #[test]
    fn every_condition_of_an_entry_must_hold() {
        let any = RequestMatch::default;
        for (entry, fits) in [
            (any(), true),
            (RequestMatch { uri: Some(prefix("/Orders")), ..any() }, true),
            (RequestMatch { uri: Some(prefix("/orders")), ..any() }, false),
            (RequestMatch { uri: Some(prefix("/orders")), ignore_uri_case: true, ..any() }, true),
            (RequestMatch { uri: Some(exact("/orders/7")), ignore_uri_case: true, ..any() }, true),
            (RequestMatch { uri: Some(regex("/orders/7")), ignore_uri_case: true, ..any() }, false),
            (RequestMatch { uri: Some(exact("/Orders/7?a=1&b&c=")), ..any() }, false),
            (RequestMatch { method: Some(exact("GET")), ..any() }, true),
            (RequestMatch { method: Some(exact("get")), ..any() }, false),
            (RequestMatch { scheme: Some(regex("https?")), ..any() }, true),
            (RequestMatch { scheme: Some(exact("https")), ..any() }, false),
            (RequestMatch { authority: Some(prefix("orders")), ..any() }, true),
            (RequestMatch { authority: Some(exact("orders")), ..any() }, false),
            (RequestMatch { uri: Some(prefix("/Orders")), method: Some(exact("POST")), ..any() }, false),
        ] {
            assert_eq!(entry.fits(&ORDERS), fits, "{entry:?}");
        }
    }

    #[test]
    fn headers_are_asked_by_name_in_lower_case_and_absent_ones_fit_only_without() {
        let present = || ValueMatch::Present;
        let premium = || ValueMatch::Is(exact("premium"));
        for (condition, absent, premium_user, basic_user) in [
            (HeaderCondition::with("X-User", premium()), false, true, false),
            (HeaderCondition::with("X-User", present()), false, true, true),
            (HeaderCondition::without("X-User", premium()), true, false, true),
            (HeaderCondition::without("x-user", present()), true, false, false),
        ] {
            let condition = condition.unwrap();
            assert_eq!(condition.name(), "x-user");
            let found = [None, Some("premium"), Some("basic")].map(|value| condition.holds(value));
            assert_eq!(found, [absent, premium_user, basic_user], "{condition:?}");
            let entry = RequestMatch { headers: vec![condition], ..RequestMatch::default() };
            let with = |name: &str| (name == "x-user").then_some("premium");
            assert_eq!(entry.fits(&RequestView { header: &with, ..ORDERS }), premium_user);
            assert_eq!(entry.fits(&ORDERS), absent);
            assert!(entry.fits_apart_from_headers(&ORDERS));
        }
        assert_eq!(HeaderCondition::with(":method", present()), None);
    }

    #[test]
    fn parameters_of_the_query_are_the_first_of_their_name() {
        for (name, value, query, holds) in [
            ("a", ValueMatch::Is(exact("1")), "a=1&b=2", true),
            ("b", ValueMatch::Is(exact("2")), "a=1&b=2", true),
            ("a", ValueMatch::Is(exact("2")), "a=1&a=2", false),
            ("a", ValueMatch::Present, "b=a", false),
            ("a", ValueMatch::Present, "a", true),
            ("a", ValueMatch::Present, "b&a=", true),
            ("a", ValueMatch::Is(exact("")), "a", true),
            ("a", ValueMatch::Is(exact("x=y")), "a=x=y", true),
            ("", ValueMatch::Present, "", false),
        ] {
            let condition = QueryCondition { name: name.into(), value };
            assert_eq!(condition.holds(query), holds, "{condition:?} {query}");
        }
    }

    #[test]
    fn one_entry_that_fits_is_enough_and_no_entry_takes_all() {
        let get = RequestMatch { method: Some(exact("GET")), ..RequestMatch::default() };
        let post = RequestMatch { method: Some(exact("POST")), ..RequestMatch::default() };
        for (entries, fits) in [(vec![], true), (vec![post.clone()], false), (vec![post, get], true)] {
            assert_eq!(RouteMatch { any_of: entries }.fits(&ORDERS), fits);
        }
    }

    #[test]
    fn what_takes_every_request_hides_the_rules_after_it() {
        let any = RequestMatch::default;
        let header = || vec![HeaderCondition::without("x", ValueMatch::Present).unwrap()];
        let query = || vec![QueryCondition { name: "q".into(), value: ValueMatch::Present }];
        for (entry, all) in [
            (any(), true),
            (RequestMatch { uri: Some(prefix("/")), ..any() }, true),
            (RequestMatch { uri: Some(StringMatch::path_prefix("/")), ..any() }, true),
            (RequestMatch { uri: Some(regex(".*")), ..any() }, true),
            (RequestMatch { uri: Some(prefix("/a")), ..any() }, false),
            (RequestMatch { uri: Some(exact("/")), ..any() }, false),
            (RequestMatch { uri: Some(regex("/.*")), ..any() }, false),
            (RequestMatch { headers: header(), ..any() }, false),
            (RequestMatch { query: query(), ..any() }, false),
            (RequestMatch { method: Some(regex(".*")), ..any() }, false),
            (RequestMatch { scheme: Some(exact("http")), ..any() }, false),
            (RequestMatch { authority: Some(exact("orders")), ..any() }, false),
        ] {
            assert_eq!(entry.is_catch_all(), all, "{entry:?}");
            assert_eq!(RouteMatch { any_of: vec![RequestMatch { uri: Some(exact("/x")), ..any() }, entry] }.is_catch_all(), all);
        }
        assert!(RouteMatch::default().is_catch_all());
    }
}
