//! Where alone a call is tried: what its own file says (`scope:`), and what the specification inside this program says of its name or
//! number, which no other specification can lift.

use crate::exec;
use abispec::arch::Arch;
use abispec::embedded;
use abispec::model::{Contract, Effect, Extent, Restriction, Syscall};
use abispec::target::{Call, Resolved};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// What the specification inside this program restricts, whatever another one says.
struct Floor {
    by_name: BTreeMap<&'static str, &'static Restriction>,
    by_number: BTreeMap<(Arch, u32), &'static Restriction>,
    /// What an executor of this machine may not call.
    denied: Vec<u32>,
}

fn floor() -> &'static Floor {
    static FLOOR: OnceLock<Floor> = OnceLock::new();
    FLOOR.get_or_init(|| {
        let restricted = || embedded().syscalls.values().filter_map(|call| Some((call, &call.scope.as_ref()?.value)));
        let by_name = restricted().map(|(call, scope)| (call.name.value.as_str(), scope)).collect();
        let numbers = |(call, scope): (&'static Syscall, &'static Restriction)| {
            let ports = Arch::ALL.iter().copied();
            ports.filter_map(move |arch| Some(((arch, call.number(arch)?.value), scope)))
        };
        let by_number = restricted().flat_map(numbers).collect();
        Floor { by_name, by_number, denied: denied_numbers() }
    })
}

/// The numbers of this machine's entry that reach beyond the sandbox.
fn denied_numbers() -> Vec<u32> {
    let native = Arch::NATIVE;
    // What the kernel has for 32-bit programs of this machine, where this port has nothing by that number.
    let narrow = match native {
        Arch::X86_64 => Some(Arch::I386),
        Arch::Arm64 => Some(Arch::Arm),
        _ => None,
    };
    let calls = || embedded().syscalls.values();
    let own: BTreeSet<u32> = calls().filter_map(|call| call.number(native)).map(|at| at.value).collect();
    let number = |call: &Syscall, arch: Arch| call.number(arch).map(|at| at.value);
    let reaching = calls().filter(|call| {
        let system = call.scope.as_ref().is_some_and(|scope| scope.value.extent == Extent::System);
        system
            || !exec::CAN_BEGIN
                && contracts(call).any(|contract| contract.effects.iter().any(|own| begins(&own.effect)))
    });
    let denied: BTreeSet<u32> = reaching
        .flat_map(|call| {
            let other = narrow.and_then(|narrow| number(call, narrow)).filter(|number| !own.contains(number));
            number(call, native).into_iter().chain(other)
        })
        .collect();
    denied.into_iter().collect()
}

fn contracts(call: &Syscall) -> impl Iterator<Item = &Contract> {
    std::iter::once(&call.contract).chain(call.commands.iter().map(|command| &command.contract))
}

fn begins(effect: &Effect) -> bool {
    matches!(effect, Effect::Begins { .. })
}

/// What is said of a call, with this extent.
fn because(arch: Arch, call: &Call, extent: Extent) -> Option<&str> {
    let floor = floor();
    let by_name = floor.by_name.get(call.name.as_str()).copied();
    let by_number = floor.by_number.get(&(arch, call.nr)).copied();
    let said = [call.scope.as_ref(), by_name, by_number].into_iter().flatten();
    said.filter(|scope| scope.extent == extent).map(|scope| scope.because.as_str()).next()
}

/// Why a call of a port is made on a machine of its own only; `None` where any sandbox may make it.
pub fn denied(arch: Arch, call: &Call) -> Option<&str> {
    let effects = || call.variants.iter().flat_map(|variant| &variant.effects);
    let stuck = || !exec::CAN_BEGIN && effects().any(|own| begins(&own.effect.effect));
    because(arch, call, Extent::System).or_else(|| stuck().then_some("what it begins has no way to go"))
}

/// Whether any sandbox may make one of a specification's calls.
pub fn permits(resolved: &Resolved, call: &Call) -> bool {
    denied(resolved.target.arch, call).is_none()
}

/// Why a call of a port is never made, whatever its arguments; `None` where that depends on them.
pub fn never(arch: Arch, call: &Call) -> Option<&str> {
    because(arch, call, Extent::Never)
}

/// The numbers that the executors of any sandbox must refuse, in order.
pub fn denied_everywhere() -> &'static [u32] {
    &floor().denied
}
