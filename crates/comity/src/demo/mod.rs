//! The demo: the operation "Harbour Lights" with four partners on this machine, from the first exhibit to the measured
//! dismantling.
//!
//! Here: four homes that live in the operation's own time, and its steps in order ([`Operation`]); telling them
//! ([`tell`]). Elsewhere: each step itself (`node`), the generated evidence (`exercise`).
//! Only scoring reads the truth file: no node does.

mod tell;

use crate::node::act::ActReport;
use crate::node::analyze::{Analyzed, Tick};
use crate::node::error::NodeError;
use crate::node::ingest::{Ingested, Manner, sources};
use crate::node::measure::MeasureReport;
use crate::node::plan::{PlanOptions, PlanReport};
use crate::node::receive::{ReceivedBundle, ReceivedReceipt};
use crate::node::reporting::TruthView;
use crate::node::share::{Shared, What, Wish};
use crate::node::{Birth, Node, Options, agree};
use crate::store::{Flags, SetClock};
use botnet::telemetry::Window;
use exercise::{Aftermath, Spec, Taken, Truth};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use takedown::Asset;
use terms::{Instrument, MemberId, PartnerId, PersonId, Place, Purpose, ThreatId, Timestamp};

pub use tell::{Told, tell};

/// The memorandums as they stand in the repository, with places for the keys.
pub const MEMORANDUMS: [(&str, &str, &str); 3] = [
    ("company", "police", include_str!("../../../../agreements/company-police.mou.md")),
    ("company", "region", include_str!("../../../../agreements/company-region.mou.md")),
    ("company", "fintech", include_str!("../../../../agreements/company-fintech.mou.md")),
];

/// When the partners signed.
const SIGNED: &str = "2026-01-12T10:00:00Z";
/// When the evidence is taken in and the plan is made.
const PLANNED: &str = "2026-03-09T09:00:00Z";
/// When the effect is measured.
const MEASURED: &str = "2026-03-18T09:00:00Z";
/// Passphrase of homes that hold generated evidence only.
const PASSPHRASE: &str = "an exercise has no secrets";

/// One operation under way.
pub struct Operation {
    /// Where everything lies.
    pub dir: PathBuf,
    /// What is true of it; for scoring only.
    pub truth: Truth,
    /// The operation's clock.
    pub clock: Arc<SetClock>,
    /// Meridian Software, the technology company.
    pub company: Node,
    /// The Bureau for Joint Policing.
    pub police: Node,
    /// The Union of the Americas.
    pub region: Node,
    /// Ledgerline, the financial-technology provider.
    pub fintech: Node,
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_default()
}

/// A partner's id; the demo's are right by construction.
fn partner(id: &str) -> Result<PartnerId, NodeError> {
    Ok(PartnerId::new(id)?)
}

impl Operation {
    /// Generates the operation and makes the four homes. `program` is what children run.
    pub async fn begin(
        dir: &Path,
        spec: &Spec,
        program: &Path,
        note: &mut dyn FnMut(exercise::Progress),
    ) -> Result<Self, NodeError> {
        let truth = exercise::generate(spec, &dir.join("operation"), note)?;
        let clock = Arc::new(SetClock::new(time(SIGNED)));
        let home = async |name: &str| -> Result<Node, NodeError> {
            let options = Options {
                dir: dir.join("homes").join(name),
                passphrase: zeroize::Zeroizing::new(PASSPHRASE.to_owned()),
                person: None,
                clock: clock.clone(),
                program: program.to_owned(),
                flags: Flags::default(),
            };
            let birth = Birth {
                partner: partner(name)?,
                person: PersonId(format!("{name}-analyst")),
                customer_networks: Vec::new(),
                geo: Some(dir.join("operation/geo.mmdb")),
            };
            Node::init(&options, &birth).await
        };
        let (company, police) = (home("company").await?, home("police").await?);
        let (region, fintech) = (home("region").await?, home("fintech").await?);
        Ok(Self { dir: dir.to_owned(), truth, clock, company, police, region, fintech })
    }

    /// The node of a partner.
    pub fn node(&self, id: &str) -> &Node {
        match id {
            "police" => &self.police,
            "region" => &self.region,
            "fintech" => &self.fintech,
            _ => &self.company,
        }
    }

