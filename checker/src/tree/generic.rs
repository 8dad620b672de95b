//! The shared list of system calls as trees up to 6.10 keep it: C macros in `asm-generic/unistd.h`, which each port's own
//! `asm/unistd.h` includes after it has said what it wants.

use super::guard::{Guard, Known};
use super::lex::{Kind, Source, Token, lex, without_comments};
use super::table::Row;
use super::text::Text;
use crate::files::Files;
use std::collections::BTreeMap;

const SHARED: &str = "include/uapi/asm-generic/unistd.h";

/// The entries of a port, each with the file it stands in; `None` where the port has no such list.
pub(crate) fn entries(files: &dyn Files, folder: &str, bits: u32) -> Option<Vec<(String, Row)>> {
    let own = format!("arch/{folder}/include/uapi/asm/unistd.h");
    let (own_text, shared_text) = (Text::new(&files.text(&own)?), Text::new(&files.text(SHARED)?));
    let own_source = lex(&own_text);
    // Without the list, the port numbers its calls by a table.
    if !own_text.as_str().contains("<asm-generic/unistd.h>") || !shared_text.as_str().contains("__SYSCALL(") {
        return None;
    }
    let shared_source = lex(&shared_text);
    let mut macros = Macros { bits, bodies: BTreeMap::new() };
    for source in [&own_source, &shared_source] {
        for define in &source.defines {
            let body = without_comments(define.body).trim().to_owned();
            // A file's own guard is not defined yet when the file is read; it may be read a second time.
            let own_guard = body.is_empty() && define.guard.asks_for(define.name);
            if !own_guard && define.guard.holds(&macros) == Some(true) {
                macros.bodies.insert(define.name.to_owned(), body);
            }
        }
    }
    let mut found = Vec::new();
    for (path, text, source) in [(SHARED, &shared_text, &shared_source), (own.as_str(), &own_text, &own_source)] {
        let functions = functions(source, &macros, bits);
        for define in &source.defines {
            let Some(name) = define.name.strip_prefix("__NR_") else { continue };
            if matches!(name, "syscalls" | "arch_specific_syscall") || define.guard.holds(&macros) != Some(true) {
                continue;
            }
            let Some(number) = macros.value(define.name).and_then(|value| u32::try_from(value).ok()) else { continue };
            let (native, compat) = functions.get(&number).cloned().unwrap_or_default();
            let (line, _) = text.place(define.offset);
            let row =
                Row { number, abi: "generic".to_owned(), name: name.to_owned(), native, compat, noreturn: false, line };
            found.push((path.to_owned(), row));
        }
    }
    Some(found)
}

type Functions = BTreeMap<u32, (Option<String>, Option<String>)>;

/// The kernel's functions by number.
fn functions(source: &Source<'_>, macros: &Macros, bits: u32) -> Functions {
    let mut found = Functions::new();
    for (index, token) in source.tokens.iter().enumerate() {
        let shape: &[usize] = match token.text {
            // Which arguments are the functions of 32 bits, of 64 bits, and of callers of the other size.
            "__SYSCALL" => &[1, 1],
            "__SC_COMP" => &[1, 1, 2],
            "__SC_3264" => &[1, 2],
            "__SC_COMP_3264" => &[1, 2, 3],
            _ => continue,
        };
        if token.kind != Kind::Name || source.guard(token).holds(macros) != Some(true) {
            continue;
        }
        let words = arguments(&source.tokens, index + 1);
        let function = |at: Option<&usize>| {
            let word = words.get(*at?)?;
            let word = macros.bodies.get(*word).map_or(*word, String::as_str);
            (word != "sys_ni_syscall").then(|| word.to_owned())
        };
        let number = words.first().and_then(|word| Guard::parse(word).number(macros));
        if let Some(number) = number.and_then(|number| u32::try_from(number).ok()) {
            let native = function(if bits == 32 { shape.first() } else { shape.get(1) });
            found.insert(number, (native, function(shape.get(2))));
        }
    }
    found
}

