//! What an export for one kernel is about: chosen calls, and the sets, structs and resources that they lead to.

use crate::model::{Param, Spec, Syscall};
use crate::target::{Call, Resolved};
use crate::types::Type;
use std::collections::BTreeSet;

/// A specification for one kernel, and the calls of it that are exported.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// The whole specification.
    pub spec: &'a Spec,
    /// The same for the kernel.
    pub resolved: &'a Resolved,
    /// The calls, by name, as they were written and as the kernel has them.
    pub calls: Vec<(&'a Syscall, &'a Call)>,
}

impl<'a> Selection<'a> {
    /// The calls of these names; names that the kernel lacks are left out.
    pub fn new(spec: &'a Spec, resolved: &'a Resolved, names: &[String]) -> Self {
        let both = |name: &String| Some((spec.syscalls.get(name)?, resolved.call(name)?));
        Self { spec, resolved, calls: names.iter().filter_map(both).collect() }
    }

    /// `Linux 6.12 on x86_64`.
    pub fn title(&self) -> String {
        format!("Linux {} on {}", self.resolved.target.release, self.resolved.target.arch)
    }

    /// The names of all sets, structs and resources that the chosen calls lead to.
    pub fn reach(&self) -> Reach<'a> {
        let mut reach = Reach::default();
        for (call, _) in &self.calls {
            reach.call(self.spec, call);
        }
        reach
    }
}

/// Names of what types lead to.
#[derive(Clone, Debug, Default)]
pub struct Reach<'a> {
    /// Flag sets and enumerations.
    pub sets: BTreeSet<&'a str>,
    /// Structs and unions, those inside others too.
    pub structs: BTreeSet<&'a str>,
    /// Resources with their ancestors.
    pub resources: BTreeSet<&'a str>,
}

impl<'a> Reach<'a> {
    /// Adds what a call's parameters and results lead to.
    pub fn call(&mut self, spec: &'a Spec, call: &'a Syscall) {
        let commands = || call.commands.iter();
        let own = commands().flat_map(|command| command.params.iter().map(|(_, param)| param));
        for Param { ty, .. } in call.params.iter().chain(own) {
            self.ty(spec, &ty.value);
        }
        let contracts = std::iter::once(&call.contract).chain(commands().map(|command| &command.contract));
        for ty in contracts.filter_map(|contract| contract.returns.as_ref()) {
            self.ty(spec, &ty.value);
        }
    }

    fn ty(&mut self, spec: &'a Spec, ty: &'a Type) {
        match ty {
            Type::Flags { set, .. } | Type::Enum { set, .. } => {
                self.sets.insert(set);
            }
            Type::Resource(name) => {
                let mut name = name.as_str();
                while self.resources.insert(name) {
                    let Some(parent) = spec.resources.get(name).and_then(|found| found.parent.as_deref()) else {
                        break;
                    };
                    name = parent;
                }
            }
            Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
                if self.structs.insert(name)
                    && let Some(found) = spec.structs.get(name)
                {
                    found.fields.iter().for_each(|field| self.ty(spec, &field.ty.value));
                }
            }
            Type::Ptr { to, .. } => self.ty(spec, to),
            Type::Array { of, .. } => self.ty(spec, of),
            Type::Int { .. } | Type::Const(_) | Type::Bool | Type::Buffer { .. } | Type::Text { .. } => {}
            Type::Path { .. } | Type::Len(_) | Type::Bytesize(_) | Type::Offset | Type::Size | Type::Mode => {}
            Type::Signal | Type::Vma | Type::Addr | Type::Unused | Type::ByCommand | Type::Zero | Type::Never => {}
        }
    }
}
