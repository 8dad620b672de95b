//! Filters of system calls: the profile that container engines take, and a program for libseccomp.
//!
//! What was chosen is permitted. Flags and enumerations whose undefined values the kernel refuses are held to the values
//! that the kernel knows, so that a newer kernel does not widen the filter. Other calls that the kernel has answer EPERM;
//! calls that it does not have, and undefined values, answer ENOSYS, on which libraries fall back to an older call.

use super::Selection;
use crate::arch::Arch;
use crate::model::Unknown;
use crate::target::{Call, ResolvedParam, Variant};
use crate::types::Type;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What every process needs to end and to come back from a signal's handler, whatever it was meant to do.
const ALWAYS: [&str; 3] = ["exit", "exit_group", "rt_sigreturn"];

/// A condition on one argument: `argument & mask == value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Condition {
    index: usize,
    mask: u64,
    value: u64,
}

/// A call that is permitted when all of these hold; always if there are none.
struct Rule<'a> {
    call: &'a str,
    conditions: Vec<Condition>,
}

/// The profile of the OCI runtime specification, as container engines take it. `more` are names of further calls that are
/// permitted, which the specification need not have.
///
/// # Errors
/// When libseccomp has no name for the port.
pub fn oci_seccomp(selection: &Selection<'_>, more: &[String]) -> Result<Value, String> {
    let arch = token(selection.resolved.target.arch)?;
    let rules = rules(selection);
    let mut entries = Vec::new();
    let mut always: Vec<&str> = rules.iter().filter(|rule| rule.conditions.is_empty()).map(|rule| rule.call).collect();
    always.extend(beside(selection, more));
    entries.push(json!({"names": always, "action": "SCMP_ACT_ALLOW"}));
    for rule in rules.iter().filter(|rule| !rule.conditions.is_empty()) {
        let args = rule.conditions.iter().map(|condition| {
            // With a mask, `value` is the mask and `valueTwo` what remains below it.
            json!({"index": condition.index, "value": condition.mask, "valueTwo": condition.value, "op": "SCMP_CMP_MASKED_EQ"})
        });
        let args: Vec<Value> = args.collect();
        entries.push(json!({"names": [rule.call], "action": "SCMP_ACT_ALLOW", "args": args}));
    }
    let refused = refused(selection, more);
    if !refused.is_empty() {
        entries.push(json!({"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}));
    }
    let mut out = Map::new();
    out.insert("defaultAction".to_owned(), "SCMP_ACT_ERRNO".into());
    out.insert("defaultErrnoRet".to_owned(), 38.into());
    out.insert("architectures".to_owned(), json!([arch]));
    out.insert("syscalls".to_owned(), Value::Array(entries));
    Ok(Value::Object(out))
}

/// A C function that loads the same filter by means of libseccomp.
///
/// # Errors
/// When libseccomp has no name for the port.
pub fn libseccomp(selection: &Selection<'_>, more: &[String]) -> Result<String, String> {
    let arch = token(selection.resolved.target.arch)?;
    let rules = rules(selection);
    let mut out = String::new();
    let _ = write!(
        out,
        "/*\n * A filter that permits {} system calls of {}, made by abispec. Compile with -lseccomp.\n *\n * Other \
         calls of this kernel answer EPERM; calls that it does not have, and undefined values of flags and\n * commands, \
         answer ENOSYS.\n */\n#include <errno.h>\n#include <seccomp.h>\n\n",
        selection.calls.len(),
        selection.title()
    );
    // Libraries that are older than the kernel lack names, so numbers are what counts.
    out.push_str("struct abispec_rule {\n\tint number;\n\tunsigned count;\n\tstruct scmp_arg_cmp args[6];\n};\n\n");
    out.push_str("static const struct abispec_rule abispec_permitted[] = {\n");
    for rule in &rules {
        let number = selection.resolved.call(rule.call).map_or(0, |call| call.nr);
        let args: Vec<String> = rule
            .conditions
            .iter()
            .map(|Condition { index, mask, value }| {
                format!("{{{index}, SCMP_CMP_MASKED_EQ, UINT64_C({mask:#x}), UINT64_C({value:#x})}}")
            })
            .collect();
        let list =
            if args.is_empty() { "{{0, SCMP_CMP_EQ, 0, 0}}".to_owned() } else { format!("{{{}}}", args.join(", ")) };
        let _ = writeln!(out, "\t{{{number}, {}, {list}}}, /* {} */", args.len(), rule.call);
    }
    out.push_str("};\n\n/* By name, since the specification does not give their numbers. */\nstatic const char *const abispec_named[] = {\n");
    for name in beside(selection, more) {
        let _ = writeln!(out, "\t\"{name}\",");
    }
    out.push_str("};\n\nstatic const int abispec_refused[] = {\n");
    for name in refused(selection, more) {
        let number = selection.resolved.call(name).map_or(0, |call| call.nr);
        let _ = writeln!(out, "\t{number}, /* {name} */");
    }
    let _ = write!(
        out,
        "\t-1 /* the end */\n}};\n\n/* Returns 0, or the negated errno of what did not succeed. */\nint \
         abispec_seccomp_load(void)\n{{\n\tscmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));\n\tunsigned \
         long i;\n\tint error = filter ? 0 : -ENOMEM;\n\n\tif (!error && seccomp_arch_native() != {arch})\n\t\terror = \
         -EINVAL;\n\tfor (i = 0; !error && i < sizeof(abispec_permitted) / sizeof(abispec_permitted[0]); \
         i++)\n\t\terror = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, abispec_permitted[i].number,\n\t\t\t\t\t       \
         abispec_permitted[i].count, abispec_permitted[i].args);\n\tfor (i = 0; !error && i < sizeof(abispec_named) / \
         sizeof(abispec_named[0]); i++)\n\t\terror = seccomp_rule_add(filter, SCMP_ACT_ALLOW, \
         seccomp_syscall_resolve_name(abispec_named[i]), 0);\n\tfor (i = 0; !error && abispec_refused[i] >= 0; \
         i++)\n\t\terror = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), abispec_refused[i], 0);\n\tif \
         (!error)\n\t\terror = seccomp_load(filter);\n\tif (filter)\n\t\tseccomp_release(filter);\n\treturn error;\n}}\n"
    );
    Ok(out)
}

/// Every permitted call; one that multiplexes has a rule for each command.
fn rules<'a>(selection: &Selection<'a>) -> Vec<Rule<'a>> {
    let mut rules = Vec::new();
    for (_, call) in &selection.calls {
        let found: Vec<Vec<Condition>> = variants(call).map(|variant| conditions(selection, call, variant)).collect();
        // One variant without a condition permits every other as well.
        if found.iter().any(Vec::is_empty) {
            rules.push(Rule { call: &call.name, conditions: Vec::new() });
            continue;
        }
        let mut seen: Vec<&Vec<Condition>> = Vec::new();
        for conditions in &found {
            if !seen.contains(&conditions) {
                seen.push(conditions);
                rules.push(Rule { call: &call.name, conditions: conditions.clone() });
            }
        }
    }
    rules
}

/// The variants that are permitted: every command, where the kernel refuses other selectors.
fn variants(call: &Call) -> impl Iterator<Item = &Variant> {
    let last = call.variants.len() - 1;
    let closed = call.select.is_some_and(|select| {
        call.variants[last].params.get(usize::from(select)).is_some_and(|param| refuses(param) && last > 0)
    });
    call.variants.iter().take(if closed { last } else { last + 1 })
}

fn refuses(param: &ResolvedParam) -> bool {
    matches!(param.unknown, Some(Unknown::Rejected(_)))
}

fn conditions(selection: &Selection<'_>, call: &Call, variant: &Variant) -> Vec<Condition> {
    let word = selection.resolved.target.arch.data_model().word();
    let mut found = Vec::new();
    for (index, param) in variant.params.iter().enumerate() {
        let bits = param.int.bytes(word) * 8;
        let width = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
        if call.select.map(usize::from) == Some(index)
            && let Some(selector) = variant.selector
        {
            found.push(Condition { index, mask: width, value: twos_complement(selector) & width });
            continue;
        }
        let stated = selection.spec.syscalls.get(&call.name).and_then(|call| call.params.get(index));
        let always = stated.is_none_or(|param| param.unknown_when.is_none());
        let Type::Flags { set, .. } = &param.ty else { continue };
        if !refuses(param) || !always {
            continue;
        }
        let known = selection.resolved.sets.get(set).map_or(0, |set| twos_complement(set.known));
        let undefined = width & !known;
        if undefined != 0 {
            found.push(Condition { index, mask: undefined, value: 0 });
        }
    }
    found
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two's complement is what is meant")]
fn twos_complement(value: i128) -> u64 {
    value as u64
}

/// Calls that are permitted although no selection of the specification names them.
fn beside<'a>(selection: &Selection<'_>, more: &'a [String]) -> Vec<&'a str> {
    let chosen = |name: &str| selection.calls.iter().any(|(_, call)| call.name == name);
    let names: BTreeSet<&str> = ALWAYS.into_iter().chain(more.iter().map(String::as_str)).collect();
    names.into_iter().filter(|name| !chosen(name)).collect()
}

/// Calls that the kernel has and that are not permitted.
fn refused<'a>(selection: &Selection<'a>, more: &[String]) -> Vec<&'a str> {
    let chosen = |name: &str| selection.calls.iter().any(|(_, call)| call.name == name);
    let others = beside(selection, more);
    let names = selection.resolved.calls.iter().map(|call| call.name.as_str());
    names.filter(|name| !chosen(name) && !others.contains(name)).collect()
}

