//! A process killed at any write leaves a log that verifies, and the next append makes it whole.

use crate::home::{Home, ORIGIN, leaf, log_keys, signer};
use ledger::{Log, checkpoint};
use proptest::prelude::*;

/// One append: how many leaves, and how many of its writes happen before the process dies (`None`: all of them, and the
/// checkpoint too); a death may leave its last write torn where the disk does not replace whole files.
#[derive(Debug, Clone)]
struct Step {
    leaves: u64,
    dies_after: Option<usize>,
    torn: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop_oneof![0u64..5, 100u64..300, Just(256)], prop::option::of(0usize..8), any::<bool>())
        .prop_map(|(leaves, dies_after, torn)| Step { leaves, dies_after, torn });
    prop::collection::vec(step, 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn a_killed_append_is_made_good(steps in steps()) {
        let mut home = Home::new();
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let mut next = 0u64;
        for step in steps {
            // Every step begins as a restarted process: from the durable checkpoint and the files.
            let signed = checkpoint::open(&home.files[checkpoint::FILE], ORIGIN, &log_keys()).unwrap();
            let log = Log::resume(signed.head(), &home.read()).unwrap();
            for left in log.leftovers(&home.stored()).unwrap() {
                home.files.remove(&left);
            }
            let new: Vec<_> = (next..next + step.leaves).map(leaf).collect();
            next += step.leaves;
            let append = log.append(&new).unwrap();
            let covered = covered(&home, log.size());
            for (i, file) in append.files.iter().enumerate() {
                if step.dies_after.is_some_and(|n| i >= n) {
                    break;
                }
                prop_assert!(!covered.contains(&file.path), "{} was signed before", file.path);
                let mut bytes = file.bytes.clone();
                if step.torn && step.dies_after == Some(i + 1) {
                    bytes.truncate(bytes.len() / 2);
                }
                home.files.insert(file.path.clone(), bytes);
            }
            if step.dies_after.is_none() {
                home.files.insert(
                    checkpoint::FILE.into(),
                    checkpoint::sign(&append.log.head(), &[&signer()]).unwrap(),
                );
                for old in &append.replaced {
                    home.files.remove(old);
                }
                kept.extend(new);
            }
            prop_assert_eq!(home.verify().unwrap().head.size, kept.len() as u64);
        }
        // The log holds what was acknowledged and nothing else: a log written at once has the same head.
        let at_once = Log::empty(ORIGIN).unwrap().append(&kept).unwrap().log;
        prop_assert_eq!(home.head(), at_once.head());
    }
}

/// The files that a log of this size needs, which no later append may write.
fn covered(home: &Home, size: u64) -> Vec<String> {
    let mut needed = Home::new();
    let leaves: Vec<Vec<u8>> =
        (0..size).map(|i| ledger::proof::read_leaf(&home.read(), &home.head(), i).unwrap()).collect();
    needed.append(&leaves);
    needed.stored()
}
