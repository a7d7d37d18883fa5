//! The rules of manifests, one by one: a table of small objects with what is said of each, and what sound ones become.

use brownout::base::diagnostic::Severity;
use brownout::base::time::Nanos;
use brownout::import::{Imported, cross_check, read};
use brownout::model::mesh::{Action, HashKey, HashTable, Percentage, RetryCondition, SimpleBalancer, StringMatch};
use brownout::model::source::Sources;

fn import(text: &str) -> Imported {
    let mut sources = Sources::new();
    let file = sources.add("m.yaml", text.as_bytes().to_vec()).unwrap();
    let mut imported = read(&sources, &[file]);
    let across = cross_check(&sources, &imported.mesh);
    imported.problems.append(across);
    imported
}

fn object(kind: &str, spec: &str) -> String {
    let group = match kind {
        "PeerAuthentication" => "security.istio.io/v1",
        "Service" => "v1",
        "Deployment" => "apps/v1",
        "HTTPRoute" => "gateway.networking.k8s.io/v1",
        _ => "networking.istio.io/v1",
    };
    format!("apiVersion: {group}\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\nspec: {spec}\n")
}

/// A rule of a VirtualService that is sound but for the part.
fn rule(part: &str) -> String {
    object("VirtualService", &format!("{{hosts: [a], http: [{{route: [{{destination: {{host: a}}}}], {part}}}]}}"))
}

fn policy(part: &str) -> String {
    object("DestinationRule", &format!("{{host: a, trafficPolicy: {{{part}}}}}"))
}

/// What is said of a text: severity and code, notes left out.
fn said(text: &str) -> Vec<(Severity, &'static str)> {
    let problems = import(text).problems;
    problems.iter().filter(|problem| problem.severity != Severity::Note).map(|problem| (problem.severity, problem.code)).collect()
}

/// Parts of a rule, and the error that each is; empty for none.
const OF_ROUTES: &[(&str, &str)] = &[
    ("timeout: 2s", ""),
    ("timeout: 2", "bad-duration"),
    ("timeout: 100us", "bad-duration"),
    ("timeout: 1.0005s", "bad-duration"),
    ("retries: {attempts: 2}", ""),
    ("retries: {attempts: -1}", "out-of-range"),
    ("retries: {perTryTimeout: 2s}", "bad-retry"),
    ("retries: {attempts: 2, retryOn: \"503,reset\"}", ""),
    ("retries: {attempts: 2, retryOn: \"599\"}", "bad-retry"),
    ("retries: {attempts: 2, retryOn: never}", "bad-retry"),
    ("retries: {attempts: two}", "wrong-type"),
    ("fault: {}", "empty-block"),
    ("fault: {delay: {fixedDelay: 1s, percentage: {value: 5}}}", ""),
    ("fault: {delay: {fixedDelay: 1s, percentage: {value: 0.00001}}}", "bad-percentage"),
    ("fault: {abort: {httpStatus: 199, percentage: {value: 5}}}", "bad-status"),
    ("fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 5}}}", ""),
    ("fault: {abort: {grpcStatus: Unavailable, percentage: {value: 5}}}", "bad-status"),
    ("mirror: {host: b}, mirrors: [{destination: {host: b}}]", "route-conflict"),
    ("mirrors: [{percentage: {value: 5}}]", "missing-field"),
    ("mirror: {host: b}, mirrorPercentage: {value: 101}", "bad-percentage"),
    ("rewrite: {}", "bad-rewrite"),
    ("rewrite: {uri: /a, uriRegexRewrite: {match: a, rewrite: b}}", "bad-rewrite"),
    ("redirect: {uri: /a}", "route-conflict"),
    ("directResponse: {status: 200}", "route-conflict"),
    ("delegate: {name: b}", "route-conflict"),
    ("headers: {request: {set: {\":path\": a}}}", "bad-header"),
    ("headers: {request: {set: {host: a}}}", ""),
    ("headers: {response: {set: {host: a}}}", "bad-header"),
    ("headers: {request: {set: {x: \"50%\"}}}", "bad-header"),
    ("headers: {request: {set: {host: a}}}, rewrite: {authority: b}", "bad-header"),
    ("match: [{uri: {exact: /a, prefix: /b}}]", "route-conflict"),
    ("match: [{uri: {regex: \"(?=a)\"}}]", "bad-regex"),
    ("match: [{method: {prefix: \"\"}}]", "bad-match"),
    ("match: [{headers: {x: {}}}]", ""),
    ("match: [{headers: {x: null}}]", "bad-match"),
    ("match: [{headers: {\"a b\": {exact: c}}}]", "bad-header"),
    ("match: [{port: 70000}]", "bad-port"),
    ("match: [{sourceLabels: {\"-\": a}}]", "bad-label"),
    ("match: [{gateways: [\"*/a\"]}]", "bad-gateway"),
    ("corsPolicy: {allowMethods: [get]}", "bad-cors"),
    ("corsPolicy: {maxAge: 1500ms}", "bad-duration"),
];

