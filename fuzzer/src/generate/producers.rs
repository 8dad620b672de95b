//! Calls that give a program its descriptors: one recipe per sort of object.

use super::dice::Dice;
use super::served::{Named, Served};
use super::sockets::{self, Families, SocketWish};
use super::values::AT_FDCWD;
use crate::exec::layout::PLAYGROUND_BASE;
use crate::exec::{EXECUTABLES, Stands};
use crate::program::{Argument, Block, Invocation, Output, Program};
use abispec::errno::Errno;
use abispec::target::{Resolved, Variant};

/// What a recipe can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Regular,
    Memfd,
    SealedMemfd,
    Directory,
    OnlyPath,
    Pipe,
    Socket,
    SocketPair,
    BusySocket,
    Listener,
    Eventfd,
    Timerfd,
    Epoll,
    Fifo,
    Device,
}

const ALL: [Object; 14] = [
    Object::Regular,
    Object::Memfd,
    Object::SealedMemfd,
    Object::Directory,
    Object::OnlyPath,
    Object::Pipe,
    Object::Socket,
    Object::SocketPair,
    Object::BusySocket,
    Object::Eventfd,
    Object::Timerfd,
    Object::Epoll,
    Object::Fifo,
    Object::Device,
];

/// What a call that makes sockets of a socket is given: one that listens, mostly.
pub(super) const LISTENING: &str = "fd[socket] that listens";

/// The objects that a resource may be.
pub(super) fn objects(resource: &str) -> &'static [Object] {
    match resource {
        "fd[pipe]" => &[Object::Pipe],
        "fd[socket]" => {
            &[Object::Socket, Object::SocketPair, Object::BusySocket, Object::BusySocket, Object::BusySocket]
        }
        LISTENING => &[Object::Listener, Object::Listener, Object::Listener, Object::BusySocket, Object::Socket],
        "fd[memfd]" => &[Object::Memfd],
        "fd[regular]" => &[Object::Regular, Object::Memfd],
        "fd[eventfd]" => &[Object::Eventfd],
        "fd[timerfd]" => &[Object::Timerfd],
        "fd[epoll]" => &[Object::Epoll],
        "fd[directory]" | "fd[dir]" => &[Object::Directory],
        _ => &ALL,
    }
}

/// Files of the fixture by what they are; the names are those of the fixture's table.
pub(super) struct Names {
    pub(super) files: Vec<String>,
    pub(super) directories: Vec<String>,
    pub(super) fifos: Vec<String>,
    pub(super) any: Vec<String>,
}

/// Makes descriptors with the calls of a resolved specification.
pub(super) struct Producers<'a> {
    pub(super) resolved: &'a Resolved,
    pub(super) names: &'a Names,
    pub(super) families: Families,
    /// Names that a server refuses something for, where there is one.
    pub(super) served: &'a [Named],
}

impl<'a> Producers<'a> {
    /// Whether a server answers for files.
    pub(super) fn is_served(&self) -> bool {
        !self.served.is_empty()
    }

