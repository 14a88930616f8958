//! The packages' content: what each addressee gets, and nothing of anybody else's.
//!
//! Elsewhere: the folder with hashes and signatures (the evidence crate), handing it over (a person). Letters are
//! written in English only; `language` says so.

use crate::{Asset, Basis, Notification, Plan, Situation};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::{ActionId, FindingId, MemberId, PartnerId, Place, PlanId, Standing, Timestamp};

/// What one addressee gets (`comity.addressee/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Addressee {
    /// Always `comity.addressee/1`.
    pub schema: String,
    /// The plan it comes from.
    pub plan: PlanId,
    /// The partner responsible; none for a recipient whom no agreement lets a partner tell.
    pub partner: Option<PartnerId>,
    /// Its member that acts.
    pub member: Option<MemberId>,
    /// A holder, owner or contact that is told and runs no node.
    pub recipient: Option<String>,
    /// The one hour; none for who is only told, because a holder or owner has no need to know it.
    pub hour: Option<Timestamp>,
    /// Language of the letter (BCP 47).
    pub language: String,
    /// What it is asked to do, in the plan's order.
    pub orders: Vec<Order>,
    /// What it is told.
    pub notices: Vec<Notification>,
    /// The assets concerned.
    pub assets: Vec<AssetLine>,
    /// Findings that the package's evidence proves, sorted.
    pub evidence: Vec<FindingId>,
    /// The letter, plain text.
    pub letter: String,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The action's id in the plan.
    pub action: ActionId,
    /// Key of the target.
    pub target: String,
    /// What is to be done, in a sentence.
    pub text: String,
    /// What it rests on.
    pub authority: Basis,
    /// For generated domains, the names.
    pub names: Vec<String>,
}

/// What is known of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetLine {
    /// Key of the target.
    pub target: String,
    /// Under whose law.
    pub place: Place,
    /// Whose it is.
    pub standing: Option<Standing>,
    /// Who holds it.
    pub holder: String,
    /// Innocent tenants.
    pub tenants: u32,
}

/// Who gets a package: partner, member, recipient.
type Key = (Option<PartnerId>, Option<MemberId>, Option<String>);

/// The packages' content, one for each partner and member that acts and one for each recipient that is told. Each
/// holds its own actions, assets and findings only; `plan` should have passed the checker.
pub fn packages(plan: &Plan, situation: &Situation) -> Vec<Addressee> {
    let mut actions: BTreeMap<Key, Vec<&crate::Action>> = BTreeMap::new();
    for action in &plan.actions {
        let key = (Some(action.partner.clone()), action.member.clone(), None);
        actions.entry(key).or_default().push(action);
    }
    let mut notices: BTreeMap<Key, Vec<&Notification>> = BTreeMap::new();
    for notice in &plan.notifications {
        let key = (notice.partner.clone(), notice.member.clone(), Some(notice.to.clone()));
        notices.entry(key).or_default().push(notice);
    }
    let sheets: BTreeMap<String, AssetLine> = situation.targets.iter().map(line).collect();
    let keys: BTreeSet<Key> = actions.keys().chain(notices.keys()).cloned().collect();
    keys.into_iter()
        .map(|key| {
            let mine = actions.remove(&key).unwrap_or_default();
            let told = notices.remove(&key).unwrap_or_default();
            addressee(plan, key, &mine, told.into_iter().cloned().collect(), &sheets)
        })
        .collect()
}

fn line(target: &crate::Target) -> (String, AssetLine) {
    let key = target.asset.key();
    let line = AssetLine {
        target: key.clone(),
        place: target.place,
        standing: target.standing,
        holder: target.holder.clone(),
        tenants: target.tenants,
    };
    (key, line)
}

