//! Samples: well-formed PE and ELF files that hold an encoded configuration and no code that acts.
//!
//! The code section of each is `ret` (one a function), `int3` and zeros. Import tables name functions, as a real
//! sample's would, but nothing calls them. Two builds differ in word size, sections and embedded text, so that samples
//! of one build are alike.

use crate::{
    ExerciseError,
    channels::{GROUPS, dga_spec},
    dice::{Dice, at, key},
};
use object::{elf, pe as coff, write};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use terms::DgaSpec;

/// What a sample of the family carries: the plaintext of its configuration blob, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Malware family.
    pub family: String,
    /// The operator's campaign.
    pub campaign: String,
    /// Variant letter.
    pub variant: String,
    /// Fixed domains.
    pub domains: Vec<String>,
    /// Fallback addresses, `ip:port`.
    pub addresses: Vec<String>,
    /// Generated domains, if this variant knows them.
    pub dga: Option<DgaSpec>,
}

/// File format of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Portable Executable.
    Pe,
    /// Executable and Linkable Format.
    Elf,
}

/// One of the twelve samples of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// Build family, 1 (32 bits) or 2 (64 bits).
    pub build: u8,
    /// `a`, `b` or `c`.
    pub letter: char,
    /// File format.
    pub format: Format,
}

impl Variant {
    /// The twelve, in the order of the operation.
    pub fn all() -> Vec<Self> {
        let mut out = Vec::new();
        for format in [Format::Pe, Format::Elf] {
            for build in [1, 2] {
                out.extend(['a', 'b', 'c'].map(|letter| Self { build, letter, format }));
            }
        }
        out
    }
    /// Build and letter, as groups are named (`1a`).
    pub fn group(&self) -> String {
        format!("{}{}", self.build, self.letter)
    }
    /// The configuration that a sample of this variant carries under a seed. An unknown letter or build has the
    /// configuration of `1a`.
    pub fn configuration(&self, seed: u64) -> Configuration {
        let name = self.group();
        let group = GROUPS.iter().find(|g| g.name == name).unwrap_or_else(|| at(&GROUPS, 0));
        Configuration {
            family: crate::channels::FAMILY.into(),
            campaign: crate::channels::CAMPAIGN.into(),
            variant: name,
            domains: group.domains().map(|d| d.name.to_owned()).collect(),
            addresses: group.addresses().map(|a| a.key()).collect(),
            dga: group.dga.then(|| dga_spec(seed)),
        }
    }
}

/// The bytes of one of the operation's samples under a seed.
pub fn sample(variant: Variant, seed: u64) -> Result<Vec<u8>, ExerciseError> {
    let configuration = variant.configuration(seed);
    match variant.format {
        Format::Pe => pe(variant.build, Some(&configuration), seed),
        Format::Elf => elf(variant.build, Some(&configuration), seed),
    }
}

/// A configuration blob: `HLC1`, key, length (u32 LE), ciphertext, SHA-256 of the plaintext. At most 65,536 bytes of
/// plaintext (CMT-1307).
pub fn blob(configuration: &Configuration, key: [u8; 16]) -> Result<Vec<u8>, ExerciseError> {
    let plain = serde_json::to_vec(configuration).map_err(ExerciseError::Json)?;
    let length = u32::try_from(plain.len()).ok().filter(|&n| n <= 65_536);
    let length = length
        .ok_or_else(|| ExerciseError::Sample(format!("its configuration has {} bytes", plain.len())))?;
    let mut out = b"HLC1".to_vec();
    out.extend_from_slice(&key);
    out.extend_from_slice(&length.to_le_bytes());
    for (i, (byte, k)) in plain.iter().zip(key.iter().cycle()).enumerate() {
        out.push(byte ^ k ^ u8::try_from(i & 0xff).unwrap_or(0));
    }
    out.extend_from_slice(&Sha256::digest(&plain));
    Ok(out)
}