    /// The three memorandums: keys filled in, signed by both sides, in force at both.
    pub async fn sign(&self) -> Result<Vec<agree::Listed>, NodeError> {
        let mut signed = Vec::new();
        for (one, other, text) in MEMORANDUMS {
            let (one, other) = (self.node(one), self.node(other));
            let keys = [
                (format!("{}.key", one.partner), one.organisation_key()),
                (format!("{}.key", other.partner), other.organisation_key()),
            ];
            let values: Vec<(&str, &str)> = keys.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let text = agreement::fill(text, &values);
            let name = format!("{}-{}.mou.md", one.partner, other.partner);
            let parsed = agree::parse(&name, &text)?;
            let both = other.sign(&parsed, Some(one.sign(&parsed, None)?))?;
            signed.push(one.join(&text, both.clone()).await?);
            other.join(&text, both).await?;
        }
        Ok(signed)
    }

    /// Every partner takes in what it holds.
    pub async fn ingest(
        &self,
        tick: &(dyn Fn(&str) + Sync),
    ) -> Result<Vec<(PartnerId, Ingested)>, NodeError> {
        self.clock.set(time(PLANNED));
        let mut all = Vec::new();
        for name in ["company", "police", "region", "fintech"] {
            let taken = self.take(name, &self.dir.join("operation").join(name), tick).await?;
            all.push((partner(name)?, taken));
        }
        Ok(all)
    }

    async fn take(
        &self,
        name: &str,
        folder: &Path,
        tick: &(dyn Fn(&str) + Sync),
    ) -> Result<Ingested, NodeError> {
        let node = self.node(name);
        let (found, left) = sources(&[folder.to_owned()], node.home.root());
        let mut taken = node.ingest(found, &Manner::house("exercise Harbour Lights"), tick).await?;
        taken.not_sealed.extend(left);
        Ok(taken)
    }

    /// Company and fintech examine what they hold.
    pub async fn analyze(&self, tick: Tick<'_>) -> Result<[Analyzed; 2], NodeError> {
        Ok([self.company.analyze(tick).await?, self.fintech.analyze(tick).await?])
    }

    /// The threats of the company's home, ranked.
    pub async fn assess(&self) -> Result<Vec<threat::Threat>, NodeError> {
        self.company.assess().await
    }

    /// A case on one threat.
    pub async fn open(&self, threat: &ThreatId) -> Result<threat::Case, NodeError> {
        self.company.case_open("Harbour Lights", std::slice::from_ref(threat)).await
    }

    /// One partner releases to another, who takes it in; its receipt goes back.
    pub async fn release(
        &self,
        from: &str,
        to: &str,
        member: Option<&str>,
        what: What,
        of: &str,
        purpose: Purpose,
    ) -> Result<(Shared, ReceivedBundle, ReceivedReceipt), NodeError> {
        let wish = Wish {
            what,
            of: of.to_owned(),
            with: partner(to)?,
            member: member.map(MemberId::new).transpose()?,
            purpose,
            noisy: None,
            seen: Window::ALL,
        };
        // What does not fit into one bundle is told of the last days.
        let shared = match self.node(from).share(&wish, false).await {
            Err(NodeError::TooManyVictims { since, .. }) => {
                let seen = Window { from: since.start(), until: Window::ALL.until };
                self.node(from).share(&Wish { seen, ..wish }, false).await?
            }
            shared => shared?,
        };
        let folder = self.dir.join("bundles");
        std::fs::create_dir_all(&folder).map_err(|e| NodeError::file("making", &folder, e))?;
        let id = shared.release.as_ref().map(ToString::to_string).unwrap_or_default();
        let file = folder.join(format!("{from}-{to}-{id}.bundle"));
        Node::write_bundle(&file, &shared.bundle)?;
        let (bundles, _) = self.hand_in(to, &file).await?;
        let bundle = bundles.into_iter().next().ok_or_else(|| lost("the bundle", &file))?;
        let (_, receipts) = self.hand_in(from, Path::new(&bundle.receipt)).await?;
        let receipt = receipts.into_iter().next().ok_or_else(|| lost("the receipt", &file))?;
        Ok((shared, bundle, receipt))
    }

