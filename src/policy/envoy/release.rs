//! Which release of Istio is meant: what changed between releases that decides a retry.

/// Istio 1.*x*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Release(pub u16);

impl Default for Release {
    fn default() -> Release {
        Release(31)
    }
}

impl Release {
    /// Whether the default policy retries on 503, which may have been processed (`EXCLUDE_UNSAFE_503_FROM_DEFAULT_RETRY`).
    pub fn retries_503_by_default(self) -> bool {
        self < Release(24)
    }

    /// Whether a server's sidecar retries towards its application.
    pub fn retries_inbound(self) -> bool {
        self >= Release(24)
    }
}
