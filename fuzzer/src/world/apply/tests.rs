use super::*;
use crate::world::description::{Channel, Description, Socket};
use crate::world::fixture::find;
use crate::world::memory::Memory;
use crate::world::numbers::Numbers;
use crate::world::observe::Scene;
use crate::world::testing::{BASE, Bytes, resolve, variant, world};
use abispec::target::Resolved;

const PATHS: &str = "params:\n  - {name: path, c: \"const char __user *\", type: path, must_exist: \"false\", follow: \"false\"}\n  \
                     - {name: other, c: \"const char __user *\", type: path, must_exist: \"false\", follow: \"false\"}\nreturns: zero\n";
const FD: &str = "params:\n  - {name: fd, c: int, type: fd}\n  - {name: n, c: int, type: int32}\nreturns: int32\n";

/// The calls of these tests: parameters, then effects.
fn calls() -> Resolved {
    let paths = |effects: &str| format!("{PATHS}effects:\n{effects}");
    let fds = |effects: &str| format!("{FD}effects:\n{effects}");
    let list = [
        ("mkdir", paths("  - creates: {path: path, kind: directory, permissions: 0o700}\n")),
        ("make", paths("  - creates: {path: path, kind: regular, permissions: 0o600}\n    when: \"!exists(path)\"\n")),
        ("unlink", paths("  - removes: {path: path}\n")),
        ("rename", paths("  - renames: {from: path, to: other}\n")),
        ("swap", paths("  - renames: {from: path, to: other, exchange: \"true\"}\n")),
        ("link", paths("  - links: {from: path, to: other}\n")),
        ("chdir", paths("  - sets_cwd: {path: path}\n")),
        ("truncate", paths("  - sets_size: {file: path, to: 3}\n")),
        (
            "symlink",
            "params:\n  - {name: text, c: \"const char __user *\", type: string}\n  - {name: path, c: \"const char __user *\", type: path, \
             must_exist: \"false\", follow: \"false\"}\nreturns: zero\neffects:\n  - creates: {path: path, kind: symlink, permissions: 0o777}\n"
                .to_owned(),
        ),
        (
            "open",
            "params:\n  - {name: path, c: \"const char __user *\", type: path, must_exist: flags & O_CREAT == 0}\n  - {name: flags, c: int, \
             type: \"flags[open_flags]\", unknown: EINVAL}\nreturns: fd\neffects:\n  - creates: {path: path, kind: regular, permissions: \
             0o600}\n    when: \"flags & O_CREAT != 0 && !old(exists(path))\"\n  - opens: {fd: ret, file: path, access: flags & 3, flags: flags & \
             (O_APPEND | O_NONBLOCK | O_PATH), cloexec: \"flags & O_CLOEXEC != 0\"}\n"
                .to_owned(),
        ),
        (
            "pipe",
            "params:\n  - {name: fds, c: \"int __user *\", type: \"ptr[out, array[fd[pipe], 2]]\"}\nreturns: zero\neffects:\n  - opens: {fd: \
             \"fds[0]\", kind: pipe, access: read, flags: 0, cloexec: \"false\"}\n  - opens: {fd: \"fds[1]\", kind: pipe, access: write, \
             flags: 0, cloexec: \"false\"}\n"
                .to_owned(),
        ),
        ("close", fds("  - closes: {fd: fd}\n")),
        ("dup", fds("  - duplicates: {fd: fd, to: ret, cloexec: \"false\"}\n")),
        ("seek", fds("  - sets_offset: {fd: fd, to: n}\n")),
        ("put", fds("  - queues: {fd: fd, by: ret}\n")),
        ("get", fds("  - drains: {fd: fd, by: ret}\n")),
        ("eventfd", fds("  - opens: {fd: ret, kind: eventfd, access: both, flags: 0, cloexec: \"false\"}\n  - queues: {fd: ret, by: n}\n")),
        ("anonymous", fds("  - opens: {fd: ret, kind: regular, access: both, flags: 0, cloexec: \"false\"}\n")),
        ("placed", fds("  - opens: {fd: ret, kind: regular, access: none, flags: O_PATH, cloexec: \"false\"}\n")),
        ("foggy", fds("  - closes: {fd: fd}\n    when: seekable(fd)\n")),
        ("umask", fds("  - sets_umask: {to: n & 0o777}\n")),
        ("setuid", fds("  - changes: credentials\n    when: \"fd != 0\"\n")),
        ("setaffinity", fds("  - changes: scheduling\n")),
        ("alarm", fds("  - changes: alarms\n")),
        (
            "socket",
            "params:\n  - {name: family, c: int, type: int32}\n  - {name: type, c: int, type: int32}\nreturns: fd\neffects:\n  - opens: {fd: \
             ret, kind: socket, access: both, flags: 0, cloexec: \"false\", family: family, type: type & 15, fresh: \"true\"}\n"
                .to_owned(),
        ),
        ("bind", fds("  - changes: connections\n")),
        ("named", fds("  - changes: names\n")),
        ("attach", fds("  - changes: mappings\n")),
    ];
    let list: Vec<(&str, &str)> = list.iter().map(|(name, text)| (*name, text.as_str())).collect();
    resolve(&list)
}

