//! Artefacts: each is written beside its place and renamed when it is whole, so that none is ever half there.

use super::{Exit, fail};
use rayon::prelude::*;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Writes an artefact's bytes, a piece at a time.
type Write<'a> = Box<dyn FnOnce(&mut (dyn io::Write + Send)) -> io::Result<()> + Send + 'a>;

/// A file to be written.
pub(super) struct Artefact<'a> {
    /// Below the directory: `charts/latency.svg`.
    name: String,
    write: Write<'a>,
}

impl<'a> Artefact<'a> {
    pub(super) fn new(
        name: impl Into<String>,
        write: impl FnOnce(&mut (dyn io::Write + Send)) -> io::Result<()> + Send + 'a,
    ) -> Artefact<'a> {
        Artefact { name: name.into(), write: Box::new(write) }
    }

    pub(super) fn of(name: impl Into<String>, bytes: impl FnOnce() -> Vec<u8> + Send + 'a) -> Artefact<'a> {
        Artefact::new(name, |to| to.write_all(&bytes()))
    }
}

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

    /// Writes one file; a name may have directories in it. What cannot be finished leaves nothing behind.
    fn write(&self, name: &str, write: Write<'_>) -> io::Result<()> {
        let target = self.path.join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let aside = target.with_extension(format!("{}.part", target.extension().and_then(|e| e.to_str()).unwrap_or("")));
        let written = fs::File::create(&aside).and_then(|file| {
            let mut to = io::BufWriter::with_capacity(1 << 16, file);
            write(&mut to)?;
            io::Write::flush(&mut to)?;
            fs::rename(&aside, &target)
        });
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written
    }

    /// Writes every file, several at a time, even if one fails; tells of each that did.
    pub(super) fn write_all<'a>(&self, files: Vec<Artefact<'a>>) -> Exit {
        let one = |Artefact { name, write }: Artefact<'a>| {
            // A fault of one exporter must not cost the others' work.
            let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.write(&name, write)))
                .unwrap_or_else(|_| Err(io::Error::other("a defect of brownout; the other files are not affected")));
            written.err().map(|error| format!("cannot write `{}`: {error}", self.path.join(&name).display()))
        };
        let failed: Vec<Option<String>> = files.into_par_iter().map(one).collect();
        let mut exit = Exit::Fine;
        for why in failed.into_iter().flatten() {
            exit = fail(&why);
        }
        exit
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
