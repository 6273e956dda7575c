//! Pictures, as SVG: a panel for each row, a horizontal bar for each store.

use std::fmt::Write as _;

use super::page::short;
use super::rows::{Plot, figure};
use crate::results::Results;
use crate::store::Engine;

const PANEL_WIDTH: usize = 300;
const NAME_WIDTH: usize = 80;
const FIGURE_WIDTH: usize = 52;
const BAR: usize = 15;
const GAP: usize = 4;
const COLUMNS: usize = 3;
const MARGIN: usize = 16;
const TOP: usize = 58;
const TITLE: usize = 24;

/// Draws a picture. Colours hold on light and dark grounds.
pub fn draw(results: &Results, plot: &Plot) -> String {
    let engines: Vec<Engine> =
        Engine::ALL.into_iter().filter(|engine| results.has(*engine)).collect();
    let panel_height = TITLE + engines.len() * (BAR + GAP) + MARGIN;
    let columns = plot.rows.len().min(COLUMNS);
    let width = 2 * MARGIN + columns * PANEL_WIDTH + (columns - 1) * MARGIN;
    let height = TOP + plot.rows.len().div_ceil(COLUMNS) * panel_height;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <style>.ground{{fill:#ffffff}}.word{{fill:#1f2328}}.dim{{fill:#59636e}}\
         .ours{{fill:#c2410c}}.peer{{fill:#7d8fa3}}\
         @media (prefers-color-scheme:dark){{.ground{{fill:#0d1117}}.word{{fill:#e6edf3}}\
         .dim{{fill:#9198a1}}.ours{{fill:#f97316}}.peer{{fill:#5b6b7d}}}}</style>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"word\" x=\"{MARGIN}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{}\
         </text>\n<text class=\"dim\" x=\"{MARGIN}\" y=\"44\">{}</text>\n",
        plot.title,
        plot.metric.unit()
    );
    for (at, row) in plot.rows.iter().enumerate() {
        let x = MARGIN + at % COLUMNS * (PANEL_WIDTH + MARGIN);
        let y = TOP + at / COLUMNS * panel_height;
        panel(&mut svg, results, plot, row, &engines, (x, y));
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(
    svg: &mut String,
    results: &Results,
    plot: &Plot,
    row: &str,
    engines: &[Engine],
    (x, y): (usize, usize),
) {
    let figures: Vec<(Engine, Option<f64>)> = engines
        .iter()
        .map(|engine| (*engine, figure(results, *engine, plot.metric, row)))
        .collect();
    let most = figures.iter().filter_map(|(_, figure)| *figure).fold(0.0, f64::max).max(1e-9);
    let _ = writeln!(
        svg,
        "<text class=\"word\" x=\"{x}\" y=\"{}\" font-weight=\"bold\">{row}</text>",
        y + 14
    );
    for (at, (engine, figure)) in figures.iter().enumerate() {
        let top = y + TITLE + at * (BAR + GAP);
        let text = top + BAR - 3;
        let left = x + NAME_WIDTH;
        let room = (PANEL_WIDTH - NAME_WIDTH - FIGURE_WIDTH) as f64;
        let class = if engine.is_ours() { "ours" } else { "peer" };
        let length = figure.map_or(0.0, |figure| figure / most * room).max(1.0);
        let label = figure.map_or_else(|| "-".to_string(), short);
        let _ = writeln!(
            svg,
            "<text class=\"word\" x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{length:.1}\" \
             height=\"{BAR}\" rx=\"2\"/>\
             <text class=\"dim\" x=\"{:.1}\" y=\"{text}\">{label}</text>",
            left - 6,
            engine.name(),
            left as f64 + length + 5.0
        );
    }
}
