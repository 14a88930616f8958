//! What a sample does when it loses its control: a plan that cuts bots off must weigh it.
//!
//! Here: the sentences that a plan is warned with; pure. Elsewhere: what tells such a sample (`malware`: the capability
//! `harm-on-loss`, a configuration's value of that name).

use std::collections::BTreeSet;
use terms::{ExhibitId, Finding, FindingBody};
use threat::Threat;

/// The word for it, in capabilities and in values of configurations.
const WORD: &str = "harm-on-loss";

/// One sentence for each threat with samples that may destroy when they are cut off; how many, and why it is thought so.
pub(crate) fn warnings(threats: &[Threat], findings: &[Finding]) -> Vec<String> {
    threats.iter().filter_map(|threat| of_threat(threat, findings)).collect()
}

fn of_threat(threat: &Threat, findings: &[Finding]) -> Option<String> {
    let family = |name: &String| threat.family.as_ref().is_some_and(|f| f.eq_ignore_ascii_case(name));
    let concerns = |finding: &Finding| {
        finding.exhibits.iter().any(|e| threat.samples.contains(e))
            || matches!(&finding.body, FindingBody::Configuration { family: name, .. } if family(name))
    };
    let telling: Vec<(&Finding, String)> =
        findings.iter().filter(|f| concerns(f)).filter_map(|f| Some((f, harm(&f.body)?))).collect();
    let (surest, what) = telling.iter().max_by_key(|(f, _)| (f.confidence, f.id))?;
    let samples: BTreeSet<ExhibitId> = telling.iter().flat_map(|(f, _)| f.exhibits.iter().copied()).collect();
    let many = if samples.len() == 1 { "1 sample".to_owned() } else { format!("{} samples", samples.len()) };
    Some(format!(
        "{}: {many} may harm the machine when cut off ({what}; confidence {}): have owners told and machines cured before \
         or at the hour, or leave a harmless channel answering.",
        threat.title, surest.confidence
    ))
}

/// What a finding says of it, in words.
fn harm(body: &FindingBody) -> Option<String> {
    match body {
        FindingBody::Capability { capability, evidence, .. } if capability == WORD => {
            let first: Vec<&str> = evidence.iter().take(2).map(String::as_str).collect();
            Some(format!("it can destroy, and looks whether it is commanded: {}", first.join(", ")))
        }
        FindingBody::Configuration { values, .. } => {
            let (_, text) = values.iter().find(|(name, _)| name == WORD)?;
            Some(format!("its configuration says: {text}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::{Channel, Confidence, Unsealed};

    fn finding(sample: &[u8], confidence: u8, body: FindingBody) -> Finding {
        let (examiner, reason) = ("malware.test".to_owned(), "read".to_owned());
        Unsealed { examiner, version: 1, confidence: Confidence::new(confidence), reason, body }
            .seal(vec![ExhibitId::of(sample)])
    }

    fn configuration(sample: &[u8], family: &str, values: Vec<(String, String)>) -> Finding {
        let body = FindingBody::Configuration {
            family: family.into(),
            campaign: None,
            variant: None,
            channels: vec![Channel::domain("relay.com.example")],
            dga: None,
            values,
        };
        finding(sample, 90, body)
    }

    fn capability(sample: &[u8], name: &str) -> Finding {
        let evidence = vec![
            "text `rm -rf /*` at 0x40".to_owned(),
            "import connect".to_owned(),
            "import time".to_owned(),
        ];
        finding(
            sample,
            40,
            FindingBody::Capability { capability: name.into(), techniques: vec!["T1485".into()], evidence },
        )
    }

    fn warned(findings: &[Finding]) -> Vec<String> {
        let threats = threat::assess(findings, threat::Horizon { from: terms::Day(1), days: 1 });
        warnings(&threats, findings)
    }

    #[test]
    fn a_plan_is_warned_of_samples_that_destroy_when_cut_off() {
        let plain = configuration(b"one", "harbourlight", vec![]);
        assert!(warned(&[plain.clone(), capability(b"one", "run-key")]).is_empty());
        // Another's sample says nothing of this threat.
        assert!(warned(&[plain.clone(), capability(b"another", WORD)]).is_empty());
        let told = warned(&[plain.clone(), capability(b"one", WORD)]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told.iter()
                .all(|t| t.contains("1 sample may harm") && t.contains("rm -rf /*") && t.contains("40 %"))
        );
        let set =
            configuration(b"two", "harbourlight", vec![(WORD.to_owned(), "wipes after 3 days".to_owned())]);
        let told = warned(&[plain, set, capability(b"one", WORD)]);
        assert!(told.iter().any(|t| t.contains("2 samples") && t.contains("wipes after 3 days")), "{told:?}");
    }
}
