//! The sandbox a child puts itself in before it reads its first byte.
//!
//! Four layers, each enough against most mishaps: resource limits; no new privileges; Landlock with no rule at all
//! (no file, no TCP port, no signal to others); a seccomp filter that lets only reading, writing, memory and time
//! through and answers EPERM to the rest.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Why a child could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A resource limit was refused.
    #[error("the kernel refused the limit on {0}: {1}")]
    Limit(&'static str, rustix::io::Errno),
    /// The privileges cannot be given up.
    #[error("the kernel does not let privileges be given up: {0}")]
    Privileges(rustix::io::Errno),
    /// Landlock is missing or refused.
    #[error("Landlock: {0}")]
    Landlock(String),
    /// seccomp is missing or refused.
    #[error("seccomp: {0}")]
    Seccomp(String),
}

/// How much a child may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Address space, bytes.
    pub memory: u64,
    /// Processor time, seconds.
    pub cpu: u64,
    /// Whether memory may be made executable: the engine of rules turns their conditions into code of the machine. It is
    /// the child's own code in the child's own cage, as before.
    pub code: bool,
}

impl Limits {
    /// Those of a child that compiles rules and scans many exhibits with them.
    pub fn rules() -> Self {
        Self { cpu: 24 * 3600, code: true, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 3 << 30, cpu: 600, code: false }
    }
}

/// The name and version of this profile, for custody's "how".
pub const PROFILE: &str = "landlock+seccomp+rlimits/1";

/// Never above what the caller is limited to already: a narrower limit of a shell or a service stays.
fn limit(what: &'static str, resource: Resource, value: u64, more: u64) -> Result<(), SandboxError> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let both = Rlimit { current: Some(value.min(most)), maximum: Some(value.saturating_add(more).min(most)) };
    setrlimit(resource, both).map_err(|e| SandboxError::Limit(what, e))
}

fn landlock() -> Result<(), SandboxError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    };
    let wrong = |e: landlock::RulesetError| SandboxError::Landlock(e.to_string());
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .map_err(wrong)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .map_err(wrong)?
        .handle_access(AccessNet::from_all(ABI::V5))
        .map_err(wrong)?
        .create()
        .map_err(wrong)?
        .restrict_self()
        .map_err(wrong)?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(SandboxError::Landlock("the kernel does not enforce it".into()));
    }
    Ok(())
}

/// What a parser needs of the kernel: its two pipes, memory, time and its own end.
const ALLOWED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_fcntl,
    libc::SYS_recvmsg,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_tgkill,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What making code of the machine takes besides.
const FOR_CODE: &[i64] = &[libc::SYS_mprotect, libc::SYS_membarrier];

/// The filter of children without rules: a process that forks them makes it once.
static PREPARED: OnceLock<BpfProgram> = OnceLock::new();

/// Makes what every child's sandbox is made of, for a process that children are forked from.
pub fn prepare() {
    if let Ok(program) = filter(false) {
        let _ = PREPARED.set(program);
    }
}

/// Memory may be mapped, but not as code: the third argument of `mmap` has no `PROT_EXEC`.
fn not_executable() -> Result<SeccompRule, SandboxError> {
    let wrong = |e: seccompiler::BackendError| SandboxError::Seccomp(e.to_string());
    let code = libc::PROT_EXEC.cast_unsigned().into();
    let without = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(code), 0);
    SeccompRule::new(vec![without.map_err(wrong)?]).map_err(wrong)
}

fn filter(code: bool) -> Result<BpfProgram, SandboxError> {
    let wrong = |e: &dyn std::fmt::Display| SandboxError::Seccomp(e.to_string());
    let more: &[i64] = if code { FOR_CODE } else { &[] };
    let mut rules: BTreeMap<i64, Vec<_>> = ALLOWED.iter().chain(more).map(|&n| (n, Vec::new())).collect();
    if !code {
        rules.insert(libc::SYS_mmap, vec![not_executable()?]);
    }
    let arch = std::env::consts::ARCH.try_into().map_err(|e| wrong(&e))?;
    SeccompFilter::new(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow, arch)
        .map_err(|e| wrong(&e))?
        .try_into()
        .map_err(|e: seccompiler::BackendError| wrong(&e))
}

