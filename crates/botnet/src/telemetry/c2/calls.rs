//! What is kept of one caller's calls to one endpoint.

use super::{SPAN, UNANSWERED};
use std::collections::BTreeSet;

/// Calls of one caller whose times are kept; the later ones only count.
const MAX_TIMES: usize = 50_000;

/// Calls of one caller to one endpoint.
#[derive(Default)]
pub(super) struct Calls {
    pub source: String,
    pub times: Vec<i64>,
    pub sizes: Vec<i64>,
    pub count: u64,
    pub unanswered: u64,
    pub refused: u64,
    pub recognised: u64,
    pub service: Option<String>,
    pub spans: BTreeSet<i64>,
    /// Five-minute spans in which the caller was seen at all.
    pub active_spans: i64,
    /// Endpoints that the caller called and that never answered it.
    pub seeking: i64,
    pub first: i64,
    pub last: i64,
}

impl Calls {
    pub fn take(&mut self, ts: i64, service: Option<&str>, state: Option<&str>, sent: i64) {
        // The same flow in two exhibits (a log and its labelled copy) is one call.
        if self.count > 0 && ts == self.last {
            if self.service.is_none() && service.is_some() {
                self.recognised += 1;
                self.service = service.map(str::to_owned);
            }
            return;
        }
        if self.count == 0 {
            self.first = ts;
        }
        self.last = ts;
        self.count += 1;
        if state.is_some_and(|s| UNANSWERED.contains(&s)) {
            self.unanswered += 1;
            self.refused += u64::from(state != Some("S0"));
        }
        if let Some(service) = service {
            self.recognised += 1;
            self.service.get_or_insert_with(|| service.to_owned());
        }
        if self.times.len() < MAX_TIMES {
            self.times.push(ts);
            self.sizes.push(sent);
            self.spans.insert(ts.div_euclid(SPAN));
        }
    }
}
