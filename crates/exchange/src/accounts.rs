//! Accounts and movements of money: `comity.account/1`, `comity.transaction/1`, `comity.credential/1`.
//!
//! Here: summing what passed through the accounts that an institution declares as a mule's or collector's, and two
//! plain rules. Elsewhere: following the money through the graph (`threat`).
//! Bounds: lines of 64 KiB, 1,000,000 accounts; further accounts are left out and counted.
//!
//! The rules, in the words of the reasons: (1) an account its institution declares `mule` or `collector` is stated
//! with the larger of what came in and what went out. (2) An account nobody declared, into which two or more declared
//! mules pay, is stated as a `collector`, less sure. No other account is stated: those who only pay are the robbed.
//! Credentials are counted in the findings and named in none: whose account was opened is a victim.
//! Declarations and movements often lie in different exhibits. Read those together (their lines one after the other,
//! or one [`Book`]), or the sums are those of one exhibit alone.

use crate::assets::each;
use crate::findings::{Reporter, Sink, Summary, TABLE_FULL};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    io::Read,
};
use terms::{Confidence, ExhibitKind, FindingBody, Timestamp};

const EXAMINER: &str = "exchange.accounts";
/// Most accounts that are kept.
pub const MAX_ACCOUNTS: usize = 1_000_000;
/// Institutions whose credentials are counted apart.
const MAX_INSTITUTIONS: usize = 10_000;
const NAMES: &str = "an account or institution needs 1 to 128 characters";
/// Payers into one account that are told apart.
const MAX_PAYERS: usize = 1_000;

#[derive(Deserialize)]
#[serde(tag = "schema")]
enum Record {
    #[serde(rename = "comity.account/1")]
    Account { account: String, institution: String, role: String },
    #[serde(rename = "comity.transaction/1")]
    Transaction {
        #[serde(rename = "at")]
        _at: Timestamp,
        from: String,
        to: String,
        institution: String,
        cents: i64,
    },
    #[serde(rename = "comity.credential/1")]
    Credential { account: String, institution: String, seen: Timestamp },
}

#[derive(Default)]
struct Known {
    /// The institution that declares it, or else the one whose movement named it first.
    institution: String,
    /// As declared.
    role: Option<String>,
    incoming: i64,
    incoming_movements: u64,
    outgoing: i64,
    outgoing_movements: u64,
    payers: BTreeSet<String>,
}

/// Accounts with their sums, over one or several exhibits.
#[derive(Default)]
pub struct Book {
    accounts: BTreeMap<String, Known>,
    declared: u64,
    movements: u64,
    /// By institution.
    credentials: BTreeMap<String, u64>,
}

/// What opens an account was seen in the wrong hands. It speaks of a victim.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Credential {
    /// The institution.
    pub institution: String,
    /// The account, as the institution names it.
    pub account: String,
    /// When it was seen.
    pub seen: Timestamp,
}

/// Reads one exhibit of accounts and states what the rules find in it alone. Lines that do not read become
/// `Unreadable` findings (CMT-0901, CMT-0902, CMT-0906 the table is full).
pub fn read(source: &mut dyn Read, sink: Sink<'_>) -> Summary {
    let mut book = Book::default();
    let summary = book.add(source, &mut *sink);
    book.counts(&mut *sink);
    book.findings(sink);
    summary
}

/// The credentials of an exhibit, at most 1,000,000, each once: for telling their institution. They are victims' data
/// of the category `account-credential`.
pub fn credentials(source: &mut dyn Read) -> BTreeSet<Credential> {
    let mut out = BTreeSet::new();
    let ignore = &mut |_| {};
    let mut report = Reporter::new(EXAMINER, ignore);
    each(source, &mut report, &mut |_, record: Record, _| {
        if let Record::Credential { account, institution, seen } = record
            && out.len() < MAX_ACCOUNTS
            && fits(&account)
            && fits(&institution)
        {
            out.insert(Credential { institution, account, seen });
        }
        Ok(())
    });
    out
}

fn fits(name: &str) -> bool {
    (1..=128).contains(&name.len()) && !name.chars().any(char::is_control)
}

impl Book {
    /// Adds the lines of one exhibit; only what cannot be read goes to `sink`. Give each exhibit once.
    pub fn add(&mut self, source: &mut dyn Read, sink: Sink<'_>) -> Summary {
        let mut report = Reporter::new(EXAMINER, sink);
        each(source, &mut report, &mut |number, record: Record, report| {
            if self.record(record)? {
                report.count();
            } else {
                let why = "the table of 1,000,000 accounts is full";
                report.unreadable(TABLE_FULL, format!("line {number}"), why);
            }
            Ok(())
        });
        report.finish()
    }

