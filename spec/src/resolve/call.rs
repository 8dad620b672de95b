//! One system call for a target.

use super::expr::Context;
use super::implied::{self, Implied};
use crate::ctype::int_of;
use crate::errno::Errno;
use crate::expr::{BinaryOp, Expr, print};
use crate::model::{Contract, Effect, EffectRule, Param, Spec, Syscall, Unknown};
use crate::place::{At, Place};
use crate::target::{
    Call, Clause, ClauseId, ClauseKind, Memory, PathKeys, Resolved, ResolvedEffect, ResolvedEnsure, ResolvedParam,
    Rule, Variant,
};
use crate::types::{self, Count, IntType, Type};
use std::collections::BTreeMap;

/// Resolves a call; `None` where the port lacks it.
pub(super) fn resolve(spec: &Spec, syscall: &Syscall, resolved: &mut Resolved) -> Option<Call> {
    let target = resolved.target.clone();
    let nr = syscall.number(target.arch)?.value;
    let mut making = Making { spec, syscall, resolved, names: syscall.param_names() };
    let common_params = making.params(&syscall.params, None, &[]);
    let common = making.part(&syscall.contract, &syscall.params, None);
    let needs = &syscall.contract.needs;
    let mut implied = Vec::new();
    for (index, param) in syscall.params.iter().enumerate() {
        let index = u8::try_from(index).ok()?;
        implied.extend(making.implied_by_param(index, param, &syscall.params, needs, None, &[]));
    }
    let blocks = syscall.contract.blocks.as_ref().map(|at| at.value.clone());
    let config = syscall.config.as_ref();
    let place = syscall.contract.blocks.as_ref().map(|at| at.at).or(config.map(|at| at.at)).unwrap_or(syscall.name.at);
    let general = implied::of_call(blocks.as_ref(), config.map(|at| at.value.as_str()));
    let general = making.implied_rules(general, place, &syscall.params, needs, None, &[]);
    implied.extend(general.into_iter().map(|rule| (None, rule)));

    let mut variants = Vec::new();
    if let Some(select) = syscall.select {
        for command in syscall.commands.iter().filter(|command| command.span.contains(target.release)) {
            let title = command.names[0].value.clone();
            let mut params = syscall.params.clone();
            let overridden: Vec<u8> = command.params.iter().map(|(index, _)| *index).collect();
            for (index, param) in &command.params {
                params[usize::from(*index)] = param.clone();
            }
            let mut part = making.part(&command.contract, &params, Some(&title));
            for (index, param) in &command.params {
                let needs = &command.contract.needs;
                let own = making.implied_by_param(*index, param, &params, needs, Some(&title), &implied);
                part.rules.extend(own.into_iter().map(|(_, rule)| rule));
            }
            let blocks = command.contract.blocks.as_ref();
            let general =
                implied::of_call(blocks.map(|at| &at.value), command.config.as_ref().map(|at| at.value.as_str()));
            let place = blocks.map_or(command.names[0].at, |at| at.at);
            let needs = &command.contract.needs;
            part.rules.extend(making.implied_rules(general, place, &params, needs, Some(&title), &[]));
            let inherited = implied.iter().filter(|(index, _)| index.is_none_or(|index| !overridden.contains(&index)));
            part.rules.extend(inherited.map(|(_, rule)| rule.clone()));
            part.rules.extend(common.rules.iter().cloned());
            part.ensures.extend(common.ensures.iter().cloned());
            part.effects.extend(common.effects.iter().cloned());
            let shown = making.params(&params, Some(&title), &overridden);
            let returns = part.returns.or_else(|| common.returns.clone())?;
            for name in &command.names {
                let Some(selector) = making.resolved.constants.get(&name.value).copied() else { continue };
                variants.push(Variant {
                    command: Some(name.value.clone()),
                    selector: Some(making.converted(select, selector)),
                    params: shown.clone(),
                    returns: returns.0.clone(),
                    returns_clause: returns.1,
                    blocks: part.blocks.clone().or_else(|| common.blocks.clone()),
                    rules: part.rules.clone(),
                    ensures: part.ensures.clone(),
                    effects: part.effects.clone(),
                    success_needs: success_needs(&command.contract).or_else(|| success_needs(&syscall.contract)),
                });
            }
        }
    }
    let returns = match common.returns {
        Some(returns) => returns,
        None => {
            let any = Type::Int { int: IntType::Long { signed: true }, range: None };
            let clause = making.clause(None, ClauseKind::Returns, syscall.name.at, "long".to_owned(), true);
            (any, clause)
        }
    };
    let mut rules = common.rules;
    rules.extend(implied.into_iter().map(|(_, rule)| rule));
    variants.push(Variant {
        command: None,
        selector: None,
        params: common_params,
        returns: returns.0,
        returns_clause: returns.1,
        blocks: common.blocks,
        rules,
        ensures: common.ensures,
        effects: common.effects,
        success_needs: success_needs(&syscall.contract),
    });
    let groups = syscall.groups.clone();
    let order = syscall.order(resolved.target.arch).map(<[u8]>::to_vec);
    let scope = syscall.scope.as_ref().map(|scope| scope.value.clone());
    Some(Call { name: syscall.name.value.clone(), nr, groups, scope, select: syscall.select, order, variants })
}

