//! C types in one spelling, so that two witnesses' texts can be compared.

/// Words that change nothing about the ABI of a parameter.
const IGNORED: &[&str] = &["__user", "__force", "__rcu", "__iomem", "restrict", "__restrict", "volatile", "register"];
const INTEGER: &[&str] = &["unsigned", "signed", "long", "short", "int", "char"];

/// A C type without marks, with uniform blanks and one spelling for each integer type:
/// `long unsigned int` is `unsigned long`, `char const*` is `const char *`, `__u32` is `u32`.
pub(crate) fn canonical(c_type: &str) -> String {
    let spaced: String = c_type
        .chars()
        .flat_map(|c| if matches!(c, '*' | '[' | ']' | '(' | ')' | ',') { vec![' ', c, ' '] } else { vec![c] })
        .collect();
    let mut words = spaced.split_whitespace().filter(|word| !IGNORED.contains(word));
    let mut constant = false;
    let mut integer: Vec<&str> = Vec::new();
    let mut base: Vec<&str> = Vec::new();
    let mut rest: Vec<&str> = Vec::new();
    for word in words.by_ref() {
        match word {
            "const" => constant = true,
            "*" | "[" | "(" => {
                rest.push(word);
                break;
            }
            word if INTEGER.contains(&word) => integer.push(word),
            word => base.push(word.strip_prefix("__").filter(|short| is_short_integer(short)).unwrap_or(word)),
        }
    }
    rest.extend(words);
    let integer = integer_name(&integer);
    let mut out: Vec<&str> = Vec::new();
    if constant {
        out.push("const");
    }
    out.extend(integer);
    out.extend(base);
    out.extend(rest);
    out.join(" ")
}

fn is_short_integer(name: &str) -> bool {
    matches!(name, "u8" | "u16" | "u32" | "u64" | "s8" | "s16" | "s32" | "s64")
}

fn integer_name(words: &[&str]) -> Option<&'static str> {
    if words.is_empty() {
        return None;
    }
    let unsigned = words.contains(&"unsigned");
    let longs = words.iter().filter(|word| **word == "long").count();
    Some(match (words.contains(&"char"), words.contains(&"short"), longs, unsigned) {
        (true, _, _, true) => "unsigned char",
        (true, _, _, false) if words.contains(&"signed") => "signed char",
        (true, _, _, false) => "char",
        (_, true, _, true) => "unsigned short",
        (_, true, _, false) => "short",
        (_, _, 0, true) => "unsigned int",
        (_, _, 0, false) => "int",
        (_, _, 1, true) => "unsigned long",
        (_, _, 1, false) => "long",
        (_, _, _, true) => "unsigned long long",
        (_, _, _, false) => "long long",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_type_are_equal() {
        for (a, b) in [
            ("long unsigned int", "unsigned long"),
            ("const char __user *", "char const*"),
            ("unsigned", "unsigned int"),
            ("__u32", "u32"),
            ("struct stat __user *", "struct stat*"),
            ("const struct iovec  *", "const struct iovec __user *"),
            ("int (*)(void)", "int ( * ) ( void )"),
        ] {
            assert_eq!(canonical(a), canonical(b));
        }
    }

    #[test]
    fn different_types_stay_different() {
        for (a, b) in [
            ("char *", "const char *"),
            ("int", "unsigned int"),
            ("umode_t", "unsigned short"),
            ("char * const *", "char **"),
            ("char", "signed char"),
        ] {
            assert_ne!(canonical(a), canonical(b));
        }
    }
}
