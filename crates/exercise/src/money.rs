//! Money: accounts at four institutions, transfers from victims over mules to two collectors, ordinary payments beside
//! them, and the credentials that the malware stole.

use crate::{
    ExerciseError, Money,
    calendar::{Calendar, DAY_0},
    dice::{Dice, at, key},
    out::Folder,
};
use serde_json::{Value, json};
use terms::{AssetClass, AssetSheet, Place, Standing, Timestamp};

/// Institution, prefix of its accounts, place.
const INSTITUTIONS: [(&str, &str, &str); 4] = [
    ("harbour-bank", "HB", "NL"),
    ("north-quay-credit", "NQ", "IE"),
    ("tidewater-savings", "TS", "US"),
    ("old-pier-bank", "OP", "PA"),
];
const MULES: usize = 24;
const VICTIMS: usize = 60;
const OTHERS: usize = 200;
const ORDINARY: u64 = 2_000;
const MEMOS: [&str; 8] = [
    "rent",
    "invoice 2026-02",
    "groceries",
    "school trip",
    "repair",
    "membership",
    "thank you",
    "electricity",
];

struct Account {
    number: String,
    institution: usize,
    role: &'static str,
    opened: String,
}

struct Movement {
    at: Timestamp,
    from: usize,
    to: usize,
    cents: u64,
    memo: String,
}

struct Books {
    accounts: Vec<Account>,
    movements: Vec<Movement>,
    dice: Dice,
    window: u64,
}

impl Books {
    /// Opens accounts of a role; their indices.
    fn open(&mut self, role: &'static str, count: usize, newest: i32) -> Vec<usize> {
        let first = self.accounts.len();
        for n in 0..count {
            let institution = (n + usize::from(role == "collector") * 2) % INSTITUTIONS.len();
            let number = 10_000_000 + self.accounts.len() as u64 * 9_973 + self.dice.below(9_000);
            let age =
                i32::try_from(self.dice.between(1, if role == "mule" { 90 } else { 3_000 })).unwrap_or(1);
            let (prefix, opened) = (at(&INSTITUTIONS, institution).1, DAY_0.plus(newest - age).to_string());
            self.accounts.push(Account { number: format!("{prefix}-{number}"), institution, role, opened });
        }
        (first..self.accounts.len()).collect()
    }

    fn pay(&mut self, at: Timestamp, from: usize, to: usize, cents: u64, memo: &str) {
        self.movements.push(Movement { at, from, to, cents, memo: memo.to_owned() });
    }

    fn instant(&mut self) -> Timestamp {
        DAY_0.start().plus_micros((self.dice.below(self.window) * 1_000_000).cast_signed())
    }

    fn later(&mut self, t: Timestamp, from_hours: u64, to_hours: u64) -> Timestamp {
        t.plus_micros((self.dice.between(from_hours * 3_600, to_hours * 3_600) * 1_000_000).cast_signed())
    }

    /// One theft: from a victim to a mule, sometimes over a second one, to a collector. Each mule keeps a part. What
    /// reached the collector.
    fn theft(&mut self, victim: usize, mules: &[usize], collectors: &[usize]) -> (u64, u64) {
        let stolen = self.dice.between(40_000, 250_000);
        let first = *self.dice.pick(mules);
        let mut t = self.instant();
        self.pay(t, victim, first, stolen, "transfer");
        let mut cents = stolen * 93 / 100;
        let mut holder = first;
        if self.dice.permille(450) {
            let second = *self.dice.pick(mules);
            if second != first {
                t = self.later(t, 1, 8);
                self.pay(t, holder, second, cents, "loan");
                cents = cents * 96 / 100;
                holder = second;
            }
        }
        // A mule works for one collector.
        let collector = *at(collectors, holder);
        t = self.later(t, 2, 20);
        self.pay(t, holder, collector, cents, "goods");
        (stolen, cents)
    }

    fn numbers(&self, of: &[usize]) -> Vec<String> {
        of.iter().filter_map(|&i| Some(self.accounts.get(i)?.number.clone())).collect()
    }

    fn sheet(&self, account: &Account) -> AssetSheet {
        let (institution, _, place) = at(&INSTITUTIONS, account.institution);
        AssetSheet {
            schema: "comity.asset/1".into(),
            asset: account.number.to_ascii_lowercase(),
            class: AssetClass::Account,
            place: place.parse().unwrap_or(Place::UNKNOWN),
            standing: Standing::Criminal,
            holder: (*institution).into(),
            tenants: 0,
            source: "the institution's fraud desk".into(),
        }
    }
}

