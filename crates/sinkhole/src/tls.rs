//! TLS by `rustls`, with a certificate of our own (`rcgen`) that says whose it is.
//!
//! No public authority vouches for it, and none should: a bot that checks certificates goes away, and its hello with
//! the name it asked for is a hit all the same. Fingerprints of hellos (JA3, JA4) are not taken here: `rustls` does not hand out
//! the list of extensions, and the reader of hellos lives in `botnet`, which this crate does not know.

use crate::{Config, SinkholeError};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;

/// Names in the certificate; a bot that asks for another gets the same certificate.
const NAMES: usize = 100;

/// The one configuration of all loops.
pub(crate) fn server(config: &Config) -> Result<Arc<ServerConfig>, SinkholeError> {
    let refuse = |e: &dyn std::fmt::Display| SinkholeError::Certificate { why: e.to_string() };
    let below = config.zones.iter().flat_map(|z| [z.clone(), format!("*.{z}")]);
    let mut names: Vec<String> = below.chain(config.names.iter().cloned()).take(NAMES).collect();
    names.iter_mut().for_each(|n| *n = n.trim_end_matches('.').to_ascii_lowercase());
    let mut params = CertificateParams::new(names).map_err(|e| refuse(&e))?;
    params.distinguished_name.push(DnType::CommonName, format!("sinkhole {}", config.id));
    params.distinguished_name.push(DnType::OrganizationName, config.custodian.organisation.as_str());
    let key = KeyPair::generate().map_err(|e| refuse(&e))?;
    let certificate = params.self_signed(&key).map_err(|e| refuse(&e))?;
    let secret = PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| refuse(&e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| refuse(&e))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .map_err(|e| refuse(&e))?;
    // A ticket would let a bot be recognised by us and cost memory: none is given.
    server.send_tls13_tickets = 0;
    server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Arc::new(server))
}
