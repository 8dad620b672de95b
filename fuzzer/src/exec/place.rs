//! The file systems that a work directory may lie on, and how it is made there.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, chown};

use super::disk;
use super::layout::{Control, WORK_DIRECTORY};

/// A kind of file system that the sandbox's work directory may lie on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileSystem {
    /// Memory.
    #[default]
    Tmpfs,
    /// Two layers of tmpfs, the lower one empty.
    Overlayfs,
    /// ext4 on a loop device.
    Ext4,
    /// XFS on a loop device.
    Xfs,
    /// Btrfs on a loop device.
    Btrfs,
}

impl FileSystem {
    /// All of them; the first is the one that every machine has.
    pub const ALL: [Self; 5] = [Self::Tmpfs, Self::Overlayfs, Self::Ext4, Self::Xfs, Self::Btrfs];

    /// The name that specifications give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tmpfs => "tmpfs",
            Self::Overlayfs => "overlayfs",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// The file system of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether it lies on a disk of its own, which only the host's root can mount.
    pub fn needs_disk(self) -> bool {
        match self {
            Self::Tmpfs | Self::Overlayfs => false,
            Self::Ext4 | Self::Xfs | Self::Btrfs => true,
        }
    }
}

/// Where an image is mounted until the sandbox's own tree takes it over: a directory that every machine has.
const WAITING: [&str; 4] = ["/mnt", "/media", "/srv", "/opt"];

/// The file system that the control record asks for.
pub(super) fn wanted(control: &Control) -> FileSystem {
    FileSystem::ALL.get(control.file_system.load(Relaxed) as usize).copied().unwrap_or_default()
}

/// Mounts the image that this process was started with, with the rights that it has before it enters a user namespace.
pub(super) fn mount_early(file_system: FileSystem) -> Result<Option<&'static Path>, Errno> {
    if !file_system.needs_disk() {
        return Ok(None);
    }
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let at = waiting().ok_or(Errno::ENOENT)?;
    disk::mount_image(file_system, at)?;
    Ok(Some(at))
}

/// Where the part before this one mounted the image.
pub(super) fn mounted_early(file_system: FileSystem) -> Option<&'static Path> {
    waiting().filter(|_| file_system.needs_disk())
}

fn waiting() -> Option<&'static Path> {
    WAITING.map(Path::new).into_iter().find(|path| path.is_dir())
}

/// Gives what is mounted there to the user who is the sandbox's user 0.
pub(super) fn give_away(at: &Path) -> Result<(), Errno> {
    for entry in fs::read_dir(at).map_err(errno_of)?.flatten() {
        // What a new file system comes with is root's; without it the files below are all that there are.
        fs::remove_dir(entry.path()).map_err(errno_of)?;
    }
    chown(at, Some(disk::OWNER.into()), Some(disk::OWNER.into()))
}

/// Makes a fresh work directory where the last executor's is still mounted, if there was one.
pub(super) fn fresh(control: &Control) -> Result<(), Errno> {
    let file_system = wanted(control);
    if file_system.needs_disk() {
        return empty(Path::new(WORK_DIRECTORY));
    }
    loop {
        match umount2(WORK_DIRECTORY, MntFlags::MNT_DETACH) {
            Ok(()) => {}
            // Nothing is mounted there any more.
            Err(Errno::EINVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    let options =
        format!("mode=0755,size={},nr_inodes={}", control.work_bytes.load(Relaxed), control.work_inodes.load(Relaxed));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), WORK_DIRECTORY, Some("tmpfs"), flags, Some(options.as_str()))?;
    if file_system == FileSystem::Overlayfs { overlay() } else { Ok(()) }
}

/// Puts an overlay over the tmpfs that holds its layers.
fn overlay() -> Result<(), Errno> {
    let work = Path::new(WORK_DIRECTORY);
    for layer in ["lower", "upper", "work"] {
        fs::create_dir(work.join(layer)).map_err(errno_of)?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    // Layers are named from here, so that their names say nothing about where they are.
    chdir(work)?;
    // In a user namespace the layers' own attributes have to be the user's.
    let layers = |more: &str| {
        let options = format!("lowerdir=lower,upperdir=upper,workdir=work{more}");
        mount(Some("overlay"), work, Some("overlay"), flags, Some(options.as_str()))
    };
    // A kernel too old for the option does without it.
    let mounted = layers(",userxattr").or_else(|_| layers(""));
    chdir("/")?;
    mounted
}

/// Removes everything in a directory, whatever its permissions: the caller has all capabilities over it.
fn empty(directory: &Path) -> Result<(), Errno> {
    for entry in fs::read_dir(directory).map_err(errno_of)? {
        let entry = entry.map_err(errno_of)?;
        let path = entry.path();
        if entry.file_type().map_err(errno_of)?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
            .map_err(errno_of)?;
    }
    nix::sys::stat::fchmodat(
        nix::fcntl::AT_FDCWD,
        directory,
        nix::sys::stat::Mode::from_bits_truncate(0o755),
        nix::sys::stat::FchmodatFlags::FollowSymlink,
    )
}

fn errno_of(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for one in FileSystem::ALL {
            assert_eq!(FileSystem::from_name(one.name()), Some(one));
        }
        assert_eq!(FileSystem::from_name("ext5"), None);
        assert_eq!(FileSystem::ALL[0], FileSystem::default());
    }
}