struct Run {
    resolved: Resolved,
    numbers: Numbers,
    world: World,
}

impl Run {
    fn new() -> Self {
        let resolved = calls();
        let numbers = Numbers::of(&resolved);
        let world = world(&numbers, u64::MAX);
        Self { resolved, numbers, world }
    }

    fn with(&mut self, name: &str, registers: [u64; 6], ret: i64, memory: &dyn Memory) -> Touched {
        let variant = variant(&self.resolved, name);
        let before = self.world.clone();
        let scene = Scene { world: &before, memory };
        let view = View::new(&self.numbers, variant, registers, scene).returned(ret, scene);
        apply(&view, &variant.effects, &mut self.world)
    }

    /// A call with up to two paths and a number for the third register.
    fn paths(&mut self, name: &str, a: &str, b: &str) -> Touched {
        let memory = Bytes::new(&[(0, a.as_bytes()), (1024, b.as_bytes())]);
        self.with(name, [BASE, BASE + 1024, 0, 0, 0, 0], 0, &memory.snapshot())
    }

    fn open(&mut self, path: &str, flags: u64, ret: i64) -> Touched {
        let memory = Bytes::new(&[(0, path.as_bytes())]);
        self.with("open", [BASE, flags, 0, 0, 0, 0], ret, &memory.snapshot())
    }

    fn fd(&mut self, name: &str, fd: i64, n: u64, ret: i64) -> Touched {
        self.with(name, [fd.cast_unsigned(), n, 0, 0, 0, 0], ret, &Bytes::new(&[]).snapshot())
    }

    fn has(&self, path: &str) -> bool {
        find(&self.world.tree, path.as_bytes()).is_some()
    }
}

#[test]
fn names_come_and_go() {
    let mut run = Run::new();
    let touched = run.paths("mkdir", "d/new/", "");
    assert!(run.has("/t/d/new") && touched.paths == 1);
    run.paths("make", "d/new/x", "");
    run.paths("link", "d/new/x", "y");
    run.paths("rename", "d/new/x", "e/x");
    run.paths("swap", "e", "d/new");
    assert!(run.has("/t/y") && run.has("/t/d/new/x") && !run.has("/t/e/x"));
    run.paths("unlink", "d/new/x", "");
    assert!(!run.has("/t/d/new/x"));
    run.paths("truncate", "y", "");
    let y = find(&run.world.tree, b"/t/y").unwrap();
    let inode = run.world.tree.get(y).unwrap();
    assert_eq!((inode.size, inode.links), (Some(3), Some(1)));
    run.paths("chdir", "d/new", "");
    assert_eq!(run.world.process.cwd, find(&run.world.tree, b"/t/d/new"));
    let memory = Bytes::new(&[(0, b"../f"), (1024, b"s")]);
    run.with("symlink", [BASE, BASE + 1024, 0, 0, 0, 0], 0, &memory.snapshot());
    let link = find(&run.world.tree, b"/t/d/new/s").unwrap();
    assert_eq!(run.world.tree.get(link).unwrap().target.as_deref(), Some(&b"../f"[..]));
    assert!(run.world.tree.is_known());
}

#[test]
fn a_condition_that_nobody_knows_loses_what_it_decides() {
    let mut run = Run::new();
    run.paths("make", "/elsewhere/x", "");
    assert!(!run.world.tree.is_known());
    let mut run = Run::new();
    run.fd("foggy", 1, 0, 0);
    assert_eq!(run.world.descriptors.is_open(1), None);
    assert_eq!(run.world.descriptors.is_open(2), Some(true));
}

#[test]
fn opening_makes_descriptions() {
    let mut run = Run::new();
    let touched = run.open("d/made", 0o2000102, 3);
    assert!(touched.has_number(3) && run.has("/t/d/made"));
    let description = *run.world.descriptors.description(3).unwrap();
    assert_eq!(description.inode, find(&run.world.tree, b"/t/d/made"));
    assert_eq!((description.kind, description.offset, description.status), (Some(Word::Regular), Some(0), Some(2)));
    assert_eq!(run.world.descriptors.get(3).unwrap().cloexec, Some(true));
    // Through a dangling link the target is made.
    run.open("dangling", 0o100, 4);
    assert!(run.has("/t/missing"));
    run.open("d", 0o10000000, 5);
    let description = run.world.descriptors.description(5).unwrap();
    assert_eq!((description.is_path, description.seekable(), description.offset), (Some(true), Some(false), None));
    run.fd("dup", 3, 0, 6);
    run.fd("seek", 6, 77, 77);
    assert_eq!(run.world.descriptors.description(3).unwrap().offset, Some(77));
    run.fd("close", 3, 0, 0);
    assert_eq!(run.world.descriptors.is_open(3), Some(false));
    assert_eq!(run.world.descriptors.description(6).unwrap().offset, Some(77));
}