fn success_needs(contract: &Contract) -> Option<String> {
    contract.success_needs.as_ref().map(|needs| needs.value.clone())
}

/// What has to be so for implied permissions of some errnos.
type Needs = BTreeMap<Errno, At<String>>;

/// A contract with its clauses.
struct Part {
    returns: Option<(Type, ClauseId)>,
    blocks: Option<Expr>,
    rules: Vec<Rule>,
    ensures: Vec<ResolvedEnsure>,
    effects: Vec<ResolvedEffect>,
}

struct Making<'a> {
    spec: &'a Spec,
    syscall: &'a Syscall,
    resolved: &'a mut Resolved,
    names: Vec<&'a str>,
}

impl Making<'_> {
    fn clause(&mut self, command: Option<&str>, kind: ClauseKind, at: Place, text: String, implied: bool) -> ClauseId {
        let id = ClauseId(u32::try_from(self.resolved.clauses.len()).unwrap_or(u32::MAX));
        self.resolved.clauses.push(Clause {
            syscall: self.syscall.name.value.clone(),
            command: command.map(str::to_owned),
            kind,
            errno: None,
            text,
            at,
            implied,
        });
        id
    }

    fn part(&mut self, contract: &Contract, params: &[Param], command: Option<&str>) -> Part {
        let release = self.resolved.target.release;
        let types = types_of(params);
        let mut part =
            Part { returns: None, blocks: None, rules: Vec::new(), ensures: Vec::new(), effects: Vec::new() };
        if let Some(returns) = &contract.returns {
            let text = types::print(&returns.value, &self.names);
            let clause = self.clause(command, ClauseKind::Returns, returns.at, text, false);
            part.returns = Some((self.ty(&returns.value, &types), clause));
        }
        part.blocks = contract.blocks.as_ref().map(|blocks| self.expr(&blocks.value, &types));
        for rule in contract.errors.iter().filter(|rule| rule.span.contains(release)) {
            let kind = if rule.duty { ClauseKind::When } else { ClauseKind::May };
            let text = print(&rule.condition.value, &self.names);
            let clause = self.clause(command, kind, rule.errno.at, text, false);
            self.resolved.clauses[clause.0 as usize].errno = Some(rule.errno.value);
            part.rules.push(Rule {
                clause,
                errno: rule.errno.value,
                duty: rule.duty,
                condition: self.expr(&rule.condition.value, &types),
                needs: rule.needs.clone(),
                origin: rule.origin,
                before: rule.before.clone(),
            });
        }
        for ensure in contract.ensures.iter().filter(|ensure| ensure.span.contains(release)) {
            let text = print(&ensure.that.value, &self.names);
            let clause = self.clause(command, ClauseKind::Ensures, ensure.that.at, text, false);
            let that = self.expr(&ensure.that.value, &types);
            let condition = match &ensure.when {
                Some(when) => {
                    let when = self.expr(&when.value, &types);
                    Expr::Binary(BinaryOp::Implies, Box::new(when), Box::new(that))
                }
                None => that,
            };
            part.ensures.push(ResolvedEnsure { clause, condition });
        }
        for rule in contract.effects.iter().filter(|rule| rule.span.contains(release)) {
            let text = effect_name(&rule.effect).to_owned();
            let clause = self.clause(command, ClauseKind::Effect, rule.at, text, false);
            let effect = self.effect(rule, &types);
            part.effects.push(ResolvedEffect { clause, effect });
        }
        part
    }

    fn expr(&self, expr: &Expr, types: &[Type]) -> Expr {
        Context { spec: self.spec, resolved: self.resolved, params: types }.expr(expr)
    }

    fn implied_by_param(
        &mut self,
        index: u8,
        param: &Param,
        params: &[Param],
        needs: &Needs,
        command: Option<&str>,
        common: &[(Option<u8>, Rule)],
    ) -> Vec<(Option<u8>, Rule)> {
        let found = implied::of_param(self.spec, self.resolved, index, param);
        let same = |(of, rule): &(Option<u8>, Rule)| (*of == Some(index)).then(|| rule.clone());
        let common: Vec<Rule> = common.iter().filter_map(same).collect();
        let rules = self.implied_rules(found, param.ty.at, params, needs, command, &common);
        rules.into_iter().map(|rule| (Some(index), rule)).collect()
    }

    /// What is implied in common already is no rule of the command's own.
    fn implied_rules(
        &mut self,
        found: Vec<Implied>,
        at: Place,
        params: &[Param],
        needs: &Needs,
        command: Option<&str>,
        common: &[Rule],
    ) -> Vec<Rule> {
        let types = types_of(params);
        let mut rules: Vec<Rule> = Vec::new();
        for implied in found {
            let Some(errno) = implied.number() else { continue };
            let condition = self.expr(&implied.condition, &types);
            // What the target decided never to happen is no rule.
            if condition == Expr::Bool(false) {
                continue;
            }
            let same = |rule: &&Rule| rule.errno == errno && rule.duty == implied.duty && rule.condition == condition;
            if let Some(known) = common.iter().find(same) {
                rules.push(known.clone());
                continue;
            }
            let kind = if implied.duty { ClauseKind::When } else { ClauseKind::May };
            let text = print(&super::expr::fold(implied.condition), &self.names);
            let clause = self.clause(command, kind, at, text, true);
            self.resolved.clauses[clause.0 as usize].errno = Some(errno);
            let (duty, origin) = (implied.duty, implied.origin);
            let needs = needs.get(&errno).filter(|_| !duty).map(|at| at.value.clone());
            rules.push(Rule { clause, errno, duty, condition, needs, origin, before: Vec::new() });
        }
        rules
    }

    fn params(&mut self, params: &[Param], command: Option<&str>, overridden: &[u8]) -> Vec<ResolvedParam> {
        let types = types_of(params);
        let whole = command.is_none();
        params
            .iter()
            .enumerate()
            .map(|(index, param)| {
                let ignored = matches!(param.unknown.as_ref().map(|at| at.value), Some(Unknown::Ignored));
                let own = whole || overridden.iter().any(|other| usize::from(*other) == index);
                let ignored_clause = (ignored && own).then(|| {
                    let text = format!("undefined bits of {} have no effect", param.name.value);
                    self.clause(command, ClauseKind::Ignored, param.ty.at, text, false)
                });
                let path = matches!(param.ty.value, Type::Path { .. }).then(|| self.path_keys(param, &types));
                ResolvedParam {
                    name: param.name.value.clone(),
                    c: param.c.value.clone(),
                    int: register(param),
                    ty: param.ty.value.clone(),
                    unknown: param.unknown.as_ref().map(|at| at.value),
                    ignored_clause,
                    memory: self.memory(param, &types),
                    path,
                    asks: param.asks.clone(),
                }
            })
            .collect()
    }

    fn path_keys(&self, param: &Param, types: &[Type]) -> PathKeys {
        let stated = |given: &Option<At<Expr>>, default: bool| {
            given.as_ref().map_or(Expr::Bool(default), |at| self.expr(&at.value, types))
        };
        PathKeys {
            base: param.base,
            follow: stated(&param.follow, true),
            empty: stated(&param.empty, false),
            must_exist: stated(&param.must_exist, true),
            scoped: stated(&param.scoped, false),
        }
    }

    fn memory(&self, param: &Param, types: &[Type]) -> Option<Memory> {
        let (direction, nullable) = param.ty.value.pointer()?;
        let bytes = match &param.ty.value {
            Type::Ptr { to, .. } => implied::bytes_behind(self.spec, self.resolved, to)
                .map(|bytes| implied::with_answers(self.spec, self.resolved, bytes, to, direction)),
            Type::Buffer { count: Count::Number(n), .. } => Some(Expr::Int((*n).into())),
            Type::Buffer { count: Count::Param(index), .. } => Some(Expr::Param(*index)),
            _ => None,
        };
        let bytes = bytes.map(|bytes| self.expr(&bytes, types));
        let used = param.used.as_ref().map(|used| self.expr(&used.value, types));
        Some(Memory { direction, nullable, bytes, used })
    }

    /// The value of a selecting constant as the parameter's C type has it.
    fn converted(&self, index: u8, value: i128) -> i128 {
        let int = int_of(&self.syscall.params[usize::from(index)].c.value);
        match int {
            Some(IntType::Fixed { bits: 32, signed: false }) => value & 0xffff_ffff,
            _ => value,
        }
    }

    fn ty(&self, ty: &Type, types: &[Type]) -> Type {
        match ty {
            Type::Int { int, range: Some(range) } => {
                let range = (self.expr(&range.0, types), self.expr(&range.1, types));
                Type::Int { int: *int, range: Some(Box::new(range)) }
            }
            other => other.clone(),
        }
    }

    fn effect(&self, rule: &EffectRule, types: &[Type]) -> EffectRule {
        let mut resolved = rule.clone();
        resolved.when = rule.when.as_ref().map(|when| At::new(self.expr(&when.value, types), when.at));
        for_each_expr(&mut resolved.effect, &mut |expr| *expr = self.expr(expr, types));
        resolved
    }
}

