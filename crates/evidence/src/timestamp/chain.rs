//! From the signer's certificate to a root that the operator trusts (RFC 5280 section 6, the part that stamps need).

use super::{StampError, algorithm};
use der::{Decode as _, DecodePem as _, Encode as _, asn1::ObjectIdentifier};
use terms::Timestamp;
use x509_cert::{
    Certificate,
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages},
};

const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// Extensions that are understood, or that say nothing a stamp rests on: subject and authority key identifiers, key usage,
/// basic constraints, extended key usage, certificate policies.
const KNOWN: [ObjectIdentifier; 6] = [
    ObjectIdentifier::new_unwrap("2.5.29.14"),
    ObjectIdentifier::new_unwrap("2.5.29.35"),
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
    ObjectIdentifier::new_unwrap("2.5.29.37"),
    ObjectIdentifier::new_unwrap("2.5.29.32"),
];
/// Certificates from the signer to the root, both counted.
const MAX_CHAIN: usize = 6;
const MAX_ROOTS: usize = 1000;

/// Certificates of authorities that the operator trusts.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<Certificate>);

impl Roots {
    /// Reads certificates: any number in PEM (RFC 7468), or one in DER.
    ///
    /// # Errors
    /// CMT-0440 for anything else, none at all, or above 1,000.
    pub fn read(bytes: &[u8]) -> Result<Self, StampError> {
        let refuse = |e: der::Error| StampError::Roots(e.to_string());
        let roots = if bytes.starts_with(&[0x30]) {
            vec![Certificate::from_der(bytes).map_err(refuse)?]
        } else {
            blocks(bytes)?
                .into_iter()
                .map(|b| Certificate::from_pem(b).map_err(refuse))
                .collect::<Result<_, _>>()?
        };
        if roots.is_empty() || roots.len() > MAX_ROOTS {
            return Err(StampError::Roots("there are none, or more than 1,000".into()));
        }
        Ok(Self(roots))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none: then no token holds.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The certificates of a PEM text, one by one; text between them is a remark. (`Certificate::load_pem_chain` of x509-cert
/// 0.2.5 computes below zero on some texts.)
fn blocks(bytes: &[u8]) -> Result<Vec<&str>, StampError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut rest = std::str::from_utf8(bytes).map_err(|_| StampError::Roots("they are not text".into()))?;
    let mut out = Vec::new();
    while let Some((_, begun)) = rest.find(BEGIN).map(|at| rest.split_at(at)) {
        let end = begun.find(END).ok_or_else(|| StampError::Roots("a certificate has no end".into()))?;
        let (block, behind) = begun.split_at(end + END.len());
        out.push(block);
        rest = behind;
    }
    Ok(out)
}

/// Whether the signer may stamp, stood under a root at that time, and under which.
pub(super) fn trace(
    signer: &Certificate,
    others: &[Certificate],
    roots: &Roots,
    time: Timestamp,
) -> Result<String, StampError> {
    may_stamp(signer)?;
    climb(signer, others, roots, time, 1)
}

fn climb(
    below: &Certificate,
    others: &[Certificate],
    roots: &Roots,
    time: Timestamp,
    depth: usize,
) -> Result<String, StampError> {
    check(below, time)?;
    // A root may have been configured that is the signer itself: then trust ends here too.
    if roots.0.contains(below) {
        return Ok(name(below));
    }
    let mut why = StampError::Untrusted(name(below));
    if depth >= MAX_CHAIN {
        return Err(why);
    }
    for root in roots.0.iter().filter(|r| issued(r, below)) {
        match check(root, time).and_then(|()| may_issue(root, depth)) {
            Ok(()) => return Ok(name(root)),
            Err(e) => why = e,
        }
    }
    for above in others.iter().filter(|c| *c != below && issued(c, below)) {
        match may_issue(above, depth).and_then(|()| climb(above, others, roots, time, depth + 1)) {
            Ok(root) => return Ok(root),
            Err(e) => why = e,
        }
    }
    Err(why)
}

/// Whether `above` signed `below`.
fn issued(above: &Certificate, below: &Certificate) -> bool {
    let (issuer, subject) = (&above.tbs_certificate, &below.tbs_certificate);
    if issuer.subject != subject.issuer || below.signature_algorithm != subject.signature {
        return false;
    }
    let (Ok(signed), Some(signature)) = (subject.to_der(), below.signature.as_bytes()) else { return false };
    let key = &issuer.subject_public_key_info;
    algorithm::verify(key, &below.signature_algorithm, None, &signed, signature).is_ok()
}

/// What every certificate of a chain must be.
fn check(one: &Certificate, time: Timestamp) -> Result<(), StampError> {
    let validity = &one.tbs_certificate.validity;
    let micros =
        |t: &x509_cert::time::Time| i64::try_from(t.to_unix_duration().as_micros()).unwrap_or(i64::MAX);
    // `notAfter` is the last valid second (RFC 5280 section 4.1.2.5).
    let ends = micros(&validity.not_after).saturating_add(terms::MICROS_PER_SECOND);
    if time.0 < micros(&validity.not_before) || time.0 >= ends {
        return Err(StampError::Validity { who: name(one), time });
    }
    let unknown = one.tbs_certificate.extensions.iter().flatten();
    match unknown.into_iter().find(|e| e.critical && !KNOWN.contains(&e.extn_id)) {
        Some(_) => Err(StampError::Usage(name(one))),
        None => Ok(()),
    }
}

/// RFC 3161 section 2.3: one extended key usage, `timeStamping`, and critical.
fn may_stamp(signer: &Certificate) -> Result<(), StampError> {
    let refuse = || StampError::Usage(name(signer));
    let usage = signer.tbs_certificate.get::<ExtendedKeyUsage>().map_err(|_| refuse())?;
    let stamps = usage.is_some_and(|(critical, usage)| critical && usage.0 == [TIME_STAMPING]);
    let key = signer.tbs_certificate.get::<KeyUsage>().map_err(|_| refuse())?;
    let signs = key.is_none_or(|(_, u)| {
        u.0.contains(KeyUsages::DigitalSignature) || u.0.contains(KeyUsages::NonRepudiation)
    });
    if stamps && signs { Ok(()) } else { Err(refuse()) }
}

/// Whether a certificate may issue others, with `below` certificates beneath it.
fn may_issue(one: &Certificate, below: usize) -> Result<(), StampError> {
    let refuse = || StampError::Usage(name(one));
    let basic = one.tbs_certificate.get::<BasicConstraints>().map_err(|_| refuse())?;
    // `pathLenConstraint` counts intermediates: the signer at the end is none.
    let issues = basic.is_some_and(|(_, b)| {
        b.ca && b.path_len_constraint.is_none_or(|most| usize::from(most) + 1 >= below)
    });
    let key = one.tbs_certificate.get::<KeyUsage>().map_err(|_| refuse())?;
    let signs = key.is_none_or(|(_, u)| u.0.contains(KeyUsages::KeyCertSign));
    let usage = one.tbs_certificate.get::<ExtendedKeyUsage>().map_err(|_| refuse())?;
    let stamps = usage.is_none_or(|(_, u)| u.0.contains(&TIME_STAMPING) || u.0.contains(&ANY_USAGE));
    if issues && signs && stamps { Ok(()) } else { Err(refuse()) }
}

pub(super) fn name(one: &Certificate) -> String {
    one.tbs_certificate.subject.to_string()
}
