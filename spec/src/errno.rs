//! Error numbers: names in specs, values per port.

use crate::arch::Arch;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// An error that a system call can answer, by name. Aliases and kernel-internal codes do not exist here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(u8);

impl Errno {
    /// Finds an errno by name.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().position(|row| row.0 == name).and_then(|index| u8::try_from(index).ok()).map(Self)
    }

    /// Finds an errno by its number on a port.
    pub fn from_number(number: u32, arch: Arch) -> Option<Self> {
        let on_port = column(arch);
        // The first numbers are the same everywhere, and the ones that are seen most.
        let usual = number.checked_sub(1).map(|index| index as usize);
        if let Some(index) = usual.filter(|index| TABLE.get(*index).is_some_and(|row| value(row, on_port) == number)) {
            return u8::try_from(index).ok().map(Self);
        }
        TABLE.iter().position(|row| value(row, on_port) == number).and_then(|index| u8::try_from(index).ok()).map(Self)
    }

    /// The name, `ENOENT`.
    pub fn name(self) -> &'static str {
        TABLE[usize::from(self.0)].0
    }

    /// The number on a port.
    pub fn number(self, arch: Arch) -> u32 {
        value(&TABLE[usize::from(self.0)], column(arch))
    }

    /// Every errno, in order of the shared numbering.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).filter_map(|index| u8::try_from(index).ok()).map(Self)
    }

    /// The errno that a name stands for, by its own name or by an alias that documents use.
    pub fn from_alias(name: &str) -> Option<Self> {
        Self::from_name(match name {
            "EWOULDBLOCK" => "EAGAIN",
            "ENOTSUP" => "EOPNOTSUPP",
            "EDEADLOCK" => "EDEADLK",
            own => own,
        })
    }

    /// What a name that is no errno of its own stands for: an alias' proper name, or why it can never be seen.
    pub fn why_not(name: &str) -> Option<&'static str> {
        Some(match name {
            "EWOULDBLOCK" => "an alias; write EAGAIN",
            "ENOTSUP" => "an alias; write EOPNOTSUPP",
            "EDEADLOCK" => "an alias; write EDEADLK",
            "EFSCORRUPTED" => "an alias; write EUCLEAN",
            "EFSBADCRC" => "an alias; write EBADMSG",
            "ERESTARTSYS" | "ERESTARTNOINTR" | "ERESTARTNOHAND" | "ERESTART_RESTARTBLOCK" => {
                "internal to the kernel; user space sees EINTR or a restarted call"
            }
            "ENOIOCTLCMD" => "internal to the kernel; user space sees ENOTTY",
            "EPROBE_DEFER" | "EOPENSTALE" | "ENOPARAM" | "EIOCBQUEUED" => {
                "internal to the kernel; user space never sees it"
            }
            _ => return None,
        })
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Errno {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.name())
        } else {
            serializer.serialize_u8(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Errno {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = if deserializer.is_human_readable() {
            Self::from_name(&String::deserialize(deserializer)?)
        } else {
            Some(Self(u8::deserialize(deserializer)?)).filter(|errno| usize::from(errno.0) < TABLE.len())
        };
        found.ok_or_else(|| de::Error::custom("not an errno"))
    }
}

/// Index into the last column of [`TABLE`] for the ports that number errors their own way.
fn column(arch: Arch) -> Option<usize> {
    match arch {
        Arch::MipsO32 | Arch::MipsN32 | Arch::MipsN64 => Some(0),
        Arch::Parisc | Arch::Parisc64 => Some(1),
        Arch::Alpha => Some(2),
        Arch::Sparc | Arch::Sparc64 => Some(3),
        _ => None,
    }
}

type Row = (&'static str, u32, [u32; 4]);

fn value(row: &Row, on_port: Option<usize>) -> u32 {
    on_port.map_or(row.1, |index| row.2[index])
}

/// Name, shared number, numbers on mips, parisc, alpha and sparc (0: the port has no such errno).
/// Source: `include/uapi/asm-generic/errno*.h`, `arch/*/include/uapi/asm/errno.h`.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("EPERM", 1, [1, 1, 1, 1]),
    ("ENOENT", 2, [2, 2, 2, 2]),
    ("ESRCH", 3, [3, 3, 3, 3]),
    ("EINTR", 4, [4, 4, 4, 4]),
    ("EIO", 5, [5, 5, 5, 5]),
    ("ENXIO", 6, [6, 6, 6, 6]),
    ("E2BIG", 7, [7, 7, 7, 7]),
    ("ENOEXEC", 8, [8, 8, 8, 8]),
    ("EBADF", 9, [9, 9, 9, 9]),
    ("ECHILD", 10, [10, 10, 10, 10]),
    ("EAGAIN", 11, [11, 11, 35, 11]),
    ("ENOMEM", 12, [12, 12, 12, 12]),
    ("EACCES", 13, [13, 13, 13, 13]),
    ("EFAULT", 14, [14, 14, 14, 14]),
    ("ENOTBLK", 15, [15, 15, 15, 15]),
    ("EBUSY", 16, [16, 16, 16, 16]),
    ("EEXIST", 17, [17, 17, 17, 17]),
    ("EXDEV", 18, [18, 18, 18, 18]),
    ("ENODEV", 19, [19, 19, 19, 19]),
    ("ENOTDIR", 20, [20, 20, 20, 20]),
    ("EISDIR", 21, [21, 21, 21, 21]),
    ("EINVAL", 22, [22, 22, 22, 22]),
    ("ENFILE", 23, [23, 23, 23, 23]),
    ("EMFILE", 24, [24, 24, 24, 24]),
    ("ENOTTY", 25, [25, 25, 25, 25]),
    ("ETXTBSY", 26, [26, 26, 26, 26]),
    ("EFBIG", 27, [27, 27, 27, 27]),
    ("ENOSPC", 28, [28, 28, 28, 28]),
    ("ESPIPE", 29, [29, 29, 29, 29]),
    ("EROFS", 30, [30, 30, 30, 30]),
    ("EMLINK", 31, [31, 31, 31, 31]),
    ("EPIPE", 32, [32, 32, 32, 32]),
    ("EDOM", 33, [33, 33, 33, 33]),
    ("ERANGE", 34, [34, 34, 34, 34]),
    ("EDEADLK", 35, [45, 45, 11, 78]),
    ("ENAMETOOLONG", 36, [78, 248, 63, 63]),
    ("ENOLCK", 37, [46, 46, 77, 79]),
    ("ENOSYS", 38, [89, 251, 78, 90]),
    ("ENOTEMPTY", 39, [93, 247, 66, 66]),
    ("ELOOP", 40, [90, 249, 62, 62]),
    ("ENOMSG", 42, [35, 35, 80, 75]),
    ("EIDRM", 43, [36, 36, 81, 77]),
    ("ECHRNG", 44, [37, 37, 88, 94]),
    ("EL2NSYNC", 45, [38, 38, 89, 95]),
    ("EL3HLT", 46, [39, 39, 90, 96]),
    ("EL3RST", 47, [40, 40, 91, 97]),
    ("ELNRNG", 48, [41, 41, 93, 98]),
    ("EUNATCH", 49, [42, 42, 94, 99]),
    ("ENOCSI", 50, [43, 43, 95, 100]),
    ("EL2HLT", 51, [44, 44, 96, 101]),
    ("EBADE", 52, [50, 160, 97, 102]),
    ("EBADR", 53, [51, 161, 98, 103]),
    ("EXFULL", 54, [52, 162, 99, 104]),
    ("ENOANO", 55, [53, 163, 100, 105]),
    ("EBADRQC", 56, [54, 164, 101, 106]),
    ("EBADSLT", 57, [55, 165, 102, 107]),
    ("EBFONT", 59, [59, 166, 104, 109]),
    ("ENOSTR", 60, [60, 54, 87, 72]),
    ("ENODATA", 61, [61, 51, 86, 111]),
    ("ETIME", 62, [62, 52, 83, 73]),
    ("ENOSR", 63, [63, 53, 82, 74]),
    ("ENONET", 64, [64, 50, 105, 80]),
    ("ENOPKG", 65, [65, 55, 92, 113]),
    ("EREMOTE", 66, [66, 71, 71, 71]),
    ("ENOLINK", 67, [67, 57, 106, 82]),
    ("EADV", 68, [68, 58, 107, 83]),
    ("ESRMNT", 69, [69, 59, 108, 84]),
    ("ECOMM", 70, [70, 60, 109, 85]),
    ("EPROTO", 71, [71, 61, 85, 86]),
    ("EMULTIHOP", 72, [74, 64, 110, 87]),
    ("EDOTDOT", 73, [73, 66, 111, 88]),
    ("EBADMSG", 74, [77, 67, 84, 76]),
    ("EOVERFLOW", 75, [79, 72, 112, 92]),
    ("ENOTUNIQ", 76, [80, 167, 113, 115]),
    ("EBADFD", 77, [81, 168, 114, 93]),
    ("EREMCHG", 78, [82, 169, 115, 89]),
    ("ELIBACC", 79, [83, 170, 122, 114]),
    ("ELIBBAD", 80, [84, 171, 123, 112]),
    ("ELIBSCN", 81, [85, 172, 124, 124]),
    ("ELIBMAX", 82, [86, 173, 125, 123]),
    ("ELIBEXEC", 83, [87, 174, 126, 110]),
    ("EILSEQ", 84, [88, 47, 116, 122]),
    ("ERESTART", 85, [91, 175, 127, 116]),
    ("ESTRPIPE", 86, [92, 176, 128, 91]),
    ("EUSERS", 87, [94, 68, 68, 68]),
    ("ENOTSOCK", 88, [95, 216, 38, 38]),
    ("EDESTADDRREQ", 89, [96, 217, 39, 39]),
    ("EMSGSIZE", 90, [97, 218, 40, 40]),
    ("EPROTOTYPE", 91, [98, 219, 41, 41]),
    ("ENOPROTOOPT", 92, [99, 220, 42, 42]),
    ("EPROTONOSUPPORT", 93, [120, 221, 43, 43]),
    ("ESOCKTNOSUPPORT", 94, [121, 222, 44, 44]),
    ("EOPNOTSUPP", 95, [122, 223, 45, 45]),
    ("EPFNOSUPPORT", 96, [123, 224, 46, 46]),
    ("EAFNOSUPPORT", 97, [124, 225, 47, 47]),
    ("EADDRINUSE", 98, [125, 226, 48, 48]),
    ("EADDRNOTAVAIL", 99, [126, 227, 49, 49]),
    ("ENETDOWN", 100, [127, 228, 50, 50]),
    ("ENETUNREACH", 101, [128, 229, 51, 51]),
    ("ENETRESET", 102, [129, 230, 52, 52]),
    ("ECONNABORTED", 103, [130, 231, 53, 53]),
    ("ECONNRESET", 104, [131, 232, 54, 54]),
    ("ENOBUFS", 105, [132, 233, 55, 55]),
    ("EISCONN", 106, [133, 234, 56, 56]),
    ("ENOTCONN", 107, [134, 235, 57, 57]),
    ("ESHUTDOWN", 108, [143, 236, 58, 58]),
    ("ETOOMANYREFS", 109, [144, 237, 59, 59]),
    ("ETIMEDOUT", 110, [145, 238, 60, 60]),
    ("ECONNREFUSED", 111, [146, 239, 61, 61]),
    ("EHOSTDOWN", 112, [147, 241, 64, 64]),
    ("EHOSTUNREACH", 113, [148, 242, 65, 65]),
    ("EALREADY", 114, [149, 244, 37, 37]),
    ("EINPROGRESS", 115, [150, 245, 36, 36]),
    ("ESTALE", 116, [151, 70, 70, 70]),
    ("EUCLEAN", 117, [135, 177, 117, 117]),
    ("ENOTNAM", 118, [137, 178, 118, 118]),
    ("ENAVAIL", 119, [138, 179, 119, 119]),
    ("EISNAM", 120, [139, 180, 120, 120]),
    ("EREMOTEIO", 121, [140, 181, 121, 121]),
    ("EDQUOT", 122, [1133, 69, 69, 69]),
    ("ENOMEDIUM", 123, [159, 182, 129, 125]),
    ("EMEDIUMTYPE", 124, [160, 183, 130, 126]),
    ("ECANCELED", 125, [158, 253, 131, 127]),
    ("ENOKEY", 126, [161, 184, 132, 128]),
    ("EKEYEXPIRED", 127, [162, 185, 133, 129]),
    ("EKEYREVOKED", 128, [163, 186, 134, 130]),
    ("EKEYREJECTED", 129, [164, 187, 135, 131]),
    ("EOWNERDEAD", 130, [165, 254, 136, 132]),
    ("ENOTRECOVERABLE", 131, [166, 255, 137, 133]),
    ("ERFKILL", 132, [167, 256, 138, 134]),
    ("EHWPOISON", 133, [168, 257, 139, 135]),
    ("EFTYPE", 134, [169, 258, 140, 136]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_by_port() {
        let errno = Errno::from_name("ENOSYS").unwrap();
        assert_eq!(errno.number(Arch::X86_64), 38);
        assert_eq!(errno.number(Arch::MipsO32), 89);
        assert_eq!(Errno::from_number(89, Arch::MipsN64), Some(errno));
    }

    #[test]
    fn aliases_and_internal_codes_are_no_errnos() {
        for name in ["EWOULDBLOCK", "ENOTSUP", "ERESTARTSYS", "ENOIOCTLCMD"] {
            assert_eq!(Errno::from_name(name), None);
            assert!(Errno::why_not(name).is_some());
        }
        assert_eq!(Errno::from_alias("EWOULDBLOCK"), Errno::from_name("EAGAIN"));
        assert_eq!(Errno::from_alias("EAGAIN"), Errno::from_name("EAGAIN"));
        assert_eq!(Errno::from_alias("ERESTARTSYS"), None);
    }
}
