use super::Check;
use super::bench::{Bench, Comparison};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "struct-size",
    severity: Severity::Error,
    explanation: "\
Compares the size of every struct and union with the headers, laid out for the port's data model, and with the running
kernel's type information.

The size is part of the ABI: the kernel copies that many bytes in and out, and ioctl numbers contain it. A struct whose
size changed makes old programs pass too little memory. Extensible structs may grow at the end; for them the largest
size under `versions:` that the kernel's release has is expected.

What to do: correct `size:` for this data model, or, for an extensible struct, add the new size and its first release
under `versions:`. If the struct is not extensible and the header changed, that is a break of the ABI.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    // A view has the size of what it is a view of.
    for (described, resolved, fact) in bench.structs().into_iter().filter(|(described, ..)| described.view.is_none()) {
        let expected = resolved.versions.last().copied().unwrap_or(resolved.size);
        // Where the release is not known, each published size is right.
        let published = bench.has_no_release() && resolved.versions.iter().any(|size| u64::from(*size) == fact.value.size);
        let help = if described.versions.is_empty() { "correct `size:`" } else { "add the new size under `versions:`" };
        bench.compare(Comparison {
            subject: described.name.value.clone(),
            at: described.size.at,
            source: &fact.source,
            expected: format!("{expected} bytes"),
            actual: format!("{} has {} bytes", fact.value.c_name, fact.value.size),
            equal: published || u64::from(expected) == fact.value.size,
            help: format!("{help}, unless the size of a published struct was changed by mistake"),
        });
    }
}
