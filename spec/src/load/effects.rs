//! Effects.

use super::reader::{Fields, Log, errno, expression, text};
use super::sets::names;
use super::yaml::{Value, Yaml};
use crate::expr::{BinaryOp, Expected, Expr, Scope, contradicts_itself};
use crate::model::{Changed, Effect, EffectRule, SocketSort};
use crate::place::Place;
use crate::suggest::nearest;
use crate::types::Type;

/// The names of all effects.
const NAMES: &[&str] = &[
    "opens",
    "closes",
    "duplicates",
    "sets_cloexec",
    "sets_status",
    "sets_offset",
    "sets_size",
    "sets_permissions",
    "queues",
    "drains",
    "sets_seals",
    "writes",
    "creates",
    "links",
    "removes",
    "renames",
    "sets_cwd",
    "sets_umask",
    "sets_limit",
    "sets_sigmask",
    "sets_nice",
    "sets_policy",
    "maps",
    "unmaps",
    "protects",
    "ends",
    "executes",
    "begins",
    "changes",
];

/// Reads one effect: a map with the effect's name as a key, and `when`, `since`, `until` beside it.
pub(super) fn load(log: &Log<'_>, after: Scope<'_>, yaml: Yaml) -> Option<EffectRule> {
    let at = yaml.at;
    let mut fields = Fields::open(log, "an effect", yaml)?;
    let when = fields.expr("when", after, Expected::Truth);
    let span = fields.span();
    let on = fields.take("on").map(|yaml| names(log, "on", yaml)).unwrap_or_default();
    let on: Vec<_> = on.iter().filter_map(|name| errno(log, name)).map(|at| at.value).collect();
    if let (Some(when), [_, ..]) = (&when, &on[..])
        && contradicts_itself(&after_failure(&when.value))
    {
        let help = "a call that failed returned less than 0: write `ret != 0`, or leave `ret` out";
        let message = "with none of the errnos of `on` this can be true";
        log.report("bad-effect", when.at, message, Some(help.to_owned()));
    }
    let mut rest = fields.rest();
    if rest.len() != 1 {
        log.report("bad-effect", at, "an effect is one of the effects' names, with `when` beside it", None);
        return None;
    }
    let (name, body) = rest.remove(0);
    if !NAMES.contains(&name.value.as_str()) {
        let help = nearest(&name.value, NAMES.iter().copied()).map(|found| format!("did you mean `{found}`?"));
        log.report("unknown-effect", name.at, format!("unknown effect `{}`", name.value), help);
        return None;
    }
    let effect = if name.value == "changes" {
        changes(log, body)?
    } else {
        let mut keys = Keys { log, after, fields: Fields::open(log, format!("`{}`", name.value), body)?, at: name.at };
        let effect = keys.effect(&name.value);
        keys.fields.close();
        effect?
    };
    Some(EffectRule { effect, when, on, span, at: name.at })
}

/// A condition, where the call failed.
fn after_failure(when: &Expr) -> Expr {
    let failed = Expr::Binary(BinaryOp::Lt, Box::new(Expr::Ret), Box::new(Expr::Int(0)));
    Expr::Binary(BinaryOp::And, Box::new(when.clone()), Box::new(failed))
}

fn changes(log: &Log<'_>, body: Yaml) -> Option<Effect> {
    let word = text(log, "changes", body)?;
    let Some(what) = Changed::ALL.iter().copied().find(|what| what.name() == word.value) else {
        let names: Vec<_> = Changed::ALL.iter().map(|what| what.name()).collect();
        let help = Some(format!("write one of {}", names.join(", ")));
        log.report("bad-effect", word.at, format!("`{}` is nothing that can change", word.value), help);
        return None;
    };
    Some(Effect::Changes { what })
}

struct Keys<'a, 's> {
    log: &'a Log<'a>,
    after: Scope<'s>,
    fields: Fields<'a>,
    at: Place,
}

