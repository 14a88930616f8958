//! What this crate refuses, with the act that mends it. Codes CMT-09xx; a clause's refusal keeps its own code.

use agreement::{Denial, PermitError};
use miette::Diagnostic;
use terms::{AgreementId, Digest, MemberId, PartnerId, Place, ReleaseId};

/// Why something may not leave, or is not taken in.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ExchangeError {
    /// A payload that breaks a bound or a rule of its form.
    #[error("the payload is refused: {why}")]
    #[diagnostic(
        code("CMT-0910"),
        help("`comity share --dry-run` lists what would cross; mend the item it names")
    )]
    Payload {
        /// What is wrong, in words.
        why: String,
    },
    /// The permit does not hold any more, or was given for other bytes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Permit(#[from] PermitError),
    /// The permit was given for another crossing.
    #[error("the permit under {under} was given for another {what} than the payload states")]
    #[diagnostic(
        code("CMT-0911"),
        help("ask for a ruling on this payload: `comity share` does so just before sealing")
    )]
    OtherCrossing {
        /// The agreement or order of the permit, in words.
        under: String,
        /// Which part differs, in words.
        what: &'static str,
    },
    /// The signer's delegation does not hold.
    #[error("the node key of `{partner}` is not the one its delegation names")]
    #[diagnostic(
        code("CMT-0912"),
        help("`comity agree sign` has the organisation key name the node's key anew")
    )]
    Delegation {
        /// Whose node.
        partner: PartnerId,
    },
    /// Sealing failed.
    #[error("the payload could not be sealed for `{to}`: {why}")]
    #[diagnostic(
        code("CMT-0913"),
        help("`comity doctor` shows whether the sealing key of the partner is readable")
    )]
    Seal {
        /// For whom.
        to: PartnerId,
        /// Why, in words.
        why: String,
    },
    /// A notice without rows, or with too many.
    #[error("a notice of {rows} rows: it has 1 to 50,000")]
    #[diagnostic(code("CMT-1470"), help("`comity act PLAN notify` tells more in several notices by itself"))]
    NoticeRows {
        /// How many.
        rows: usize,
    },
    /// A row that a notice cannot carry.
    #[error("row {row} of the notice: {why}")]
    #[diagnostic(
        code("CMT-1471"),
        help("the source of the hit wrote it: leave its exhibit out, or take it in mended")
    )]
    NoticeRow {
        /// Its number, from 1.
        row: usize,
        /// Why, in words.
        why: String,
    },
    /// A notice that cannot leave as mail.
    #[error("the notice does not leave by mail: {why}")]
    #[diagnostic(
        code("CMT-1472"),
        help("the recipient's address and key stand in the agreement: `comity agree show` prints them")
    )]
    Mail {
        /// Why, in words.
        why: String,
    },
    /// A time that the format cannot say.
    #[error("the time {at} lies outside the years 1 to 9999")]
    #[diagnostic(code("CMT-0914"), help("give the time as RFC 3339, as 2026-03-10T10:00:00Z"))]
    Time {
        /// The time.
        at: String,
    },
    /// Not a sealed bundle, or a broken one.
    #[error("this is not a whole sealed bundle: {why}")]
    #[diagnostic(
        code("CMT-0920"),
        help("ask the partner to send the bundle again, as a file and not as text")
    )]
    NotABundle {
        /// What is wrong, in words.
        why: String,
    },
    /// The bundle does not open with our key.
    #[error("the bundle of release `{release}` does not open with this home's sealing key: {why}")]
    #[diagnostic(
        code("CMT-0921"),
        help("it was sealed for another home or changed on its way: ask `{from}` to release it again")
    )]
    NotForUs {
        /// The release as the header names it.
        release: ReleaseId,
        /// The sender as the header names it.
        from: PartnerId,
        /// Why, in words.
        why: String,
    },
    /// What the bundle says outside is not what was signed inside.
    #[error("release `{release}`: {what} differs between the header and what `{from}` signed")]
    #[diagnostic(
        code("CMT-0922"),
        help("the bundle was changed on its way: ask `{from}` to release it again")
    )]
    Changed {
        /// The release.
        release: ReleaseId,
        /// The sender.
        from: PartnerId,
        /// What differs, in words.
        what: &'static str,
    },
    /// Addressed to somebody else.
    #[error("release `{release}` is addressed to `{to}`, and this home is `{us}`")]
    #[diagnostic(code("CMT-0923"), help("do not open it further; tell the sender that it went astray"))]
    Addressee {
        /// The release.
        release: ReleaseId,
        /// To whom it is addressed.
        to: PartnerId,
        /// Who we are.
        us: PartnerId,
    },
    /// The agreement that the bundle rests on is not here, or is another one.
    #[error("release `{release}` rests on the agreement `{agreement}`, {why}")]
    #[diagnostic(
        code("CMT-0924"),
        help("`comity agree show {agreement}` shows which text this home has signed")
    )]
    Agreement {
        /// The release.
        release: ReleaseId,
        /// The agreement it names.
        agreement: AgreementId,
        /// What is missing, in words that complete the sentence.
        why: String,
    },
    /// The order that the bundle rests on is not here, or does not compel it.
    #[error("release `{release}` rests on an order, {why}")]
    #[diagnostic(
        code("CMT-0951"),
        help("take the order's document in with `comity ingest`, then the bundle again; else tell `{from}`")
    )]
    Order {
        /// The release.
        release: ReleaseId,
        /// The sender.
        from: PartnerId,
        /// What is missing, in words that complete the sentence.
        why: String,
    },
    /// The signature does not hold.
    #[error("the signature on {what} does not hold: {why}")]
    #[diagnostic(
        code("CMT-0925"),
        help("compare the sender's keys: `comity agree show` prints both parties' keys")
    )]
    Signature {
        /// On what, in words.
        what: String,
        /// Why, in words.
        why: String,
    },
    /// Our copy of the agreement refuses it.
    #[error("release `{release}` is refused by this home's own copy of the agreement: {denial}")]
    #[diagnostic(code("CMT-0926"), help("the clause stands in `comity agree show`; tell `{from}` which one"))]
    Refused {
        /// The release.
        release: ReleaseId,
        /// The sender.
        from: PartnerId,
        /// The refusal, which names its clauses.
        denial: Box<Denial>,
    },
    /// A receipt that is none.
    #[error("the receipt is refused: {why}")]
    #[diagnostic(
        code("CMT-0930"),
        help("ask the partner to `comity ingest` the bundle again and send the new receipt")
    )]
    Receipt {
        /// What is wrong, in words.
        why: String,
    },
    /// A receipt for another release.
    #[error(
        "the receipt is for release `{found}` and payload {payload}, not for `{expected}` as it was sent"
    )]
    #[diagnostic(code("CMT-0931"), help("hand each receipt to the home that gave the release it names"))]
    OtherRelease {
        /// The release that was sent.
        expected: ReleaseId,
        /// The release the receipt names.
        found: ReleaseId,
        /// The payload the receipt names.
        payload: Digest,
    },
    /// A question or covert list that cannot be used.
    #[error("{what} is refused: {why}")]
    #[diagnostic(
        code("CMT-0932"),
        help("one JSON object a line or file, as the manual's page on questions shows")
    )]
    Question {
        /// `the question` or `the covert list`.
        what: &'static str,
        /// What is wrong, in words.
        why: String,
    },
    /// Noisy counts that are none.
    #[error("the counts cannot be used: {why}")]
    #[diagnostic(code("CMT-0933"), help("ask the giver to share the counts again"))]
    Counts {
        /// What is wrong, in words.
        why: String,
    },
    /// A victim of another place.
    #[error("row {row} speaks of a victim in {place}, and the bundle is for `{member}` ({expected})")]
    #[diagnostic(
        code("CMT-0940"),
        help("each member gets its own victims only: sort the rows by place first")
    )]
    Place {
        /// The row, counted from 1.
        row: usize,
        /// Where the victim is.
        place: Place,
        /// For whom the bundle is.
        member: MemberId,
        /// That member's place.
        expected: Place,
    },
    /// A victim's row that cannot be written.
    #[error("row {row} cannot be written: {why}")]
    #[diagnostic(code("CMT-0941"), help("mend the row that is named; no row was written"))]
    Row {
        /// The row, counted from 1.
        row: usize,
        /// What is wrong, in words.
        why: String,
    },
    /// An authority document that cannot be used.
    #[error("the authority document is refused: {why}")]
    #[diagnostic(
        code("CMT-0950"),
        help("compare it with the manual's page on authorities; counsel enters it anew")
    )]
    Authority {
        /// What is wrong, in words.
        why: String,
    },
}

/// What a refusal means for a caller (exit codes 3, 4 and 1 of the command line).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// An agreement, or the lack of one, says no.
    Agreement,
    /// Something was changed, or is not from whom it says.
    Verification,
    /// Something cannot be read or written.
    Form,
}

impl ExchangeError {
    /// What kind of refusal it is.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Permit(_)
            | Self::OtherCrossing { .. }
            | Self::Agreement { .. }
            | Self::Order { .. }
            | Self::Refused { .. }
            | Self::Place { .. } => Refusal::Agreement,
            Self::Delegation { .. }
            | Self::NotABundle { .. }
            | Self::NotForUs { .. }
            | Self::Changed { .. }
            | Self::Addressee { .. }
            | Self::Signature { .. }
            | Self::Receipt { .. }
            | Self::OtherRelease { .. } => Refusal::Verification,
            Self::Payload { .. }
            | Self::Seal { .. }
            | Self::Time { .. }
            | Self::Question { .. }
            | Self::Counts { .. }
            | Self::Row { .. }
            | Self::NoticeRows { .. }
            | Self::NoticeRow { .. }
            | Self::Mail { .. }
            | Self::Authority { .. } => Refusal::Form,
        }
    }
}
