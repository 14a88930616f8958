//! Captures, logs and sinkhole lines, each reader on any bytes. The first byte chooses the reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use terms::ExhibitKind;

const KINDS: [ExhibitKind; 11] = [
    ExhibitKind::Pcap,
    ExhibitKind::Pcapng,
    ExhibitKind::ZeekConn,
    ExhibitKind::ZeekDns,
    ExhibitKind::SinkholeLog,
    ExhibitKind::ZeekHttp,
    ExhibitKind::ZeekSsl,
    ExhibitKind::ZeekX509,
    ExhibitKind::SuricataEve,
    ExhibitKind::PassiveDns,
    ExhibitKind::NetFlow,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((which, mut rest)) = bytes.split_first() else { return };
    let Some(kind) = KINDS.get(usize::from(*which) % KINDS.len()) else { return };
    let _ = botnet::recognise(rest);
    let mut rows = 0u64;
    let read = botnet::read(*kind, &mut rest, &mut |_| {
        rows += 1;
        ControlFlow::Continue(())
    });
    if let Ok(summary) = read {
        assert_eq!(summary.rows, rows, "the summary counts what was handed over");
    }
});
