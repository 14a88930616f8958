//! Each addressee gets its own actions and nothing of anybody else's.

use crate::made::random;
use std::collections::BTreeSet;
use takedown::{packages, plan};

#[test]
fn every_action_and_notice_reaches_one_addressee_only() {
    for seed in 0..100 {
        let (s, _) = random(seed, 6);
        let p = plan(&s).unwrap();
        let all = packages(&p, &s);
        let orders: Vec<_> = all.iter().flat_map(|a| &a.orders).map(|o| &o.action).collect();
        assert_eq!(orders.len(), p.actions.len(), "seed {seed}");
        assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), p.actions.len());
        assert_eq!(all.iter().map(|a| a.notices.len()).sum::<usize>(), p.notifications.len());
        for addressee in &all {
            let own: BTreeSet<&str> = addressee
                .orders
                .iter()
                .map(|o| o.target.as_str())
                .chain(addressee.notices.iter().map(|n| n.target.as_str()))
                .collect();
            assert_eq!(addressee.assets.iter().map(|a| a.target.as_str()).collect::<BTreeSet<_>>(), own);
            assert_eq!(
                addressee.hour.is_some(),
                !addressee.orders.is_empty(),
                "who is only told learns no hour"
            );
            for target in s.targets.iter().map(|t| t.asset.key()).filter(|k| !own.contains(k.as_str())) {
                assert!(!addressee.letter.contains(&target), "seed {seed}: {target} in a stranger's letter");
            }
            for action in
                p.actions.iter().filter(|a| own.contains(a.target.as_str()) && addressee.hour.is_some())
            {
                assert_eq!(addressee.partner.as_ref(), Some(&action.partner));
                assert!(addressee.letter.contains(&p.hour.to_string()));
            }
        }
    }
}
