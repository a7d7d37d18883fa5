//! Transport security: `tls` of a DestinationRule (istio `agent.ValidateTLS`) and PeerAuthentication.

use super::destination_rule::workload_selector;
use crate::import::cursor::At;
use crate::import::notes::Notes;
use crate::model::mesh::{ClientTls, Meta, MtlsMode, PeerAuthentication, TlsMode, Written};

const MODES: [(&str, i64, TlsMode); 4] = [
    ("DISABLE", 0, TlsMode::Disable),
    ("SIMPLE", 1, TlsMode::Simple),
    ("MUTUAL", 2, TlsMode::Mutual),
    ("ISTIO_MUTUAL", 3, TlsMode::IstioMutual),
];

const MTLS: [(&str, i64, Option<MtlsMode>); 4] = [
    ("UNSET", 0, None),
    ("DISABLE", 1, Some(MtlsMode::Disable)),
    ("PERMISSIVE", 2, Some(MtlsMode::Permissive)),
    ("STRICT", 3, Some(MtlsMode::Strict)),
];

/// A `credentialName` is read by gateways, and by sidecars that a `workloadSelector` names: elsewhere nothing is checked.
pub(in crate::import) fn client_tls(notes: &mut Notes, at: &At, selects: bool) -> ClientTls {
    let mut fields = at.fields(notes);
    let mode_at = fields.get(notes, "mode");
    let mode = mode_at.as_ref().and_then(|at| at.word(notes, &MODES)).unwrap_or(TlsMode::Disable);
    let mut text = |name| fields.word(notes, name).is_some();
    let (certificate, key, authority) = (text("clientCertificate"), text("privateKey"), text("caCertificates"));
    let (credential, revoked) = (text("credentialName"), text("caCrl"));
    text("sni");
    let names = fields.get(notes, "subjectAltNames").is_some_and(|at| !at.list(notes).is_empty());
    let skips = fields.bool(notes, "insecureSkipVerify").unwrap_or(false);
    fields.finish(notes);
    let outside = matches!(mode, TlsMode::Simple | TlsMode::Mutual);
    let told = authority || names || credential && mode == TlsMode::Simple;
    if skips && outside && told {
        let message = "`insecureSkipVerify` checks no certificate, and what to check it by is written too";
        notes.error("bad-tls", at, message, "remove one of them");
    }
    if outside && credential {
        if certificate || key || authority || revoked {
            notes.error("bad-tls", at, "`credentialName` holds the certificates: files cannot be named beside it", "remove one of them");
        }
    } else if mode == TlsMode::Mutual && !(certificate && key) {
        let message = "mutual TLS needs `clientCertificate` and `privateKey`";
        notes.error("bad-tls", at, message, "name both, or a `credentialName`; `ISTIO_MUTUAL` has them from Istio");
    }
    let verified = authority || credential && selects;
    if outside && !verified && !skips {
        let message = "nothing says by which authority the server's certificate is checked: it is not checked";
        notes.warning("unverified-server", at, message, "name `caCertificates`, or a `credentialName` and a `workloadSelector`");
    }
    ClientTls { origin: at.origin(), mode: mode_at.as_ref().unwrap_or(at).written(mode) }
}

pub(in crate::import) fn peer_authentication(notes: &mut Notes, meta: Meta, spec: Option<&At>) -> PeerAuthentication {
    let mut read = PeerAuthentication { meta, selector: None, mode: None, ports: Default::default() };
    let Some(spec) = spec else { return read };
    let mut fields = spec.fields(notes);
    let selector_at = fields.get(notes, "selector");
    let mtls_at = fields.get(notes, "mtls");
    let ports_at = fields.get(notes, "portLevelMtls");
    fields.finish(notes);
    read.selector = selector_at.map(|at| workload_selector(notes, &at)).filter(|labels| !labels.is_empty());
    read.mode = mtls_at.and_then(|at| mtls(notes, &at));
    let Some(ports_at) = ports_at else { return read };
    let entries = ports_at.entries(notes);
    if entries.is_empty() {
        notes.error("empty-block", &ports_at, "`portLevelMtls` has to name a port", "name one, or remove it");
    }
    if read.selector.is_none() {
        let message = "a policy for all workloads cannot be for single ports";
        notes.error("route-conflict", &ports_at, message, "give it a `selector` with labels");
    }
    for (port, at) in entries {
        let number = port.parse::<u32>().ok().filter(|number| (1..=65_535).contains(number));
        if number.is_none() {
            notes.error("bad-port", &at, format!("`{port}` is no port"), "ports are from 1 to 65535");
        }
        if let (Some(number), Some(mode)) = (number, mtls(notes, &at)) {
            read.ports.insert(number, mode);
        }
    }
    read
}

fn mtls(notes: &mut Notes, at: &At) -> Option<Written<MtlsMode>> {
    let mut fields = at.fields(notes);
    let mode = fields.get(notes, "mode");
    fields.finish(notes);
    let at = mode?;
    at.word(notes, &MTLS)?.map(|mode| at.written(mode))
}
