//! Every format that partners and others send, each reader on any bytes. The first byte chooses the reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use terms::ExhibitKind;

const KINDS: [ExhibitKind; 8] = [
    ExhibitKind::StixBundle,
    ExhibitKind::DomainList,
    ExhibitKind::AddressList,
    ExhibitKind::HashList,
    ExhibitKind::AssetRegister,
    ExhibitKind::Accounts,
    ExhibitKind::Authority,
    ExhibitKind::CovertList,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let Some(kind) = KINDS.get(usize::from(*which) % KINDS.len()) else { return };
    let _ = exchange::recognise(rest);
    let mut source = rest;
    let _ = exchange::examine(*kind, &mut source, &mut |_| {});
});
