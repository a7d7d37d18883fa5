//! Typed indices: after compilation nothing is found by name, and a service's number cannot be used as a replica's.

/// Declares a `u32` index type with `new`, `index` and `NONE`.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// Stands where there is none.
            pub const NONE: $name = $name(u32::MAX);

            pub fn new(index: usize) -> $name {
                $name(u32::try_from(index).expect("fewer than 2^32 of a kind"))
            }

            #[inline(always)]
            pub fn index(self) -> usize {
                self.0 as usize
            }

            #[inline(always)]
            pub fn is_none(self) -> bool {
                self.0 == u32::MAX
            }

            #[inline(always)]
            pub fn is_some(self) -> bool {
                self.0 != u32::MAX
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                if self.is_none() { write!(f, concat!(stringify!($name), "(none)")) } else { write!(f, concat!(stringify!($name), "({})"), self.0) }
            }
        }
    )*};
}

ids! {
    /// A group of callers outside the system.
    ClientId,
    /// A service: replicas that answer the same endpoints.
    ServiceId,
    /// One running copy of a service, numbered over the whole system.
    ReplicaId,
    /// An operation of a service.
    EndpointId,
    /// A place in the model where a call is written.
    SiteId,
    /// A pair (calling endpoint or client, called endpoint): what `calls` of the summary counts.
    EdgeId,
    /// A set of call policies.
    PolicyId,
    /// A cache's definition.
    CacheId,
    /// A pool of a service, taken by `acquire`.
    PoolId,
    /// Latency, loss and the state of a network path.
    LinkId,
    /// A zone.
    ZoneId,
    /// A fault of the model.
    FaultId,
    /// An attribute drawn once per request.
    AttributeId,
    /// A step of a compiled endpoint.
    StepId,
    /// A distribution of the topology's table.
    DistId,
    /// What one kind of proxy knows as one upstream: a host, a port, perhaps a subset.
    ClusterId,
    /// The rules that a proxy has for the requests of one site.
    RouteTableId,
    /// The connections of one proxy to one cluster.
    ConnectionPoolId,
    /// A connection of any of a world's connection pools.
    ConnectionId,
}
