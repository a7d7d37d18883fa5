//! A drawing as plain data: rectangles, lines, areas, dots and text, in half pixels, from back to front.

use super::font::Face;
use super::palette::Ink;

pub type At = (i32, i32);

/// Pixels in the scene's unit.
pub const fn px(pixels: i32) -> i32 {
    pixels * 2
}

#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub width: i32,
    pub height: i32,
    pub shapes: Vec<Shape>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Rect { from: At, to: At, ink: Ink },
    Path { points: Vec<At>, width: u32, ink: Ink },
    Area { points: Vec<At>, ink: Ink },
    Dot { center: At, radius: i32, ink: Ink },
    Text { at: At, anchor: Anchor, face: Face, ink: Ink, text: String },
}

/// Which part of the text lies at its place; vertically it is always the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Scene {
    pub fn rect(&mut self, from: At, to: At, ink: Ink) {
        if from.0 < to.0 && from.1 < to.1 {
            self.shapes.push(Shape::Rect { from, to, ink });
        }
    }

    pub fn path(&mut self, points: Vec<At>, width: u32, ink: Ink) {
        if points.len() > 1 {
            self.shapes.push(Shape::Path { points, width, ink });
        }
    }

    pub fn area(&mut self, points: Vec<At>, ink: Ink) {
        if points.len() > 2 {
            self.shapes.push(Shape::Area { points, ink });
        }
    }

    pub fn dot(&mut self, center: At, radius: i32, ink: Ink) {
        self.shapes.push(Shape::Dot { center, radius, ink });
    }

    pub fn text(&mut self, at: At, anchor: Anchor, face: Face, ink: Ink, text: impl Into<String>) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.shapes.push(Shape::Text { at, anchor, face, ink, text });
        }
    }
}
