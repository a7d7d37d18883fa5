//! What would have stopped the cascade: the changes that were tried, the best first, each with its effect as a bar and its interval.

use super::escape::{Sentence, Text};
use crate::analysis::statistics::Estimate;
use crate::analysis::words;
use crate::experiment::why::{Tried, Why};
use crate::report::why::{difference, sentences, share};
use std::io::{self, Write};

/// Changes that are shown; `why.json` has all.
const MOST: usize = 20;
/// Size of the drawing of an effect, in pixels.
const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 18.0;

pub fn write(why: &Why, to: &mut impl Write) -> io::Result<()> {
    let runs = words::counted(why.runs as u64, "run", "runs");
    writeln!(to, "<section id=\"why\" class=\"block\" aria-labelledby=\"why-title\"><h2 id=\"why-title\">What would have stopped it</h2>")?;
    writeln!(to, "<div class=\"lead\">")?;
    for sentence in sentences(why, MOST) {
        writeln!(to, "<p>{}</p>", Sentence(&sentence))?;
    }
    writeln!(
        to,
        "</div><p class=\"muted\">The same seeds again ({runs} each), with one change at a time, the best first. “Served” are requests that \
         clients got a useful answer to.</p>"
    )?;
    writeln!(
        to,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"What would have stopped it\"><table class=\"why\"><thead><tr>\
         <th scope=\"col\">Change</th><th scope=\"col\">Expectations kept</th><th scope=\"col\">Served</th>\
         <th scope=\"col\">Difference, in points of a hundred</th></tr></thead><tbody>"
    )?;
    let kept = |kept: usize| format!("{kept} of {}", why.expectations);
    writeln!(to, "<tr><th scope=\"row\">as it is</th><td>{}</td><td>{}</td><td></td></tr>", kept(why.kept), share(&why.served))?;
    let scale = Scale::of(why);
    for tried in why.tried.iter().take(MOST) {
        row(tried, &kept(tried.kept), why.expectations, &scale, to)?;
    }
    writeln!(
        to,
        "</tbody></table></div><p class=\"note\">A bar is the mean difference from the run as it is, seed by seed; the thin line its 95 % \
         interval. * marks what is more than chance.</p></section>"
    )
}

fn row(tried: &Tried, kept: &str, expectations: usize, scale: &Scale, to: &mut impl Write) -> io::Result<()> {
    let keeps_all = expectations > 0 && tried.broken.is_empty();
    write!(to, "<tr><th scope=\"row\">{}", Text(&tried.change))?;
    for set in &tried.set {
        write!(to, "<br><code>--set {}</code>", Text(&format!("'{set}'")))?;
    }
    let (class, mark) = if keeps_all { (" class=\"good\"", "✓ ") } else { ("", "") };
    write!(to, "</th><td{class}>{mark}{kept}")?;
    if !tried.broken.is_empty() {
        write!(to, "<br><small>not {}</small>", Text(&words::all(&tried.broken)))?;
    }
    write!(to, "</td><td>{}</td><td><span class=\"effect\">", share(&tried.served))?;
    scale.draw(&tried.difference, to)?;
    writeln!(to, "<span>{}</span></span></td></tr>", difference(&tried.difference))
}

/// One scale for all changes, with zero in it.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of(why: &Why) -> Scale {
        let ends = why.tried.iter().take(MOST).flat_map(|tried| [tried.difference.mean, tried.difference.lo, tried.difference.hi]);
        let (least, most) = ends.flatten().fold((0.0f64, 0.0f64), |(least, most), end| (least.min(end), most.max(end)));
        Scale { least, most: most.max(least + 0.001) }
    }

    fn x(&self, value: f64) -> f64 {
        2.0 + (WIDTH - 4.0) * (value - self.least) / (self.most - self.least)
    }

    fn draw(&self, effect: &Estimate, to: &mut impl Write) -> io::Result<()> {
        let zero = self.x(0.0);
        write!(to, "<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\">")?;
        if let Some(mean) = effect.mean {
            let (from, until) = (zero.min(self.x(mean)), zero.max(self.x(mean)));
            let class = if mean < 0.0 { " class=\"worse\"" } else { "" };
            write!(to, "<rect{class} x=\"{from:.1}\" y=\"3\" width=\"{:.1}\" height=\"12\"/>", (until - from).max(0.5))?;
        }
        write!(to, "<path class=\"zero\" d=\"M{zero:.1} 0V{HEIGHT}\"/>")?;
        if let (Some(lo), Some(hi)) = (effect.lo, effect.hi) {
            let (lo, hi) = (self.x(lo), self.x(hi));
            write!(to, "<path class=\"interval\" d=\"M{lo:.1} 5V13M{lo:.1} 9H{hi:.1}M{hi:.1} 5V13\"/>")?;
        }
        write!(to, "</svg>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::why::Cost;

    #[test]
    fn every_change_stands_with_its_bar_its_interval_and_how_to_make_it() {
        let estimate = |mean: f64| Estimate { n: 5, mean: Some(mean), lo: Some(mean - 0.1), hi: Some(mean + 0.1) };
        let tried = |change: &str, mean: f64, broken: &[&str]| Tried {
            change: change.into(),
            set: vec!["policies.\"<b>\".retry=null".into()],
            cost: Cost::Setting,
            served: estimate(0.9),
            difference: estimate(mean),
            kept: 2 - broken.len(),
            broken: broken.iter().map(|name| name.to_string()).collect(),
        };
        let all = vec![tried("no retries under `<b>`", 0.3, &[]), tried("worse", -0.1, &["calm"])];
        let why = Why { runs: 5, served: estimate(0.5), kept: 1, expectations: 2, tried: all, ..Why::default() };
        let mut page = Vec::new();
        write(&why, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(!page.contains("<b>"), "names are text");
        assert!(page.contains("The cheapest change that keeps every expectation: no retries under"));
        assert!(page.contains("✓ 2 of 2") && page.contains("not calm") && page.contains("+30.0 ±10.0*") && page.contains("-10.0 ±10.0"));
        // From -20 to +40 points: zero is at a third.
        assert!(page.contains("M67.3 0V18") && page.contains("<rect x=\"67.3\" y=\"3\" width=\"98.0\""), "{page}");
        assert!(page.contains("class=\"worse\" x=\"34.7\"") && page.contains("M132.7 5V13M132.7 9H198.0M198.0 5V13"), "{page}");
    }
}
