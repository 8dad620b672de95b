use super::Between;
use super::pair::Pair;
use crate::facts::{Constant, Fact, WitnessKind};

pub(super) const BETWEEN: Between = Between {
    id: "binding-constant",
    explanation: "\
Compares every constant of a Rust crate with the constant of the same name in the kernel's headers, as both are for one port.
Values are equal if they are the same bits in the wider of both types. Names that the crate takes from the C library, which
means something else by them, are silent with the reason. So are names of what is last or known in a set, which grow from
release to release, unless both sides are known to be of one release.

A program that is built with a wrong constant asks the kernel for something else, on the ports that nobody tries. Bindings
of the libc crate are written by hand for each port.

What to do: look at both places. Report the crate if the headers are right; the specification is not concerned.",
    run,
};

fn run(pair: &mut Pair<'_>) {
    if !pair.are(WitnessKind::Headers, WitnessKind::Rust) {
        return;
    }
    let silent = |pair: &Pair<'_>, name: &str, _: &Fact<Constant>, equal: bool| {
        let open = !equal && grows(name) && !pair.same_release();
        open.then_some("it grows with the kernel, and the bindings are of another release or name none")
    };
    pair.compare_constants(silent, "report the crate, unless the headers are of a release that changed the constant");
}

/// Whether a name stands for the end or the whole of a set.
fn grows(name: &str) -> bool {
    let name = name.trim_start_matches('_');
    name.starts_with("NUM_")
        || name.starts_with("LINUX_VERSION")
        || ["_MAX", "_LAST", "_CNT", "_MASK", "_ALL_BITS", "_ALL_LOCKS", "_SUPP", "_FLAGS_ALL", "NSIGSEGV", "NSIGBUS", "NSIGTRAP"]
            .iter()
            .any(|ending| name.ends_with(ending))
}
