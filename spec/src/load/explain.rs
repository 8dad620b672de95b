//! What the ids of load errors mean.

/// Every id that the loader reports, with its explanation: a sentence, then how to mend it.
pub const EXPLANATIONS: &[(&str, &str)] = &[
    (
        "yaml-syntax",
        "The file is not YAML.\n\nThe place is where the reader gave up; the cause often stands just before it. Conditions that hold `: `, `#`,\n`[`, `{`, `&`, `*`, `!` or `,` need quotes: `when: \"!open(fd)\"`.",
    ),
    (
        "other-format",
        "`format.yaml` states a version of the language that this program does not read. Nothing else of the folder was looked at.\n\nAn older version is rewritten by `abispec migrate`. A newer one wants a newer abispec: what it says may mean something\nelse there, so nothing is guessed.",
    ),
    (
        "wrong-type",
        "A value has another form than its key wants: a text, a number, a list, a map or a boolean.\n\nReleases are texts: `since: \"5.10\"`, since the number 5.10 is 5.1.",
    ),
    (
        "duplicate-key",
        "A map has one key twice, so that one of the values would be lost.\n\nRemove one, or join them: all rules of an errno stand in one list.",
    ),
    (
        "missing-key",
        "A key that has no default is absent.\n\nLANGUAGE.md lists the keys of every map and which of them are required.",
    ),
    (
        "unknown-key",
        "A key that the language does not have, or not here.\n\nKeys that nobody reads would look like promises; so they are errors. The help names the nearest key.",
    ),
    (
        "bad-number",
        "A number lies outside the range of its key.\n\nSystem call numbers, sizes and offsets have at most 32 bits and no sign.",
    ),
    (
        "condition-syntax",
        "A condition does not parse.\n\nThe mark stands under the first character that makes no sense, and the message says what would. Comparisons do not\nchain; a call's parenthesis touches its name. LANGUAGE.md, section 6, has the grammar.",
    ),
    (
        "condition-type",
        "A condition parses, but an operand does not fit: a name that nothing has, a flag of another set, a pointer compared\nwith a number, a flag set used as a condition.\n\nEvery condition is checked when it is loaded, so that none can fail while a kernel is tested.",
    ),
    (
        "type-syntax",
        "A type does not parse.\n\nLANGUAGE.md, section 4, lists the types: `ptr[in, struct[timespec]]?`, `flags[open_flags]`, `buffer[out, count]`.",
    ),
    (
        "bad-type",
        "A type parses, but names something that does not exist or does not fit: an unknown set, struct, resource or parameter.\n\nOnly pointers take a `?`; a count is a number or a parameter.",
    ),
    (
        "bad-scope",
        "`scope` says where alone a call is tried, and why: `scope: {system: \"changes what is mounted\"}` for a machine of its own,\n`scope: {never: \"..\"}` for nowhere.\n\nThe reason is what every list of skipped calls shows. A call that may be tried in any sandbox has no `scope`.",
    ),
    (
        "bad-operation",
        "`asks` lists what a call asks of the file system of a file; this word is nothing that file systems are asked.\n\nLANGUAGE.md, section 3, lists the words.",
    ),
    (
        "bad-errno",
        "A name that is no errno which user space can see.\n\nAliases have one proper name (EAGAIN, not EWOULDBLOCK); codes such as ERESTARTSYS never leave the kernel.",
    ),
    (
        "duplicate-name",
        "Two sets, structs or resources have one name.\n\nThese names are global: rename one, or use the other's.",
    ),
    ("duplicate-field", "A struct has one field twice.\n\nRemove or rename one of the two."),
    (
        "duplicate-param",
        "A call has two parameters of one name.\n\nConditions could not tell them apart; take the kernel's own names.",
    ),
    (
        "duplicate-command",
        "Two blocks describe one command.\n\nA command belongs to one block; commands that share everything stand in one key: `\"F_SETLK, F_SETLKW\"`.",
    ),
    (
        "duplicate-number",
        "Two system calls have one number on one port.\n\nThe kernel's tables decide which of them is wrong: arch/*/entry/syscalls/*.tbl and scripts/syscall.tbl.",
    ),
    (
        "duplicate-rule",
        "An errno has the same rule twice, for the same releases.\n\nRemove one of the two; it would be counted twice and checked once.",
    ),
    (
        "bad-kind",
        "A word that is no kind of set, struct or file.\n\nSets are flags, enum or bits; resources refer to the kinds of LANGUAGE.md, section 6.",
    ),
    (
        "unknown-resource",
        "A resource names a parent that does not exist.\n\nResources stand in resources/; the help names the nearest.",
    ),
    (
        "unknown-struct",
        "A struct is a view of one that does not exist, or that is a view itself.\n\nThe struct that has views states `size:` and `align:` for all of them.",
    ),
    ("unknown-set", "A set includes one that does not exist.\n\nSets stand in flags/; the help names the nearest."),
    (
        "unknown-port",
        "A word that is no port of Linux.\n\nPorts are system call ABIs: x86_64, i386, arm64, mips_o32 ...; `generic` is the table that newer ports share.",
    ),
    (
        "bad-order",
        "An order of parameters that leaves one out, or names one twice or none of the call.\n\n`orders` says for a port which parameter is in which register: each parameter once.",
    ),
    (
        "unknown-param",
        "A name that is no parameter of this call.\n\n`base` and `select` name parameters of the same file.",
    ),
    (
        "unknown-effect",
        "A word that is no effect.\n\nLANGUAGE.md, section 11, lists the effects. What no effect names must not change.",
    ),
    (
        "unknown-command",
        "A block for a value that the selecting enumeration does not have.\n\nAdd the constant to the set, or mend its name.",
    ),
    (
        "empty-set",
        "A set without members.\n\nNothing could be passed for it; list its members, or include another set.",
    ),
    (
        "empty-rules",
        "An errno without rules.\n\nIt would neither be permitted nor required: write a rule, or remove the errno.",
    ),
    (
        "empty-span",
        "`since` lies after `until`, or a rule ends before its call begins: no kernel would have it.\n\n`until` is the last release that has it.",
    ),
    (
        "bad-release",
        "A text that is no kernel release.\n\nWrite it like \"5.10\" or \"2.6.27\", without -rc or a vendor's suffix.",
    ),
    (
        "bad-value",
        "A constant whose value depends on itself, or on a constant that has no value.\n\nFollow the names in the expression; one of them leads back.",
    ),
    (
        "value-conflict",
        "One constant has two values.\n\nA constant may stand in several sets, but its value is one; ports that differ are listed under `arch`.",
    ),
    ("reserved-name", "A name that has a meaning in the language already.\n\nConditions could not say which is meant."),
    (
        "bad-layout",
        "A struct whose numbers contradict each other: fields overlap or lie beyond the size, the size is no multiple of the\nalignment, or the newest published version is not the struct's size.\n\nThe check is done for 64-bit and for 32-bit longs.",
    ),
    (
        "cyclic-struct",
        "A struct contains itself, so that it would have no size.\n\nPoint to it: `ptr[in, struct[name]]`.",
    ),
    (
        "wrong-file-name",
        "A system call's file is not named after it.\n\n`syscalls/NAME.yaml` holds `syscall: NAME`, so that every reader finds it.",
    ),
    (
        "missing-number",
        "A system call has no number on any port.\n\n`nr: {x86_64: 293, generic: 59}`; a port that is absent lacks the call.",
    ),
    ("too-many-params", "A system call with more than six parameters.\n\nNo port passes more."),
    (
        "vacuous-key",
        "A key that has no meaning for this type, so that nothing would come of it.\n\n`unknown` is for flags and enumerations, `used` for pointers, `follow`, `empty` and `must_exist` for paths.",
    ),
    (
        "vacuous-rule",
        "A clause that does not depend on the call: it would always or never hold.\n\nA rule that permits always is `may: true`; a promise that is always true is none.",
    ),
    (
        "when-and-may",
        "A rule has both `when` and `may`.\n\n`when` is a duty, `may` a permission; write two rules if both are meant.",
    ),
    (
        "bad-origin",
        "A word that is no origin of errors.\n\nThe origin tells a broken argument check from a full disk: args, state, filesystem, lsm, limits, memory, signal,\nconfig, arch.",
    ),
    (
        "bad-selector",
        "The parameter that selects commands is not an enumeration.\n\nIts type is `enum[set]`, and the set's `kind` is enum.",
    ),
    (
        "missing-command",
        "A member of the selecting enumeration has no block.\n\nA command that nobody describes would be promised nothing; write its block, or remove the member.",
    ),
    (
        "bad-effect",
        "An effect whose keys do not fit together.\n\nLANGUAGE.md, section 11, lists the keys of each effect.",
    ),
    (
        "law-syntax",
        "A call of a law does not parse.\n\nIt is `call(arguments)`, with `name = ` before it where its result is named, and `may fail` behind it where the law\nsays something of its failure. LANGUAGE.md, section 15, has the form.",
    ),
    (
        "unknown-call",
        "A law makes a call, or `like` names one, that is not specified.\n\nThe help names the nearest. A law can only be tried with calls that have a file in syscalls/, and a call that is `like`\nanother takes over what that one's file promises, so that file must state it itself.",
    ),
    (
        "bad-law",
        "A law whose parts do not fit together: names that nothing mentions, a wrong number of arguments, a condition that asks\nfor what a law does not follow.\n\nLANGUAGE.md, section 15, says what the two forms of a law consist of.",
    ),
    ("bad-count", "The parameter that counts a buffer or an array is a pointer.\n\nCounts are numbers."),
];

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// The ids that the sources of the loader report: the first text after `report(` and its like.
    fn used() -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/load")).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("explain.rs") {
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            for call in [".report(", ".report_inside(", "Finding::error("] {
                for after in text.split(call).skip(1) {
                    if let Some(id) = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                        ids.insert(id.to_owned());
                    }
                }
            }
        }
        ids
    }

    #[test]
    fn every_id_is_explained_and_every_explanation_is_used() {
        let explained: BTreeSet<String> = EXPLANATIONS.iter().map(|(id, _)| (*id).to_owned()).collect();
        assert_eq!(explained.len(), EXPLANATIONS.len(), "an id is explained twice");
        assert_eq!(used(), explained);
    }
}
