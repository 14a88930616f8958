//! Counts with noise: what is asked, what it costs, the draw.
//!
//! Here: the step between an agreement's `dp-count` and `privacy::dp`. Elsewhere: the noise and what it protects
//! (`privacy`), what a clause allows (`agreement`), where spends are kept (`store::odometers`), the release (`share`).
//!
//! A data set is what this home saw in one calendar month. Its odometer counts over all partners and for good; a day or a week is paid
//! for from its month's. The same question (span, unit, epsilon) gets the same answer for ever, whoever asks: it costs nothing again,
//! and averaging it shows nothing. What is taken in later does not change an answer that was drawn; a question with another
//! epsilon is another question and is paid for.

use super::Node;
use super::error::NodeError;
use super::share::{HANDLING, Wish};
use crate::store::Tx;
use crate::store::leaves::{self, NewLeaf};
use crate::store::odometers::{self, Spend};
use agreement::{Act, Budget, Permit, Unit};
use botnet::telemetry::Window;
use exchange::counts::{self, Counts};
use exchange::{Payload, ReleaseRecord};
use ledger::Commitment;
use ledger::statement::{PredicateType, Statement};
use miette::Diagnostic as _;
use privacy::dp::{self, Devices};
use privacy::{Epsilon, Odometer, Period, Span};
use serde::Serialize;
use terms::{Label, Timestamp};

/// Most pairs of bot and place of one span that are read into memory (some 100 bytes each).
const MOST_BOTS: usize = 10_000_000;
/// How sure the error bar is, in percent.
const CONFIDENCE: u8 = 95;

/// What a wish for noisy counts asks.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// At which epsilon.
    pub epsilon: Epsilon,
    /// Over which span; without it over the month of the ruling.
    pub span: Option<Span>,
}

/// What noisy counts cost, for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// The span.
    pub span: String,
    /// Epsilon of the answer.
    #[serde(serialize_with = "text")]
    pub epsilon: Epsilon,
    /// How far off each count may be, at 95 %.
    pub error: u64,
    /// What was spent for it now.
    #[serde(serialize_with = "text")]
    pub cost: Epsilon,
    /// Whether it had been drawn before.
    pub again: bool,
    /// The odometers it is paid from, as they stand afterwards.
    pub data_sets: Vec<Left>,
}

/// One odometer.
#[derive(Debug, Clone, Serialize)]
pub struct Left {
    /// The data set.
    pub data_set: String,
    /// What it has over all partners.
    #[serde(serialize_with = "text")]
    pub budget: Epsilon,
    /// What is left of it.
    #[serde(serialize_with = "text")]
    pub left: Epsilon,
}

fn text<S: serde::Serializer>(epsilon: &Epsilon, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(epsilon)
}

/// A question, where its odometers stand, and its answer once there is one.
#[derive(Debug)]
pub(super) struct Noisy {
    span: Span,
    period: agreement::Period,
    epsilon: Epsilon,
    /// The question in its one spelling.
    question: String,
    /// The data sets and their odometers before.
    sets: Vec<(String, Odometer)>,
    answer: Option<Counts>,
    /// Whether the answer was there already.
    again: bool,
}

impl Noisy {
    fn sensitivity(&self) -> u32 {
        // A bot has another pseudonym in each month, and counts once under each.
        u32::try_from(self.sets.len()).unwrap_or(u32::MAX)
    }

    fn cost(&self) -> Epsilon {
        if self.again { Epsilon::ZERO } else { self.epsilon }
    }

    /// What the ruling looks at.
    pub(super) fn budget(&self) -> Budget {
        let spent = self.sets.iter().map(|(_, o)| o.spent.in_micros()).max().unwrap_or(u64::MAX);
        Budget { asked: self.cost().in_micros(), spent, unit: Unit::Bot, period: self.period }
    }

    /// The refusal of this home's own budget, where an agreement would let it pass, and what goes to the ledger.
    pub(super) fn over_budget(
        &self,
        permit: &Permit,
        now: Timestamp,
    ) -> Option<(NodeError, serde_json::Value)> {
        let (set, error) = self.sets.iter().find_map(|(set, o)| Some((set, o.spend(self.cost()).err()?)))?;
        let clauses: Vec<String> = permit.clauses().iter().map(ToString::to_string).collect();
        let said = serde_json::json!({
            "schema": "comity.over-budget/1", "data_set": set, "clauses": clauses, "budget": self.budget(), "at": now,
        });
        let code = error.code().map(|c| c.to_string()).unwrap_or_default();
        let sentence = format!("{} would let it pass, but {error}", clauses.join(", "));
        Some((NodeError::Refused { sentence, code, clauses }, said))
    }

    /// Adds to a refusal what is spent and what is left.
    pub(super) fn explain(&self, error: &mut NodeError) {
        let NodeError::Refused { sentence, .. } = error else { return };
        for (set, o) in &self.sets {
            sentence.push_str(&format!(
                "; of `{set}` epsilon {} is spent over all partners, and {} of this home's {} is left",
                o.spent,
                o.left(),
                o.budget
            ));
        }
    }

    /// What it costs, with the odometers as they stand afterwards.
    pub(super) fn told(&self) -> Cost {
        let cost = self.cost();
        let left = |(set, o): &(String, Odometer)| Left {
            data_set: set.clone(),
            budget: o.budget,
            left: o.spend(cost).unwrap_or(*o).left(),
        };
        Cost {
            span: self.span.to_string(),
            epsilon: self.epsilon,
            error: error_bar(self.sensitivity(), self.epsilon),
            cost,
            again: self.again,
            data_sets: self.sets.iter().map(left).collect(),
        }
    }
}