fn types_of(params: &[Param]) -> Vec<Type> {
    params.iter().map(|param| param.ty.value.clone()).collect()
}

/// The name of an effect as specs write it.
pub(crate) fn effect_name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Opens { .. } => "opens",
        Effect::Closes { .. } => "closes",
        Effect::Duplicates { .. } => "duplicates",
        Effect::SetsCloexec { .. } => "sets_cloexec",
        Effect::SetsStatus { .. } => "sets_status",
        Effect::SetsOffset { .. } => "sets_offset",
        Effect::SetsSize { .. } => "sets_size",
        Effect::SetsPermissions { .. } => "sets_permissions",
        Effect::Queues { .. } => "queues",
        Effect::Drains { .. } => "drains",
        Effect::SetsSeals { .. } => "sets_seals",
        Effect::Writes { .. } => "writes",
        Effect::Creates { .. } => "creates",
        Effect::Links { .. } => "links",
        Effect::Removes { .. } => "removes",
        Effect::Renames { .. } => "renames",
        Effect::SetsCwd { .. } => "sets_cwd",
        Effect::SetsUmask { .. } => "sets_umask",
        Effect::SetsLimit { .. } => "sets_limit",
        Effect::SetsSigmask { .. } => "sets_sigmask",
        Effect::SetsNice { .. } => "sets_nice",
        Effect::SetsPolicy { .. } => "sets_policy",
        Effect::Maps { .. } => "maps",
        Effect::Unmaps { .. } => "unmaps",
        Effect::Protects { .. } => "protects",
        Effect::Ends { .. } => "ends",
        Effect::Executes { .. } => "executes",
        Effect::Begins { .. } => "begins",
        Effect::Changes { .. } => "changes",
    }
}

