//! What holds for every picture, whatever the graph; and what some graphs must look like.

use super::*;
use crate::base::cases::cases;
use proptest::prelude::*;

fn end(at: usize) -> End {
    End { at, bar: None }
}

fn graph(boxes: usize, arrows: &[(usize, usize)]) -> Drawing {
    Drawing {
        boxes: vec![Shape { width: 100, height: 40, ..Shape::default() }; boxes],
        arrows: arrows.iter().map(|&(from, to)| Arrow { from: end(from), to: end(to), label: None }).collect(),
    }
}

fn any_drawing() -> impl Strategy<Value = Drawing> {
    let side = prop_oneof![2 => Just(Side::First), 6 => Just(Side::Between), 2 => Just(Side::Last)];
    let one = (20..200_i32, 20..120_i32, side, 0..4_usize).prop_map(|(width, height, side, bars)| {
        let each = height / (bars as i32 + 1);
        Shape { width, height, side, bars: (0..bars as i32).map(|i| ((i + 1) * each, each)).collect() }
    });
    (prop::collection::vec(one, 1..14)).prop_flat_map(|boxes| {
        let ends = (0..boxes.len(), 0..4_usize, 0..boxes.len(), 0..4_usize, prop::option::of((10..150_i32, 8..40_i32)));
        let arrows = prop::collection::vec(ends, 0..30);
        (Just(boxes), arrows).prop_map(|(boxes, arrows)| {
            let bar = |at: usize, bar: usize| End { at, bar: (bar < boxes[at].bars.len()).then_some(bar) };
            let arrow = |&(from, from_bar, to, to_bar, label): &(usize, usize, usize, usize, Option<(i32, i32)>)| Arrow {
                from: bar(from, from_bar),
                to: bar(to, to_bar),
                label,
            };
            let arrows = arrows.iter().map(arrow).collect();
            Drawing { boxes, arrows }
        })
    })
}

