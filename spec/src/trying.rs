//! What who tries a call has to know of it: where it may be made, and what it asks of whom.

use serde::{Deserialize, Serialize};

/// Where alone a call is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// Where that is.
    pub extent: Extent,
    /// What it would do elsewhere.
    pub because: String,
}

/// How far a call reaches beyond the sandbox of the program that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Extent {
    /// To the whole machine: only one that is thrown away may see it.
    System,
    /// To whoever makes it: no program can be told from its remains.
    Never,
}

impl Extent {
    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Never => "never",
        }
    }

    /// What it means for who wants to try the call.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::System => "tried only in a machine of its own",
            Self::Never => "never tried",
        }
    }
}

macro_rules! operations {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// Something that a call asks of the file system that a file lies on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Operation { $(#[doc = $doc] $variant,)* }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

operations! {
    Open "open" "To open the file.",
    Read "read" "To read it.",
    Write "write" "To write to it.",
    Set "set" "To change its permissions, owner, times or size.",
    Size "size" "To change its size.",
    Close "close" "To say, when a descriptor is closed, that all went well.",
    Seek "seek" "To say where its data are, and its holes.",
    Sync "sync" "To make what was written safe.",
    Space "space" "To allocate space for it, or take it away.",
    Unlink "unlink" "To take its name away.",
    Rmdir "rmdir" "To take the directory's name away.",
    Rename "rename" "To give it another name.",
    List "list" "To list the directory.",
    Tmpfile "tmpfile" "To make a file without a name in the directory.",
    Statfs "statfs" "To say how much room the file system has.",
    Control "control" "To do what a request of the file system's own says.",
    Create "create" "To make the file while it is opened.",
    Mknod "mknod" "To make a node.",
    Mkdir "mkdir" "To make a directory.",
    Symlink "symlink" "To make a symbolic link.",
    Link "link" "To make another name.",
}
