//! What a sinkhole says of itself on request, and the bytes of its one answer over HTTP.

use crate::Config;
use serde::{Deserialize, Serialize};
use terms::Timestamp;

/// Who keeps a sinkhole, under which authority and until when (`comity.sinkhole-declaration/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// Always `comity.sinkhole-declaration/1`.
    pub schema: String,
    /// Who keeps it.
    pub custodian: String,
    /// How to reach them.
    pub contact: String,
    /// The authority's own number.
    pub authority: String,
    /// Until when it answers.
    pub until: Timestamp,
    /// Whether that time has come.
    pub ended: bool,
}

impl Declaration {
    /// The declaration of a configuration.
    pub fn of(config: &Config, ended: bool) -> Self {
        Self {
            schema: "comity.sinkhole-declaration/1".into(),
            custodian: config.custodian.organisation.clone(),
            contact: config.custodian.contact.clone(),
            authority: config.authority.clone(),
            until: config.until,
            ended,
        }
    }

    /// As texts of a TXT record, each at most 255 octets (RFC 1035 section 3.3.14).
    pub fn texts(&self) -> Vec<String> {
        vec![
            if self.ended { "sinkhole (ended)".into() } else { "sinkhole".into() },
            format!("custodian={}", self.custodian),
            format!("contact={}", self.contact),
            format!("authority={}", self.authority),
            format!("until={}", self.until),
        ]
    }

    /// As an answer over HTTP that ends the connection.
    pub(crate) fn over_http(&self) -> Vec<u8> {
        let body = serde_json::to_string(self).unwrap_or_default();
        response(200, Some("application/json"), &body, false)
    }
}

/// The one answer over HTTP, for a connection that goes on and for one that ends.
pub(crate) struct Answers {
    pub more: Vec<u8>,
    pub last: Vec<u8>,
}

impl Answers {
    pub fn new(config: &Config) -> Self {
        let http = &config.http;
        let make = |more| response(http.status, http.media_type.as_deref(), &http.body, more);
        Self { more: make(true), last: make(false) }
    }
}

fn response(status: u16, media_type: Option<&str>, body: &str, more: bool) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        204 => "No Content",
        404 => "Not Found",
        _ => "",
    };
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
    if let Some(media_type) = media_type {
        head.push_str(&format!("Content-Type: {media_type}\r\n"));
    }
    // No length with 204 and 304 (RFC 9110 section 8.6).
    if !matches!(status, 204 | 304) {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    if !more {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    head.push_str(body);
    head.into_bytes()
}
