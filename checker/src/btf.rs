//! A kernel's type information as a witness: layouts, constants, and the parameters of system calls.

mod parse;
mod types;

use crate::facts::{
    Constant, Fact, Facts, Field, Layout, Parameter, Position, Prototype, Source, Unstated, WitnessKind,
};
use abispec::arch::Arch;
use memchr::memmem;
pub(crate) use parse::{Btf, Order};
use parse::{Kind, Member, Param};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Reads type information from a file, `/sys/kernel/btf/vmlinux` for example; see [`read_btf_bytes`].
///
/// # Errors
/// When it cannot be read or is not whole.
pub fn read_btf(path: &Path, arch: Arch, wanted: &dyn Fn(&str) -> bool) -> Result<Facts, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    read_btf_bytes(&path.display().to_string(), &bytes, arch, wanted)
}

/// Reads type information. A kernel has some ten thousand structs: only those, and only the constants, whose name
/// `wanted` accepts become facts; system calls always do.
///
/// # Errors
/// When it is not whole.
pub fn read_btf_bytes(witness: &str, bytes: &[u8], arch: Arch, wanted: &dyn Fn(&str) -> bool) -> Result<Facts, String> {
    let btf = Btf::parse(bytes).map_err(|reason| format!("{witness}: {reason}"))?;
    Ok(facts_of(witness, &btf, arch, wanted))
}

/// Whether the bytes begin with the mark of type information, in either byte order.
pub(crate) fn is_btf(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x9f, 0xeb, 1]) || bytes.starts_with(&[0xeb, 0x9f, 1])
}

/// The kernel's type information inside an image that has no sections.
pub(crate) fn find_btf(bytes: &[u8]) -> Option<&[u8]> {
    // The mark, version 1, no flags, and a header of 24 bytes.
    let marks: [&[u8]; 2] = [&[0x9f, 0xeb, 1, 0, 24, 0, 0, 0], &[0xeb, 0x9f, 1, 0, 0, 0, 0, 24]];
    marks.into_iter().flat_map(|mark| memmem::find_iter(bytes, mark)).find_map(|at| {
        let rest = bytes.get(at..)?;
        let btf = Btf::parse(rest).ok()?;
        // A module's information refers to the kernel's and is none by itself.
        btf.has_struct("task_struct").then_some(rest)
    })
}

/// What type information states; see [`read_btf_bytes`].
pub(crate) fn facts_of(witness: &str, btf: &Btf<'_>, arch: Arch, wanted: &dyn Fn(&str) -> bool) -> Facts {
    let word = btf.data_model().unwrap_or(arch.data_model()).word();
    let functions = btf.types().filter(|(_, kind)| matches!(kind, Kind::Function { .. })).map(|(id, _)| btf.name(id));
    let calls = functions.filter_map(|name| name.strip_prefix("__se_sys_")).collect();
    let reader = Reader { btf, word, file: Arc::from(witness), calls };
    let mut facts = Facts::new(WitnessKind::Btf, witness, arch);
    for (id, kind) in btf.types() {
        match kind {
            Kind::Record { union, size, members } => reader.record(id, *union, *size, members, wanted, &mut facts),
            Kind::Typedef(of) => {
                // `typedef struct {..} name` names what has no tag.
                if let Kind::Record { union, size, members } = btf.get(*of)
                    && btf.name(*of).is_empty()
                {
                    reader.record(id, *union, *size, members, wanted, &mut facts);
                }
            }
            Kind::Enum { size, signed, items } => {
                for item in items {
                    let name = btf.text(item.name);
                    if wanted(name) {
                        let value =
                            Constant { value: item.value, bits: size.saturating_mul(8).min(64) as u8, signed: *signed };
                        reader.add(facts.constants.entry(name.to_owned()).or_default(), value, id);
                    }
                }
            }
            Kind::Function { prototype } => reader.function(id, *prototype, &mut facts),
            _ => {}
        }
    }
    facts
}

struct Reader<'a> {
    btf: &'a Btf<'a>,
    word: u32,
    file: Arc<str>,
    /// The calls that have a function which takes their registers.
    calls: BTreeSet<&'a str>,
}

/// Deepest nesting of structs without names.
const DEPTH: usize = 20;
/// Most members of a struct, with those of the structs without names in it.
const MOST_MEMBERS: u32 = 65_536;

/// The fields of a struct as they are listed.
struct Walk {
    fields: Vec<Field>,
    /// The structs around the next member.
    inside: Vec<u32>,
    left: u32,
}

