//! Reading and verifying one token.

use super::{Hash, Roots, Stamp, StampError, algorithm, chain};
use cms::{
    cert::CertificateChoices,
    content_info::CmsVersion,
    content_info::ContentInfo,
    signed_data::{SignedData, SignerIdentifier, SignerInfo},
};
use der::{
    Decode, Encode as _, Sequence, Tag, Tagged as _,
    asn1::{Any, BitString, Int, ObjectIdentifier, OctetString},
};
use sha1::Sha1;
use sha2::Digest as _;
use terms::{MICROS_PER_SECOND, Timestamp};
use x509_cert::{
    Certificate,
    ext::{
        Extensions,
        pkix::{
            SubjectKeyIdentifier,
            name::{GeneralName, GeneralNames},
        },
    },
    serial_number::SerialNumber,
    spki::AlgorithmIdentifierOwned,
};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const CERTIFICATE_V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
const CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const MAX_TOKEN: usize = 64 << 10;
const MAX_CERTIFICATES: usize = 16;

#[derive(Sequence)]
struct Imprint {
    algorithm: AlgorithmIdentifierOwned,
    digest: OctetString,
}

#[derive(Sequence)]
struct Accuracy {
    #[asn1(optional = "true")]
    seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    micros: Option<u16>,
}

/// RFC 3161 section 2.4.2.
#[derive(Sequence)]
struct TstInfo {
    version: u8,
    policy: ObjectIdentifier,
    imprint: Imprint,
    serial: Int,
    // Fractions of a second are allowed here, which DER's own type does not read.
    time: Any,
    #[asn1(optional = "true")]
    accuracy: Option<Accuracy>,
    #[asn1(default = "no")]
    ordering: bool,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    tsa: Option<GeneralName>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

fn no() -> bool {
    false
}

/// RFC 3161 section 2.4.2: what an authority answers.
#[derive(Sequence)]
struct Response {
    status: Status,
    #[asn1(optional = "true")]
    token: Option<ContentInfo>,
}

#[derive(Sequence)]
struct Status {
    status: u32,
    #[asn1(optional = "true")]
    text: Option<Vec<String>>,
    #[asn1(optional = "true")]
    failure: Option<BitString>,
}

#[derive(Sequence)]
struct IssuerSerial {
    issuer: GeneralNames,
    serial: SerialNumber,
}

#[derive(Sequence)]
struct CertId {
    hash: OctetString,
    #[asn1(optional = "true")]
    issuer: Option<IssuerSerial>,
}

#[derive(Sequence)]
struct SigningCertificate {
    certs: Vec<CertId>,
    #[asn1(optional = "true")]
    policies: Option<Vec<Any>>,
}

/// RFC 5035 section 3. The digest's name is left out where it is SHA-256.
#[derive(Sequence)]
struct CertIdV2 {
    #[asn1(optional = "true")]
    algorithm: Option<AlgorithmIdentifierOwned>,
    hash: OctetString,
    #[asn1(optional = "true")]
    issuer: Option<IssuerSerial>,
}

#[derive(Sequence)]
struct SigningCertificateV2 {
    certs: Vec<CertIdV2>,
    #[asn1(optional = "true")]
    policies: Option<Vec<Any>>,
}

/// A token as it was read: nothing of it is believed before [`Token::verify`].
pub struct Token {
    der: Vec<u8>,
    signed: SignedData,
    content: Vec<u8>,
    info: TstInfo,
    hash: Hash,
    time: Timestamp,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({} bytes)", self.der.len())
    }
}

fn form(e: impl std::fmt::Display) -> StampError {
    StampError::Form(e.to_string())
}

impl Token {
    /// Reads a token (`TimeStampToken`), or an authority's whole answer (`TimeStampResp`) with one inside, in DER.
    ///
    /// # Errors
    /// CMT-0440 for anything else, bytes behind it, a refusal of the authority, a digest weaker than SHA-256.
    pub fn read(bytes: &[u8]) -> Result<Self, StampError> {
        if bytes.len() > MAX_TOKEN {
            return Err(form("it is above 64 KiB"));
        }
        let info = match ContentInfo::from_der(bytes) {
            Ok(info) => info,
            Err(first) => match Response::from_der(bytes) {
                Ok(Response { status: Status { status: 0 | 1, .. }, token: Some(token) }) => token,
                Ok(answer) => return Err(StampError::NotGranted(answer.status.status)),
                Err(_) => return Err(form(first)),
            },
        };
        if info.content_type != SIGNED_DATA {
            return Err(form("it is no signed data"));
        }
        let der = info.to_der().map_err(form)?;
        let signed = SignedData::from_der(&info.content.to_der().map_err(form)?).map_err(form)?;
        if signed.encap_content_info.econtent_type != TST_INFO {
            return Err(form("what is signed is no time stamp"));
        }
        let content = signed.encap_content_info.econtent.as_ref().ok_or_else(|| form("it is empty"))?;
        let content = content.decode_as::<OctetString>().map_err(form)?.as_bytes().to_vec();
        let info = TstInfo::from_der(&content).map_err(form)?;
        if info.version != 1 {
            return Err(form("its version is not 1"));
        }
        if info.extensions.iter().flatten().any(|e| e.critical) {
            return Err(form("it has a critical extension"));
        }
        let hash = Hash::named(&info.imprint.algorithm)?;
        if info.imprint.digest.as_bytes().len() != hash.size() {
            return Err(form("its digest has another length than its name says"));
        }
        let time = time(&info.time)?;
        Ok(Self { der, signed, content, info, hash, time })
    }

