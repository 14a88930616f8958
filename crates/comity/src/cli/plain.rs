//! `agree show --plain`: what passes under an agreement, as a lawyer reads it.

use super::out::{Out, Table};
use agreement::{Member, Permission, SignedAgreement};
use terms::{PartnerId, Timestamp};

/// Prints the state, the members and every permission as they stand at `at`.
pub fn show(signed: &SignedAgreement, at: Timestamp, out: &mut Out) {
    let agreement = signed.agreement();
    let rows = agreement.permissions();
    let members: Vec<(PartnerId, Member)> = (agreement.parties().into_iter())
        .flat_map(|p| signed.members(p, at).into_iter().map(|m| (p.clone(), m)))
        .collect();
    let emergencies = signed.emergencies(at);
    let listed: Vec<_> =
        members.iter().map(|(p, m)| serde_json::json!({ "party": p, "member": m })).collect();
    let powers: Vec<_> = agreement.parties().into_iter().flat_map(|p| signed.powers(p, at)).collect();
    out.object(&serde_json::json!({
        "schema": "comity.permissions/1", "agreement": agreement.id(), "version": agreement.version(), "at": at,
        "state": signed.state(at), "permissions": rows, "emergencies": emergencies, "members": listed,
        "powers": powers, "recipients": agreement.recipients(), "offences": agreement.offences(),
        "witnesses": agreement.witnesses(),
    }));
    out.labelled("agreement", &format!("{}: {}", agreement.id(), agreement.title()));
    out.labelled("as of", &at.to_string());
    out.labelled("state", &crate::node::agree::state_word(&signed.state(at)));
    for party in agreement.parties() {
        for (active, what) in [(true, "members"), (false, "not active")] {
            let ids: Vec<String> = (members.iter())
                .filter(|(p, m)| p == party && m.active == active)
                .map(|(_, m)| m.id.to_string())
                .collect();
            if !ids.is_empty() {
                out.paragraph(0, &format!("{what} of {party}: {}", ids.join(", ")));
            }
        }
    }
    for e in &emergencies {
        out.labelled("emergency", &format!("clause {} until {}", e.clause, e.until));
    }
    let mut table = Table::new(&["clause", "from", "to", "data", "weakest form", "act"]);
    rows.iter().for_each(|row| table.row(cells(row)));
    out.table(&table);
    out.heading("For what, for whom, within which limits, with which duties");
    for row in &rows {
        let purposes: Vec<&str> = row.purposes.iter().map(|p| p.word()).collect();
        let mut says = vec![format!("for {}", row.members)];
        says.extend(row.limits.iter().chain(&row.duties).cloned());
        let (clause, category, purposes) = (&row.clause.number, row.category, purposes.join(", "));
        out.paragraph(2, &format!("{clause} {category}, for {purposes}: {}", says.join("; ")));
    }
}

fn cells(row: &Permission) -> [String; 6] {
    let acts: Vec<&str> = row.acts.iter().map(|a| a.word()).collect();
    [
        row.clause.number.clone(),
        row.from.to_string(),
        row.to.to_string(),
        row.category.to_string(),
        row.form.clone(),
        acts.join(", "),
    ]
}