/// A harmless file of the same formats, without a configuration: 0 and 1 are plain, 2 holds the blob's first four
/// bytes and no blob.
pub fn decoy(number: u8, seed: u64) -> Result<(Format, Vec<u8>), ExerciseError> {
    let seed = seed ^ (0x0dec_0000 + u64::from(number));
    Ok(match number {
        1 => (Format::Elf, elf(3, None, seed)?),
        2 => {
            let mut bytes = pe(4, None, seed)?;
            bytes.extend_from_slice(b"HLC1");
            bytes.extend(Dice::new(key(seed, "decoy"), 2, 0).bytes(300));
            (Format::Pe, bytes)
        }
        _ => (Format::Pe, pe(3, None, seed)?),
    })
}

/// What a build looks like inside.
struct Contents {
    text: Vec<u8>,
    rodata: Vec<u8>,
    data: Vec<u8>,
}

const WORDS: &[&str] = &[
    "lantern", "harbour", "session", "retry", "timeout", "buffer", "window", "handle", "config", "queue",
    "signal", "mirror", "anchor", "locale", "registry", "thread", "module", "status", "update", "service",
    "cursor", "packet", "header", "channel", "device", "volume", "profile", "printer", "folder", "network",
];

/// Text and numbers that a compiler would leave in a file: most of it the build's own, some of it the sample's.
fn contents(build: u8, configuration: Option<&Configuration>, seed: u64) -> Result<Contents, ExerciseError> {
    let mut own = Dice::new(key(0, "build"), u64::from(build), 0);
    let letter = configuration.map_or("-", |c| c.variant.as_str());
    let mut this = Dice::new(key(seed, "sample"), u64::from(build), letter.bytes().map(u64::from).sum());
    let mut text = Vec::new();
    for _ in 0..own.between(180, 240) {
        text.push(0xc3);
        let padding = usize::try_from(own.between(3, 5) * 4 - 1).unwrap_or(15);
        text.resize(text.len() + padding, 0xcc);
    }
    let mut rodata = format!("build {build} of 2026, text only\0").into_bytes();
    for _ in 0..700 {
        let (a, b, n) = (own.pick(WORDS), own.pick(WORDS), own.below(900));
        rodata.extend_from_slice(format!("{a}_{b}: {n} failed\0").as_bytes());
    }
    for _ in 0..40 {
        let (a, n) = (this.pick(WORDS), this.below(90));
        rodata.extend_from_slice(format!("{letter}{a}{n}\0").as_bytes());
    }
    if let Some(configuration) = configuration {
        rodata.resize(rodata.len().next_multiple_of(16), 0);
        let mut cipher_key = [0; 16];
        for (to, from) in cipher_key.iter_mut().zip(this.bytes(16)) {
            *to = from;
        }
        rodata.extend(blob(configuration, cipher_key)?);
    }
    let data = own.bytes(1_200);
    Ok(Contents { text, rodata, data })
}

fn small(len: usize) -> Result<u32, ExerciseError> {
    u32::try_from(len).map_err(|_| ExerciseError::Sample(format!("a section of {len} bytes")))
}

/// Names that an import table lists. Nothing calls them.
const IMPORTS: [(&str, &[&str]); 2] = [
    ("KERNEL32.dll", &["ExitProcess", "GetComputerNameW", "GetLastError", "GetTickCount", "Sleep"]),
    ("WS2_32.dll", &["WSAStartup", "closesocket", "getaddrinfo"]),
];