    /// The bare token in DER, as `openssl ts -token_in` reads it.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Which digest was stamped: what [`verify`](Self::verify) wants of the message.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Verifies the token: it stamps `digest` (of the kind [`hash`](Self::hash)), answers `nonce` where one is given
    /// (big-endian, without leading noughts), and its authority stands under one of `roots`.
    ///
    /// # Errors
    /// CMT-0440 with the first thing that does not fit.
    pub fn verify(&self, digest: &[u8], roots: &Roots, nonce: Option<&[u8]>) -> Result<Stamp, StampError> {
        if self.info.imprint.digest.as_bytes() != digest {
            return Err(StampError::OtherMessage);
        }
        if let Some(asked) = nonce
            && self.info.nonce.as_ref().is_none_or(|n| trimmed(n.as_bytes()) != trimmed(asked))
        {
            return Err(StampError::Nonce);
        }
        let certificates = self.certificates()?;
        let [signer_info] = self.signed.signer_infos.0.as_slice() else {
            return Err(StampError::Signer("it has not exactly one signer".into()));
        };
        let signer = signer(&signer_info.sid, &certificates)?;
        self.check_signature(signer_info, signer)?;
        let root = chain::trace(signer, &certificates, roots, self.time)?;
        Ok(Stamp {
            time: self.time,
            accuracy: self.info.accuracy.as_ref().map(|a| {
                i64::from(a.seconds.unwrap_or(0)) * MICROS_PER_SECOND
                    + i64::from(a.millis.unwrap_or(0)) * 1000
                    + i64::from(a.micros.unwrap_or(0))
            }),
            authority: chain::name(signer),
            root,
            policy: self.info.policy.to_string(),
            serial: hex::encode(self.info.serial.as_bytes()),
            hash: self.hash,
        })
    }

    fn certificates(&self) -> Result<Vec<Certificate>, StampError> {
        let all = self.signed.certificates.as_ref().map_or(&[][..], |set| set.0.as_slice());
        if all.len() > MAX_CERTIFICATES {
            return Err(StampError::Signer("it holds more than 16 certificates".into()));
        }
        let plain = |c: &CertificateChoices| match c {
            CertificateChoices::Certificate(c) => Some(c.clone()),
            CertificateChoices::Other(_) => None,
        };
        Ok(all.iter().filter_map(plain).collect())
    }

    /// The signed attributes fit the content and the signer, and the signature fits them (RFC 5652 section 5.4).
    fn check_signature(&self, info: &SignerInfo, signer: &Certificate) -> Result<(), StampError> {
        let refuse = |why: &str| StampError::Attributes(why.to_owned());
        let attributes = info.signed_attrs.as_ref().ok_or_else(|| refuse("there are none"))?;
        let one = |oid: ObjectIdentifier| -> Result<Option<&Any>, StampError> {
            let mut found = attributes.iter().filter(|a| a.oid == oid);
            match (found.next(), found.next()) {
                (None, _) => Ok(None),
                (Some(a), None) if a.values.len() == 1 => Ok(a.values.get(0)),
                _ => Err(refuse("one stands there twice")),
            }
        };
        let hash = Hash::named(&info.digest_alg)?;
        let kind = one(CONTENT_TYPE)?.ok_or_else(|| refuse("no content type"))?;
        if kind.decode_as::<ObjectIdentifier>().map_err(form)? != TST_INFO {
            return Err(refuse("the content type is another one"));
        }
        let digest = one(MESSAGE_DIGEST)?.ok_or_else(|| refuse("no message digest"))?;
        if digest.decode_as::<OctetString>().map_err(form)?.as_bytes() != hash.of(&self.content) {
            return Err(refuse("the message digest is not that of the content"));
        }
        match (one(CERTIFICATE_V2)?, one(CERTIFICATE_V1)?) {
            (None, None) => return Err(refuse("the signer's certificate is not named")),
            (second, first) => {
                second.map_or(Ok(()), |named| named_v2(named, signer))?;
                first.map_or(Ok(()), |named| named_v1(named, signer))?;
            }
        }
        self.check_frame(info, hash)?;
        let key = &signer.tbs_certificate.subject_public_key_info;
        let message = attributes.to_der().map_err(form)?;
        algorithm::verify(key, &info.signature_algorithm, Some(hash), &message, info.signature.as_bytes())
    }

