//! The facts of a ranked endpoint in words.

use super::judge::Endpoint;
use super::priors::Standing;
use super::signs::Caller;
use terms::MICROS_PER_SECOND;

/// The signs in words, strongest facts first.
pub(super) fn reason(best: &Caller, endpoint: &Endpoint, standing: &Standing) -> String {
    let calls = &best.calls;
    let span = calls.last.saturating_sub(calls.first);
    let mut facts = vec![format!("{} connections in {} to one endpoint", calls.count, duration(span))];
    let percent = |part: u64| (100.0 * part as f64 / calls.count.max(1) as f64).round();
    if calls.unanswered > 0 {
        let word = if calls.refused * 2 > calls.unanswered { "refused" } else { "unanswered" };
        facts.push(format!("{} % {word}", percent(calls.unanswered)));
    }
    let timing = if best.signs.regular >= 0.5 { "" } else { "irregular, " };
    facts.push(format!("{timing}median interval {} ± {}", seconds(best.interval), seconds(best.deviation)));
    facts.push(match endpoint.callers {
        1 => "asked by one host".to_owned(),
        n => format!("asked by {n} of {} hosts", endpoint.all_hosts),
    });
    facts.push(match &calls.service {
        Some(service) => format!("service {service} recognised in {} %", percent(calls.recognised)),
        None => "no known service".to_owned(),
    });
    facts.push(format!("called in {:.0} % of the time the host was active", 100.0 * best.signs.persistent));
    if let Some(b) = best.beacon {
        facts.push(format!(
            "beacon score {:.2} (timestamp {:.2}, data size {:.2}, duration {:.2}, histogram {:.2})",
            b.overall, b.timestamp, b.size, b.duration, b.histogram
        ));
    }
    if calls.seeking > 16 {
        facts.push(format!("the host called {} endpoints in vain", calls.seeking));
    }
    facts.extend(standing.facts());
    facts.join(", ")
}

fn seconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.2} s") } else { format!("{value:.0} s") }
}

fn duration(micros: i64) -> String {
    let seconds = micros / MICROS_PER_SECOND;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
