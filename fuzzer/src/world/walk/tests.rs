use super::*;
use crate::world::fixture;
use crate::world::tree::WORK;

const ALL: Rights = Rights { override_all: true, read_search: true, as_owner: true };
const NONE: Rights = Rights { override_all: false, read_search: false, as_owner: false };

fn route(text: &[u8], base: InodeId) -> Route<'_> {
    Route { text, base: Base::Inode(base), follow: true, name_only: false, empty: false, scoped: false, rights: ALL }
}

fn tree() -> Tree {
    fixture::tree(&crate::world::Identity::default())
}

fn at(tree: &Tree, path: &str) -> InodeId {
    walk(tree, &route(path.as_bytes(), WORK)).unwrap().inode.unwrap()
}

/// The end of a walk in one word: an errno, `missing`, or the file's path without links.
fn outcome(tree: &Tree, route: &Route<'_>) -> String {
    let Some(found) = walk(tree, route) else { return "unknown".to_owned() };
    if let Some(fault) = found.fault {
        return fault.name().to_owned();
    }
    match found.inode {
        None => "missing".to_owned(),
        Some(id) => match tree.get(id).unwrap().kind.unwrap() {
            Word::Directory => format!("directory {}", tree.path_length(id).unwrap() - 1),
            kind => kind.name().to_owned(),
        },
    }
}

#[test]
fn paths_end_where_the_kernel_ends_them() {
    let tree = tree();
    // Directories are told apart by the length of their path.
    let table: &[(&str, &str)] = &[
        ("f", "regular"),
        ("./f", "regular"),
        ("//t///f", "regular"),
        ("d/../f", "regular"),
        ("f/", "ENOTDIR"),
        ("f/x", "ENOTDIR"),
        ("f/.", "ENOTDIR"),
        ("f/..", "ENOTDIR"),
        ("none", "missing"),
        ("none/", "missing"),
        ("none/x", "ENOENT"),
        ("none/..", "ENOENT"),
        ("d", "directory 4"),
        ("d/", "directory 4"),
        ("d/.", "directory 4"),
        ("d/sub/..", "directory 4"),
        (".", "directory 2"),
        ("..", "directory 1"),
        ("../..", "directory 1"),
        ("/", "directory 1"),
        ("../t", "directory 2"),
        ("/other", "unknown"),
        ("lf", "regular"),
        ("lf/", "ENOTDIR"),
        ("ld", "directory 4"),
        ("ld/", "directory 4"),
        ("ld/f", "regular"),
        ("lslash", "directory 4"),
        ("lfslash", "ENOTDIR"),
        ("abs", "regular"),
        ("labs/f", "regular"),
        ("dangling", "missing"),
        ("dangling/", "missing"),
        ("dangling/x", "ENOENT"),
        ("loop", "ELOOP"),
        ("loop/x", "ELOOP"),
        ("loopa", "ELOOP"),
        ("c/1", "ELOOP"),
        ("c/22", "regular"),
        ("c/22/x", "ENOTDIR"),
        ("d/up/f", "regular"),
        ("p", "pipe"),
        ("closed/f", "regular"),
    ];
    for (path, expected) in table {
        assert_eq!(outcome(&tree, &route(path.as_bytes(), WORK)), *expected, "{path}");
    }
}

#[test]
fn search_permission_is_wanted_before_anything_in_a_directory() {
    let tree = tree();
    let table = [
        ("closed", "directory 9"),
        ("closed/f", "EACCES"),
        ("closed/none", "EACCES"),
        ("closed/.", "EACCES"),
        ("closed/..", "EACCES"),
        ("nosearch/f", "EACCES"),
        ("nowrite/f", "regular"),
        ("secret", "regular"),
    ];
    for (path, expected) in table {
        let route = Route { rights: NONE, ..route(path.as_bytes(), WORK) };
        assert_eq!(outcome(&tree, &route), expected, "{path}");
    }
}

#[test]
fn names_are_measured_when_they_are_looked_up() {
    let tree = tree();
    let (long, longest) = ("x".repeat(256), "x".repeat(255));
    for (path, expected) in [
        (long.clone(), "ENAMETOOLONG"),
        (longest.clone(), "missing"),
        (format!("{long}/x"), "ENAMETOOLONG"),
        (format!("none/{long}"), "ENOENT"),
        (format!("f/{long}"), "ENOTDIR"),
        ("n".repeat(255), "regular"),
    ] {
        assert_eq!(outcome(&tree, &route(path.as_bytes(), WORK)), expected);
    }
}