    /// What no signature covers says what it must (RFC 5652 sections 5.1 and 5.3), so that no bit of a token can change.
    fn check_frame(&self, info: &SignerInfo, hash: Hash) -> Result<(), StampError> {
        let version = match info.sid {
            SignerIdentifier::IssuerAndSerialNumber(_) => CmsVersion::V1,
            SignerIdentifier::SubjectKeyIdentifier(_) => CmsVersion::V3,
        };
        let digests = self.signed.digest_algorithms.as_slice();
        let named = matches!(digests, [one] if Hash::named(one) == Ok(hash));
        let bare = info.signature_algorithm.parameters.as_ref().is_none_or(Any::is_null);
        if self.signed.version != CmsVersion::V3 || info.version != version || !named || !bare {
            return Err(form("its frame does not fit what is signed"));
        }
        if self.signed.crls.is_some() || info.unsigned_attrs.is_some() {
            return Err(form("it carries something that is not signed"));
        }
        Ok(())
    }
}

fn trimmed(number: &[u8]) -> &[u8] {
    let noughts = number.iter().take_while(|b| **b == 0).count();
    number.get(noughts..).unwrap_or_default()
}

fn signer<'a>(id: &SignerIdentifier, all: &'a [Certificate]) -> Result<&'a Certificate, StampError> {
    let is = |c: &&Certificate| match id {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            c.tbs_certificate.issuer == id.issuer && c.tbs_certificate.serial_number == id.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            let own = c.tbs_certificate.get::<SubjectKeyIdentifier>().ok().flatten();
            own.is_some_and(|(_, own)| own == *id)
        }
    };
    all.iter().find(is).ok_or_else(|| {
        StampError::Signer(
            "it is not in the token: ask the authority with `certReq` (openssl ts -query -cert)".into(),
        )
    })
}

/// The first id names the signer (RFC 5035 section 3).
fn named_v2(named: &Any, signer: &Certificate) -> Result<(), StampError> {
    let named: SigningCertificateV2 = named.decode_as().map_err(form)?;
    let first = named.certs.first().ok_or_else(|| StampError::Signer("no certificate is named".into()))?;
    let hash = first.algorithm.as_ref().map_or(Ok(Hash::Sha256), Hash::named)?;
    let der = signer.to_der().map_err(form)?;
    same(first.hash.as_bytes() == hash.of(&der), first.issuer.as_ref(), signer)
}

/// The form of RFC 2634: SHA-1 names the certificate; that it may stamp is shown by its chain.
fn named_v1(named: &Any, signer: &Certificate) -> Result<(), StampError> {
    let named: SigningCertificate = named.decode_as().map_err(form)?;
    let first = named.certs.first().ok_or_else(|| StampError::Signer("no certificate is named".into()))?;
    let der = signer.to_der().map_err(form)?;
    same(first.hash.as_bytes() == Sha1::digest(&der).as_slice(), first.issuer.as_ref(), signer)
}

fn same(hash: bool, issuer: Option<&IssuerSerial>, signer: &Certificate) -> Result<(), StampError> {
    let tbs = &signer.tbs_certificate;
    let named = issuer.is_none_or(|id| {
        let issuer = |n: &GeneralName| matches!(n, GeneralName::DirectoryName(name) if *name == tbs.issuer);
        id.serial == tbs.serial_number && id.issuer.iter().any(issuer)
    });
    if hash && named {
        Ok(())
    } else {
        Err(StampError::Signer("the attributes name another certificate".into()))
    }
}

/// `YYYYMMDDhhmmss[.f…]Z` (RFC 3161 section 2.4.2): fractions end in no nought, and are cut below microseconds.
fn time(value: &Any) -> Result<Timestamp, StampError> {
    let bad = || form("its time is none");
    let text = std::str::from_utf8(value.value()).map_err(|_| bad())?;
    let text = text.strip_suffix('Z').filter(|_| value.tag() == Tag::GeneralizedTime).ok_or_else(bad)?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14
        || !digits(whole)
        || fraction.is_some_and(|f| !digits(f) || f.ends_with('0') || f.len() > 12)
    {
        return Err(bad());
    }
    let part = |from: usize, to: usize| whole.get(from..to).unwrap_or_default();
    let fraction = fraction.map(|f| format!(".{}", f.get(..f.len().min(6)).unwrap_or_default()));
    format!(
        "{}-{}-{}T{}:{}:{}{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14),
        fraction.unwrap_or_default()
    )
    .parse()
    .map_err(|_| bad())
}
