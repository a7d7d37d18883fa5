//! What can happen: the tags of the world's events, and whose slot each carries.

use super::World;
use crate::engine::Event;

/// The kinds of events. The slot is a client's, user's, call's, job's or occurrence's number as the name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    /// An open client's next request.
    ClientArrival = 0,
    /// A closed client's user has thought enough; slot: user over all clients.
    UserReady,
    /// An attempt comes to the callee's door; slot: job.
    JobArrives,
    /// Work or a wait is over; slot: job.
    StepDone,
    /// An answer comes back to the caller; slot: job.
    AnswerArrives,
    /// The timeout of an attempt; slot: call.
    TimeoutFires,
    /// The deadline of a call; slot: call.
    DeadlinePasses,
    /// A retry's back-off is over; slot: call.
    BackoffOver,
    /// A call has waited long enough for a bulkhead's permit; slot: call.
    PermitWaitOver,
    /// A try that was refused on the spot comes back to its layers; slot: call.
    Settles,
    /// A request has waited long enough in a queue; slot: job.
    QueueWaitOver,
    /// A step has waited long enough for a pool's permit; slot: job.
    PoolWaitOver,
    /// A lost message is sent again; slot: job on its way to the callee.
    RequestSentAgain,
    /// A lost message is sent again; slot: job whose answer is on its way.
    AnswerSentAgain,
    /// A fault begins or ends; slot: occurrence.
    FaultBegins,
    FaultEnds,
    /// A crashed replica is back; slot: replica.
    ReplicaReturns,
    /// A body begins; slot: the child job.
    BodyStarts,
    /// A call that waited has been given a bulkhead's permit; slot: call.
    PermitGiven,
    /// In a proxy; slot: stream.
    InjectedDelayOver,
    RouteTimeoutFires,
    ProxyBackoffOver,
    /// Slot: upstream request.
    PerTryTimeoutFires,
    /// Of a proxy's connection; slot: its number.
    SynArrives,
    SynSentAgain,
    Connected,
    ConnectRefused,
    ConnectTimeoutFires,
    ConnectionBreaks,
    IdleCheck,
    ConnectionAges,
    /// Of what a proxy knows of a cluster; slot: cell.
    OutlierSweep,
    HealthDelivered,
    /// Of a connection, where messages have sizes; slot: its number.
    TlsGoesOn,
    /// A proxy hears from the control plane; slot: push.
    PushArrives,
    /// Something of a broker's queue is due; slot: the queue.
    QueueWakes,
    /// A consumer's replica connects to its broker; slot: the connection.
    ConsumerConnects,
    /// Slot: who waits for it.
    ReplyArrives,
    ReplyTimeoutFires,
    /// Of a job at a broker: its record should have been copied.
    CopiesDue,
    /// A relay looks into its outbox; slot: what it announces.
    OutboxPolls,
}

impl Kind {
    /// The kind with this number; no other number is ever scheduled.
    #[inline(always)]
    fn of(tag: u8) -> Kind {
        macro_rules! by_number {
            ($($kind:ident),*) => {
                $(if tag == Kind::$kind as u8 { return Kind::$kind; })*
            };
        }
        by_number!(ClientArrival, UserReady, JobArrives, StepDone, AnswerArrives, TimeoutFires, DeadlinePasses, BackoffOver);
        by_number!(PermitWaitOver, Settles, QueueWaitOver, PoolWaitOver, RequestSentAgain, AnswerSentAgain);
        by_number!(FaultBegins, FaultEnds, ReplicaReturns, BodyStarts, PermitGiven);
        by_number!(InjectedDelayOver, RouteTimeoutFires, ProxyBackoffOver, PerTryTimeoutFires, SynArrives, SynSentAgain, Connected);
        by_number!(
            ConnectRefused,
            ConnectTimeoutFires,
            ConnectionBreaks,
            IdleCheck,
            ConnectionAges,
            OutlierSweep,
            HealthDelivered,
            TlsGoesOn
        );
        by_number!(PushArrives, QueueWakes, ConsumerConnects, ReplyArrives, ReplyTimeoutFires, CopiesDue, OutboxPolls);
        unreachable!("no event has another tag")
    }
}

impl World<'_> {
    /// The one match that owns the flow.
    #[inline(always)]
    pub(super) fn handle(&mut self, event: Event) {
        let slot = event.slot;
        match Kind::of(event.tag) {
            Kind::ClientArrival => self.client_arrival(slot),
            Kind::UserReady => self.user_ready(slot),
            Kind::JobArrives => self.job_arrives(slot),
            Kind::StepDone => self.step_done(slot),
            Kind::AnswerArrives => self.answer_arrives(slot),
            Kind::TimeoutFires => self.timeout_fires(slot),
            Kind::DeadlinePasses => self.deadline_passes(slot),
            Kind::BackoffOver => self.backoff_over(slot),
            Kind::PermitWaitOver => self.permit_wait_over(slot),
            Kind::Settles => self.settles(slot),
            Kind::QueueWaitOver => self.queue_wait_over(slot),
            Kind::PoolWaitOver => self.pool_wait_over(slot),
            Kind::RequestSentAgain => self.send_again(slot, false),
            Kind::AnswerSentAgain => self.send_again(slot, true),
            Kind::FaultBegins => self.fault_begins(slot),
            Kind::FaultEnds => self.fault_ends(slot),
            Kind::ReplicaReturns => self.replica_returns(slot),
            Kind::BodyStarts => self.body_starts(slot),
            Kind::PermitGiven => self.permit_given(slot),
            Kind::InjectedDelayOver => self.injected_delay_over(slot),
            Kind::RouteTimeoutFires => self.route_timeout_fires(slot),
            Kind::ProxyBackoffOver => self.proxy_backoff_over(slot),
            Kind::PerTryTimeoutFires => self.per_try_timeout_fires(slot),
            Kind::SynArrives => self.syn_arrives(slot),
            Kind::SynSentAgain => self.syn_sent_again(slot),
            Kind::Connected => self.connected(slot),
            Kind::ConnectRefused => self.connect_refused(slot),
            Kind::ConnectTimeoutFires => self.connect_timeout_fires(slot),
            Kind::ConnectionBreaks => self.connection_breaks(slot),
            Kind::IdleCheck => self.idle_check(slot),
            Kind::ConnectionAges => self.connection_ages(slot),
            Kind::OutlierSweep => self.outlier_sweep(slot),
            Kind::HealthDelivered => self.health_delivered(slot),
            Kind::QueueWakes => self.queue_wakes(slot),
            Kind::ConsumerConnects => self.consumer_connects(slot),
            Kind::ReplyArrives => self.reply_arrives(slot),
            Kind::OutboxPolls => self.outbox_polls(slot),
            Kind::CopiesDue => self.copies_due(slot),
            Kind::ReplyTimeoutFires => self.reply_timeout_fires(slot),
            Kind::TlsGoesOn => self.tls_goes_on(slot),
            Kind::PushArrives => self.push_arrives(slot),
        }
    }
}
