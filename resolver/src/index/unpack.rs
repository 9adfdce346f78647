//! Unpacking of source archives, so that nothing lands outside of the folder and nothing odd lands in it.
//!
//! The rules are those of Python's data filter (PEP 706), a little stricter: no absolute names, no `..`, no devices,
//! no links that lead out. Links are made last, when every name they can meet is known.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bzip2::bufread::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use fs_err as fs;
use tar::EntryType;

use super::IndexError;
use super::wheel::file_name;

/// More than any source archive holds; guards the disk.
const LARGEST_TREE: u64 = 8 << 30;
const LARGEST_MEMBER_IN_MEMORY: u64 = 64 << 20;

/// An archive that can be read from its beginning.
enum Opened {
    Zip(io::BufReader<fs::File>),
    /// A tar, unpacked while it is read.
    Tar(Box<dyn Read>),
}

/// What becomes of links between the members of an archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Links {
    /// Files are copied: what is built from them must not change what they lead to.
    Copied,
    /// They stay what they are.
    Kept,
}

/// Unpacks an sdist into an empty folder and returns the folder of the project within. Blocks.
///
/// # Errors
/// When it can't be read, or holds what must not be unpacked.
pub fn unpack(archive: &Path, into: &Path) -> Result<PathBuf, IndexError> {
    unpack_as(archive, into, Links::Copied)
}

/// Unpacks what will be used as it is, a Python say, into an empty folder and returns the only folder within. Symbolic
/// links stay such, so that it can be moved. Blocks.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_installation(archive: &Path, into: &Path) -> Result<PathBuf, IndexError> {
    unpack_as(archive, into, Links::Kept)
}

fn unpack_as(archive: &Path, into: &Path, links: Links) -> Result<PathBuf, IndexError> {
    let file = file_name(archive);
    match open(archive)? {
        Opened::Zip(opened) => unpack_zip(opened, into),
        Opened::Tar(opened) => unpack_tar(opened, into, links),
    }
    .map_err(|error| IndexError::archive(&file, error.to_string()))?;
    project_folder(into, &file)
        .map_err(|error| IndexError::file(format!("`{file}` can't be unpacked"), error))
}

/// The contents of all members that `wanted` says yes to, by name. Blocks.
///
/// # Errors
/// When the archive can't be read.
pub(super) fn members(
    archive: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Vec<u8>)>, IndexError> {
    let found = match open(archive)? {
        Opened::Zip(opened) => zip_members(opened, wanted),
        Opened::Tar(opened) => tar_members(opened, wanted),
    };
    found.map_err(|error| IndexError::archive(file_name(archive), error.to_string()))
}

fn open(archive: &Path) -> Result<Opened, IndexError> {
    let name = file_name(archive);
    let unreadable = |error| IndexError::file(format!("`{name}` can't be read"), error);
    let read = || -> io::Result<(fs::File, [u8; 6])> {
        let mut file = fs::File::open(archive)?;
        let mut magic = [0; 6];
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(6).read_to_end(&mut head)?;
        magic[..head.len()].copy_from_slice(&head);
        file.seek(SeekFrom::Start(0))?;
        Ok((file, magic))
    };
    let (file, magic) = read().map_err(unreadable)?;
    let file = io::BufReader::new(file);
    let unpacked: Box<dyn Read> = match magic {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return Ok(Opened::Zip(file)),
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file)),
        [b'B', b'Z', b'h', ..] => Box::new(MultiBzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(zstd::Decoder::with_buffer(file).map_err(unreadable)?)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0] => return Err(unsupported(&name, "xz")),
        [0x1f, 0x9d, ..] => return Err(unsupported(&name, "compress")),
        _ => Box::new(file),
    };
    Ok(Opened::Tar(unpacked))
}

fn unsupported(file: &str, method: &str) -> IndexError {
    IndexError::archive(
        file,
        format!("archives packed with {method} are not supported"),
    )
}

