//! The whole specification as JSON: types and conditions in their canonical text, each named thing with its place.
//!
//! Keys of objects are sorted, so the same specification always gives the same bytes. A key is absent where the
//! specification says nothing.

use super::effect_text;
use crate::expr::{Expr, print};
use crate::law::{Form, Law, Line};
use crate::model::{
    Command, Contract, EffectRule, Ensure, ErrorRule, Field, Member, Param, PerModel, Resource, Set, Spec, Struct,
    Syscall, Unknown,
};
use crate::place::{At, Place};
use crate::types::{self, Type};
use crate::version::Span;
use serde_json::{Map, Value};

/// The version of the layout. It grows when a key changes its meaning or goes; new keys may come without.
pub const JSON_VERSION: u32 = 1;

/// Gives a specification as JSON; without `places` two specifications that mean the same give the same value.
pub fn json(spec: &Spec, places: bool) -> Value {
    let writer = Writer { spec, places };
    let mut out = Object::default();
    out.set("format", "abispec");
    out.set("version", JSON_VERSION);
    out.set("syscalls", named(spec.syscalls.iter().map(|(name, call)| (name, writer.syscall(call)))));
    out.set("sets", named(spec.sets.iter().map(|(name, set)| (name, writer.set(set)))));
    out.set("structs", named(spec.structs.iter().map(|(name, found)| (name, writer.structure(found)))));
    out.set("resources", named(spec.resources.iter().map(|(name, resource)| (name, writer.resource(resource)))));
    out.set("laws", named(spec.laws.iter().map(|(name, law)| (name, writer.law(law)))));
    out.done()
}

fn named<'a>(list: impl Iterator<Item = (&'a String, Value)>) -> Value {
    Value::Object(list.map(|(name, value)| (name.clone(), value)).collect())
}

#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn maybe(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    fn list(&mut self, key: &str, list: Vec<Value>) {
        if !list.is_empty() {
            self.set(key, list);
        }
    }

    fn flag(&mut self, key: &str, truth: bool) {
        if truth {
            self.set(key, true);
        }
    }

    fn span(&mut self, span: Span) {
        self.maybe("since", span.since.map(|release| release.to_string()));
        self.maybe("until", span.until.map(|release| release.to_string()));
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// JSON numbers that every reader takes are 64 bits wide; what lies beyond is a text.
fn number(value: i128) -> Value {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => value.into(),
        (_, Ok(value)) => value.into(),
        _ => value.to_string().into(),
    }
}

fn unknown(unknown: &At<Unknown>) -> &'static str {
    match unknown.value {
        Unknown::Rejected(errno) => errno.name(),
        Unknown::Ignored => "ignored",
        Unknown::Reserved => "reserved",
    }
}

fn per_model(value: PerModel) -> Value {
    if value.lp64 == value.ilp32 {
        return value.lp64.into();
    }
    let mut out = Object::default();
    out.set("lp64", value.lp64);
    out.set("ilp32", value.ilp32);
    out.done()
}

struct Writer<'a> {
    spec: &'a Spec,
    places: bool,
}

