use super::binding_layout::compare;
use super::Between;
use super::pair::Pair;
use crate::facts::WitnessKind;

pub(super) const BETWEEN: Between = Between {
    id: "kernel-layout",
    explanation: "\
Compares every struct and union of the headers with the one of the same tag in a kernel's type information: offset and size
of the fields that both name, and the size of the whole. Fields that only keep room are left out, and fields at the end that
one side does not have yet.

The kernel copies structs by its own layout. A difference means that headers and kernel were taken from different releases,
or that the compiler of user space lays the struct out in another way than the kernel's.

What to do: look whether the kernel has a struct of its own of this tag. If not, report it to whoever ships both.",
    run,
};

/// Tags under which the kernel has something of its own, though the headers have them.
const OWN: &[(&str, &str)] = &[
    ("pt_regs", "the kernel describes its own stack by it; programs are shown `user_regs_struct`"),
    ("iommu_fault", "it is no longer part of the headers; the kernel has a struct of its own"),
    ("iommu_page_response", "it is no longer part of the headers; the kernel has a struct of its own"),
];

fn run(pair: &mut Pair<'_>) {
    if pair.are(WitnessKind::Headers, WitnessKind::Btf) {
        compare(pair, OWN, "look whether the kernel has a struct of its own of this tag; if not, report it");
    }
}