    /// Whether there was room for it.
    fn record(&mut self, record: Record) -> Result<bool, String> {
        match record {
            Record::Account { account, institution, role } => {
                let Some(known) = self.known(&account, &institution)? else { return Ok(false) };
                known.institution = institution;
                known.role = Some(role);
                self.declared += 1;
            }
            Record::Credential { account, institution, .. } => {
                if !fits(&account) || !fits(&institution) {
                    return Err(NAMES.into());
                }
                if self.credentials.len() >= MAX_INSTITUTIONS && !self.credentials.contains_key(&institution)
                {
                    return Ok(false);
                }
                *self.credentials.entry(institution).or_default() += 1;
            }
            Record::Transaction { from, to, institution, cents, .. } => {
                if cents <= 0 {
                    return Err("a movement of nothing, or less than nothing".into());
                }
                return self.movement(from, &to, &institution, cents);
            }
        }
        Ok(true)
    }

    fn movement(&mut self, from: String, to: &str, institution: &str, cents: i64) -> Result<bool, String> {
        if from == to {
            return Err("an account that pays itself".into());
        }
        let Some(payer) = self.known(&from, institution)? else { return Ok(false) };
        payer.outgoing = payer.outgoing.saturating_add(cents);
        payer.outgoing_movements += 1;
        let Some(payee) = self.known(to, institution)? else { return Ok(false) };
        payee.incoming = payee.incoming.saturating_add(cents);
        payee.incoming_movements += 1;
        if payee.payers.len() < MAX_PAYERS {
            payee.payers.insert(from);
        }
        self.movements += 1;
        Ok(true)
    }

    fn known(&mut self, account: &str, institution: &str) -> Result<Option<&mut Known>, String> {
        if !fits(account) || !fits(institution) {
            return Err(NAMES.into());
        }
        let full = self.accounts.len() >= MAX_ACCOUNTS;
        Ok(match self.accounts.entry(account.to_owned()) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(room) => {
                Some(room.insert(Known { institution: institution.into(), ..Known::default() }))
            }
        })
    }

    /// States how many lines of each kind there are.
    fn counts(&self, sink: Sink<'_>) {
        let mut features = vec![
            ("accounts".to_owned(), self.declared.to_string()),
            ("movements".to_owned(), self.movements.to_string()),
            ("credentials".to_owned(), self.credentials.values().sum::<u64>().to_string()),
        ];
        let by_institution =
            self.credentials.iter().map(|(i, n)| (format!("credentials at {i}"), n.to_string()));
        features.extend(by_institution);
        Reporter::new(EXAMINER, sink).state(
            Confidence::new(100),
            "How many accounts are declared, movements listed and credentials named.".into(),
            FindingBody::Format { kind: ExhibitKind::Accounts, features },
        );
    }

    /// States what the rules find, by account.
    pub fn findings(&self, sink: Sink<'_>) {
        let mut report = Reporter::new(EXAMINER, sink);
        for (account, known) in &self.accounts {
            if let Some((role, confidence, why, cents)) = self.rule(known) {
                report.state(
                    Confidence::new(confidence),
                    format!("{why} {}", sums(known)),
                    FindingBody::Account {
                        account: account.clone(),
                        institution: known.institution.clone(),
                        role: role.into(),
                        cents,
                    },
                );
            }
        }
    }

    fn rule<'k>(&self, known: &'k Known) -> Option<(&'k str, u8, String, i64)> {
        let passed = known.incoming.max(known.outgoing);
        let institution = &known.institution;
        if let Some(role @ ("mule" | "collector")) = known.role.as_deref() {
            let why = format!(
                "{institution} declares it a {role}'s account; the larger of its two sums is stated."
            );
            return Some((role, 90, why, passed));
        }
        let mules = known.payers.iter().filter(|p| self.declared(p, "mule")).count();
        if mules >= 2 && known.role.is_none() {
            let why = format!("{mules} declared mules pay into it, and nobody declares what it is.");
            return Some(("collector", 60, why, passed));
        }
        None
    }

    fn declared(&self, account: &str, role: &str) -> bool {
        self.accounts.get(account).is_some_and(|k| k.role.as_deref() == Some(role))
    }
}

fn sums(known: &Known) -> String {
    let money = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    format!(
        "In: {} in {} movements; out: {} in {}.",
        money(known.incoming),
        known.incoming_movements,
        money(known.outgoing),
        known.outgoing_movements
    )
}
