//! Sealed mail: how a notice reaches a recipient that runs no node (RFC 5322, MIME).
//!
//! Here: the one function by which a notice leaves ([`release`]). Nothing is sent by this program: the message is a file
//! for the operator's own mail system. Each item is attached sealed to the recipient's key, so that `age` opens it; what
//! is not sealed says who writes to whom and how to open it, and nothing of any machine.

use crate::ExchangeError;
use crate::payload::Payload;
use crate::release::{self, ReleaseRecord};
use agreement::Permit;
use evidence::sealed::{self, Recipient};
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;
use terms::{Digest, MICROS_PER_SECOND, Purpose, ReleaseId, Timestamp};

/// A place of mail.
#[derive(Debug, Clone, Copy)]
pub struct Mailbox<'a> {
    /// The organisation's name.
    pub name: &'a str,
    /// The address.
    pub address: &'a str,
}

impl Mailbox<'_> {
    /// Whether mail can be written to it: one plain address, by which no header can be smuggled in, and a name of one line.
    pub fn usable(&self) -> bool {
        let good =
            |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',' | ';' | '"' | '\\' | '(' | ')');
        let halves = self.address.split_once('@');
        halves.is_some_and(|(a, b)| !a.is_empty() && b.contains('.') && !b.contains('@'))
            && self.address.len() <= 254
            && self.address.chars().all(good)
            && !self.name.contains(char::is_control)
    }
}

/// A notice that is ready for the operator's mail system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The message.
    pub message: Vec<u8>,
    /// What stays with the giver; the bundle's digest is that of the message.
    pub record: ReleaseRecord,
}

/// Releases a notice: redeems the permit against the very bytes of its payload, and seals each item for the recipient.
/// The permit is used up, also when the release is refused. `id` is new for every release.
///
/// # Errors
/// CMT-0221 and CMT-0222 when the permit is over or was given for other bytes; CMT-0911 when it was given for another
/// crossing; CMT-1472 for another purpose than victim-notification, for an address that is none, or where sealing fails.
pub fn release(
    permit: Permit,
    payload: &[u8],
    id: ReleaseId,
    from: Mailbox<'_>,
    to: Mailbox<'_>,
    key: &Recipient,
    now: Timestamp,
) -> Result<Sealed, ExchangeError> {
    let erase_by = permit.erase_by();
    let digest = Digest::of(payload);
    let redeemed = permit.redeem(digest, now)?;
    let read = Payload::parse(payload)?;
    release::same_crossing(&redeemed, &read)?;
    let refused = |why: String| ExchangeError::Mail { why };
    if redeemed.purpose != Purpose::VictimNotification {
        return Err(refused("the permit is not for victim-notification".into()));
    }
    for mailbox in [from, to] {
        if !mailbox.usable() {
            return Err(refused(format!("`{}` is no address for mail", mailbox.address.escape_debug())));
        }
    }
    let header = release::header(id, &redeemed, &read, erase_by, payload.len(), now);
    let text = cover(&header.release, from, erase_by);
    let mut parts = vec![MimePart::new("text/plain", text.as_str())];
    for item in &read.items {
        let bytes = sealed::seal(key, &item.bytes).map_err(|e| refused(e.to_string()))?;
        parts.push(MimePart::new("application/octet-stream", bytes).attachment(format!("{}.age", item.name)));
    }
    // The library would take boundary and time from the machine: both are given, so that a message can be made again.
    let boundary = format!("notice-{}", header.release);
    let domain = from.address.rsplit('@').next().unwrap_or_default();
    let message = MessageBuilder::new()
        .from((from.name, from.address))
        .to((to.name, to.address))
        .date(now.0.div_euclid(MICROS_PER_SECOND))
        .message_id(format!("notice-{}@{domain}", header.release))
        .subject(format!("Infected machines in your networks: notice {}", header.release))
        .body(MimePart::new(ContentType::new("multipart/mixed").attribute("boundary", boundary), parts))
        .write_to_vec()
        .map_err(|e| refused(e.to_string()))?;
    let record = ReleaseRecord {
        schema: release::RECORD_SCHEMA.into(),
        header,
        payload: digest,
        bundle: Digest::of(&message),
    };
    Ok(Sealed { message, record })
}

fn cover(id: &ReleaseId, from: Mailbox<'_>, erase_by: Option<Timestamp>) -> String {
    let erase = erase_by
        .map_or(String::new(), |by| format!("The agreement asks you to erase them by {}.\r\n", by.day()));
    format!(
        "{} tells you of machines in your networks that criminals command (notice {id}).\r\n\
         \r\n\
         The attached files are sealed with your key. Open each with\r\n\
         \r\n\
         \x20   age --decrypt --identity YOUR-KEY --output victims.csv victims.csv.age\r\n\
         \r\n\
         victims.csv, xarf.ndjson, stix.json and misp.json hold the same rows; letter files are for your customers.\r\n\
         Times are in UTC, to the second. Find customers behind a shared address by source port and time.\r\n\
         {erase}\
         Please confirm that this notice has arrived, with its number.\r\n",
        from.name
    )
}