fn unpack_tar(reader: impl Read, into: &Path, treatment: Links) -> io::Result<()> {
    let mut links = Vec::new();
    let mut budget = LARGEST_TREE;
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        let place = into.join(inside(&entry.path()?)?);
        match kind {
            EntryType::Directory => fs::create_dir_all(&place)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                budget = spend(budget, entry.size())?;
                let is_executable = entry.header().mode()? & 0o100 != 0;
                write_file(&place, &mut entry, is_executable)?;
            }
            EntryType::Symlink | EntryType::Link => links.push(Link::read(&entry, place, into)?),
            _ => {
                return Err(refused(
                    &entry.path()?,
                    "is neither a file, a folder nor a link",
                ));
            }
        }
    }
    // What follows the last member is read too, so that a wrong checksum at the end is noticed.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    links.iter().try_for_each(|link| match treatment {
        Links::Copied => link.make(into),
        Links::Kept => link.make_as_it_is(into),
    })
}

fn unpack_zip(reader: io::BufReader<fs::File>, into: &Path) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(reader)?;
    let mut budget = LARGEST_TREE;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index)?;
        let place = into.join(inside(Path::new(&*member.name()?))?);
        if member.is_dir() {
            fs::create_dir_all(&place)?;
            continue;
        }
        budget = spend(budget, member.size())?;
        let is_executable = member.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
        let size = member.size();
        write_file(
            &place,
            &mut Read::by_ref(&mut member).take(size),
            is_executable,
        )?;
    }
    Ok(())
}

fn tar_members(
    reader: impl Read,
    wanted: impl Fn(&str) -> bool,
) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if wanted(&name) && entry.header().entry_type().is_file() {
            found.push((name, read_limited(entry)?));
        }
    }
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(found)
}

fn zip_members(
    reader: io::BufReader<fs::File>,
    wanted: impl Fn(&str) -> bool,
) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut archive = zip::ZipArchive::new(reader)?;
    let names = archive.file_names().filter_map(Result::ok);
    let names: Vec<String> = names.map(Cow::into_owned).collect();
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| wanted(name)) {
        let content = read_limited(archive.by_name(&name)?)?;
        found.push((name, content));
    }
    Ok(found)
}

fn read_limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader
        .take(LARGEST_MEMBER_IN_MEMORY)
        .read_to_end(&mut content)?;
    Ok(content)
}

fn spend(budget: u64, size: u64) -> io::Result<u64> {
    budget
        .checked_sub(size)
        .ok_or_else(|| io::Error::other(format!("it unpacks to more than {LARGEST_TREE} bytes")))
}

/// The member's path without `.` parts, if it stays inside.
fn inside(path: &Path) -> io::Result<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            _ => return Err(refused(path, "leads out of the archive")),
        }
    }
    Ok(clean)
}

fn refused(path: &Path, reason: &str) -> io::Error {
    io::Error::other(format!("its member `{}` {reason}", path.display()))
}

/// Poetry (tar): a member that comes twice counts as it is the last time.
fn write_file(place: &Path, content: &mut impl Read, is_executable: bool) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(place)?;
    io::copy(content, &mut file)?;
    #[cfg(unix)]
    if is_executable {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(place, std::fs::Permissions::from_mode(0o755))?;
    }
    #[cfg(not(unix))]
    let _ = is_executable;
    Ok(())
}

/// A link to make when all files are there.
struct Link {
    place: PathBuf,
    target: PathBuf,
    /// What a symbolic link says.
    text: Option<PathBuf>,
}

impl Link {
    fn read(entry: &tar::Entry<'_, impl Read>, place: PathBuf, root: &Path) -> io::Result<Self> {
        let path = entry.path()?.into_owned();
        let name = entry
            .link_name()?
            .ok_or_else(|| refused(&path, "is a link to nothing"))?;
        // A hard link counts from the archive's top, a symbolic one from where it lies.
        let is_hard = entry.header().entry_type() == EntryType::Link;
        let from = match is_hard {
            true => root,
            false => place.parent().unwrap_or(root),
        };
        let target = normal(from, &name, root)
            .ok_or_else(|| refused(&path, "is a link that leads out of the archive"))?;
        Ok(Self {
            place,
            target,
            text: (!is_hard).then(|| name.into_owned()),
        })
    }

