//! Transport security: what a caller offers (DestinationRule `tls`) and what a callee asks for (PeerAuthentication).

use super::{Labels, Meta, Written};
use crate::model::tree::Origin;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub struct ClientTls {
    pub origin: Origin,
    pub mode: Written<TlsMode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    Disable,
    Simple,
    Mutual,
    IstioMutual,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PeerAuthentication {
    pub meta: Meta,
    /// `None`: every workload of the namespace, or of the mesh in its root namespace.
    pub selector: Option<Labels>,
    /// `None`: what the next wider policy says, in the end PERMISSIVE.
    pub mode: Option<Written<MtlsMode>>,
    pub ports: BTreeMap<u32, Written<MtlsMode>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MtlsMode {
    Disable,
    Permissive,
    Strict,
}
