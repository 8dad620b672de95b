//! Takes a number apart into the flags of a set: `decode_flags openat2_flags 0x80042 [RELEASE]`.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use abispec::arch::Arch;
use abispec::target::Target;
use abispec::version::Release;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (Some(name), Some(number)) = (args.first(), args.get(1)) else {
        println!("usage: decode_flags SET NUMBER [RELEASE]");
        return ExitCode::from(2);
    };
    let release = args.get(2).and_then(|text| text.parse().ok()).unwrap_or(Release::new(6, 12));
    let digits = number.strip_prefix("0x").map_or((number.as_str(), 10), |digits| (digits, 16));
    let Ok(value) = i128::from_str_radix(digits.0, digits.1) else {
        println!("`{number}` is no number");
        return ExitCode::from(2);
    };
    let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, release));
    let Some(set) = resolved.sets.get(name) else {
        println!("there is no set `{name}`");
        return ExitCode::from(2);
    };
    if set.exclusive {
        let member = set.members.iter().find(|member| member.value == value);
        println!("{}", member.map_or("no member", |member| member.name.as_str()));
        return ExitCode::SUCCESS;
    }
    for member in set.members.iter().filter(|member| !member.mask && member.value != 0) {
        if value & member.value == member.value {
            println!("{:<24} {:#x}", member.name, member.value);
        }
    }
    let unknown = value & !set.known;
    if unknown != 0 {
        println!("{:<24} {unknown:#x}", format!("(not in {release})"));
    }
    ExitCode::SUCCESS
}