impl Writer<'_> {
    fn place(&self, out: &mut Object, at: Place) {
        if self.places {
            out.set("at", self.spec.place(at).to_string());
        }
    }

    fn syscall(&self, call: &Syscall) -> Value {
        let names = call.param_names();
        let mut out = Object::default();
        self.place(&mut out, call.name.at);
        out.set("summary", call.summary.as_str());
        out.span(call.span);
        out.maybe("man", call.man.as_deref());
        out.list("groups", call.groups.iter().map(|group| group.as_str().into()).collect());
        out.set("nr", named(call.nr.iter().map(|(port, number)| (port, number.value.into()))));
        out.maybe("entry", call.entry.as_deref());
        out.maybe("config", call.config.as_ref().map(|config| config.value.as_str()));
        if let Some(scope) = &call.scope {
            let mut inside = Object::default();
            inside.set(scope.value.extent.name(), scope.value.because.as_str());
            out.set("scope", inside.done());
        }
        out.list("params", call.params.iter().map(|param| self.param(param, &names)).collect());
        out.flag("unimplemented", call.is_unimplemented());
        if !call.orders.is_empty() {
            let name = |index: &u8| names.get(usize::from(*index)).copied().unwrap_or_default().into();
            let order = |order: &Vec<u8>| Value::Array(order.iter().map(name).collect());
            out.set("orders", named(call.orders.iter().map(|(port, one)| (port, order(one)))));
        }
        self.contract(&mut out, &call.contract, &names);
        out.maybe("select", call.select.and_then(|index| names.get(usize::from(index)).copied()));
        out.list("commands", call.commands.iter().map(|command| self.command(command, &names)).collect());
        out.done()
    }

    fn param(&self, param: &Param, names: &[&str]) -> Value {
        let condition = |given: &Option<At<Expr>>| given.as_ref().map(|at| print(&at.value, names));
        let mut out = Object::default();
        self.place(&mut out, param.name.at);
        out.set("name", param.name.value.as_str());
        out.set("c", param.c.value.as_str());
        out.set("type", types::print(&param.ty.value, names));
        out.maybe("unknown", param.unknown.as_ref().map(unknown));
        out.maybe("unknown_when", condition(&param.unknown_when));
        out.maybe("used", condition(&param.used));
        out.maybe("base", param.base.and_then(|index| names.get(usize::from(index)).copied()));
        out.maybe("follow", condition(&param.follow));
        out.maybe("empty", condition(&param.empty));
        out.maybe("must_exist", condition(&param.must_exist));
        out.maybe("scoped", condition(&param.scoped));
        out.list("asks", param.asks.iter().map(|operation| operation.name().into()).collect());
        out.done()
    }

    fn command(&self, command: &Command, names: &[&str]) -> Value {
        let mut out = Object::default();
        if let Some(name) = command.names.first() {
            self.place(&mut out, name.at);
        }
        out.list("names", command.names.iter().map(|name| name.value.as_str().into()).collect());
        out.span(command.span);
        out.maybe("on", command.on.as_ref().map(|ty| types::print(&ty.value, names)));
        out.maybe("config", command.config.as_ref().map(|config| config.value.as_str()));
        out.list("params", command.params.iter().map(|(_, param)| self.param(param, names)).collect());
        self.contract(&mut out, &command.contract, names);
        out.done()
    }

    fn contract(&self, out: &mut Object, contract: &Contract, names: &[&str]) {
        let ty = |at: &At<Type>| types::print(&at.value, names);
        out.maybe("returns", contract.returns.as_ref().map(ty));
        out.maybe("blocks", contract.blocks.as_ref().map(|at| print(&at.value, names)));
        out.list("ensures", contract.ensures.iter().map(|ensure| self.ensure(ensure, names)).collect());
        out.list("effects", contract.effects.iter().map(|effect| self.effect(effect, names)).collect());
        if !contract.needs.is_empty() || contract.success_needs.is_some() {
            let mut inside = Object::default();
            inside.maybe("success", contract.success_needs.as_ref().map(|needs| needs.value.as_str()));
            contract.needs.iter().for_each(|(errno, needs)| inside.set(errno.name(), needs.value.as_str()));
            out.set("needs", inside.done());
        }
        out.list("errors", contract.errors.iter().map(|rule| self.rule(rule, names)).collect());
    }

    fn ensure(&self, ensure: &Ensure, names: &[&str]) -> Value {
        let mut out = Object::default();
        self.place(&mut out, ensure.that.at);
        out.set("that", print(&ensure.that.value, names));
        out.maybe("when", ensure.when.as_ref().map(|when| print(&when.value, names)));
        out.span(ensure.span);
        out.maybe("because", ensure.because.as_deref());
        out.done()
    }

    fn effect(&self, rule: &EffectRule, names: &[&str]) -> Value {
        let (name, keys) = effect_text(&rule.effect, names);
        let mut out = Object::default();
        self.place(&mut out, rule.at);
        out.set("effect", name);
        for (key, value) in keys {
            out.set(key, value);
        }
        out.maybe("when", rule.when.as_ref().map(|when| print(&when.value, names)));
        out.list("on", rule.on.iter().map(|errno| errno.name().into()).collect());
        out.span(rule.span);
        out.done()
    }

    fn rule(&self, rule: &ErrorRule, names: &[&str]) -> Value {
        let mut out = Object::default();
        self.place(&mut out, rule.errno.at);
        out.set("errno", rule.errno.value.name());
        out.set(if rule.duty { "when" } else { "may" }, print(&rule.condition.value, names));
        out.maybe("because", rule.because.as_deref());
        out.maybe("needs", rule.needs.as_deref());
        out.set("from", rule.origin.name());
        out.span(rule.span);
        out.list("before", rule.before.iter().map(|errno| errno.name().into()).collect());
        out.done()
    }

    fn law(&self, law: &Law) -> Value {
        let names = law.names();
        let mut out = Object::default();
        self.place(&mut out, law.name.at);
        out.set("summary", law.summary.as_str());
        out.span(law.span);
        let lines = |lines: &[&Line]| lines.iter().map(|line| line.text.as_str().into()).collect();
        match &law.form {
            Form::Same { left, right } => out.list("same", lines(&[left, right])),
            Form::Relation { given, calls, that } => {
                let types = law
                    .variables
                    .iter()
                    .take(usize::from(*given))
                    .map(|one| (&one.name.value, types::print(&one.ty.value, &names).into()));
                out.set("given", named(types));
                // They are made in this order, which the keys of an object do not keep.
                let order: Vec<&str> = names.iter().copied().take(usize::from(*given)).collect();
                if !order.is_sorted() {
                    out.set("given_order", order);
                }
                out.list("calls", lines(&calls.iter().collect::<Vec<_>>()));
                out.set("that", print(&that.value, &names));
            }
        }
        out.maybe("when", law.when.as_ref().map(|when| print(&when.value, &names)));
        out.maybe("because", law.because.as_deref());
        out.done()
    }

    fn set(&self, set: &Set) -> Value {
        let mut out = Object::default();
        self.place(&mut out, set.name.at);
        out.set("kind", set.kind.name());
        out.maybe("header", set.header.as_ref().map(|header| header.value.as_str()));
        out.list("prefix", set.prefix.iter().map(|prefix| prefix.as_str().into()).collect());
        out.list("includes", set.includes.iter().map(|included| included.value.as_str().into()).collect());
        out.list("members", set.members.iter().map(|member| self.member(member)).collect());
        out.done()
    }

    fn member(&self, member: &Member) -> Value {
        let value = |at: &At<Expr>| match &at.value {
            Expr::Int(value) => number(*value),
            other => print(other, &[]).into(),
        };
        let mut out = Object::default();
        self.place(&mut out, member.name.at);
        out.set("name", member.name.value.as_str());
        out.set("value", value(&member.value));
        if !member.arch.is_empty() {
            let ports = member.arch.iter().map(|(arch, own)| (arch.name().to_owned(), value(own)));
            out.set("arch", Value::Object(ports.collect()));
        }
        out.span(member.span);
        out.flag("mask", member.mask);
        out.flag("internal", member.internal);
        out.done()
    }

    fn structure(&self, found: &Struct) -> Value {
        let mut out = Object::default();
        self.place(&mut out, found.name.at);
        out.flag("union", found.union);
        out.maybe("view", found.view.as_ref().map(|view| view.value.as_str()));
        out.maybe("within", found.within.as_deref());
        out.maybe("header", found.header.as_ref().map(|header| header.value.as_str()));
        out.set("c", found.c.as_str());
        out.maybe("btf", found.btf.as_deref());
        out.set("size", per_model(found.size.value));
        out.set("align", per_model(found.align.value));
        out.list("fields", found.fields.iter().map(|field| self.field(field)).collect());
        if !found.ports.is_empty() {
            let ports = found.ports.iter().map(|arch| Value::from(arch.name()));
            out.set("ports", Value::Array(ports.collect()));
        }
        if !found.versions.is_empty() {
            let versions = found.versions.iter().map(|(size, since)| (size.to_string(), since.to_string().into()));
            out.set("versions", Value::Object(versions.collect()));
        }
        out.done()
    }

    fn field(&self, field: &Field) -> Value {
        let mut out = Object::default();
        self.place(&mut out, field.name.at);
        out.set("name", field.name.value.as_str());
        out.set("type", types::print(&field.ty.value, &[]));
        out.set("offset", per_model(field.offset.value));
        out.maybe("member", field.member.as_deref());
        out.maybe("c", field.c.as_ref().map(|c| c.value.as_str()));
        out.maybe("unknown", field.unknown.as_ref().map(unknown));
        out.span(field.span);
        out.done()
    }

    fn resource(&self, resource: &Resource) -> Value {
        let mut out = Object::default();
        self.place(&mut out, resource.name.at);
        out.maybe("parent", resource.parent.as_deref());
        out.maybe("base", resource.base.map(|int| int.name()));
        out.maybe("kind", resource.kind.map(|kind| kind.name()));
        if !resource.special.is_empty() {
            out.set("special", named(resource.special.iter().map(|(name, value)| (name, number(*value)))));
        }
        out.done()
    }
}