fn addressee(
    plan: &Plan,
    (partner, member, recipient): Key,
    actions: &[&crate::Action],
    notices: Vec<Notification>,
    sheets: &BTreeMap<String, AssetLine>,
) -> Addressee {
    let keys: BTreeSet<&String> =
        actions.iter().map(|a| &a.target).chain(notices.iter().map(|n| &n.target)).collect();
    let assets: Vec<AssetLine> = keys.into_iter().filter_map(|k| sheets.get(k)).cloned().collect();
    let evidence: BTreeSet<FindingId> = actions
        .iter()
        .flat_map(|a| a.evidence.iter().copied())
        .chain(notices.iter().flat_map(|n| n.evidence.iter().copied()))
        .collect();
    let orders: Vec<Order> = actions.iter().map(|a| order(a)).collect();
    let mut out = Addressee {
        schema: "comity.addressee/1".to_owned(),
        plan: plan.id.clone(),
        partner,
        member,
        recipient,
        hour: (!actions.is_empty()).then_some(plan.hour),
        language: "en".to_owned(),
        orders,
        notices,
        assets,
        evidence: evidence.into_iter().collect(),
        letter: String::new(),
    };
    out.letter = letter(&out);
    out
}

fn order(action: &crate::Action) -> Order {
    let names = match &action.asset {
        Asset::Generated { names, .. } => names.clone(),
        _ => Vec::new(),
    };
    let what = match &action.asset {
        Asset::Generated { day, suffix, names, .. } => {
            format!("the {} names of {day} under {suffix} (listed in this package)", names.len())
        }
        Asset::Account { account, institution } => format!("account {account} at {institution}"),
        Asset::Channel { channel } => channel.to_string(),
    };
    let text = format!("{} {what} in {} under clause {}", action.instrument, action.place, action.clause);
    Order {
        action: action.id.clone(),
        target: action.target.clone(),
        text,
        authority: action.authority.clone(),
        names,
    }
}

fn basis(authority: &Basis) -> String {
    match authority {
        Basis::InForce { authority } => format!("authority {authority}, in force"),
        Basis::ToServe { authority, by } => format!("authority {authority}, to be served: begin by {by}"),
        Basis::ToObtain { ask_by, lead_minutes } => {
            format!("no authority yet: ask for one by {ask_by} (it takes {lead_minutes} minutes)")
        }
    }
}

/// A letter that a person can read without this program. Asset holders' texts are shown on one line each.
fn letter(to: &Addressee) -> String {
    let flat = |s: &str| s.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let name = match (&to.recipient, &to.member, &to.partner) {
        (Some(r), _, _) => flat(r),
        (None, Some(m), Some(p)) => format!("{} ({m})", p),
        (None, _, Some(p)) => p.to_string(),
        (None, _, None) => String::new(),
    };
    let mut out = format!("To: {name}\nPlan: {}\n", to.plan);
    if let (Some(partner), Some(_)) = (&to.partner, &to.recipient) {
        out.push_str(&format!("Told by: {partner}\n"));
    }
    if let Some(hour) = to.hour {
        out.push_str(&format!(
            "\nAll actions fall at one hour, not before: {hour}\n\nWhat you are asked to do:\n"
        ));
        for order in &to.orders {
            out.push_str(&format!(
                "  {}  {}\n         {}\n",
                order.action,
                flat(&order.text),
                flat(&basis(&order.authority))
            ));
        }
    }
    if !to.notices.is_empty() {
        out.push_str("\nWhat you are told (no order, no accusation):\n");
        for notice in &to.notices {
            out.push_str(&format!("  {}  {} [{}]\n", flat(&notice.target), flat(&notice.why), notice.code));
        }
    }
    out.push_str("\nWhat is known of the assets:\n");
    for asset in &to.assets {
        let standing = asset.standing.map_or("not known", Standing::word);
        out.push_str(&format!(
            "  {}  place {}, held by {}, standing {standing}, innocent tenants {}\n",
            flat(&asset.target),
            asset.place,
            flat(&asset.holder),
            asset.tenants
        ));
    }
    if !to.evidence.is_empty() {
        out.push_str("\nEvidence, by finding:\n");
        for finding in &to.evidence {
            out.push_str(&format!("  {finding}\n"));
        }
    }
    out
}