/// Confines the calling process for the rest of its life.
///
/// Errors when any layer is refused: the caller must then not read a hostile byte, unless the home's setting
/// `allow_no_sandbox` says so.
pub fn enter(limits: Limits) -> Result<(), SandboxError> {
    limit("core files", Resource::Core, 0, 0)?;
    limit("file sizes", Resource::Fsize, 0, 0)?;
    limit("processes", Resource::Nproc, 0, 0)?;
    limit("memory", Resource::As, limits.memory, 0)?;
    // The signal of a spent limit comes before the one that could have come from outside.
    limit("processor time", Resource::Cpu, limits.cpu, 5)?;
    rustix::thread::set_no_new_privs(true).map_err(SandboxError::Privileges)?;
    landlock()?;
    let made;
    let program = match PREPARED.get().filter(|_| !limits.code) {
        Some(program) => program,
        None => {
            made = filter(limits.code)?;
            &made
        }
    };
    seccompiler::apply_filter(program).map_err(|e| SandboxError::Seccomp(e.to_string()))
}

/// Tries what the sandbox must forbid; returns what succeeded, in words. Empty is good.
///
/// It harms nobody where it succeeds: signals are of number 0, roots and limits stay what they are.
pub fn escapes() -> Vec<String> {
    let mut out = Vec::new();
    let mut tried = |what: &str, done: bool| {
        if done {
            out.push(what.to_owned());
        }
    };
    outside(&mut tried);
    others(&mut tried);
    own(&mut tried);
    out
}

/// Files and sockets.
fn outside(tried: &mut dyn FnMut(&str, bool)) {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};
    tried("opened a file", std::fs::File::open("/etc/passwd").is_ok());
    tried("listed a folder", std::fs::read_dir("/").is_ok());
    tried("made a file", std::fs::File::create(std::env::temp_dir().join("comity-probe")).is_ok());
    tried("made a socket", std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
    tried("listened", std::net::TcpListener::bind("127.0.0.1:0").is_ok());
    let name = SocketAddr::from_abstract_name(format!("comity-probe-{}", std::process::id()));
    tried("listened on a name", name.and_then(|n| UnixListener::bind_addr(&n)).is_ok());
    tried("changed its root", rustix::process::chroot("/").is_ok());
}

/// Other processes.
fn others(tried: &mut dyn FnMut(&str, bool)) {
    use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
    let first = i32::try_from(std::os::unix::process::parent_id()).ok().and_then(Pid::from_raw);
    let parent = first.unwrap_or(Pid::INIT);
    tried("reached its parent with a signal", test_kill_process(parent).is_ok());
    tried("took hold of its parent", pidfd_open(parent, PidfdFlags::empty()).is_ok());
    tried("started a thread", std::thread::Builder::new().spawn(|| ()).is_ok());
    tried("started a program", std::process::Command::new("/bin/true").spawn().is_ok());
}

/// Whether a page of memory can be mapped that could be run.
#[expect(unsafe_code, reason = "no safe interface maps memory as code; nothing is written to it or run")]
fn maps_code() -> bool {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
    let how = ProtFlags::READ | ProtFlags::EXEC;
    // SAFETY: the kernel chooses a place that nothing uses, nobody gets the address, and it is given back at once.
    unsafe {
        let page = mmap_anonymous(std::ptr::null_mut(), 4096, how, MapFlags::PRIVATE);
        page.is_ok_and(|page| munmap(page, 4096).is_ok())
    }
}

/// Its own memory and limits.
fn own(tried: &mut dyn FnMut(&str, bool)) {
    use rustix::fs::{MemfdFlags, memfd_create};
    tried("took four gigabytes", Vec::<u8>::new().try_reserve_exact(4 << 30).is_ok());
    tried("made a file in memory", memfd_create("comity-probe", MemfdFlags::CLOEXEC).is_ok());
    tried("mapped memory as code", maps_code());
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    tried("set a limit", setrlimit(Resource::Core, none).is_ok());
    // What makes code of rules would make code of anything.
    let set = malware::rules::RuleSet {
        id: terms::ExhibitId::of(b""),
        text: b"rule a { condition: filesize > 9 }".to_vec(),
    };
    tried("made code", malware::rules::compile(&[set]).compiled.is_some());
}
