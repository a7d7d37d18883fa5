//! Colours that colour-blind readers can tell apart (Okabe and Ito 2008), each with a marker that survives a grey printer.

/// Red, green, blue, and how opaque.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    pub rgb: (u8, u8, u8),
    pub alpha: f64,
}

impl Ink {
    const fn solid(rgb: u32) -> Ink {
        Ink { rgb: ((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8), alpha: 1.0 }
    }

    pub const fn faint(self, alpha: f64) -> Ink {
        Ink { alpha, ..self }
    }
}

pub const PAPER: Ink = Ink::solid(0xFF_FF_FF);
pub const TEXT: Ink = Ink::solid(0x22_22_22);
pub const MUTED: Ink = Ink::solid(0x5C_5C_5C);
pub const AXIS: Ink = Ink::solid(0x9A_9A_9A);
pub const GRID: Ink = Ink::solid(0xE6_E6_E6);
pub const WARM_UP: Ink = Ink::solid(0xF1_F1_F1);
pub const WARM_UP_HATCH: Ink = Ink::solid(0xDD_DD_DD);
pub const FAULT: Ink = Ink::solid(0xD5_5E_00);
/// Dark enough to read as text on the shade of a fault.
pub const FAULT_TEXT: Ink = Ink::solid(0x8F_3D_00);

const BLACK: Ink = Ink::solid(0x1C_1C_1C);
const ORANGE: Ink = Ink::solid(0xE6_9F_00);
const SKY: Ink = Ink::solid(0x56_B4_E9);
const GREEN: Ink = Ink::solid(0x00_9E_73);
const BLUE: Ink = Ink::solid(0x00_72_B2);
const VERMILLION: Ink = Ink::solid(0xD5_5E_00);
const PURPLE: Ink = Ink::solid(0xCC_79_A7);

/// A shape set on a line now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

/// How a series looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub ink: Ink,
    pub marker: Option<Marker>,
    /// Width of the line in half pixels.
    pub width: u32,
}

impl Style {
    const fn line(ink: Ink, width: u32) -> Style {
        Style { ink, marker: None, width }
    }

    const fn marked(ink: Ink, marker: Marker) -> Style {
        Style { ink, marker: Some(marker), width: 3 }
    }
}

/// The quantiles of a latency: the higher, the darker.
pub const P50: Style = Style::line(SKY, 3);
pub const P95: Style = Style::line(BLUE, 3);
pub const P99: Style = Style::line(BLACK, 3);

pub const OFFERED: Style = Style::line(Ink::solid(0x6E_6E_6E), 4);
pub const GOODPUT: Style = Style::marked(BLUE, Marker::Circle);
pub const DEGRADED: Style = Style::marked(ORANGE, Marker::Square);
pub const FAILED: Style = Style::marked(VERMILLION, Marker::Triangle);

pub const QUEUE: Style = Style::line(BLUE, 3);
pub const UTILIZATION: Style = Style::line(BLUE, 3);
pub const ATTEMPTS: Style = Style::line(BLUE, 3);
pub const BREAKER_OPEN: Style = Style::line(VERMILLION, 2);
pub const BREAKER_HALF_OPEN: Style = Style::line(SKY, 2);

pub const BETTER: Style = Style::marked(BLUE, Marker::Circle);
pub const WORSE: Style = Style::marked(VERMILLION, Marker::Triangle);
pub const NEITHER: Style = Style::marked(AXIS, Marker::Diamond);
pub const ROW: Ink = Ink::solid(0xF6_F6_F6);

/// The steps of a heat map: one hue that darkens evenly, so that they keep their order for any eye and any printer.
pub const HEAT: [Ink; 5] =
    [Ink::solid(0xD2_E3_F3), Ink::solid(0x92_C0_DF), Ink::solid(0x4A_90_C6), Ink::solid(0x1B_5F_A8), Ink::solid(0x08_26_4F)];

/// A filled area without a line.
pub const fn filled(ink: Ink) -> Style {
    Style::line(ink, 2)
}

/// The style of the n-th of several things of one kind. Neighbours differ in colour, in grey value and in marker; after
/// thirty-five the pairs repeat.
pub fn nth(n: usize) -> Style {
    const INKS: [Ink; 7] = [BLUE, ORANGE, BLACK, GREEN, PURPLE, VERMILLION, SKY];
    const MARKERS: [Marker; 5] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Cross];
    Style::marked(INKS[n % INKS.len()], MARKERS[n % MARKERS.len()])
}
