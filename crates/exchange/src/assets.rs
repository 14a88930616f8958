//! Asset registers: `comity.asset/1`, one sheet a line.
//!
//! Here: reading and checking the lines. Elsewhere: what may be done with an asset (`takedown`).
//! Bounds: lines of 64 KiB.

use crate::findings::{BROKEN_OFF, LINE_TOO_LONG, LINE_UNKNOWN, Reporter, Sink, Summary};
use crate::line::{self, Line, MAX_LINE};
use serde::de::DeserializeOwned;
use std::io::Read;
use terms::{AssetSheet, Confidence, FindingBody};

/// Reads an asset register: one `Asset` finding a line. A line that is no sheet becomes an `Unreadable` finding
/// (CMT-0901, CMT-0902).
pub fn read(source: &mut dyn Read, sink: Sink<'_>) -> Summary {
    let mut report = Reporter::new("exchange.assets", sink);
    each(source, &mut report, &mut |number, sheet: AssetSheet, report| {
        let asset = sheet.asset.trim();
        if sheet.schema != "comity.asset/1" {
            return Err("its schema is not `comity.asset/1`".into());
        }
        if asset.is_empty()
            || asset != sheet.asset
            || asset.chars().any(char::is_uppercase) && !account(&sheet)
        {
            return Err("its asset is not a name, address or account in lower case".into());
        }
        report.count();
        report.state(
            Confidence::new(90),
            format!("Line {number} of the register: {} says so.", sheet.source),
            FindingBody::Asset { sheet },
        );
        Ok(())
    });
    report.finish()
}

/// Institutions write accounts in capitals.
fn account(sheet: &AssetSheet) -> bool {
    sheet.class == terms::AssetClass::Account
}

/// Hands every line that reads as a `T` to `on` with its number; lists the others. Empty lines are passed over.
pub(crate) fn each<T: DeserializeOwned>(
    source: &mut dyn Read,
    report: &mut Reporter<'_>,
    on: &mut dyn FnMut(u64, T, &mut Reporter<'_>) -> Result<(), String>,
) {
    line::lines(source, MAX_LINE, &mut |line| match line {
        Line::Text { bytes, .. } if bytes.trim_ascii().is_empty() => {}
        Line::Text { number, bytes } => {
            let read = serde_json::from_slice::<T>(bytes).map_err(|e| format!("it does not read ({e})"));
            if let Err(why) = read.and_then(|value| on(number, value, report)) {
                report.unreadable(LINE_UNKNOWN, format!("line {number}"), &why);
            }
        }
        Line::TooLong { number } => {
            report.unreadable(LINE_TOO_LONG, format!("line {number}"), "it is longer than 64 KiB");
        }
        Line::Failed { number, why } => {
            report.unreadable(BROKEN_OFF, format!("line {number}"), &format!("reading failed, {why}"));
        }
    });
}
