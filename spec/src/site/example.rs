//! A program in C that makes a call.

use crate::arch::{Arch, DataModel};
use crate::ctype::int_of;
use crate::model::{Spec, Syscall};
use crate::resolve::size_of;
use crate::types::{Count, Type};
use std::fmt::Write;

/// A program that makes the call with plain arguments and says what came back. `None` where the port of the example lacks
/// the call, or where the call would not come back.
pub(super) fn example(spec: &Spec, call: &Syscall) -> Option<String> {
    let number = call.number(Arch::X86_64)?.value;
    if call.is_unimplemented() || call.contract.returns.as_ref().is_some_and(|returns| returns.value == Type::Never) {
        return None;
    }
    let mut setup = String::new();
    let args: Vec<String> = call.params.iter().map(|param| variable(&param.name.value)).collect();
    // Lengths are measured of what they belong to, which stands before them.
    let (memory, numbers): (Vec<_>, Vec<_>) = call.params.iter().partition(|param| param.ty.value.pointer().is_some());
    for param in memory.into_iter().chain(numbers) {
        let name = variable(&param.name.value);
        match &param.ty.value {
            Type::Path { .. } => {
                let _ = writeln!(setup, "\tconst char *{name} = \"/tmp/example\";");
            }
            Type::Text { .. } => {
                let _ = writeln!(setup, "\tconst char *{name} = \"example\";");
            }
            ty if ty.pointer().is_some() => {
                let bytes = pointee(spec, ty).max(8);
                let _ = writeln!(setup, "\tstatic _Alignas(16) unsigned char {name}[{bytes}];");
            }
            Type::Bytesize(index) | Type::Len(index) => {
                let of = call.params.get(usize::from(*index));
                let measured = of.filter(|of| {
                    of.ty.value.pointer().is_some() && !matches!(of.ty.value, Type::Path { .. } | Type::Text { .. })
                });
                match measured {
                    Some(of) => {
                        let _ = writeln!(setup, "\tunsigned long {name} = sizeof({});", variable(&of.name.value));
                    }
                    None => {
                        let _ = writeln!(setup, "\tunsigned long {name} = 0;");
                    }
                }
            }
            Type::Const(value) => {
                let _ = writeln!(setup, "\tlong {name} = {value};");
            }
            Type::Resource(resource) if resource == "fd" => {
                let _ = writeln!(setup, "\tint {name} = 0; /* a descriptor */");
            }
            _ if int_of(&param.c.value).is_some_and(crate::types::IntType::signed) => {
                let _ = writeln!(setup, "\tlong {name} = 0;");
            }
            _ => {
                let _ = writeln!(setup, "\tunsigned long {name} = 0;");
            }
        }
    }
    let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
    Some(format!(
        "#define _GNU_SOURCE\n#include <errno.h>\n#include <stdio.h>\n#include <string.h>\n#include <unistd.h>\n\nint \
         main(void)\n{{\n{setup}\tlong ret = syscall({number} /* {} on x86_64 */{list});\n\n\tif (ret == \
         -1)\n\t\tprintf(\"%s\\n\", strerror(errno));\n\telse\n\t\tprintf(\"%ld\\n\", ret);\n\treturn 0;\n}}\n",
        call.name.value
    ))
}

/// Bytes behind a pointer, as far as they are known beforehand.
fn pointee(spec: &Spec, ty: &Type) -> u32 {
    match ty {
        Type::Ptr { to, .. } => match to.as_ref() {
            Type::Array { of, count: Count::Param(_) } => {
                size_of(spec, of, DataModel::Lp64).unwrap_or(1).saturating_mul(4)
            }
            other => size_of(spec, other, DataModel::Lp64).unwrap_or(64),
        },
        Type::Buffer { count: Count::Number(number), .. } => u32::try_from(*number).unwrap_or(64).clamp(1, 4096),
        _ => 64,
    }
}

/// A name that C and the example's headers leave free.
fn variable(name: &str) -> String {
    const TAKEN: [&str; 10] = ["errno", "main", "ret", "auto", "register", "signed", "short", "int", "long", "index"];
    if TAKEN.contains(&name) { format!("{name}_") } else { name.to_owned() }
}