    /// A symbolic link to what is in the archive, as it says; of a hard link there is a copy.
    fn make_as_it_is(&self, root: &Path) -> io::Result<()> {
        #[cfg(unix)]
        if let Some(text) = &self.text {
            // Links that lie on the way could lead elsewhere than their names say.
            if let Some(folder) = self.place.parent() {
                fs::create_dir_all(folder)?;
                if !fs::canonicalize(folder)?.starts_with(fs::canonicalize(root)?) {
                    return Err(refused(
                        &self.place,
                        "is a link that leads out of the archive",
                    ));
                }
            }
            return match self.place.symlink_metadata() {
                Ok(_) => Ok(()),
                Err(_) => fs::os::unix::fs::symlink(text, &self.place),
            };
        }
        self.make(root)
    }

    /// Files are copied, folders linked; a link to what is not there is left out.
    fn make(&self, root: &Path) -> io::Result<()> {
        let Ok(target) = fs::canonicalize(&self.target) else {
            return Ok(());
        };
        if let Some(folder) = self.place.parent() {
            fs::create_dir_all(folder)?;
            let is_inside = |path: &Path, root: &Path| path.starts_with(root);
            let root = fs::canonicalize(root)?;
            if !is_inside(&target, &root) || !is_inside(&fs::canonicalize(folder)?, &root) {
                return Err(refused(
                    &self.place,
                    "is a link that leads out of the archive",
                ));
            }
        }
        if self.place.symlink_metadata().is_ok() {
            return Ok(());
        }
        if target.is_file() {
            fs::copy(&target, &self.place)?;
            return Ok(());
        }
        #[cfg(unix)]
        fs::os::unix::fs::symlink(&target, &self.place)?;
        Ok(())
    }
}