fn overlap(a: Rect, b: Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

/// Whether the way between two points (curved, but never beyond them) can touch the inside of a box.
fn touches(from: (i32, i32), to: (i32, i32), r: Rect) -> bool {
    let (left, right) = (from.0.min(to.0), from.0.max(to.0));
    let (top, bottom) = (from.1.min(to.1), from.1.max(to.1));
    left < r.x + r.width && right > r.x && top < r.y + r.height && bottom > r.y
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn no_two_boxes_or_labels_overlap_and_all_are_in_the_picture(drawing in any_drawing()) {
        let placed = layout(&drawing);
        let boxes = placed.boxes.iter().zip(&drawing.boxes).map(|(r, b)| (*r, (b.width, b.height)));
        let labels = placed.routes.iter().zip(&drawing.arrows).filter_map(|(r, a)| Some((r.label?, a.label?)));
        let all: Vec<(Rect, (i32, i32))> = boxes.chain(labels).collect();
        for (i, (rect, size)) in all.iter().enumerate() {
            prop_assert_eq!((rect.width, rect.height), *size);
            prop_assert!(rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= placed.width && rect.y + rect.height <= placed.height);
            prop_assert!(all[..i].iter().all(|(other, _)| !overlap(*rect, *other)), "{rect:?}");
        }
        for (route, arrow) in placed.routes.iter().zip(&drawing.arrows) {
            // What leads from bar to bar of one box has no label.
            prop_assert!(route.label.is_some() == arrow.label.is_some() || route.is_loop);
            prop_assert!(route.points.iter().all(|p| (0..=placed.width).contains(&p.0) && (0..=placed.height).contains(&p.1)));
        }
    }

    #[test]
    fn every_arrow_begins_and_ends_at_its_boxes_and_bars(drawing in any_drawing()) {
        let placed = layout(&drawing);
        for (route, arrow) in placed.routes.iter().zip(&drawing.arrows) {
            for (end, point) in [(arrow.from, route.points.first()), (arrow.to, route.points.last())] {
                let (rect, (x, y)) = (placed.boxes[end.at], *point.expect("an arrow has a way"));
                let (top, height) = end.bar.map_or((0, rect.height), |bar| drawing.boxes[end.at].bars[bar]);
                let at_side = (x == rect.x || x == rect.x + rect.width) && (rect.y + top..=rect.y + top + height).contains(&y);
                let at_bottom = route.is_loop && y == rect.y + rect.height && (rect.x..=rect.x + rect.width).contains(&x);
                prop_assert!(at_side || at_bottom, "{:?} {:?} {:?}", end, (x, y), rect);
            }
        }
    }

    #[test]
    fn no_arrow_goes_through_a_box_or_another_arrows_label(drawing in any_drawing()) {
        let placed = layout(&drawing);
        for (number, route) in placed.routes.iter().enumerate() {
            for pair in route.points.windows(2) {
                prop_assert!(route.is_loop || pair[0].1 == pair[1].1 || pair[0].0 != pair[1].0, "a curve needs room");
                for (at, rect) in placed.boxes.iter().enumerate() {
                    prop_assert!(!touches(pair[0], pair[1], *rect), "arrow {number}, box {at}: {pair:?} {rect:?}");
                }
                for (other, label) in placed.routes.iter().enumerate().filter_map(|(i, r)| Some((i, r.label?))) {
                    let loops = route.is_loop || placed.routes[other].is_loop;
                    prop_assert!(other == number || loops || !touches(pair[0], pair[1], label), "arrow {number}, label {other}");
                }
            }
        }
    }

    #[test]
    fn arrows_go_ahead_layer_by_layer_unless_they_are_said_to_go_back(drawing in any_drawing()) {
        let placed = layout(&drawing);
        for (route, arrow) in placed.routes.iter().zip(&drawing.arrows) {
            let (from, to) = (placed.layers[arrow.from.at], placed.layers[arrow.to.at]);
            match (route.is_loop, route.backwards) {
                (true, _) => prop_assert_eq!(arrow.from.at, arrow.to.at),
                (_, false) => prop_assert!(from < to && route.points.windows(2).all(|p| p[0].0 <= p[1].0)),
                (_, true) => prop_assert!(from > to && route.points.windows(2).all(|p| p[0].0 >= p[1].0)),
            }
        }
    }

    #[test]
    fn who_wants_to_be_first_is_and_a_graph_without_cycles_has_no_arrow_back(drawing in any_drawing()) {
        let mut drawing = drawing;
        drawing.arrows.retain(|a| a.from.at < a.to.at && drawing.boxes[a.to.at].side != Side::First);
        let placed = layout(&drawing);
        prop_assert!(placed.routes.iter().all(|r| !r.backwards));
        for (at, own) in drawing.boxes.iter().enumerate() {
            prop_assert!(own.side != Side::First || placed.layers[at] == 0);
        }
    }

    #[test]
    fn one_graph_has_one_picture(drawing in any_drawing()) {
        prop_assert_eq!(layout(&drawing), layout(&drawing.clone()));
    }
}

#[test]
fn a_chain_is_a_straight_line() {
    let placed = layout(&graph(4, &[(0, 1), (1, 2), (2, 3)]));
    assert_eq!(placed.layers, [0, 1, 2, 3]);
    assert!(placed.boxes.iter().all(|b| b.y == placed.boxes[0].y), "{:?}", placed.boxes);
    assert!(placed.routes.iter().all(|r| r.points.iter().all(|p| p.1 == 20)), "{:?}", placed.routes);
}

/// How many pairs of arrows change sides between two columns.
fn crossings(placed: &Placed) -> usize {
    let pieces: Vec<[(i32, i32); 2]> = placed.routes.iter().flat_map(|r| r.points.windows(2).map(|p| [p[0], p[1]])).collect();
    let cross = |a: &[(i32, i32); 2], b: &[(i32, i32); 2]| {
        a[0].0 == b[0].0 && a[1].0 == b[1].0 && (a[0].1 - b[0].1).signum() * (a[1].1 - b[1].1).signum() < 0
    };
    pieces.iter().enumerate().map(|(i, a)| pieces[..i].iter().filter(|b| cross(a, b)).count()).sum()
}

#[test]
fn what_can_be_drawn_without_crossings_is() {
    // A tree whose branches are written crosswise, with one arrow along each branch that skips a layer.
    let tree = [(0, 2), (0, 1), (1, 6), (2, 5), (1, 4), (2, 3), (0, 6), (0, 5), (3, 8), (4, 7)];
    assert_eq!(crossings(&layout(&graph(9, &tree))), 0);
    assert!(crossings(&layout(&graph(6, &[(0, 3), (0, 4), (0, 5), (1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (2, 5)]))) > 0);
}

#[test]
fn two_that_call_each_other_are_drawn_with_one_arrow_back() {
    let placed = layout(&graph(2, &[(0, 1), (1, 0)]));
    assert_eq!(placed.routes.iter().filter(|r| r.backwards).count(), 1);
    let ends: Vec<_> = placed.routes.iter().map(|r| r.points[0].1).collect();
    assert_ne!(ends[0], ends[1], "they would lie upon each other");
}

#[test]
fn parts_that_do_not_hang_together_stand_beside_each_other() {
    let placed = layout(&graph(30, &[]));
    assert!(placed.width > placed.height && placed.height > 100, "{} x {}", placed.width, placed.height);
}

#[test]
fn an_empty_graph_is_an_empty_picture() {
    assert_eq!(layout(&Drawing::default()), Placed::default());
}

/// Two hundred services that call each other as those of large systems do. The bound is a multiple of what a release build takes, since this is none.
#[test]
fn two_hundred_services_are_laid_out_at_once() {
    let mut number = 7_u64;
    let mut next = |below: usize| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((number >> 33) as usize) % below
    };
    let arrows: Vec<(usize, usize)> = (1..200).flat_map(|to| [(next(to), to), (next(to), to), (next(200), to)]).collect();
    let mut drawing = graph(200, &arrows);
    drawing.arrows.iter_mut().for_each(|a| a.label = Some((120, 20)));
    let placed = layout(&drawing);
    assert_eq!(placed.boxes.len(), 200);
    assert!(placed.routes.iter().all(|r| r.points.len() >= 2));
}

#[test]
fn who_wants_to_be_last_is_and_who_calls_more_than_it_is_called_stands_near_to_whom_it_calls() {
    let mut drawing = graph(4, &[(0, 1), (1, 2), (0, 3)]);
    drawing.boxes[3].side = Side::Last;
    assert_eq!(layout(&drawing).layers, [0, 1, 2, 2]);
    assert_eq!(layout(&graph(5, &[(0, 1), (1, 2), (2, 3), (4, 3)])).layers, [0, 1, 2, 3, 2]);
}

#[test]
fn an_arrow_to_who_wants_to_be_first_goes_back() {
    let mut drawing = graph(2, &[(0, 1)]);
    drawing.boxes[1].side = Side::First;
    let placed = layout(&drawing);
    assert!(placed.layers == [1, 0] && placed.routes[0].backwards, "{placed:?}");
}

#[test]
fn what_is_written_on_an_arrow_stands_beside_who_makes_the_call() {
    let mut drawing = graph(3, &[(0, 1), (1, 2), (2, 0)]);
    drawing.arrows[2].label = Some((60, 12));
    let placed = layout(&drawing);
    let label = placed.routes[2].label.expect("it has one");
    assert!(label.x > placed.boxes[1].x && label.x < placed.boxes[2].x, "{placed:?}");
}

#[test]
fn a_caller_stands_between_those_it_calls_and_its_arrows_share_its_side() {
    let placed = layout(&graph(3, &[(0, 1), (0, 2)]));
    let y = |at: usize| placed.boxes[at].y;
    assert!((y(1) - y(2)).abs() >= 40 + APART, "{placed:?}");
    assert!((2 * y(0) - y(1) - y(2)).abs() <= 2, "{placed:?}");
    let mut leaves: Vec<i32> = placed.routes.iter().map(|route| route.points[0].1 - y(0)).collect();
    leaves.sort_unstable();
    assert_eq!(leaves, [10, 30]);
}
