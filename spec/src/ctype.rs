//! C types of parameters: how the kernel turns a register into a value.

use crate::types::IntType;

/// The integer a parameter of this C type becomes; `None` for a C type that no system call is known to take.
///
/// Pointers are registers without a sign.
pub fn int_of(c: &str) -> Option<IntType> {
    if c.contains('*') {
        return Some(IntType::Long { signed: false });
    }
    let words: Vec<&str> = c.split_whitespace().filter(|word| !matches!(*word, "const" | "volatile")).collect();
    let fixed = |bits, signed| Some(IntType::Fixed { bits, signed });
    match words[..] {
        [
            "int" | "pid_t" | "clockid_t" | "timer_t" | "mqd_t" | "key_t" | "key_serial_t" | "rwf_t" | "s32" | "__s32",
        ] => fixed(32, true),
        ["unsigned" | "uid_t" | "gid_t" | "qid_t" | "u32" | "__u32" | "uint32_t"] | ["unsigned", "int"] => {
            fixed(32, false)
        }
        ["enum", "landlock_rule_type"] => fixed(32, false),
        ["umode_t" | "old_uid_t" | "old_gid_t" | "u16" | "__u16"] | ["unsigned", "short"] => fixed(16, false),
        ["char" | "s8"] => fixed(8, true),
        ["u8" | "__u8"] | ["unsigned", "char"] => fixed(8, false),
        ["long" | "off_t" | "ssize_t" | "__kernel_off_t" | "intptr_t"] | ["long", "int"] => {
            Some(IntType::Long { signed: true })
        }
        ["size_t" | "aio_context_t" | "cap_user_header_t" | "cap_user_data_t" | "uintptr_t" | "old_sigset_t"]
        | ["__sighandler_t"]
        | ["unsigned", "long"] => Some(IntType::Long { signed: false }),
        ["loff_t" | "s64" | "__s64"] | ["long", "long"] => fixed(64, true),
        ["u64" | "__u64" | "uint64_t"] | ["unsigned", "long", "long"] => fixed(64, false),
        _ => None,
    }
}

/// A C type with uniform spaces and without the kernel's address-space marks, for comparison.
pub fn normal_form(c: &str) -> String {
    let spaced = c.replace('*', " * ");
    let words: Vec<&str> =
        spaced.split_whitespace().filter(|word| !matches!(*word, "__user" | "__force" | "struct")).collect();
    words.join(" ").replace("unsigned int", "unsigned").replace("long int", "long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_types_become_integers() {
        assert_eq!(int_of("const char __user *"), Some(IntType::Long { signed: false }));
        assert_eq!(int_of("unsigned int"), Some(IntType::Fixed { bits: 32, signed: false }));
        assert_eq!(int_of("const clockid_t"), Some(IntType::Fixed { bits: 32, signed: true }));
        assert_eq!(int_of("umode_t"), Some(IntType::Fixed { bits: 16, signed: false }));
        assert_eq!(int_of("strange_t"), None);
    }

    #[test]
    fn spelling_does_not_matter() {
        assert_eq!(normal_form("const char __user *"), normal_form("const char *"));
        assert_eq!(normal_form("struct stat __user *"), normal_form("struct stat*"));
    }
}
