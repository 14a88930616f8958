//! What is kept as a whole: threats, cases, plans, packages, outcomes, agreements, releases, receipts, holds,
//! authorities, deconfliction answers, people, erasures, disclosures, stamps, matches, prepared sets, labels, batches of rulings. One
//! shape, one table per noun.
//!
//! The thing itself rests as JSON with its own `schema`; what is asked for by the thousand (findings, exhibits, custody)
//! has tables of its own beside this file.

use super::{Tx, execute, from_json, get, json, row, rows, signed, size, statement::Statement};
use crate::store::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{AnyConnection, any::AnyRow};
use terms::Timestamp;

/// Most rows of one page.
pub const MOST_PAGE: u32 = 1000;

/// One kept thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record<T> {
    /// Its id.
    pub id: String,
    /// What it belongs to; see the noun's documentation. May be empty.
    pub belongs: String,
    /// Where it stands, in one word of its noun.
    pub status: String,
    /// When it was made or last changed.
    pub at: Timestamp,
    /// Until when it counts, where it ends.
    pub until: Option<Timestamp>,
    /// The thing itself.
    pub body: T,
}

/// A table of kept things.
#[derive(Debug, Clone, Copy)]
pub struct Noun {
    table: &'static str,
    put: Statement,
    add: Statement,
    get: Statement,
    page: Statement,
    of: Statement,
    status: Statement,
    remove: Statement,
    count: Statement,
}

