//! What is spent is exact, never more than the budget, and never given back.

use privacy::{Epsilon, Odometer, PrivacyError};
use proptest::prelude::*;

#[test]
fn epsilon_has_one_meaning() {
    for (text, micros, shown) in [
        ("0.1", 100_000, "0.1"),
        ("1", 1_000_000, "1"),
        ("10", 10_000_000, "10"),
        ("0.000001", 1, "0.000001"),
        ("2.50", 2_500_000, "2.5"),
        ("00.3", 300_000, "0.3"),
    ] {
        let epsilon: Epsilon = text.parse().unwrap();
        assert_eq!((epsilon.in_micros(), epsilon.to_string().as_str()), (micros, shown));
    }
    for bad in [
        "",
        "0",
        "0.0",
        "-0.1",
        "10.000001",
        "1e-1",
        "inf",
        "nan",
        "0.1000000",
        ".1",
        "1.",
        " 0.1",
        "0,1",
        "+1",
    ] {
        assert!(matches!(bad.parse::<Epsilon>(), Err(PrivacyError::NotEpsilon { .. })), "{bad}");
    }
}

proptest! {
    /// Against a sum over numbers without bounds: what fits is spent exactly, what does not fit changes nothing.
    #[test]
    fn spends_add_up_and_stop_at_the_budget(budget in 0u64..2_000_000, costs in prop::collection::vec(0u64..700_000, 0..30)) {
        let mut odometer = Odometer { budget: Epsilon::micros(budget), spent: Epsilon::ZERO };
        let mut sum = 0u128;
        for cost in costs {
            match odometer.spend(Epsilon::micros(cost)) {
                Ok(next) => {
                    sum += u128::from(cost);
                    odometer = next;
                }
                Err(PrivacyError::OverBudget { left, .. }) => {
                    prop_assert!(sum + u128::from(cost) > u128::from(budget));
                    prop_assert_eq!(u128::from(left.in_micros()), u128::from(budget) - sum);
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
            prop_assert_eq!(u128::from(odometer.spent.in_micros()), sum);
            prop_assert!(sum <= u128::from(budget));
        }
    }
    #[test]
    fn nothing_wraps(budget: u64, spent: u64, cost: u64) {
        let odometer = Odometer { budget: Epsilon::micros(budget), spent: Epsilon::micros(spent) };
        let fits = u128::from(spent) + u128::from(cost) <= u128::from(budget);
        // What costs nothing is always allowed, also where the budget was lowered below what is spent.
        prop_assert_eq!(odometer.spend(Epsilon::micros(cost)).is_ok(), fits || cost == 0);
    }
    #[test]
    fn what_is_shown_reads_back(n in 1u64..=10_000_000) {
        let epsilon = Epsilon::micros(n);
        prop_assert_eq!(epsilon.to_string().parse::<Epsilon>().unwrap(), epsilon);
    }
}