/// What libseccomp calls a port.
fn token(arch: Arch) -> Result<&'static str, String> {
    Ok(match arch {
        Arch::X86_64 => "SCMP_ARCH_X86_64",
        Arch::X32 => "SCMP_ARCH_X32",
        Arch::I386 => "SCMP_ARCH_X86",
        Arch::Arm => "SCMP_ARCH_ARM",
        Arch::Arm64 => "SCMP_ARCH_AARCH64",
        Arch::Riscv64 => "SCMP_ARCH_RISCV64",
        Arch::Loongarch64 => "SCMP_ARCH_LOONGARCH64",
        Arch::S390x => "SCMP_ARCH_S390X",
        Arch::Powerpc64 => "SCMP_ARCH_PPC64LE",
        Arch::Powerpc => "SCMP_ARCH_PPC",
        Arch::MipsO32 => "SCMP_ARCH_MIPSEL",
        Arch::MipsN32 => "SCMP_ARCH_MIPSEL64N32",
        Arch::MipsN64 => "SCMP_ARCH_MIPSEL64",
        Arch::Parisc => "SCMP_ARCH_PARISC",
        Arch::Parisc64 => "SCMP_ARCH_PARISC64",
        Arch::M68k => "SCMP_ARCH_M68K",
        Arch::Sh => "SCMP_ARCH_SH",
        Arch::Riscv32 | Arch::Sparc64 | Arch::Sparc | Arch::Alpha | Arch::Xtensa | Arch::Microblaze => {
            return Err(format!("libseccomp does not know the port {arch}"));
        }
        Arch::Arc | Arch::Csky | Arch::Hexagon | Arch::Nios2 | Arch::Openrisc => {
            return Err(format!("libseccomp does not know the port {arch}"));
        }
    })
}