/// An import section (PE format, section 6.4) for a section at `base`.
fn import_table(base: u32, wide: bool) -> Vec<u8> {
    let slot: u32 = if wide { 8 } else { 4 };
    let count = |names: &[&str]| u32::try_from(names.len()).unwrap_or(0) + 1;
    let directory = 20 * (u32::try_from(IMPORTS.len()).unwrap_or(0) + 1);
    let slots: u32 = IMPORTS.iter().map(|(_, names)| count(names) * slot).sum();
    let strings_at = directory + 2 * slots;
    let (mut strings, mut table, mut lookup) = (Vec::new(), Vec::new(), Vec::new());
    let offset = |strings: &Vec<u8>| base + strings_at + u32::try_from(strings.len()).unwrap_or(0);
    let mut at_slot = 0;
    for (library, names) in IMPORTS {
        let name = offset(&strings);
        strings.extend_from_slice(library.as_bytes());
        strings.resize((strings.len() + 1).next_multiple_of(2), 0);
        for function in names {
            let hint = offset(&strings);
            strings.extend_from_slice(&[0, 0]);
            strings.extend_from_slice(function.as_bytes());
            strings.resize((strings.len() + 1).next_multiple_of(2), 0);
            lookup.extend_from_slice(&hint.to_le_bytes());
            lookup.resize(lookup.len() + if wide { 4 } else { 0 }, 0);
        }
        lookup.resize(lookup.len() + if wide { 8 } else { 4 }, 0);
        let (original, first) = (base + directory + at_slot, base + directory + slots + at_slot);
        for field in [original, 0, 0, name, first] {
            table.extend_from_slice(&field.to_le_bytes());
        }
        at_slot += count(names) * slot;
    }
    table.resize(table.len() + 20, 0);
    [table, lookup.clone(), lookup, strings].concat()
}

/// A PE file: build 1 has 32 bits, the others 64; with a configuration blob if one is given.
pub fn pe(build: u8, configuration: Option<&Configuration>, seed: u64) -> Result<Vec<u8>, ExerciseError> {
    let contents = contents(build, configuration, seed)?;
    let wide = build != 1;
    let failed = |e: write::Error| ExerciseError::Sample(e.to_string());
    let mut out = Vec::new();
    let mut writer = write::pe::Writer::new(wide, 0x1000, 0x200, &mut out);
    writer.reserve_dos_header_and_stub();
    writer.reserve_nt_headers(coff::IMAGE_NUMBEROF_DIRECTORY_ENTRIES);
    writer.reserve_section_headers(4);
    let text = writer.reserve_text_section(small(contents.text.len())?);
    let rdata = writer.reserve_rdata_section(small(contents.rodata.len())?);
    let data = writer.reserve_data_section(small(contents.data.len() * 2)?, small(contents.data.len())?);
    let imports = import_table(writer.virtual_len(), wide);
    let idata = writer.reserve_idata_section(small(imports.len())?);
    writer.write_dos_header_and_stub().map_err(failed)?;
    writer.write_nt_headers(nt_headers(build, wide, text.virtual_address));
    writer.write_section_headers();
    writer.write_section(text.file_offset, &contents.text);
    writer.write_section(rdata.file_offset, &contents.rodata);
    writer.write_section(data.file_offset, &contents.data);
    writer.write_section(idata.file_offset, &imports);
    Ok(out)
}

fn nt_headers(build: u8, wide: bool, entry: u32) -> write::pe::NtHeaders {
    let (machine, image_base, bits) = if wide {
        (coff::IMAGE_FILE_MACHINE_AMD64, 0x1_4000_0000, coff::IMAGE_FILE_LARGE_ADDRESS_AWARE)
    } else {
        (coff::IMAGE_FILE_MACHINE_I386, 0x40_0000, coff::IMAGE_FILE_32BIT_MACHINE)
    };
    write::pe::NtHeaders {
        machine,
        // 2026-02-01 and the days after it, by build.
        time_date_stamp: 1_769_904_000 + u32::from(build) * 86_400,
        characteristics: coff::IMAGE_FILE_EXECUTABLE_IMAGE | coff::IMAGE_FILE_RELOCS_STRIPPED | bits,
        major_linker_version: 14,
        minor_linker_version: build,
        address_of_entry_point: entry,
        image_base,
        major_operating_system_version: 6,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 6,
        minor_subsystem_version: 0,
        subsystem: coff::IMAGE_SUBSYSTEM_WINDOWS_GUI,
        dll_characteristics: coff::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        size_of_stack_reserve: 0x10_0000,
        size_of_stack_commit: 0x1000,
        size_of_heap_reserve: 0x10_0000,
        size_of_heap_commit: 0x1000,
    }
}

