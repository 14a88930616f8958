//! Roles of accounts, by rules that a person can repeat.

use crate::made::account;
use threat::{MoneyRole, money};

#[test]
fn roles_follow_what_findings_say_and_where_the_money_comes_together() {
    let views = money(&[
        account("HB-1", "mule: opened last week", 1_000),
        account("HB-2", "mule", 3_000),
        account("HB-3", "receives from both", 2_500),
        account("HB-4", "seen once", 10),
        account("HB-5", "collector", 5),
        account("HB-2", "mule", 200),
    ]);
    let roles: Vec<_> = views.iter().map(|v| (v.account.as_str(), v.role, v.findings.len())).collect();
    assert_eq!(
        roles,
        [
            ("HB-3", MoneyRole::Collector, 1),
            ("HB-5", MoneyRole::Collector, 1),
            ("HB-2", MoneyRole::Mule, 2),
            ("HB-1", MoneyRole::Mule, 1),
            ("HB-4", MoneyRole::Unclear, 1),
        ]
    );
    assert!(views.iter().all(|v| !v.why.is_empty()));
    assert_eq!(money(&[account("HB-9", "seen", 900)])[0].role, MoneyRole::Unclear);
}
