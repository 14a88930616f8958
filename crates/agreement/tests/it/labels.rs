//! Labels and rulings: a label opens no door, unless a person decides so and says why; and the ledger is told who said what.

use crate::samples::{PARTNERS, all, hour, partner};
use agreement::{Act, Agreements, Request, Spent};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use terms::{
    Category, Digest, Handling, HandlingCode, Label, Labeller, Labelling, PersonId, Protection, Purpose,
    Settled, Timestamp, Tlp,
};

static ALL: LazyLock<Agreements> = LazyLock::new(all);

fn label(categories: BTreeSet<Category>, by: Labeller, how: Labelling, reason: Option<&str>) -> Label {
    Label { categories, by, how, at: Timestamp(7), reason: reason.map(str::to_owned) }
}

fn person() -> Labeller {
    Labeller::Person { person: PersonId::of_key("aa"), node: "node-1".into() }
}

fn examiner() -> Labeller {
    Labeller::Examiner { examiner: "malware.pe".into(), version: 1 }
}

fn any_label() -> impl Strategy<Value = Label> {
    let categories = prop::collection::btree_set(prop::sample::select(Category::ALL), 0..4);
    let by = prop_oneof![
        3 => Just(person()),
        2 => Just(examiner()),
        1 => Just(Labeller::Partner { partner: partner("police") }),
    ];
    let how = prop::sample::select(Labelling::ALL);
    let reason = prop::option::of(prop::sample::select(&["read it", " ", ""][..]));
    (categories, by, how, reason).prop_map(|(c, by, how, why)| label(c, by, how, why))
}

/// A person's decision with a reason: the only label that may open.
fn decides(label: &Label) -> bool {
    matches!(label.by, Labeller::Person { .. })
        && label.how == Labelling::ByHand
        && label.reason.as_ref().is_some_and(|r| !r.trim().is_empty())
}

fn settle(labels: &[Label]) -> Settled {
    labels.iter().fold(Settled::unlabelled(), Settled::and)
}

fn passes(from: &str, to: &str, act: Act, purpose: Purpose, form: Protection, settled: &Settled) -> bool {
    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H0 };
    let mut request =
        Request::new(partner(from), partner(to), act, purpose, handling, Digest::of(b"x")).after(Spent::NONE);
    for category in settled.categories() {
        request = request.with(*category, form);
    }
    request = settled.labels().iter().fold(request, Request::labelled);
    assert_eq!(&request.counted_categories(), settled.categories());
    !ALL.rule(&request, hour()).denied()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_label_never_turns_a_deny_into_a_permit_unless_a_person_decides_so_and_says_why(
        labels in prop::collection::vec(any_label(), 0..5),
        one_more in any_label(),
        from in prop::sample::select(&PARTNERS[..]),
        to in prop::sample::select(&PARTNERS[..]),
        act in prop::sample::select(&[Act::Receive, Act::UseInCourt][..]),
        purpose in prop::sample::select(Purpose::ALL),
        form in prop::sample::select(&[Protection::Clear, Protection::Token, Protection::Pseudonym][..]),
    ) {
        let before = settle(&labels);
        let after = before.clone().and(&one_more);
        let [was, is] = [&before, &after].map(|s| passes(from, to, act, purpose, form, s));
        prop_assert!(was || !is || decides(&one_more), "{labels:?} then {one_more:?}");
        // Whoever may not decide adds only.
        prop_assert!(decides(&one_more) || after.categories().is_superset(before.categories()));
    }

    #[test]
    fn a_label_in_a_request_counts_also_where_the_categories_leave_it_out(one in any_label()) {
        let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H0 };
        let [from, to] = ["company", "police"].map(partner);
        let request = Request::new(from, to, Act::Receive, Purpose::Takedown, handling, Digest::of(b"x"))
            .with(Category::C2Infrastructure, Protection::Clear)
            .after(Spent::NONE);
        let labelled = request.clone().labelled(&one);
        prop_assert!(labelled.counted_categories().is_superset(&one.categories));
        prop_assert!(!ALL.rule(&request, hour()).denied());
        let harmless = one.categories.is_subset(&[Category::C2Infrastructure].into());
        prop_assert!(harmless || ALL.rule(&labelled, hour()).denied());
    }
}

/// The doors that a decision opens do exist: without that the property above says nothing.
#[test]
fn a_persons_decision_opens_what_the_agreement_lets_pass() {
    let sample: BTreeSet<Category> = [Category::MalwareSample].into();
    let open = |labels: &[Label]| {
        let settled = settle(labels);
        passes("company", "police", Act::Receive, Purpose::Investigation, Protection::Clear, &settled)
    };
    let by_hand = |why| label(sample.clone(), person(), Labelling::ByHand, why);
    let by_rule = label(sample.clone(), examiner(), Labelling::Rule, None);
    let victims = label([Category::VictimIp].into(), examiner(), Labelling::Rule, None);
    for (name, labels, expected) in [
        ("nobody labelled it", vec![], false),
        ("an examiner did", vec![by_rule.clone()], false),
        ("a person did, and says nothing", vec![by_hand(None)], false),
        ("a person did, and says why", vec![by_hand(Some("read it"))], true),
        ("an examiner agrees", vec![by_hand(Some("read it")), by_rule], true),
        ("an examiner finds more", vec![by_hand(Some("read it")), victims.clone()], false),
        ("the person looks again", vec![victims, by_hand(Some("sandbox addresses"))], true),
    ] {
        assert_eq!(open(&labels), expected, "{name}");
    }
}

#[test]
fn the_ledger_is_told_who_and_how_and_no_name_or_reason() {
    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H0 };
    let [from, to] = ["company", "police"].map(partner);
    let base = Request::new(from, to, Act::Receive, Purpose::Investigation, handling, Digest::of(b"x"))
        .after(Spent::NONE);
    let mut later = label([Category::MalwareSample].into(), person(), Labelling::ByHand, Some("Ada said so"));
    let earlier = later.clone();
    later.at = Timestamp(9_000_000);
    let request =
        [&earlier, &later, &label([Category::NetworkIndicator].into(), examiner(), Labelling::Rule, None)]
            .into_iter()
            .fold(base.clone().with(Category::MalwareSample, Protection::Clear), Request::labelled);
    let statement = ALL.rule(&request, hour()).statement(&request, hour());
    let key = PersonId::of_key("aa").0;
    assert_eq!(
        statement["labels"],
        serde_json::json!({
            "malware-sample": [{
                "by": { "labeller": "person", "person": key, "node": "node-1" }, "how": "by-hand",
                "at": "1970-01-01T00:00:09Z",
            }],
            "network-indicator": [{
                "by": { "labeller": "examiner", "examiner": "malware.pe", "version": 1 }, "how": "rule",
                "at": Timestamp(7),
            }],
        })
    );
    assert!(!statement.to_string().contains("Ada"), "the reason stays at home");
    assert!(!serde_json::to_string(&request).unwrap().contains("Ada"), "also out of the request");
    // Nobody labelled it: the strictest counts, and the statement says that nobody did.
    let statement = ALL.rule(&base, hour()).statement(&base, hour());
    assert_eq!(statement["labels"], serde_json::json!({ "victim-identity": [] }));
    assert_eq!(statement["ruling"], "deny");
}
