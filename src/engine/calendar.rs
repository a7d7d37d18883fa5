//! The calendar: what happens next, and when. The only owner of the clock.

use super::alarm::{AlarmId, Alarms};
use super::lane::{Lane, LaneId, TimerId};
use super::pending::{Pending, SEQUENCE_AT, TIME_AT};
use crate::base::limit::{LAST_INSTANT, LimitReached, Limits};
use crate::base::time::{Instant, Nanos};

/// Something that happens now. The tag says to what kind of thing, the slot to which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Instant,
    pub tag: u8,
    pub slot: u32,
}

const SLOT_BITS: u32 = 28;
const TAG_BITS: u32 = 6;
const SEQUENCE_BITS: u32 = 38;
/// Slots are below this; tags that users may have are below [`FIRST_OWN_TAG`].
pub const SLOTS: u32 = 1 << SLOT_BITS;
const FIRST_OWN_TAG: u8 = 62;
/// The head of a lane; its slot is the lane.
const SENTINEL: u8 = 62;
/// An alarm; its slot is the alarm.
const ALARM: u8 = 63;

const _: () = assert!(SEQUENCE_BITS + SEQUENCE_AT == TIME_AT && TAG_BITS + SLOT_BITS == SEQUENCE_AT);
const _: () = assert!(LAST_INSTANT.0 < 1 << (128 - TIME_AT));

#[inline(always)]
fn key(at: Instant, sequence: u64, tag: u8, slot: u32) -> u128 {
    let low = (tag as u64) << SLOT_BITS | slot as u64;
    (at.0 as u128) << TIME_AT | (sequence as u128) << (SLOT_BITS + TAG_BITS) | low as u128
}

#[inline(always)]
fn time_of(key: u128) -> Instant {
    Instant((key >> TIME_AT) as u64)
}

#[inline(always)]
fn tag_of(key: u128) -> u8 {
    (key as u64 >> SLOT_BITS) as u8 & ((1 << TAG_BITS) - 1)
}

#[inline(always)]
fn slot_of(key: u128) -> u32 {
    key as u32 & (SLOTS - 1)
}

/// Clock, pending events, timers; counts events and folds their order into a fingerprint.
#[derive(Clone, Debug)]
pub struct Calendar {
    now: Instant,
    sequence: u64,
    pending: Pending,
    lanes: Vec<Lane>,
    alarms: Alarms,
    limits: Limits,
    events: u64,
    /// Events before the clock last moved, and steps since then that were no events.
    instant_began: u64,
    steps_in_place: u64,
    steps_at: Instant,
    fingerprint: u64,
}

impl Calendar {
    pub fn new(limits: Limits) -> Calendar {
        Calendar {
            now: Instant::START,
            // Zero is left out, so that no key is zero.
            sequence: 1,
            pending: Pending::default(),
            lanes: Vec::new(),
            alarms: Alarms::default(),
            limits,
            events: 0,
            instant_began: 0,
            steps_in_place: 0,
            steps_at: Instant::START,
            fingerprint: 0xcbf2_9ce4_8422_2325,
        }
    }

    #[inline(always)]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Events handed out so far; sentinels and silent alarms do not count.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A hash of the times and tags of all events so far, in order.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    #[inline(always)]
    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Schedules an event at an instant that is not in the past; instants beyond the calendar's end count as its end.
    #[inline]
    pub fn schedule(&mut self, at: Instant, tag: u8, slot: u32) {
        debug_assert!(at >= self.now, "an event in the past: {at:?} < {:?}", self.now);
        debug_assert!(tag < FIRST_OWN_TAG && slot < SLOTS);
        let sequence = self.next_sequence();
        self.pending.push(key(at.min(LAST_INSTANT), sequence, tag, slot));
    }

    #[inline]
    pub fn schedule_in(&mut self, after: Nanos, tag: u8, slot: u32) {
        self.schedule(self.now + after, tag, slot);
    }

    /// The lane for timers of this span and tag; asks for the same twice get the same.
    pub fn lane(&mut self, span: Nanos, tag: u8) -> LaneId {
        let known = self.lanes.iter().position(|l| l.span == span && l.tag == tag);
        let place = known.unwrap_or_else(|| {
            self.lanes.push(Lane::new(span, tag));
            self.lanes.len() - 1
        });
        LaneId(place as u32)
    }

    /// Arms a timer that fires one lane's span from now.
    #[inline(always)]
    pub fn arm(&mut self, lane: LaneId, slot: u32) -> TimerId {
        let sequence = self.next_sequence();
        let lane_state = &mut self.lanes[lane.0 as usize];
        let at = (self.now + lane_state.span).min(LAST_INSTANT);
        let timer = key(at, sequence, lane_state.tag, slot);
        let armed = lane_state.arm(timer);
        if lane_state.sentinel.is_none() {
            self.post_sentinel(lane);
        }
        armed
    }

