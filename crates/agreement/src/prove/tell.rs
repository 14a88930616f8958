//! A counterexample as one sentence in the words of partners.

use super::{Guarantee, query::Rules, witness::Case};
use crate::Act;
use terms::{Timestamp, Tlp};

/// The sentence: when, who could do what with which record, and the clauses that let it pass.
pub(crate) fn sentence(case: &Case, guarantee: Guarantee, which: Rules, clauses: &[String]) -> String {
    let rest = match which {
        Rules::Whole => "nothing forbids it",
        Rules::Clauses => "no clause forbids it",
    };
    format!("{}: {} {rest}.", deed(case, guarantee), lets_pass(clauses))
}

pub(crate) fn lets_pass(clauses: &[String]) -> String {
    match clauses {
        [] => "no clause is named and".to_owned(),
        [one] => format!("clause {one} lets it pass and"),
        more => format!("clauses {} let it pass and", join(more, "and")),
    }
}

/// When, who could do what with which record, what for.
pub(crate) fn deed(case: &Case, guarantee: Guarantee) -> String {
    told(case, Some(guarantee))
}

/// The same with every mark that is not ordinary.
pub(crate) fn plain_deed(case: &Case) -> String {
    told(case, None)
}

fn told(case: &Case, guarantee: Option<Guarantee>) -> String {
    let day = Timestamp(case.long("now")).day();
    format!(
        "On {day} {} {}{} for {}",
        actors(case),
        record(case),
        marks(case, guarantee),
        case.text("purpose")
    )
}

fn actors(case: &Case) -> String {
    let (from, to) = (case.text("from"), case.to.as_str());
    let member = case.text("member");
    let getter =
        if member.is_empty() { format!("the {to}") } else { format!("member `{member}` of the {to}") };
    match case.act {
        Act::Receive => format!("the {from} could give {getter}"),
        Act::PsiMatch => format!("the {from} could match with {getter}"),
        Act::DpCount => format!("the {from} could count for {getter}"),
        Act::UseInCourt => format!("{getter} could put before a court, from the {from},"),
        Act::Reshare => {
            let onward = match (case.text("onward"), member) {
                ("", "") => "somebody in its own house".to_owned(),
                ("", m) => format!("its member `{m}`"),
                (o, "") => format!("`{o}`"),
                (o, m) => format!("`{m}` of `{o}`"),
            };
            format!("the {to} could hand on to {onward}, from the {from},")
        }
        #[expect(unreachable_patterns, reason = "an act that is added later is still told")]
        other => format!("the {from} could, by `{other}`, give {getter}"),
    }
}

/// `a record that is both network-indicator and victim-ip in the clear`.
fn record(case: &Case) -> String {
    let categories = case.texts("categories");
    let forms: Vec<String> = categories.iter().map(|c| form(case.form(c))).collect();
    let alike = forms.windows(2).all(|w| w.first() == w.last());
    let number = match case.long("records") {
        0 | 1 => "a record that is".to_owned(),
        n => format!("{n} records that are"),
    };
    match (categories.as_slice(), alike) {
        ([], _) => format!("{number} not labelled"),
        ([one], _) => format!("{number} {one} {}", forms.first().map_or("", String::as_str)),
        (more, true) => {
            let both = if more.len() == 2 { "both " } else { "" };
            format!("{number} {both}{} {}", join(more, "and"), forms.first().map_or("", String::as_str))
        }
        (more, false) => {
            let each: Vec<String> = more.iter().zip(&forms).map(|(c, f)| format!("{c} {f}")).collect();
            let both = if more.len() == 2 { "both " } else { "" };
            format!("{number} {both}{}", join(&each, "and"))
        }
    }
}

fn form(number: i64) -> String {
    match number {
        0 => "in the clear".to_owned(),
        1 => "as a token".to_owned(),
        2 => "as a pseudonym".to_owned(),
        n => format!("as counts over at least {}", n - 10),
    }
}

/// The marks that matter to the guarantee, and consent where it was given.
fn marks(case: &Case, guarantee: Option<Guarantee>) -> String {
    let mut out = Vec::new();
    if (guarantee == Some(Guarantee::Red) || guarantee.is_none() && case.long("tlp") != 2)
        && let Some(tlp) = usize::try_from(case.long("tlp")).ok().and_then(|n| Tlp::ALL.get(n))
    {
        out.push(format!("marked TLP {}", tlp.to_string().to_uppercase()));
    }
    if guarantee.is_none() && case.text("code") != "h0" {
        out.push(format!("marked {}", case.text("code").to_uppercase()));
    }
    if guarantee == Some(Guarantee::Court) {
        out.push(format!("marked {} without the provider's consent", case.text("code").to_uppercase()));
    }
    if !case.text("emergency").is_empty() {
        out.push(format!("in an emergency under clause {}", case.text("emergency")));
    }
    let before = case.long("inTotal").saturating_sub(case.long("records"));
    if before > 0 {
        out.push(format!("after {before} others"));
    }
    if case.truth("consent") {
        out.push("with the provider's consent".to_owned());
    }
    let concerns = case.texts("concerns");
    if !concerns.is_empty() {
        out.push(format!("concerning {}", join(&concerns, "and")));
    }
    if out.is_empty() { String::new() } else { format!(", {},", out.join(", ")) }
}

pub(crate) fn join<S: AsRef<str>>(words: &[S], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., end] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", first.join(", "), end.as_ref())
        }
    }
}
