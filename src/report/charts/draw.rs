//! Scenes to bytes. With `font`, the only file that knows plotters; it uses its backends and none of its chart layer.

use super::font::{self, EMS_PER_LINE, Face};
use super::palette::{Ink, PAPER};
use super::scene::{Anchor, At, Scene, Shape};
use super::{Chart, layout};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{RGBColor, ShapeStyle};

/// Fails only without a font, which is compiled in, or on a full disk, and nothing is written to one.
const INFALLIBLE: &str = "drawing in memory does not fail";

/// The chart as an SVG document: 960 pixels wide, text as text.
pub fn svg(chart: &Chart) -> String {
    let scene = layout::scene(chart);
    let mut drawn = String::new();
    let mut backend = SVGBackend::with_string(&mut drawn, size(&scene, 1));
    backend.draw_rect((0, 0), (scene.width, scene.height), &filled(PAPER), true).expect(INFALLIBLE);
    render(&mut backend, &scene, Target { scale: 1, vector: true });
    backend.present().expect(INFALLIBLE);
    drop(backend);
    // The first line is plotters' opening tag. Ours shows the half pixels at their size, and says what is drawn.
    let body = drawn.split_once('\n').map_or("", |(_, body)| body);
    let (width, height) = (scene.width, scene.height);
    let title = escaped(&font::clean(&chart.title));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n<title>{title}</title>\n{body}",
        width / 2,
        height / 2,
    )
}

/// The chart as a PNG file, two pixels of the file for each of the chart's, so that it is sharp on any screen.
pub fn png(chart: &Chart) -> Vec<u8> {
    // Plotters does not smooth edges: draw at twice the size and average.
    const FINE: u32 = 2;
    let scene = layout::scene(chart);
    let (wide, high) = size(&scene, FINE);
    // Paper at once: plotters would fill it pixel by pixel.
    let (r, g, b) = PAPER.rgb;
    let mut fine = [r, g, b].repeat(wide as usize * high as usize);
    let mut backend = BitMapBackend::with_buffer(&mut fine, (wide, high));
    render(&mut backend, &scene, Target { scale: FINE as i32, vector: false });
    backend.present().expect(INFALLIBLE);
    drop(backend);
    let (width, height) = size(&scene, 1);
    encoded(&halved(&fine, wide as usize), width, height)
}

/// How a scene becomes the backend's coordinates.
#[derive(Clone, Copy)]
struct Target {
    scale: i32,
    vector: bool,
}

fn size(scene: &Scene, scale: u32) -> (u32, u32) {
    (scene.width as u32 * scale, scene.height as u32 * scale)
}

fn render<B: DrawingBackend>(backend: &mut B, scene: &Scene, target: Target) {
    let scaled = |(x, y): At| (x * target.scale, y * target.scale);
    for shape in &scene.shapes {
        match shape {
            Shape::Rect { from, to, ink } => backend.draw_rect(scaled(*from), scaled(*to), &filled(*ink), true).expect(INFALLIBLE),
            Shape::Area { points, ink } => backend.fill_polygon(points.iter().copied().map(scaled), &filled(*ink)).expect(INFALLIBLE),
            Shape::Dot { center, radius, ink } => {
                let radius = (radius * target.scale) as u32;
                backend.draw_circle(scaled(*center), radius, &filled(*ink), true).expect(INFALLIBLE)
            }
            Shape::Path { points, width, ink } => {
                let stroke = ShapeStyle { stroke_width: width * target.scale as u32, ..filled(*ink) };
                let points = points.iter().copied().map(scaled);
                if target.vector { backend.draw_path(points, &stroke).expect(INFALLIBLE) } else { joined(backend, points, &stroke) }
            }
            Shape::Text { at, anchor, face, ink, text } => words(backend, target, scaled(*at), (*anchor, *face, *ink), text),
        }
    }
}

fn filled(ink: Ink) -> ShapeStyle {
    let (r, g, b) = ink.rgb;
    ShapeStyle { color: plotters::style::Color::mix(&RGBColor(r, g, b), ink.alpha), filled: true, stroke_width: 1 }
}