#[test]
fn links_at_the_end_and_names() {
    let tree = tree();
    let table: &[(&str, bool, bool, &str)] = &[
        // path, follow, name only
        ("lf", false, false, "symlink"),
        ("lf/", false, false, "ENOTDIR"),
        ("ld/", false, false, "directory 4"),
        ("ld/", false, true, "symlink"),
        ("f/", false, true, "regular"),
        ("none/", false, true, "missing"),
        ("dangling", true, true, "missing"),
        ("lslash", true, true, "directory 4"),
        ("loop", false, false, "symlink"),
    ];
    for (path, follow, name_only, expected) in table {
        let route = Route { follow: *follow, name_only: *name_only, ..route(path.as_bytes(), WORK) };
        assert_eq!(outcome(&tree, &route), *expected, "{path} {follow} {name_only}");
    }
    let route = Route { name_only: true, ..route(b"dangling", WORK) };
    assert_eq!(place(&tree, &route), Some((WORK, b"missing".to_vec())));
}

#[test]
fn bases() {
    let tree = tree();
    let (d, f) = (at(&tree, "d"), at(&tree, "f"));
    let table: &[(&str, Base, bool, &str)] = &[
        ("f", Base::Inode(d), false, "regular"),
        ("f", Base::Inode(f), false, "ENOTDIR"),
        ("f", Base::NotOpen, false, "EBADF"),
        ("f", Base::NoDirectory, false, "ENOTDIR"),
        ("/t/f", Base::NotOpen, false, "regular"),
        ("", Base::Inode(f), true, "regular"),
        ("", Base::Inode(f), false, "ENOENT"),
        ("", Base::NotOpen, true, "EBADF"),
        ("f", Base::Unknown, false, "unknown"),
    ];
    for (path, base, empty, expected) in table {
        let route = Route { base: *base, empty: *empty, ..route(path.as_bytes(), WORK) };
        assert_eq!(outcome(&tree, &route), *expected, "{path} from {base:?}");
    }
}

#[test]
fn scoped_walks_stay_below_their_base() {
    let tree = tree();
    let d = at(&tree, "d");
    for (path, expected) in
        [("/f", "regular"), ("..", "directory 4"), ("../../f", "regular"), ("/sub/../../sub", "directory 8")]
    {
        let route = Route { scoped: true, ..route(path.as_bytes(), d) };
        assert_eq!(outcome(&tree, &route), expected, "{path}");
    }
}

#[test]
fn what_was_met_on_the_way() {
    let tree = tree();
    let d = at(&tree, "d");
    // path, via a link, last is a link, leaves the base, crosses a mount
    let table: &[(&str, bool, bool, bool, bool)] = &[
        ("f", false, false, false, false),
        ("sub/..", false, false, false, false),
        ("..", false, false, true, false),
        ("../d/f", false, false, true, false),
        ("../..", false, false, true, true),
        ("/t/d", false, false, true, true),
        ("up", true, true, true, false),
        ("../abs", true, true, true, true),
        ("../ld/f", true, false, true, false),
    ];
    for (path, via, last, leaves, crosses) in table {
        let found = walk(&tree, &route(path.as_bytes(), d)).unwrap();
        let seen = (found.via_symlink, found.last_is_symlink, found.leaves, found.crosses_mount);
        assert_eq!(seen, (*via, *last, *leaves, *crosses), "{path}");
    }
}

#[test]
fn a_removed_directory_has_no_names_but_a_parent() {
    let mut tree = tree();
    let e = at(&tree, "e");
    tree.unlink(WORK, b"e");
    let table = [("x", "ENOENT"), (".", "here"), ("..", "directory 2"), ("../f", "regular"), ("/t/f", "regular")];
    for (path, expected) in table {
        if expected == "here" {
            assert_eq!(walk(&tree, &route(path.as_bytes(), e)).unwrap().inode, Some(e));
        } else {
            assert_eq!(outcome(&tree, &route(path.as_bytes(), e)), expected, "{path}");
        }
    }
}
