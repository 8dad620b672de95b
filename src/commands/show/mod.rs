//! `abispec show`.

mod call;
mod law;
mod names;
pub(super) mod narrow;

use crate::args::{Format, TargetArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::law::Law;
use abispec::model::Spec;
use abispec::suggest::nearest;
use abispec::target::{Resolved, Target};
use abispec::version::Release;
use serde_json::{Value, json};
use std::io::Write;

/// Options of `abispec show`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec show openat2                          all releases, with since and until
  abispec show openat2 --kernel 6.1             what Linux 6.1 has
  abispec show openat2 --arch aarch64           with the values of another port
  abispec show pipe2 --implied                  with the rules that follow from the types
  abispec show fcntl --command F_DUPFD          one command of a call that multiplexes
  abispec show open_how                         a struct; sets, resources and laws likewise")]
pub(crate) struct Args {
    /// A system call, flag set, struct, resource or law
    name: String,
    /// Only this command of a call that multiplexes
    #[arg(long, value_name = "NAME")]
    command: Option<String>,
    /// Also the error rules that follow from the types
    #[arg(long)]
    implied: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// What is shown and for whom.
struct View<'a> {
    /// The specification, without what the kernel lacks.
    spec: &'a Spec,
    resolved: &'a Resolved,
    /// The kernel that was asked for; `None` shows all releases.
    kernel: Option<Release>,
    implied: bool,
}

/// The release that has whatever any release has; nothing has ended with it that still exists.
const NEWEST: Release = Release::new(u16::MAX, 0);

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec_of(&args.name)?;
    let target = Target::new(args.target.arch(), args.target.kernel.unwrap_or(NEWEST));
    let name = args.name.as_str();
    if let Some(law) = spec.laws.get(name) {
        return a_law(args, &spec, law, &target, context, out);
    }
    let mut shown = narrow::to_call(&spec, name);
    if let Some(command) = &args.command {
        narrow::to_command(&mut shown, name, command)?;
    }
    let resolved = abispec::resolve(&shown, &target);
    if let Some(kernel) = args.target.kernel {
        narrow::to_kernel(&mut shown, kernel);
    }
    let view = View { spec: &shown, resolved: &resolved, kernel: args.target.kernel, implied: args.implied };
    if let Some(call) = shown.syscalls.get(name) {
        match context.format {
            Format::Human => call::human(&view, call, out)?,
            Format::Json => json_of(&view, "syscalls", name, out)?,
        }
    } else if let Some(call) = spec.syscalls.get(name) {
        let what = format!("{name} does not exist in Linux {}", target.release);
        let since = call.span.since.map(|since| format!("it came with {since}"));
        let until = call.span.until.map(|until| format!("its last release was {until}"));
        let why: Vec<_> = since.into_iter().chain(until).collect();
        return Err(Failure::new(what).at(spec.place(call.name.at).to_string()).why(why.join(", ")));
    } else if let Some(set) = shown.sets.get(name) {
        match context.format {
            Format::Human => names::set(&view, set, out)?,
            Format::Json => json_of(&view, "sets", name, out)?,
        }
    } else if let Some(found) = shown.structs.get(name) {
        match context.format {
            Format::Human => names::structure(&view, found, out)?,
            Format::Json => json_of(&view, "structs", name, out)?,
        }
    } else if let Some(found) = shown.resources.get(name) {
        match context.format {
            Format::Human => names::resource(&view, found, out)?,
            Format::Json => json_of(&view, "resources", name, out)?,
        }
    } else {
        return Err(unknown(&spec, name));
    }
    Ok(Exit::Conforms)
}

/// A law needs all of its calls, so that nothing but itself is narrowed.
fn a_law(
    args: &Args,
    spec: &Spec,
    law: &Law,
    target: &Target,
    context: &Context,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let name = args.name.as_str();
    let resolved = abispec::resolve(spec, target);
    if let Some(kernel) = args.target.kernel
        && !resolved.laws.iter().any(|law| law.name == name)
    {
        let place = spec.place(law.name.at).to_string();
        return Err(Failure::new(format!("{name} says nothing of Linux {kernel} on {}", target.arch))
            .at(place)
            .why("the law or one of its calls does not exist there"));
    }
    let view = View { spec, resolved: &resolved, kernel: args.target.kernel, implied: false };
    match context.format {
        Format::Human => law::human(&view, law, out)?,
        Format::Json => json_of(&view, "laws", name, out)?,
    }
    Ok(Exit::Conforms)
}

fn unknown(spec: &Spec, name: &str) -> Failure {
    let names = spec.syscalls.keys().chain(spec.sets.keys()).chain(spec.structs.keys()).chain(spec.resources.keys());
    let names = names.chain(spec.laws.keys());
    let failure = Failure::new(format!("nothing in the specification is called `{name}`"));
    if let Some((set, member)) = spec.constant(name) {
        let place = spec.place(member.name.at).to_string();
        return failure.at(place).help(format!("it is a constant: `abispec show {}`", set.name.value));
    }
    match nearest(name, names.map(String::as_str)) {
        Some(found) => failure.help(format!("did you mean `{found}`?")),
        None => failure.help("`abispec list` shows every system call"),
    }
}

fn json_of(view: &View<'_>, section: &str, name: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let mut all = abispec::export::json(view.spec, true);
    let mut one = all[section][name].take();
    one["name"] = json!(name);
    one["arch"] = json!(view.resolved.target.arch.name());
    one["kernel"] = json!(view.kernel.map(|kernel| kernel.to_string()));
    if section == "syscalls" {
        let call = &view.spec.syscalls[name];
        let mut used = abispec::export::Reach::default();
        used.call(view.spec, call);
        one["number"] = json!(call.number(view.resolved.target.arch).map(|nr| nr.value));
        one["sets"] = used.sets.iter().map(|set| ((*set).to_owned(), values(view, set))).collect();
        one["structs"] = used.structs.iter().map(|name| ((*name).to_owned(), all["structs"][*name].take())).collect();
        if view.implied {
            one["implied"] = implied(view);
        }
    } else if section == "sets" {
        one["values"] = values(view, name);
    }
    writeln!(out, "{one}")?;
    Ok(())
}

/// The members of a set that are shown, with their values on the port.
fn values(view: &View<'_>, set: &str) -> Value {
    let number = |value: i128| i64::try_from(value).map_or_else(|_| json!(value.to_string()), |value| json!(value));
    let members = names::members(view, set);
    members.iter().map(|member| (member.name.to_owned(), member.value.map_or(Value::Null, number))).collect()
}

fn implied(view: &View<'_>) -> Value {
    let list = view.resolved.clauses.iter().filter(|clause| clause.implied).filter_map(|clause| {
        let kind = if clause.kind == abispec::target::ClauseKind::When { "when" } else { "may" };
        Some(json!({
            "errno": clause.errno?.name(), kind: clause.text, "command": clause.command,
            "at": view.spec.place(clause.at).to_string(),
        }))
    });
    list.collect()
}
