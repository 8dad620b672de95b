//! A fuzzer in fifty lines: writes a C program that makes random calls with arguments of the right kinds, and says of each
//! whether the errno that came back is one that the specification knows. `random_calls [SEED] | gcc -xc - && ./a.out`
//!
//! The calls are those that only read: nothing on the machine is changed.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use abispec::arch::Arch;
use abispec::target::{Resolved, ResolvedParam, Target};
use abispec::types::Type;
use abispec::version::Release;

const CALLS: [&str; 8] =
    ["dup", "pipe2", "eventfd2", "epoll_create1", "lseek", "getrandom", "memfd_create", "clock_gettime"];

/// Marsaglia's xorshift: the same seed makes the same program.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

fn argument(resolved: &Resolved, param: &ResolvedParam, random: &mut Random) -> String {
    match &param.ty {
        Type::Flags { set, .. } | Type::Enum { set, .. } => {
            let members = &resolved.sets[set].members;
            let picked: i128 =
                (0..random.below(3)).map(|_| members[random.below(members.len())].value).fold(0, |a, b| a | b);
            // Now and then a bit that no kernel knows.
            format!("{:#x}ul", picked | if random.below(4) == 0 { 1 << 30 } else { 0 })
        }
        Type::Resource(_) => format!("{}", random.below(8)),
        ty if ty.pointer().is_some() => ["memory", "0", "(char *)8"][random.below(3)].to_owned(),
        _ => format!("{}", [0, 1, 8, 4096, 65536][random.below(5)]),
    }
}

fn main() {
    let seed = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut random = Random(seed | 1);
    let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(6, 12)));
    println!(
        "#define _GNU_SOURCE\n#include <errno.h>\n#include <stdio.h>\n#include <unistd.h>\nstatic char memory[65536];\n"
    );
    println!(
        "static void made(const char *name, long ret, const int *known)\n{{\n\tint error = ret < 0 ? errno : 0;\n"
    );
    println!(
        "\twhile (error && *known && *known != error)\n\t\tknown++;\n\tprintf(\"%s = %ld%s\\n\", name, error ? -error : ret, "
    );
    println!("error && !*known ? \"  NOT SPECIFIED\" : \"\");\n}}\n\nint main(void)\n{{");
    for _ in 0..40 {
        let call = CALLS.iter().filter_map(|name| resolved.call(name)).nth(random.below(CALLS.len()));
        let Some(call) = call else { continue };
        let args: Vec<String> =
            call.variants[0].params.iter().map(|param| argument(&resolved, param, &mut random)).collect();
        let errnos = call.variants[0].rules.iter().map(|rule| rule.errno.number(Arch::X86_64).to_string());
        let known: Vec<String> = errnos.chain(["0".to_owned()]).collect();
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        println!("\tmade(\"{}\", syscall({}{list}), (const int[]){{{}}});", call.name, call.nr, known.join(", "));
    }
    println!("\treturn 0;\n}}");
}