impl Keys<'_, '_> {
    fn effect(&mut self, name: &str) -> Option<Effect> {
        Some(match name {
            "opens" => {
                let fd = self.need("fd");
                let kind = self.fields.expr("kind", self.after, Expected::Kind).map(|at| at.value);
                let file = self.path("file");
                let access = self.access();
                let flags = self.may("flags");
                let cloexec = self.truth("cloexec");
                if kind.is_none() && file.is_none() {
                    self.log.report("missing-key", self.at, "`opens` says what: `kind` or `file`", None);
                }
                let socket = self.socket();
                Effect::Opens { fd: fd?, kind, file, access, flags, cloexec, socket }
            }
            "closes" => {
                let (fd, first, last) = (self.may("fd"), self.may("first"), self.may("last"));
                self.one_or_range(fd.is_some(), first.is_some() && last.is_some());
                Effect::Closes { fd, first, last }
            }
            "duplicates" => {
                let (fd, to, cloexec) = (self.need("fd"), self.need("to"), self.truth("cloexec"));
                Effect::Duplicates { fd: fd?, to: to?, cloexec }
            }
            "sets_cloexec" => {
                let (fd, first, last) = (self.may("fd"), self.may("first"), self.may("last"));
                self.one_or_range(fd.is_some(), first.is_some() && last.is_some());
                let to = self.need_truth("to");
                Effect::SetsCloexec { fd, first, last, to: to? }
            }
            "sets_status" => {
                let (fd, to) = (self.need("fd"), self.need("to"));
                Effect::SetsStatus { fd: fd?, to: to? }
            }
            "sets_offset" => {
                let (fd, to) = (self.need("fd"), self.may("to"));
                Effect::SetsOffset { fd: fd?, to }
            }
            "sets_size" => {
                let (file, to) = (self.need_file("file"), self.need("to"));
                Effect::SetsSize { file: file?, to: to? }
            }
            "sets_permissions" => {
                let (file, to) = (self.need_file("file"), self.may("to"));
                Effect::SetsPermissions { file: file?, to }
            }
            "queues" => {
                let (fd, by) = (self.need("fd"), self.need("by"));
                Effect::Queues { fd: fd?, by: by? }
            }
            "drains" => {
                let (fd, by) = (self.need("fd"), self.need("by"));
                Effect::Drains { fd: fd?, by: by? }
            }
            "sets_seals" => {
                let (fd, to) = (self.need("fd"), self.need("to"));
                Effect::SetsSeals { fd: fd?, to: to? }
            }
            "writes" => {
                let (to, bytes) = (self.need("to"), self.may("bytes"));
                Effect::Writes { to: to?, bytes }
            }
            "creates" => {
                let path = self.need_path("path");
                let kind = self.fields.expr("kind", self.after, Expected::Kind).map(|at| at.value);
                if kind.is_none() {
                    self.log.report("missing-key", self.at, "`creates` lacks the key `kind`", None);
                }
                let permissions = self.may("permissions");
                Effect::Creates { path: path?, kind: kind?, permissions }
            }
            "links" => {
                let (from, to) = (self.need_file("from"), self.need_path("to"));
                Effect::Links { from: from?, to: to? }
            }
            "removes" => Effect::Removes { path: self.need_path("path")? },
            "renames" => {
                let (from, to, exchange) = (self.need_path("from"), self.need_path("to"), self.truth("exchange"));
                Effect::Renames { from: from?, to: to?, exchange }
            }
            "sets_cwd" => Effect::SetsCwd { path: self.need_file("path")? },
            "sets_umask" => Effect::SetsUmask { to: self.need("to")? },
            "sets_limit" => {
                let (resource, soft, hard) = (self.need("resource"), self.need("soft"), self.need("hard"));
                Effect::SetsLimit { resource: resource?, soft: soft?, hard: hard? }
            }
            "sets_sigmask" => Effect::SetsSigmask { to: self.need("to")? },
            "sets_nice" => Effect::SetsNice { to: self.need("to")? },
            "sets_policy" => Effect::SetsPolicy { to: self.need("to")? },
            "maps" => {
                let (addr, len) = (self.need("addr"), self.need("len"));
                let (prot, flags, fd) = (self.may("prot"), self.may("flags"), self.may("fd"));
                Effect::Maps { addr: addr?, len: len?, prot, flags, fd }
            }
            "unmaps" => {
                let (addr, len) = (self.need("addr"), self.need("len"));
                Effect::Unmaps { addr: addr?, len: len? }
            }
            "protects" => {
                let (addr, len, prot) = (self.need("addr"), self.need("len"), self.need("prot"));
                Effect::Protects { addr: addr?, len: len?, prot: prot? }
            }
            "ends" => Effect::Ends { status: self.need("status")? },
            "executes" => Effect::Executes { file: self.need_file("file")? },
            "begins" => {
                let child = self.need("child");
                let (thread, sibling, first) = (self.truth("thread"), self.truth("sibling"), self.truth("first"));
                let (reaped, memory) = (self.truth("reaped"), self.truth("memory"));
                let (descriptors, directory) = (self.truth("descriptors"), self.truth("directory"));
                Effect::Begins { child: child?, thread, sibling, first, reaped, memory, descriptors, directory }
            }
            _ => return None,
        })
    }