    async fn hand_in(
        &self,
        name: &str,
        file: &Path,
    ) -> Result<(Vec<ReceivedBundle>, Vec<ReceivedReceipt>), NodeError> {
        let node = self.node(name);
        let (found, _) = sources(&[file.to_owned()], node.home.root());
        let taken = node.ingest(found, &Manner::house("handed over by a partner"), &|_| ()).await?;
        node.cross(&taken).await
    }

    /// The partners hand the company the papers a plan needs: orders of the police's and the region's members, the
    /// institutions' papers, and the accounts that stand out, as tokens.
    pub async fn papers(&self) -> Result<Vec<(Shared, ReceivedBundle, ReceivedReceipt)>, NodeError> {
        let mut all = Vec::new();
        for from in ["police", "region", "fintech"] {
            all.push(self.release(from, "company", None, What::Authorities, "", Purpose::Takedown).await?);
        }
        all.push(self.release("fintech", "company", None, What::Accounts, "", Purpose::Takedown).await?);
        self.company.analyze(&|_| ()).await?;
        Ok(all)
    }

    /// A plan for the hour of the operation.
    pub async fn plan(&self, case: &str) -> Result<PlanReport, NodeError> {
        let options = PlanOptions { hour: Some(self.truth.takedown), horizon: 14, collateral: 0, rebuild: 1 };
        self.company.plan(case, options).await
    }

    /// Packages for every addressee.
    pub async fn act(&self, plan: &str) -> Result<ActReport, NodeError> {
        self.company.act(plan, &self.dir.join("packages"), false).await
    }

    /// The hour passes: what the plan says is done, owners in the told places clean a share of their machines, and the
    /// sensors see what is left. The company takes in the logs of the days after.
    pub async fn aftermath(
        &self,
        plan: &takedown::Plan,
        told: &[Place],
        note: &mut dyn FnMut(exercise::Progress),
    ) -> Result<(Aftermath, Ingested), NodeError> {
        let taken = taken(plan);
        let aftermath = exercise::aftermath(&self.dir.join("operation"), &taken, told, note)?;
        self.clock.set(time(MEASURED));
        let ingested = self.take("company", &self.dir.join("operation/after"), &|_| ()).await?;
        self.company.analyze(&|_| ()).await?;
        Ok((aftermath, ingested))
    }

    /// What changed, measured by identity.
    pub async fn measure(&self, plan: &str) -> Result<MeasureReport, NodeError> {
        self.company.measure(plan, None, None).await
    }

    /// What the exercise knows, for drawing beside the measured curve.
    pub fn truth_view(&self, aftermath: &Aftermath) -> TruthView {
        let before = self.truth.population.alive.iter().map(|d| (d.day.to_string(), d.bots as f64));
        let after = aftermath.surviving.iter().map(|d| (d.day.to_string(), d.bots as f64));
        TruthView {
            days: before.chain(after).collect(),
            shares: vec![
                ("contained".into(), aftermath.contained as f64),
                ("still commanded".into(), aftermath.migrated as f64),
                ("cured".into(), aftermath.cured as f64),
            ],
        }
    }

    /// Closes the four homes.
    pub async fn end(self) -> Result<(), NodeError> {
        self.company.close().await?;
        self.police.close().await?;
        self.region.close().await?;
        self.fintech.close().await
    }
}

fn lost(what: &str, file: &Path) -> NodeError {
    NodeError::NotVerified { what: format!("{what} for `{}` did not arrive", file.display()) }
}

/// What a plan's actions mean for the exercise: the keys that fall, and who is told.
pub fn taken(plan: &takedown::Plan) -> Vec<Taken> {
    let mut all = Vec::new();
    for action in &plan.actions {
        let keys = match &action.asset {
            Asset::Channel { channel } => vec![channel.key()],
            Asset::Generated { names, .. } => names.clone(),
            Asset::Account { account, .. } => vec![account.clone()],
        };
        all.extend(keys.into_iter().map(|channel_key| Taken {
            channel_key,
            instrument: action.instrument,
            at: plan.hour,
        }));
    }
    let told = plan.notifications.iter().filter(|n| n.partner.is_some());
    all.extend(told.map(|n| Taken {
        channel_key: n.target.clone(),
        instrument: Instrument::Notify,
        at: plan.hour,
    }));
    all
}