/// The single words between parentheses.
fn arguments<'t>(tokens: &[Token<'t>], start: usize) -> Vec<&'t str> {
    if !tokens.get(start).is_some_and(|token| token.is("(")) {
        return Vec::new();
    }
    let inside = tokens.iter().skip(start + 1).take(16).take_while(|token| !token.is(")"));
    inside.filter(|token| !token.is(",")).map(|token| token.text).collect()
}

/// The macros of the two headers, as a program of the port sees them.
struct Macros {
    bits: u32,
    bodies: BTreeMap<String, String>,
}

impl Macros {
    fn resolve(&self, name: &str, depth: u32) -> Option<i128> {
        /// Longer chains of names are no numbers.
        const DEPTH: u32 = 8;
        struct Deeper<'a>(&'a Macros, u32);
        impl Known for Deeper<'_> {
            fn defined(&self, name: &str) -> Option<bool> {
                self.0.defined(name)
            }

            fn value(&self, name: &str) -> Option<i128> {
                self.0.resolve(name, self.1)
            }
        }
        match name {
            "__BITS_PER_LONG" => return Some(i128::from(self.bits)),
            _ if depth > DEPTH => return None,
            _ => {}
        }
        Guard::parse(self.bodies.get(name)?).number(&Deeper(self, depth + 1))
    }
}

impl Known for Macros {
    fn defined(&self, name: &str) -> Option<bool> {
        Some(match name {
            "__LP64__" => self.bits == 64,
            "__BITS_PER_LONG" => true,
            name => self.bodies.contains_key(name),
        })
    }

    fn value(&self, name: &str) -> Option<i128> {
        self.resolve(name, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Memory;

    const OWN: &str = "#if !defined(_UAPI_ASM_QUAY_UNISTD_H) || defined(__SYSCALL)\n#define _UAPI_ASM_QUAY_UNISTD_H\n#define __ARCH_WANT_SAIL\n#define sys_wait sys_own_wait\n#include <asm-generic/unistd.h>\n\
        #define __NR_own (__NR_arch_specific_syscall + 1) /* ours */\n__SYSCALL(__NR_own, sys_own)\n#endif\n";
    const LIST: &str = "#if __BITS_PER_LONG == 32 || defined(__SYSCALL_COMPAT)\n#define __SC_3264(n, a, b) __SYSCALL(n, a)\n#endif\n\
        #define __NR_moor 0\n__SC_COMP(__NR_moor, sys_moor, compat_sys_moor)\n#ifdef __ARCH_WANT_SAIL\n#define __NR_sail 1\n\
        __SYSCALL(__NR_sail, sys_sail)\n#endif\n#ifdef __ARCH_WANT_ROW\n#define __NR_row 2\n__SYSCALL(__NR_row, sys_row)\n#endif\n\
        #define __NR3264_cast 3\n__SC_3264(__NR3264_cast, sys_cast64, sys_cast)\n#define __NR_wait 4\n__SYSCALL(4, sys_wait)\n\
        #define __NR_old 5\n__SYSCALL(5, sys_ni_syscall)\n\
        #define __NR_arch_specific_syscall 244\n#define __NR_syscalls 451\n\
        #if __BITS_PER_LONG == 64 && !defined(__SYSCALL_COMPAT)\n#define __NR_cast __NR3264_cast\n#else\n#define __NR_cast64 __NR3264_cast\n#endif\n";

    fn read(bits: u32) -> Vec<String> {
        let texts = [("arch/quay/include/uapi/asm/unistd.h", OWN), (SHARED, LIST)];
        let files = texts.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let memory = Memory { name: "tree".to_owned(), files };
        let rows = entries(&memory, "quay", bits).expect("a list");
        rows.iter()
            .map(|(_, row)| format!("{} {} {}", row.number, row.name, row.native.as_deref().unwrap_or("-")))
            .collect()
    }

    #[test]
    fn the_list_depends_on_what_the_port_wants() {
        let common = ["0 moor sys_moor", "1 sail sys_sail", "4 wait sys_own_wait", "5 old -"];
        let with = |last: &'static str| [&common[..], &[last, "245 own sys_own"]].concat();
        assert_eq!(read(64), with("3 cast sys_cast"));
        assert_eq!(read(32), with("3 cast64 sys_cast64"));
    }
}