const OF_POLICIES: &[(&str, &str)] = &[
    ("loadBalancer: {simple: RANDOM}", ""),
    ("loadBalancer: {simple: 2}", ""),
    ("loadBalancer: {simple: FASTEST}", "unknown-value"),
    ("loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}", "bad-balancer"),
    ("loadBalancer: {consistentHash: {httpHeaderName: a, useSourceIp: true}}", "bad-balancer"),
    ("loadBalancer: {consistentHash: {httpCookie: {ttl: 0s}}}", "missing-field"),
    ("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 65536}}}", "bad-balancer"),
    ("loadBalancer: {warmup: {duration: 60s, aggression: 0.5}}", "out-of-range"),
    ("loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 50, b: 40}}]}}", "bad-locality"),
    ("loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {a/x: 50, b: 50}}]}}", ""),
    ("loadBalancer: {localityLbSetting: {failover: [{from: a, to: a}]}}, outlierDetection: {}", "bad-locality"),
    ("connectionPool: {}", "empty-block"),
    ("connectionPool: {tcp: {idleTimeout: 0s}}", ""),
    ("connectionPool: {http: {idleTimeout: 0s}}", "bad-duration"),
    ("connectionPool: {http: {maxRetries: -1}}", "out-of-range"),
    ("connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}", "bad-pool"),
    ("outlierDetection: {}", ""),
    ("outlierDetection: {consecutiveLocalOriginFailures: 5}", "bad-outlier"),
    ("outlierDetection: {minHealthPercent: 101}", "bad-percentage"),
    ("tls: {mode: MUTUAL, caCertificates: a}", "bad-tls"),
    ("tls: {mode: ISTIO_MUTUAL}", ""),
    ("retryBudget: {percent: 120}", "bad-percentage"),
    ("portLevelSettings: [{tls: {mode: DISABLE}}]", "missing-field"),
    ("portLevelSettings: [{port: {number: 80}}]", "empty-block"),
    ("tunnel: {targetHost: a, targetPort: 0}", "bad-port"),
];

const OF_OBJECTS: &[(&str, &str, &str)] = &[
    ("VirtualService", "{hosts: [a]}", "missing-field"),
    ("VirtualService", "{hosts: [a, a], http: [{route: [{destination: {host: a}}]}]}", "duplicate-host"),
    ("VirtualService", "{gateways: [g], http: [{route: [{destination: {host: a}}]}]}", "route-conflict"),
    ("VirtualService", "{hosts: [a], exportTo: [\"*\", b], http: [{route: [{destination: {host: a}}]}]}", "bad-export"),
    ("VirtualService", "{hosts: [a], tcp: [{route: []}]}", "missing-field"),
    ("VirtualService", "{hosts: [a.b], tls: [{match: [{sniHosts: [c.d]}], route: [{destination: {host: a}}]}]}", "bad-host"),
    ("DestinationRule", "{host: 10.0.0.1}", "bad-host"),
    ("DestinationRule", "{host: a, subsets: [{name: V_1}]}", "bad-subset"),
    ("DestinationRule", "{host: a, exportTo: [\"*\"], workloadSelector: {matchLabels: {a: b}}}", "bad-export"),
    ("PeerAuthentication", "{portLevelMtls: {80: {mode: STRICT}}}", "route-conflict"),
    ("PeerAuthentication", "{mtls: {mode: strict}}", "unknown-value"),
    ("Service", "{ports: [{port: 0}]}", "bad-port"),
    ("Deployment", "{replicas: -1, template: {}}", "out-of-range"),
];

