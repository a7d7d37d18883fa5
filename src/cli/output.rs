//! Artefacts: each is written beside its place and renamed when it is whole, so that none is ever half there.

use super::{Exit, fail};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A directory for artefacts, opened before the long work.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory, and tries whether it can be written to.
    pub(super) fn open(path: &Path) -> Result<Directory, Exit> {
        let tried = fs::create_dir_all(path).and_then(|()| {
            let probe = path.join(".brownout-probe");
            fs::write(&probe, b"")?;
            fs::remove_file(&probe)
        });
        match tried {
            Ok(()) => Ok(Directory { path: path.to_path_buf() }),
            Err(error) => Err(fail(&format!("cannot write to `{}`: {error}\nhelp: name another directory with `--out`", path.display()))),
        }
    }

    /// Writes one file; a name may have directories in it.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let target = self.path.join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let aside = target.with_extension(format!("{}.part", target.extension().and_then(|e| e.to_str()).unwrap_or("")));
        fs::write(&aside, bytes)?;
        fs::rename(&aside, &target)
    }

    /// Writes every file, even if one fails; tells of each that did.
    pub(super) fn write_all(&self, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Exit {
        let mut exit = Exit::Fine;
        for (name, bytes) in files {
            if let Err(error) = self.write(&name, &bytes) {
                exit = fail(&format!("cannot write `{}`: {error}", self.path.join(&name).display()));
            }
        }
        exit
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