/// A path as lines with round joints: plotters' own outline of a wide path has holes where it doubles back.
fn joined<B: DrawingBackend>(backend: &mut B, points: impl Iterator<Item = At>, stroke: &ShapeStyle) {
    let points: Vec<At> = points.collect();
    for pair in points.windows(2) {
        match upright(pair[0], pair[1], stroke.stroke_width as i32) {
            Some((from, to)) => backend.draw_rect(from, to, stroke, true).expect(INFALLIBLE),
            None => backend.draw_line(pair[0], pair[1], stroke).expect(INFALLIBLE),
        }
    }
    for triple in points.windows(3) {
        backend.draw_circle(triple[1], stroke.stroke_width.saturating_sub(1) / 2, stroke, true).expect(INFALLIBLE);
    }
}

/// A line along an axis as the rectangle that it is, which is filled at once and not pixel by pixel: most of what is drawn is grid.
fn upright(a: At, b: At, width: i32) -> Option<(At, At)> {
    let (from, to) = ((a.0.min(b.0), a.1.min(b.1)), (a.0.max(b.0), a.1.max(b.1)));
    let (before, after) = (width / 2, width - width / 2);
    match (from.0 == to.0, from.1 == to.1) {
        (false, true) => Some(((from.0, from.1 - before), (to.0, to.1 + after))),
        (true, false) => Some(((from.0 - before, from.1), (to.0 + after, to.1))),
        _ => None,
    }
}

fn words<B: DrawingBackend>(backend: &mut B, target: Target, at: At, (anchor, face, ink): (Anchor, Face, Ink), text: &str) {
    // What plotters means by a size, and by the top of a text, differs between its backends; the baseline is ours.
    const SVG_SIZE_OF_EM: f64 = 1.24;
    let em = f64::from(face.em * target.scale);
    let (size, ascent) = if target.vector { (em * SVG_SIZE_OF_EM, 0.76 * em) } else { (em * EMS_PER_LINE, em * EMS_PER_LINE / 2.0) };
    let h_pos = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let color = filled(ink).color;
    let style = font::style(face.bold, size).pos(Pos::new(h_pos, VPos::Top)).color(&color);
    backend.draw_text(text, &style, (at.0, at.1 - ascent.round() as i32)).expect(INFALLIBLE);
}

/// The picture at half its width and height: each pixel the mean of four.
fn halved(fine: &[u8], wide: usize) -> Vec<u8> {
    /// Pixels of the fine picture that are looked at in one go: most of a chart is paper, which needs no arithmetic.
    const STRETCH: usize = 64;
    let (r, g, b) = PAPER.rgb;
    let paper = [r, g, b].repeat(STRETCH);
    let mut pixels = [r, g, b].repeat(fine.len() / 12);
    for (row, rows) in pixels.chunks_exact_mut(wide * 3 / 2).zip(fine.chunks_exact(wide * 3 * 2)) {
        let (upper, lower) = rows.split_at(wide * 3);
        let stretches = upper.chunks(paper.len()).zip(lower.chunks(paper.len()));
        for (stretch, (upper, lower)) in row.chunks_mut(paper.len() / 2).zip(stretches) {
            let paper = &paper[..upper.len()];
            if upper == paper && lower == paper {
                continue;
            }
            let fours = upper.as_chunks().0.iter().zip(lower.as_chunks().0);
            for (pixel, ([r, g, b, to_r, to_g, to_b], below)) in stretch.as_chunks_mut().0.iter_mut().zip(fours) {
                let mean = |of: [&u8; 4]| (of.iter().map(|channel| u16::from(**channel)).sum::<u16>() / 4) as u8;
                let [r_below, g_below, b_below, to_r_below, to_g_below, to_b_below] = below;
                *pixel = [mean([r, to_r, r_below, to_r_below]), mean([g, to_g, g_below, to_g_below]), mean([b, to_b, b_below, to_b_below])];
            }
        }
    }
    pixels
}

fn encoded(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    let mut writer = encoder.write_header().expect(INFALLIBLE);
    writer.write_image_data(pixels).expect(INFALLIBLE);
    writer.finish().expect(INFALLIBLE);
    file
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
