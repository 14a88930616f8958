//! `init`: a home is made, with keys, stores and ledger.

use super::args::Init;
use super::errors::Fault;
use super::home::Meant;
use super::out::Out;
use super::{Done, Outcome};
use crate::node::error::NodeError;
use crate::node::{Birth, Node};
use terms::{PartnerId, PersonId};

/// Makes the home and says what it is.
pub async fn init(meant: &Meant, args: &Init, out: &mut Out) -> Done {
    let birth = Birth {
        partner: PartnerId::new(&args.partner).map_err(NodeError::from)?,
        person: PersonId(args.first_person.clone()),
        customer_networks: args.customer_network.clone(),
        geo: args.geo.clone(),
    };
    let mut options = meant.options()?;
    // The first person is the one that this very command makes.
    options.person = None;
    let node = Node::init(&options, &birth).await.map_err(Fault::from)?;
    let (home, key) = (node.home.root().display().to_string(), node.organisation_key());
    out.labelled("home", &home);
    out.labelled("partner", node.partner.as_str());
    out.labelled("person", &node.person.to_string());
    out.labelled("key", &key);
    out.object(&serde_json::json!({
        "schema": "comity.home/1", "home": home, "partner": node.partner, "person": node.person, "key": key,
    }));
    node.close().await?;
    out.talk("keep a copy of `keys/` and the passphrase apart: without both, no exhibit can be opened");
    out.talk("next: comity ingest PATH…");
    Ok(Outcome::Done)
}