fn error_bar(sensitivity: u32, epsilon: Epsilon) -> u64 {
    dp::error_bar(sensitivity, epsilon, f64::from(CONFIDENCE) / 100.0)
}

/// The data set of a month.
fn data_set(month: Period) -> String {
    format!("sightings/{month}")
}

impl Node {
    /// What a wish asks of the odometers; none where it asks for no noise.
    pub(super) async fn noisy_asked(&self, wish: &Wish, now: Timestamp) -> Result<Option<Noisy>, NodeError> {
        let Some(asked) = wish.noisy else { return Ok(None) };
        let span = asked.span.unwrap_or(Span::Month(Period::of(now)));
        let period = agreement::Period::from_word(span.word())
            .ok_or_else(|| NodeError::Value { what: format!("`{span}` is no day, week or month") })?;
        let question = format!("bots per place/{span}/{}", asked.epsilon);
        let mut conn = self.state.read().await?;
        let mut sets = Vec::new();
        for set in span.months().into_iter().map(data_set) {
            let spent = odometers::spent(&mut conn, &set).await?;
            sets.push((set, Odometer { budget: self.config.epsilon_budget, spent }));
        }
        let answer: Option<Counts> = odometers::answer(&mut conn, &question).await?;
        let again = answer.is_some();
        Ok(Some(Noisy { span, period, epsilon: asked.epsilon, question, sets, answer, again }))
    }

    /// The payload of noisy counts. Drawn here and nowhere else; on a dry run nothing is drawn.
    pub(super) async fn noisy_payload(
        &self,
        wish: &Wish,
        noisy: &mut Noisy,
        dry: bool,
        now: Timestamp,
    ) -> Result<Payload, NodeError> {
        let mut payload = Payload::new(self.partner.clone(), wish.with.clone(), wish.purpose, HANDLING);
        payload.member = wish.member.clone();
        payload.case = wish.case()?;
        payload.act = Act::DpCount;
        payload.budget = Some(noisy.budget());
        let answer = match (&noisy.answer, dry) {
            (Some(answer), _) => answer.clone(),
            (None, true) => written(noisy, vec![0; dp::places().len()], now),
            (None, false) => {
                let exact = self.bots_in(noisy.span).await?;
                let drawn = dp::draw(&exact, noisy.sensitivity(), noisy.epsilon)?;
                written(noisy, drawn, now)
            }
        };
        let item = answer.item("noisy-counts.json")?;
        let label = Label::by_rule("comity.share/noisy-counts", 1, item.categories.clone(), now);
        payload.items.push(item.labelled(label));
        if !dry {
            noisy.answer = Some(answer);
        }
        Ok(payload)
    }

    /// Bots per place, each counted once.
    async fn bots_in(&self, span: Span) -> Result<Vec<u64>, NodeError> {
        let (from, until) = span.bounds();
        let rows = self.tables().await?.bots_by_place(Window { from, until }, MOST_BOTS).await?;
        let mut devices = Devices::default();
        for (bot, place, times) in rows {
            devices.see(&bot, place, times);
        }
        Ok(devices.counted())
    }

    /// Pays for an answer in the transaction that keeps it, with its leaf and its release.
    pub(super) async fn spend(
        &self,
        tx: &mut Tx,
        noisy: &Noisy,
        record: &ReleaseRecord,
        commitment: Commitment,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let header = &record.header;
        let sets: Vec<&str> = noisy.sets.iter().map(|(set, _)| set.as_str()).collect();
        let predicate = serde_json::json!({
            "schema": "comity.spend-leaf/1", "release": header.release, "to": header.to, "data_sets": sets,
            "span": noisy.span.to_string(), "unit": Unit::Bot, "epsilon": noisy.epsilon, "budget": noisy.budget(),
            "limit": self.config.epsilon_budget, "at": now,
        });
        let leaf =
            Statement::new(vec![commitment], PredicateType::Spend, predicate)?.sign(&self.keys.node)?;
        let leaf = NewLeaf::new(leaf);
        leaves::queue(tx, &leaf, now).await?;
        for (data_set, seen) in &noisy.sets {
            let spend = Spend {
                release: header.release.to_string(),
                data_set: data_set.clone(),
                partner: header.to.to_string(),
                question: noisy.question.clone(),
                epsilon: noisy.cost(),
                leaf: leaf.id.clone(),
                at: now,
            };
            odometers::spend(tx, &spend, *seen).await?;
        }
        if let (Some(answer), false) = (&noisy.answer, noisy.again) {
            odometers::keep(tx, &noisy.question, answer, now).await?;
        }
        Ok(())
    }
}

/// The answer as it leaves. What the noise made negative is shown as 0.
fn written(noisy: &Noisy, drawn: Vec<i64>, now: Timestamp) -> Counts {
    let shown = |n: i64| u64::try_from(n).unwrap_or(0);
    Counts {
        schema: counts::SCHEMA.into(),
        span: noisy.span.to_string(),
        period: noisy.period,
        unit: Unit::Bot,
        epsilon: noisy.epsilon.in_micros(),
        sensitivity: noisy.sensitivity(),
        error: error_bar(noisy.sensitivity(), noisy.epsilon),
        confidence: CONFIDENCE,
        counted: now,
        places: dp::places().into_iter().zip(drawn.into_iter().map(shown)).collect(),
    }
}