macro_rules! nouns {
    ($($(#[$doc:meta])* $name:ident = $table:literal;)+) => {
        $($(#[$doc])* pub const $name: Noun = Noun {
            table: $table,
            put: Statement {
                name: concat!($table, ".put"),
                sql: concat!("INSERT INTO ", $table, " (id, belongs, status, at, until, body) \
                    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET belongs = excluded.belongs, \
                    status = excluded.status, at = excluded.at, until = excluded.until, body = excluded.body"),
            },
            add: Statement {
                name: concat!($table, ".add"),
                sql: concat!("INSERT INTO ", $table, " (id, belongs, status, at, until, body) \
                    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING"),
            },
            get: Statement {
                name: concat!($table, ".get"),
                sql: concat!("SELECT id, belongs, status, at, until, body FROM ", $table, " WHERE id = $1"),
            },
            page: Statement {
                name: concat!($table, ".page"),
                sql: concat!("SELECT id, belongs, status, at, until, body FROM ", $table,
                    " WHERE id > $1 ORDER BY id LIMIT $2"),
            },
            of: Statement {
                name: concat!($table, ".of"),
                sql: concat!("SELECT id, belongs, status, at, until, body FROM ", $table,
                    " WHERE belongs = $1 AND id > $2 ORDER BY id LIMIT $3"),
            },
            status: Statement {
                name: concat!($table, ".status"),
                sql: concat!("UPDATE ", $table, " SET status = $2, at = $3 WHERE id = $1"),
            },
            remove: Statement {
                name: concat!($table, ".remove"),
                sql: concat!("DELETE FROM ", $table, " WHERE id = $1"),
            },
            count: Statement {
                name: concat!($table, ".count"),
                sql: concat!("SELECT COUNT(*) AS n FROM ", $table),
            },
        };)+
        /// Every noun.
        pub const NOUNS: &[&Noun] = &[$(&$name),+];
        pub(crate) const STATEMENTS: &[&Statement] = &[$(
            &$name.put, &$name.add, &$name.get, &$name.page, &$name.of, &$name.status, &$name.remove, &$name.count,
        )+];
    };
}

nouns! {
    /// Threats; belong to nothing.
    THREATS = "threats";
    /// Cases; belong to nothing.
    CASES = "cases";
    /// Plans; belong to a case.
    PLANS = "plans";
    /// Packages; belong to a plan.
    PACKAGES = "packages";
    /// Outcomes; belong to a plan.
    OUTCOMES = "outcomes";
    /// Agreements with their envelopes; belong to the other partner. Status: `draft`, `in-force`, `suspended`, `ended`.
    AGREEMENTS = "agreements";
    /// Releases; belong to the partner or recipient they went to.
    RELEASES = "releases";
    /// Receipts; belong to a release.
    RECEIPTS = "receipts";
    /// Holds; belong to an exhibit or a case. They count until `until`, or without end.
    HOLDS = "holds";
    /// Authorities; belong to the partner that holds them. They count until `until`.
    AUTHORITIES = "authorities";
    /// Deconfliction answers; belong to the case or plan that asked.
    ANSWERS = "answers";
    /// People; belong to a role.
    PEOPLE = "people";
    /// Erasures; belong to a case or a release. Status: `begun`, `cleaned`, `closed`, `done`.
    ERASURES = "erasures";
    /// Marks of disclosure schedules; belong to a case. Status: the marks.
    DISCLOSURES = "disclosures";
    /// Time-stamp tokens; belong to what they stamp: an exhibit's id, `checkpoint`, a package's digest.
    STAMPS = "stamps";
    /// Sessions of private matching; belong to the partner. Status: `asked`, `finished`; `answered`.
    MATCHES = "matches";
    /// Sets prepared for private matching; belong to an agreement.
    PREPARED = "prepared";
    /// Labels; belong to an exhibit, numbered in the order in which they were given. Status: `by-hand`, `source`.
    LABELS = "labels";
    /// Batches of rulings, by the id of their leaf; belong to the exhibit that was ruled on.
    BATCHES = "batches";
    /// The records of batches, part by part in order; belong to a batch.
    BATCH_PARTS = "batch_parts";
}

impl Noun {
    /// The table's name.
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// Keeps a thing, over an earlier one of the same id.
    pub async fn put<T: Serialize>(&self, tx: &mut Tx, record: &Record<T>) -> Result<(), StoreError> {
        self.write(tx, &self.put, record).await.map(|_| ())
    }

    /// Keeps a thing unless one of the same id is there; whether it was kept.
    pub async fn add<T: Serialize>(&self, tx: &mut Tx, record: &Record<T>) -> Result<bool, StoreError> {
        Ok(self.write(tx, &self.add, record).await? == 1)
    }

    async fn write<T: Serialize>(
        &self,
        tx: &mut Tx,
        statement: &Statement,
        record: &Record<T>,
    ) -> Result<u64, StoreError> {
        let query = statement
            .query()
            .bind(record.id.clone())
            .bind(record.belongs.clone())
            .bind(record.status.clone())
            .bind(record.at.0)
            .bind(record.until.map(|t| t.0))
            .bind(json(self.table, &record.body)?);
        execute(tx, statement, query).await
    }

    /// One thing by its id.
    pub async fn get<T: DeserializeOwned>(
        &self,
        conn: &mut AnyConnection,
        id: &str,
    ) -> Result<Option<Record<T>>, StoreError> {
        let found = row(conn, &self.get, self.get.query().bind(id.to_owned())).await?;
        found.map(|r| self.read(&r)).transpose()
    }

    /// Things in the order of their ids, after `after` (empty: from the first); at most `limit` and 1,000.
    pub async fn page<T: DeserializeOwned>(
        &self,
        conn: &mut AnyConnection,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Record<T>>, StoreError> {
        let query = self.page.query().bind(after.to_owned()).bind(i64::from(limit.min(MOST_PAGE)));
        rows(conn, &self.page, query).await?.iter().map(|r| self.read(r)).collect()
    }

    /// Everything there is, page by page inside. For nouns of which a home has thousands at most.
    pub async fn all<T: DeserializeOwned>(
        &self,
        conn: &mut AnyConnection,
    ) -> Result<Vec<Record<T>>, StoreError> {
        let mut all: Vec<Record<T>> = Vec::new();
        loop {
            let after = all.last().map_or(String::new(), |r| r.id.clone());
            let page = self.page(conn, &after, MOST_PAGE).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// What belongs to `belongs`, in the order of ids, page by page inside.
    pub async fn of<T: DeserializeOwned>(
        &self,
        conn: &mut AnyConnection,
        belongs: &str,
    ) -> Result<Vec<Record<T>>, StoreError> {
        let mut all: Vec<Record<T>> = Vec::new();
        loop {
            let after = all.last().map_or(String::new(), |r| r.id.clone());
            let query = self.of.query().bind(belongs.to_owned()).bind(after).bind(i64::from(MOST_PAGE));
            let page = rows(conn, &self.of, query).await?;
            if page.is_empty() {
                return Ok(all);
            }
            for r in &page {
                all.push(self.read(r)?);
            }
        }
    }

    /// Changes where a thing stands; whether it is there.
    pub async fn set_status(
        &self,
        tx: &mut Tx,
        id: &str,
        status: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = self.status.query().bind(id.to_owned()).bind(status.to_owned()).bind(at.0);
        Ok(execute(tx, &self.status, query).await? == 1)
    }

    /// Takes a thing out; whether it was there. (SQLite overwrites it: `secure_delete`.)
    pub async fn remove(&self, tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
        Ok(execute(tx, &self.remove, self.remove.query().bind(id.to_owned())).await? == 1)
    }

    /// How many there are.
    pub async fn count(&self, conn: &mut AnyConnection) -> Result<u64, StoreError> {
        row(conn, &self.count, self.count.query()).await?.map_or(Ok(0), |r| size(&r, self.table, "n"))
    }

    fn read<T: DeserializeOwned>(&self, r: &AnyRow) -> Result<Record<T>, StoreError> {
        Ok(Record {
            id: get(r, self.table, "id")?,
            belongs: get(r, self.table, "belongs")?,
            status: get(r, self.table, "status")?,
            at: Timestamp(get(r, self.table, "at")?),
            until: get::<Option<i64>>(r, self.table, "until")?.map(Timestamp),
            body: from_json(r, self.table, "body")?,
        })
    }
}

/// Bounds a page size to what a statement may ask for.
pub(crate) fn bounded(limit: u32) -> i64 {
    signed(u64::from(limit.min(MOST_PAGE)))
}
