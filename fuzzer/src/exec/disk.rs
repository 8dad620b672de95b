//! File systems on disks that are nothing but memory: an image that a `mkfs` fills, on a loop device that goes away with the
//! last mount of it.
#![expect(unsafe_code, reason = "control requests of loop devices")]

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::unistd::dup2_stderr;

use super::place::FileSystem;
use super::sys;

/// Where the sandbox process has the image when it starts.
pub(super) const IMAGE_FD: i32 = 2;

/// The user of the host that owns what is on an image, who is the sandbox's user 0.
pub(super) const OWNER: u32 = 65534;

struct Maker {
    program: &'static str,
    args: &'static [&'static str],
    mebibytes: u64,
}

/// Images are as small as the programs permit; what is not written takes no memory.
fn maker(file_system: FileSystem) -> Option<Maker> {
    match file_system {
        FileSystem::Tmpfs | FileSystem::Overlayfs | FileSystem::Fuse => None,
        FileSystem::Ext4 => Some(Maker {
            program: "mkfs.ext4",
            args: &["-q", "-F", "-b", "4096", "-N", "2048", "-J", "size=4", "-E", "nodiscard"],
            mebibytes: 48,
        }),
        FileSystem::Xfs => Some(Maker { program: "mkfs.xfs", args: &["-q", "-f", "-K"], mebibytes: 320 }),
        FileSystem::Btrfs => {
            Some(Maker { program: "mkfs.btrfs", args: &["-q", "-f", "-K", "-M", "-m", "single"], mebibytes: 128 })
        }
    }
}

/// Makes the image of a file system that needs one.
pub(super) fn image(file_system: FileSystem) -> Result<Option<OwnedFd>, String> {
    let Some(maker) = maker(file_system) else { return Ok(None) };
    let program = find(maker.program).ok_or_else(|| format!("{} is not installed", maker.program))?;
    let plain = |error: std::io::Error| format!("no memory for its image: {error}");
    let image = memfd_create(c"abispec-image", MFdFlags::MFD_CLOEXEC).map_err(|errno| plain(errno.into()))?;
    let image = File::from(image);
    image.set_len(maker.mebibytes << 20).map_err(plain)?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), image.as_raw_fd());
    let made = Command::new(program)
        .args(maker.args)
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", maker.program))?;
    if made.status.success() {
        Ok(Some(image.into()))
    } else {
        let said = String::from_utf8_lossy(&made.stderr);
        let said = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it does not say why");
        Err(format!("{} failed: {said}", maker.program))
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];
    places.iter().map(|place| Path::new(place).join(program)).find(|path| path.is_file())
}

/// Mounts the image that this process was started with.
pub(super) fn mount_image(file_system: FileSystem, at: &Path) -> Result<(), Errno> {
    let (path, device) = attach()?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some(&path), at, Some(file_system.name()), flags, None::<&str>)?;
    // The mount holds the device, and the device the image: what this process says of itself must not be written into it.
    drop(device);
    let null = open("/dev/null", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    dup2_stderr(null)
}

/// Puts the image on a free loop device.
fn attach() -> Result<(PathBuf, OwnedFd), Errno> {
    const LOOP_CONTROL_GET_FREE: u64 = 0x4c82;
    let control = open("/dev/loop-control", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    // Others look for free devices too.
    for _ in 0..64 {
        // SAFETY: the request takes no argument.
        let number = unsafe { sys::ioctl(&control, LOOP_CONTROL_GET_FREE, 0) }?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = open(&path, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        match configure(&device) {
            Ok(()) => return Ok((path, device)),
            Err(Errno::EBUSY) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EBUSY)
}

/// What LOOP_CONFIGURE takes.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

#[repr(C)]
struct LoopInfo {
    numbers: [u64; 5],
    number: u32,
    encryption: [u32; 2],
    flags: u32,
    names: [u8; 64 + 64 + 32],
    init: [u64; 2],
}

const _: () = assert!(size_of::<LoopConfig>() == 304);

fn configure(device: &OwnedFd) -> Result<(), Errno> {
    const LOOP_CONFIGURE: u64 = 0x4c0a;
    /// The device lets go of the image when nobody uses it any more.
    const AUTOCLEAR: u32 = 4;
    let config = LoopConfig {
        fd: IMAGE_FD as u32,
        block_size: 512,
        info: LoopInfo {
            numbers: [0; 5],
            number: 0,
            encryption: [0; 2],
            flags: AUTOCLEAR,
            names: [0; 160],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: the request reads such a value, which outlives it.
    unsafe { sys::ioctl(device, LOOP_CONFIGURE, &raw const config as u64) }.map(drop)
}
