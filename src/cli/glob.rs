//! Names of files with `*`, `?` and `**`: which files they stand for, in the order of their names.

use std::path::{Path, PathBuf};

/// More files than this are not meant.
const MOST_FILES: usize = 10_000;
/// Directories inside each other that `**` goes down.
const DEEPEST: usize = 32;

/// The files of a pattern below a directory, or why they cannot be told. A pattern without signs is the name of one file.
pub(super) fn files(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let root = if pattern.starts_with('/') { PathBuf::from("/") } else { directory.to_path_buf() };
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let mut found = Vec::new();
    walk(&root, &parts, 0, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn walk(at: &Path, parts: &[&str], depth: usize, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let Some((first, rest)) = parts.split_first() else {
        if at.is_file() {
            found.push(at.to_path_buf());
        }
        return match found.len() > MOST_FILES {
            true => Err(format!("it stands for more than {MOST_FILES} files")),
            false => Ok(()),
        };
    };
    if *first == "**" {
        walk(at, rest, depth, found)?;
        for directory in entries(at)?.into_iter().filter(|path| path.is_dir() && !path.is_symlink() && depth < DEEPEST) {
            walk(&directory, parts, depth + 1, found)?;
        }
        return Ok(());
    }
    if !first.contains(['*', '?']) {
        return walk(&at.join(first), rest, depth, found);
    }
    for path in entries(at)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if (!name.starts_with('.') || first.starts_with('.')) && fits(first, &name) {
            walk(&path, rest, depth, found)?;
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let path = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let why = |error: std::io::Error| format!("cannot read the directory `{}`: {error}", path.display());
    let list = std::fs::read_dir(path).map_err(why)?;
    let inside = |entry: std::io::Result<std::fs::DirEntry>| entry.map(|entry| directory.join(entry.file_name())).map_err(why);
    let mut entries: Vec<PathBuf> = list.map(inside).collect::<Result<_, _>>()?;
    entries.sort();
    Ok(entries)
}

/// Whether a name is one that the pattern stands for; goes back to the last `*` only, so the time is bounded.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, is) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("*", "anything", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?.yaml", "a.yaml", true),
            ("?.yaml", "ab.yaml", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), is, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_find_files_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["istio/b.yaml", "istio/a.yaml", "istio/x/c.yaml", "istio/x/y/d.yaml", "istio/.e.yaml", "istio/f.txt"] {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = files(directory.path(), pattern).unwrap();
            found.iter().map(|path| path.strip_prefix(directory.path()).unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("istio/*.yaml"), ["istio/a.yaml", "istio/b.yaml"]);
        assert_eq!(names("istio/**/*.yaml"), ["istio/a.yaml", "istio/b.yaml", "istio/x/c.yaml", "istio/x/y/d.yaml"]);
        assert_eq!(names("./istio/f.txt"), ["istio/f.txt"]);
        assert_eq!(names("none/*.yaml"), [""; 0]);
        assert_eq!(names("istio"), [""; 0]);
    }
}
