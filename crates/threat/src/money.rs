//! The organisation's money: which role an account plays, by rules that a person can repeat.
//!
//! Reads account findings only. Elsewhere: single movements (the reader of account lines counts them).

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::{Finding, FindingBody, FindingId};

/// What an account does for the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoneyRole {
    /// Where mules' money comes together.
    Collector,
    /// Money passes through, on its way to a collector.
    Mule,
    /// Nothing in the findings decides it.
    Unclear,
}

/// An account with its role. Its owner may be an unwitting mule: the role is the account's, not the person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// As its institution names it.
    pub account: String,
    /// The institution.
    pub institution: String,
    /// What it does.
    pub role: MoneyRole,
    /// Largest sum that one finding says passed, in cents.
    pub cents: i64,
    /// Why, in a sentence.
    pub why: String,
    /// The findings, sorted.
    pub findings: Vec<FindingId>,
}

/// The accounts of all account findings, collectors first, then by sum.
///
/// A finding that speaks of a mule or a collector decides. Among the rest, an account through which at least half as
/// much passed as through all mules together is a collector: that is where their money comes together.
pub fn money(findings: &[Finding]) -> Vec<AccountView> {
    let mut by_account: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        if let FindingBody::Account { account, institution, .. } = &finding.body {
            by_account.entry((institution, account)).or_default().push(finding);
        }
    }
    let mut views: Vec<AccountView> =
        by_account.into_iter().map(|((institution, account), of)| view(institution, account, &of)).collect();
    let through_mules =
        views.iter().filter(|v| v.role == MoneyRole::Mule).fold(0i64, |s, v| s.saturating_add(v.cents));
    for view in views.iter_mut().filter(|v| v.role == MoneyRole::Unclear) {
        if through_mules > 0 && view.cents.saturating_mul(2) >= through_mules {
            view.role = MoneyRole::Collector;
            view.why =
                "at least half as much passed through it as through all mule accounts together".to_owned();
        }
    }
    views.sort_by(|a, b| (a.role, b.cents, &a.account).cmp(&(b.role, a.cents, &b.account)));
    views
}

fn view(institution: &str, account: &str, of: &[&Finding]) -> AccountView {
    let mut cents = 0;
    let mut words = String::new();
    for finding in of {
        if let FindingBody::Account { role, cents: c, .. } = &finding.body {
            cents = cents.max(*c);
            words.push_str(&role.to_ascii_lowercase());
            words.push(' ');
        }
    }
    let (role, why) = if words.contains("collector") {
        (MoneyRole::Collector, "a finding names it a collector's account")
    } else if words.contains("mule") {
        (MoneyRole::Mule, "a finding names it a mule's account")
    } else {
        (MoneyRole::Unclear, "the findings do not say what it is for")
    };
    let findings: BTreeSet<FindingId> = of.iter().map(|f| f.id).collect();
    AccountView {
        account: account.to_owned(),
        institution: institution.to_owned(),
        role,
        cents,
        why: why.to_owned(),
        findings: findings.into_iter().collect(),
    }
}
