//! Gateway and ServiceEntry, as far as hosts are bound by them. Their other rules are not checked.

use crate::import::cursor::At;
use crate::import::names::qualified;
use crate::import::notes::Notes;
use crate::model::mesh::{Gateway, GatewayServer, Meta, ServiceEntry};

pub(in crate::import) fn read(notes: &mut Notes, meta: Meta, spec: &At) -> Gateway {
    let mut fields = spec.fields(notes);
    let selector = fields.labels(notes, "selector");
    let servers = fields.list(notes, "servers").iter().map(|at| server(notes, at)).collect();
    Gateway { meta, selector, servers }
}

fn server(notes: &mut Notes, at: &At) -> GatewayServer {
    let mut fields = at.fields(notes);
    let port_at = fields.get(notes, "port");
    let hosts_at = fields.get(notes, "hosts");
    let (mut port, mut protocol) = (0, String::new());
    if let Some(at) = port_at {
        let mut inner = at.fields(notes);
        port = inner.get(notes, "number").and_then(|at| at.count(notes)).unwrap_or(0);
        protocol = inner.word(notes, "protocol").unwrap_or_default();
    }
    let hosts = hosts_at.map_or_else(Vec::new, |at| at.texts(notes));
    GatewayServer { port, protocol, hosts: hosts.into_iter().map(|(at, text)| at.written(text.to_owned())).collect() }
}

pub(in crate::import) fn service_entry(notes: &mut Notes, meta: Meta, spec: &At) -> ServiceEntry {
    let mut fields = spec.fields(notes);
    let hosts = fields.get(notes, "hosts").map_or_else(Vec::new, |at| at.texts(notes));
    let ports = fields.list(notes, "ports").iter().filter_map(|at| at.fields(notes).get(notes, "number")?.count(notes)).collect();
    let export_to = fields.get(notes, "exportTo").map_or_else(Vec::new, |at| at.texts(notes));
    let export_to = export_to.into_iter().map(|(_, text)| crate::import::meta::export(text)).collect();
    let hosts = hosts.into_iter().map(|(at, text)| at.written(qualified(text, &meta.namespace))).collect();
    ServiceEntry { meta, hosts, ports, export_to }
}