/// Calls `f` on every expression of an effect.
pub(crate) fn for_each_expr(effect: &mut Effect, f: &mut dyn FnMut(&mut Expr)) {
    let mut all = |list: &mut [&mut Expr]| list.iter_mut().for_each(|expr| f(expr));
    match effect {
        Effect::Opens { fd, kind, access, flags, cloexec, socket, file: _ } => {
            all(&mut [fd]);
            if let Some(socket) = socket {
                all(&mut [&mut socket.family, &mut socket.kind]);
                socket.fresh.iter_mut().for_each(&mut *f);
            }
            for expr in [kind, access, flags, cloexec].into_iter().flatten() {
                f(expr);
            }
        }
        Effect::Closes { fd, first, last } => [fd, first, last].into_iter().flatten().for_each(f),
        Effect::Duplicates { fd, to, cloexec } => {
            all(&mut [fd, to]);
            cloexec.iter_mut().for_each(f);
        }
        Effect::SetsCloexec { fd, first, last, to } => {
            all(&mut [to]);
            [fd, first, last].into_iter().flatten().for_each(f);
        }
        Effect::SetsStatus { fd, to } | Effect::SetsSeals { fd, to } => all(&mut [fd, to]),
        Effect::SetsOffset { fd, to: other }
        | Effect::SetsPermissions { file: fd, to: other }
        | Effect::Writes { to: fd, bytes: other } => {
            all(&mut [fd]);
            other.iter_mut().for_each(f);
        }
        Effect::SetsSize { file, to } => all(&mut [file, to]),
        Effect::Queues { fd, by } | Effect::Drains { fd, by } => all(&mut [fd, by]),
        Effect::Creates { kind, permissions, path: _ } => {
            all(&mut [kind]);
            permissions.iter_mut().for_each(f);
        }
        Effect::Links { from, to: _ } => all(&mut [from]),
        Effect::Renames { exchange, from: _, to: _ } => exchange.iter_mut().for_each(f),
        Effect::SetsCwd { path } => all(&mut [path]),
        Effect::SetsUmask { to } | Effect::SetsSigmask { to } | Effect::SetsNice { to } | Effect::SetsPolicy { to } => {
            all(&mut [to])
        }
        Effect::SetsLimit { resource, soft, hard } => all(&mut [resource, soft, hard]),
        Effect::Maps { addr, len, prot, flags, fd } => {
            all(&mut [addr, len]);
            [prot, flags, fd].into_iter().flatten().for_each(f);
        }
        Effect::Unmaps { addr, len } => all(&mut [addr, len]),
        Effect::Protects { addr, len, prot } => all(&mut [addr, len, prot]),
        Effect::Ends { status } => all(&mut [status]),
        Effect::Executes { file } => all(&mut [file]),
        Effect::Begins { child, thread, sibling, first, reaped, memory, descriptors, directory } => {
            f(child);
            [thread, sibling, first, reaped, memory, descriptors, directory].into_iter().flatten().for_each(f);
        }
        Effect::Removes { .. } | Effect::Changes { .. } => {}
    }
}

/// How the kernel reads a parameter's register: as its C type says, but for a command that hands a `long` on as a number of
/// fewer bits.
pub(super) fn register(param: &Param) -> IntType {
    let declared = int_of(&param.c.value).unwrap_or(IntType::Long { signed: false });
    match (declared, &param.ty.value) {
        (IntType::Long { .. }, Type::Int { int: int @ IntType::Fixed { bits: ..=32, .. }, .. }) => *int,
        (
            IntType::Long { .. },
            Type::Flags { width: Some(int @ IntType::Fixed { bits: ..=32, .. }), .. }
            | Type::Enum { width: Some(int @ IntType::Fixed { bits: ..=32, .. }), .. },
        ) => *int,
        _ => declared,
    }
}
