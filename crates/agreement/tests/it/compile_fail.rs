//! Nobody outside can make, copy, read or use a [`agreement::Permit`] twice: each file of `tests/compile-fail` is given
//! to the compiler beside the library that this very program was built with, and must be refused for its reason.
//!
//! The first line of a file says what must happen: `//! accept: why` or `//! refuse E0382: why`. Where nothing but the
//! right code counts, a file that fails for another reason (a wrong name, a missing library) is a failure of this test.
//! Only types are checked (`--emit=metadata`), so a file takes as long as it takes to read the libraries.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

struct File {
    name: String,
    path: PathBuf,
    /// The error code; `None` where it must compile.
    refused: Option<String>,
}

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile-fail");
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (what, why) = (text.lines().next().unwrap().strip_prefix("//! "))
            .and_then(|l| l.split_once(": "))
            .unwrap_or_else(|| panic!("{name} does not say what must happen"));
        assert!(why.ends_with('.'), "{name} does not say why");
        let refused = match what.split_once(' ') {
            None if what == "accept" => None,
            Some(("refuse", code)) => Some(code.to_owned()),
            _ => panic!("{name}: {what}"),
        };
        out.push(File { name, path, refused });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// The libraries of a crate that were built beside this program, the newest first.
fn built(deps: &Path, name: &str) -> Vec<PathBuf> {
    let mut out: Vec<_> = std::fs::read_dir(deps)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| {
            let file = p.file_name().unwrap().to_string_lossy();
            file.starts_with(&format!("lib{name}-")) && file.ends_with(".rlib")
        })
        .collect();
    out.sort_by_key(|p| std::cmp::Reverse(std::fs::metadata(p).unwrap().modified().unwrap()));
    out
}

/// The error codes that the compiler gives; whether it accepts the file.
fn compiled(file: &Path, deps: &Path, with: [&Path; 2]) -> (bool, BTreeSet<String>, String) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let [agreement, serde] = with.map(|p| p.display().to_string());
    let out = Command::new(rustc)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--edition=2024", "--crate-type=lib", "--crate-name=tried", "--emit=metadata", "-o", "-"])
        .args(["--extern", &format!("agreement={agreement}"), "--extern", &format!("serde={serde}")])
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let codes = said.lines().filter_map(|l| l.strip_prefix("error[")?.split(']').next());
    (out.status.success(), codes.map(str::to_owned).collect(), said)
}

#[test]
fn a_permit_is_made_by_a_ruling_only_and_used_once() {
    let files = files();
    let (control, refused): (Vec<&File>, Vec<&File>) = files.iter().partition(|f| f.refused.is_none());
    assert!(control.len() == 1 && refused.len() >= 15, "{} files", files.len());
    let program = std::env::current_exe().unwrap();
    let deps = program.parent().unwrap();
    let (agreements, serdes) = (built(deps, "agreement"), built(deps, "serde"));
    // A folder may hold libraries of other builds; those with which the control compiles are this one's, or as good.
    let mut said = String::new();
    let with = agreements.iter().flat_map(|a| serdes.iter().map(move |s| [a.as_path(), s.as_path()]));
    let with = with.into_iter().find(|with| {
        let (accepted, _, why) = compiled(&control[0].path, deps, *with);
        said = why;
        accepted
    });
    let with = with.unwrap_or_else(|| panic!("the control does not compile:\n{said}"));
    let mut wrong = Vec::new();
    for file in refused {
        let (accepted, codes, said) = compiled(&file.path, deps, with);
        let expected = BTreeSet::from([file.refused.clone().unwrap()]);
        if accepted || codes != expected {
            wrong.push(format!("{}: {codes:?}, not {expected:?}\n{said}", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
