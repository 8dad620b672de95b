//! Effects as text.

use crate::expr::{Expr, print};
use crate::model::Effect;

/// The name of an effect and its keys with their values, as a specification writes them.
pub fn effect_text(effect: &Effect, params: &[&str]) -> (&'static str, Vec<(&'static str, String)>) {
    let mut keys = Keys { params, list: Vec::new() };
    match effect {
        Effect::Opens { fd, kind, file, access, flags, cloexec, socket } => {
            keys.expr("fd", fd).maybe("kind", kind.as_ref());
            if let Some(file) = file {
                keys.param("file", *file);
            }
            if let Some(access) = access {
                keys.list.push(("access", access_text(access, params)));
            }
            keys.maybe("flags", flags.as_ref()).maybe("cloexec", cloexec.as_ref());
            if let Some(socket) = socket {
                keys.expr("family", &socket.family).expr("type", &socket.kind).maybe("fresh", socket.fresh.as_ref());
            }
        }
        Effect::Closes { fd, first, last } => {
            keys.maybe("fd", fd.as_ref()).maybe("first", first.as_ref()).maybe("last", last.as_ref());
        }
        Effect::Duplicates { fd, to, cloexec } => {
            keys.expr("fd", fd).expr("to", to).maybe("cloexec", cloexec.as_ref());
        }
        Effect::SetsCloexec { fd, first, last, to } => {
            keys.maybe("fd", fd.as_ref()).maybe("first", first.as_ref()).maybe("last", last.as_ref()).expr("to", to);
        }
        Effect::SetsStatus { fd, to } | Effect::SetsSeals { fd, to } => {
            keys.expr("fd", fd).expr("to", to);
        }
        Effect::SetsOffset { fd, to } => {
            keys.expr("fd", fd).maybe("to", to.as_ref());
        }
        Effect::SetsSize { file, to } => {
            keys.expr("file", file).expr("to", to);
        }
        Effect::SetsPermissions { file, to } => {
            keys.expr("file", file).maybe("to", to.as_ref());
        }
        Effect::Queues { fd, by } | Effect::Drains { fd, by } => {
            keys.expr("fd", fd).expr("by", by);
        }
        Effect::Writes { to, bytes } => {
            keys.expr("to", to).maybe("bytes", bytes.as_ref());
        }
        Effect::Creates { path, kind, permissions } => {
            keys.param("path", *path).expr("kind", kind).maybe("permissions", permissions.as_ref());
        }
        Effect::Links { from, to } => {
            keys.expr("from", from).param("to", *to);
        }
        Effect::Removes { path } => {
            keys.param("path", *path);
        }
        Effect::Renames { from, to, exchange } => {
            keys.param("from", *from).param("to", *to).maybe("exchange", exchange.as_ref());
        }
        Effect::SetsCwd { path } => {
            keys.expr("path", path);
        }
        Effect::SetsUmask { to } | Effect::SetsSigmask { to } | Effect::SetsNice { to } | Effect::SetsPolicy { to } => {
            keys.expr("to", to);
        }
        Effect::SetsLimit { resource, soft, hard } => {
            keys.expr("resource", resource).expr("soft", soft).expr("hard", hard);
        }
        Effect::Maps { addr, len, prot, flags, fd } => {
            keys.expr("addr", addr).expr("len", len).maybe("prot", prot.as_ref());
            keys.maybe("flags", flags.as_ref()).maybe("fd", fd.as_ref());
        }
        Effect::Unmaps { addr, len } => {
            keys.expr("addr", addr).expr("len", len);
        }
        Effect::Protects { addr, len, prot } => {
            keys.expr("addr", addr).expr("len", len).expr("prot", prot);
        }
        Effect::Ends { status } => {
            keys.expr("status", status);
        }
        Effect::Executes { file } => {
            keys.expr("file", file);
        }
        Effect::Begins { child, thread, sibling, first, reaped, memory, descriptors, directory } => {
            keys.expr("child", child).maybe("thread", thread.as_ref()).maybe("sibling", sibling.as_ref());
            keys.maybe("first", first.as_ref()).maybe("reaped", reaped.as_ref()).maybe("memory", memory.as_ref());
            keys.maybe("descriptors", descriptors.as_ref()).maybe("directory", directory.as_ref());
        }
        Effect::Changes { what } => keys.list.push(("what", what.name().to_owned())),
    }
    (crate::resolve::effect_name(effect), keys.list)
}

struct Keys<'a> {
    params: &'a [&'a str],
    list: Vec<(&'static str, String)>,
}

impl Keys<'_> {
    fn expr(&mut self, key: &'static str, expr: &Expr) -> &mut Self {
        self.list.push((key, print(expr, self.params)));
        self
    }

    fn maybe(&mut self, key: &'static str, expr: Option<&Expr>) -> &mut Self {
        if let Some(expr) = expr {
            self.expr(key, expr);
        }
        self
    }

    fn param(&mut self, key: &'static str, index: u8) -> &mut Self {
        self.list.push((key, self.params.get(usize::from(index)).copied().unwrap_or("?").to_owned()));
        self
    }
}

fn access_text(access: &Expr, params: &[&str]) -> String {
    match access {
        Expr::Int(0) => "read".to_owned(),
        Expr::Int(1) => "write".to_owned(),
        Expr::Int(2) => "both".to_owned(),
        Expr::Int(3) => "none".to_owned(),
        other => print(other, params),
    }
}
