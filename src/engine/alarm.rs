//! Timers with spans of their own (a back-off, a deadline), which may be called off.
//!
//! An alarm that is called off stays in the heap, silent, until its time; the number it had is used again only then.

/// An alarm that has been set; `AlarmId::NONE` where none is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmId(pub u32);

impl AlarmId {
    pub const NONE: AlarmId = AlarmId(u32::MAX);
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    /// Whose it is; [`SILENT`] if it was called off.
    slot: u32,
    tag: u8,
}

const SILENT: u32 = u32::MAX;

#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    entries: Vec<Alarm>,
    free: Vec<u32>,
}

impl Alarms {
    pub(super) fn set(&mut self, tag: u8, slot: u32) -> u32 {
        let alarm = Alarm { slot, tag };
        if let Some(place) = self.free.pop() {
            self.entries[place as usize] = alarm;
            return place;
        }
        self.entries.push(alarm);
        (self.entries.len() - 1) as u32
    }

    pub(super) fn call_off(&mut self, alarm: AlarmId) {
        let entry = &mut self.entries[alarm.0 as usize];
        debug_assert!(entry.slot != SILENT, "called off twice");
        entry.slot = SILENT;
    }

    /// The alarm's time has come: whose it was, unless it was called off.
    pub(super) fn ring(&mut self, place: u32) -> Option<(u8, u32)> {
        let Alarm { slot, tag } = self.entries[place as usize];
        self.free.push(place);
        (slot != SILENT).then_some((tag, slot))
    }
}