    /// `family` and `type` go together, and `fresh` with them.
    fn socket(&mut self) -> Option<SocketSort> {
        let (family, kind, fresh) = (self.may("family"), self.may("type"), self.truth("fresh"));
        match (family, kind) {
            (Some(family), Some(kind)) => Some(SocketSort { family, kind, fresh }),
            (None, None) if fresh.is_none() => None,
            _ => {
                self.log.report("missing-key", self.at, "a socket has both `family` and `type`", None);
                None
            }
        }
    }

    fn one_or_range(&self, one: bool, range: bool) {
        if one == range {
            self.log.report("bad-effect", self.at, "write `fd`, or `first` and `last`", None);
        }
    }

    fn may(&mut self, key: &'static str) -> Option<Expr> {
        self.fields.expr(key, self.after, Expected::Number).map(|at| at.value)
    }

    fn truth(&mut self, key: &'static str) -> Option<Expr> {
        self.fields.expr(key, self.after, Expected::Truth).map(|at| at.value)
    }

    fn need(&mut self, key: &'static str) -> Option<Expr> {
        let yaml = self.fields.need(key)?;
        expression(self.log, key, yaml, self.after, Expected::Number).map(|at| at.value)
    }

    fn need_truth(&mut self, key: &'static str) -> Option<Expr> {
        let yaml = self.fields.need(key)?;
        expression(self.log, key, yaml, self.after, Expected::Truth).map(|at| at.value)
    }

    fn need_file(&mut self, key: &'static str) -> Option<Expr> {
        let yaml = self.fields.need(key)?;
        expression(self.log, key, yaml, self.after, Expected::File).map(|at| at.value)
    }

    /// `read`, `write`, `both` or `none`, as O_ACCMODE has them; or an expression of that.
    fn access(&mut self) -> Option<Expr> {
        let yaml = self.fields.take("access")?;
        if let Value::Text(word) = &yaml.value
            && let Some(mode) = ["read", "write", "both", "none"].iter().position(|known| known == word)
        {
            return Some(Expr::Int(i128::try_from(mode).unwrap_or(0)));
        }
        expression(self.log, "access", yaml, self.after, Expected::Number).map(|at| at.value)
    }

    fn need_path(&mut self, key: &'static str) -> Option<u8> {
        let yaml = self.fields.need(key)?;
        self.path_value(key, yaml)
    }

    fn path(&mut self, key: &'static str) -> Option<u8> {
        let yaml = self.fields.take(key)?;
        self.path_value(key, yaml)
    }

    fn path_value(&self, key: &'static str, yaml: Yaml) -> Option<u8> {
        let name = text(self.log, key, yaml)?;
        let index = self.after.params.iter().position(|param| param.name == name.value);
        match index {
            Some(index) if matches!(self.after.params[index].ty, Type::Path { .. }) => u8::try_from(index).ok(),
            _ => {
                let message = format!("`{key}` names a path parameter, `{}` is none", name.value);
                self.log.report("bad-effect", name.at, message, None);
                None
            }
        }
    }
}
