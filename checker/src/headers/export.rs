//! What installing a header changes in its text.
//!
//! A kernel's source tree marks what only the kernel needs; `scripts/headers_install.sh` takes the marks out. Here the
//! words of the source become those that are installed, at the places that they have in the source. Parts for the kernel
//! alone need nothing: no program defines `__KERNEL__`.

/// What becomes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Export<'a> {
    /// It stays.
    Same,
    /// It is left out.
    Dropped,
    /// It has another name.
    Renamed(&'a str),
    /// It is written out as the compiler's attribute.
    Packed,
}

/// What becomes of `word`, which stands at `offset` of `text`.
pub(crate) fn word<'a>(text: &str, offset: usize, word: &'a str) -> Export<'a> {
    if !word.starts_with("__") && !word.starts_with("_UAPI") {
        return Export::Same;
    }
    let before = text.get(..offset).unwrap_or_default();
    let after = text.get(offset + word.len()..).unwrap_or_default();
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c');
    match word {
        "__user" | "__force" | "__iomem" => {
            let marked = before.ends_with(|c| blank(c) || c == '(') && after.starts_with(blank);
            if marked { Export::Dropped } else { Export::Same }
        }
        "__attribute_const__" if after.is_empty() || after.starts_with(|c| blank(c) || c == '\n') => Export::Dropped,
        "__packed" => Export::Packed,
        "__ASSEMBLY__" => Export::Renamed("__ASSEMBLER__"),
        _ => match word.strip_prefix("_UAPI").filter(|rest| !rest.is_empty()) {
            Some(rest) => {
                let directive = before.trim_end_matches(blank);
                let guard = directive.ends_with("#define") || directive.ends_with("#ifndef");
                if guard { Export::Renamed(rest) } else { Export::Same }
            }
            None => Export::Same,
        },
    }
}

/// Whether an `#include` of this header is left out.
pub(crate) fn drops_include(name: &str) -> bool {
    matches!(name, "linux/compiler.h" | "linux/compiler_types.h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_kernel_go() {
        let at = |text: &str, found: &'static str| word(text, text.find(found).unwrap(), found);
        assert_eq!(at("void __user *p", "__user"), Export::Dropped);
        assert_eq!(at("f(__force int)", "__force"), Export::Dropped);
        assert_eq!(at("void __user", "__user"), Export::Same);
        assert_eq!(at("void*__user p", "__user"), Export::Same);
        assert_eq!(at("inline __attribute_const__\nint f(void);", "__attribute_const__"), Export::Dropped);
        assert_eq!(at("} __packed;", "__packed"), Export::Packed);
        assert_eq!(at("#ifdef __ASSEMBLY__", "__ASSEMBLY__"), Export::Renamed("__ASSEMBLER__"));
        assert_eq!(at("#ifndef _UAPI_PIER_H", "_UAPI_PIER_H"), Export::Renamed("_PIER_H"));
        assert_eq!(at("#define\t_UAPI__PIER_H 1", "_UAPI__PIER_H"), Export::Renamed("__PIER_H"));
        assert_eq!(at("#if defined _UAPI_PIER_H", "_UAPI_PIER_H"), Export::Same);
        assert_eq!(at("# define _UAPI_PIER_H", "_UAPI_PIER_H"), Export::Same);
        assert_eq!(at("int __u", "__u"), Export::Same);
    }
}