    /// The names that may bring about an errno of a call.
    pub(super) fn served<'c>(&self, errno: Errno, variant: &'c Variant) -> Option<Served<'c>>
    where
        'a: 'c,
    {
        self.is_served().then(|| Served::new(self.served, errno, variant))
    }

    /// Opens a file that a server refuses something for, with these flags besides.
    pub(super) fn named(
        &self,
        dice: &mut Dice<'_>,
        named: &Named,
        besides: u64,
        program: &mut Program,
    ) -> Option<Argument> {
        let flags = match named.stands {
            Stands::Directory => self.constant("O_DIRECTORY"),
            Stands::File | Stands::Nothing => {
                self.constant(dice.of(["O_RDWR", "O_RDWR", "O_RDWR", "O_RDONLY", "O_WRONLY"]))
            }
        };
        self.open(program, &named.path, flags | besides)
    }

    /// Opens something that bytes can be read from; a file is one that lies elsewhere than the work directory.
    pub(super) fn source(&self, pipe: bool, program: &mut Program) -> Option<Argument> {
        if !pipe {
            return self.open(program, EXECUTABLES[0].path, 0);
        }
        let (read, write) = self.pipe(0, program)?;
        let data = Argument::Block(Block::new(vec![7; 16]));
        self.push(program, "write", vec![write, data, Argument::Number(16)])?;
        Some(read)
    }

    /// Opens something that bytes can be written to.
    pub(super) fn sink(&self, program: &mut Program) -> Option<Argument> {
        self.pipe(0, program).map(|(_, write)| write)
    }

    /// Makes a pipe: the end to read from, and the one to write to.
    pub(super) fn pipe(&self, flags: u64, program: &mut Program) -> Option<(Argument, Argument)> {
        let ends = Argument::Block(Block::new(vec![crate::lower::POISON; 8]));
        let made = self.push(program, "pipe2", vec![ends, Argument::Number(flags)])?;
        let end = |offset| Argument::Result { of: made, output: Output::Written { param: 0, offset }, high: None };
        Some((end(0), end(4)))
    }

    /// Makes a file of some pages that has no name.
    pub(super) fn memory(&self, program: &mut Program) -> Option<Argument> {
        let text = Argument::Block(Block::text(b"m"));
        let made = Argument::ret(self.push(program, "memfd_create", vec![text, Argument::Number(0)])?);
        let _ = self.push(program, "ftruncate", vec![made.clone(), Argument::Number(16384)]);
        Some(made)
    }

    /// Mostly the flag that makes a file in memory executable, where the release has it: without, which seals the file begins with
    /// is for the system to say.
    pub(super) fn executable(&self, dice: &mut Dice<'_>) -> u64 {
        let known = self.resolved.sets.get("memfd_flags").map_or(0, |set| set.known);
        let flag = self.constant("MFD_EXEC");
        if known & i128::from(flag) != 0 && dice.chance(80) { flag } else { 0 }
    }

    pub(super) fn constant(&self, name: &str) -> u64 {
        self.resolved.constants.get(name).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0)
    }

    /// Appends a call by its name, if the target has it with so many parameters.
    pub(super) fn push(&self, program: &mut Program, name: &str, args: Vec<Argument>) -> Option<usize> {
        let call = self.resolved.calls.binary_search_by(|call| call.name.as_str().cmp(name)).ok()?;
        if self.resolved.calls[call].variants[0].params.len() != args.len() {
            return None;
        }
        program.calls.push(Invocation { call, args });
        Some(program.calls.len() - 1)
    }

    /// Opens a file by its name.
    pub(super) fn open(&self, program: &mut Program, path: &str, flags: u64) -> Option<Argument> {
        let path = Argument::Block(Block::text(path.as_bytes()));
        let args = vec![Argument::Number(AT_FDCWD), path, Argument::Number(flags), Argument::Number(0)];
        self.push(program, "openat", args).map(Argument::ret)
    }

    /// Moves a position to where limits begin, sometimes.
    fn position(&self, dice: &mut Dice<'_>, fd: &Argument, program: &mut Program) {
        if dice.chance(15) {
            let far = i64::MAX.cast_unsigned();
            let to = dice.of([3, 4096, 4999, (16 << 20) - 1, 16 << 20, far - 5, far]);
            let _ = self.push(program, "lseek", vec![fd.clone(), Argument::Number(to), Argument::Number(0)]);
        }
    }

    fn remove_directory(&self, program: &mut Program, path: &str) {
        let path = Argument::Block(Block::text(path.as_bytes()));
        let flags = Argument::Number(self.constant("AT_REMOVEDIR"));
        let _ = self.push(program, "unlinkat", vec![Argument::Number(AT_FDCWD), path, flags]);
    }

    /// Lets the program work in a directory that is gone.
    pub(super) fn lose_directory(&self, program: &mut Program) {
        let path = Argument::Block(Block::text(b"e"));
        if self.push(program, "chdir", vec![path]).is_some() {
            self.remove_directory(program, "/t/e");
        }
    }

    /// Takes a lease on a file, which opening it then has to break.
    pub(super) fn lease(&self, dice: &mut Dice<'_>, program: &mut Program) {
        let Some(fd) = dice.pick(&self.names.files).and_then(|path| self.open(program, path, 0)) else { return };
        let kind = self.constant(dice.of(["F_RDLCK", "F_WRLCK"]));
        let args = vec![fd, Argument::Number(self.constant("F_SETLEASE")), Argument::Number(kind)];
        let _ = self.push(program, "fcntl", args);
    }

    /// Leaves room for few descriptors or for none.
    pub(super) fn limit_descriptors(&self, dice: &mut Dice<'_>, program: &mut Program) {
        let limit = 3 + program.calls.len() as u64 + dice.below(2) as u64;
        self.descriptors(limit.min(8), program);
    }

    /// Lets fewer descriptors be open than are.
    pub(super) fn few_descriptors(&self, program: &mut Program) {
        self.descriptors(3, program);
    }

    fn descriptors(&self, limit: u64, program: &mut Program) {
        let mut bytes = limit.to_le_bytes().to_vec();
        bytes.extend_from_slice(&128_u64.to_le_bytes());
        let number = Argument::Number;
        let resource = number(self.constant("RLIMIT_NOFILE"));
        let _ =
            self.push(program, "prlimit64", vec![number(0), resource, Argument::Block(Block::new(bytes)), number(0)]);
    }

    /// Maps some pages of the playground, so that calls on mappings find one.
    pub(super) fn map(&self, dice: &mut Dice<'_>, program: &mut Program) {
        let address = PLAYGROUND_BASE + 4096 * dice.below(6) as u64;
        let length = 4096 * (1 + dice.below(4) as u64);
        let prot = dice.of([0, 1, 3, 3, 3]);
        let fixed = self.constant("MAP_FIXED");
        let (flags, fd) = match dice.below(6) {
            0 => (self.constant("MAP_SHARED") | self.constant("MAP_ANONYMOUS"), Argument::Number(u64::MAX)),
            1 | 2 => {
                let sharing = if dice.chance(50) { "MAP_SHARED" } else { "MAP_PRIVATE" };
                let named = dice.pick(self.served).filter(|named| named.is_for_mappings());
                let made = match named {
                    Some(named) => self.open(program, &named.path, self.constant("O_RDWR")),
                    None => self.memory(program),
                };
                let Some(made) = made else { return };
                (self.constant(sharing), made)
            }
            _ => (self.constant("MAP_PRIVATE") | self.constant("MAP_ANONYMOUS"), Argument::Number(u64::MAX)),
        };
        let locked = if dice.chance(10) { self.constant("MAP_LOCKED") } else { 0 };
        let number = Argument::Number;
        let args = vec![number(address), number(length), number(prot), number(flags | fixed | locked), fd, number(0)];
        let _ = self.push(program, "mmap", args);
    }

    /// Opens a file of the fixture for this access.
    pub(super) fn file(
        &self,
        dice: &mut Dice<'_>,
        access: &str,
        append: bool,
        program: &mut Program,
    ) -> Option<Argument> {
        let path = dice.pick(&self.names.files)?.clone();
        let append = if append { self.constant("O_APPEND") } else { 0 };
        let opened = self.open(program, &path, self.constant(access) | append)?;
        self.position(dice, &opened, program);
        Some(opened)
    }

    /// Appends a call that makes an object and gives the argument that refers to it.
    pub(super) fn make(&self, dice: &mut Dice<'_>, object: Object, program: &mut Program) -> Option<Argument> {
        let nonblock = if dice.chance(70) { self.constant("O_NONBLOCK") } else { 0 };
        let number = Argument::Number;
        match object {
            Object::Regular => {
                let refusing = dice.pick(self.served).filter(|named| named.stands == Stands::File);
                if let Some(named) = refusing.filter(|_| dice.chance(15)) {
                    return self.named(dice, named, 0, program);
                }
                let path = dice.pick(&self.names.files)?.clone();
                let flags = match dice.below(6) {
                    0 => self.constant("O_RDWR"),
                    1 => self.constant("O_WRONLY"),
                    2 => self.constant("O_RDWR") | self.constant("O_APPEND"),
                    _ => 0,
                };
                let opened = self.open(program, &path, flags)?;
                // A file that ends in a hole.
                if flags == self.constant("O_RDWR") && dice.chance(30) {
                    let _ = self.push(program, "ftruncate", vec![opened.clone(), number(9000)]);
                }
                self.position(dice, &opened, program);
                Some(opened)
            }
            Object::Memfd => {
                let sealing = if dice.chance(60) { self.constant("MFD_ALLOW_SEALING") } else { 0 };
                let flags = number(sealing | self.executable(dice));
                let made = self.push(program, "memfd_create", vec![Argument::Block(Block::text(b"m")), flags])?;
                if dice.chance(70) {
                    let length = dice.of([1, 10, 10, 4096, 5000, 16 << 20]);
                    let _ = self.push(program, "ftruncate", vec![Argument::ret(made), number(length)]);
                }
                if sealing != 0 && dice.chance(40) {
                    let seals = 1 << dice.below(5);
                    let args = vec![Argument::ret(made), number(self.constant("F_ADD_SEALS")), number(seals)];
                    let _ = self.push(program, "fcntl", args);
                }
                if dice.chance(10) {
                    let append = number(self.constant("O_APPEND"));
                    let args = vec![Argument::ret(made), number(self.constant("F_SETFL")), append];
                    let _ = self.push(program, "fcntl", args);
                }
                self.position(dice, &Argument::ret(made), program);
                Some(Argument::ret(made))
            }
            Object::SealedMemfd => {
                let flags = number(self.constant("MFD_ALLOW_SEALING") | self.executable(dice));
                let made = self.push(program, "memfd_create", vec![Argument::Block(Block::text(b"m")), flags])?;
                let length = number(dice.of([10, 10, 5000]));
                let _ = self.push(program, "ftruncate", vec![Argument::ret(made), length]);
                if dice.chance(30) {
                    let append = number(self.constant("O_APPEND"));
                    let set = number(self.constant("F_SETFL"));
                    let _ = self.push(program, "fcntl", vec![Argument::ret(made), set, append]);
                }
                let seal =
                    dice.of(["F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_FUTURE_WRITE"]);
                let args = vec![Argument::ret(made), number(self.constant("F_ADD_SEALS")), number(self.constant(seal))];
                let _ = self.push(program, "fcntl", args);
                Some(Argument::ret(made))
            }
            Object::Directory => {
                let path = dice.pick(&self.names.directories)?.clone();
                let opened = self.open(program, &path, self.constant("O_DIRECTORY"));
                if path == "e" && dice.chance(30) {
                    self.remove_directory(program, "e");
                }
                opened
            }
            Object::OnlyPath => {
                let path = dice.pick(&self.names.any)?.clone();
                let nofollow = if dice.chance(40) { self.constant("O_NOFOLLOW") } else { 0 };
                self.open(program, &path, self.constant("O_PATH") | nofollow)
            }
            Object::Pipe => {
                let (read, write) = self.pipe(nonblock, program)?;
                match dice.below(6) {
                    0 => self.push(program, "close", vec![read]).map(|_| write),
                    1 => self.push(program, "close", vec![write]).map(|_| read),
                    2 => {
                        let bytes = dice.of([1_usize, 16, 1024]);
                        let data = Argument::Block(Block::new(vec![7; bytes]));
                        let _ = self.push(program, "write", vec![write, data, number(bytes as u64)]);
                        Some(read)
                    }
                    other => Some(if other < 5 { read } else { write }),
                }
            }
            Object::Socket => {
                let kind = dice.of([1, 2]) | nonblock;
                let family = dice.of([1, 1, 2, 10]);
                self.push(program, "socket", vec![number(family), number(kind), number(0)]).map(Argument::ret)
            }
            Object::Listener => sockets::listener(dice, self, program),
            Object::BusySocket => sockets::scene(dice, &SocketWish::default(), self, program),
            Object::SocketPair => {
                let ends = Argument::Block(Block::new(vec![crate::lower::POISON; 8]));
                let kind = dice.of([1, 2]) | nonblock;
                let made = self.push(program, "socketpair", vec![number(1), number(kind), number(0), ends])?;
                let offset = dice.of([0, 4]);
                Some(Argument::Result { of: made, output: Output::Written { param: 3, offset }, high: None })
            }
            Object::Eventfd => {
                let start = dice.of([0, 1, 5, 0xffff_ffff]);
                let flags = nonblock | dice.of([0, 1]);
                let made = self.push(program, "eventfd2", vec![number(start), number(flags)])?;
                if dice.chance(20) {
                    // The largest value that a counter can hold, less what it holds already.
                    let most = (u64::MAX - 1 - start).to_le_bytes().to_vec();
                    let value = Argument::Block(Block::new(most));
                    let _ = self.push(program, "write", vec![Argument::ret(made), value, number(8)]);
                }
                Some(Argument::ret(made))
            }
            Object::Timerfd => {
                let clock = dice.of([0, 1, 7]);
                self.push(program, "timerfd_create", vec![number(clock), number(nonblock)]).map(Argument::ret)
            }
            Object::Epoll => self.push(program, "epoll_create1", vec![number(0)]).map(Argument::ret),
            Object::Fifo => {
                let path = dice.pick(&self.names.fifos)?.clone();
                let flags = dice.of([self.constant("O_RDWR"), self.constant("O_NONBLOCK")]);
                self.open(program, &path, flags | nonblock)
            }
            Object::Device => self.open(program, "/dev/null", self.constant("O_RDWR")),
        }
    }
}