/// `from` joined with `name`, without `.` and `..`, if it stays below `root`.
fn normal(from: &Path, name: &Path, root: &Path) -> Option<PathBuf> {
    let mut path = from.to_owned();
    for component in name.components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
                if !path.starts_with(root) {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some(path)
}

/// Poetry: the only folder at the top, else the folder named like the archive, else the top itself.
fn project_folder(into: &Path, file: &str) -> io::Result<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(into)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    if let [only] = &entries[..]
        && only.is_dir()
    {
        return Ok(only.clone());
    }
    let endings = crate::dist::SDIST_ENDINGS.iter();
    let named = endings
        .filter_map(|ending| file.strip_suffix(ending))
        .next();
    let folder = into.join(named.unwrap_or(file));
    Ok(if folder.is_dir() {
        folder
    } else {
        into.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{members, unpack};

    /// A gzipped tar of (name, type, content or link target).
    fn archive(folder: &Path, entries: &[(&str, tar::EntryType, &str)]) -> std::path::PathBuf {
        let path = folder.join("a-1.0.tar.gz");
        let file = std::fs::File::create(&path).unwrap();
        let packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let mut builder = tar::Builder::new(packed);
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            // The library refuses to write such names through its safe door.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            let data = match kind {
                tar::EntryType::Regular => content.as_bytes(),
                _ => {
                    let link = &mut header.as_gnu_mut().unwrap().linkname;
                    link[..content.len()].copy_from_slice(content.as_bytes());
                    b""
                }
            };
            header.set_size(data.len() as u64);
            header.set_cksum();
            builder.append(&header, data).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        path
    }

    use tar::EntryType::{Char, Fifo, Link, Regular, Symlink};

    #[test]
    fn members_and_links_inside_are_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(
            folder.path(),
            &[
                ("./a-1.0/x.py", Regular, "first"),
                ("a-1.0/x.py", Regular, "second"),
                ("a-1.0/soft.py", Symlink, "x.py"),
                ("a-1.0/hard.py", Link, "a-1.0/x.py"),
                ("a-1.0/none.py", Symlink, "nowhere"),
            ],
        );
        let into = folder.path().join("into");
        std::fs::create_dir(&into).unwrap();
        let root = unpack(&path, &into).unwrap();
        assert_eq!(root, into.join("a-1.0"));
        for name in ["x.py", "soft.py", "hard.py"] {
            assert_eq!(std::fs::read_to_string(root.join(name)).unwrap(), "second");
        }
        assert!(!root.join("none.py").exists());
        let found = members(&path, |name| name.ends_with("x.py")).unwrap();
        assert_eq!(found.len(), 2);
    }

    #[test]
    #[cfg(unix)]
    fn links_of_an_installation_stay_links() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(
            folder.path(),
            &[
                ("python/bin/python3", Symlink, "python3.13"),
                ("python/lib/lib64", Symlink, "../lib"),
                ("python/bin/python3.13", Regular, "first"),
                ("python/bin/hard", Link, "python/bin/python3.13"),
            ],
        );
        let into = folder.path().join("into");
        std::fs::create_dir(&into).unwrap();
        let root = super::unpack_installation(&path, &into).unwrap();
        let moved = folder.path().join("moved");
        std::fs::rename(&root, &moved).unwrap();
        let link = std::fs::read_link(moved.join("bin/python3")).unwrap();
        assert_eq!(link, Path::new("python3.13"));
        for name in ["bin/python3", "bin/hard", "lib/lib64/../bin/python3"] {
            assert_eq!(std::fs::read_to_string(moved.join(name)).unwrap(), "first");
        }
    }

    #[test]
    fn what_leads_out_is_refused() {
        for entries in [
            &[("../evil", Regular, "x")][..],
            &[("a/../../evil", Regular, "x")],
            &[("/evil", Regular, "x")],
            &[("a/l", Symlink, "/etc")],
            &[("a/l", Symlink, "../../..")],
            &[("a/l", Link, "/etc/passwd")],
            &[("a/l", Link, "../evil")],
            &[("a/null", Char, "")],
            &[("a/pipe", Fifo, "")],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = archive(folder.path(), entries);
            let into = folder.path().join("deep/into");
            std::fs::create_dir_all(&into).unwrap();
            assert!(unpack(&path, &into).is_err(), "{entries:?}");
            std::fs::remove_dir_all(&into).unwrap();
            std::fs::create_dir(&into).unwrap();
            let result = super::unpack_installation(&path, &into);
            assert!(result.is_err(), "{entries:?}");
            assert!(!folder.path().join("evil").exists());
            assert!(!folder.path().join("deep/evil").exists());
        }
    }

    #[test]
    fn archives_are_packed_in_many_ways() {
        use std::io::{Read as _, Write as _};
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("a/x", Regular, "text")]);
        let mut tar = Vec::new();
        let packed = std::fs::File::open(&path).unwrap();
        super::MultiGzDecoder::new(packed)
            .read_to_end(&mut tar)
            .unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&tar).unwrap();
        let zstd = zstd::encode_all(&*tar, 1).unwrap();
        for (name, bytes) in [("a.tar.bz2", bzip2.finish().unwrap()), ("a.tar.zst", zstd)] {
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            let into = folder.path().join(format!("into-{name}"));
            std::fs::create_dir(&into).unwrap();
            let root = unpack(&path, &into).unwrap();
            assert_eq!(std::fs::read_to_string(root.join("x")).unwrap(), "text");
            let found = members(&path, |_| true).unwrap();
            assert_eq!(found, [("a/x".to_owned(), b"text".to_vec())], "{name}");
            // One that is cut off is no shorter archive.
            std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            std::fs::remove_dir_all(&into).unwrap();
            std::fs::create_dir(&into).unwrap();
            assert!(unpack(&path, &into).is_err(), "{name}");
        }
    }

    #[test]
    fn a_wrong_checksum_at_the_end_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("a/x", Regular, "x")]);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - 5;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let into = folder.path().join("into");
        std::fs::create_dir(&into).unwrap();
        assert!(unpack(&path, &into).is_err());
        assert!(members(&path, |_| true).is_err());
    }
}
