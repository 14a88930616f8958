//! `measure --plan`: how many of the machines that were infected at the hour still are, and whether the botnet comes back.

use super::Outcome;
use super::out::{Out, Table, count, counted};
use crate::node::cohort::Curve;
use crate::node::error::Ending;
use crate::node::measure::MeasureReport;

/// Countries and networks with most machines first, at most `most` of each. Exit code 7 where the data cannot tell.
pub(super) fn told(report: &MeasureReport, most: usize, out: &mut Out) -> Outcome {
    if let Some(watched) = &report.watched {
        out.paragraph(0, &watched.why);
    }
    if let Some(why) = &report.not_watched {
        out.paragraph(0, &format!("no alarm of resurgence can be raised: {why}"));
    }
    let Some(survival) = &report.survival else {
        let why = report.no_survival.as_deref().unwrap_or("it was measured before this was told");
        out.paragraph(
            0,
            &format!("the data cannot tell how many machines infected at the hour still are: {why}"),
        );
        return Ending::CannotTell.into();
    };
    let (first, last) = survival.watched;
    out.line(format!("machines infected at the hour, followed from {first} to {last}"));
    out.line("");
    let mut table = Table::new(&["where", "machines", "infected still", "95 % interval"]);
    let mut few = 0u64;
    let mut row = |name: String, curve: &Curve| match curve.left {
        Some(left) => table.row([
            name,
            count(curve.machines),
            format!("{:.1} %", left.best * 100.0),
            format!("{:.1} to {:.1} %", left.low * 100.0, left.high * 100.0),
        ]),
        None => few += 1,
    };
    row("all".into(), &survival.all);
    survival.places.iter().take(most).for_each(|(place, curve)| row(place.to_string(), curve));
    survival.networks.iter().take(most).for_each(|(number, curve)| row(format!("AS{number}"), curve));
    out.table(&table);
    let all = survival.places.len().max(survival.networks.len());
    if few > 0 {
        out.talk(format!("{} with fewer than 20 machines: nothing is said of them", counted(few, "group")));
    }
    if all > most {
        out.talk(format!(
            "the {most} largest are shown: `comity measure --plan {} --survival` shows all",
            report.plan
        ));
    }
    Outcome::Done
}