    /// Disarms a timer that has not fired.
    #[inline]
    pub fn disarm(&mut self, lane: LaneId, timer: TimerId) {
        self.lanes[lane.0 as usize].disarm(timer);
    }

    /// Puts the head of a lane into the heap: same time and sequence, so it is exactly in order there.
    #[inline(never)]
    fn post_sentinel(&mut self, lane: LaneId) {
        let state = &mut self.lanes[lane.0 as usize];
        let low = (1u128 << (SLOT_BITS + TAG_BITS)) - 1;
        state.sentinel = state.head().map(|head| head & !low | (SENTINEL as u128) << SLOT_BITS | lane.0 as u128);
        if let Some(sentinel) = state.sentinel {
            self.pending.push(sentinel);
        }
    }

    /// Sets an alarm that may be called off.
    pub fn set_alarm(&mut self, at: Instant, tag: u8, slot: u32) -> AlarmId {
        debug_assert!(at >= self.now && tag < FIRST_OWN_TAG);
        let place = self.alarms.set(tag, slot);
        let sequence = self.next_sequence();
        self.pending.push(key(at.min(LAST_INSTANT), sequence, ALARM, place));
        AlarmId(place)
    }

    pub fn call_off(&mut self, alarm: AlarmId) {
        self.alarms.call_off(alarm);
    }

    /// Moves the clock to the next event and hands it out. Whoever pops asks [`limit`](Self::limit) now and then.
    #[inline]
    pub fn pop(&mut self) -> Option<Event> {
        loop {
            let next = self.pending.pop();
            let (mut tag, mut slot) = (tag_of(next), slot_of(next));
            if tag >= FIRST_OWN_TAG {
                let Some(behind) = self.take_timer(tag, slot, next) else { continue };
                (tag, slot) = behind;
            } else if next == Pending::NONE {
                return None;
            }
            let at = time_of(next);
            self.count(at, tag);
            return Some(Event { at, tag, slot });
        }
    }

    /// What fires behind a sentinel or an alarm, unless it was called off.
    #[inline(never)]
    fn take_timer(&mut self, tag: u8, slot: u32, key: u128) -> Option<(u8, u32)> {
        if tag == SENTINEL { self.fire_lane(LaneId(slot), key) } else { self.alarms.ring(slot) }
    }

    /// A lane's sentinel has come up: the timer that fires, unless it was disarmed meanwhile.
    fn fire_lane(&mut self, lane: LaneId, sentinel: u128) -> Option<(u8, u32)> {
        let state = &mut self.lanes[lane.0 as usize];
        let above = SLOT_BITS + TAG_BITS;
        let fired = match state.head() {
            Some(head) if head >> above == sentinel >> above => {
                state.fire();
                Some((state.tag, slot_of(head)))
            }
            _ => None,
        };
        self.post_sentinel(lane);
        fired
    }