impl Reader<'_> {
    fn source(&self, id: u32) -> Source {
        Source { file: Arc::clone(&self.file), at: Position::Type(id) }
    }

    fn add<T: PartialEq>(&self, facts: &mut Vec<Fact<T>>, value: T, id: u32) {
        // Types repeated with the same content say nothing new.
        if facts.iter().all(|fact| fact.value != value) {
            facts.push(Fact::new(value, self.source(id)));
        }
    }

    fn record(
        &self,
        id: u32,
        union: bool,
        size: u32,
        members: &[Member],
        wanted: &dyn Fn(&str) -> bool,
        facts: &mut Facts,
    ) {
        let name = self.btf.name(id);
        if name.is_empty() || !wanted(name) {
            return;
        }
        let c_name = match self.btf.get(id) {
            Kind::Typedef(_) => name.to_owned(),
            _ if union => format!("union {name}"),
            _ => format!("struct {name}"),
        };
        let mut walk = Walk { fields: Vec::new(), inside: vec![id], left: MOST_MEMBERS };
        if let Err(reason) = self.fields(members, ("", 0), &mut walk) {
            return facts.silence(name, format!("{}: {reason}", self.source(id)));
        }
        let fields = walk.fields;
        let layout = Layout { c_name, union, size: u64::from(size), align: None, fields };
        self.add(facts.layouts.entry(name.to_owned()).or_default(), layout, id);
    }

    fn fields(&self, members: &[Member], (lead, base): (&str, u64), walk: &mut Walk) -> Result<(), &'static str> {
        for member in members {
            walk.left = walk.left.checked_sub(1).ok_or("it has more than 65,536 members")?;
            let offset_bits = base + u64::from(member.offset);
            let name = self.btf.text(member.name);
            if name.is_empty() {
                self.within(member.ty, (lead, offset_bits), walk)?;
                continue;
            }
            let name = format!("{lead}{name}");
            let size_bits = if member.bits > 0 {
                u64::from(member.bits)
            } else {
                types::size(self.btf, member.ty, self.word).unwrap_or(0).saturating_mul(8)
            };
            let inside = format!("{name}.");
            walk.fields.push(Field {
                name,
                offset_bits,
                size_bits,
                bitfield: member.bits > 0,
                c_type: types::print(self.btf, member.ty),
            });
            // A record without a name of its own is described nowhere else.
            if self.btf.name(self.bare(member.ty).0).is_empty() {
                self.within(member.ty, (&inside, offset_bits), walk)?;
            }
        }
        Ok(())
    }

    /// The members of a member that is a record.
    fn within(&self, ty: u32, place: (&str, u64), walk: &mut Walk) -> Result<(), &'static str> {
        let (id, kind) = self.bare(ty);
        let Kind::Record { members, .. } = kind else { return Ok(()) };
        if walk.inside.contains(&id) {
            return Err("it contains itself");
        }
        if walk.inside.len() > DEPTH {
            return Err("its members are nested too deeply");
        }
        walk.inside.push(id);
        self.fields(members, place, walk)?;
        walk.inside.pop();
        Ok(())
    }

    fn bare(&self, id: u32) -> (u32, &Kind) {
        let (mut id, mut kind) = (id, self.btf.get(id));
        for _ in 0..20 {
            match kind {
                Kind::Const(of) | Kind::Transparent(of) => (id, kind) = (*of, self.btf.get(*of)),
                _ => break,
            }
        }
        (id, kind)
    }

    /// `__do_sys_NAME` has the types and names of the kernel's source, as has `sys_NAME` on ports whose calls take their
    /// arguments one by one; `__se_sys_NAME` takes every argument as a register and only tells their names. Entries such
    /// as `__x64_sys_NAME` take all registers and tell nothing: the compiler's information gives one prototype, with one
    /// set of names, to all of them.
    fn function(&self, id: u32, prototype: u32, facts: &mut Facts) {
        let name = self.btf.name(id);
        let Kind::Prototype { params } = self.btf.get(prototype) else { return };
        let (call, typed) =
            match (name.strip_prefix("__do_sys_").or(name.strip_prefix("sys_")), name.strip_prefix("__se_sys_")) {
                (Some(call), _) => (call, true),
                (None, Some(call)) => (call, false),
                (None, None) => return,
            };
        // Drivers name functions `sys_` too, `sys_copyarea`; a call has a function that takes its registers beside it.
        if name.starts_with("sys_") && !params.is_empty() && !self.calls.contains(call) {
            return;
        }
        if !typed && facts.prototypes.contains_key(call) {
            return;
        }
        let params =
            params.iter().filter(|param| !self.is_registers(param)).map(|param| self.parameter(param, typed)).collect();
        facts.prototypes.insert(call.to_owned(), Fact::new(Prototype { params }, self.source(id)));
    }

    fn parameter(&self, param: &Param, typed: bool) -> Parameter {
        let c_type = if typed { Ok(types::print(self.btf, param.ty)) } else { Err(Unstated::RegisterOnly) };
        Parameter { name: self.btf.text(param.name).to_owned(), c_type }
    }

    /// A call without parameters is given all registers, which it does not look at.
    fn is_registers(&self, param: &Param) -> bool {
        matches!(types::print(self.btf, param.ty).as_str(), "const struct pt_regs *" | "struct pt_regs *")
    }
}
