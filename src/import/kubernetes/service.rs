//! Service, and what Istio takes its ports to speak (istio `pkg/config/kube/conversion.go`).

use crate::import::cursor::At;
use crate::import::istio::matches::check_port;
use crate::import::notes::Notes;
use crate::model::mesh::{KubeService, Labels, Meta, Protocol, ServicePort};

pub(in crate::import) fn read(notes: &mut Notes, meta: Meta, spec: Option<&At>) -> KubeService {
    let traffic_distribution = meta.annotations.get("networking.istio.io/traffic-distribution").cloned();
    let mut service = KubeService {
        meta,
        selector: Labels::new(),
        ports: Vec::new(),
        headless: false,
        publish_not_ready: false,
        external_name: None,
        traffic_distribution,
    };
    let Some(spec) = spec else { return service };
    let mut fields = spec.fields(notes);
    service.selector = fields.labels(notes, "selector");
    service.headless = fields.word(notes, "clusterIP").is_some_and(|ip| ip == "None");
    service.publish_not_ready = fields.bool(notes, "publishNotReadyAddresses").unwrap_or(false);
    service.external_name = fields.word(notes, "externalName");
    service.traffic_distribution = fields.word(notes, "trafficDistribution").or(service.traffic_distribution);
    service.ports = fields.list(notes, "ports").iter().filter_map(|at| port(notes, at)).collect();
    service
}

fn port(notes: &mut Notes, at: &At) -> Option<ServicePort> {
    let mut fields = at.fields(notes);
    let name = fields.word(notes, "name").unwrap_or_default();
    let app = fields.word(notes, "appProtocol");
    let transport = fields.word(notes, "protocol");
    let target = fields.get(notes, "targetPort").and_then(|at| at.int_or_name(notes));
    let Some(number_at) = fields.get(notes, "port") else {
        notes.error("missing-field", at, "a port of a Service needs a `port`", "write `port: 80`");
        return None;
    };
    let number = number_at.count(notes)?;
    check_port(notes, &number_at, number);
    let udp = transport.as_deref() == Some("UDP");
    let protocol = if udp { Protocol::Udp } else { protocol(app.as_deref(), &name) };
    Some(ServicePort { name, number: number_at.written(number), target, protocol })
}

const BY_NAME: [(&str, Protocol); 12] = [
    ("http", Protocol::Http),
    ("http_proxy", Protocol::Http),
    ("http2", Protocol::Http2),
    ("grpc", Protocol::Grpc),
    ("grpc-web", Protocol::GrpcWeb),
    ("https", Protocol::Https),
    ("tls", Protocol::Tls),
    ("tcp", Protocol::Tcp),
    ("udp", Protocol::Udp),
    ("mongo", Protocol::Mongo),
    ("mysql", Protocol::Mysql),
    ("redis", Protocol::Redis),
];

/// `appProtocol` before the name; of the name the part before the first `-`.
fn protocol(app: Option<&str>, name: &str) -> Protocol {
    let known = |word: &str| BY_NAME.iter().find(|(name, _)| *name == word).map(|(_, protocol)| *protocol);
    match app {
        Some("kubernetes.io/h2c") => return Protocol::Http2,
        Some("kubernetes.io/ws" | "kubernetes.io/wss") => return Protocol::Http,
        Some(app) => {
            if let Some(protocol) = known(&app.to_ascii_lowercase()) {
                return protocol;
            }
        }
        None => {}
    }
    let name = name.to_ascii_lowercase();
    if name == "grpc-web" || name.starts_with("grpc-web-") {
        return Protocol::GrpcWeb;
    }
    known(name.split('-').next().unwrap_or("")).unwrap_or(Protocol::Detect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_speaks_what_it_is_named_after() {
        for (app, name, speaks) in [
            (None, "http", Protocol::Http),
            (None, "http-metrics", Protocol::Http),
            (None, "http2-x", Protocol::Http2),
            (None, "grpc", Protocol::Grpc),
            (None, "grpc-web-ui", Protocol::GrpcWeb),
            (None, "web", Protocol::Detect),
            (None, "", Protocol::Detect),
            (None, "httpx", Protocol::Detect),
            (Some("HTTP2"), "tcp", Protocol::Http2),
            (Some("kubernetes.io/h2c"), "", Protocol::Http2),
            (Some("example.com/own"), "http", Protocol::Http),
        ] {
            assert_eq!(protocol(app, name), speaks, "{app:?} {name}");
        }
    }
}
