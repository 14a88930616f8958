//! The pictures with axes: bots per country, the outcome's curve.

use super::{OutcomeView, SurvivalStep, SurvivalView};
use plotters::prelude::*;
use terms::Place;

pub(super) const INK: RGBColor = RGBColor(38, 50, 66);
pub(super) const BLUE: RGBColor = RGBColor(31, 97, 158);
pub(super) const ORANGE: RGBColor = RGBColor(208, 98, 30);
const PALE: RGBColor = RGBColor(226, 231, 237);

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A picture that could not be drawn becomes a sentence: a report is never lost for its pictures.
pub(super) fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn,
) -> String {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    match drawn {
        // Scales with the page.
        Ok(()) => text.replacen("<svg ", "<svg role=\"img\" style=\"max-width:100%;height:auto\" ", 1),
        Err(why) => format!("<p>This picture could not be drawn: {}.</p>", escaped(&why.to_string())),
    }
}

fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let _ = maud::Escaper::new(&mut out).write_str(text);
    out
}

/// Bars, largest first.
pub(super) fn places(places: &[(Place, u64)]) -> String {
    let shown: Vec<&(Place, u64)> = places.iter().take(30).collect();
    let most = shown.iter().map(|p| p.1).max().unwrap_or(1).max(1);
    svg((960, 260), |area| {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(28)
            .y_label_area_size(60)
            .build_cartesian_2d(0f64..shown.len() as f64, 0f64..most as f64 * 1.1)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(PALE)
            .axis_style(INK)
            .y_labels(5)
            .x_labels(0)
            .y_label_formatter(&|v| format!("{v:.0}"))
            .draw()?;
        for (i, (place, bots)) in shown.iter().enumerate() {
            let (x, y) = (i as f64, *bots as f64);
            chart.draw_series([Rectangle::new([(x + 0.12, 0.0), (x + 0.88, y)], BLUE.filled())])?;
            let style =
                ("sans-serif", 13).into_font().color(&INK).pos(plotters::style::text_anchor::Pos::new(
                    plotters::style::text_anchor::HPos::Center,
                    plotters::style::text_anchor::VPos::Top,
                ));
            let (px, py) = chart.backend_coord(&(x + 0.5, 0.0));
            area.draw(&Text::new(place.to_string(), (px, py + 6), style))?;
        }
        Ok(())
    })
}

/// Bots that can be commanded, per day: measured as a line, truth (where an exercise knows it) as points.
pub(super) fn curve(outcome: &OutcomeView) -> String {
    let curve = &outcome.curve;
    let most = curve.iter().map(|p| p.1.max(p.2.unwrap_or(0.0))).fold(1.0, f64::max) * 1.15;
    svg((960, 320), |area| {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(34)
            .y_label_area_size(60)
            .build_cartesian_2d(-0.5f64..curve.len() as f64 - 0.5, 0f64..most)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(PALE)
            .axis_style(INK)
            .x_labels(curve.len().clamp(2, 16))
            .y_labels(6)
            .y_desc("bots that can be commanded")
            .x_label_formatter(&|x| {
                let at = curve.get(x.round().max(0.0) as usize);
                at.map_or_else(String::new, |p| p.0.get(5..).unwrap_or(&p.0).to_owned())
            })
            .y_label_formatter(&|v| format!("{v:.0}"))
            .draw()?;
        if let Some(hour) = outcome.hour_index {
            let x = hour as f64 - 0.5;
            chart.draw_series(std::iter::once(PathElement::new(
                [(x, 0.0), (x, most)],
                ORANGE.stroke_width(2),
            )))?;
            let (px, py) = chart.backend_coord(&(x, most));
            area.draw(&Text::new(
                "the hour",
                (px + 6, py + 4),
                ("sans-serif", 14).into_font().color(&ORANGE),
            ))?;
        }
        chart
            .draw_series(LineSeries::new(
                curve.iter().enumerate().map(|(i, p)| (i as f64, p.1)),
                BLUE.stroke_width(3),
            ))?
            .label("measured")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLUE.stroke_width(3)));
        let truth: Vec<(f64, f64)> =
            curve.iter().enumerate().filter_map(|(i, p)| p.2.map(|t| (i as f64, t))).collect();
        if !truth.is_empty() {
            chart
                .draw_series(truth.iter().map(|p| Circle::new(*p, 5, ORANGE.stroke_width(2))))?
                .label("truth of the exercise")
                .legend(|(x, y)| Circle::new((x + 9, y), 5, ORANGE.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE)
            .border_style(PALE)
            .label_font(("sans-serif", 14).into_font().color(&INK))
            .draw()?;
        Ok(())
    })
}

/// Countries beside all machines.
const COUNTRIES: [RGBColor; 4] =
    [RGBColor(208, 98, 30), RGBColor(62, 130, 70), RGBColor(128, 74, 150), RGBColor(120, 112, 60)];

/// The corners of a curve that stays where it is until its next step.
fn corners(steps: &[SurvivalStep], last: f64, of: impl Fn(&SurvivalStep) -> f64) -> Vec<(f64, f64)> {
    let (mut out, mut at) = (vec![(0.0, 1.0)], 1.0);
    for step in steps {
        out.push((step.day as f64, at));
        at = of(step);
        out.push((step.day as f64, at));
    }
    out.push((last, at));
    out
}

/// The share of machines that are infected, day by day: all with their interval, the largest countries as lines.
pub(super) fn survival(view: &SurvivalView) -> String {
    let last = view.days.len().saturating_sub(1).max(1) as f64;
    svg((960, 320), |area| {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(36)
            .x_label_area_size(34)
            .y_label_area_size(60)
            .build_cartesian_2d(0f64..last, 0f64..1.02)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(PALE)
            .axis_style(INK)
            .x_labels(view.days.len().clamp(2, 16))
            .y_labels(6)
            .y_desc("infected still")
            .x_label_formatter(&|x| {
                let at = view.days.get(x.round().max(0.0) as usize);
                at.map_or_else(String::new, |d| d.get(5..).unwrap_or(d).to_owned())
            })
            .y_label_formatter(&|v| format!("{:.0} %", v * 100.0))
            .draw()?;
        if let Some((_, _, steps)) = view.curves.first() {
            let mut band = corners(steps, last, |s| s.high);
            band.extend(corners(steps, last, |s| s.low).into_iter().rev());
            chart.draw_series(std::iter::once(Polygon::new(band, BLUE.mix(0.15))))?;
        }
        // All machines last, so that they lie on top.
        for (i, (name, machines, steps)) in view.curves.iter().enumerate().rev() {
            let (colour, width) = match i.checked_sub(1).and_then(|i| COUNTRIES.get(i)) {
                Some(colour) => (*colour, 1),
                None => (BLUE, 3),
            };
            chart
                .draw_series(LineSeries::new(corners(steps, last, |s| s.best), colour.stroke_width(width)))?
                .label(format!("{name}, {machines} machines"))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(width)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE)
            .border_style(PALE)
            .label_font(("sans-serif", 14).into_font().color(&INK))
            .draw()?;
        Ok(())
    })
}