/// Writes accounts, movements, account sheets and stolen credentials; what is true of them.
pub(crate) fn write(folder: &Folder, seed: u64, calendar: Calendar) -> Result<Money, ExerciseError> {
    let mut books = Books {
        accounts: Vec::new(),
        movements: Vec::new(),
        dice: Dice::new(key(seed, "money"), 0, 0),
        window: u64::from(calendar.days.unsigned_abs()) * 86_400,
    };
    let mules = books.open("mule", MULES, -10);
    let collectors = books.open("collector", 2, -30);
    let victims = books.open("customer", VICTIMS, -200);
    let others = books.open("customer", OTHERS, -200);
    let (mut stolen, mut collected) = (0, 0);
    for &victim in &victims {
        for _ in 0..books.dice.between(1, 3) {
            let (from, to) = books.theft(victim, &mules, &collectors);
            stolen += from;
            collected += to;
        }
    }
    for _ in 0..ORDINARY {
        // Victims and mules live on beside it.
        let from =
            if books.dice.permille(120) { *books.dice.pick(&victims) } else { *books.dice.pick(&others) };
        let to = if books.dice.permille(15) { *books.dice.pick(&mules) } else { *books.dice.pick(&others) };
        let (t, cents, memo) = (books.instant(), books.dice.between(500, 90_000), *books.dice.pick(&MEMOS));
        if from != to {
            books.pay(t, from, to, cents, memo);
        }
    }
    books.movements.sort_by_key(|m| (m.at, m.from, m.to, m.cents));
    let credentials = credentials(folder, &mut books, &victims, &others)?;
    write_books(folder, &books)?;
    let ordinary = books.movements.iter().filter(|m| MEMOS.contains(&m.memo.as_str())).count() as u64;
    Ok(Money {
        mules: books.numbers(&mules),
        collectors: books.numbers(&collectors),
        victims: books.numbers(&victims),
        stolen_cents: stolen,
        collected_cents: collected,
        ordinary,
        credentials,
    })
}

fn write_books(folder: &Folder, books: &Books) -> Result<(), ExerciseError> {
    let institution = |i: usize| at(&INSTITUTIONS, i).0;
    let mut accounts: Vec<&Account> = books.accounts.iter().collect();
    accounts.sort_by(|a, b| a.number.cmp(&b.number));
    folder.lines(
        "fintech/accounts.ndjson",
        accounts.iter().map(|a| {
            json!({"schema": "comity.account/1", "account": a.number, "institution": institution(a.institution),
                   "role": a.role, "opened": a.opened})
        }),
    )?;
    folder.lines(
        "fintech/registers/accounts.ndjson",
        accounts.iter().filter(|a| a.role != "customer").map(|a| books.sheet(a)),
    )?;
    folder.lines(
        "fintech/transactions.ndjson",
        books.movements.iter().filter_map(|m| {
            let (from, to) = (books.accounts.get(m.from)?, books.accounts.get(m.to)?);
            Some(json!({"schema": "comity.transaction/1", "at": m.at, "from": from.number, "to": to.number,
                   "institution": institution(from.institution), "cents": m.cents, "memo": m.memo}))
        }),
    )
}

/// The credentials that the malware sent home: most of the victims of thefts, and some whose money is still there.
fn credentials(
    folder: &Folder,
    books: &mut Books,
    victims: &[usize],
    others: &[usize],
) -> Result<Vec<String>, ExerciseError> {
    let mut named: Vec<usize> = victims.iter().copied().take(44).collect();
    named.extend(others.iter().copied().step_by(16));
    let mut lines: Vec<(Timestamp, Value, String)> = Vec::new();
    for i in named {
        let seen = books.instant();
        let Some(account) = books.accounts.get(i) else { continue };
        let line = json!({"schema": "comity.credential/1", "institution": at(&INSTITUTIONS, account.institution).0,
                          "account": account.number, "seen": seen});
        lines.push((seen, line, account.number.clone()));
    }
    lines.sort_by(|a, b| (a.0, &a.2).cmp(&(b.0, &b.2)));
    folder.lines("company/credentials.ndjson", lines.iter().map(|(_, line, _)| line))?;
    Ok(lines.into_iter().map(|(_, _, account)| account).collect())
}