#[test]
fn every_rule_refuses_what_breaks_it_and_nothing_else() {
    let cases = OF_ROUTES.iter().map(|(part, code)| (rule(part), *code));
    let cases = cases.chain(OF_POLICIES.iter().map(|(part, code)| (policy(part), *code)));
    let cases = cases.chain(OF_OBJECTS.iter().map(|(kind, spec, code)| (object(kind, spec), *code)));
    let mut wrong = Vec::new();
    for (text, code) in cases {
        let errors: Vec<_> = said(&text).into_iter().filter(|(severity, _)| *severity == Severity::Error).map(|(_, code)| code).collect();
        let wanted: Vec<&str> = Some(code).filter(|code| !code.is_empty()).into_iter().collect();
        if errors != wanted {
            wrong.push(format!("{text}{errors:?} instead of {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_dropped_or_means_nothing_is_a_warning() {
    for (text, code) in [
        (rule("timeouts: 2s"), "unknown-field"),
        (rule("timeout: 0s"), "zero-timeout"),
        (rule("retries: {attempts: 1, retryOn: \"5xx, reset\"}"), "blank-in-retry-on"),
        (rule("fault: {abort: {httpStatus: 500}}"), "no-percentage"),
        (policy("outlierDetection: {consecutiveErrors: 5}"), "deprecated-field"),
        (policy("connectionPool: {http: {max_retries: 3}}"), "snake-case-field"),
        (policy("tls: {mode: SIMPLE}"), "unverified-server"),
        (policy("loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}"), "failover-without-outlier-detection"),
        (object("VirtualService", "{hosts: [a], http: [{route: [{destination: {host: a, subset: v1}}]}]}"), "unknown-subset"),
    ] {
        assert_eq!(said(&text), [(Severity::Warning, code)], "{text}");
    }
}

#[test]
fn routes_keep_what_they_say() {
    let imported = import(&rule(
        "timeout: 1m30s, retries: {attempts: 3, perTryTimeout: 250ms, retryOn: \"503,reset\"}, \
         match: [{headers: {User-Tier: {exact: premium}}, uri: {prefix: /a}}], \
         fault: {delay: {fixedDelay: 5s, percentage: {value: 12.34567}}}, mirror: {host: b.other.svc}, mirrorPercent: 20",
    ));
    let service = &imported.mesh.virtual_services[0];
    let route = &service.http[0];
    assert!(service.is_for_mesh());
    assert_eq!(service.hosts[0].value.0, "a.shop.svc.cluster.local");
    assert_eq!(route.timeout.as_ref().unwrap().value, Nanos::from_secs(90));
    let retries = route.retries.as_ref().unwrap();
    assert_eq!((retries.attempts.value, retries.per_try_timeout.as_ref().unwrap().value), (3, Nanos::from_millis(250)));
    let on = &retries.retry_on.as_ref().unwrap().value;
    assert_eq!(
        (on.conditions.as_slice(), on.statuses.as_slice()),
        (&[RetryCondition::Reset, RetryCondition::RetriableStatusCodes][..], &[503][..])
    );
    assert_eq!(route.matches[0].headers[0].0, "user-tier");
    assert_eq!(route.matches[0].uri.as_ref().unwrap().value, StringMatch::Prefix("/a".into()));
    assert_eq!(route.fault.delay.as_ref().unwrap().share.value, Percentage { numerator: 123_456, denominator: 1_000_000 });
    assert_eq!(route.mirrors[0].share.value, Percentage { numerator: 20, denominator: 100 });
    assert_eq!(route.mirrors[0].destination.host.value.0, "b.other.svc.cluster.local");
    let spot = route.timeout.as_ref().unwrap().origin.spot().unwrap();
    assert_eq!(spot.line, 4);
}

/// Proto3 cannot tell 0 from absent, except where a wrapper can.
#[test]
fn zero_is_absent_where_protobuf_cannot_tell() {
    let imported = import(&policy(
        "connectionPool: {tcp: {maxConnections: 0}, http: {http2MaxRequests: 0, maxRetries: 0}}, \
         outlierDetection: {consecutive5xxErrors: 0, maxEjectionPercent: 0}",
    ));
    let policy = &imported.mesh.destination_rules[0].policy.as_ref().unwrap().blocks;
    let pool = policy.connection_pool.as_ref().unwrap();
    assert_eq!((pool.max_connections(), pool.max_requests(), pool.max_retries()), (u32::MAX, u32::MAX, u32::MAX));
    assert_eq!((pool.connect_timeout(), pool.idle_timeout()), (Nanos::from_secs(10), Some(Nanos::from_secs(3600))));
    let outlier = policy.outlier_detection.as_ref().unwrap();
    assert_eq!((outlier.consecutive_5xx(), outlier.max_ejection_percent(), outlier.min_health_percent()), (None, 10, 0));
    let empty = import(&self::policy("outlierDetection: {}"));
    let outlier = empty.mesh.destination_rules[0].policy.as_ref().unwrap().blocks.outlier_detection.clone().unwrap();
    assert_eq!((outlier.consecutive_5xx(), outlier.consecutive_gateway(), outlier.consecutive_local_origin()), (Some(5), None, None));
    assert_eq!((outlier.interval(), outlier.base_ejection_time()), (Nanos::from_secs(10), Nanos::from_secs(30)));
}

#[test]
fn balancers_are_read_by_their_words() {
    let of = |part: &str| {
        import(&policy(&format!("loadBalancer: {part}"))).mesh.destination_rules[0].policy.clone().unwrap().blocks.load_balancer.unwrap()
    };
    assert_eq!(of("{simple: LEAST_CONN}").simple.unwrap().value, SimpleBalancer::LeastRequest);
    assert!(of("{simple: UNSPECIFIED}").simple.is_none());
    let hash = of("{consistentHash: {httpHeaderName: X-User}}").consistent_hash.unwrap();
    assert_eq!((hash.key, hash.table), (HashKey::Header("x-user".into()), HashTable::Ring { minimum: 1024 }));
    assert_eq!(of("{warmupDurationSecs: 60s}").warmup.unwrap().duration, Nanos::from_secs(60));
}

/// The rules of an HTTPRoute are tried by how specific they are.
#[test]
fn http_routes_become_rules_in_istios_order() {
    let imported = import(&object(
        "HTTPRoute",
        "{parentRefs: [{kind: Service, group: '', name: a}], rules: [\
          {backendRefs: [{name: b, port: 80}]}, \
          {matches: [{path: {value: /x}}, {path: {type: Exact, value: /x}}], backendRefs: [{name: c, port: 80, weight: 0}], timeouts: {request: 0s}}, \
          {matches: [{path: {value: /x/y}}], backendRefs: [{name: d, port: 80}], timeouts: {backendRequest: 1s}, retry: {codes: [503]}}]}",
    ));
    assert_eq!(imported.problems.list, []);
    let route = &imported.mesh.virtual_services[0];
    assert!(route.gateway_api && route.hosts[0].value.0 == "a.shop.svc.cluster.local");
    let paths: Vec<_> = route.http.iter().map(|rule| rule.matches.first().and_then(|one| one.uri.clone()).map(|uri| uri.value)).collect();
    let prefix = |path: &str| Some(StringMatch::Prefix(path.into()));
    assert_eq!(paths, [Some(StringMatch::Exact("/x".into())), prefix("/x/y"), prefix("/x"), None]);
    assert!(matches!(&route.http[0].action, Action::Answer(answer) if answer.status.value == 500));
    let retries = route.http[1].retries.as_ref().unwrap();
    assert_eq!(
        (retries.attempts.value, retries.per_try_timeout.as_ref().unwrap().value, &route.http[1].timeout),
        (2, Nanos::from_secs(1), &None)
    );
}

#[test]
fn workloads_say_how_many_and_which_pods() {
    let imported = import(&object(
        "Deployment",
        "{replicas: 3, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, resources: {requests: {cpu: 250m, memory: 64Mi}}}]}}}",
    ));
    let workload = &imported.mesh.workloads[0];
    assert_eq!((workload.replicas.value, workload.labels["app"].as_str()), (3, "a"));
    let container = &workload.containers[0];
    assert_eq!(container.cpu_request.as_ref().unwrap().value.thousandths, 250);
    assert_eq!(container.memory_request.as_ref().unwrap().value.thousandths, 1000 * (64 << 20));
    assert_eq!(imported.problems.list.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["not-simulated"]);
}

/// What is not simulated is told once, not once per object.
#[test]
fn notes_are_told_once_and_counted() {
    let text: Vec<String> = (0..5).map(|_| rule("corsPolicy: {allowMethods: [GET]}")).collect();
    let problems = import(&text.join("---\n")).problems;
    let notes: Vec<&str> =
        problems.iter().filter(|problem| problem.severity == Severity::Note).map(|problem| problem.message.as_str()).collect();
    assert_eq!(notes, ["`corsPolicy` is read and kept, but not simulated: no request is a preflight (here, and 4 times more)"]);
}

/// The keys that surround a mesh, read but refused by the compiler as long as they are not simulated.
const MODEL: &str = "\
duration: 10s
mesh: {istio: \"1.24\", sidecar: {latency: 300us}, mtls: {mode: STRICT, handshake: 1ms}}
clients:
  users:
    target: a.get
    arrivals: poisson(10/s)
    via: shop/ingress
    request: {method: POST, path: /x, headers: {user-tier: {premium: 10%, standard: 90%}, host: a}}
services:
  a:
    namespace: shop
    labels: {app: a}
    port: 8080
    protocol: grpc
    sidecar: false
    workers: 8
    endpoints: {get: [{work: 1ms}, {call: b.get, request: {path: /y, headers: {x: z}}}]}
    versions: {v2: {labels: {version: v2}, replicas: 2, endpoints: {get: [{work: 5ms}]}}}
  b: {endpoints: {get: [{work: 1ms}]}}
";

fn model(text: &str) -> brownout::model::Loaded {
    brownout::model::read("m.yaml", &|_| Ok(text.as_bytes().to_vec()), &[], None).map_err(|refused| refused.problems.to_string()).unwrap()
}

#[test]
fn the_language_of_meshes_is_read_and_compiled() {
    let loaded = model(MODEL);
    let service = &loaded.model.services["a"];
    let version = &service.versions["v2"];
    assert_eq!((version.replicas, version.workers, version.port), (2, service.workers, Some(8080)));
    assert_eq!(version.labels.keys().collect::<Vec<_>>(), ["app", "version"]);
    let topology = brownout::topology::compile::compile(&loaded.model, &|_| Err(String::new())).unwrap();
    assert!(topology.services.iter().any(|service| service.name == "a/v2" && service.replicas.len() == 2));
    assert!(!topology.mesh.is_empty(), "calls go through proxies");
}

#[test]
fn mistakes_in_the_language_of_meshes_are_told_once() {
    for (from, to, message) in [
        ("\"1.24\"", "1.3", "no release from 1.10 on"),
        ("STRICT", "strict", "`strict` is not a value of `mode`"),
        ("shop/ingress", "ingress", "neither `none`, nor `sidecar`"),
        ("workers: 8", "workers: many", "`many` is neither"),
        ("grpc", "tcp", "`tcp` is not a value of `protocol`"),
    ] {
        let text = MODEL.replace(from, to);
        let refused = brownout::model::read("m.yaml", &|_| Ok(text.as_bytes().to_vec()), &[], None).unwrap_err();
        assert_eq!(refused.problems.list.len(), 1, "{}", refused.problems);
        assert!(refused.problems.list[0].message.contains(message), "{}", refused.problems);
    }
}

/// Default < manifest < model.
#[test]
fn a_deployment_gives_replicas_where_the_model_gives_none() {
    let manifest = object("Deployment", "{replicas: 3, template: {metadata: {labels: {app: a}}}}");
    for (own, replicas, origin) in [("", 3, "d.yaml:4"), ("replicas: 2, ", 2, "m.yaml:3")] {
        let text =
            format!("duration: 1s\nclients: {{}}\nservices: {{a: {{namespace: shop, {own}endpoints: {{}}}}, b: {{endpoints: {{}}}}}}\n");
        let mut loaded = model(&text);
        let file = loaded.sources.add("d.yaml", manifest.as_bytes().to_vec()).unwrap();
        let imported = read(&loaded.sources, &[file]);
        loaded.adopt(imported.mesh);
        assert_eq!((loaded.model.services["a"].replicas, loaded.origin("services.a.replicas").as_str()), (replicas, origin));
        let resolved = brownout::model::resolved::yaml(&loaded);
        assert!(resolved.contains(&format!("replicas: {replicas}  # {origin}")), "{resolved}");
    }
}

/// Matches of earlier rules that take all that a later rule wants: the later one is never reached.
#[test]
fn rules_behind_wider_ones_are_told() {
    let two = |first: &str, second: &str, weights: bool| {
        let weighted = "route: [{destination: {host: a, subset: x}, weight: 1}, {destination: {host: a, subset: y}, weight: 1}]";
        let route = if weights { weighted } else { "route: [{destination: {host: a}}]" };
        let subsets = object("DestinationRule", "{host: a, subsets: [{name: x}, {name: y}]}");
        let rules = format!("{{match: {first}, route: [{{destination: {{host: a}}}}]}}, {{match: {second}, {route}}}");
        said(&format!("{}---\n{subsets}", object("VirtualService", &format!("{{hosts: [a], http: [{rules}]}}"))))
    };
    for (first, second, reached) in [
        ("[{uri: {prefix: /a}}]", "[{uri: {prefix: /a/b}}]", false),
        ("[{uri: {prefix: /a}}]", "[{uri: {exact: /a}, method: {exact: GET}}]", false),
        ("[{uri: {prefix: /a/b}}]", "[{uri: {prefix: /a}}]", true),
        ("[{uri: {prefix: /a}, ignoreUriCase: true}]", "[{uri: {prefix: /a/b}}]", true),
        ("[{uri: {regex: '/a.*'}}]", "[{uri: {prefix: /a}}]", true),
        ("[{headers: {x: {exact: a}}}]", "[{headers: {x: {exact: a}, y: {exact: b}}}]", false),
        ("[{headers: {x: {exact: a}}}]", "[{headers: {x: {exact: b}}}]", true),
        ("[{headers: {x: {exact: a}}, uri: {prefix: /a}}]", "[{headers: {x: {exact: a}}}]", true),
        ("[{method: {exact: GET}}, {uri: {prefix: /b}}]", "[{uri: {exact: /b/c}}, {method: {exact: GET}, port: 80}]", false),
        ("[{method: {exact: GET}}]", "[{method: {exact: GET}}, {method: {exact: PUT}}]", true),
    ] {
        for (weights, code) in [(false, "unreachable-rule"), (true, "shadowed-weights")] {
            let expected = if reached { vec![] } else { vec![(Severity::Warning, code)] };
            assert_eq!(two(first, second, weights), expected, "{first}, then {second}");
        }
    }
}

/// A DestinationRule that seems to be made for a destination, and is for another host.
#[test]
fn rules_for_a_host_that_nothing_sends_to_are_told() {
    let service = |to: &str| object("VirtualService", &format!("{{hosts: [orders], http: [{{route: [{{destination: {to}}}]}}]}}"));
    let rule = |host: &str| object("DestinationRule", &format!("{{host: {host}, subsets: [{{name: v2, labels: {{v: v2}}}}]}}"));
    let told = |to: &str, host: &str| {
        let said = said(&format!("{}---\n{}", service(to), rule(host)));
        said.into_iter().map(|(_, code)| code).collect::<Vec<_>>()
    };
    assert_eq!(told("{host: orders, subset: v2}", "orders"), [""; 0]);
    assert_eq!(told("{host: orders, subset: v2}", "billing"), ["unknown-subset", "rule-host-differs"]);
    assert_eq!(told("{host: orders}", "order"), ["rule-host-differs"]);
    assert_eq!(told("{host: orders}", "orders.prod.svc.cluster.local"), ["rule-host-differs"]);
    assert_eq!(told("{host: orders}", "billing"), [""; 0], "a rule for another service is no mistake");
    let both = format!("{}---\n{}---\n{}", service("{host: orders, subset: v2}"), rule("orders"), rule("order"));
    assert_eq!(said(&both), [], "the destination has a rule");
}
