//! The file systems that a work directory may lie on, and how it is made there.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{Pid, chdir, chown, geteuid};

use super::layout::{Control, WORK_DIRECTORY};
use super::{disk, fuse};

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
    /// FUSE, with a server of the sandbox's own.
    Fuse,
}

impl FileSystem {
    /// All of them; the first is the one that every machine has.
    pub const ALL: [Self; 6] = [Self::Tmpfs, Self::Overlayfs, Self::Ext4, Self::Xfs, Self::Btrfs, Self::Fuse];

    /// The name that specifications give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tmpfs => "tmpfs",
            Self::Overlayfs => "overlayfs",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Fuse => "fuse",
        }
    }

    /// The file system of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether it lies on a disk of its own, which only the host's root can mount.
    pub fn needs_disk(self) -> bool {
        match self {
            Self::Tmpfs | Self::Overlayfs | Self::Fuse => false,
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

/// What is mounted before the sandbox has a tree of its own, and waits for it.
#[derive(Default)]
pub(super) struct Early {
    /// Where it waits.
    pub(super) at: Option<&'static Path>,
    /// What its server will read from.
    device: Option<OwnedFd>,
}

/// Mounts what only the rights can that this process has before it enters a user namespace: the image that it was started with,
/// and FUSE where they permit it.
pub(super) fn mount_early(file_system: FileSystem) -> Result<Early, Errno> {
    if !file_system.needs_disk() && (file_system != FileSystem::Fuse || !geteuid().is_root()) {
        return Ok(Early::default());
    }
    let at = own_mounts()?;
    let device = if file_system == FileSystem::Fuse {
        Some(fuse::mount_at(at)?)
    } else {
        disk::mount_image(file_system, at)?;
        None
    };
    Ok(Early { at: Some(at), device })
}

/// Starts the server of a file system that has one, which is mounted here if it is not yet.
pub(super) fn serve(early: &mut Early, control: &Control) -> Result<Option<Pid>, Errno> {
    if wanted(control) != FileSystem::Fuse {
        return Ok(None);
    }
    let device = match early.device.take() {
        Some(device) => device,
        None => {
            let at = own_mounts()?;
            early.at = Some(at);
            fuse::mount_at(at)?
        }
    };
    fuse::start(device, control.work_bytes.load(Relaxed), control.work_inodes.load(Relaxed)).map(Some)
}

/// Enters a mount namespace that others do not see into; gives a directory in it to mount something on.
fn own_mounts() -> Result<&'static Path, Errno> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    waiting().ok_or(Errno::ENOENT)
}

/// Where the part before this one mounted something.
pub(super) fn mounted_early(file_system: FileSystem) -> Early {
    let at = waiting().filter(|_| file_system.needs_disk() || file_system == FileSystem::Fuse);
    Early { at, device: None }
}

fn waiting() -> Option<&'static Path> {
    WAITING.map(Path::new).into_iter().find(|path| path.is_dir())
}

/// Gives what is mounted early to the user who is the sandbox's user 0.
pub(super) fn give_away(early: &Early) -> Result<(), Errno> {
    // A server gives its files to whoever makes them.
    let Some(at) = early.at.filter(|_| early.device.is_none()) else { return Ok(()) };
    for entry in fs::read_dir(at).map_err(io)?.flatten() {
        // What a new file system comes with is root's; without it the files below are all that there are.
        fs::remove_dir(entry.path()).map_err(io)?;
    }
    chown(at, Some(disk::OWNER.into()), Some(disk::OWNER.into()))
}

/// Makes a fresh work directory where the last executor's is still mounted, if there was one.
pub(super) fn fresh(control: &Control) -> Result<(), Errno> {
    let file_system = wanted(control);
    if file_system.needs_disk() {
        return empty(Path::new(WORK_DIRECTORY));
    }
    if file_system == FileSystem::Fuse {
        return fuse::lay(Path::new(WORK_DIRECTORY), control.wanted.load(Relaxed));
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
        fs::create_dir(work.join(layer)).map_err(io)?;
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
    for entry in fs::read_dir(directory).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        if entry.file_type().map_err(io)?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
            .map_err(io)?;
    }
    nix::sys::stat::fchmodat(
        nix::fcntl::AT_FDCWD,
        directory,
        nix::sys::stat::Mode::from_bits_truncate(0o755),
        nix::sys::stat::FchmodatFlags::FollowSymlink,
    )
}

fn io(error: std::io::Error) -> Errno {
    errno_of(&error)
}

/// An I/O error's errno.
pub(super) fn errno_of(error: &std::io::Error) -> Errno {
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