/// A static ELF file: build 1 has 32 bits, the others 64; with a configuration blob if one is given.
pub fn elf(build: u8, configuration: Option<&Configuration>, seed: u64) -> Result<Vec<u8>, ExerciseError> {
    let contents = contents(build, configuration, seed)?;
    let wide = build != 1;
    let failed = |e: write::Error| ExerciseError::Sample(e.to_string());
    let (machine, base) = if wide { (elf::EM_X86_64, 0x40_0000) } else { (elf::EM_386, 0x804_8000) };
    let mut out = Vec::new();
    let mut writer = write::elf::Writer::new(object::Endianness::Little, wide, &mut out);
    let parts = [
        (".text", elf::SHF_ALLOC | elf::SHF_EXECINSTR, elf::PF_R | elf::PF_X, &contents.text),
        (".rodata", elf::SHF_ALLOC, elf::PF_R, &contents.rodata),
        (".data", elf::SHF_ALLOC | elf::SHF_WRITE, elf::PF_R | elf::PF_W, &contents.data),
    ];
    writer.reserve_file_header();
    writer.reserve_program_headers(small(parts.len())?);
    let mut laid = Vec::new();
    for (i, (name, flags, access, bytes)) in parts.into_iter().enumerate() {
        let index = writer.reserve_section_index();
        let id = writer.add_section_name(name.as_bytes());
        let offset = writer.reserve(bytes.len(), 16);
        // Each part on pages of its own, congruent with its place in the file (ELF, "Program Loading").
        let address = base + 0x1_0000 * i as u64 + offset as u64;
        laid.push((id, flags, access, bytes, offset as u64, address, index));
    }
    let start = writer.add_string(b"_start");
    writer.reserve_null_symbol_index();
    writer.reserve_symbol_index(laid.first().map(|part| part.6));
    writer.reserve_symtab_section_index();
    writer.reserve_strtab_section_index();
    writer.reserve_shstrtab_section_index();
    writer.reserve_symtab();
    writer.reserve_strtab();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();

    let entry = laid.first().map_or(base, |part| part.5);
    writer
        .write_file_header(&write::elf::FileHeader {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_type: elf::ET_EXEC,
            e_machine: machine,
            e_entry: entry,
            e_flags: 0,
        })
        .map_err(failed)?;
    writer.write_align_program_headers();
    for (_, _, access, bytes, offset, address, _) in &laid {
        writer.write_program_header(&write::elf::ProgramHeader {
            p_type: elf::PT_LOAD,
            p_flags: *access,
            p_offset: *offset,
            p_vaddr: *address,
            p_paddr: *address,
            p_filesz: bytes.len() as u64,
            p_memsz: bytes.len() as u64,
            p_align: 0x1000,
        });
    }
    for (_, _, _, bytes, _, _, _) in &laid {
        writer.write_align(16);
        writer.write(bytes);
    }
    writer.write_null_symbol();
    writer.write_symbol(&write::elf::Sym {
        name: Some(start),
        section: laid.first().map(|part| part.6),
        st_info: (elf::STB_GLOBAL << 4) | elf::STT_FUNC,
        st_other: 0,
        st_shndx: 0,
        st_value: entry,
        st_size: 1,
    });
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    for (id, flags, _, bytes, offset, address, _) in &laid {
        writer.write_section_header(&write::elf::SectionHeader {
            name: Some(*id),
            sh_type: elf::SHT_PROGBITS,
            sh_flags: u64::from(*flags),
            sh_addr: *address,
            sh_offset: *offset,
            sh_size: bytes.len() as u64,
            sh_link: 0,
            sh_info: 0,
            sh_addralign: 16,
            sh_entsize: 0,
        });
    }
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    Ok(out)
}
