//! Kinds of exhibits, told by content and never by name.

use crate::category::word_enum;
use serde::{Deserialize, Serialize};
use std::fmt;

word_enum! {
    /// What an exhibit is, as recognised from its bytes after decompression.
    ExhibitKind {
        /// Portable Executable.
        Pe = "pe",
        /// ELF file.
        Elf = "elf",
        /// Mach-O file, or several in a universal one.
        MachO = "mach-o",
        /// ZIP archive.
        Zip = "zip",
        /// 7z archive.
        SevenZip = "7z",
        /// RAR archive, version 4 or 5.
        Rar = "rar",
        /// tar archive.
        Tar = "tar",
        /// Cabinet.
        Cab = "cab",
        /// ISO 9660 image.
        Iso = "iso",
        /// One stream, compressed by gzip.
        Gzip = "gzip-stream",
        /// One stream, compressed by Zstandard.
        Zstd = "zstd-stream",
        /// One stream, compressed by bzip2.
        Bzip2 = "bzip2",
        /// One stream, compressed by xz.
        Xz = "xz",
        /// One stream, compressed by LZMA.
        Lzma = "lzma",
        /// Compound file: an old Office document, a mail of Outlook, a Windows installer.
        Ole = "ole",
        /// Office Open XML document.
        Ooxml = "ooxml",
        /// Mail (RFC 5322).
        Email = "email",
        /// PDF document.
        Pdf = "pdf",
        /// Page in HTML, or SVG.
        Html = "html",
        /// Script of PowerShell, JavaScript, VBScript, batch, shell and the like.
        Script = "script",
        /// Shortcut of Windows.
        Lnk = "lnk",
        /// Notebook of OneNote.
        OneNote = "onenote",
        /// RTF document.
        Rtf = "rtf",
        /// Raw image of a disk or a volume.
        DiskImage = "disk-image",
        /// Disk image in the format of EnCase (E01).
        Ewf = "ewf",
        /// Packet capture, libpcap format.
        Pcap = "pcap",
        /// Packet capture, pcapng format.
        Pcapng = "pcapng",
        /// Zeek conn log, TSV or JSON.
        ZeekConn = "zeek-conn",
        /// Zeek dns log, TSV or JSON.
        ZeekDns = "zeek-dns",
        /// Zeek http log, TSV or JSON.
        ZeekHttp = "zeek-http",
        /// Zeek ssl log, TSV or JSON.
        ZeekSsl = "zeek-ssl",
        /// Zeek x509 log, TSV or JSON.
        ZeekX509 = "zeek-x509",
        /// Events of Suricata, one JSON object a line (`eve.json`).
        SuricataEve = "suricata-eve",
        /// Passive DNS in the common output format, one JSON object a line.
        PassiveDns = "passive-dns",
        /// Export packets of NetFlow version 5, version 9 or IPFIX, one after the other.
        NetFlow = "netflow",
        /// Any other Zeek log: sealed, listed, not read into tables.
        ZeekOther = "zeek-other",
        /// Sinkhole hits, one JSON object a line (`comity.sinkhole/1`).
        SinkholeLog = "sinkhole-log",
        /// Machines that a sinkhole of this home saw, sealed for their notification alone (`comity.sinkhole-victims/1`); the key
        /// to them has this kind, too. Neither ever leaves its home.
        SinkholeVictims = "sinkhole-victims",
        /// Report of Shadowserver about machines, in CSV.
        Shadowserver = "shadowserver",
        /// Microsoft's feed of infected machines (CTIP), one JSON object a line.
        Ctip = "ctip",
        /// STIX 2.x bundle.
        StixBundle = "stix-bundle",
        /// One domain a line.
        DomainList = "domain-list",
        /// One address a line.
        AddressList = "address-list",
        /// One hash a line.
        HashList = "hash-list",
        /// Asset sheets, one JSON object a line (`comity.asset/1`).
        AssetRegister = "asset-register",
        /// Accounts and movements of money, one JSON object a line (`comity.account/1`, `comity.transaction/1`).
        Accounts = "accounts",
        /// A legal act as a document (`comity.authority/1`).
        Authority = "authority",
        /// An order that compels, as a document (`comity.compulsion/1`); it is never shared.
        Compulsion = "compulsion",
        /// Assets that a partner keeps covertly, one JSON object a line (`comity.covert/1`); it never leaves its home.
        CovertList = "covert-list",
        /// Rules in the language of YARA: a text with imports and rules.
        RuleSet = "rule-set",
        /// What a sandbox saw a sample do: a report of CAPE or Cuckoo, in JSON.
        SandboxReport = "sandbox-report",
        /// Dump of a database as SQL statements: a control panel's, say.
        DatabaseDump = "database-dump",
        /// A sealed bundle from a partner.
        Bundle = "bundle",
        /// A receipt from a partner.
        Receipt = "receipt",
        /// Plain text of no known form.
        Text = "text",
        /// Nothing that is known.
        Unknown = "unknown",
    }
}

impl ExhibitKind {
    /// Whether it is a program: the bytes of a sample that a machine can load.
    pub const fn program(self) -> bool {
        matches!(self, Self::Pe | Self::Elf | Self::MachO)
    }
    /// Whether reading it fills telemetry tables.
    pub const fn telemetry(self) -> bool {
        matches!(
            self,
            Self::Pcap
                | Self::Pcapng
                | Self::ZeekConn
                | Self::ZeekDns
                | Self::ZeekHttp
                | Self::ZeekSsl
                | Self::ZeekX509
                | Self::SuricataEve
                | Self::PassiveDns
                | Self::NetFlow
                | Self::SinkholeLog
                | Self::Shadowserver
                | Self::Ctip
        )
    }
}

word_enum! {
    /// How an exhibit's bytes are compressed.
    Compression {
        /// Not compressed.
        None = "none",
        /// gzip (RFC 1952), also of several members.
        Gzip = "gzip",
        /// Zstandard (RFC 8878).
        Zstd = "zstd",
    }
}

word_enum! {
    /// How an exhibit came to the home.
    Obtained {
        /// Its holder gave it freely.
        Voluntary = "voluntary",
        /// It was asked for.
        Requested = "requested",
        /// An order compelled it.
        Compelled = "compelled",
    }
}