    #[inline]
    fn count(&mut self, at: Instant, tag: u8) {
        if at != self.now {
            (self.now, self.instant_began) = (at, self.events);
        }
        self.events += 1;
        // FNV-1a's step over the whole word, with the tag where a nanosecond count never reaches.
        self.fingerprint = (self.fingerprint ^ at.0 ^ (tag as u64) << 58).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    /// The limit that has been reached, if one has. Both counts only grow meanwhile, so asking now and then is enough.
    #[inline]
    pub fn limit(&self) -> Option<LimitReached> {
        let steps = if self.steps_at == self.now { self.steps_in_place } else { 0 };
        if self.events - self.instant_began + steps > self.limits.events_at_one_instant {
            return Some(LimitReached::Instant { at: self.now, limit: self.limits.events_at_one_instant });
        }
        (self.events > self.limits.events).then_some(LimitReached::Events { at: self.now, limit: self.limits.events })
    }

    /// Counts work that happened without an event of its own, so that a loop in no time is seen.
    pub fn count_in_place(&mut self, steps: u64) {
        self.steps_in_place = if self.steps_at == self.now { self.steps_in_place + steps } else { steps };
        self.steps_at = self.now;
    }

    /// Pending entries, sentinels and silent alarms included.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    #[cfg(test)]
    fn lane_len(&self, lane: LaneId) -> usize {
        self.lanes[lane.0 as usize].len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    fn drain(calendar: &mut Calendar) -> Vec<(u64, u8, u32)> {
        std::iter::from_fn(|| calendar.pop()).map(|e| (e.at.0, e.tag, e.slot)).collect()
    }

    #[test]
    fn the_parts_of_an_event_survive_packing() {
        let packed = key(LAST_INSTANT, (1 << SEQUENCE_BITS) - 1, 61, SLOTS - 1);
        assert_eq!((time_of(packed), tag_of(packed), slot_of(packed)), (LAST_INSTANT, 61, SLOTS - 1));
    }

    #[test]
    fn events_at_one_instant_happen_in_the_order_they_were_asked_for() {
        let mut calendar = Calendar::new(Limits::default());
        for slot in 0..50 {
            calendar.schedule(Instant(7), 1, slot);
        }
        let slots: Vec<u32> = drain(&mut calendar).iter().map(|e| e.2).collect();
        assert_eq!(slots, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_disarmed_timer_does_not_fire_and_is_not_counted() {
        let mut calendar = Calendar::new(Limits::default());
        let lane = calendar.lane(Nanos(100), 3);
        let first = calendar.arm(lane, 1);
        let _second = calendar.arm(lane, 2);
        calendar.disarm(lane, first);
        assert_eq!(drain(&mut calendar), [(100, 3, 2)]);
        assert_eq!(calendar.events(), 1);
    }

    #[test]
    fn a_lane_is_about_as_long_as_there_are_armed_timers() {
        let mut calendar = Calendar::new(Limits::default());
        let lane = calendar.lane(Nanos::from_secs(1), 3);
        for slot in 0..10_000 {
            let timer = calendar.arm(lane, slot);
            calendar.disarm(lane, timer);
        }
        assert_eq!(calendar.lane_len(lane), 0);
        assert!(calendar.pending() <= 1);
    }

    #[test]
    fn an_alarm_called_off_is_silent() {
        let mut calendar = Calendar::new(Limits::default());
        let alarm = calendar.set_alarm(Instant(10), 4, 1);
        calendar.set_alarm(Instant(20), 4, 2);
        calendar.call_off(alarm);
        assert_eq!(drain(&mut calendar), [(20, 4, 2)]);
    }

    #[test]
    fn time_that_does_not_advance_is_a_limit() {
        let mut calendar = Calendar::new(Limits { events_at_one_instant: 10, ..Limits::default() });
        let reached = loop {
            calendar.schedule(Instant(5), 1, 0);
            calendar.pop();
            if let Some(limit) = calendar.limit() {
                break limit;
            }
        };
        assert_eq!(reached, LimitReached::Instant { at: Instant(5), limit: 10 });
    }

    /// What a user of the calendar may do.
    #[derive(Clone, Debug)]
    enum Action {
        Schedule(u64),
        Arm(usize),
        Disarm(usize),
        SetAlarm(u64),
        CallOff(usize),
        Pop,
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            (0u64..50).prop_map(Action::Schedule),
            (0usize..3).prop_map(Action::Arm),
            (0usize..20).prop_map(Action::Disarm),
            (0u64..50).prop_map(Action::SetAlarm),
            (0usize..20).prop_map(Action::CallOff),
            Just(Action::Pop),
        ]
    }

    proptest! {
        #![proptest_config(cases(256))]

        /// Lanes, alarms and plain events together behave as one sorted list from which entries are struck out.
        #[test]
        fn the_order_is_that_of_a_sorted_list(actions in proptest::collection::vec(action(), 0..300)) {
            let mut calendar = Calendar::new(Limits::default());
            let lanes: Vec<LaneId> = [5u64, 20, 20].iter().enumerate().map(|(i, s)| calendar.lane(Nanos(*s), 10 + i as u8)).collect();
            let spans = [5u64, 20, 20];
            let mut list: Vec<(u64, u64, u8, u32)> = Vec::new();
            let mut armed: Vec<(usize, TimerId, u32)> = Vec::new();
            let mut alarms: Vec<(AlarmId, u32)> = Vec::new();
            for (n, action) in actions.into_iter().enumerate() {
                let (slot, order, now) = (n as u32, n as u64, calendar.now().0);
                match action {
                    Action::Schedule(after) => { calendar.schedule_in(Nanos(after), 1, slot); list.push((now + after, order, 1, slot)); }
                    Action::Arm(l) => { armed.push((l, calendar.arm(lanes[l], slot), slot)); list.push((now + spans[l], order, 10 + l as u8, slot)); }
                    Action::SetAlarm(after) => { alarms.push((calendar.set_alarm(Instant(now + after), 2, slot), slot)); list.push((now + after, order, 2, slot)); }
                    Action::Disarm(i) if i < armed.len() => { let (l, timer, s) = armed.remove(i); calendar.disarm(lanes[l], timer); list.retain(|e| e.3 != s); }
                    Action::CallOff(i) if i < alarms.len() => { let (alarm, s) = alarms.remove(i); calendar.call_off(alarm); list.retain(|e| e.3 != s); }
                    Action::Pop => {
                        list.sort();
                        let expected = (!list.is_empty()).then(|| list.remove(0));
                        let popped = calendar.pop();
                        prop_assert_eq!(popped.map(|e| (e.at.0, e.tag, e.slot)), expected.map(|e| (e.0, e.2, e.3)));
                        if let Some(e) = popped { armed.retain(|a| a.2 != e.slot); alarms.retain(|a| a.1 != e.slot); }
                    }
                    _ => {}
                }
            }
            list.sort();
            prop_assert_eq!(drain(&mut calendar), list.iter().map(|e| (e.0, e.2, e.3)).collect::<Vec<_>>());
        }
    }
}