#[test]
fn a_file_without_a_name_is_empty_where_it_is_new() {
    let mut run = Run::new();
    run.fd("anonymous", 0, 0, 3);
    run.fd("placed", 0, 0, 4);
    let inode = |fd| run.world.descriptors.description(fd).and_then(|description| description.inode);
    assert_eq!(inode(3).and_then(|inode| run.world.tree.get(inode)).and_then(|inode| inode.size), Some(0));
    assert_eq!((inode(4), run.world.descriptors.description(4).unwrap().is_path), (None, Some(true)));
}

#[test]
fn pipes_hold_what_is_put_in() {
    let mut run = Run::new();
    let fds: Vec<u8> = [3_i32, 4].iter().flat_map(|fd| fd.to_ne_bytes()).collect();
    let memory = Bytes::new(&[(0, &fds)]);
    run.with("pipe", [BASE, 0, 0, 0, 0, 0], 0, &memory.snapshot());
    run.fd("put", 4, 0, 10);
    run.fd("get", 3, 0, 4);
    let Some(Description { channel: Channel::Pipe(pipe), .. }) = run.world.descriptors.description(3) else {
        panic!("no pipe");
    };
    assert_eq!(run.world.descriptors.pipe(*pipe).unwrap().pages.available(), Some(6));
    assert_eq!(run.world.descriptors.peer_closed(4), Some(false));
    run.fd("close", 3, 0, 0);
    assert_eq!(run.world.descriptors.peer_closed(4), Some(true));
}

#[test]
fn a_new_counter_counts_from_nothing() {
    let mut run = Run::new();
    run.fd("eventfd", 0, 5, 3);
    run.fd("put", 3, 0, 2);
    assert_eq!(run.world.descriptors.description(3).unwrap().channel, Channel::Counter(Some(7)));
    run.fd("get", 3, 0, 8);
    assert_eq!(run.world.descriptors.description(3).unwrap().channel, Channel::Counter(None));
}

#[test]
fn a_copy_is_as_it_was() {
    let mut run = Run::new();
    let before = run.world.clone();
    run.fd("umask", 0, 0o1777, 0o22);
    run.open("f", 0, 3);
    run.paths("unlink", "big", "");
    assert_eq!((before.process.umask, run.world.process.umask), (Some(0o22), Some(0o777)));
    assert_eq!(before.descriptors.is_open(3), Some(false));
    assert!(find(&before.tree, b"/t/big").is_some() && before.tree.is_unchanged() && !run.world.tree.is_unchanged());
}

#[test]
fn what_no_call_takes_back_marks_the_caller_and_another_user_is_a_stranger() {
    let mut run = Run::new();
    run.world.process_mut().policy = Some(0);
    assert_eq!(run.world.process.alteration, Alteration::None);
    run.fd("alarm", 0, 0, 0);
    assert_eq!((run.world.process.alteration, run.world.process.policy), (Alteration::Marked, Some(0)));
    run.fd("setuid", 0, 0, 0);
    assert_eq!(run.world.process.alteration, Alteration::Marked, "the condition does not hold");
    run.fd("setuid", 1, 0, 0);
    assert_eq!(run.world.process.alteration, Alteration::Strange);
    run.fd("setaffinity", 0, 0, 0);
    assert_eq!((run.world.process.alteration, run.world.process.policy), (Alteration::Strange, Some(0)));
}

#[test]
fn a_socket_is_fresh_until_something_is_done_to_sockets() {
    let mut run = Run::new();
    let empty = Bytes::new(&[]);
    run.with("socket", [2, 0o4001, 0, 0, 0, 0], 3, &empty.snapshot());
    let sort = |run: &Run| run.world.descriptors.description(3).unwrap().socket;
    assert_eq!(sort(&run), Socket { family: Some(2), kind: Some(1), fresh: Some(true) });
    run.fd("bind", 3, 0, 0);
    assert_eq!(sort(&run), Socket { family: Some(2), kind: Some(1), fresh: None });
    run.open("f", 0, 4);
    assert_eq!(run.world.descriptors.description(4).unwrap().socket, Socket::default(), "a file is no sort of socket");
}

#[test]
fn what_no_parameter_tells_is_unknown_afterwards() {
    let mut run = Run::new();
    assert!(run.world.tree.is_known());
    run.fd("named", 0, 0, 0);
    assert!(!run.world.tree.is_known());
    let touched = run.fd("attach", 0, 0, 0);
    assert!(touched.mappings);
    assert_eq!(run.world.process.alteration, Alteration::Marked);
}
