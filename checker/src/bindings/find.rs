//! The crates that lie on this machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the newest version of a crate that `cargo` has unpacked on this machine.
///
/// # Errors
/// When there is none; says where it was looked for.
pub fn find_bindings(name: &str) -> Result<PathBuf, String> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let Some(registry) = home.map(|home| home.join("registry/src")) else {
        return Err("neither CARGO_HOME nor HOME is set".to_owned());
    };
    newest(&registry, name).ok_or_else(|| {
        format!("no sources of the crate `{name}` under {}; name a folder with `--rust`", registry.display())
    })
}

fn newest(registry: &Path, name: &str) -> Option<PathBuf> {
    let folders =
        |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let mut found = Vec::new();
    for source in folders(registry) {
        for folder in folders(&source) {
            let file = folder.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')).and_then(version);
            if let Some(version) = version.filter(|_| folder.join("src/lib.rs").is_file()) {
                found.push((version, folder));
            }
        }
    }
    found.into_iter().max().map(|(_, folder)| folder)
}

/// A released version; what is marked as a trial is not looked at.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split('.').map(str::parse);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Some([major, minor, patch]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_found_by_number() {
        let root = env::temp_dir().join(format!("abispec-registry-{}", std::process::id()));
        for version in ["libc-0.2.99", "libc-0.2.100", "libc-1.0.0-alpha.1", "libc-extra-9.0.0"] {
            fs::create_dir_all(root.join("index").join(version).join("src")).unwrap();
            fs::write(root.join("index").join(version).join("src/lib.rs"), "").unwrap();
        }
        assert_eq!(newest(&root, "libc"), Some(root.join("index/libc-0.2.100")));
        assert_eq!(newest(&root, "other"), None);
        fs::remove_dir_all(root).unwrap();
    }
}
